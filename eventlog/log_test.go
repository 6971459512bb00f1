package eventlog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start0 = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// config is that of a fresh log in a directory of the test's.
func config(t testing.TB) Config {
	dir := t.TempDir()
	return Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1,
		Now: func() time.Time { return start0.Add(24 * time.Hour) },
	}
}

func open(t testing.TB, cfg Config) *Log {
	t.Helper()
	l, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	return l
}

// sample returns the n-th of an endless sequence of classified events: mostly
// interactions, of ten sessions, in two classes.
func sample(n int) *pb.Event {
	e := &pb.Event{
		Id: fmt.Sprintf("event-%06d", n), Time: timestamppb.New(start0.Add(time.Duration(n) * time.Second)),
		Session: fmt.Sprintf("session-%d", n%10), Turn: uint32(n/10 + 1), User: fmt.Sprintf("[USER:user%d]", n%7),
		Source:  &pb.Source{Service: "chat", Version: "4.2.0", Deployment: "medical-triage"},
		Capture: &pb.Capture{Probability: new(float64), Rule: "always", Sequence: uint64(n + 1)},
		Class:   "routine", PolicyVersion: "v1",
	}
	*e.Capture.Probability = 0.5
	if n%13 == 12 {
		e.Class = "reported"
		e.Body = &pb.Event_Report{Report: &pb.Report{Target: fmt.Sprintf("event-%06d", n-1), Category: "harm", Comment: "it told me something wrong"}}
		return e
	}
	in := &pb.Interaction{
		Model:        &pb.Model{Provider: "openai", Name: fmt.Sprintf("model-%d", n%3)},
		Input:        []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: fmt.Sprintf("question number %d about the dose", n)}}}}},
		Output:       []*pb.Message{{Role: "assistant", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "an answer that goes on and on"}}}}},
		FinishReason: "stop", Usage: &pb.Usage{InputTokens: uint64(n), OutputTokens: 80},
	}
	if n%5 == 0 {
		e.Class = "flagged"
		threshold := 0.5
		in.Verdicts = []*pb.Verdict{{Scope: pb.Verdict_OUTPUT, Classifier: &pb.Classifier{Name: "shield"}, Category: "self_harm", Score: 0.9, Threshold: &threshold, Action: pb.Verdict_FLAGGED}}
	}
	e.Body = &pb.Event_Interaction{Interaction: in}
	return e
}

