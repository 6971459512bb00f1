package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Forgetting is events of one tenant that are to be forgotten, and why.
type Forgetting struct {
	Tenant event.Tenant
	// Ledger is the event that puts it on record, complete but for the positions
	// and blocks of its body, which is a Forgotten. It is the log's afterwards.
	Ledger  *pb.Event
	Seqs    []event.Seq // single events, in any order; those already forgotten are passed over
	Buckets []BucketID  // whole buckets
}

// ForgetProgress is how far a Forget has come.
type ForgetProgress struct {
	Step    string // rewrite, index, keys or stream
	Done    int    // blocks, of all that the step has to do
	Planned int
}

// Forget makes events unreadable for good: when it returns nil, their text,
// their index entries and every key that opens either are gone from the log, and
// no older copy of the data directory can be opened with any key that still
// exists. Their positions and commitments stay, and so do the hashes of their
// ids, so that a redelivered message is not stored again.
//
// First the ledger events are appended, with the positions and blocks that are
// to go; from then on a crash only delays: [Log.Resume] goes on. Then the blocks
// of single events are written anew without them, their buckets get new keys and
// a new index, and a new epoch of keys begins, in which the buckets that are to
// go have none. Several forgettings share one epoch. Appending goes on
// meanwhile, but for milliseconds.
//
// ErrNotFound where a bucket or an event is not the tenant's; then nothing was
// done. One Forget runs at a time; others wait.
func (l *Log) Forget(ctx context.Context, what []Forgetting, progress func(ForgetProgress)) error {
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if err := l.resume(ctx, progress); err != nil {
		return fmt.Errorf("forget: finish the one before: %w", err)
	}
	begun, err := l.begin(ctx, what)
	if err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	if !begun {
		return nil
	}
	if err := l.resume(ctx, progress); err != nil {
		return fmt.Errorf("forget: %w; it is on record, and goes on at the next start", err)
	}
	return nil
}

// Resume finishes a Forget that a crash or an error interrupted; it does nothing
// if there is none. Call it after Open, when the embedded JetStream runs.
func (l *Log) Resume(ctx context.Context, progress func(ForgetProgress)) error {
	l.rewriting.Lock()
	defer l.rewriting.Unlock()
	if err := l.resume(ctx, progress); err != nil {
		return fmt.Errorf("forget: %w", err)
	}
	return nil
}

// begin puts what is to be forgotten on record. It reports whether there is
// anything.
func (l *Log) begin(ctx context.Context, what []Forgetting) (begun bool, err error) {
	f := &forgetting{l: l, pending: &pending{}, rekeyed: map[bucketID]bool{}}
	defer func() {
		if !begun {
			f.reopen()
		}
	}()
	if err := errors.Join(ctx.Err(), f.plan(what)); err != nil {
		return false, err
	}
	if len(f.events) == 0 {
		return false, nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return false, ErrClosed
	}
	a, err := l.appendAs(f.events, l.ring.Current(), func(a *appending) error {
		if err := f.appended(a); err != nil {
			return err
		}
		if err := f.writeHanded(a); err != nil {
			return err
		}
		set(a.write, key1(spacePending), f.encode())
		return a.commit()
	})
	if err == nil && len(a.added) == 0 { // Then nothing was committed either.
		err = f.appended(a)
	}
	return err == nil, err
}

// forgetting is a Forget that is being planned.
type forgetting struct {
	*pending
	l       *Log
	events  []Prepared
	rekeyed map[bucketID]bool // the buckets of rekey
	handing []handing         // redactions whose ledger events go
	handed  int               // of events, the last: what stands for those
}

// appended notes where the ledger events are.
func (f *forgetting) appended(a *appending) error {
	f.ledger = nil
	err := f.add(a)
	f.ledger = f.ledger[:max(len(f.ledger)-f.handed, 0)]
	return err
}

// plan finds out what the forgettings concern, closes the buckets to appends, and
// prepares the ledger events. Buckets come first: of one that goes whole no event
// need go by itself.
func (f *forgetting) plan(what []Forgetting) error {
	concerns := make([]concern, len(what))
	for i, w := range what {
		if w.Ledger.GetRestored() != nil {
			continue
		}
		c := concern{gone: roaring64.New()}
		if c.tenant = f.l.named(w.Tenant); c.tenant == nil {
			return fmt.Errorf("tenant %s: %w", w.Tenant, ErrNotFound)
		}
		c.any = len(w.Buckets) > 0 // One without events is put on record too.
		if err := f.drops(&c, w.Buckets); err != nil {
			return err
		}
		concerns[i] = c
	}
	for _, id := range slices.Clone(f.drop) {
		f.l.mu.RLock()
		b := f.l.buckets[id]
		owner := f.l.tenants[b.tenant]
		f.l.mu.RUnlock()
		if err := f.rekeys(owner, b); err != nil {
			return err
		}
	}
	for i, w := range what {
		if w.Ledger.GetRestored() != nil {
			if err := f.note(w); err != nil {
				return err
			}
			continue
		}
		if err := f.erasures(&concerns[i], w.Seqs); err != nil {
			return err
		}
		if err := f.record(w, concerns[i]); err != nil {
			return err
		}
	}
	return f.handOn(concerns)
}

