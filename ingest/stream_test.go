package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
)

func TestEnsureStreamIsMadeOnce(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t, ServerConfig{Dir: t.TempDir()}))
	for range 2 {
		if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
			t.Fatal(err)
		}
	}
}

// Invariant 1: NATS acknowledges what it drops as a duplicate, whatever its
// subject and content. With an id in use as Nats-Msg-Id that must soon end.
func TestSameMsgIDIsStoredAgain(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t, ServerConfig{Dir: t.TempDir()}))
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for i, tenant := range []event.Tenant{"a", "b", "a"} {
		until(t, "publishing is a duplicate for ever", func() bool {
			body := fmt.Appendf(nil, "content %d", i)
			ack, err := js.Publish(t.Context(), event.Subject(tenant, event.Interaction), body, jetstream.WithMsgID("e-1"))
			if err != nil {
				t.Fatal(err)
			}
			return !ack.Duplicate
		})
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
	if got := messages(t, js); got != 3 {
		t.Errorf("stream has %d messages, want 3", got)
	}
}

// What an earlier version made is put right: nobody can reach the embedded
// server while it does not start.
func TestOwnStreamIsNarrowed(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t, ServerConfig{Dir: t.TempDir()}))
	old := StreamConfig{}.stream()
	old.Duplicates = 2 * time.Minute
	if _, err := js.CreateStream(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), event.Subject("t", event.Interaction), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.CachedInfo().Config.Duplicates; got != 100*time.Millisecond {
		t.Errorf("duplicate window is %v, want 100ms", got)
	}
	if got := messages(t, js); got != 1 {
		t.Errorf("stream has %d messages, want the one that was there", got)
	}
}

// A full stream must refuse, not drop.
func TestFullStreamRefuses(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t, ServerConfig{Dir: t.TempDir()}))
	if err := EnsureStream(t.Context(), js, StreamConfig{MaxBytes: 4096}); err != nil {
		t.Fatal(err)
	}
	subject := event.Subject("t", event.Interaction)
	if _, err := js.Publish(t.Context(), subject, make([]byte, 3000)); err != nil {
		t.Fatal(err)
	}
	_, err := js.Publish(t.Context(), subject, make([]byte, 3000))
	if _, ok := errors.AsType[*jetstream.APIError](err); !ok {
		t.Errorf("publishing into a full stream: %v, want an error of JetStream", err)
	}
	if got := messages(t, js); got != 1 {
		t.Errorf("stream has %d messages, want the first", got)
	}
}

func TestMaxPayloadFits(t *testing.T) {
	t.Parallel()
	js := connect(t, startServer(t, ServerConfig{Dir: t.TempDir()}))
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), MaxPayload-1024)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // instead of the library's 5 s
	defer cancel()
	if _, err := js.Publish(ctx, event.Subject("t", event.Interaction), body); err != nil {
		t.Error(err)
	}
}

func TestStreamThatLosesEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*jetstream.StreamConfig){
		"":                       func(*jetstream.StreamConfig) {},
		"evidence would be miss": func(c *jetstream.StreamConfig) { c.Subjects = []string{"evidence.*"} },
		"is not evidence purged": func(c *jetstream.StreamConfig) { c.Subjects = []string{"evidence.>", "orders.>"} },
		"sources": func(c *jetstream.StreamConfig) {
			c.Sources = []*jetstream.StreamSource{{Name: "ORDERS"}}
		},
		"deny_purge": func(c *jetstream.StreamConfig) { c.DenyPurge = true },
		"allow_msg_schedules": func(c *jetstream.StreamConfig) {
			c.AllowMsgSchedules, c.Discard, c.MaxBytes = true, jetstream.DiscardOld, -1
		},
		"subject_delete_marker": func(c *jetstream.StreamConfig) { c.AllowMsgTTL, c.SubjectDeleteMarkerTTL = true, time.Hour },
		"memory":                func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"persist mode is asyn": func(c *jetstream.StreamConfig) {
			c.AllowAtomicPublish, c.PersistMode = false, jetstream.AsyncPersistMode
		},
		"no_ack":   func(c *jetstream.StreamConfig) { c.NoAck = true },
		"interest": func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
		"max_age":  func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
		"duplicate_window": func(c *jetstream.StreamConfig) {
			c.Description, c.Duplicates = "somebody else's", 2*time.Minute
		},
		"allow_msg_ttl":        func(c *jetstream.StreamConfig) { c.AllowMsgTTL = true },
		"allow_rollup_hdrs":    func(c *jetstream.StreamConfig) { c.AllowRollup = true },
		"max_bytes with disca": func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld },
		"max_msgs with discar": func(c *jetstream.StreamConfig) { c.Discard, c.MaxMsgs = jetstream.DiscardOld, 10 },
		"max_msgs_per_subject": func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 10 },
		"max_msg_size":         func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1 << 20 },
		"subject_transform": func(c *jetstream.StreamConfig) {
			c.SubjectTransform = &jetstream.SubjectTransformConfig{Source: "evidence.>", Destination: "evidence.other.>"}
		},
	} {
		t.Run(want, func(t *testing.T) {
			js := connect(t, startServer(t, ServerConfig{Dir: t.TempDir()}))
			c := StreamConfig{}.stream()
			c.Storage = jetstream.FileStorage
			change(&c)
			if c.Storage == jetstream.MemoryStorage {
				c.MaxBytes = 1 << 20
			}
			if _, err := js.CreateStream(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			err := EnsureStream(t.Context(), js, StreamConfig{})
			if want == "" && err != nil {
				t.Errorf("a good stream is refused: %v", err)
			}
			if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("got %v, want an error that names %q", err, want)
			}
		})
	}
}

// One that takes everything holds what is no evidence, too.
func TestStreamOfEverythingIsRefused(t *testing.T) {
	c := StreamConfig{}.stream()
	for _, subject := range []string{">", "*.>"} {
		c.Subjects = []string{subject}
		if got := streamProblems(c); len(got) != 1 || !strings.Contains(got[0], "subjects") {
			t.Errorf("%s: got %q, want its subjects alone", subject, got)
		}
	}
}

// All problems are named at once, not one per attempt.
func TestStreamProblemsAreAllNamed(t *testing.T) {
	c := jetstream.StreamConfig{Storage: jetstream.MemoryStorage, MaxAge: time.Hour, NoAck: true}
	if got := streamProblems(c); len(got) != 4 {
		t.Errorf("got %d problems, want 4: %q", len(got), got)
	}
}
