package block

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

var update = flag.Bool("update", false, "write golden files that are missing")

// items are events of every kind with every property that the meta section
// has a column for.
func items(t testing.TB) []Item {
	t.Helper()
	at := time.Date(2026, 11, 20, 8, 0, 0, 5, time.UTC)
	bodies := []*pb.Event{
		{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model:        &pb.Model{Provider: "openai", Name: "gpt-4o", Version: "2026-08-06", Fingerprint: "fp_1"},
			FinishReason: "stop", Usage: &pb.Usage{InputTokens: 12, OutputTokens: 1 << 40},
			TimeToFirstToken: durationpb.New(120 * time.Millisecond), Duration: durationpb.New(0),
			Verdicts: []*pb.Verdict{
				{Scope: pb.Verdict_OUTPUT, Classifier: &pb.Classifier{Name: "shield", Version: "3"}, Category: "self_harm", Score: 0.91, Threshold: new(0.5), Action: pb.Verdict_REPLACED},
				{Scope: pb.Verdict_INPUT, Category: "hate", Action: pb.Verdict_ALLOWED},
			},
		}}},
		{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}}},
		{Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "e1", Category: "hate", Score: 1}}},
		{Body: &pb.Event_Report{Report: &pb.Report{Target: "e1", Session: "s", Reporter: pb.Report_USER, Category: "harm"}}},
		{Body: &pb.Event_Action{Action: &pb.Action{Target: "e1", Kind: pb.Action_NOTICE, Name: "card"}}},
		{Body: &pb.Event_Coverage{Coverage: &pb.Coverage{Start: timestamppb.New(at), End: timestamppb.New(at.Add(time.Hour)),
			Strata: []*pb.Coverage_Stratum{{Rule: "r", Probability: new(0.1), Seen: 100, Captured: 9}}}}},
		{Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{Version: "v2"}}},
		{Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "r-1"}}},
		{Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "officer", Reason: "r-2", Detectors: []string{"email/1"}}}},
		{Body: &pb.Event_EpochBegan{EpochBegan: &pb.EpochBegan{Epoch: 2}}},
		{Body: &pb.Event_Restored{Restored: &pb.Restored{Size: 7, Epoch: 2, Lost: 1}}},
		{Body: &pb.Event_Exported{Exported: &pb.Exported{Stage: pb.Exported_READY, Operation: "o-1", Events: 3, Before: 90, Digest: []byte("digest")}}},
	}
	var out []Item
	for i, e := range bodies {
		e.Id, e.Seq = fmt.Sprintf("e%d", i), new(uint64(100+3*i))
		e.Time, e.Received = timestamppb.New(at.Add(time.Duration(i)*time.Second)), timestamppb.New(at.Add(time.Minute))
		e.Session, e.Turn, e.User, e.Class, e.PolicyVersion = fmt.Sprintf("s%d", i%2), uint32(i), "[USER:abc]", "routine", "v1"
		if i%2 == 0 {
			e.Source = &pb.Source{Service: "chat", Version: "4.2.0", Instance: "chat-7", Deployment: "triage", Environment: "prod", Region: "eu"}
			e.Capture = &pb.Capture{Probability: new(0.25), Rule: "always", Trigger: "report", Sequence: uint64(i + 1)}
			e.Trace = &pb.Trace{TraceId: "0af7651916cd43dd8448eb211c80319c", SpanId: "b7ad6b7169203331"}
		}
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Item{Seq: e.GetSeq(), Bytes: b, Event: e})
	}
	return out
}