// add appends events from..to of the sequence and returns the results.
func add(t testing.TB, l *Log, tenant event.Tenant, from, to int) []Result {
	t.Helper()
	var batch []Prepared
	for n := from; n < to; n++ {
		p, err := l.Prepare(tenant, sample(n))
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	results, err := l.Append(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// check verifies the whole log and fails the test on any finding.
func check(t testing.TB, l *Log) {
	t.Helper()
	if findings := findings(t, l); len(findings) > 0 {
		t.Fatalf("verify: %d findings, first %+v", len(findings), findings[0])
	}
}

func findings(t testing.TB, l *Log) (all []Finding) {
	t.Helper()
	if _, err := l.Verify(context.Background(), func(f Finding) { all = append(all, f) }, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	return all
}

// same compares an event with the one of the sequence that it must be.
func same(t testing.TB, got *pb.Event, n int) {
	t.Helper()
	want := sample(n)
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&pb.Event{}, "salt", "received", "seq")); diff != "" {
		t.Fatalf("event %d (-want +got):\n%s", n, diff)
	}
	if len(got.GetSalt()) != saltSize {
		t.Fatalf("event %d: salt has %d bytes, want %d", n, len(got.GetSalt()), saltSize)
	}
}

// What was appended is there after reopening, under the same seqs.
func TestAppendReadReopen(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	for from := 0; from < 1000; from += 250 {
		for i, r := range add(t, l, "acme", from, from+250) {
			if want := (Result{Appended, event.Seq(from + i)}); r != want {
				t.Fatalf("event %d: got %v, want %v", from+i, r, want)
			}
		}
	}
	check(t, l)
	before := l.Newest()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	if got := l.Newest(); got.Size != before.Size || got.Root != before.Root {
		t.Fatalf("checkpoint after reopening: got %d %x, want %d %x", got.Size, got.Root, before.Size, before.Root)
	}
	for n := range 1000 {
		e, err := l.Read(t.Context(), "acme", event.Seq(n))
		if err != nil {
			t.Fatal(err)
		}
		same(t, e, n)
	}
	check(t, l)
	add(t, l, "acme", 1000, 1300)
	check(t, l)
}

// Invariant 1: an event is stored once, however often it comes; another event
// under its id is refused.
func TestDuplicatesAndConflicts(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "acme", 0, 20)
	other := sample(3)
	other.Turn = 99
	within := sample(20)
	var batch []Prepared
	for _, e := range []*pb.Event{sample(5), other, within, sample(20), sample(21), proto.CloneOf(other)} {
		p, err := l.Prepare("acme", e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	got, err := l.Append(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	want := []Result{{Duplicate, 5}, {Conflict, 3}, {Appended, 20}, {Duplicate, 20}, {Appended, 21}, {Conflict, 3}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("results (-want +got):\n%s", diff)
	}
	e, err := l.Read(t.Context(), "acme", 3)
	if err != nil {
		t.Fatal(err)
	}
	same(t, e, 3)
	if got := l.Size(); got != 22 {
		t.Fatalf("size: got %d, want 22", got)
	}
	check(t, l)
}

// Invariant 8: an id, a seq or a term of one tenant finds nothing of another.
func TestTenantsNeverMeet(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "acme", 0, 10)
	add(t, l, "umbrella", 0, 10)
	if got := l.Size(); got != 20 {
		t.Fatalf("size: got %d, want 20: ids are unique per tenant only", got)
	}
	if _, err := l.Read(t.Context(), "umbrella", 3); !errors.Is(err, ErrNotFound) {
		t.Fatalf("read of another tenant's event: got %v, want ErrNotFound", err)
	}
	if seq, err := l.Lookup(t.Context(), "umbrella", "event-000003"); err != nil || seq != 13 {
		t.Fatalf("lookup: got %d, %v, want 13", seq, err)
	}
	if got := seqs(t, l, "umbrella", Selection{Terms: []Term{{FieldSession, []string{"session-3"}}}}); !slices.Equal(got, []event.Seq{13}) {
		t.Fatalf("scan: got %v, want [13]", got)
	}
	if got := seqs(t, l, "nobody", Selection{}); got != nil {
		t.Fatalf("scan of an unknown tenant: got %v, want none", got)
	}
	a, err := l.Pseudonym("acme", "alice")
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Pseudonym("umbrella", "alice")
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Fatalf("pseudonyms of two tenants are both %q", a)
	}
	check(t, l)
}

func seqs(t testing.TB, l *Log, tenant event.Tenant, sel Selection) (out []event.Seq) {
	t.Helper()
	for e, err := range l.Scan(t.Context(), tenant, sel) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Seq)
	}
	return out
}

// A scan finds what a look at every event finds, in the order asked for, and
// goes on after any position.
func TestScanAgainstAModel(t *testing.T) {
	l := open(t, config(t))
	rng := rand.New(rand.NewPCG(1, 2))
	order := rng.Perm(900) // Not in the order of time.
	var batch []Prepared
	for i, n := range order {
		p, err := l.Prepare("acme", sample(n))
		if err != nil {
			t.Fatal(err)
		}
		if batch = append(batch, p); len(batch) == 70 || i == len(order)-1 {
			if _, err := l.Append(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			batch = nil
		}
	}
	before := event.Seq(800)
	for name, sel := range map[string]Selection{
		"all":      {},
		"session":  {Terms: []Term{{FieldSession, []string{"session-3"}}}},
		"two":      {Terms: []Term{{FieldSession, []string{"session-0", "session-5"}}, {FieldCategory, []string{"self_harm"}}}},
		"reports":  {Terms: []Term{{FieldKind, []string{"report"}}, {FieldClass, []string{"reported"}}}},
		"time":     {Since: start0.Add(100 * time.Second), Until: start0.Add(333 * time.Second)},
		"as of":    {Before: &before, Terms: []Term{{FieldModel, []string{"model-1"}}}},
		"id":       {Terms: []Term{{FieldID, []string{"event-000007", "event-000008", "nothing"}}}},
		"ages":     {Since: time.Date(1, 2, 3, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)},
		"no class": {Terms: []Term{{FieldClass, []string{"nothing"}}}},
	} {
		for _, o := range []Order{NewestFirst, OldestFirst, LogOrder, LogReverse} {
			sel.Order, sel.After = o, nil
			want := model(order, sel)
			got := seqs(t, l, "acme", sel)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("%s, order %d (-want +got):\n%s", name, o, diff)
			}
			if len(want) < 2 {
				continue
			}
			cut := rng.IntN(len(want) - 1)
			sel.After = &Position{sample(order[want[cut]]).GetTime().AsTime(), want[cut]}
			if diff := cmp.Diff(want[cut+1:], seqs(t, l, "acme", sel)); diff != "" {
				t.Fatalf("%s, order %d, after %d (-want +got):\n%s", name, o, want[cut], diff)
			}
		}
	}
}

