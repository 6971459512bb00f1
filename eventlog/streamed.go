package eventlog

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
)

// streamed says what the embedded JetStream's files, as they are under their key of
// now, may have. What is forgotten and was never in them needs no other key: the
// keys of all files that it was in are gone.
type streamed struct {
	before event.Seq // they have nothing of the events before this
	since  time.Time // nor of what was quarantined before this; zero: nothing is known
}

// encode writes 8 bytes each: the position, and the time in nanoseconds.
func (s streamed) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(s.before))
	return binary.BigEndian.AppendUint64(b, uint64(s.since.UnixNano()))
}

// readStreamed returns what is on record; the zero one if nothing is.
func (d disk) readStreamed() (s streamed, err error) {
	v, err := d.get(key1(spaceStreamed))
	if err != nil || v == nil {
		return s, err
	}
	if len(v) != 16 {
		return s, fmt.Errorf("%w: the record of what the stream has is %d bytes long", ErrTampered, len(v))
	}
	return streamed{event.Seq(binary.BigEndian.Uint64(v)), time.Unix(0, int64(binary.BigEndian.Uint64(v[8:])))}, nil
}

// openStreamed finds out what the stream's files may have. What is restored has
// none.
func (l *Log) openStreamed() (err error) {
	l.settled = l.cfg.Rekey != nil && l.ring.OldStreamKey() != ""
	if l.streamed, err = l.readStreamed(); err != nil || !l.cfg.restoring {
		return err
	}
	l.streamed = streamed{}
	return errors.Join(l.ring.FreshStream(), l.db.Delete(key1(spaceStreamed), pebble.NoSync))
}

// publishedAgain notes that events before a position are in the stream's files
// again: somebody published what the log has. It is on disk when it returns: what
// is acknowledged then is not delivered once more, to be noted after a crash. The
// caller holds writing.
func (l *Log) publishedAgain(results []Result) error {
	at := l.streamed
	for _, r := range results {
		if r.Outcome != Appended {
			at.before, l.again = min(at.before, r.Seq), min(l.again, r.Seq)
		}
	}
	if at == l.streamed {
		return nil
	}
	if err := l.db.Set(key1(spaceStreamed), at.encode(), pebble.Sync); err != nil {
		return err
	}
	l.streamed = at
	return nil
}

// clockSlack is by how much a clock may have been wrong when something was
// quarantined.
const clockSlack = 48 * time.Hour

// inStream reports whether the stream's files may have something of what is
// pending, so that their key must go too.
func (l *Log) inStream(p *pending) (bool, error) {
	l.writing.Lock()
	at := l.streamed
	l.writing.Unlock()
	for _, seq := range p.ledger {
		e, err := l.event(seq, location{})
		if err != nil {
			return false, err
		}
		body := e.GetForgotten()
		last := uint64(0)
		for _, r := range body.GetPositions() {
			last = max(last, r.GetLast()+1)
		}
		for _, b := range body.GetBlocks() {
			last = max(last, b.GetLast()+1)
		}
		for _, r := range e.GetRedacted().GetEvents() {
			last = max(last, r.GetSeq()+1)
		}
		if last > uint64(at.before) {
			return true, nil
		}
	}
	l.mu.RLock()
	defer l.mu.RUnlock()
	for _, id := range p.drop {
		if b := l.buckets[id]; b.class == quarantineClass && time.Unix(int64(b.day+1)*24*60*60, 0).Add(clockSlack).After(at.since) {
			return true, nil
		}
	}
	return false, nil
}

// rekeyStream has the stream's files written anew under their next key, without
// what is in the log.
func (l *Log) rekeyStream(ctx context.Context) error {
	old := l.ring.OldStreamKey()
	if old == "" || l.cfg.Rekey == nil {
		return nil
	}
	l.writing.Lock()
	at := streamed{l.Size(), l.cfg.Now()}
	l.again = math.MaxUint64
	l.writing.Unlock()
	if err := l.cfg.Rekey(ctx, l.ring.StreamKey(), old); err != nil {
		return fmt.Errorf("change the stream's key: %w", err)
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return ErrClosed
	}
	at.before = min(at.before, l.again) // What was published again meanwhile is in the new files.
	if err := l.db.Set(key1(spaceStreamed), at.encode(), pebble.NoSync); err != nil {
		return err
	}
	l.streamed = at
	return nil
}

// RotateStream changes the key of the embedded JetStream's files, though nothing is
// to be forgotten: of what has been in them until now and is forgotten later, no
// copy of them can tell, so that forgetting it need not keep publishers waiting as
// this does. It does nothing where there is no embedded JetStream.
func (l *Log) RotateStream(ctx context.Context) error {
	if l.cfg.Rekey == nil {
		return nil
	}
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if err := l.resume(ctx, func(ForgetProgress) {}); err != nil {
		return fmt.Errorf("rotate the stream's key: %w", err)
	}
	if err := l.ring.BeginStream(); err != nil {
		return fmt.Errorf("rotate the stream's key: %w", err)
	}
	return l.endEpoch(ctx, func(ForgetProgress) {})
}
