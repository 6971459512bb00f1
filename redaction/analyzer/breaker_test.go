package analyzer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A switchable server fails while told to.
type switchable struct {
	presidio
	failing atomic.Bool
}

func newSwitchable() *switchable {
	s := &switchable{}
	s.broken = func(w http.ResponseWriter, _ *http.Request, _ []string) bool {
		if s.failing.Load() {
			refuse(w, http.StatusServiceUnavailable, "")
		}
		return s.failing.Load()
	}
	return s
}

// TestBreaker follows one breaker of three failures and ten seconds.
func TestBreaker(t *testing.T) {
	s, now := newSwitchable(), newClock()
	c := serve(t, s, Config{Now: now.now, Breaker: Breaker{Failures: 3, Cooldown: 10 * time.Second}})
	for i, step := range []struct {
		pass    time.Duration
		failing bool
		asked   bool // the server sees the call
	}{
		{0, true, true},
		{0, true, true},
		{0, false, true}, // a success: the count begins anew
		{0, true, true},
		{0, true, true},
		{0, true, true}, // the third in a row opens it
		{0, false, false},
		{10*time.Second - 1, false, false},
		{1, true, true}, // the probe fails
		{0, false, false},
		{10*time.Second - 1, false, false},
		{1, false, true}, // the probe succeeds: closed
		{0, true, true},
		{0, true, true},
		{0, false, true},
		{0, true, true},
		{0, true, true},
		{0, true, true}, // open again
		{0, false, false},
		{-time.Hour, false, true}, // a clock set back does not keep it open for an hour
	} {
		now.add(step.pass)
		s.failing.Store(step.failing)
		before := s.count()
		_, err := c.Analyze(t.Context(), []string{"a"})
		if asked := s.count() > before; asked != step.asked {
			t.Fatalf("step %d: asked %t", i, asked)
		}
		if fails := step.failing || !step.asked; fails != errors.Is(err, ErrUnavailable) || !fails && err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// TestBreakerCountsMalformed: who answers rubbish is left alone as well.
func TestBreakerCountsMalformed(t *testing.T) {
	var calls atomic.Int64
	h := func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body("{}")(w, r)
	}
	c := serve(t, http.HandlerFunc(h), Config{Now: newClock().now, Breaker: Breaker{Failures: 2}})
	for i, want := range []error{ErrMalformed, ErrMalformed, ErrUnavailable, ErrUnavailable} {
		if _, err := c.Analyze(t.Context(), []string{"a"}); !errors.Is(err, want) {
			t.Errorf("call %d: got %v, want %v", i, err, want)
		}
	}
	if calls.Load() != 2 {
		t.Errorf("%d calls", calls.Load())
	}
}

// A deadlined context is one whose deadline passes when it is cancelled, so
// that a test need not wait for a clock.
type deadlined struct{ context.Context }

func (d deadlined) Err() error {
	if d.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

// Value hides the inner context from package context, which would ask that
// one for its error.
func (deadlined) Value(any) any { return nil }

// TestBreakerAndItsCallers: a call that its caller cancels is no failure, and
// as a probe it leaves the next call to be one. A caller's deadline counts: a
// server that is always too slow would otherwise never be left alone.
func TestBreakerAndItsCallers(t *testing.T) {
	var hanging atomic.Bool
	asked := make(chan struct{}, 100)
	p := &presidio{}
	h := func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		if hanging.Load() {
			hang("")(w, r)
			return
		}
		p.ServeHTTP(w, r)
	}
	now := newClock()
	c := serve(t, http.HandlerFunc(h), Config{Now: now.now, Breaker: Breaker{Failures: 1, Cooldown: time.Minute}})
	hanging.Store(true)
	// abandon ends a call, by cancelling or by deadline, once it is asked.
	abandon := func(want error) {
		t.Helper()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-asked
			cancel()
		}()
		if errors.Is(want, context.DeadlineExceeded) {
			ctx = deadlined{ctx}
		}
		if _, err := c.Analyze(ctx, []string{"a"}); !errors.Is(err, want) {
			t.Fatalf("got %v", err)
		}
	}
	abandon(context.Canceled)
	abandon(context.Canceled) // the breaker is closed: the server is asked
	abandon(context.DeadlineExceeded)
	if _, err := c.Analyze(t.Context(), []string{"a"}); !errors.Is(err, ErrUnavailable) || len(asked) != 0 {
		t.Fatalf("got %v, asked %d times: the breaker is not open", err, len(asked))
	}
	now.add(time.Minute)
	abandon(context.Canceled) // the probe
	hanging.Store(false)
	if _, err := c.Analyze(t.Context(), []string{"a"}); err != nil {
		t.Fatalf("no second probe: %v", err)
	}
}

