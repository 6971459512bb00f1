package eventlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// hide is a redaction: it takes the word "number" and what it names out of
// questions, the model's name out of every fifth event, and the session's out of
// all events of session-4.
func hide(_ context.Context, e *pb.Event) error {
	hidden := 0
	take := func(s *string, to string) {
		if *s != to {
			*s, hidden = to, hidden+1
		}
	}
	if e.GetSession() == "session-4" {
		take(&e.Session, "[SESSION:aaaa]")
	}
	in := e.GetInteraction()
	for _, m := range in.GetInput() {
		for _, p := range m.GetParts() {
			if text, ok := p.GetKind().(*pb.Part_Text); ok && strings.Contains(text.Text, "number") {
				take(&text.Text, "question [NUMBER:bbbb] about the dose")
			}
		}
	}
	if len(in.GetVerdicts()) > 0 {
		take(&in.Model.Name, "[MODEL]")
	}
	if e.GetReport() != nil {
		take(&e.GetReport().Comment, "[COMMENT]")
	}
	if hidden > 0 {
		e.Capture.Redactions = append(e.Capture.Redactions, &pb.Redaction{Type: "HIDDEN", Count: uint32(hidden)})
	}
	return nil
}

// redaction hides what there is in events.
func redaction(tenant event.Tenant, id string, seqs ...event.Seq) Redaction {
	return Redaction{Tenant: tenant, Seqs: seqs, Apply: hide, Ledger: &pb.Event{
		Id: id, Time: timestamppb.New(start0), Class: LedgerClass,
		Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "officer", Reason: "case " + id, Detectors: []string{"hide 1"}}},
	}}
}

func redact(t testing.TB, l *Log, what Redaction) int {
	t.Helper()
	n, err := l.Redact(context.Background(), what, func(ForgetProgress) {})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sameHidden compares an event with the one of the sequence that it must be when
// it was redacted.
func sameHidden(t testing.TB, got *pb.Event, n int) {
	t.Helper()
	want := sample(n)
	must(hide(context.Background(), want))
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&pb.Event{}, "salt", "received", "seq")); diff != "" {
		t.Fatalf("event %d (-want +got):\n%s", n, diff)
	}
	if len(got.GetSalt()) != saltSize {
		t.Fatalf("event %d: salt has %d bytes, want %d", n, len(got.GetSalt()), saltSize)
	}
}

// hidden checks that of the events, which are the samples of their number, just
// those are redacted that are to be, wherever one looks.
func hidden(t testing.TB, l *Log, events int, want func(n int) bool) {
	t.Helper()
	for n := range events {
		e, err := l.Read(context.Background(), "acme", event.Seq(n))
		if err != nil {
			t.Fatal(err)
		}
		if want(n) {
			sameHidden(t, e, n)
		} else {
			same(t, e, n)
		}
	}
	ofModel := func(e *pb.Event) string { return e.GetInteraction().GetModel().GetName() }
	for _, term := range []struct {
		field Field
		value string
		of    func(*pb.Event) string
	}{
		{FieldSession, "session-4", (*pb.Event).GetSession}, {FieldSession, "[SESSION:aaaa]", (*pb.Event).GetSession},
		{FieldSession, "session-3", (*pb.Event).GetSession},
		{FieldModel, "model-0", ofModel}, {FieldModel, "[MODEL]", ofModel},
	} {
		var found []event.Seq
		for n := range events {
			e := sample(n)
			if want(n) {
				must(hide(context.Background(), e))
			}
			if term.of(e) == term.value {
				found = append(found, event.Seq(n))
			}
		}
		end := event.Seq(events)
		got := seqs(t, l, "acme", Selection{Terms: []Term{{term.field, []string{term.value}}}, Before: &end, Order: LogOrder})
		if diff := cmp.Diff(found, got); diff != "" {
			t.Fatalf("%s %s (-want +got):\n%s", term.field, term.value, diff)
		}
	}
}

// wordBlocks returns the events in blocks of which some may have the word.
func wordBlocks(t testing.TB, l *Log, word string) []event.Seq {
	t.Helper()
	return seqs(t, l, "acme", Selection{Words: anyOf(words.Of(word)), Order: LogOrder})
}

