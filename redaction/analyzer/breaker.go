package analyzer

import (
	"sync"
	"time"
)

// A breaker counts failures in a row and is open from the Failures-th on,
// until a call succeeds. While open it lets one call through each Cooldown,
// the probe; a probe that never reports is thereby followed by another.
type breaker struct {
	Breaker

	mu       sync.Mutex
	failures int // in a row
	// since is when the breaker opened or last let a probe through, its
	// outcome known or not. Zero: the next call may be the probe.
	since time.Time
	// turn numbers opening and probes. Calls that began in an earlier turn
	// say nothing about this one, and their outcome is dropped.
	turn int
}

// An outcome is what a call says about the server.
type outcome int

const (
	succeeded outcome = iota
	failed
	abandoned // by its caller: says nothing
)

// enter returns the turn a call belongs to, or false if it must not be made.
func (b *breaker) enter(now time.Time) (turn int, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open() {
		return b.turn, true
	}
	// A clock that was set back must not keep the breaker open for longer.
	if waited := now.Sub(b.since); 0 <= waited && waited < b.Cooldown {
		return 0, false
	}
	b.since = now
	b.turn++
	return b.turn, true
}

// leave takes in the outcome of a call and reports whether it opened the
// breaker, or kept it open after a probe.
func (b *breaker) leave(turn int, o outcome, now time.Time) (opened bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if turn != b.turn {
		return false
	}
	switch o {
	case succeeded:
		b.failures = 0
	case failed:
		return b.fail(now)
	case abandoned:
		b.since = time.Time{}
	}
	return false
}

// fail counts a failure; b.mu is held.
func (b *breaker) fail(now time.Time) (opened bool) {
	if !b.open() {
		b.failures++
	}
	if !b.open() {
		return false
	}
	b.since = now
	b.turn++
	return true
}

func (b *breaker) open() bool { return b.failures >= b.Failures }