// concern is what a forgetting concerns.
type concern struct {
	tenant *tenant
	gone   *roaring64.Bitmap     // positions of single events
	blocks []*pb.Forgotten_Block // that go whole
	any    bool                  // it is to be on record in any case
}

// record prepares the ledger events of a forgetting: as many as it takes.
func (f *forgetting) record(w Forgetting, c concern) error {
	positions, blocks := ranges(c.gone), c.blocks
	said := proto.CloneOf(w.Ledger.GetForgotten())
	quarantined := said.GetQuarantined()
	said.Quarantined = nil
	for first := c.any; first || len(positions) > 0 || len(blocks) > 0 || len(quarantined) > 0; first = false {
		body := proto.CloneOf(said)
		said.Kept = nil // Counted once.
		body.Quarantined = quarantined[:min(len(quarantined), event.MaxQuarantined)]
		quarantined = quarantined[len(body.Quarantined):]
		for _, r := range positions[:min(len(positions), event.MaxPositions)] {
			body.Positions = append(body.Positions, &pb.Forgotten_Positions{First: uint64(r.First), Last: uint64(r.Last)})
		}
		body.Blocks = blocks[:min(len(blocks), event.MaxBlocks)]
		positions, blocks = positions[len(body.Positions):], blocks[len(body.Blocks):]
		e := proto.CloneOf(w.Ledger)
		e.Body = &pb.Event_Forgotten{Forgotten: body}
		if len(f.events) > 0 { // A second one of the same ledger event needs an id of its own.
			e.Id = fmt.Sprintf("%s-%d", e.GetId(), len(f.events))
		}
		p, err := f.l.Prepare(w.Tenant, e)
		if err != nil {
			return err
		}
		f.events = append(f.events, p)
	}
	return nil
}

// drops notes buckets that go whole. What they recorded as forgotten stays on
// record.
func (f *forgetting) drops(c *concern, ids []BucketID) error {
	for _, id := range ids {
		b, err := f.close(c.tenant, bucketID(id))
		if err != nil {
			return err
		}
		if slices.Contains(f.drop, b.id) {
			continue
		}
		f.drop = append(f.drop, b.id)
		if err := f.recorded(c, b); err != nil {
			return err
		}
		c.blocks = append(c.blocks, f.l.blocksOf(b)...)
	}
	return nil
}

// close makes sure that nothing is appended to a bucket any more.
func (f *forgetting) close(t *tenant, id bucketID) (*bucket, error) {
	f.l.writing.Lock() // Appends under way have ended.
	defer f.l.writing.Unlock()
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	b := f.l.buckets[id]
	if b == nil || b.tenant != t.id {
		return nil, fmt.Errorf("bucket %d of tenant %s: %w", id, t.name, ErrNotFound)
	}
	b.closed = true
	return b, nil
}

// reopen undoes close, of a forgetting that did not begin.
func (f *forgetting) reopen() {
	f.l.mu.Lock()
	defer f.l.mu.Unlock()
	for _, id := range f.drop {
		f.l.buckets[id].closed = false
	}
	for _, r := range f.rekey {
		f.l.buckets[r.bucket].closed = false
	}
}

// recorded takes over what the ledger events of a bucket say was forgotten or
// redacted.
func (f *forgetting) recorded(c *concern, b *bucket) error {
	seqs, err := f.l.find(b, Term{FieldKind, []string{string(event.Forgotten), string(event.Redacted)}})
	if err != nil {
		return err
	}
	for _, seq := range seqs {
		if err := f.takeOver(c, seq); err != nil {
			return err
		}
	}
	return nil
}

// takeOver takes over what the event at seq, if it is a ledger event that does,
// says was forgotten or redacted.
func (f *forgetting) takeOver(c *concern, seq event.Seq) error {
	e, err := f.l.event(seq, location{})
	if errors.Is(err, ErrErased) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, r := range e.GetForgotten().GetPositions() {
		c.gone.AddRange(r.GetFirst(), r.GetLast()+1)
	}
	c.blocks = append(c.blocks, e.GetForgotten().GetBlocks()...)
	if e.GetRedacted() != nil {
		f.handing = append(f.handing, handing{c.tenant.name, e})
	}
	return nil
}

