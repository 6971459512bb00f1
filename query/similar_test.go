package query_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// slowJaccard is how alike two texts are, from what is said of the measure.
func slowJaccard(a, b string) float64 {
	type pair [2]words.Hash
	pairsOf := func(text string) map[pair]bool {
		all := append(append([]words.Hash{0}, words.Of(text)...), 0)
		out := map[pair]bool{}
		for i := range all[1:] {
			out[pair{all[i], all[i+1]}] = true
		}
		return out
	}
	in, of := pairsOf(a), pairsOf(b)
	both, either := 0, len(of)
	for p := range in {
		if of[p] {
			both++
		} else {
			either++
		}
	}
	if a == b {
		return 1
	}
	if len(in) == 1 || len(of) == 1 { // no words
		return 0
	}
	return float64(both) / float64(either)
}

// answered is the n-th of many calls, which was answered so, captured with the
// probability, 0 for one that is not known.
func answered(n int, answer string, probability float64) *pb.Event {
	e := chat(n)
	e.GetInteraction().Output[0].Parts[0] = &pb.Part{Kind: &pb.Part_Text{Text: answer}}
	if probability > 0 {
		e.Capture = &pb.Capture{Probability: &probability}
	}
	return e
}

// variants returns n answers of which many are nearly the same.
func variants(r *rand.Rand, n int) (out []string) {
	for range n {
		var text []string
		if len(out) == 0 || r.IntN(6) == 0 {
			for range 1 + r.IntN(30) {
				text = append(text, fmt.Sprint("w", r.IntN(90)))
			}
		} else if text = strings.Fields(out[r.IntN(len(out))]); r.IntN(3) > 0 {
			for range 1 + len(text)/8 {
				text[r.IntN(len(text))] = fmt.Sprint("w", r.IntN(90))
			}
		}
		out = append(out, strings.Join(text, " "))
	}
	return out
}

// What is found, and how much of it there is, is what a reader finds who reads
// everything: with filters and bounds, for an event as for a text.
func TestSimilarIsWhatReadingFinds(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	r := rand.New(rand.NewPCG(11, 12))
	answers := variants(r, 400)
	probabilities := []float64{0, 1, 0.5, 0.1}
	events := make([]*pb.Event, len(answers))
	for n, a := range answers {
		events[n] = answered(n, a, probabilities[r.IntN(len(probabilities))])
	}
	for part := range slices.Chunk(events, 50) {
		add(t, log, "acme", part...)
	}
	add(t, log, "umbrella", answered(0, answers[0], 1))
	filters := map[string]func(e *pb.Event) bool{
		"":                                    func(*pb.Event) bool { return true },
		`interaction.model.name == "m1"`:      func(e *pb.Event) bool { return e.GetInteraction().GetModel().GetName() == "m1" },
		`turn > 20u`:                          func(e *pb.Event) bool { return e.GetTurn() > 20 },
		`session in ["c-1", "c-2", "c-3"]`:    func(e *pb.Event) bool { return strings.Contains("c-1 c-2 c-3", e.GetSession()) },
		`interaction.output.exists(m, false)`: func(*pb.Event) bool { return false },
	}
	looked, missed := 0, 0
	for range 60 {
		like := r.IntN(len(answers))
		for filter, matches := range filters {
			request := query.SimilarRequest{Seq: new(event.Seq(like)), Threshold: []float64{0.3, 0.6, 1}[r.IntN(3)], Filter: filter, MaxResults: query.MaxResults}
			if r.IntN(2) == 0 {
				request.Seq, request.Text = nil, answers[like]
			}
			request.Since = morning.Add(time.Duration(r.IntN(100)) * time.Second)
			request.Until = morning.Add(time.Duration(200+r.IntN(200)) * time.Second)
			got, err := engine.Similar(t.Context(), "acme", request)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]query.Reach{}
			for n, e := range events {
				at := e.GetTime().AsTime()
				if slowJaccard(answers[n], answers[like]) < request.Threshold || !matches(e) || at.Before(request.Since) || !at.Before(request.Until) {
					continue
				}
				reach := want[answers[n]]
				reach.Events++
				if p := e.GetCapture().GetProbability(); p > 0 {
					reach.Weighted += 1 / p
				} else {
					reach.Unknown++
				}
				want[answers[n]] = reach
			}
			var all query.Reach
			for _, text := range got.Texts {
				if reach := want[text.Text]; text.Reach.Events != reach.Events || text.Reach.Unknown != reach.Unknown || math.Abs(text.Reach.Weighted-reach.Weighted) > 1e-6 ||
					text.Similarity != slowJaccard(text.Text, answers[like]) || len(text.Seqs) != reach.Events || text.Event.GetSeq() != uint64(text.Seqs[0]) {
					t.Errorf("%q, filter %q: got %+v, want %+v", text.Text, filter, text, reach)
				}
				delete(want, text.Text)
				all.Events, all.Weighted, all.Unknown = all.Events+text.Reach.Events, all.Weighted+text.Reach.Weighted, all.Unknown+text.Reach.Unknown
			}
			if got.Count != len(got.Texts) || got.Reach.Events != all.Events || got.Reach.Unknown != all.Unknown || math.Abs(got.Reach.Weighted-all.Weighted) > 1e-6 {
				t.Errorf("together %+v, want %+v", got.Reach, all)
			}
			looked, missed = looked+len(got.Texts)+len(want), missed+len(want)
			for text := range want {
				if text == answers[like] || len(words.Of(text)) <= 14 {
					t.Errorf("%q is not found though it is like %q by %v", text, answers[like], request.Threshold)
				}
			}
		}
	}
	t.Logf("missed %d of %d", missed, looked)
	if looked < 300 || float64(missed) > 0.05*float64(looked) {
		t.Errorf("missed %d of %d", missed, looked)
	}
}

