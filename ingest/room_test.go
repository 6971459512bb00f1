package ingest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
)

// While the disk is nearly full publishers get an error at once, not silence,
// nothing that is stored is dropped, and with room messages are taken again.
func TestNearlyFullDiskRefusesPublishers(t *testing.T) {
	s := startServer(t, ServerConfig{Dir: t.TempDir(), MinFree: 1})
	js := connect(t, s)
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	publish := func() error {
		_, err := js.Publish(t.Context(), event.Subject("acme", event.Interaction), []byte("{}"))
		return err
	}
	look := func(minFree uint64) {
		t.Helper()
		s.cfg.MinFree = minFree
		if err := s.look(); err != nil {
			t.Fatal(err)
		}
	}
	look(1)
	if err := publish(); err != nil {
		t.Fatal(err)
	}
	look(1 << 60) // no disk has as much
	if err := publish(); err == nil || !strings.Contains(err.Error(), "resource limits exceeded") {
		t.Errorf("publish on a full disk: got %v, want to be refused", err)
	}
	if err := s.Healthy(); err == nil || !strings.Contains(err.Error(), "make room") {
		t.Errorf("health on a full disk: got %v, want what to do", err)
	}
	if s.Writable() {
		t.Error("a full disk is writable")
	}
	look(1)
	if err := errors.Join(publish(), s.Healthy()); err != nil || !s.Writable() {
		t.Errorf("with room again: %v", err)
	}
	stream, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if got := stream.CachedInfo().State.Msgs; got != 2 {
		t.Errorf("the stream has %d messages, want 2", got)
	}
}

// A server that cannot write says nothing to publishers, for good: Run must
// end with it, and Healthy must tell.
func TestRunEndsWhenNothingCanBeWritten(t *testing.T) {
	s := startServer(t, ServerConfig{Dir: t.TempDir(), MinFree: 1})
	ended := make(chan error, 1)
	go func() { ended <- s.Run(t.Context()) }()
	s.log.Errorf("Filestore [%s] Critical write error: %v", StreamName, errors.New("no space left on device"))
	if err := <-ended; !errors.Is(err, ErrStreamFailed) || !strings.Contains(err.Error(), "start again") {
		t.Errorf("got %v, want ErrStreamFailed and what to do", err)
	}
	if err := s.Healthy(); !errors.Is(err, ErrStreamFailed) {
		t.Errorf("health: got %v, want ErrStreamFailed", err)
	}
}

// JetStream that NATS switched off takes nothing either.
func TestRunEndsWhenJetStreamIsOff(t *testing.T) {
	s := startServer(t, ServerConfig{Dir: t.TempDir(), MinFree: 1})
	if err := s.nats.Load().ShutdownJetStream(); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ErrStreamFailed) {
		t.Errorf("got %v, want ErrStreamFailed", err)
	}
}

// Run ends with its context, which is no error.
func TestRunEndsWithContext(t *testing.T) {
	s := startServer(t, ServerConfig{Dir: t.TempDir(), MinFree: 1})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