// blocksOf returns what is put on record of a bucket's blocks.
func (s *store) blocksOf(b *bucket) (out []*pb.Forgotten_Block) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range b.ids {
		h := s.headers[id]
		out = append(out, &pb.Forgotten_Block{Number: uint64(id), First: h.FirstSeq, Last: h.LastSeq, Events: h.Count})
	}
	return out
}

// erasures notes single events that are to go, unless their bucket goes or they
// have gone, and closes the buckets that they are or were in.
func (f *forgetting) erasures(c *concern, seqs []event.Seq) error {
	for _, seq := range seqs {
		if seq >= f.l.Size() {
			return fmt.Errorf("event %d of tenant %s: %w", seq, c.tenant.name, ErrNotFound)
		}
		b, err := f.l.bucketAt(seq)
		if errors.Is(err, ErrErased) {
			continue
		}
		if err != nil {
			return fmt.Errorf("event %d: %w", seq, err)
		}
		if b.tenant != c.tenant.id {
			return fmt.Errorf("event %d of tenant %s: %w", seq, c.tenant.name, ErrNotFound)
		}
		if slices.Contains(f.drop, b.id) {
			c.any = true
			continue
		}
		c.gone.Add(uint64(seq))
		if b.class == LedgerClass {
			if err := f.takeOver(c, seq); err != nil {
				return err
			}
		}
		if err := f.rekeys(c.tenant, b); err != nil {
			return err
		}
	}
	return nil
}

// rekeys notes that the bucket of an event that goes gets new keys, unless it goes
// whole; and so do the others that the event may have been in before it was promoted:
// those of its day. What they opened is in older copies.
func (f *forgetting) rekeys(t *tenant, b *bucket) error {
	if f.rekeyed[b.id] {
		return nil
	}
	for _, id := range f.l.sameDay(t, b) {
		if f.rekeyed[id] || slices.Contains(f.drop, id) {
			continue
		}
		if _, err := f.close(t, id); err != nil {
			return err
		}
		f.rekeyed[id] = true
		f.rekey = append(f.rekey, rekeyed{bucket: id})
	}
	return nil
}

// sameDay returns the buckets that an event in b may be or have been in.
func (s *store) sameDay(t *tenant, b *bucket) (ids []bucketID) {
	if b.class == LedgerClass || b.class == quarantineClass {
		return []bucketID{b.id} // Promote leaves it alone.
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range t.buckets {
		if o := s.buckets[id]; o.day == b.day && o.class != LedgerClass && o.class != quarantineClass {
			ids = append(ids, id)
		}
	}
	return ids
}

// bucketAt returns the bucket that the event at seq is in.
func (s *store) bucketAt(seq event.Seq) (b *bucket, err error) {
	at, err := s.locate(seq)
	if err != nil {
		return nil, err
	}
	err = s.at(seq, at, func(at location) (err error) {
		_, b, err = s.header(at.block)
		return err
	})
	return b, err
}

// resume does what is pending. The caller holds rewriting.
func (l *Log) resume(ctx context.Context, progress func(ForgetProgress)) error {
	if err := l.endEpoch(ctx, progress); err != nil {
		return err
	}
	p, err := l.pending()
	if err != nil || p.empty() {
		return err
	}
	for _, step := range []func(context.Context, *pending, func(ForgetProgress)) error{l.eraseEvents, l.reindex, l.recordForgotten, l.changeEpoch} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(ctx, p, progress); err != nil {
			return err
		}
	}
	return l.endEpoch(ctx, progress)
}

// rewriteBytes is how much text one rewriting reads, in bytes before
// compression.
const rewriteBytes = 16 << 20

// eraseEvents rewrites the blocks that hold events to be forgotten.
func (l *Log) eraseEvents(ctx context.Context, p *pending, progress func(ForgetProgress)) error {
	gone := roaring64.New()
	for _, seq := range p.ledger {
		e, err := l.event(seq, location{})
		if err != nil {
			return err
		}
		for _, r := range e.GetForgotten().GetPositions() {
			gone.AddRange(r.GetFirst(), r.GetLast()+1)
		}
	}
	blocks, err := l.holding(gone)
	if err != nil {
		return err
	}
	into := func(seq event.Seq, in *bucket) *bucket {
		if gone.Contains(uint64(seq)) {
			return nil
		}
		return in
	}
	planned := len(blocks)
	for len(blocks) > 0 {
		part := l.portion(blocks, l.cfg.portionBytes)
		r := rewriting{blocks: part, into: into, merged: l.merged(part[0]), workers: l.workers()}
		if err := l.rewrite(ctx, r); err != nil {
			return err
		}
		blocks = blocks[len(part):]
		progress(ForgetProgress{"rewrite", planned - len(blocks), planned})
	}
	return nil
}