func bucketKeys(t testing.TB) Keys {
	t.Helper()
	ring, err := keyring.Create(filepath.Join(t.TempDir(), "keys"))
	if err != nil {
		t.Fatal(err)
	}
	secret, _, err := ring.Current().NewSecret([]byte("test"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := secret.AEAD("block")
	if err != nil {
		t.Fatal(err)
	}
	hasher, err := secret.Hasher("words")
	if err != nil {
		t.Fatal(err)
	}
	texts, err := secret.Hasher("texts")
	if err != nil {
		t.Fatal(err)
	}
	return Keys{key, hasher, texts}
}

func codec(t testing.TB) *Codec {
	t.Helper()
	c, err := NewCodec()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// What goes into a block comes out of it.
func TestSealOpen(t *testing.T) {
	c, keys, in := codec(t), bucketKeys(t), items(t)
	key := keys.Block
	s, err := c.Seal(7, 3, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHeader(s.Header.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s.Header, h); diff != "" {
		t.Fatalf("header (-want +got):\n%s", diff)
	}
	text, err := c.OpenText(7, h, key, s.Text)
	if err != nil {
		t.Fatal(err)
	}
	meta, err := c.OpenMeta(7, h, key, s.Meta)
	if err != nil {
		t.Fatal(err)
	}
	for i, it := range in {
		if got := text.Bytes(i); !bytes.Equal(got, it.Bytes) {
			t.Errorf("text of event %d: got %x, want %x", i, got, it.Bytes)
		}
		got, err := meta.Event(i)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(it.Event, got, protocmp.Transform()); diff != "" {
			t.Errorf("meta of event %d (-want +got):\n%s", i, diff)
		}
	}
	if err := c.CheckMeta(7, h, key, s.Meta, in); err != nil {
		t.Errorf("check of its own meta: %v", err)
	}
	if err := c.CheckMeta(7, h, key, s.Meta, in[1:]); !errors.Is(err, ErrCorrupt) {
		t.Errorf("check of other events' meta: got %v, want ErrCorrupt", err)
	}
}

// A part that was moved to another block, section or header does not open.
func TestPartsAreBound(t *testing.T) {
	c, keys, in := codec(t), bucketKeys(t), items(t)
	key := keys.Block
	a, err := c.Seal(7, 3, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Seal(8, 3, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	later := a.Header
	later.LastSeq++
	unfiltered := a.Header
	unfiltered.Filtered = false
	unsketched := a.Header
	unsketched.Sketched = false
	stolen := a.Header
	stolen.Key = b.Header.Key
	for name, open := range map[string]func() error{
		"another block's number":   func() error { _, err := c.OpenText(8, a.Header, key, a.Text); return err },
		"another block's text":     func() error { _, err := c.OpenText(7, a.Header, key, b.Text); return err },
		"meta for text":            func() error { _, err := c.OpenText(7, a.Header, key, a.Meta); return err },
		"a changed header":         func() error { _, err := c.OpenText(7, later, key, a.Text); return err },
		"another block's key":      func() error { _, err := c.OpenText(7, stolen, key, a.Text); return err },
		"another bucket's key":     func() error { _, err := c.OpenText(7, a.Header, bucketKeys(t).Block, a.Text); return err },
		"another block's meta":     func() error { _, err := c.OpenMeta(7, a.Header, key, b.Meta); return err },
		"a truncated text":         func() error { _, err := c.OpenText(7, a.Header, key, a.Text[:len(a.Text)-1]); return err },
		"another block's filter":   func() error { _, err := c.OpenFilter(7, a.Header, key, b.Filter); return err },
		"a truncated filter":       func() error { _, err := c.OpenFilter(7, a.Header, key, a.Filter[1:]); return err },
		"no filter":                func() error { _, err := c.OpenFilter(7, a.Header, key, nil); return err },
		"another block's sketches": func() error { _, err := c.OpenSketches(7, a.Header, key, b.Sketch); return err },
		"a filter for sketches":    func() error { _, err := c.OpenSketches(7, a.Header, key, a.Filter); return err },
		"denied sketches":          func() error { _, err := c.OpenText(7, unsketched, key, a.Text); return err },
		"denied filter":            func() error { _, err := c.OpenText(7, unfiltered, key, a.Text); return err },
		"nothing at all for text":  func() error { _, err := c.OpenText(7, a.Header, key, nil); return err },
	} {
		if err := open(); !errors.Is(err, keyring.ErrOpen) {
			t.Errorf("%s: got %v, want ErrOpen", name, err)
		}
	}
}

// The bytes that are on people's disks can be read for ever: the golden files
// of a released version never change.
func TestGolden(t *testing.T) {
	in := items(t)[:7] // the kinds that version 1 began with
	h := Header{Bucket: 3, Count: 7, FirstSeq: 100, LastSeq: 118, MetaSize: 1, TextSize: 2, Key: bytes.Repeat([]byte{9}, keyring.WrappedSize)}
	h.MinTime, h.MaxTime = timeRange(in)
	v1 := h
	h.Filtered = true
	sketched, merged := h, h
	sketched.Sketched, merged.Sketched, merged.Merged = true, true, true
	for name, got := range map[string][]byte{"header.v1": v1.Append(nil), "header.v2": h.Append(nil), "header.v10": sketched.Append(nil), "header.v11": merged.Append(nil), "meta.v1": EncodeMeta(in), "text.v1": new(Codec).encodeText(in)} {
		path := filepath.Join("testdata", name+".golden")
		want, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && *update {
			want, err = got, os.WriteFile(path, got, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s: got %x\nwant %x", name, got, want)
		}
	}
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add(EncodeMeta(items(f)))
	f.Add([]byte{1, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := DecodeMeta(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || m != nil && m.Len() > len(b) {
				t.Fatalf("got %v", err)
			}
			return
		}
		var again []Item
		for i := range m.Len() {
			e, err := m.Event(i)
			if err != nil {
				return
			}
			again = append(again, Item{Seq: m.Seq(i), Event: e})
		}
		if _, err := DecodeMeta(EncodeMeta(again)); err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
	})
}

func FuzzDecodeText(f *testing.F) {
	f.Add(new(Codec).encodeText(items(f)), 7)
	f.Fuzz(func(t *testing.T, b []byte, n int) {
		text, err := decodeText(b, n&0xffff, len(b))
		if err != nil {
			return
		}
		var in []Item
		for i := range text.Len() {
			in = append(in, Item{Bytes: text.Bytes(i)})
		}
		again, err := decodeText(new(Codec).encodeText(in), len(in), len(new(Codec).encodeText(in)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range in {
			if !bytes.Equal(again.Bytes(i), in[i].Bytes) {
				t.Fatalf("event %d: got %x, want %x", i, again.Bytes(i), in[i].Bytes)
			}
		}
	})
}

func FuzzParseHeader(f *testing.F) {
	f.Add((&Header{Count: 1, Key: make([]byte, keyring.WrappedSize)}).Append(nil))
	f.Add((&Header{Count: 1, Key: make([]byte, keyring.WrappedSize), Filtered: true}).Append(nil))
	f.Add((&Header{Count: 1, Key: make([]byte, keyring.WrappedSize), Filtered: true, Merged: true, Sketched: true}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHeader(b)
		if err == nil && !bytes.Equal(h.Append(nil), b) {
			t.Fatalf("got %x, want %x", h.Append(nil), b)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	c, key := codec(b), bucketKeys(b)
	var in []Item
	size := 0
	for seq := uint64(0); size < TargetSize; seq++ {
		it := items(b)[0]
		it.Seq, it.Bytes = seq, bytes.Repeat(it.Bytes, 8)
		in, size = append(in, it), size+len(it.Bytes)
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Seal(1, 1, key, in); err != nil {
			b.Fatal(err)
		}
	}
}

// A section that is opened as far as an event has that event and those before it,
// and those alone, as they are in the whole.
func TestOpenTextTo(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	random := rand.New(rand.NewPCG(1, 2))
	var in []Item
	for i := range 600 {
		b := make([]byte, random.IntN(4_000))
		for j := range b { // compresses somewhat
			b[j] = byte(random.IntN(16))
		}
		in = append(in, Item{Seq: uint64(i), Bytes: b, Event: &pb.Event{}})
	}
	s, err := c.SealDense(7, 3, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // The second time memory is used again.
		part := false
		for to := 0; to < len(in); to += 37 {
			text, err := c.OpenTextTo(7, s.Header, keys.Block, s.Text, to)
			if err != nil {
				t.Fatal(err)
			}
			if text.Len() != len(in) || text.Opened() <= to {
				t.Fatalf("to %d: %d events of which %d are open", to, text.Len(), text.Opened())
			}
			part = part || text.Opened() < len(in)
			for i := range text.Opened() {
				if !bytes.Equal(text.Bytes(i), in[i].Bytes) {
					t.Fatalf("to %d: event %d is another", to, i)
				}
			}
			c.Recycle(text)
		}
		if !part {
			t.Error("always opened the whole")
		}
	}
	if _, err := c.OpenTextTo(7, s.Header, keys.Block, s.Text[1:], 0); !errors.Is(err, keyring.ErrOpen) {
		t.Errorf("truncated: got %v", err)
	}
}
