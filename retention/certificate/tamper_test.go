package certificate

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// sampleOf is a certificate with something in every part.
func sampleOf(r *rig) *Certificate {
	seqs := r.add(30, "reported")
	r.asked("erasure-1", append(seqs[3:6:6], r.add(20, "routine")...), &pb.Erasure_Deferral{Cause: pb.Erasure_Deferral_HELD, Holds: []string{"hold-1"}, Events: 1})
	r.erase("erasure-1", "run-1", seqs[3:5]...)
	what := r.forgetting("erasure-1", "run-2", pb.Forgotten_ERASED)
	for _, b := range r.log.Buckets() {
		if b.Class == "routine" {
			what.Buckets = append(what.Buckets, b.ID)
		}
	}
	r.forget(what)
	c, _ := r.build("erasure-1")
	return c
}

// Invariant 5: a certificate with any byte changed, added or left out is none.
func TestEveryByte(t *testing.T) {
	r := newRig(t, nil)
	c := sampleOf(r)
	key := r.log.VerifierKey()
	for name, data := range map[string][]byte{"JSON": c.JSON(), "HTML": c.HTML()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			document := len(data) // In a page it is what was changed byte by byte by itself.
			if name == "HTML" {
				document = bytes.Index(data, []byte("<pre id=\"certificate\">"))
			}
			refused := func(changed []byte, what string, at int) {
				t.Helper()
				if _, err := Verify(changed, key); !errors.Is(err, eventlog.ErrTampered) {
					t.Fatalf("byte %d %s (%q): got %v, want ErrTampered", at, what, changed[max(at-20, 0):min(at+20, len(changed))], err)
				}
			}
			changed := bytes.Clone(data)
			phase := mathrand.IntN(9) // Where not every byte is tried, others are each time.
			for i, was := range data {
				if (testing.Short() || raced || i > document) && i%9 != phase {
					continue
				}
				changed[i] = was ^ 1<<(i%8)
				refused(changed, "changed", i)
				if b := data[min(i+1, len(data)-1)]; b == '"' || b == '=' || b == '\n' || b == '&' { // The last letter of a word: also the spare bits of base64.
					for bit := range 8 {
						changed[i] = was ^ 1<<bit
						refused(changed, "changed", i)
					}
				}
				changed[i] = was
				if i%17 == 0 {
					refused(data[:i], "and all after it left out", i)
					refused(slices.Concat(data[:i], data[i+1:]), "left out", i)
					refused(slices.Concat(data[:i], []byte{' '}, data[i:]), "put behind a space", i)
				}
			}
			for _, end := range []string{"\n", " ", "{}", "\x00", string(data)} {
				refused(slices.Concat(data, []byte(end)), "with something behind it", len(data))
			}
			if _, err := Verify(data, key); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Other spellings of the same JSON are none that was issued.
func TestOneSpelling(t *testing.T) {
	r := newRig(t, nil)
	text := string(sampleOf(r).JSON())
	for name, replace := range map[string][2]string{
		"an escaped letter":       {`"acme"`, `"acm\u0065"`},
		"an unescaped line break": {`\n`, `\u000a`},
		"a key of another case":   {`"tenant"`, `"Tenant"`},
		"a key twice":             {`"tenant": "acme",`, "\"tenant\": \"acme\",\n    \"tenant\": \"acme\","},
		"a key that is unknown":   {`"tenant": "acme",`, "\"tenant\": \"acme\",\n    \"note\": \"\","},
		"another time zone":       {"Z\"", "+00:00\""},
		"a number for a string":   {`"events": "22"`, `"events": 22`},
		"an empty list":           {`"complete": false,`, "\"complete\": false,\n    \"policies\": [],"},
		"line ends of others":     {"\n", "\r\n"},
		"null":                    {`"signature": "`, `"signature": null, "x": "`},
	} {
		changed := strings.Replace(text, replace[0], replace[1], 1)
		if changed == text {
			t.Fatalf("%s: there is no %q in %s", name, replace[0], text)
		}
		if _, err := Verify([]byte(changed), r.log.VerifierKey()); !errors.Is(err, eventlog.ErrTampered) {
			t.Errorf("%s: got %v, want ErrTampered", name, err)
		}
	}
	for _, data := range []string{"", "{", "{}", "null", "<html>", "<pre id=\"certificate\">\n{}\n</pre>", `{"certificate":{"format":"afterimage/certificate-of-deletion/v2"}}`} {
		if _, err := Verify([]byte(data), ""); !errors.Is(err, eventlog.ErrTampered) {
			t.Errorf("%q: got %v, want ErrTampered", data, err)
		}
	}
	if _, err := Verify([]byte(text), "no key"); err == nil || errors.Is(err, eventlog.ErrTampered) {
		t.Errorf("with a key that is none: got %v, want an error that does not blame the certificate", err)
	}
}

// lies are what a certificate could say that its ledger events do not.
var lies = map[string]func(t *testing.T, r *rig, s *Statement){
	"another kind":    func(_ *testing.T, _ *rig, s *Statement) { s.Kind = Expiry },
	"another request": func(_ *testing.T, _ *rig, s *Statement) { s.Request = "erasure-2" },
	"another scope":   func(_ *testing.T, _ *rig, s *Statement) { s.Scope = "TENANT" },
	"another actor":   func(_ *testing.T, _ *rig, s *Statement) { s.Actor = "nobody" },
	"another reason":  func(_ *testing.T, _ *rig, s *Statement) { s.Reason = "" },
	"a range of time": func(_ *testing.T, _ *rig, s *Statement) { s.Since = &s.Requested },
	"another policy":  func(_ *testing.T, _ *rig, s *Statement) { s.Policies[0].Version = "v2" },
	"another time":    func(_ *testing.T, _ *rig, s *Statement) { s.Requested = s.Requested.Add(time.Second) },
	"complete": func(_ *testing.T, _ *rig, s *Statement) {
		s.Complete, s.Outstanding, s.Done = true, nil, &s.Requested
	},
	"keys that remain": func(_ *testing.T, _ *rig, s *Statement) { s.Remains.KeysDestroyed = false },
	"more events":      func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Events++ },
	"more blocks":      func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Blocks++ },
	"more quarantined": func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Quarantined++ },
	"another class":    func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.ByClass[0].Class = "routine" },
	"fewer by class":   func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.ByClass[0].Events-- },
	"no positions":     func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Positions = nil },
	"other positions": func(_ *testing.T, _ *rig, s *Statement) {
		s.Deleted.Positions[0].First--
		s.Deleted.Positions[0].Last--
	},
	"fewer positions":     func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Positions[0].Last-- },
	"positions backwards": func(_ *testing.T, _ *rig, s *Statement) { slices.Reverse(s.Deleted.Positions) },
	"positions apart": func(_ *testing.T, _ *rig, s *Statement) {
		p := s.Deleted.Positions[0]
		s.Deleted.Positions = append([]Range{{p.First, p.First}, {p.First + 1, p.Last}}, s.Deleted.Positions[1:]...)
	},
	"positions elsewhere": func(_ *testing.T, _ *rig, s *Statement) {
		last := &s.Deleted.Positions[len(s.Deleted.Positions)-1]
		last.First, last.Last = last.First+1, last.Last+1
	},
	"positions beyond":    func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Positions[1].Last = 1 << 60 },
	"another digest":      func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Digest[0] ^= 1 },
	"another commitment":  func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Commitments[0][0] ^= 1 },
	"no commitments":      func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Commitments, s.Deleted.Proof = nil, nil },
	"short commitments":   func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Commitments[0] = s.Deleted.Commitments[0][:31] },
	"commitments shifted": func(_ *testing.T, _ *rig, s *Statement) { slices.Reverse(s.Deleted.Commitments) },
	"a commitment with its digest": func(_ *testing.T, _ *rig, s *Statement) {
		s.Deleted.Commitments[0][0] ^= 1
		digest := newDigester()
		i := 0
		for _, r := range s.Deleted.Positions {
			for seq := r.First; seq <= r.Last; seq++ {
				digest.add(seq, [32]byte(s.Deleted.Commitments[i]))
				i++
			}
		}
		s.Deleted.Digest = digest.Sum(nil)
	},
	"another proof":      func(_ *testing.T, _ *rig, s *Statement) { s.Deleted.Proof[0][0] ^= 1 },
	"another epoch":      func(_ *testing.T, _ *rig, s *Statement) { s.Epochs[0].Number++ },
	"an epoch less":      func(_ *testing.T, _ *rig, s *Statement) { s.Epochs = s.Epochs[:1] },
	"a later epoch":      func(_ *testing.T, _ *rig, s *Statement) { s.Epochs[0].Began = s.Epochs[0].Began.Add(1) },
	"more owed":          func(_ *testing.T, _ *rig, s *Statement) { s.Remains.Owed++ },
	"nothing deferred":   func(_ *testing.T, _ *rig, s *Statement) { s.Remains.Deferred = nil },
	"no exports":         func(_ *testing.T, _ *rig, s *Statement) { s.Remains.Exports = nil },
	"nothing elsewhere":  func(_ *testing.T, _ *rig, s *Statement) { s.Remains.Elsewhere = s.Remains.Elsewhere[:1] },
	"another reason why": func(_ *testing.T, _ *rig, s *Statement) { s.Remains.Elsewhere[0].Why = "none" },
	"a smaller tree before": func(t *testing.T, r *rig, s *Statement) {
		cp, err := r.log.CheckpointOver(t.Context(), event.Seq(s.Before.Size-1))
		if err != nil {
			t.Fatal(err)
		}
		proof, err := r.log.ProveConsistency(t.Context(), cp.Size, event.Seq(s.After.Size))
		if err != nil {
			t.Fatal(err)
		}
		s.Before, s.Consistency = head(cp), list(proof)
	},
	"another root before":      func(_ *testing.T, _ *rig, s *Statement) { s.Before.Root[0] ^= 1 },
	"another root after":       func(_ *testing.T, _ *rig, s *Statement) { s.After.Root[0] ^= 1 },
	"another size":             func(_ *testing.T, _ *rig, s *Statement) { s.After.Size++ },
	"no checkpoint":            func(_ *testing.T, _ *rig, s *Statement) { s.After.Checkpoint = "" },
	"another consistency":      func(_ *testing.T, _ *rig, s *Statement) { s.Consistency[0][0] ^= 1 },
	"no consistency":           func(_ *testing.T, _ *rig, s *Statement) { s.Consistency = nil },
	"a short hash":             func(_ *testing.T, _ *rig, s *Statement) { s.Consistency[0] = s.Consistency[0][:31] },
	"another inclusion":        func(_ *testing.T, _ *rig, s *Statement) { s.Ledger[0].Proof[0][0] ^= 1 },
	"no ledger":                func(_ *testing.T, _ *rig, s *Statement) { s.Ledger = nil },
	"a ledger event less":      func(_ *testing.T, _ *rig, s *Statement) { s.Ledger = slices.Delete(s.Ledger, 2, 3) },
	"the ledger backwards":     func(_ *testing.T, _ *rig, s *Statement) { slices.Reverse(s.Ledger) },
	"a ledger event beyond":    func(_ *testing.T, _ *rig, s *Statement) { s.Ledger[len(s.Ledger)-1].Seq = s.After.Size },
	"a ledger event elsewhere": func(_ *testing.T, _ *rig, s *Statement) { s.Ledger[0].Seq++ },
	"another kind of event":    func(_ *testing.T, _ *rig, s *Statement) { s.Ledger[0].Kind = "hold" },
	"another time of an event": func(_ *testing.T, _ *rig, s *Statement) { s.Ledger[0].Time = s.Ledger[0].Time.Add(1) },
	"an event that was forged": func(t *testing.T, _ *rig, s *Statement) {
		s.Ledger[2].Event = stored(t, s.Ledger[2], func(e *pb.Event) { e.GetForgotten().Kept[0].Events = 1000 })
		s.Deleted.ByClass[0].Events = 1000
	},
}

