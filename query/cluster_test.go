package query_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// Every event with a text is in one cluster, as like its cluster's text as asked
// for; the texts that represent two clusters are not alike, but for the few that a
// sketch hides; the first cluster's text is the one that most events have.
func TestClusters(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	r := rand.New(rand.NewPCG(21, 22))
	answers := variants(r, 500)
	var events []*pb.Event
	for n, a := range answers {
		events = append(events, answered(n, a, 0.5))
	}
	events[7].GetInteraction().Output = nil
	for part := range slices.Chunk(events, 100) {
		add(t, log, "acme", part...)
	}
	for _, threshold := range []float64{0.2, 0.5, 1} {
		got, err := engine.Cluster(t.Context(), "acme", query.ClusterRequest{Threshold: threshold, MaxClusters: query.MaxResults})
		if err != nil {
			t.Fatal(err)
		}
		if got.Reach != (query.Reach{Events: 500, Weighted: 1000}) || got.WithoutText != 1 || got.More || got.Count != len(got.Clusters) {
			t.Errorf("%v: looked at %+v, %d without text, more %v, %d clusters", threshold, got.Reach, got.WithoutText, got.More, got.Count)
		}
		in := map[event.Seq]bool{}
		last, close := 1<<30, 0
		for i, c := range got.Clusters {
			texts, least := map[string]bool{}, 1.0
			for _, seq := range c.Seqs {
				if in[seq] || seq == 7 {
					t.Errorf("%v: event %d is in two clusters", threshold, seq)
				}
				in[seq] = true
				texts[answers[seq]] = true
				least = min(least, slowJaccard(answers[seq], c.Text))
			}
			if c.Reach.Events <= 100 && (len(c.Seqs) != c.Reach.Events || len(texts) != c.Texts || least != c.Least) || least < threshold || c.Reach.Events > last {
				t.Errorf("%v: cluster %+v: %d texts, least %v", threshold, c, len(texts), least)
			}
			last = c.Reach.Events
			for _, o := range got.Clusters[:i] {
				if slowJaccard(o.Text, c.Text) >= threshold {
					close++
				}
			}
		}
		if close > len(got.Clusters)/20 {
			t.Errorf("%v: %d of %d clusters are as like another as they may not be", threshold, close, len(got.Clusters))
		}
		if threshold == 1 && len(got.Clusters) < 100 || threshold == 0.2 && len(got.Clusters) > 200 {
			t.Errorf("%v: %d clusters", threshold, len(got.Clusters))
		}
	}
}

// A cluster request is bounded, and says what was left out.
func TestClustersAreBounded(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	for n := range 30 {
		add(t, log, "acme", answered(n, []string{"yes it is", "no it is not", "perhaps"}[n%3], 0))
	}
	got, err := engine.Cluster(t.Context(), "acme", query.ClusterRequest{MaxEvents: 20, MaxClusters: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !got.More || got.Reach != (query.Reach{Events: 20, Unknown: 20}) || len(got.Clusters) != 2 || got.Count != 3 || got.Clusters[0].Event.GetSeq() != 10 {
		t.Errorf("got %+v", got)
	}
	got, err = engine.Cluster(t.Context(), "acme", query.ClusterRequest{Filter: `session == "c-1"`, Voices: []event.Voice{event.Asked}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Reach.Events != 3 || got.More {
		t.Errorf("of one session: got %+v", got)
	}
	for field, r := range map[string]query.ClusterRequest{
		"maxEvents": {MaxEvents: query.MaxClustered + 1}, "maxClusters": {MaxClusters: -1}, "threshold": {Threshold: 2},
	} {
		_, err := engine.Cluster(t.Context(), "acme", r)
		if bad, is := errors.AsType[*query.RequestError](err); !is || bad.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
	if got, err := engine.Cluster(t.Context(), "nobody", query.ClusterRequest{}); err != nil || got.Count != 0 {
		t.Errorf("a tenant without events: got %+v, %v", got, err)
	}
}
