package query

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
)

// The batches in which entries are matched. Where events were not appended in
// the order of their times, an order by time leads back and forth between
// blocks; a large batch, matched in the order of the log, opens each block once.
// Searches that match much begin with less, so that they do not match in vain, and
// those for words with a few blocks, one for each core at least; and a batch takes no
// longer than batchTime by much, but for the first, so that a search ends when its time
// is up.
const (
	firstBatch = 128
	wordsBatch = 1024
	maxBatch   = 1 << 16
	batchTime  = 100 * time.Millisecond
)

// find returns the entries that match, in order: one more than fit the page if there
// are as many, so that one knows whether it is the last; and where to go on, if the
// time was up.
func (s *search) find(ctx context.Context, log *eventlog.Log) (found []*eventlog.Entry, at *eventlog.Position, err error) {
	at, err = s.run(ctx, log, s.size+1, func(some []*eventlog.Entry) error {
		found = append(found, some...)
		return nil
	})
	return found, at, err
}

// run hands on the entries that match, in order and some at a time, maybe none,
// until there are as many as wanted (0: all). It returns nil where nothing more is
// to be found, or where enough was; the place to go on from where the time was up.
func (s *search) run(ctx context.Context, log *eventlog.Log, want int, found func([]*eventlog.Entry) error) (*eventlog.Position, error) {
	b := batches{search: s, want: want, limit: firstBatch, found: found}
	switch {
	case s.text != nil:
		b.limit = wordsBatch
	case want > 0:
		b.limit = min(want, firstBatch)
	}
	for entry, err := range log.Scan(ctx, s.tenant, s.selection) {
		if paused, is := errors.AsType[*eventlog.Paused](err); is {
			enough, err := b.settle(ctx)
			if err != nil || enough {
				return nil, err
			}
			return &paused.At, nil
		}
		if err != nil {
			return nil, err
		}
		if b.entries = append(b.entries, entry); len(b.entries) < b.limit {
			continue
		}
		enough, err := b.settle(ctx)
		if err != nil || enough {
			return nil, err
		}
		if s.late() {
			return &eventlog.Position{Time: entry.Time, Seq: entry.Seq}, nil
		}
	}
	_, err := b.settle(ctx)
	return nil, err
}

// batches matches entries batch by batch.
type batches struct {
	*search
	want    int // how many matches are still wanted, of those that were asked for; 0 for all
	limit   int
	entries []*eventlog.Entry
	found   func([]*eventlog.Entry) error
}

// settle matches the batch, hands on what was found, and reports whether that was
// enough.
func (b *batches) settle(ctx context.Context) (enough bool, err error) {
	began := time.Now() //nolint:forbidigo // It is no evidence.
	some, err := b.sift(ctx, nil, b.entries)
	if err != nil {
		return false, err
	}
	b.examined += int64(len(b.entries))
	if took := time.Since(began); took < batchTime/8 {
		b.limit = min(4*b.limit, maxBatch)
	} else if took < batchTime {
		b.limit = min(2*b.limit, maxBatch)
	} else if took > 2*batchTime {
		b.limit = max(b.limit/2, 1)
	}
	b.entries = b.entries[:0]
	if b.want > 0 && len(some) >= b.want {
		some, enough = some[:b.want], true
	}
	b.matched += int64(len(some))
	b.want = max(b.want-len(some), 0)
	return enough, b.found(some)
}

// sift appends to found what matches of batch.
func (s *search) sift(ctx context.Context, found, batch []*eventlog.Entry) ([]*eventlog.Entry, error) {
	if s.decided() {
		return append(found, batch...), nil
	}
	matches := make([]bool, len(batch))
	err := shared(ctx, batch, func(i int) (err error) {
		matches[i], err = s.match(batch[i])
		return err
	})
	for i, entry := range batch {
		if matches[i] {
			found = append(found, entry)
		}
	}
	return found, err
}

// match tells whether one event matches. Forgotten events do not. What needs the
// least of the event is asked first.
func (s *search) match(entry *eventlog.Entry) (bool, error) {
	ok, err := true, error(nil)
	if s.kinds != nil || s.users != nil {
		ok, err = s.is(entry)
	}
	if ok && err == nil && s.condition != nil && s.condition.MetaOnly() && !s.indexed() {
		ok, err = s.meets(entry)
	}
	if ok && err == nil && s.text != nil {
		ok, err = s.says(entry)
	}
	if ok && err == nil && s.condition != nil && !s.condition.MetaOnly() {
		ok, err = s.meets(entry)
	}
	if isErased(err) {
		return false, nil
	}
	return ok, err
}

// decided tells whether all that is selected matches.
func (s *search) decided() bool {
	return s.kinds == nil && s.users == nil && s.text == nil && (s.condition == nil || s.indexed())
}

// is tells whether the event is of one of the kinds, and of one of the users.
func (s *search) is(entry *eventlog.Entry) (bool, error) {
	e, err := entry.Meta()
	return err == nil && (s.kinds == nil || slices.Contains(s.kinds, string(event.KindOf(e)))) &&
		(s.users == nil || slices.Contains(s.users, e.GetUser())), err
}

// indexed tells whether the index has decided the condition.
func (s *search) indexed() bool { return !s.apart && s.condition != nil && s.condition.Exact() }

// meets tells whether the event meets the condition.
func (s *search) meets(entry *eventlog.Entry) (bool, error) {
	read := entry.Event
	if s.condition.MetaOnly() {
		read = entry.Meta
	}
	e, err := read()
	if err != nil {
		return false, err
	}
	ok, err := s.condition.Match(e)
	if _, is := errors.AsType[*policy.Error](err); is && s.unsure {
		return true, nil
	}
	return ok, err
}

// says tells whether the event's texts say what is looked for.
func (s *search) says(entry *eventlog.Entry) (says bool, err error) {
	work, ok := s.scratches.Get().(*scratch)
	if !ok {
		work = newScratch()
	}
	defer s.scratches.Put(work)
	err = entry.Stored(func(stored []byte) (err error) {
		says, err = s.text.match(stored, work)
		return err
	})
	return says, err
}