// What is redacted is what everybody reads from then on, and what the index and
// the filters know; all else is as it was, the tree too; and the log verifies, by
// itself, by its directory, and after a rebuild.
func TestRedact(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 400, 20)
	add(t, l, "umbrella", 0, 30)
	check(t, l)
	before := l.Newest()
	bundle, err := l.Tile("tile/entries/000")
	if err != nil {
		t.Fatal(err)
	}
	var chosen []event.Seq
	for n := range event.Seq(400) {
		if n%3 == 0 || n%10 == 4 {
			chosen = append(chosen, n)
		}
	}
	want := func(n int) bool { return n%3 == 0 || n%10 == 4 }
	if got := redact(t, l, redaction("acme", "r1", chosen...)); got != len(chosen) {
		t.Fatalf("%d events became others, want %d", got, len(chosen))
	}
	for range 2 {
		hidden(t, l, 400, want)
		for n := range 30 {
			e, err := l.Read(t.Context(), "umbrella", event.Seq(400+n))
			if err != nil {
				t.Fatal(err)
			}
			same(t, e, n)
		}
		v, err := l.Verify(t.Context(), func(f Finding) { t.Errorf("finding: %+v", f) }, func(Progress) {})
		if err != nil {
			t.Fatal(err)
		}
		var all []event.Seq
		for _, r := range v.Redacted {
			for s := r.First; s <= r.Last; s++ {
				all = append(all, s)
			}
		}
		if diff := cmp.Diff(chosen, all); diff != "" {
			t.Fatalf("verification says that these were redacted (-want +got):\n%s", diff)
		}
		if now, err := l.Tile("tile/entries/000"); err != nil || string(now) != string(bundle) {
			t.Fatalf("the leaves are others now, %v", err)
		}
		if hashes, err := l.ProveConsistency(t.Context(), before.Size, l.Size()); err != nil || consistent(hashes, before, l.Newest()) != nil {
			t.Fatalf("the log is not the one that it was: %v, %v", err, consistent(hashes, before, l.Newest()))
		}
		for n := range 400 { // Under the old text, and under the new one.
			for _, e := range []*pb.Event{sample(n), sample(n)} {
				p, err := l.Prepare("acme", e)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := l.Append(t.Context(), []Prepared{p}); err != nil || got[0] != (Result{Duplicate, event.Seq(n)}) {
					t.Fatalf("published again: got %+v, %v, want a duplicate of %d", got, err, n)
				}
				must(hide(t.Context(), e))
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if all := dirFindings(t, cfg); len(all) > 0 {
			t.Fatalf("verify the directory: %+v", all)
		}
		keys, vals := values(t, cfg, "rldn")
		if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
			t.Fatal(err)
		}
		if again, made := values(t, cfg, "rldn"); !cmp.Equal(keys, again) || !cmp.Equal(vals, made) {
			t.Fatal("a rebuild made something else")
		}
		l = open(t, cfg)
		if l.ring.Current().Number() != 2 || l.OldStreamKey() != "" {
			t.Fatalf("epoch %d, old stream key %q", l.ring.Current().Number(), l.OldStreamKey())
		}
	}
	// What is on record.
	at := seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Redacted)}}}})
	if len(at) != 1 {
		t.Fatalf("%d ledger events say so, want 1", len(at))
	}
	ledger, err := l.Read(t.Context(), "acme", at[0])
	if err != nil {
		t.Fatal(err)
	}
	body := ledger.GetRedacted()
	if body.GetActor() != "officer" || body.GetReason() != "case r1" || !slices.Equal(body.GetDetectors(), []string{"hide 1"}) || len(body.GetEvents()) != len(chosen) {
		t.Errorf("on record is %v", body)
	}
	for i, e := range body.GetEvents() {
		hid := sample(int(chosen[i]))
		must(hide(t.Context(), hid))
		if diff := cmp.Diff(hid.GetCapture().GetRedactions(), e.GetRedactions(), protocmp.Transform()); diff != "" || event.Seq(e.GetSeq()) != chosen[i] {
			t.Errorf("entry %d is of event %d (-want +got):\n%s", i, e.GetSeq(), diff)
		}
	}
	// Again is no change, and no epoch.
	size := l.Size()
	if got := redact(t, l, redaction("acme", "r2", chosen...)); got != 0 || l.Size() != size || l.ring.Current().Number() != 2 {
		t.Errorf("redacted again: %d events became others, %d events, epoch %d", got, l.Size()-size, l.ring.Current().Number())
	}
	add(t, l, "acme", 400, 420)
	check(t, l)
}

