package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

const (
	invalid  = pb.Quarantined_INVALID
	tooLarge = pb.Quarantined_TOO_LARGE
)

// badMessage is a message that cannot be stored, and what must be said of it.
type badMessage struct {
	name        string
	subject     string // "": an interaction of acme's
	contentType string // "": JSON; "-": none
	encoding    string
	body        []byte
	cause       pb.Quarantined_Cause
	reason      string // a part of it
	tenant      event.Tenant
}

// with returns the JSON of a valid event with one field's text replaced.
func with(old, new string) []byte {
	now := time.Now().UTC().Format(time.RFC3339)
	s := fmt.Sprintf(`{"id":"bad","time":%q,"turn":1,"interaction":{"input":[{"role":"user","parts":[{"text":"hi"}]}],`+
		`"verdicts":[{"classifier":{"name":"shield"},"category":"harm","score":0.5}]}}`, now)
	if !strings.Contains(s, old) {
		panic("nothing to replace: " + old)
	}
	return []byte(strings.Replace(s, old, new, 1))
}

func bomb(t *testing.T, size int) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	for range size >> 20 {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func batchOf(t *testing.T, events ...*pb.Event) []byte {
	t.Helper()
	b, err := proto.Marshal(&pb.EventBatch{Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func badMessages(t *testing.T) []badMessage {
	year := time.Now().UTC().Format("2006-")
	const protobuf = event.ContentTypeProtobuf
	return []badMessage{
		{name: "wrong type", body: with(`"turn":1`, `"turn":"one"`), cause: invalid, reason: "turn"},
		{name: "missing id", body: with(`"id":"bad",`, ``), cause: invalid, reason: "id"},
		{name: "score above 1", body: with(`0.5`, `1.7`), cause: invalid, reason: "interaction.verdicts[0].score: 1.7 is above 1"},
		{name: "1970", body: with(`"time":"`+year, `"time":"1970-`), cause: invalid, reason: "time"},
		{name: "a day ahead", body: with(time.Now().UTC().Format("2006-01-02T"), time.Now().UTC().AddDate(0, 0, 1).Format("2006-01-02T")), cause: invalid, reason: "time"},
		{name: "long id", body: with(`"bad"`, `"`+strings.Repeat("x", 65)+`"`), cause: invalid, reason: "id"},
		{name: "NUL in id", body: with(`"bad"`, `"a\u0000b"`), cause: invalid, reason: "id"},
		{name: "invalid UTF-8", body: with(`hi`, "\xff\xfe"), cause: invalid, reason: "UTF-8"},
		{name: "unknown field", body: with(`"turn"`, `"turm"`), cause: invalid, reason: "turm"},
		{name: "store's field", body: with(`"turn":1`, `"class":"ledger"`), cause: invalid, reason: "class"},
		{name: "no body", body: []byte(`{"id":"x","time":"` + time.Now().UTC().Format(time.RFC3339) + `"}`), cause: invalid, reason: "body"},
		{name: "not JSON", body: []byte("{"), cause: invalid},
		{name: "empty", body: nil, cause: invalid},
		{name: "2 MiB event", body: with(`hi`, strings.Repeat("x", 2<<20)), cause: tooLarge, reason: "limit"},
		{name: "largest payload", body: with(`hi`, strings.Repeat("x", MaxPayload-4096)), cause: tooLarge, reason: "limit"},
		{name: "unknown content type", contentType: "text/plain", body: with(`hi`, `ho`), cause: invalid, reason: "Content-Type"},
		{name: "no content type", contentType: "-", body: with(`hi`, `ho`), cause: invalid, reason: "Content-Type"},
		{name: "content type in Latin-1", contentType: "caf\xe9", body: with(`hi`, `ho`), cause: invalid, reason: "Content-Type"},
		{name: "unknown encoding", encoding: "gzip", body: with(`hi`, `ho`), cause: invalid, reason: "Content-Encoding"},
		{name: "truncated protobuf", contentType: protobuf, body: batchOf(t, interaction("x", "hi"))[:40], cause: invalid, reason: "events[0]"},
		{name: "empty batch", contentType: protobuf, body: nil, cause: invalid, reason: "events"},
		{name: "not zstd", contentType: protobuf, encoding: "zstd", body: []byte("nonsense"), cause: invalid, reason: "zstd"},
		{name: "zstd bomb", contentType: protobuf, encoding: "zstd", body: bomb(t, 1<<30), cause: tooLarge, reason: "decompressed"},
		{name: "zstd bomb, JSON", encoding: "zstd", body: bomb(t, 64<<20), cause: tooLarge, reason: "decompressed"},
		{name: "other kind", subject: "evidence.acme-hospital.verdict", body: with(`hi`, `ho`), cause: invalid, reason: "kind"},
		{name: "unknown kind", subject: "evidence.acme-hospital.rumour", body: with(`hi`, `ho`), cause: invalid, reason: "subject"},
		{name: "ledger kind", subject: "evidence.acme-hospital.policy_applied", body: with(`hi`, `ho`), cause: invalid, reason: "subject"},
		{name: "tenant with a dot", subject: "evidence.acme.hospital.interaction", body: with(`hi`, `ho`), cause: invalid, reason: "subject", tenant: event.System},
		{name: "tenant with a tilde", subject: "evidence.a~b.interaction", body: with(`hi`, `ho`), cause: invalid, reason: "tenant", tenant: event.System},
		{name: "tenant of the store", subject: "evidence._system.interaction", body: with(`hi`, `ho`), cause: invalid, reason: "tenant", tenant: event.System},
		{name: "tenant in Latin-1", subject: "evidence.caf\xe9.interaction", body: with(`hi`, `ho`), cause: invalid, reason: "tenant", tenant: event.System},
		{name: "no kind", subject: "evidence.acme-hospital", body: with(`hi`, `ho`), cause: invalid, reason: "subject", tenant: event.System},
	}
}

// Each bad message goes to quarantine whole, with what is wrong with it, and
// the consumer goes on with the good ones between them.
func TestBadInput(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	stop := r.start(t)
	type place struct {
		tenant   event.Tenant
		sequence uint64
	}
	tests := make(map[place]badMessage)
	for i, b := range badMessages(t) {
		if b.subject == "" {
			b.subject = event.Subject(acme, event.Interaction)
		}
		if b.tenant == "" {
			b.tenant = acme
		}
		switch b.contentType {
		case "":
			b.contentType = event.ContentTypeJSON
		case "-":
			b.contentType = ""
		}
		tests[place{b.tenant, r.publish(t, b.subject, b.contentType, b.encoding, b.body)}] = b
		r.publishBatch(t, interaction(fmt.Sprintf("good-%02d", i), "x"))
	}
	r.await(t)
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if got := len(r.stored(t, acme)); got != len(tests) {
		t.Errorf("stored %d good events, want %d", got, len(tests))
	}
	for _, tenant := range []event.Tenant{acme, event.System} {
		for _, q := range r.quarantined(t, tenant) {
			b, ok := tests[place{tenant, q.StreamSequence}]
			if !ok {
				t.Errorf("unexpected entry of %s: %s: %s", tenant, q.Subject, q.Reason)
				continue
			}
			delete(tests, place{tenant, q.StreamSequence})
			if q.Cause != b.cause || !strings.Contains(q.Reason, b.reason) {
				t.Errorf("%s: quarantined as %v: %q, want %v and %q", b.name, q.Cause, q.Reason, b.cause, b.reason)
			}
			if !bytes.Equal(q.Payload, b.body) || q.Size != uint64(len(b.body)) {
				t.Errorf("%s: payload of %d bytes, want the %d that were published", b.name, len(q.Payload), len(b.body))
			}
			if q.ContentType != clean(b.contentType, maxLabel) || q.ContentEncoding != b.encoding {
				t.Errorf("%s: type %q, encoding %q", b.name, q.ContentType, q.ContentEncoding)
			}
		}
	}
	for _, b := range tests {
		t.Errorf("%s: not in quarantine", b.name)
	}
	for _, content := range []string{"acme", "good-", "bad", "alice", "turm"} {
		if strings.Contains(r.output.String(), content) {
			t.Errorf("%q is in the logs", content)
		}
	}
}

// One bad event must not take the others of its batch with it.
func TestBadEventsOfABatchAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	score := interaction("score", "x")
	score.GetInteraction().Verdicts = []*pb.Verdict{{Category: "harm", Score: 1.7}}
	kind := &pb.Event{Id: "kind", Time: timestamppb.Now(), Body: &pb.Event_Report{Report: &pb.Report{Target: "a", Category: "c"}}}
	sequence := r.publishBatch(t, interaction("a", "x"), score, interaction("b", "x"), kind, interaction("c", "x"))
	r.drain(t)
	if diff := cmp.Diff([]string{"a", "b", "c"}, ids(r.stored(t, acme))); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	q := r.quarantined(t, acme)
	if len(q) != 2 {
		t.Fatalf("%d entries in quarantine, want 2", len(q))
	}
	for i, want := range []struct {
		index  uint32
		reason string
		event  *pb.Event
	}{
		{1, "events[1].interaction.verdicts[0].score: 1.7 is above 1", score},
		{3, "events[3]: is of kind report, but its subject says interaction", kind},
	} {
		if q[i].Index != want.index || q[i].StreamSequence != sequence || !strings.Contains(q[i].Reason, want.reason) {
			t.Errorf("entry %d of %d: %q, want %d: %q", q[i].Index, q[i].StreamSequence, q[i].Reason, want.index, want.reason)
		}
		wantPayload(t, q[i], want.event)
	}
}

// trap returns a detector that does something at every ~.
func trap(find func(*redaction.Candidate)) func(*Config) {
	return func(c *Config) {
		detectors := append(redaction.Default(), redaction.Detector{Type: "TRAP", Bytes: "~", Find: find})
		r, err := redaction.New(redaction.Config{Detectors: detectors, Timeout: 50 * time.Millisecond})
		if err != nil {
			panic(err)
		}
		c.Policy, c.RedactionTime = always(r, 0), time.Second
	}
}

// Invariant 3: however redaction fails, its event goes to quarantine as it
// came, is not stored, and holds up nothing.
func TestRedactionFailsClosed(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	for name, find := range map[string]func(*redaction.Candidate){
		"panic":   func(*redaction.Candidate) { panic("alice@example.com") },
		"hangs":   func(*redaction.Candidate) { <-release },
		"too far": func(c *redaction.Candidate) { c.Add(0, 1<<40) },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, trap(find))
			bad := interaction("bad", "of bob@example.org: ~")
			r.publishBatch(t, interaction("a", "of bob@example.org"), bad, interaction("b", "x"))
			r.publishBatch(t, interaction("c", "x"))
			r.drain(t)
			if diff := cmp.Diff([]string{"a", "b", "c"}, ids(r.stored(t, acme))); diff != "" {
				t.Errorf("stored (-want +got):\n%s", diff)
			}
			q := r.quarantined(t, acme)
			if len(q) != 1 || q[0].Cause != pb.Quarantined_REDACTION || q[0].Index != 1 {
				t.Fatalf("quarantine is %v, want the one event", q)
			}
			if strings.Contains(q[0].Reason, "alice") {
				t.Errorf("reason has content: %q", q[0].Reason)
			}
			wantPayload(t, q[0], bad)
		})
	}
}

