package eventlog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/afterimage/afterimage/event"
)

// A Followed is one event and whose it is.
type Followed struct {
	Tenant event.Tenant
	Entry
}

// Follow yields every event of every tenant from position from on, in log
// order, and waits for more at the end, until ctx ends (the error is then
// ctx's) or the log is closed (ErrClosed). Forgotten events are left out.
func (l *Log) Follow(ctx context.Context, from event.Seq) iter.Seq2[*Followed, error] {
	return func(yield func(*Followed, error) bool) {
		for seq := from; ; {
			end, err := l.wait(ctx, seq)
			for ; err == nil && seq < end; seq++ {
				var f *Followed
				if f, err = l.followed(seq); errors.Is(err, ErrErased) {
					err = nil
				} else if err == nil && !yield(f, nil) {
					return
				}
				err = errors.Join(err, ctx.Err())
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// wait returns the log's size once it is over seq.
func (l *Log) wait(ctx context.Context, seq event.Seq) (event.Seq, error) {
	for {
		l.waiting.Lock()
		changed := l.changed
		l.waiting.Unlock()
		if size := l.Size(); size > seq {
			return size, nil
		}
		select {
		case <-changed:
		case <-l.done:
			return 0, ErrClosed
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

func (l *Log) followed(seq event.Seq) (*Followed, error) {
	select {
	case <-l.done:
		return nil, ErrClosed
	default:
	}
	at, err := l.locate(seq)
	if err != nil {
		return nil, err
	}
	var f *Followed
	err = l.at(seq, at, func(at location) error {
		_, b, err := l.header(at.block)
		if err != nil {
			return err
		}
		m, err := l.meta(at.block, nil)
		if err != nil {
			return err
		}
		if int(at.index) >= m.Len() || m.Seq(int(at.index)) != uint64(seq) {
			return fmt.Errorf("event %d: %w: block %d does not hold it", seq, ErrTampered, at.block)
		}
		l.mu.RLock()
		defer l.mu.RUnlock()
		f = &Followed{l.tenants[b.tenant].name, Entry{Seq: seq, Time: time.Unix(0, m.Time(int(at.index))).UTC(), store: l.store, at: at}}
		return nil
	})
	return f, err
}
