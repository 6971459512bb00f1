package eventlog

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
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
					all.append()
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
