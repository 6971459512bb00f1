package retention

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
)

// said is an interaction with one text, as it is stored before any detector knows
// what is in it.
func said(id, text string) *pb.Event {
	return &pb.Event{
		Id: id, Time: timestamppb.New(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)), Class: "routine", PolicyVersion: "old",
		Capture: &pb.Capture{Content: pb.Capture_RAW},
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{
			{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}},
		}}},
	}
}

func textOf(e *pb.Event) string { return e.GetInteraction().GetInput()[0].GetParts()[0].GetText() }

// store appends one event for each text, and returns all their positions.
func store(t *testing.T, log *eventlog.Log, texts ...string) (seqs []event.Seq) {
	t.Helper()
	for i, text := range texts {
		seqs = append(seqs, log.Size())
		appendEvent(t, log, said(fmt.Sprint("e", i), text))
	}
	return seqs
}

func stored(t *testing.T, log *eventlog.Log, cfg redaction.Config) *Stored {
	t.Helper()
	r, err := redaction.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return &Stored{Log: log, Tenant: acme, Redactor: r, Policy: "new"}
}

func all(seqs []event.Seq) iter.Seq2[event.Seq, error] {
	return func(yield func(event.Seq, error) bool) {
		for _, seq := range seqs {
			if !yield(seq, nil) {
				return
			}
		}
	}
}

func silent(eventlog.ForgetProgress) {}

