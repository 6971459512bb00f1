package eventlog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// As many have their turn as there are processors; while events are appended one
// less, so that whoever appends finds one; and the last processor is never kept back.
func TestTurns(t *testing.T) {
	for processors := range 4 {
		for _, appending := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				all := turnsOf(processors + 1)
				want := processors + 1
				if appending {
					want = max(processors, 1)
					all.appended(busyTime / busyPart)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var have, failed int
				ended := make(chan error)
				for range want + 2 {
					go func() {
						turn := Turn{of: all}
						err := turn.Next(ctx)
						if err == nil {
							have++ // one at a time: the bubble has them wait for each other
							<-ctx.Done()
						}
						turn.End()
						ended <- err
					}()
					synctest.Wait()
				}
				if have != want {
					t.Errorf("%d processors, appending %v: %d have their turn, want %d", processors+1, appending, have, want)
				}
				cancel()
				for range want + 2 {
					if err := <-ended; errors.Is(err, context.Canceled) {
						failed++
					}
				}
				if failed != 2 {
					t.Errorf("%d were told that nobody waits any more, want 2", failed)
				}
				turn := Turn{of: all}
				if err := turn.Next(t.Context()); err != nil {
					t.Error(err)
				}
				turn.End()
				turn.End() // does nothing
			})
		}
	}
}

// Whoever took their time waits for those who waited before.
func TestTurnsPassOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := turnsOf(1)
		first, second := Turn{of: all}, Turn{of: all}
		if err := first.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := make(chan struct{})
		go func() {
			if err := second.Next(t.Context()); err != nil {
				t.Error(err)
			}
			close(got)
			second.End()
		}()
		synctest.Wait()
		if err := first.Next(t.Context()); err != nil { // not yet
			t.Fatal(err)
		}
		select {
		case <-got:
			t.Error("a turn ended before its time")
		default:
		}
		first.began = first.began.Add(-turnTime)
		if err := first.Next(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case <-got:
		default:
			t.Error("a turn that took its time was not passed on")
		}
		first.End()
	})
}

// While appending takes its share of the time, readers rest as long as they work; a
// little of it does not make them, nor does what was long ago.
func TestTurnsRest(t *testing.T) {
	const steps, step = 100, time.Millisecond
	for _, c := range []struct {
		name           string
		appending, ago time.Duration
		want           time.Duration
	}{
		{"much", busyTime / busyPart, 0, 2 * steps * step},
		{"much in the last period", busyTime / busyPart, busyTime, 2 * steps * step},
		{"little", busyTime/busyPart - 1, 0, steps * step},
		{"long ago", busyTime, 2 * busyTime, steps * step},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				all := turnsOf(2)
				all.appended(c.appending)
				time.Sleep(c.ago)
				began := time.Now()
				turn := Turn{of: all}
				for range steps {
					if err := turn.Next(t.Context()); err != nil {
						t.Fatal(err)
					}
					time.Sleep(step) // the work
				}
				turn.End()
				if got := time.Since(began); got != c.want {
					t.Errorf("took %v, want %v", got, c.want)
				}
			})
		})
	}
}
