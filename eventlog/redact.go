package eventlog

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Redaction is events of one tenant that are to be redacted although they are
// stored, and why.
type Redaction struct {
	Tenant event.Tenant
	// Ledger is the event that puts it on record, complete but for the events of
	// its body, which is a Redacted. It is the log's afterwards.
	Ledger *pb.Event
	Seqs   []event.Seq // in any order; those that are forgotten are passed over
	// Apply redacts an event in place, and adds to the counts of its capture what
	// it replaced. An event that it leaves as it is stays as it is. It is called on
	// several events at a time. What identifies and orders an event must stay: id,
	// time, received, class, policy_version, and the kind of its body.
	Apply func(context.Context, *pb.Event) error
}

// maxRedacted is the largest event after redaction, in bytes as stored. What is
// replaced may become longer.
const maxRedacted = 16 << 20

// Redact gives stored events new content, and makes the old one unreadable for
// good, as Forget does: when it returns nil, the log reads, finds and verifies the
// new content alone, and no older copy of the data directory can be opened with
// any key that still exists. It returns how many events became others.
//
// It goes through the events in portions. Each portion is one atomic step: a
// ledger event for every 1,024 events says who, why, with which detectors, and
// of each event the old commitment, the new one and what was replaced; the blocks,
// locations, index entries and filters are those of the new content. An event is
// always readable, and under one commitment. Leaves and positions stay, so that
// the tree does not change. When all portions are done, or one of them failed,
// their buckets get new keys and a new epoch begins; after a crash [Log.Resume]
// goes on with that. What comes after the portion that failed stays as it was: to
// call Redact again is no harm, as what is redacted does not change again.
//
// Restoring a backup from before forgets the events, which it has as they were: a
// backup is due afterwards. While events are redacted none is made, and nothing is
// merged, promoted or forgotten; appending and reading go on.
//
// An event that is published again under the id of a redacted one is a Duplicate,
// whatever it says. The events that put it on record have the id of Ledger, or
// that id with a number.
//
// ErrNotFound where an event is not the tenant's; then nothing was done. So it is
// with ledger events, which are what the log itself goes by.
func (l *Log) Redact(ctx context.Context, what Redaction, progress func(ForgetProgress)) (int, error) {
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if err := l.resume(ctx, progress); err != nil {
		return 0, fmt.Errorf("redact: finish the forgetting before: %w", err)
	}
	r, err := l.newRedacting(what)
	if err != nil {
		return 0, fmt.Errorf("redact: %w", err)
	}
	failed := r.run(ctx, progress)
	r.reopen()
	if len(r.ledger) > 0 {
		if err := l.resume(ctx, progress); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%w; what is redacted is on record, and forgetting what it was goes on at the next start", err))
		}
	}
	if failed != nil {
		return r.done, fmt.Errorf("redact: %w", failed)
	}
	return r.done, nil
}

// redacting is a Redact under way.
type redacting struct {
	*forgetting // what is on record so far
	what        Redaction
	tenant      *tenant
	wanted      *roaring64.Bitmap
	blocks      []block.ID // that hold them
	begun       int        // of rekey, how many are on record
	done        int        // events that became others
}