// One word of few may be another: that leaves less than the threshold of longer
// texts.
func TestSimilarShortTexts(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	for n, text := range []string{"yes", "no", "yes please", "yes thanks", "red pill now", "blue pill now", "take the red pill", "take the blue pill"} {
		add(t, log, "acme", answered(n, text, 1))
	}
	for text, want := range map[string][]string{
		"yes":                {"yes"},
		"yes please":         {"yes please", "yes thanks", "yes"},
		"red pill now":       {"red pill now", "blue pill now"},
		"take the red pill":  {"take the red pill", "take the blue pill"},
		"take the grey pill": {"take the red pill", "take the blue pill"},
	} {
		got, err := engine.Similar(t.Context(), "acme", query.SimilarRequest{Text: text})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, f := range got.Texts {
			found = append(found, f.Text)
		}
		slices.Sort(found)
		slices.Sort(want)
		if !slices.Equal(found, want) {
			t.Errorf("like %q: got %q, want %q", text, found, want)
		}
	}
}

// An event that says one thing and shows another counts once.
func TestSimilarCountsAnEventOnce(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	e := answered(0, "take the red pill and go to sleep", 0.5)
	e.GetInteraction().Shown = []*pb.Message{{Role: "assistant", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "take the red pill and go to bed"}}}}}
	add(t, log, "acme", e, answered(1, "take the red pill and go to sleep", 0.25))
	got, err := engine.Similar(t.Context(), "acme", query.SimilarRequest{ID: "e0"})
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != 2 || got.Reach != (query.Reach{Events: 2, Weighted: 6}) || got.Texts[0].Reach != (query.Reach{Events: 2, Weighted: 6}) || got.Texts[1].Reach != (query.Reach{Events: 1, Weighted: 2}) {
		t.Errorf("got %+v", got)
	}
	got, err = engine.Similar(t.Context(), "acme", query.SimilarRequest{ID: "e0", Voices: []event.Voice{event.Shown}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Count != 2 || got.Texts[0].Text != "take the red pill and go to bed" || got.Texts[0].Reach.Events != 1 {
		t.Errorf("what was shown: got %+v", got)
	}
}

// What is told of an event is what the mask asks for; without one, everything but
// texts.
func TestSimilarTells(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	add(t, log, "acme", answered(0, strings.Repeat("é", 700), 1), answered(1, "yes", 1))
	got, err := engine.Similar(t.Context(), "acme", query.SimilarRequest{ID: "e0"})
	if err != nil {
		t.Fatal(err)
	}
	if first := got.Texts[0]; first.Text != strings.Repeat("é", 500) || first.Event.GetSession() != "c-0" || first.Event.GetInteraction().GetOutput() != nil {
		t.Errorf("got %+v", first)
	}
	got, err = engine.Similar(t.Context(), "acme", query.SimilarRequest{ID: "e0", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"interaction.output"}}})
	if err != nil {
		t.Fatal(err)
	}
	if first := got.Texts[0]; first.Event.GetSession() != "" || len(first.Event.GetInteraction().GetOutput()) != 1 || first.Event.Seq == nil {
		t.Errorf("with a mask: got %+v", first)
	}
}

// What cannot be answered says why; who has no events has nothing alike.
func TestSimilarRefuses(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	report := &pb.Event{Id: "r", Time: timestamppb.New(morning), Body: &pb.Event_Report{Report: &pb.Report{Session: "c-1", Category: "harm"}}}
	add(t, log, "acme", answered(0, "yes", 1), report)
	for field, r := range map[string]query.SimilarRequest{
		"like":        {},
		"like ":       {ID: "e0", Text: "x"},
		"like  ":      {Seq: new(event.Seq), Text: "x"},
		"text":        {Text: strings.Repeat("x", query.MaxText+1)},
		"id":          {ID: "r"},
		"seq":         {Seq: new(event.Seq(1))},
		"threshold":   {Text: "x", Threshold: 0.1},
		"threshold ":  {Text: "x", Threshold: 1.1},
		"threshold  ": {Text: "x", Threshold: math.NaN()},
		"maxResults":  {Text: "x", MaxResults: query.MaxResults + 1},
		"readMask":    {Text: "x", ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"nothing"}}},
	} {
		_, err := engine.Similar(t.Context(), "acme", r)
		if bad, is := errors.AsType[*query.RequestError](err); !is || bad.Field != strings.TrimSpace(field) {
			t.Errorf("%s: got %v", field, err)
		}
	}
	for _, r := range []query.SimilarRequest{{ID: "nobody"}, {Seq: new(event.Seq(99))}} {
		if _, err := engine.Similar(t.Context(), "acme", r); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("%+v: got %v", r, err)
		}
	}
	if _, err := engine.Similar(t.Context(), "umbrella", query.SimilarRequest{Seq: new(event.Seq)}); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("another tenant's event: got %v", err)
	}
	if _, err := engine.Similar(t.Context(), "acme", query.SimilarRequest{Text: "x", Filter: "=="}); err == nil {
		t.Error("took a filter that is none")
	} else if _, is := errors.AsType[*policy.Error](err); !is {
		t.Errorf("a filter that is none: got %v", err)
	}
	got, err := engine.Similar(t.Context(), "umbrella", query.SimilarRequest{Text: "yes"})
	if err != nil || got.Count != 0 || got.Threshold != query.DefaultThreshold {
		t.Errorf("a tenant without events: got %+v, %v", got, err)
	}
}
