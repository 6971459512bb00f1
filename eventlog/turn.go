package eventlog

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// Readers that go through much take turns on the processors, each for a moment, the
// one that waited longest first, as many at a time as there are processors. While
// appending takes its share of the time it is one less, unless it is the only one, and
// for each turn there is a rest as long as that. So neither appends nor short questions
// wait for long ones.
const (
	turnTime = 500 * time.Microsecond // after which the next one is due
	restTime = time.Millisecond       // the shortest rest: several turns' together
	restMost = 5 * time.Millisecond   // the longest: others wait meanwhile
	busyTime = time.Second            // over which appending is measured
	busyPart = 20                     // of that, from which on readers rest: a twentieth
)

// turns are shared by all readers of a log.
type turns struct {
	all, spared *semaphore.Weighted
	owed        atomic.Int64 // the rest that is due, in nanoseconds
	began       time.Time

	mu           sync.Mutex    // guards what follows
	period       time.Duration // the one under way, of busyTime each
	before, here time.Duration // that appending took in the last one, and in this one
}

func newTurns() *turns { return turnsOf(runtime.GOMAXPROCS(0)) }

func turnsOf(processors int) *turns {
	n := int64(processors)
	return &turns{
		all: semaphore.NewWeighted(n), spared: semaphore.NewWeighted(max(n-1, 1)),
		began: time.Now(), //nolint:forbidigo // It is no evidence.
	}
}

// busy reports whether much is being appended.
func (t *turns) busy() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	return max(t.before, t.here) >= busyTime/busyPart
}

// appended notes that appending took so long, but for the disk.
func (t *turns) appended(took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.roll()
	t.here += took
}

// roll begins the next period, if it is time to.
func (t *turns) roll() {
	period := time.Since(t.began) / busyTime
	switch period {
	case t.period:
		return
	case t.period + 1:
		t.before = t.here
	default:
		t.before = 0
	}
	t.period, t.here = period, 0
}

// rest waits as long as is due, with the turn of one who was spared.
func (t *turns) rest(worked time.Duration) {
	if owed := t.owed.Add(int64(worked)); owed >= int64(restTime) {
		t.owed.Add(-owed)
		time.Sleep(min(time.Duration(owed), restMost))
	}
}

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
		t.of.rest(time.Since(t.began))
		t.of.spared.Release(1)
	}
}
