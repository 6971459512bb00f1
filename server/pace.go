package server

import (
	"context"
	"math"
	"time"

	"github.com/afterimage/afterimage/query"
)

// A pace holds frames back until their time has come.
type pace struct {
	speed    float64         // 0: at once
	last     uint64          // offset of the frame before, in milliseconds
	draining <-chan struct{} // closed when the server is to stop
}

func newPace(speed float64, draining <-chan struct{}) (*pace, error) {
	if !(speed >= 0) || math.IsInf(speed, 0) {
		return nil, &query.RequestError{Field: "speed", Reason: "is not 0 or more"}
	}
	return &pace{speed: speed, draining: draining}, nil
}

// wait returns when a frame with the given offset is due, or an error when
// ctx ends or the server is to stop.
func (p *pace) wait(ctx context.Context, offsetMS uint64) error {
	due := p.after(offsetMS)
	p.last = offsetMS
	if due == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(due)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-p.draining:
		return errStopping
	}
}

// after returns how long after the frame before one with the given offset is
// due.
func (p *pace) after(offsetMS uint64) time.Duration {
	if p.speed == 0 || offsetMS <= p.last {
		return 0
	}
	wait := float64(offsetMS-p.last) / p.speed * float64(time.Millisecond)
	return time.Duration(min(wait, math.MaxInt64/2))
}
