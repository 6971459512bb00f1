package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// How far the clock may have gone since it was last believed, beside the time
// that passed by the one that nobody sets; more is a clock that was set.
const (
	slackRunning = 24 * time.Hour     // while the process runs: a machine that slept, a clock that was corrected
	slackStopped = 7 * 24 * time.Hour // while it did not
	slackBack    = 5 * time.Minute    // backwards
	// How many times as long as it went too far a clock must have gone well before it
	// may do so again: one that goes too fast comes as far as one that is set, in steps.
	// A machine that sleeps twenty hours a day is believed.
	slackEarned = 5
)

// clock is what a Keeper makes of its clock. The last time that it believed is on
// record, so that a restart does not make it believe anything.
type clock struct {
	started time.Duration // uptime when the Keeper began
	known   time.Time     // what was on record of the time then; zero: nothing
	at      time.Time     // what it showed when this process last believed it; zero: not yet
	uptime  time.Duration // at that time
	used    time.Duration // what is left of how far it has gone too far
	refused bool          // what is on record of it last in this process
}

// readClock takes over a judgement.
func (b *books) readClock(j *pb.ClockJudged) {
	switch j.GetVerdict() {
	case pb.ClockJudged_ACCEPTED:
		b.believed = j
	case pb.ClockJudged_CONFIRMED:
		b.believed, b.restored = j, nil
	}
	b.judged = j
}

// judge returns the time, or ErrStopped with the reason why it is not believed. It
// changes nothing.
func (k *Keeper) judge(system *books) (time.Time, error) {
	now, up := k.cfg.Now().UTC(), k.cfg.Uptime()
	if err := k.lostNothingOf(system); err != nil {
		return now, err
	}
	last, allowed := k.clock.at, up-k.clock.uptime+slackRunning-k.used(up)
	if last.IsZero() {
		last, allowed = k.clock.known, up-k.clock.started+slackStopped
	}
	const confirm = "see to the clock, or run afterimage retention confirm if it is right"
	switch {
	case last.IsZero(): // Nothing is stored, and nothing can expire too soon.
		return now, nil
	case now.Before(last.Add(-slackBack)):
		return now, fmt.Errorf("%w: the clock shows %s and showed %s before: %s", ErrStopped, stamp(now), stamp(last), confirm)
	case now.Sub(last) > allowed:
		return now, fmt.Errorf("%w: the clock shows %s, which is %s after %s, when it was last believed: %s", ErrStopped, stamp(now), now.Sub(last).Round(time.Minute), stamp(last), confirm)
	}
	return now, nil
}

// lostNothingOf returns ErrStopped, with what to do, if a restore lost holds and
// erasures that nobody has seen to: nothing must be forgotten that a hold may have
// claimed.
func (k *Keeper) lostNothingOf(system *books) error {
	for _, r := range system.restored {
		if !k.cfg.Policies.deeds.whole(r.restore) {
			return fmt.Errorf("%w: the store was restored from a backup that lacks %d positions, and nothing was kept beside the keys; what they had of holds, policies and erasures is lost: place the holds and apply the policies again, run afterimage retention confirm, then ask for the erasures again", ErrStopped, r.positions)
		}
	}
	return nil
}

func (k *Keeper) lostNothing(ctx context.Context) error {
	system, err := k.of(ctx, event.System)
	if err != nil {
		return err
	}
	return k.lostNothingOf(system)
}

// lastKnown is the last time that is on record: of a clock that was believed, or,
// in a store that never judged one, of the newest event. It is asked for before
// anything is taken in by a clock that may be wrong.
func (k *Keeper) lastKnown(system *books) (last time.Time) {
	if system.believed != nil {
		return system.believed.GetClock().AsTime()
	}
	for _, b := range k.cfg.Log.Buckets() {
		if b.Day.After(last) {
			last = b.Day
		}
	}
	return last
}

// used returns how much of slackRunning the clock has used up.
func (k *Keeper) used(up time.Duration) time.Duration {
	return max(k.clock.used-slackEarned*(up-k.clock.uptime), 0)
}

// believed notes what the clock shows when it is believed.
func (k *Keeper) believed(now time.Time) {
	up, used := k.cfg.Uptime(), time.Duration(0)
	if !k.clock.at.IsZero() {
		used = k.used(up) + max(now.Sub(k.clock.at)-(up-k.clock.uptime), 0)
	}
	k.clock.at, k.clock.uptime, k.clock.used, k.clock.refused = now, up, used, false
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// believe returns the time by which things expire. It puts on record, once a day,
// that it believes the clock, and once that it does not. The caller holds the lock.
func (k *Keeper) believe(ctx context.Context) (time.Time, error) {
	system, err := k.of(ctx, event.System)
	if err != nil {
		return time.Time{}, err
	}
	now, stopped := k.judge(system)
	j := &pb.ClockJudged{Verdict: pb.ClockJudged_ACCEPTED, Clock: timestamppb.New(now), Last: system.believed.GetClock()}
	if stopped != nil {
		if !errors.Is(stopped, ErrStopped) || k.clock.refused {
			return time.Time{}, stopped
		}
		j.Verdict, j.Reason = pb.ClockJudged_REFUSED, stopped.Error()
		err := k.record(ctx, system, &pb.Event{Body: &pb.Event_ClockJudged{ClockJudged: j}})
		k.clock.refused = err == nil
		return time.Time{}, errors.Join(stopped, err)
	}
	if k.clock.refused || system.believed == nil || now.Truncate(24*time.Hour).After(system.believed.GetClock().AsTime()) {
		if err := k.record(ctx, system, &pb.Event{Body: &pb.Event_ClockJudged{ClockJudged: j}}); err != nil {
			return time.Time{}, err
		}
	}
	k.believed(now)
	return now, nil
}

// Begin puts on record what the Keeper makes of its clock. Whoever takes events in
// calls it first: from then on a clock that is set shows, also after a restart.
func (k *Keeper) Begin(ctx context.Context) error {
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	_, err = k.believe(ctx)
	if errors.Is(err, ErrStopped) {
		k.cfg.Logger.ErrorContext(ctx, "nothing expires", "err", err)
		return nil
	}
	return err
}

// Confirm puts on record that the clock is right, and that what a restore lost of
// holds and erasures was placed again. It returns the state after that.
func (k *Keeper) Confirm(ctx context.Context, actor, reason string) (*pb.RetentionState, error) {
	unlock, err := k.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := errors.Join(required("actor", actor), required("reason", reason)); err != nil {
		return nil, err
	}
	system, err := k.of(ctx, event.System)
	if err != nil {
		return nil, err
	}
	now := k.cfg.Now().UTC()
	err = k.record(ctx, system, &pb.Event{Body: &pb.Event_ClockJudged{ClockJudged: &pb.ClockJudged{
		Verdict: pb.ClockJudged_CONFIRMED, Clock: timestamppb.New(now), Last: system.believed.GetClock(), Actor: actor, Reason: reason,
	}}})
	if err != nil {
		return nil, err
	}
	k.clock.at = time.Time{} // It may have been set by any time.
	k.believed(now)
	return k.state(ctx)
}
