package eventlog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A forger has the log open, with all its keys, and changes what is stored past
// it.
type forger struct {
	t *testing.T
	l *Log
}

// stored returns the stored bytes of an event.
func (f forger) stored(seq event.Seq) (out []byte) {
	f.t.Helper()
	at, err := f.l.locate(seq)
	if err == nil {
		err = f.l.text(at.block, int(at.index), nil, func(t *block.Text) error { out = bytes.Clone(t.Bytes(int(at.index))); return nil })
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return out
}

// forge puts other bytes in the place of an event's, sealed as the store does.
func (f forger) forge(seq event.Seq, stored []byte) {
	f.t.Helper()
	at, err := f.l.locate(seq)
	if err != nil {
		f.t.Fatal(err)
	}
	h, in, err := f.l.header(at.block)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := readText(f.l.disk, f.l.codec, at.block, h, in)
	if err != nil {
		f.t.Fatal(err)
	}
	meta, err := openMeta(f.l.disk, at.block, h, in, f.l.codec.OpenMoments)
	if err != nil {
		f.t.Fatal(err)
	}
	var items []block.Item
	for i, m := range meta {
		it := block.Item{Seq: m.Seq, Bytes: bytes.Clone(text.Bytes(i))}
		if i == int(at.index) {
			it.Bytes = stored
		}
		if it.Event, err = event.Unmarshal(it.Bytes); err != nil {
			f.t.Fatal(err)
		}
		items = append(items, it)
	}
	sealed, err := f.l.codec.Seal(at.block, uint32(in.id), in.keys(), items)
	if err != nil {
		f.t.Fatal(err)
	}
	b := f.l.db.NewBatch()
	set(b, headerKey(at.block), sealed.Header.Append(nil))
	for i, space := range sectionSpaces {
		set(b, key8(space, uint64(at.block)), sections(sealed)[i])
	}
	if err := b.Commit(pebble.Sync); err != nil {
		f.t.Fatal(err)
	}
}

// say changes what is stored of an event's commitment; nil: nothing is.
func (f forger) say(seq event.Seq, r *replacement) {
	f.t.Helper()
	b := f.l.db.NewBatch()
	var err error
	if r == nil {
		err = f.l.writeReplacements(b, nil, []event.Seq{seq})
	} else {
		err = f.l.writeReplacements(b, map[event.Seq]replacement{seq: *r}, nil)
	}
	if err := errors.Join(err, b.Commit(pebble.Sync)); err != nil {
		f.t.Fatal(err)
	}
}

func (f forger) said(seq event.Seq) replacement {
	f.t.Helper()
	r, yes, err := f.l.replaced(seq)
	if err != nil || !yes {
		f.t.Fatalf("event %d is not redacted, %v", seq, err)
	}
	return r
}

// changed returns stored bytes with another text.
func (f forger) changed(seq event.Seq, text string) []byte {
	f.t.Helper()
	e, err := event.Unmarshal(f.stored(seq))
	if err != nil {
		f.t.Fatal(err)
	}
	e.GetInteraction().Output[0].Parts[0].Kind = &pb.Part_Text{Text: text}
	b, err := event.Marshal(e)
	if err != nil {
		f.t.Fatal(err)
	}
	return b
}

// Invariant 5: whoever has all keys of the store but cannot change the tree, which
// others have seen, changes no redacted event and passes off none as redacted:
// verification names it, and it is not rebuilt either.
func TestVerifyFindsForgedRedactions(t *testing.T) {
	const victim, other = 7, 8 // redacted twice, and never
	var first, second []byte   // what the victim was
	var once replacement
	var ledgers []event.Seq // what says so
	for name, c := range map[string]struct {
		forge func(forger)
		names event.Seq
	}{
		"an event that nobody redacted": {func(f forger) { f.forge(other, f.changed(other, "all is well")) }, other},
		"one that is said to be redacted": {func(f forger) {
			b := f.changed(other, "all is well")
			f.forge(other, b)
			f.say(other, &replacement{sha256.Sum256(b), ledgers[1]})
		}, other},
		"the content from before": {func(f forger) { f.forge(victim, first) }, victim},
		"the content from before, said not to be redacted": {func(f forger) {
			f.forge(victim, first)
			f.say(victim, nil)
		}, victim},
		"the content of the first redaction": {func(f forger) {
			f.forge(victim, second)
			f.say(victim, &once)
		}, victim},
		"the content of the first redaction, said by the second": {func(f forger) {
			f.forge(victim, second)
			f.say(victim, &replacement{once.commitment, ledgers[1]})
		}, victim},
		"other content": {func(f forger) {
			b := f.changed(victim, "all is well")
			f.forge(victim, b)
			f.say(victim, &replacement{sha256.Sum256(b), ledgers[1]})
		}, victim},
		"other content, and a ledger event that says so": {func(f forger) {
			b := f.changed(victim, "all is well")
			sum := sha256.Sum256(b)
			f.forge(victim, b)
			f.say(victim, &replacement{sum, ledgers[1]})
			e, err := event.Unmarshal(f.stored(ledgers[1]))
			if err != nil {
				t.Fatal(err)
			}
			e.GetRedacted().Events[0].New = sum[:]
			stored, err := event.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			f.forge(ledgers[1], stored)
		}, 61}, // The ledger event itself is in the tree.
		"the second ledger event said to be redacted": {func(f forger) {
			e, err := event.Unmarshal(f.stored(ledgers[1]))
			if err != nil {
				t.Fatal(err)
			}
			e.GetRedacted().Actor = "nobody"
			stored, err := event.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			f.forge(ledgers[1], stored)
			f.say(ledgers[1], &replacement{sha256.Sum256(stored), ledgers[0]})
		}, 61},
		"nothing that says so":          {func(f forger) { f.say(victim, nil) }, victim},
		"something else that says so":   {func(f forger) { f.say(victim, &replacement{f.said(victim).commitment, ledgers[0]}) }, victim},
		"an entry of one that was none": {func(f forger) { f.say(other, &replacement{sha256.Sum256(f.stored(other)), ledgers[0]}) }, other},
		"an entry of one that is gone":  {func(f forger) { f.say(9, &once) }, 9},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t)
			cfg.FS = vfs.NewMem()
			l := bits(t, cfg, 60, 60) // in few blocks
			f := forger{t, l}
			first = f.stored(victim)
			half := redaction("acme", "r0", victim)
			half.Apply = func(_ context.Context, e *pb.Event) error { e.User = "[USER:half]"; return nil }
			redact(t, l, half)
			second, once = f.stored(victim), f.said(victim)
			redact(t, l, redaction("acme", "r1", victim, 3))
			forget(t, l, erasure("acme", "r2", 9))
			ledgers = seqs(t, l, "acme", Selection{Terms: []Term{{FieldKind, []string{string(event.Redacted)}}}, Order: LogOrder})
			check(t, l)
			names := c.names
			if names == 61 {
				names = ledgers[1]
			}
			c.forge(f)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			all := dirFindings(t, cfg)
			if !slices.ContainsFunc(all, func(f Finding) bool { return f.First == names && f.Last == names }) {
				t.Errorf("findings %+v do not name event %d", all, names)
			}
			for _, f := range all {
				if f.Part != "commitment" && f.Part != "index" {
					t.Errorf("a finding of another part: %+v", f)
				}
			}
			before, vals := values(t, cfg, "r")
			err := Rebuild(t.Context(), cfg, func(Progress) {})
			after, made := values(t, cfg, "r")
			whole := err == nil && len(dirFindings(t, cfg)) == 0 // It is what was forged that Rebuild makes again.
			if !whole && (!errors.Is(err, ErrTampered) || !slices.EqualFunc(before, after, bytes.Equal) || !slices.EqualFunc(vals, made, bytes.Equal)) {
				t.Errorf("rebuild: got %v, want ErrTampered and no change, or a log that verifies", err)
			}
			if onlyEntry := slices.Contains([]string{"nothing that says so", "something else that says so", "an entry of one that was none", "an entry of one that is gone"}, name); whole != onlyEntry {
				t.Errorf("rebuild: got %v; where the events are as they were it must mend what is stored beside: %v", err, onlyEntry)
			}
		})
	}
}