// What is not redacted is not written anew; what is has a salt of its own, so that
// whoever knew the old one cannot try what it is now.
func TestRedactRewritesLittle(t *testing.T) {
	l := bits(t, config(t), 100, 10)
	ids := func() (out []block.ID) { return slices.Sorted(maps.Keys(l.headers)) }
	before := ids()
	was, err := l.Read(t.Context(), "acme", 7)
	if err != nil {
		t.Fatal(err)
	}
	at, err := l.locate(7)
	if err != nil {
		t.Fatal(err)
	}
	redact(t, l, redaction("acme", "r1", 7))
	is, err := l.Read(t.Context(), "acme", 7)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(was.GetSalt(), is.GetSalt()) {
		t.Error("the salt is what it was")
	}
	after := ids()
	gone := slices.DeleteFunc(before, func(id block.ID) bool { return slices.Contains(after, id) })
	if !slices.Equal(gone, []block.ID{at.block}) {
		t.Errorf("blocks %v were written anew, want %d", gone, at.block)
	}
	everything := redaction("acme", "r2")
	for n := range event.Seq(100) {
		everything.Seqs = append(everything.Seqs, n)
	}
	everything.Apply = func(ctx context.Context, e *pb.Event) error { // which has something to say of one alone
		if e.GetId() == sample(31).GetId() {
			return hide(ctx, e)
		}
		return nil
	}
	if at, err = l.locate(31); err != nil {
		t.Fatal(err)
	}
	before = ids()
	if n := redact(t, l, everything); n != 1 {
		t.Errorf("%d events became others, want 1", n)
	}
	after = ids()
	if gone := slices.DeleteFunc(before, func(id block.ID) bool { return slices.Contains(after, id) }); !slices.Equal(gone, []block.ID{at.block}) {
		t.Errorf("blocks %v were written anew, want %d", gone, at.block)
	}
	check(t, l)
}

// The filters do not answer any more to words that were taken out; but for one in
// 256 that a filter takes for another.
func TestRedactFilters(t *testing.T) {
	l := bits(t, config(t), 100, 20)
	found := func() (words int) {
		for n := range 100 {
			if len(wordBlocks(t, l, fmt.Sprint(n))) > 0 {
				words++
			}
		}
		return words
	}
	if got := found(); got < 92 { // Of reports nobody asks.
		t.Fatalf("%d of 100 numbers are in blocks, want all but 7", got)
	}
	var all []event.Seq
	for n := range event.Seq(100) {
		all = append(all, n)
	}
	redact(t, l, redaction("acme", "r1", all...))
	if got := found(); got > 30 {
		t.Errorf("after redacting them %d of 100 numbers may be in blocks", got)
	}
	if len(wordBlocks(t, l, "bbbb")) == 0 {
		t.Error("the new text is not found")
	}
}

// What cannot be is refused, and changes nothing.
func TestRedactRefuses(t *testing.T) {
	l := bits(t, config(t), 100, 20)
	add(t, l, "umbrella", 0, 10)
	forget(t, l, erasure("acme", "r1", 7))
	size, epoch := l.Size(), l.ring.Current().Number()
	broken := errors.New("the detector is broken")
	change := func(f func(*pb.Event)) func(context.Context, *pb.Event) error {
		return func(_ context.Context, e *pb.Event) error { f(e); return nil }
	}
	for name, c := range map[string]struct {
		what Redaction
		is   error
		says string
	}{
		"beyond the end":   {redaction("acme", "x", 10_000), ErrNotFound, ""},
		"another tenant's": {redaction("umbrella", "x", 101, 5), ErrNotFound, "event 5 of tenant umbrella"},
		"no tenant":        {redaction("nobody", "x", 0), ErrNotFound, ""},
		"a ledger event":   {redaction("acme", "x", 1, 7, 110), nil, "event 110 is of the ledger"},
		"no record":        {Redaction{Tenant: "acme", Ledger: erasure("acme", "x").Ledger, Seqs: []event.Seq{1}, Apply: hide}, nil, "must be a redacted"},
		"a taken id":       {redaction("acme", "event-000003", 1), nil, "is taken"},
		"a broken one": {Redaction{Tenant: "acme", Ledger: redaction("acme", "x").Ledger, Seqs: []event.Seq{1},
			Apply: func(context.Context, *pb.Event) error { return broken }}, broken, "event 1"},
	} {
		if n, err := l.Redact(t.Context(), c.what, func(ForgetProgress) {}); n != 0 || err == nil || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %d, %v, want %v and %q", name, n, err, c.is, c.says)
		}
	}
	for name, f := range map[string]func(*pb.Event){
		"id":       func(e *pb.Event) { e.Id = "another" },
		"time":     func(e *pb.Event) { e.Time.Seconds++ },
		"received": func(e *pb.Event) { e.Received = nil },
		"class":    func(e *pb.Event) { e.Class = "flagged" },
		"version":  func(e *pb.Event) { e.PolicyVersion = "" },
		"kind":     func(e *pb.Event) { e.Body = &pb.Event_Action{Action: &pb.Action{}} },
		"seq":      func(e *pb.Event) { e.Seq = new(uint64) },
		"size": func(e *pb.Event) {
			e.GetInteraction().Input[0].Parts[0].Kind = &pb.Part_Text{Text: strings.Repeat("x", maxRedacted)}
		},
	} {
		what := redaction("acme", "x", 1)
		what.Apply = change(f)
		if n, err := l.Redact(t.Context(), what, func(ForgetProgress) {}); n != 0 || err == nil {
			t.Errorf("a redaction that changes the %s: got %d, %v, want an error", name, n, err)
		}
	}
	free := l.cfg.MinFree
	l.cfg.MinFree = 1 << 62
	if n, err := l.Redact(t.Context(), redaction("acme", "x", 1), func(ForgetProgress) {}); n != 0 || !errors.Is(err, ErrDiskFull) {
		t.Errorf("no room: got %d, %v, want ErrDiskFull", n, err)
	}
	l.cfg.MinFree = free
	if l.Size() != size || l.ring.Current().Number() != epoch {
		t.Errorf("%d events were appended, the epoch is %d", l.Size()-size, l.ring.Current().Number())
	}
	// The buckets take events as before, and what is forgotten is passed over.
	buckets := len(l.Buckets())
	add(t, l, "acme", 100, 120)
	if got := len(l.Buckets()); got != buckets {
		t.Errorf("there are %d buckets, want %d: some were left closed", got, buckets)
	}
	if got := redact(t, l, redaction("acme", "r2", 7, 8)); got != 1 {
		t.Errorf("%d events became others, want 1", got)
	}
	check(t, l)
}

