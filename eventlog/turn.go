package eventlog

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Readers that go through much take turns on the processors, each for a moment, the
// one that waited longest first: as many at a time as there are processors, and one
// less while events are appended, unless it is the only one. So neither appends nor
// short questions wait for long ones.
const (
	turnTime = 500 * time.Microsecond // after which the next one is due
	calmTime = time.Second            // after an append, until no more are expected
)

// turns are shared by all readers of a log.
type turns struct {
	all, spared *semaphore.Weighted
	made        time.Time
	appended    atomic.Int64 // how long after made something was last, in nanoseconds; 0: never
}

func newTurns() *turns { return turnsOf(runtime.GOMAXPROCS(0)) }

func turnsOf(processors int) *turns {
	n := int64(processors)
	return &turns{
		all: semaphore.NewWeighted(n), spared: semaphore.NewWeighted(max(n-1, 1)),
		made: time.Now(), //nolint:forbidigo // It is no evidence.
	}
}

// busy reports whether events are being appended.
func (t *turns) busy() bool {
	last := time.Duration(t.appended.Load())
	return last > 0 && time.Since(t.made)-last < calmTime
}

// append notes that something is appended.
func (t *turns) append() { t.appended.Store(max(int64(time.Since(t.made)), 1)) }

// A Turn is a reader's turn on a processor, once Next was called. It belongs to one
// goroutine, which does not wait for anybody but the disk while it has it.
type Turn struct {
	of          *turns
	began       time.Time
	held, spare bool
}

// Turn is for work that goes through many events: Next before each step, and End
// after the last one.
func (s *store) Turn() Turn { return Turn{of: s.turns} }

// Next waits for a turn where there is none, and lets others have theirs first where
// this one took its time. After an error, which is the context's, there is none.
func (t *Turn) Next(ctx context.Context) error {
	if t.held {
		if time.Since(t.began) < turnTime && ctx.Err() == nil {
			return nil
		}
		t.End()
		if t.of.busy() {
			runtime.Gosched() // behind whatever appends
		}
	}
	spare := t.of.busy()
	if spare {
		if err := t.of.spared.Acquire(ctx, 1); err != nil {
			return err
		}
	}
	if err := t.of.all.Acquire(ctx, 1); err != nil {
		if spare {
			t.of.spared.Release(1)
		}
		return err
	}
	t.began = time.Now() //nolint:forbidigo // It is no evidence.
	t.held, t.spare = true, spare
	return nil
}

// End ends the turn, if there is one.
func (t *Turn) End() {
	if !t.held {
		return
	}
	t.held = false
	t.of.all.Release(1)
	if t.spare {
		t.of.spared.Release(1)
	}
}