func (s *Stored) preview(t *testing.T, seqs []event.Seq) *pb.RedactionSummary {
	t.Helper()
	out, err := s.Preview(t.Context(), all(seqs), silent)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (s *Stored) redact(t *testing.T, seqs []event.Seq) *pb.RedactionSummary {
	t.Helper()
	out, err := s.Redact(t.Context(), all(seqs), Why{Actor: "officer", Reason: "case 1"}, silent)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func readBack(t *testing.T, log *eventlog.Log, seq event.Seq) *pb.Event {
	t.Helper()
	e, err := log.Read(t.Context(), acme, seq)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// verified fails unless the log is whole, and returns what was redacted.
func verified(t *testing.T, log *eventlog.Log) (redacted int) {
	t.Helper()
	v, err := log.Verify(t.Context(), func(f eventlog.Finding) { t.Errorf("verify: %+v", f) }, func(eventlog.Progress) {})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range v.Redacted {
		redacted += int(r.Last-r.First) + 1
	}
	return redacted
}

// A dry run says what a rewrite then does and changes nothing; what has nothing to
// take out stays byte for byte; and to do it again does nothing.
func TestRedactStored(t *testing.T) {
	log := openLog(t, config(t))
	var texts []string
	for i := range 40 {
		texts = append(texts, []string{
			fmt.Sprintf("write to user%d@example.com", i), "nothing here", "from 203.0.113.77, or " + fmt.Sprintf("a%d@b.example", i%4) + " and c@d.example",
		}[i%3])
	}
	seqs := store(t, log, texts...)
	s := stored(t, log, redaction.Config{Operators: map[string]redaction.Operator{"IP_ADDRESS": redaction.Mask}})
	before := make([]*pb.Event, len(seqs))
	for i, seq := range seqs {
		before[i] = readBack(t, log, seq)
	}
	dry := s.preview(t, seqs)
	if dry.Looked != 40 || dry.Changed != 27 || !dry.DryRun || dry.PolicyVersion != "new" || len(dry.Seqs) != 27 {
		t.Errorf("got %v", dry)
	}
	for i, seq := range seqs {
		if diff := cmp.Diff(before[i], readBack(t, log, seq), protocmp.Transform()); diff != "" {
			t.Fatalf("a dry run changed event %d:\n%s", seq, diff)
		}
	}
	found := map[string][2]uint64{}
	for _, f := range dry.Findings {
		found[fmt.Sprintf("%s/%s %s", f.Type, f.Detector, f.Operator)] = [2]uint64{f.Count, f.Events}
	}
	if diff := cmp.Diff(map[string][2]uint64{"EMAIL/email PSEUDONYM": {40, 27}, "IP_ADDRESS/ipv4 MASK": {13, 13}}, found); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}

	done := s.redact(t, seqs)
	want := cmp.Diff(dry, done, protocmp.Transform(), protocmp.IgnoreFields(&pb.RedactionSummary{}, "dry_run", "ledger", "size"))
	if want != "" || len(done.Ledger) != 1 {
		t.Errorf("a rewrite did something else than the dry run said (-said +did), ledger %v:\n%s", done.Ledger, want)
	}
	for i, seq := range seqs {
		e := readBack(t, log, seq)
		if strings.Contains(texts[i], "nothing") {
			if diff := cmp.Diff(before[i], e, protocmp.Transform()); diff != "" {
				t.Errorf("event %d has nothing to take out and changed:\n%s", seq, diff)
			}
		} else if text := textOf(e); strings.ContainsAny(text, "@") || strings.Contains(text, "203") || !strings.Contains(text, "[EMAIL:") {
			t.Errorf("event %d: got %q", seq, text)
		}
	}
	entry := readBack(t, log, event.Seq(done.Ledger[0]))
	if r := entry.GetRedacted(); r.GetActor() != "officer" || r.GetReason() != "case 1" || len(r.GetEvents()) != 27 ||
		!slices.Equal(r.GetDetectors(), s.Redactor.Detectors()) || entry.GetPolicyVersion() != "new" {
		t.Errorf("the ledger says %s, %s, %d events, policy %s", r.GetActor(), r.GetReason(), len(r.GetEvents()), entry.GetPolicyVersion())
	}
	if n := verified(t, log); n != 27 {
		t.Errorf("verify says that %d were redacted, want 27", n)
	}
	size := log.Size()
	if again := s.redact(t, seqs); again.Changed != 0 || len(again.Ledger) != 0 || again.Looked != 40 || log.Size() != size {
		t.Errorf("again: got %v", again)
	}
}

// More events than one ledger event or one call of the log takes are all on
// record, and the positions of all ledger events are told.
func TestRedactStoredInBatches(t *testing.T) {
	log := openLog(t, config(t))
	const n = event.MaxReplaced + 10
	var batch []eventlog.Prepared
	var seqs []event.Seq
	for i := range n {
		p, err := log.Prepare(acme, said(fmt.Sprint("e", i), fmt.Sprintf("user%d@example.com", i)))
		if err != nil {
			t.Fatal(err)
		}
		batch, seqs = append(batch, p), append(seqs, event.Seq(i))
	}
	if _, err := log.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s := stored(t, log, redaction.Config{})
	s.batchSize = event.MaxReplaced + 5
	done := s.redact(t, seqs)
	if done.Changed != n || len(done.Seqs) != maxSampled {
		t.Errorf("%d changed, %d named", done.Changed, len(done.Seqs))
	}
	covered := roaring64.New()
	for _, at := range done.Ledger {
		for _, e := range readBack(t, log, event.Seq(at)).GetRedacted().GetEvents() {
			covered.Add(e.GetSeq())
		}
	}
	if got := covered.GetCardinality(); len(done.Ledger) != 3 || got != n {
		t.Errorf("ledger events %v are about %d events, want 3 about %d", done.Ledger, got, n)
	}
	verified(t, log)
}

// bad is a detector that fails at a word, as fail says.
func bad(fail func()) redaction.Config {
	return redaction.Config{Detectors: append(redaction.Default(), redaction.Detector{
		Type: "BAD", Name: "bad", Words: []string{"kaboom"}, Find: func(*redaction.Candidate) { fail() },
	})}
}

// An event at which a detector fails stays as it is, is named, and keeps none of
// the others from being redacted; what the detector says is not repeated.
func TestRedactStoredFailing(t *testing.T) {
	release := make(chan struct{})
	hung := make(chan struct{}, 4)
	for _, tt := range []struct {
		name, reason string
		fail         func()
	}{
		{"panics", "redaction panicked", func() { panic("alice@example.com") }},
		{"hangs", "redaction exceeded its time, and hangs", func() { <-release; hung <- struct{}{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			log := openLog(t, config(t))
			seqs := store(t, log, "a@example.com", "kaboom of b@example.com", "c@example.com")
			s := stored(t, log, bad(tt.fail))
			s.patience = 300 * time.Millisecond
			for _, got := range []*pb.RedactionSummary{s.preview(t, seqs), s.redact(t, seqs)} {
				if got.Looked != 3 || got.Changed != 2 || got.Failed != 1 || len(got.Failures) != 1 ||
					got.Failures[0].Seq != uint64(seqs[1]) || !strings.HasPrefix(got.Failures[0].Reason, tt.reason) ||
					strings.Contains(got.Failures[0].Reason, "alice") {
					t.Errorf("got %v", got)
				}
			}
			if text := textOf(readBack(t, log, seqs[1])); text != "kaboom of b@example.com" {
				t.Errorf("the event that failed is %q", text)
			}
			if n := verified(t, log); n != 2 {
				t.Errorf("%d were redacted, want 2", n)
			}
		})
	}
	close(release)
	<-hung
	<-hung
}

// noAnalyzer does not answer.
type noAnalyzer struct{}

func (noAnalyzer) Analyze(context.Context, []string) ([][]analyzer.Span, error) {
	return nil, fmt.Errorf("%w: down", analyzer.ErrUnavailable)
}

// Where the analyser is away nothing is redacted by half of what the policy asks
// for, and nobody is told that all is well.
func TestRedactStoredWithoutAnalyser(t *testing.T) {
	log := openLog(t, config(t))
	seqs := store(t, log, "a@example.com", "b@example.com")
	s := stored(t, log, redaction.Config{Analyzer: noAnalyzer{}})
	if _, err := s.Preview(t.Context(), all(seqs), silent); !errors.Is(err, analyzer.ErrUnavailable) {
		t.Errorf("preview: got %v, want ErrUnavailable", err)
	}
	if _, err := s.Redact(t.Context(), all(seqs), Why{}, silent); !errors.Is(err, analyzer.ErrUnavailable) {
		t.Errorf("redact: got %v, want ErrUnavailable", err)
	}
	if got := textOf(readBack(t, log, seqs[0])); got != "a@example.com" || log.Size() != 2 {
		t.Errorf("the event is %q, the log has %d positions", got, log.Size())
	}
}

// Whoever stops a rewrite leaves a log that is whole, and goes on with it later.
func TestRedactStoredStops(t *testing.T) {
	log := openLog(t, config(t))
	seqs := store(t, log, "a@example.com", "b@example.com", "c@example.com", "d@example.com")
	s := stored(t, log, redaction.Config{})
	s.batchSize = 1
	stop := make(chan struct{})
	steps := 0
	_, err := s.Redact(t.Context(), all(seqs), Why{Actor: "o", Reason: "r", Stop: stop}, func(p eventlog.ForgetProgress) {
		if p.Step == "redact" {
			if steps++; steps == 2 {
				close(stop)
			}
		}
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "after 2 of them") {
		t.Fatalf("got %v, want context.Canceled after 2", err)
	}
	if n := verified(t, log); n != 2 {
		t.Errorf("%d were redacted, want 2", n)
	}
	if got := s.redact(t, seqs); got.Changed != 2 {
		t.Errorf("going on: %d changed, want 2", got.Changed)
	}
	if n := verified(t, log); n != 4 {
		t.Errorf("%d were redacted, want 4", n)
	}
}

// Where the policy drops content it is dropped from what is stored, once.
func TestRedactStoredDrops(t *testing.T) {
	log := openLog(t, config(t))
	seqs := store(t, log, "a@example.com", "nothing here")
	s := stored(t, log, redaction.Config{DropContent: true})
	if got := s.redact(t, seqs); got.Changed != 2 || got.Dropped != 2 || len(got.Findings) != 0 {
		t.Errorf("got %v", got)
	}
	if got := textOf(readBack(t, log, seqs[1])); got != "" {
		t.Errorf("got %q", got)
	}
	if got := s.redact(t, seqs); got.Changed != 0 {
		t.Errorf("again: got %v", got)
	}
}

// What is not the tenant's is not touched, nor is anything beside it.
func TestRedactStoredOfOthers(t *testing.T) {
	log := openLog(t, config(t))
	seqs := store(t, log, "a@example.com")
	s := stored(t, log, redaction.Config{})
	s.Tenant = "globex"
	p, err := log.Prepare("globex", said("g", "g@example.com"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []eventlog.Prepared{p}); err != nil {
		t.Fatal(err)
	}
	for _, do := range []func() error{
		func() error { _, err := s.Preview(t.Context(), all([]event.Seq{1, seqs[0]}), silent); return err },
		func() error { _, err := s.Redact(t.Context(), all([]event.Seq{1, seqs[0]}), Why{}, silent); return err },
	} {
		if err := do(); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("got %v, want ErrNotFound", err)
		}
	}
	if n := verified(t, log); n != 0 || log.Size() != 2 {
		t.Errorf("%d were redacted, the log has %d positions", n, log.Size())
	}
}

// What a reason mentions is told by type, and is what the redactor would replace.
func TestMentions(t *testing.T) {
	s := stored(t, openLog(t, config(t)), redaction.Config{})
	for text, want := range map[string][]string{
		"ticket 4711": nil, "for a@example.com and b@example.com": {"EMAIL"}, "alice@example.com at 203.0.113.77": {"EMAIL", "IP_ADDRESS"},
	} {
		if got, err := s.Mentions(t.Context(), text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}

// Every member is in one batch, in order.
func TestBatches(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfDistinct(rapid.Uint64Max(1<<40), rapid.ID[uint64]).Draw(t, "seqs")
		size := rapid.IntRange(1, 9).Draw(t, "size")
		var got []uint64
		for part := range batches(roaring64.BitmapOf(want...), size) {
			if len(part) == 0 || len(part) > size {
				t.Fatalf("a batch of %d, want up to %d", len(part), size)
			}
			for _, seq := range part {
				got = append(got, uint64(seq))
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// An event of before it was recorded what its texts are is not made another for
// that alone; where something is found it says so.
func TestRedactStoredUnsaid(t *testing.T) {
	log := openLog(t, config(t))
	for i, text := range []string{"nothing here", "a@example.com"} {
		e := said(fmt.Sprint("e", i), text)
		e.Capture = nil
		appendEvent(t, log, e)
	}
	if got := stored(t, log, redaction.Config{}).redact(t, []event.Seq{0, 1}); got.Looked != 2 || got.Changed != 1 {
		t.Errorf("got %v, want one of two changed", got)
	}
	if got := readBack(t, log, 0).GetCapture(); got != nil {
		t.Errorf("got %v, want no capture", got)
	}
	if got := readBack(t, log, 1).GetCapture().GetContent(); got != pb.Capture_REDACTED {
		t.Errorf("got %v, want REDACTED", got)
	}
}