// newRedacting finds out what a redaction concerns.
func (l *Log) newRedacting(what Redaction) (*redacting, error) {
	r := &redacting{
		forgetting: &forgetting{l: l, pending: &pending{}, rekeyed: map[bucketID]bool{}},
		what:       what, tenant: l.named(what.Tenant), wanted: roaring64.New(),
	}
	if r.tenant == nil {
		return nil, fmt.Errorf("tenant %s: %w", what.Tenant, ErrNotFound)
	}
	if body := what.Ledger.GetRedacted(); body == nil || len(body.GetEvents()) > 0 || len(body.GetDetectors()) > event.MaxDetectors {
		return nil, fmt.Errorf("the ledger event must be a redacted without events and with up to %d detectors", event.MaxDetectors)
	}
	for _, seq := range what.Seqs {
		if seq >= l.Size() {
			return nil, fmt.Errorf("event %d of tenant %s: %w", seq, what.Tenant, ErrNotFound)
		}
		r.wanted.Add(uint64(seq))
	}
	var err error
	if r.blocks, err = l.holding(r.wanted); err != nil {
		return nil, err
	}
	for _, id := range r.blocks {
		if err := r.may(id); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// may reports whether the events of a block can be redacted.
func (r *redacting) may(id block.ID) error {
	_, b, err := r.l.header(id)
	if err != nil {
		return err
	}
	if b.tenant == r.tenant.id && b.class != LedgerClass {
		return nil
	}
	for it := r.wanted.Iterator(); it.HasNext(); {
		seq := event.Seq(it.Next())
		at, err := r.l.locate(seq)
		switch {
		case errors.Is(err, ErrErased) || err == nil && at.block != id:
			continue
		case err != nil:
			return fmt.Errorf("event %d: %w", seq, err)
		case b.tenant != r.tenant.id:
			return fmt.Errorf("event %d of tenant %s: %w", seq, r.tenant.name, ErrNotFound)
		}
		return fmt.Errorf("event %d is of the ledger, which is not redacted", seq)
	}
	return fmt.Errorf("%w: block %d holds no event that its locations say it does", ErrTampered, id)
}

// run redacts portion by portion.
func (r *redacting) run(ctx context.Context, progress func(ForgetProgress)) error {
	blocks := r.blocks
	stay := func(_ event.Seq, in *bucket) *bucket { return in }
	for planned := len(blocks); len(blocks) > 0; {
		if err := r.l.Ready(); err != nil { // It needs room before it makes some.
			return err
		}
		part := r.l.portion(blocks, r.l.cfg.portionBytes)
		err := r.l.rewrite(ctx, rewriting{blocks: part, into: stay, merged: r.l.merged(part[0]), workers: r.l.workers(), redacting: r})
		if err != nil {
			return err
		}
		blocks = blocks[len(part):]
		progress(ForgetProgress{"redact", planned - len(blocks), planned})
	}
	return nil
}

// reopen opens the buckets of a portion that did not come to be on record.
func (r *redacting) reopen() {
	r.rekey = r.rekey[r.begun:]
	r.forgetting.reopen()
}

// replaced is what an event was before a rewriting that redacts it, and what the
// ledger says of that.
type replaced struct {
	event *pb.Event // without text
	moved bool      // its index entries are others
	entry *pb.Redacted_Replacement
}

// reindexed reports whether the index entries of an event change.
func (r *replaced) reindexed() bool { return r != nil && r.moved }

// before is the item as it is in the index.
func (m *moving) before() block.Item {
	it := m.Item
	if m.was != nil {
		it.Event = m.was.event
	}
	return it
}

// replace redacts the events that are to be, and leaves out the blocks of which
// none became another.
func (w *rewrite) replace(ctx context.Context) error {
	if w.redacting == nil {
		return nil
	}
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(max(w.workers, 1))
	for i := range w.events {
		if m := &w.events[i]; w.redacting.wanted.Contains(m.Seq) {
			jobs.Go(func() error {
				err := ctx.Err()
				if err == nil {
					err = w.redacting.apply(ctx, m)
				}
				if err != nil {
					return fmt.Errorf("event %d: %w", m.Seq, err)
				}
				return nil
			})
		}
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	changed := map[block.ID]bool{}
	for _, m := range w.events {
		changed[m.from.block] = changed[m.from.block] || m.was != nil
	}
	w.blocks = slices.DeleteFunc(slices.Clone(w.blocks), func(id block.ID) bool { return !changed[id] })
	w.events = slices.DeleteFunc(w.events, func(m moving) bool { return !changed[m.from.block] })
	return nil
}

// apply redacts one event.
func (r *redacting) apply(ctx context.Context, m *moving) error {
	was, err := event.Unmarshal(m.Bytes)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	e := proto.CloneOf(was)
	if err := r.what.Apply(ctx, e); err != nil {
		return err
	}
	if proto.Equal(was, e) {
		return nil
	}
	if err := sameEvent(was, e); err != nil {
		return err
	}
	// A new salt: whoever knew the old event and its salt must not be able to
	// confirm what it is now by trying.
	e.Salt = make([]byte, saltSize)
	if _, err := rand.Read(e.GetSalt()); err != nil {
		return fmt.Errorf("make salt: %w", err)
	}
	stored, err := event.Marshal(e)
	if err != nil {
		return err
	}
	if len(stored) > maxRedacted {
		return fmt.Errorf("it would have %d bytes when redacted, more than %d", len(stored), maxRedacted)
	}
	before, after := sha256.Sum256(m.Bytes), sha256.Sum256(stored)
	m.was = &replaced{
		event: m.Event, moved: !slices.Equal(termsOf(was), termsOf(e)),
		entry: &pb.Redacted_Replacement{Seq: m.Seq, Old: before[:], New: after[:], Redactions: added(was, e)},
	}
	m.Item = block.Item{Seq: m.Seq, Bytes: stored, Event: withoutText(e)}
	return nil
}

// withoutText takes the texts out of an event, which take memory and are decoded
// again when it is sealed.
func withoutText(e *pb.Event) *pb.Event {
	if in := e.GetInteraction(); in != nil {
		in.Input, in.Output, in.Shown, in.Retrieved, in.Deltas = nil, nil, nil, nil, nil
	}
	return e
}

// sameEvent reports whether an event that was redacted is still the one that it
// was.
func sameEvent(was, is *pb.Event) error {
	same := was.GetId() == is.GetId() && proto.Equal(was.GetTime(), is.GetTime()) && proto.Equal(was.GetReceived(), is.GetReceived()) &&
		was.GetClass() == is.GetClass() && was.GetPolicyVersion() == is.GetPolicyVersion() && event.KindOf(was) == event.KindOf(is) && is.Seq == nil
	if !same {
		return errors.New("redacting must not change its id, times, class, policy version or kind")
	}
	return nil
}

// termsOf returns the terms that an event is indexed by.
func termsOf(e *pb.Event) (out []string) {
	terms(e, func(field Field, value string) { out = append(out, string(field)+"\x00"+value) })
	return out
}

// added returns by how much the counts of redactions have grown, by type: a type
// has a count for each detector and operator.
func added(was, is *pb.Event) (out []*pb.Redaction) {
	before, after := countsOf(was), countsOf(is)
	for _, typ := range slices.Sorted(maps.Keys(after)) {
		if n := after[typ]; n > before[typ] {
			out = append(out, &pb.Redaction{Type: typ, Count: uint32(min(n-before[typ], math.MaxUint32))})
		}
	}
	return out
}

// countsOf returns how often each type was replaced in an event.
func countsOf(e *pb.Event) map[string]uint64 {
	counts := map[string]uint64{}
	for _, r := range e.GetCapture().GetRedactions() {
		counts[r.GetType()] += uint64(r.GetCount())
	}
	return counts
}

// record prepares the ledger events of a portion.
func (r *redacting) record(w *rewrite) ([]Prepared, error) {
	var entries []*pb.Redacted_Replacement
	for _, m := range w.events {
		if m.was != nil {
			entries = append(entries, m.was.entry)
		}
	}
	slices.SortFunc(entries, func(a, b *pb.Redacted_Replacement) int { return cmp.Compare(a.GetSeq(), b.GetSeq()) })
	return r.l.redactions(r.what.Tenant, r.what.Ledger, entries, len(r.ledger))
}

// redactions prepares ledger events that say what was replaced, like one that
// says by whom and why: as many as it takes. Of the same call, given have been
// appended before.
func (l *Log) redactions(tenant event.Tenant, like *pb.Event, entries []*pb.Redacted_Replacement, given int) (out []Prepared, err error) {
	for part := range slices.Chunk(entries, event.MaxReplaced) {
		e := proto.CloneOf(like)
		e.GetRedacted().Events = part
		if n := given + len(out); n > 0 { // A second one needs an id of its own.
			e.Id = fmt.Sprintf("%s-%d", e.GetId(), n)
		}
		p, err := l.Prepare(tenant, e)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// commit puts a portion on record and in place, in one step that is durable on
// return.
func (r *redacting) commit(w *rewrite) error {
	ledger, err := r.record(w)
	if err != nil {
		return err
	}
	for _, m := range w.events {
		if m.was != nil {
			if err := r.rekeys(r.tenant, m.in); err != nil {
				return err
			}
		}
	}
	r.l.writing.Lock()
	defer r.l.writing.Unlock()
	if r.l.closed {
		return ErrClosed
	}
	next := pending{ledger: slices.Clone(r.ledger), rekey: r.rekey}
	a, err := r.l.appendAs(ledger, r.l.ring.Current(), func(a *appending) error {
		if err := next.add(a); err != nil {
			return err
		}
		if err := errors.Join(a.write.Apply(w.write, nil), w.locate(a.write, a.page)); err != nil {
			return err
		}
		fresh, err := inPlace(a, func(event.Seq, commitment) (bool, error) { return true, nil })
		if err != nil {
			return err
		}
		if err := r.l.writeReplacements(a.write, fresh, nil); err != nil {
			return err
		}
		set(a.write, key1(spacePending), next.encode())
		set(a.write, key1(spaceState), a.state.encode())
		return r.l.move(a.write, w.settle)
	})
	if err == nil && len(a.added) == 0 { // Then nothing was committed either.
		err = next.add(a)
	}
	if err != nil {
		return err
	}
	r.ledger, r.begun = next.ledger, len(r.rekey)
	for _, p := range ledger {
		r.done += len(p.event.GetRedacted().GetEvents())
	}
	return nil
}

// inPlace returns what the ledger events of an append put in the place of
// leaves, as far as wanted says so.
func inPlace(a *appending, wanted func(event.Seq, commitment) (bool, error)) (map[event.Seq]replacement, error) {
	out := map[event.Seq]replacement{}
	for i, p := range a.batch {
		for _, e := range p.event.GetRedacted().GetEvents() {
			seq, fresh := event.Seq(e.GetSeq()), commitment(e.GetNew())
			yes, err := wanted(seq, fresh)
			if err != nil {
				return nil, err
			}
			if yes {
				out[seq] = replacement{fresh, a.results[i].Seq}
			}
		}
	}
	return out, nil
}