// Redactions that hang for ever must not pile up without limit.
func TestTooManyRedactionsHang(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	r := newRig(t, trap(func(*redaction.Candidate) { <-release }))
	r.cfg.RedactionTime = time.Millisecond
	for i := range maxStuck + 5 {
		r.publishBatch(t, interaction(fmt.Sprint(i), "~"))
	}
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Run(t.Context()); !errors.Is(err, errStuck) {
		t.Errorf("run returned %v, want errStuck", err)
	}
}

// A policy that fails on an event, or gives it no class, must not lose it.
func TestClassificationFails(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) {
		c.classifying(func(e *pb.Event) error {
			switch e.Id {
			case "error":
				return errors.New("no such key: alice")
			case "none":
				return nil
			}
			return routine(e)
		})
	})
	r.publishBatch(t, interaction("error", "x"), interaction("none", "x"), interaction("good", "x"))
	r.drain(t)
	if diff := cmp.Diff([]string{"good"}, ids(r.stored(t, acme))); diff != "" {
		t.Errorf("stored (-want +got):\n%s", diff)
	}
	q := r.quarantined(t, acme)
	if len(q) != 2 {
		t.Fatalf("%d entries in quarantine, want 2", len(q))
	}
	for _, q := range q {
		if q.Cause != invalid || !strings.Contains(q.Reason, "policy") || strings.Contains(q.Reason, "alice") {
			t.Errorf("quarantined as %v: %q", q.Cause, q.Reason)
		}
	}
}