// More than 1,024 events take several ledger events, in several portions too.
func TestRedactMany(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 6000, 1000)
	var all []event.Seq
	for n := range event.Seq(6000) {
		all = append(all, n)
	}
	if got := redact(t, l, redaction("acme", "r1", all...)); got != 6000 {
		t.Fatalf("%d events became others, want 6000", got)
	}
	at := seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Redacted)}}}, Order: LogOrder})
	said := map[uint64]bool{}
	for i, seq := range at {
		e, err := l.Read(t.Context(), "acme", seq)
		if err != nil {
			t.Fatal(err)
		}
		if id := []string{"r1", fmt.Sprint("r1-", i)}[min(i, 1)]; e.GetId() != id || len(e.GetRedacted().GetEvents()) > event.MaxReplaced {
			t.Errorf("ledger event %d is %s, with %d events", i, e.GetId(), len(e.GetRedacted().GetEvents()))
		}
		for _, r := range e.GetRedacted().GetEvents() {
			said[r.GetSeq()] = true
		}
	}
	if len(at) < 6 || len(said) != 6000 {
		t.Errorf("%d ledger events name %d events, want at least 6 and 6000", len(at), len(said))
	}
	check(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check(t, open(t, cfg))
}

// What is stored of redactions says the same after encoding; what is cut off,
// added or out of order is refused.
func TestReplacementsRecord(t *testing.T) {
	r := replacements{0: {commitment{1}, 7}, 9: {commitment{2}, 1 << 40}, 255: {commitment{31: 3}, 8}}
	b := r.encode()
	got, err := decodeReplacements(b)
	if err != nil || !maps.Equal(got, r) {
		t.Fatalf("got %v, %v, want %v", got, err, r)
	}
	for n := range b {
		if got, err := decodeReplacements(b[:n]); n%replacementSize != 0 && !errors.Is(err, ErrTampered) || n == 0 && err == nil {
			t.Errorf("the first %d of %d bytes: got %v, %v, want ErrTampered", n, len(b), got, err)
		}
	}
	first, rest := b[:replacementSize], b[replacementSize:]
	for name, bad := range map[string][]byte{"out of order": append(slices.Clone(rest), first...), "twice": append(slices.Clone(first), b...), "a byte more": append(slices.Clone(b), 0)} {
		if got, err := decodeReplacements(bad); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: got %v, %v, want ErrTampered", name, got, err)
		}
	}
}

// What the ledger says of an event is what was replaced now, however many
// detectors and operators a type has, and not what had been before.
func TestAdded(t *testing.T) {
	of := func(redactions ...*pb.Redaction) *pb.Event {
		return &pb.Event{Capture: &pb.Capture{Redactions: redactions}}
	}
	count := func(typ, detector string, n uint32) *pb.Redaction {
		return &pb.Redaction{Type: typ, Detector: detector, Count: n}
	}
	was := of(count("PHONE", "de", 3), count("PHONE", "us", 2), count("EMAIL", "email", 1))
	is := of(count("PHONE", "de", 3), count("PHONE", "us", 4), count("PHONE", "fr", 1), count("EMAIL", "email", 1), count("IBAN", "iban", 2))
	want := []*pb.Redaction{{Type: "IBAN", Count: 2}, {Type: "PHONE", Count: 3}}
	if diff := cmp.Diff(want, added(was, is), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := added(is, is); got != nil {
		t.Errorf("nothing was added: got %v", got)
	}
}
