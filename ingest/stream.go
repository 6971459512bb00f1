package ingest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
)

// StreamName is the name of the stream that holds evidence until it is in the
// log.
const StreamName = "AFTERIMAGE"

const (
	// DefaultStreamBytes is how much evidence may wait in the stream. It fits
	// DefaultStoreBytes with room for what NATS keeps beside messages.
	DefaultStreamBytes = 4 << 30
	// duplicates is how long the stream drops what has the Nats-Msg-Id of an
	// earlier message, whatever its tenant and content, and acknowledges it all
	// the same. It is the least that NATS allows; the log knows duplicates by
	// tenant, id and content, for ever.
	duplicates = 100 * time.Millisecond
)

// streamDescription marks the streams that EnsureStream made.
const streamDescription = "Evidence on its way into the log"

// StreamConfig says what a stream made by EnsureStream looks like.
type StreamConfig struct {
	MaxBytes int64 // evidence that may wait, in bytes; 0: DefaultStreamBytes
	Replicas int   // copies in a cluster; 0: 1
}

// EnsureStream makes the stream if it is absent and checks it if it is there:
// one that could lose evidence is refused with all that is wrong with it. It
// changes an existing stream in one case: a stream that EnsureStream itself
// made with a longer window of duplicates gets the window of today.
func EnsureStream(ctx context.Context, js jetstream.JetStream, cfg StreamConfig) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	s, err := js.Stream(ctx, StreamName)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		s, err = js.CreateStream(ctx, cfg.stream())
	}
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody was quicker
		s, err = js.Stream(ctx, StreamName)
	}
	if err != nil {
		return fmt.Errorf("make stream %s: %w", StreamName, err)
	}
	if s, err = narrowed(ctx, js, s); err != nil {
		return fmt.Errorf("narrow the window of duplicates of stream %s: %w", StreamName, err)
	}
	if wrong := streamProblems(s.CachedInfo().Config); len(wrong) > 0 {
		return fmt.Errorf("stream %s would lose evidence: %s: change it or delete it", StreamName, strings.Join(wrong, "; "))
	}
	return nil
}

// narrowed returns the stream with the window of duplicates of today if an
// earlier EnsureStream made it: nobody else could change an embedded one.
func narrowed(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) (jetstream.Stream, error) {
	c := s.CachedInfo().Config
	if c.Description != streamDescription || c.Duplicates <= duplicates {
		return s, nil
	}
	c.Duplicates = duplicates
	return js.UpdateStream(ctx, c)
}

// stream is the configuration of a new stream. It refuses what does not fit
// instead of dropping what is there.
func (c StreamConfig) stream() jetstream.StreamConfig {
	if c.MaxBytes == 0 {
		c.MaxBytes = DefaultStreamBytes
	}
	return jetstream.StreamConfig{
		Name:        StreamName,
		Description: streamDescription,
		Subjects:    []string{event.Subjects},
		Retention:   jetstream.LimitsPolicy, // see sweep
		Storage:     jetstream.FileStorage,
		Discard:     jetstream.DiscardNew,
		MaxBytes:    c.MaxBytes,
		MaxMsgSize:  MaxPayload,
		Duplicates:  duplicates,
		Replicas:    max(c.Replicas, 1),
		MaxMsgs:     -1,
		// Publishers of single events may send a hundred for one fsync, still
		// acknowledged only after it (NATS ADR-50).
		AllowAtomicPublish: true,
	}
}

// streamProblems lists how a stream of this configuration could lose
// evidence that it acknowledged, never get it or cease to take any, or lose
// what is not evidence to the sweep.
func streamProblems(c jetstream.StreamConfig) []string {
	var wrong []string
	add := func(bad bool, format string, args ...any) {
		if bad {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	add(!slices.Equal(c.Subjects, []string{event.Subjects}),
		"its subjects are not %s alone: evidence would be missed, or what is not evidence purged", event.Subjects)
	add(len(c.Sources) > 0, "it takes messages from other streams (sources), which would be purged with evidence")
	add(c.Mirror != nil, "it is a mirror, to which nobody can publish")
	add(c.Sealed, "it is sealed")
	add(c.Storage != jetstream.FileStorage, "its storage is memory: want file")
	add(c.PersistMode == jetstream.AsyncPersistMode, "its persist mode is async: it acknowledges before it stores")
	add(c.NoAck, "it acknowledges nothing (no_ack)")
	add(c.Retention == jetstream.InterestPolicy, "its retention is interest: it drops what comes while no consumer is there")
	add(c.MaxAge > 0, "it drops messages after %v (max_age)", c.MaxAge)
	add(c.Duplicates > duplicates, "it drops messages with the Nats-Msg-Id of another for %v (duplicate_window): want %v",
		c.Duplicates, duplicates)
	add(c.AllowMsgTTL, "publishers may let messages expire (allow_msg_ttl)")
	add(c.SubjectDeleteMarkerTTL > 0, "it adds messages of its own (subject_delete_marker_ttl)")
	add(c.AllowMsgSchedules, "publishers may let it hold back and replace messages (allow_msg_schedules)")
	add(c.DenyPurge, "it cannot be purged of what is in the log, and would fill up (deny_purge)")
	add(c.AllowRollup, "publishers may replace earlier messages (allow_rollup_hdrs)")
	add(c.AllowMsgCounter, "it keeps counters, not messages (allow_msg_counter)")
	add(c.SubjectTransform != nil, "it changes subjects (subject_transform), and with them tenants")
	if c.Discard == jetstream.DiscardOld {
		add(c.MaxBytes > 0, "it drops the oldest messages above %d bytes (max_bytes with discard old)", c.MaxBytes)
		add(c.MaxMsgs > 0, "it drops the oldest messages above %d (max_msgs with discard old)", c.MaxMsgs)
	}
	add(c.MaxMsgsPerSubject > 0 && (c.Discard != jetstream.DiscardNew || !c.DiscardNewPerSubject),
		"it drops the oldest messages of a subject above %d (max_msgs_per_subject)", c.MaxMsgsPerSubject)
	add(c.MaxMsgSize > 0 && int(c.MaxMsgSize) < minMsgSize,
		"it refuses messages above %d bytes (max_msg_size): want at least %d", c.MaxMsgSize, minMsgSize)
	return wrong
}

// minMsgSize fits the largest valid batch with its headers.
const minMsgSize = event.DefaultBatchBytes + 64<<10
