package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

// Blocks are merged twice: the small ones of quiet hours into full ones as soon
// as there are many, so that a search opens few; and, when the day is over, all
// of a bucket for good, sessions together, in portions of mergeBytes
// (docs/decisions/0013).
const (
	mergeBytes  = 64 << 20 // text of one merge, before compression
	smallBlock  = block.TargetSize / 2
	smallBlocks = 64        // that many are merged
	mostSmall   = 1024      // and not more at a time
	settled     = time.Hour // after a day's end nothing comes for it any more
)

// Merge merges the blocks of appends into full ones whose events are together
// by session: that saves a third of the space or more. It does up to one portion
// of work and reports whether there was any, so that the caller sets the pace.
// Answers are the same before, meanwhile and after.
func (l *Log) Merge(ctx context.Context) (bool, error) {
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	blocks, forGood := l.mergeable(l.cfg.Now())
	if len(blocks) == 0 {
		return false, nil
	}
	if err := l.Ready(); err != nil { // It needs room before it makes some.
		return false, fmt.Errorf("merge: %w", err)
	}
	stay := func(_ event.Seq, in *bucket) *bucket { return in }
	if err := l.rewrite(ctx, rewriting{blocks: blocks, into: stay, merged: forGood, workers: 1}); err != nil {
		return false, fmt.Errorf("merge: %w", err)
	}
	return true, nil
}

// mergeable returns blocks of a bucket that are worth merging, and whether that
// is for good.
func (l *Log) mergeable(now time.Time) (blocks []block.ID, forGood bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	ids := make([]bucketID, 0, len(l.buckets))
	for id := range l.buckets {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		b := l.buckets[id]
		if b.closed {
			continue
		}
		over := now.Sub(time.Unix(int64(b.day+1)*24*60*60, 0)) >= settled
		if blocks, forGood = l.mergeableIn(b, over); len(blocks) > 0 {
			return blocks, forGood
		}
	}
	return nil, false
}

func (l *Log) mergeableIn(b *bucket, over bool) (blocks []block.ID, forGood bool) {
	var small []block.ID
	size := 0
	for _, id := range b.ids {
		h := l.headers[id]
		if h.Merged {
			continue
		}
		if over {
			if size += int(h.TextSize); size > mergeBytes && len(blocks) > 0 {
				break
			}
			blocks = append(blocks, id)
		} else if h.TextSize < smallBlock && len(small) < mostSmall {
			small = append(small, id)
		}
	}
	if len(small) >= smallBlocks {
		return small, false
	}
	return blocks, true
}

// Promote moves events of a tenant to another class, in which they are kept
// from then on: their text, their index entries and their keys are that class's.
// Seqs, commitments and the class that an event says it was given stay. Events
// that are forgotten or of that class already are passed over. ErrNotFound where
// an event is not the tenant's, ErrForgetting where one is in a bucket of which events are
// being forgotten, until that is done; then nothing was moved. Ledger events stay
// where they are.
func (l *Log) Promote(ctx context.Context, name event.Tenant, seqs []event.Seq, class string) error {
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	t := l.named(name)
	if t == nil {
		return fmt.Errorf("promote: tenant %s: %w", name, ErrNotFound)
	}
	moving, targets, err := l.targets(t, seqs, class)
	if err != nil {
		return fmt.Errorf("promote: %w", err)
	}
	blocks := l.blocksAt(moving)
	into := func(seq event.Seq, in *bucket) *bucket {
		if _, ok := moving[seq]; ok {
			return targets[in.day]
		}
		return in
	}
	for len(blocks) > 0 {
		part := l.portion(blocks, l.cfg.portionBytes)
		if err := l.rewrite(ctx, rewriting{blocks: part, into: into, merged: l.merged(part[0]), workers: l.workers()}); err != nil {
			return fmt.Errorf("promote: %w", err)
		}
		blocks = blocks[len(part):]
	}
	return nil
}

// Class returns the class in which an event is kept now, which is another than
// it says after a Promote. ErrNotFound where it is not the tenant's, ErrErased
// where it was forgotten.
func (l *Log) Class(name event.Tenant, seq event.Seq) (string, error) {
	t := l.named(name)
	if t == nil {
		return "", fmt.Errorf("event %d: %w", seq, ErrNotFound)
	}
	b, err := l.bucketAt(seq)
	if err == nil && b.tenant != t.id {
		err = ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("event %d: %w", seq, err)
	}
	return b.class, nil
}

// targets returns the events that are to move, with the blocks that they are
// in, and the buckets that they move to, by day.
func (l *Log) targets(t *tenant, seqs []event.Seq, class string) (moving map[event.Seq]block.ID, targets map[uint32]*bucket, err error) {
	if class == LedgerClass || class == quarantineClass {
		return nil, nil, fmt.Errorf("nothing can be promoted to class %s", class)
	}
	moving, targets = map[event.Seq]block.ID{}, map[uint32]*bucket{}
	for _, seq := range seqs {
		if seq >= l.Size() {
			return nil, nil, fmt.Errorf("event %d: %w", seq, ErrNotFound)
		}
		at, err := l.locate(seq) // Nothing moves meanwhile: the caller holds rewriting.
		var in *bucket
		if err == nil {
			_, in, err = l.header(at.block)
		}
		if errors.Is(err, ErrErased) {
			continue
		}
		if err != nil {
			return nil, nil, fmt.Errorf("event %d: %w", seq, err)
		}
		if in.tenant != t.id {
			return nil, nil, fmt.Errorf("event %d: %w", seq, ErrNotFound)
		}
		if in.class == class {
			continue
		}
		if in.class == LedgerClass {
			continue
		}
		l.mu.RLock()
		closed := in.closed
		l.mu.RUnlock()
		if closed {
			return nil, nil, fmt.Errorf("event %d: %w", seq, ErrForgetting)
		}
		moving[seq] = at.block
		if targets[in.day] == nil {
			if targets[in.day], err = l.bucketFor(t, class, in.day); err != nil {
				return nil, nil, err
			}
		}
	}
	return moving, targets, nil
}

// blocksAt returns the blocks of events, those that were merged behind the
// others.
func (l *Log) blocksAt(events map[event.Seq]block.ID) (out []block.ID) {
	for _, id := range events {
		out = append(out, id)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	l.mu.RLock()
	defer l.mu.RUnlock()
	slices.SortFunc(out, l.unmergedFirst)
	return out
}

// unmergedFirst orders blocks. The caller holds mu.
func (s *store) unmergedFirst(a, b block.ID) int {
	switch ma, mb := s.headers[a].Merged, s.headers[b].Merged; {
	case ma && !mb:
		return 1
	case mb && !ma:
		return -1
	}
	return cmp.Compare(a, b)
}

// bucketFor returns the bucket to put events of a day into, durably made if
// there is none.
func (l *Log) bucketFor(t *tenant, class string, day uint32) (*bucket, error) {
	l.writing.Lock()
	defer l.writing.Unlock()
	if b := l.findBucket(t, class, day); b != nil {
		return b, nil
	}
	if l.closed {
		return nil, ErrClosed
	}
	st := l.state
	st.bucket++
	b, record, err := newBucket(l.ring.Current(), st.bucket, t, class, day, indexID(st.bucket))
	if err != nil {
		return nil, err
	}
	w := l.db.NewBatch()
	defer w.Close() //nolint:errcheck // Committed or thrown away.
	set(w, bucketKey(b.id), record)
	set(w, key1(spaceState), st.encode())
	if err := w.Commit(pebble.Sync); err != nil {
		return nil, fmt.Errorf("store bucket: %w", err)
	}
	l.state = st
	return b, l.addBucket(b)
}