// TestOneProbe: of many calls after the cooldown one reaches the server; the
// others do not wait for it.
func TestOneProbe(t *testing.T) {
	now, release := newClock(), make(chan struct{})
	var asked atomic.Int64
	h := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if asked.Add(1) == 1 {
			refuse(w, http.StatusServiceUnavailable, "")
			return
		}
		<-release
		reply(w, []result{})
	}
	c := serve(t, http.HandlerFunc(h), Config{Now: now.now, Breaker: Breaker{Failures: 1, Cooldown: time.Minute}})
	if _, err := c.Analyze(t.Context(), []string{"a"}); err == nil {
		t.Fatal("no failure")
	}
	now.add(time.Minute)
	var refused, answered atomic.Int64
	var others, probe sync.WaitGroup
	const calls = 20
	others.Add(calls - 1)
	for range calls {
		probe.Go(func() {
			if _, err := c.Analyze(t.Context(), []string{"a"}); err == nil {
				answered.Add(1)
				return
			}
			refused.Add(1)
			others.Done()
		})
	}
	others.Wait() // while the probe is under way
	close(release)
	probe.Wait()
	if refused.Load() != calls-1 || answered.Load() != 1 || asked.Load() != 2 {
		t.Errorf("%d refused, %d answered, %d asked", refused.Load(), answered.Load(), asked.Load())
	}
	if _, err := c.Analyze(t.Context(), []string{"a"}); err != nil {
		t.Errorf("not closed after the probe: %v", err)
	}
}

// TestLateOutcomes: calls that began before the breaker opened neither close
// it nor prolong it when they end.
func TestLateOutcomes(t *testing.T) {
	for _, o := range []outcome{succeeded, failed, abandoned} {
		b := breaker{Breaker: Breaker{Failures: 1, Cooldown: time.Minute}}
		now := newClock()
		late, _ := b.enter(now.now())
		turn, _ := b.enter(now.now())
		if !b.leave(turn, failed, now.now()) {
			t.Fatal("not open")
		}
		now.add(30 * time.Second)
		if b.leave(late, o, now.now()) {
			t.Errorf("outcome %d opens it again", o)
		}
		if _, ok := b.enter(now.now()); ok {
			t.Errorf("outcome %d closes it", o)
		}
		now.add(30 * time.Second)
		if _, ok := b.enter(now.now()); !ok {
			t.Errorf("outcome %d prolongs it", o)
		}
	}
}

// TestLostProbe: a probe that never reports, its goroutine having panicked,
// is followed by another a cooldown later.
func TestLostProbe(t *testing.T) {
	b := breaker{Breaker: Breaker{Failures: 1, Cooldown: time.Minute}}
	now := newClock()
	turn, _ := b.enter(now.now())
	b.leave(turn, failed, now.now())
	for i := range 3 {
		now.add(time.Minute)
		if _, ok := b.enter(now.now()); !ok {
			t.Fatalf("probe %d is not let through", i)
		}
		if _, ok := b.enter(now.now()); ok {
			t.Fatalf("a second call beside probe %d", i)
		}
	}
}

// TestOpeningForgetsCapability: after an outage another server may stand
// there.
func TestOpeningForgetsCapability(t *testing.T) {
	s, now := newSwitchable(), newClock()
	s.old = true
	c := serve(t, s, Config{Now: now.now, Breaker: Breaker{Failures: 1, Cooldown: time.Minute}})
	texts := []string{"a", "b"}
	requests := func(want int) {
		t.Helper()
		before := s.count()
		if _, err := c.Analyze(t.Context(), texts); (err != nil) != s.failing.Load() {
			t.Fatal(err)
		}
		if got := s.count() - before; got != want {
			t.Errorf("%d requests, want %d", got, want)
		}
	}
	requests(1 + 2)
	requests(2)
	s.failing.Store(true)
	before := s.count()
	if _, err := c.Analyze(t.Context(), texts[:1]); err == nil || s.count() != before+1 {
		t.Fatal("no failure")
	}
	s.failing.Store(false)
	now.add(time.Minute)
	requests(1 + 2)
}