// model is a scan over the events that stand at the given places.
func model(order []int, sel Selection) (out []event.Seq) {
	var all []item
	for seq, n := range order {
		e := sample(n)
		at := e.GetTime().AsTime()
		ok := (sel.Since.IsZero() || !at.Before(sel.Since)) && (sel.Until.IsZero() || at.Before(sel.Until)) &&
			(sel.Before == nil || event.Seq(seq) < *sel.Before)
		for _, term := range sel.Terms {
			has := false
			match := func(f Field, v string) { has = has || f == term.Field && slices.Contains(term.Values, v) }
			terms(e, match)
			match(FieldID, e.GetId())
			match(FieldClass, e.GetClass())
			ok = ok && has
		}
		if ok {
			all = append(all, item{time: at.UnixNano(), seq: event.Seq(seq)})
		}
	}
	slices.SortFunc(all, comparison(sel.Order))
	for _, it := range all {
		out = append(out, it.seq)
	}
	return out
}

// The meta section has all of an event but what Meta says it leaves out.
func TestMeta(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "acme", 0, 60)
	n := 0
	for e, err := range l.Scan(t.Context(), "acme", Selection{Order: LogOrder}) {
		if err != nil {
			t.Fatal(err)
		}
		got, err := e.Meta()
		if err != nil {
			t.Fatal(err)
		}
		want, err := e.Event()
		if err != nil {
			t.Fatal(err)
		}
		same(t, want, n)
		want.Salt = nil
		if in := want.GetInteraction(); in != nil {
			in.Input, in.Output = nil, nil
		}
		if r := want.GetReport(); r != nil {
			r.Comment = ""
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Fatalf("meta of event %d (-want +got):\n%s", n, diff)
		}
		n++
	}
	if n != 60 {
		t.Fatalf("scanned %d events, want 60", n)
	}
}

// A follower sees every event once, in order, also those that come later, and
// is told when the log closes.
func TestFollow(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "acme", 0, 30)
	got := make(chan event.Seq)
	ended := make(chan error, 1)
	go func() {
		for f, err := range l.Follow(context.Background(), 10) {
			if err != nil {
				ended <- err
				return
			}
			got <- f.Seq
		}
	}()
	for want := event.Seq(10); want < 60; want++ {
		if want == 30 {
			add(t, l, "umbrella", 0, 30)
		}
		if seq := <-got; seq != want {
			t.Fatalf("followed %d, want %d", seq, want)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, ErrClosed) {
		t.Fatalf("end of follow: got %v, want ErrClosed", err)
	}
}

