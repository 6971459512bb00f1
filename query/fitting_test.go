package query_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// pageRoom is what an answer may have, encoded.
const pageRoom = 3 << 20

// An answer is counted with all that is in it, so that it stays below what a client
// takes: beginnings of texts and positions are as much as the events are.
func TestAnswersAboutTextsFitAPage(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	const n = 1000
	var events []*pb.Event
	for i := range n {
		text := func(of string, from int) string {
			var words strings.Builder
			for w := from; w < from+400; w++ {
				fmt.Fprintf(&words, "%s%04d ", of, w)
			}
			return words.String()
		}
		events = append(events, answered(i, fmt.Sprintf("%s n%d", text("a", 0), i), 1), answered(n+i, text(fmt.Sprintf("b%d", i), i), 1))
	}
	for i := 0; i < len(events); i += 100 {
		add(t, log, "acme", events[i:i+100]...)
	}
	whole := &fieldmaskpb.FieldMask{Paths: []string{"id", "interaction.output"}}
	found, err := engine.Similar(t.Context(), "acme", query.SimilarRequest{Seq: new(event.Seq(0)), MaxResults: n, ReadMask: whole})
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, f := range found.Texts {
		bytes += proto.Size(&pb.SimilarText{Text: f.Text, Similarity: f.Similarity, Event: f.Event, Seqs: []uint64{1 << 40}})
	}
	if found.Count != n || len(found.Texts) < n/2 || bytes > pageRoom {
		t.Errorf("similar: %d of %d texts in %d bytes", len(found.Texts), found.Count, bytes)
	}
	clusters, err := engine.Cluster(t.Context(), "acme", query.ClusterRequest{MaxClusters: n, ReadMask: whole})
	if err != nil {
		t.Fatal(err)
	}
	bytes = 0
	for _, c := range clusters.Clusters {
		bytes += proto.Size(&pb.Cluster{Text: c.Text, LeastSimilarity: c.Least, Event: c.Event, Seqs: []uint64{1 << 40}})
	}
	if clusters.Count < n || len(clusters.Clusters) < n/4 || bytes > pageRoom {
		t.Errorf("cluster: %d of %d in %d bytes", len(clusters.Clusters), clusters.Count, bytes)
	}
}

// Groups are as many as fit an answer, and what does not is counted.
func TestGroupsFitAPage(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	const n = 4000
	var events []*pb.Event
	for i := range n {
		events = append(events, kept(i, fmt.Sprintf("%s%d", strings.Repeat("漢", 250), i), 1, 0.5))
	}
	for i := 0; i < n; i += 500 {
		add(t, log, "acme", events[i:i+500]...)
	}
	all := query.Population{GroupBy: []string{"instance", "service"}, Limit: query.MaxGroups}
	a, err := engine.Aggregate(t.Context(), "acme", query.AggregateRequest{Population: all, Quantiles: []float64{0.5}, HistogramBins: 100})
	if err != nil {
		t.Fatal(err)
	}
	bytes := 0
	for _, g := range a.Groups {
		bytes += proto.Size(&pb.EventGroup{Key: g.Key, Events: &g.Events, Sessions: &pb.Distinct{Count: &g.Sessions.Count}})
	}
	if len(a.Groups) < n/4 || bytes > pageRoom || a.Omitted != (query.Omitted{Groups: uint64(n - len(a.Groups)), Events: uint64(n - len(a.Groups))}) {
		t.Errorf("aggregate: %d groups in %d bytes, left out %+v", len(a.Groups), bytes, a.Omitted)
	}
	e, err := engine.Estimate(t.Context(), "acme", query.EstimateRequest{Population: all})
	if err != nil {
		t.Fatal(err)
	}
	bytes = 0
	for _, g := range e.Groups {
		bytes += proto.Size(&pb.EstimatedGroup{Key: g.Key, Events: &pb.Estimate{Observed: 1, Value: new(2.0), Low: 1, High: new(2.0)}})
	}
	if len(e.Groups) < n/4 || bytes > pageRoom || e.Omitted.Groups != uint64(n-len(e.Groups)) {
		t.Errorf("estimate: %d groups in %d bytes, left out %+v", len(e.Groups), bytes, e.Omitted)
	}
}
