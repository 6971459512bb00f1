package ingest

import (
	"bytes"
	"errors"
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
	if _, err := js.Publish(t.Context(), event.Subject("t", event.Interaction), body); err != nil {
		t.Error(err)
	}
}

func TestStreamThatLosesEvidenceIsRefused(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*jetstream.StreamConfig){
		"":             func(*jetstream.StreamConfig) {},
		"do not cover": func(c *jetstream.StreamConfig) { c.Subjects = []string{"evidence.*"} },
		"memory":       func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage },
		"persist mode is asyn": func(c *jetstream.StreamConfig) {
			c.AllowAtomicPublish, c.PersistMode = false, jetstream.AsyncPersistMode
		},
		"no_ack":               func(c *jetstream.StreamConfig) { c.NoAck = true },
		"interest":             func(c *jetstream.StreamConfig) { c.Retention = jetstream.InterestPolicy },
		"max_age":              func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour },
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

// All problems are named at once, not one per attempt.
func TestStreamProblemsAreAllNamed(t *testing.T) {
	c := jetstream.StreamConfig{Storage: jetstream.MemoryStorage, MaxAge: time.Hour, NoAck: true}
	if got := streamProblems(c); len(got) != 4 {
		t.Errorf("got %d problems, want 4: %q", len(got), got)
	}
}