func TestQuarantine(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	entry := func(i int) *pb.Quarantined {
		return &pb.Quarantined{
			Time: timestamppb.New(start0), Cause: pb.Quarantined_INVALID, Reason: "id: is missing",
			StreamSequence: uint64(i), Payload: fmt.Appendf(nil, "payload %d", i),
		}
	}
	for range 2 { // The second time is a redelivery.
		if err := l.Quarantine(t.Context(), event.System, []*pb.Quarantined{entry(1), entry(2), entry(3)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	var ids []string
	for e, err := range l.QuarantineList(t.Context(), event.System, "") {
		if err != nil {
			t.Fatal(err)
		}
		if e.GetPayload() != nil {
			t.Errorf("listed entry %s has its payload", e.GetId())
		}
		ids = append(ids, e.GetId())
	}
	if len(ids) != 3 {
		t.Fatalf("listed %d entries, want 3", len(ids))
	}
	e, err := l.Quarantined(t.Context(), event.System, ids[1])
	if err != nil {
		t.Fatal(err)
	}
	want := entry(2)
	want.Id = ids[1]
	if diff := cmp.Diff(want, e, protocmp.Transform()); diff != "" {
		t.Fatalf("entry (-want +got):\n%s", diff)
	}
	if _, err := l.Quarantined(t.Context(), "acme", ids[1]); !errors.Is(err, ErrNotFound) {
		t.Fatalf("another tenant's entry: got %v, want ErrNotFound", err)
	}
}

// What does not fit together is refused, with the data untouched.
func TestOpenRefuses(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	add(t, l, "acme", 0, 10)
	if _, err := Open(t.Context(), cfg); err == nil {
		t.Fatal("a second open of the same directory: got nil, want an error")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	t.Run("no keys", func(t *testing.T) {
		other := cfg
		other.KeysDir = filepath.Join(t.TempDir(), "keys")
		if _, err := Open(t.Context(), other); err == nil {
			t.Fatal("got nil, want an error")
		}
		if _, err := os.Stat(other.KeysDir); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("keys were made over existing data: %v", err)
		}
	})
	t.Run("another store's keys", func(t *testing.T) {
		other := config(t)
		stranger := open(t, other)
		if err := stranger.Close(); err != nil {
			t.Fatal(err)
		}
		other.Dir = cfg.Dir
		if _, err := Open(t.Context(), other); err == nil {
			t.Fatal("got nil, want an error")
		}
	})
	t.Run("keys without data", func(t *testing.T) {
		other := cfg
		other.Dir = filepath.Join(t.TempDir(), "data")
		if _, err := Open(t.Context(), other); err == nil {
			t.Fatal("got nil, want an error")
		}
		if _, err := os.Stat(other.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("data was made under keys that have seen other data: %v", err)
		}
	})
	t.Run("disk full", func(t *testing.T) {
		other := cfg
		other.MinFree = 1 << 60
		if _, err := Open(t.Context(), other); !errors.Is(err, ErrDiskFull) {
			t.Fatalf("got %v, want ErrDiskFull", err)
		}
	})
	l = open(t, cfg)
	check(t, l)
}

// A scan whose time is always up gets further all the same, in every order and
// whether an index leads it or not, and in the end has met every event once.
func TestScanThatIsAlwaysLate(t *testing.T) {
	l := open(t, config(t))
	const events, batch = 900, 30
	for from := 0; from < events; from += batch {
		add(t, l, "acme", from, from+batch)
	}
	for name, terms := range map[string][]Term{"all": nil, "service": {{FieldService, []string{"chat"}}}} {
		for _, order := range []Order{NewestFirst, OldestFirst, LogOrder, LogReverse} {
			sel := Selection{Terms: terms, Order: order, Deadline: start0}
			met, pages := map[event.Seq]int{}, 0
			for done := false; !done; pages++ {
				if done = true; pages > events {
					t.Fatalf("%s, order %d: %d pages, and %d of %d events met", name, order, pages, len(met), events)
				}
				for entry, err := range l.Scan(t.Context(), "acme", sel) {
					if paused, is := errors.AsType[*Paused](err); is {
						sel.After, done = &paused.At, false
						break
					}
					if err != nil {
						t.Fatal(err)
					}
					met[entry.Seq]++
				}
			}
			if len(met) != events || pages == 1 {
				t.Errorf("%s, order %d: met %d events of %d on %d pages", name, order, len(met), events, pages)
			}
			for seq, n := range met {
				if n != 1 {
					t.Errorf("%s, order %d: met %d %d times", name, order, seq, n)
				}
			}
		}
	}
}