// Invariant 9: the weight of a message is what it can become.
func TestWeight(t *testing.T) {
	c := &Consumer{decoded: 4 << 20}
	plain := interactions("e", 100)
	body, _, _, err := event.EncodeBatch(plain)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(len(batchOf(t, plain...)))
	for name, test := range map[string]struct {
		encoding string
		body     []byte
		want     int64
	}{
		"plain":       {"", make([]byte, 1000), 1000},
		"plain, huge": {"", make([]byte, 5<<20), 4 << 20},
		"says so":     {"zstd", body, size},
		"a bomb":      {"zstd", bomb(t, 64<<20), 4 << 20},
		"two frames":  {"zstd", append(bytes.Clone(body), body...), 4 << 20},
		"cut off":     {"zstd", body[:len(body)-1], 4 << 20},
		"not zstd":    {"zstd", []byte("x"), 4 << 20},
	} {
		if got := c.decodedSize(test.encoding, test.body); got != test.want {
			t.Errorf("%s: decodes to %d bytes, want %d", name, got, test.want)
		}
	}
}

// Invariant 9: what a message costs grows with its size, not with its square,
// however much of it is rejected and wherever.
func TestRejectedBatchIsDecodedFewTimes(t *testing.T) {
	t.Parallel()
	const n = 2000
	fails := func(*pb.Event) error { return errors.New("no such class") }
	for name, c := range map[string]struct {
		classify func(*pb.Event) error
		cause    pb.Quarantined_Cause
	}{
		"conflict": {routine, pb.Quarantined_CONFLICT},
		"policy":   {fails, pb.Quarantined_INVALID},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.publishBatch(t, interactions("e", n)...)
			r.drain(t)
			again := interactions("e", n)
			for _, e := range again {
				e.GetInteraction().Input[0].Parts[0] = &pb.Part{Kind: &pb.Part_Text{Text: "other content"}}
			}
			r.publishBatch(t, again...)
			r.cfg.classifying(c.classify)
			if got := drainCounting(t, r); got > 3 {
				t.Errorf("message was decoded %d times, want at most 3", got)
			}
			q := r.quarantined(t, acme)
			if len(q) != n {
				t.Fatalf("%d entries in quarantine, want %d", len(q), n)
			}
			for i, entry := range q {
				if entry.Cause != c.cause || entry.Index != uint32(i) {
					t.Fatalf("entry %d is %v of event %d", i, entry.Cause, entry.Index)
				}
				wantPayload(t, entry, again[i])
			}
		})
	}
}

// drainCounting drains the stream and returns how often it decoded a message.
func drainCounting(t *testing.T, r *rig) int64 {
	t.Helper()
	c, err := New(r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	var decodes atomic.Int64
	decode := c.decode
	c.decode = func(contentType, encoding string, body []byte, limits event.Limits) ([]*pb.Event, error) {
		decodes.Add(1)
		return decode(contentType, encoding, body, limits)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { err = c.Run(ctx) })
	r.await(t)
	cancel()
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	return decodes.Load()
}