// holding returns the blocks that hold events at the positions, those that were
// merged behind the others.
func (l *Log) holding(positions *roaring64.Bitmap) ([]block.ID, error) {
	found := map[block.ID]bool{}
	page, number := []location(nil), uint64(math.MaxUint64)
	for it := positions.Iterator(); it.HasNext(); {
		seq := it.Next()
		if n := seq / pageWidth; n != number {
			var err error
			if page, err = l.page(n); err != nil {
				return nil, err
			}
			number = n
		}
		if i := int(seq % pageWidth); i < len(page) && page[i].block != 0 {
			found[page[i].block] = true
		}
	}
	var out []block.ID
	l.mu.RLock()
	defer l.mu.RUnlock()
	for id := range found {
		if l.headers[id] != nil {
			out = append(out, id)
		}
	}
	slices.SortFunc(out, l.unmergedFirst)
	return out, nil
}

// portion returns the first of the blocks, at least one, that are of one tenant,
// merged alike, and have together up to size bytes of text.
func (s *store) portion(blocks []block.ID, size int) []block.ID {
	s.mu.RLock()
	defer s.mu.RUnlock()
	first := s.headers[blocks[0]]
	total := 0
	for i, id := range blocks {
		h := s.headers[id]
		total += int(h.TextSize)
		if i > 0 && (total > size || h.Merged != first.Merged || s.buckets[bucketID(h.Bucket)].tenant != s.buckets[bucketID(first.Bucket)].tenant) {
			return blocks[:i]
		}
	}
	return blocks
}

func (s *store) merged(id block.ID) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.headers[id].Merged
}

// reindex makes new indexes of the buckets that get new keys, under numbers of
// their own, so that nobody sees them before the keys are changed.
func (l *Log) reindex(ctx context.Context, p *pending, progress func(ForgetProgress)) error {
	if err := l.numberIndexes(p); err != nil {
		return err
	}
	given, err := floor(l.ring)
	if err != nil {
		return err
	}
	if streamed, err := l.inStream(p); err != nil {
		return err
	} else if streamed {
		if err := l.ring.PrepareStream(); err != nil {
			return err
		}
	}
	next, err := l.ring.BeginAfter(given)
	if err != nil {
		return err
	}
	l.fresh = map[bucketID]freshBucket{}
	for i, r := range p.rekey {
		l.mu.RLock()
		old := l.buckets[r.bucket]
		owner := l.tenants[old.tenant]
		l.mu.RUnlock()
		b, record, err := newBucket(next, old.id, owner, old.class, old.day, r.index)
		if err != nil {
			return err
		}
		l.fresh[old.id] = freshBucket{b, record}
		if err := l.fillIndex(ctx, old, b); err != nil {
			return err
		}
		progress(ForgetProgress{"index", i + 1, len(p.rekey)})
	}
	return nil
}

// freshBucket is a bucket with new keys, before it takes the old one's place.
type freshBucket struct {
	*bucket
	record []byte
}

// numberIndexes gives numbers to the new indexes, and removes what an
// interrupted attempt left under them.
func (l *Log) numberIndexes(p *pending) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.closed {
		return ErrClosed
	}
	b := l.db.NewBatch()
	defer b.Close() //nolint:errcheck // Committed or thrown away.
	st := l.state
	for i := range p.rekey {
		if p.rekey[i].index == 0 {
			st.bucket++
			p.rekey[i].index = indexID(st.bucket)
		}
		removeRange(b, indexPrefix(p.rekey[i].index))
	}
	set(b, key1(spacePending), p.encode())
	set(b, key1(spaceState), st.encode())
	if err := b.Commit(pebble.Sync); err != nil {
		return err
	}
	l.state = st
	return nil
}

// fillIndex writes the index of a bucket's events as it is under its new keys.
// It is durable when the keys are.
func (l *Log) fillIndex(ctx context.Context, old, fresh *bucket) error {
	var items []block.Item
	flush := func() error {
		b := l.db.NewBatch()
		defer b.Close() //nolint:errcheck // Committed or thrown away.
		slices.SortFunc(items, func(a, b block.Item) int { return cmp.Compare(a.Seq, b.Seq) })
		if err := writePostings(b, fresh, items); err != nil {
			return err
		}
		items = items[:0]
		return b.Commit(pebble.NoSync)
	}
	l.mu.RLock()
	ids := slices.Clone(old.ids)
	l.mu.RUnlock()
	for _, id := range ids {
		h, in, err := l.header(id)
		if err != nil {
			return err
		}
		meta, err := openMeta(l.disk, id, h, in, l.codec.OpenMeta)
		if err != nil {
			return err
		}
		for i := range meta.Len() {
			e, err := meta.Event(i)
			if err != nil {
				return err
			}
			items = append(items, block.Item{Seq: meta.Seq(i), Event: e})
		}
		if len(items) >= MaxAppend {
			if err := errors.Join(ctx.Err(), flush()); err != nil {
				return err
			}
		}
	}
	return flush()
}
