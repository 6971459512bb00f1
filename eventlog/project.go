package eventlog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// Whoever derives something from the log reads it in order and remembers how far
// it has come. There are two ways:
//
//   - [Log.Consume] calls a function for the events in batches and keeps a cursor.
//     After a crash the last batch comes again: the effect must be the same when
//     it is made twice, as that of [Log.Promote] is.
//   - [Log.Project] gives the function a [State] that is committed in one step
//     with the cursor: each event has its effect exactly once. The state is
//     sealed with a key of the epoch, so that what was derived from forgotten
//     events is gone with them: when an epoch begins, it is made anew from what
//     is left.
//
// To add one: choose a name, write the function, and run it beside the others
// (cmd/afterimage/serve.go). Changing what a projection derives needs a new name;
// [Log.Discard] removes the old one.

// cursorEvery is after how many events a cursor is kept, at most; it is kept
// also when the end of the log is reached.
const cursorEvery = 1024

// Consume calls f with the events of every tenant, in log order, from where the
// consumer of that name had come to, up to 1,024 at a time, and waits for more,
// until ctx ends (its error is returned), the log is closed (ErrClosed) or f
// fails. f is called again with the events of one call only if a crash or an error
// came before it was remembered. One Consume of a name may run at a time.
func (l *Log) Consume(ctx context.Context, name string, f func(context.Context, []*Followed) error) error {
	from, err := l.cursor(name)
	if err != nil {
		return err
	}
	var batch []*Followed
	for followed, err := range l.Follow(ctx, from) {
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if batch = append(batch, followed); len(batch) < cursorEvery && followed.Seq+1 < l.Size() {
			continue
		}
		if err := f(ctx, batch); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		batch = batch[:0]
		if err := l.db.Set(cursorKey(name), binary.BigEndian.AppendUint64(nil, uint64(followed.Seq)+1), pebble.NoSync); err != nil {
			return fmt.Errorf("%s: keep cursor: %w", name, err)
		}
	}
	return nil
}

// cursor returns how far a consumer has come.
func (d disk) cursor(name string) (event.Seq, error) {
	v, err := d.get(cursorKey(name))
	if err != nil || v == nil {
		return 0, err
	}
	if len(v) != 8 {
		return 0, fmt.Errorf("%w: the cursor of %s has %d bytes", ErrTampered, name, len(v))
	}
	return event.Seq(binary.BigEndian.Uint64(v)), nil
}

// A State is what a projection has derived so far. It is used within one call of
// the projection's function.
type State struct {
	name   string
	batch  *pebble.Batch // indexed: it reads what it wrote
	keys   keyring.PRF
	values keyring.AEAD
}

// Get returns the value under a key, which does not begin with a zero byte; nil
// if there is none.
func (s *State) Get(key string) ([]byte, error) {
	k, err := s.key(key)
	if err != nil {
		return nil, err
	}
	sealed, err := disk{s.batch}.get(k)
	if err != nil || sealed == nil {
		return nil, err
	}
	v, err := s.values.Open(sealed, k)
	if err != nil {
		return nil, fmt.Errorf("%w: state of %s: %w", ErrTampered, s.name, err)
	}
	return v, nil
}

// Put sets the value under a key.
func (s *State) Put(key string, value []byte) error {
	k, err := s.key(key)
	if err != nil {
		return err
	}
	sealed, err := s.values.Seal(value, k)
	if err != nil {
		return err
	}
	return s.batch.Set(k, sealed, nil)
}

func (s *State) key(key string) ([]byte, error) {
	hash, err := s.keys.Sum([]byte(s.name+"\x00"+key), idHashSize)
	return append(statePrefix(s.name), hash...), err
}

// Project is Consume of a function that derives a state: the state and the
// cursor change in one step. When an epoch begins the state is empty and the
// function is called for every event again.
func (l *Log) Project(ctx context.Context, name string, f func(context.Context, *Followed, *State) error) error {
	for {
		err := l.project(ctx, name, f)
		if !errors.Is(err, errNewEpoch) {
			return err
		}
	}
}

// stateCursor is where a projection's cursor is in its state. No other key may
// begin with a zero byte.
const stateCursor = "\x00cursor"

// errNewEpoch ends a project, which begins again.
var errNewEpoch = errors.New("a new epoch began")

func (l *Log) project(ctx context.Context, name string, f func(context.Context, *Followed, *State) error) (err error) {
	epoch := l.ring.Current()
	s, err := l.openState(epoch, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.batch.Close()) }()
	var from event.Seq
	if v, err := s.Get(stateCursor); err != nil {
		return err
	} else if v != nil {
		from = event.Seq(binary.BigEndian.Uint64(v))
	}
	done := from
	for followed, err := range l.Follow(ctx, from) {
		if err == nil {
			err = f(ctx, followed, s)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		from = followed.Seq + 1
		if from-done < cursorEvery && from < l.Size() {
			continue
		}
		done = from
		if err := errors.Join(s.Put(stateCursor, binary.BigEndian.AppendUint64(nil, uint64(from))), l.commitState(epoch, s)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// State returns what the projection of that name has derived, to read from. It
// is what was committed last; Close it after use.
func (l *Log) State(name string) (*State, error) { return l.openState(l.ring.Current(), name) }

// Close lets go of the state.
func (s *State) Close() error { return s.batch.Close() }

func (l *Log) openState(epoch *keyring.Epoch, name string) (*State, error) {
	s := &State{name: name, batch: l.db.NewIndexedBatch()}
	var err error
	if s.keys, err = epoch.PRF("projection key"); err != nil {
		return nil, err
	}
	s.values, err = epoch.AEAD("projection value")
	return s, err
}

// commitState commits what a projection wrote, unless its epoch has ended.
func (l *Log) commitState(epoch *keyring.Epoch, s *State) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return ErrClosed
	}
	if l.ring.Current() != epoch {
		return errNewEpoch
	}
	err := s.batch.Commit(pebble.NoSync)
	s.batch = l.db.NewIndexedBatch()
	return err
}

// Discard removes what a projection or a consumer of that name has kept.
func (l *Log) Discard(name string) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return ErrClosed
	}
	b := l.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	remove(b, cursorKey(name))
	removeRange(b, statePrefix(name))
	return b.Commit(pebble.Sync)
}

func cursorKey(name string) []byte { return append(key1(spaceCursor), name...) }

func statePrefix(name string) []byte {
	return append(bytes.Join([][]byte{{spaceProjection}, []byte(name)}, nil), 0)
}