// What a certificate states follows from the ledger, or it is none: signed by
// somebody else whatever it says, and signed by the log itself where it lies.
func TestLies(t *testing.T) {
	r := newRig(t, nil)
	c := sampleOf(r)
	private, _, err := note.GenerateKey(rand.Reader, r.log.Origin())
	if err != nil {
		t.Fatal(err)
	}
	forger, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			f := clone(t, c)
			lie(t, r, &f.Certificate)
			said, err := compact(f.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			if truth, err := compact(c.Statement); err != nil || bytes.Equal(truth, said) {
				t.Fatalf("it is no lie (%v)", err)
			}
			sum, err := f.Certificate.sum()
			if err != nil {
				t.Fatal(err)
			}
			forged, err := note.Sign(&note.Note{Text: r.log.Origin() + "/" + kind + "\n" + base64.StdEncoding.EncodeToString(sum[:]) + "\n"}, forger)
			if err != nil {
				t.Fatal(err)
			}
			own, err := r.log.SignStatement(kind, sum)
			if err != nil {
				t.Fatal(err)
			}
			for who, signed := range map[string][]byte{"somebody else": forged, "the log": own} {
				f.Signature = string(signed)
				text, err := f.encode()
				if err != nil {
					t.Fatal(err)
				}
				forms := map[string][]byte{"JSON": text}
				if forms["HTML"], err = render(f, text); err != nil {
					t.Fatal(err)
				}
				for form, data := range forms {
					if _, err := Verify(data, r.log.VerifierKey()); !errors.Is(err, eventlog.ErrTampered) {
						t.Errorf("signed by %s, %s: got %v, want ErrTampered", who, form, err)
					}
				}
			}
		})
	}
}