// Invariant 5: a byte of the records of redactions that is flipped, or a record
// that is removed, is found, and the seqs are named.
func TestVerifyFindsFlippedRedactions(t *testing.T) {
	cfg := config(t)
	cfg.FS = vfs.NewMem()
	l := bits(t, cfg, 600, 60)
	chosen := []event.Seq{3, 17, 200, 300, 301, 302, 555}
	redact(t, l, redaction("acme", "r1", chosen...))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	keys, vals := values(t, cfg, "r")
	if len(keys) != 3 {
		t.Fatalf("there are %d records, want 3", len(keys))
	}
	rng := rand.New(rand.NewPCG(11, 11))
	for i, k := range keys {
		var of []event.Seq
		for _, seq := range chosen {
			if uint64(seq)/tree.Width == uint64(i) {
				of = append(of, seq)
			}
		}
		for try := range replacementSize + 1 {
			changed := bytes.Clone(vals[i])
			switch try {
			case 0:
				changed = nil
			case 1:
				changed = changed[:len(changed)-1]
			default:
				changed[rng.IntN(len(changed)/replacementSize)*replacementSize+try-1] ^= 1 << rng.IntN(8)
			}
			put(t, cfg, k, changed)
			if all := dirFindings(t, cfg); !covers(all, of) {
				t.Errorf("try %d of key %x: findings %+v name none of %v", try, k, all, of)
			}
		}
		put(t, cfg, k, vals[i])
	}
	put(t, cfg, redactedKey(9), vals[0])
	if all := dirFindings(t, cfg); len(all) == 0 {
		t.Error("a record beyond the end was not found")
	}
	put(t, cfg, redactedKey(9), nil)
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Fatalf("after mending: %+v", all)
	}
}

// What the ledger of one tenant says of another's event counts for nothing, and so
// does what comes before the event, or forks.
func TestClaims(t *testing.T) {
	sum := func(b byte) (c commitment) { c[0] = b; return c }
	leaf := sum(1)
	for name, c := range map[string]struct {
		of   claims
		want replacement
		bad  bool
	}{
		"once":                      {of: claims{{5, 10, 1, leaf, sum(2)}}, want: replacement{sum(2), 10}},
		"twice":                     {of: claims{{5, 10, 1, leaf, sum(2)}, {5, 11, 1, sum(2), sum(3)}}, want: replacement{sum(3), 11}},
		"handed on":                 {of: claims{{5, 11, 1, sum(2), sum(3)}, {5, 12, 1, leaf, sum(2)}}, want: replacement{sum(3), 11}},
		"handed on and still there": {of: claims{{5, 10, 1, leaf, sum(2)}, {5, 12, 1, leaf, sum(2)}}, want: replacement{sum(2), 12}},
		"another tenant's":          {of: claims{{5, 10, 2, leaf, sum(2)}}, bad: true},
		"from before":               {of: claims{{5, 4, 1, leaf, sum(2)}}, bad: true},
		"of itself":                 {of: claims{{5, 5, 1, leaf, sum(2)}}, bad: true},
		"a fork":                    {of: claims{{5, 10, 1, leaf, sum(2)}, {5, 11, 1, leaf, sum(3)}}, bad: true},
		"not from the leaf":         {of: claims{{5, 10, 1, sum(4), sum(2)}}, bad: true},
		"one left over":             {of: claims{{5, 10, 1, leaf, sum(2)}, {5, 11, 1, sum(4), sum(5)}}, bad: true},
		"a circle":                  {of: claims{{5, 10, 1, leaf, sum(2)}, {5, 11, 1, sum(2), leaf}}, want: replacement{leaf, 11}},
		"a circle left over":        {of: claims{{5, 10, 1, leaf, sum(2)}, {5, 11, 1, sum(3), sum(4)}, {5, 12, 1, sum(4), sum(3)}}, bad: true},
	} {
		got, err := c.of.end(leaf[:], 1)
		if got != c.want || errors.Is(err, ErrTampered) != c.bad {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
		again, err := decodeClaims(c.of.encode())
		if err != nil || !slices.Equal(again, c.of) {
			t.Errorf("%s: decoded %v, %v", name, again, err)
		}
	}
	if _, err := (claims{{5, 10, 1, leaf, sum(2)}}).end(nil, 1); !errors.Is(err, ErrTampered) {
		t.Errorf("without a leaf: got %v, want ErrTampered", err)
	}
}

// A store that signs a record of a redaction that cannot be, for another tenant's
// event, is found out: by verification, which names it.
func TestVerifyFindsRedactionOfAnothersEvent(t *testing.T) {
	l := bits(t, config(t), 20, 20)
	add(t, l, "umbrella", 0, 5)
	f := forger{t, l}
	stored := f.changed(21, "all is well")
	old, fresh := sha256.Sum256(f.stored(21)), sha256.Sum256(stored)
	p, err := l.Prepare("acme", &pb.Event{
		Id: "forged", Time: timestamppb.New(start0), Class: LedgerClass,
		Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Events: []*pb.Redacted_Replacement{{Seq: 21, Old: old[:], New: fresh[:]}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), []Prepared{p}); err != nil {
		t.Fatal(err)
	}
	f.forge(21, stored)
	f.say(21, &replacement{fresh, 25})
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if all := dirFindings(t, l.cfg); !covers(all, []event.Seq{21}) {
		t.Errorf("findings %+v do not name event 21", all)
	}
}