// A whole certificate of another log is believed by whoever trusts that one.
func TestOtherLog(t *testing.T) {
	r, other := newRig(t, nil), newRig(t, nil)
	c := sampleOf(other)
	if _, err := Verify(c.JSON(), r.log.VerifierKey()); !errors.Is(err, eventlog.ErrTampered) || !strings.Contains(err.Error(), other.log.VerifierKey()) {
		t.Errorf("got %v, want ErrTampered that names the other key", err)
	}
	f := clone(t, c) // It says that it is of the trusted one.
	f.Certificate.Log.VerifierKey, f.Certificate.Log.Origin = r.log.VerifierKey(), r.log.Origin()
	text, err := f.encode()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(text, r.log.VerifierKey()); !errors.Is(err, eventlog.ErrTampered) {
		t.Errorf("got %v, want ErrTampered", err)
	}
	// And a signature is of one purpose: no checkpoint is signed along.
	verifier, err := note.NewVerifier(other.log.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Open([]byte(clone(t, c).Signature), verifier); err == nil {
		t.Error("a certificate's signature is taken for a checkpoint")
	}
}

// What people wrote is text in the page, whatever it looks like.
func TestHostilePage(t *testing.T) {
	r := newRig(t, nil)
	const worst = "</pre></style><script>alert(1)</script><pre id=\"certificate\">\n{}</pre>&amp;\u2028+"
	seqs := r.add(3, "reported")
	r.ledger(&pb.Event{Id: "x", Body: &pb.Event_Erasure{Erasure: &pb.Erasure{
		Stage: pb.Erasure_REQUESTED, Request: "x", Actor: worst, Reason: worst, Scope: pb.Erasure_PERSON, Events: 1, Exports: []string{worst},
		Positions: []*pb.Forgotten_Positions{{First: uint64(seqs[0]), Last: uint64(seqs[0])}},
	}}})
	r.erase("x", "run", seqs[0])
	c, v := r.build("x")
	if v.Actor != worst || v.Reason != worst {
		t.Errorf("got actor %q and reason %q", v.Actor, v.Reason)
	}
	page := string(c.HTML())
	if strings.Contains(page, "<script") || strings.Count(page, "<pre") != 2 || strings.Count(page, "<style") != 1 {
		t.Errorf("what was written acts in the page: %s", page)
	}
}
