package eventlog

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// An Order is the order of a scan.
type Order uint8

// The orders. Events of the same time are in log order (or its reverse).
const (
	NewestFirst Order = iota // by time, descending
	OldestFirst              // by time, ascending
	LogOrder                 // by seq, ascending
	LogReverse               // by seq, descending
)

// A Position is a place in a scan's order: that of one event.
type Position struct {
	Time time.Time
	Seq  event.Seq
}

// A Selection says which events of a tenant a scan yields.
type Selection struct {
	Terms []Term // all must hold; none: all events
	// Words leaves out blocks none of whose events has one of each of these
	// words in its texts. It does not settle which events of a block have them:
	// whoever asks looks at the events.
	Words [][]words.Hash
	// Pairs and Prefixes leave out blocks in none of whose texts two words follow
	// one another so, or a word begins so; see words.Pair and words.PrefixOf. Only
	// blocks that were merged can tell.
	Pairs, Prefixes []words.Hash
	Since           time.Time  // events at or after; zero: no bound
	Until           time.Time  // events before; zero: no bound
	Before          *event.Seq // only positions of the log before this; nil: all
	Order           Order
	After           *Position // continue after this event in the order; nil: from the start
	Stats           *Stats    // what the scan, and reading what it yields, looks into is added to it; nil: nobody asks
	// Deadline is when a scan that finds nothing for long ends with a *Paused;
	// zero: never. It got further than After then.
	Deadline time.Time
}

// Paused is the error of a scan whose deadline passed.
type Paused struct {
	At Position // nothing more is to be found before the place after this
}

// Error says so.
func (*Paused) Error() string { return "the scan's time is up" }

// An Entry is one event found by a scan. It is valid as long as the log is
// open and safe for concurrent use.
type Entry struct {
	Seq   event.Seq
	Time  time.Time // of the event
	store *store
	at    location
	stats *Stats
}

// Meta returns the event without its text: everything but messages,
// documents, deltas, parameters, redaction counts, salt, comments, action text
// and policy documents. Cheap: no text is decrypted. The caller owns it.
// ErrErased where the event was forgotten since.
func (e *Entry) Meta() (*pb.Event, error) {
	var out *pb.Event
	err := e.store.at(e.Seq, e.at, func(at location) error {
		m, err := e.store.meta(at.block, e.stats)
		if err != nil {
			return err
		}
		out, err = m.Event(int(at.index))
		return err
	})
	return out, err
}

// Beside compares where two events lay when the scan began: those of one block are
// beside each other, in order.
func (e *Entry) Beside(o *Entry) int {
	return cmp.Or(cmp.Compare(e.at.block, o.at.block), cmp.Compare(e.at.index, o.at.index))
}

// SameBlock tells whether two events lay in one block, so that what is opened to
// read one has the other.
func (e *Entry) SameBlock(o *Entry) bool { return e.at.block == o.at.block }

// Turn is Log.Turn of the log that the event is in.
func (e *Entry) Turn() Turn { return e.store.Turn() }

// Event returns the whole event with its `seq` set. The caller owns it.
// ErrErased where the event was forgotten since.
func (e *Entry) Event() (*pb.Event, error) { return e.store.read(e.Seq, e.at, e.stats) }

// Stored calls f with the event's stored bytes, which are valid until f returns
// and not to be changed: to look at some of an event without decoding it all.
// ErrErased where the event was forgotten since, or f's error.
func (e *Entry) Stored(f func(stored []byte) error) error {
	return e.store.stored(e.Seq, e.at, true, e.stats, f)
}

// Scan yields the selected events in order, as of the call: what is appended
// meanwhile is not seen. Forgotten events are left out. A yielded error ends
// the scan.
//
// Blocks are opened as late as the order allows: a scan that is left early has
// read little, where events were appended about in the order of their times.
func (l *Log) Scan(ctx context.Context, name event.Tenant, sel Selection) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		sc, err := l.newScan(ctx, name, sel)
		if err != nil {
			yield(nil, err)
			return
		}
		defer sc.close()
		for {
			it, ok, err := sc.next(ctx)
			if err != nil {
				yield(nil, err)
				return
			}
			if !ok {
				return
			}
			if entry := it.entry(l.store, sel.Stats); !yield(&entry, nil) {
				return
			}
		}
	}
}

// scan is a scan under way: blocks not opened yet, and events found in those
// that were.
type scan struct {
	store  *store
	disk   disk // as it was at the start, so that nothing is met twice or missed where events move
	sel    Selection
	before event.Seq
	since  int64
	until  int64
	after  item   // the place to continue after, if sel has one
	units  []unit // by bound, the one to look into next last
	found  found
	moved  bool   // a block beyond after was looked into
	wanted wanted // of texts
	ahead  int    // units that were probed together last
}

// unit is a block to look into, or a bucket whose index is to be asked which.
type unit struct {
	id     block.ID // 0: a bucket
	header *block.Header
	bucket *bucket
	bound  item     // no event in it comes before this in the order
	at     []uint32 // which of its events, ascending; nil: all

	probed, without bool // it was probed, and has not what is wanted of texts

	question *question // of a bucket
}

// A question is what to ask the index of a bucket.
type question struct {
	terms  []Term
	blocks []unit // those of the bucket that may have events in the range, by id
}

// item is an event found.
type item struct {
	time int64
	seq  event.Seq
	at   location
}

func (it item) entry(s *store, stats *Stats) Entry {
	return Entry{Seq: it.seq, Time: time.Unix(0, it.time).UTC(), store: s, at: it.at, stats: stats}
}

// newScan plans a scan. Close it after use.
func (l *Log) newScan(ctx context.Context, name event.Tenant, sel Selection) (*scan, error) {
	sc := &scan{store: l.store, sel: sel, before: l.Size(), since: math.MinInt64, until: math.MaxInt64}
	if sel.Before != nil {
		sc.before = min(sc.before, *sel.Before)
	}
	if !sel.Since.IsZero() {
		sc.since = nanoseconds(sel.Since)
	}
	if !sel.Until.IsZero() {
		sc.until = nanoseconds(sel.Until)
	}
	if sel.After != nil {
		sc.after = item{time: nanoseconds(sel.After.Time), seq: sel.After.Seq}
	}
	sc.found.compare = comparison(sel.Order)
	t := l.named(name)
	if t == nil {
		return sc, nil
	}
	sc.wanted = t.wanted(sel)
	for {
		// What is in memory must be what is in the snapshot: where events moved
		// in between, once more.
		snapshot, moves := l.snapshot()
		sc.disk, sc.units = disk{snapshot}, nil
		err := errors.Join(ctx.Err(), sc.plan(t))
		if err != nil {
			sc.close()
			return nil, err
		}
		if l.moves.Load() == moves {
			break
		}
		sc.close()
	}
	sc.sort()
	planned := 0
	for _, u := range sc.units {
		if planned++; u.id == 0 {
			planned += len(u.question.blocks) - 1
		}
	}
	sel.Stats.planned(planned, l.blocks(t))
	return sc, nil
}

// sort puts the units in order.
func (sc *scan) sort() {
	slices.SortFunc(sc.units, func(a, b unit) int { return sc.found.compare(b.bound, a.bound) })
}

// newWholeScan plans a scan that looks into everything: no index is left to ask.
func (l *Log) newWholeScan(ctx context.Context, name event.Tenant, sel Selection) (*scan, error) {
	sc, err := l.newScan(ctx, name, sel)
	if err != nil {
		return nil, err
	}
	all, err := sc.askAll(ctx, sc.units)
	if err != nil {
		sc.close()
		return nil, err
	}
	sc.units = all
	sc.sort()
	return sc, nil
}

// snapshot returns what is on disk now, and the count of moves that led there.
// Close it after use.
func (s *store) snapshot() (*pebble.Snapshot, uint64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.db.NewSnapshot(), s.moves.Load()
}

// close lets go of the snapshot.
func (sc *scan) close() {
	if snapshot, ok := sc.disk.reader.(*pebble.Snapshot); ok {
		must(snapshot.Close())
		sc.disk = disk{}
	}
}

// nanoseconds is t in Unix nanoseconds, or the nearest time that can be.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}

func comparison(o Order) func(a, b item) int {
	switch o {
	case NewestFirst:
		return func(a, b item) int { return -byTime(a, b) }
	case OldestFirst:
		return byTime
	case LogReverse:
		return func(a, b item) int { return cmp.Compare(b.seq, a.seq) }
	}
	return func(a, b item) int { return cmp.Compare(a.seq, b.seq) }
}

func byTime(a, b item) int {
	switch {
	case a.time < b.time:
		return -1
	case a.time > b.time:
		return 1
	}
	return cmp.Compare(a.seq, b.seq)
}

// plan finds the blocks to look into.
func (sc *scan) plan(t *tenant) error {
	for _, term := range sc.sel.Terms {
		if term.Field == FieldID {
			return sc.planIDs(t, term.Values)
		}
	}
	for _, b := range sc.store.bucketsOf(t) {
		wanted, terms := bucketTerms(b, sc.sel.Terms)
		if !wanted {
			continue
		}
		blocks := sc.inRange(b)
		if len(blocks) == 0 || len(terms) == 0 {
			sc.units = append(sc.units, blocks...)
			continue
		}
		first := slices.MinFunc(blocks, func(a, b unit) int { return sc.found.compare(a.bound, b.bound) })
		sc.units = append(sc.units, unit{bucket: b, bound: first.bound, question: &question{terms, blocks}})
	}
	return nil
}

func (s *store) bucketsOf(t *tenant) []*bucket {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]*bucket, 0, len(t.buckets))
	for _, id := range t.buckets {
		out = append(out, s.buckets[id])
	}
	return out
}

// bucketTerms settles the terms on the class, which all events of a bucket
// share, and returns the others.
func bucketTerms(b *bucket, terms []Term) (wanted bool, rest []Term) {
	for _, t := range terms {
		if t.Field != FieldClass {
			rest = append(rest, t)
		} else if !slices.ContainsFunc(t.Values, func(class string) bool { return policy.Is(b.class, class) }) {
			return false, nil
		}
	}
	return true, rest
}

// inRange returns the blocks of a bucket that may have events in the range, by id.
func (sc *scan) inRange(b *bucket) (out []unit) {
	sc.store.mu.RLock()
	defer sc.store.mu.RUnlock()
	out = make([]unit, 0, len(b.ids))
	for _, id := range b.ids {
		if u, ok := sc.unit(id, sc.store.headers[id], b); ok {
			out = append(out, u)
		}
	}
	return out
}

// askAll asks the buckets among units, on all cores, and returns the blocks.
func (sc *scan) askAll(ctx context.Context, units []unit) ([]unit, error) {
	asked := make([][]unit, len(units))
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(sc.store.workers())
	for i, u := range units {
		if u.id != 0 {
			asked[i] = units[i : i+1]
			continue
		}
		jobs.Go(func() (err error) {
			turn := sc.store.Turn()
			defer turn.End()
			if err := turn.Next(ctx); err != nil {
				return err
			}
			asked[i], err = sc.ask(u)
			return err
		})
	}
	err := jobs.Wait()
	return slices.Concat(asked...), err
}

// ask looks the terms of a bucket up in its index, and returns the blocks that have
// them.
func (sc *scan) ask(of unit) (out []unit, err error) {
	var seqs []event.Seq
	for i, t := range of.question.terms {
		found, err := sc.disk.find(of.bucket, t)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			seqs = found
		} else {
			seqs = intersect(seqs, found)
		}
	}
	located, err := sc.locate(seqs)
	if err != nil {
		return nil, err
	}
	for _, u := range of.question.blocks {
		if u.at = located[u.id]; u.at != nil {
			slices.Sort(u.at)
			out = append(out, u)
		}
	}
	sc.sel.Stats.skippedMore(len(of.question.blocks) - len(out))
	return out, nil
}

// planIDs looks the events up by id. The other terms are left to the caller's
// filter.
func (sc *scan) planIDs(t *tenant, ids []string) error {
	var seqs []event.Seq
	for _, id := range ids {
		seq, err := sc.disk.lookup(t, id)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		seqs = append(seqs, seq)
	}
	slices.Sort(seqs)
	located, err := sc.locate(slices.Compact(seqs))
	if err != nil {
		return err
	}
	for id, at := range located {
		h, b, err := sc.store.header(id)
		if errors.Is(err, ErrErased) {
			continue
		}
		if err != nil {
			return err
		}
		if u, ok := sc.unit(id, h, b); ok && b.tenant == t.id {
			slices.Sort(at)
			u.at = at
			sc.units = append(sc.units, u)
		}
	}
	return nil
}

// locate returns which events of which blocks the seqs are, which ascend; beyond
// the range they are left out.
func (sc *scan) locate(seqs []event.Seq) (map[block.ID][]uint32, error) {
	located := map[block.ID][]uint32{}
	var page []location
	number := uint64(math.MaxUint64)
	for _, seq := range seqs {
		if seq >= sc.before {
			break
		}
		if n := uint64(seq) / pageWidth; n != number {
			var err error
			if page, err = sc.disk.page(n); err != nil {
				return nil, err
			}
			number = n
		}
		i := int(seq % pageWidth)
		if i < len(page) && page[i].block != 0 {
			located[page[i].block] = append(located[page[i].block], page[i].index)
		}
	}
	return located, nil
}

// unit returns a block to look into; ok is false if none of its events can be
// selected.
func (sc *scan) unit(id block.ID, h *block.Header, in *bucket) (u unit, ok bool) {
	if event.Seq(h.FirstSeq) >= sc.before || h.MaxTime < sc.since || h.MinTime >= sc.until {
		return u, false
	}
	u = unit{id: id, header: h, bucket: in, bound: item{time: h.MinTime, seq: event.Seq(h.FirstSeq)}}
	last := item{time: h.MaxTime, seq: event.Seq(h.LastSeq)}
	if sc.sel.Order == NewestFirst || sc.sel.Order == LogReverse {
		u.bound, last = last, u.bound
	}
	return u, sc.sel.After == nil || sc.found.compare(last, sc.after) > 0
}

// next returns the next event in the order.
func (sc *scan) next(ctx context.Context) (item, bool, error) {
	turn := sc.store.Turn()
	defer turn.End()
	for n := len(sc.units); n > 0; n = len(sc.units) {
		u := sc.units[n-1]
		if len(sc.found.runs) > 0 && sc.found.compare(sc.found.runs[0][0], u.bound) < 0 {
			break
		}
		if err := errors.Join(ctx.Err(), sc.pause(u)); err != nil {
			return item{}, false, err
		}
		if u.id != 0 && !u.probed && sc.wanted.any() {
			turn.End() // It takes its own.
			if err := sc.probe(ctx); err != nil {
				return item{}, false, err
			}
		}
		if err := turn.Next(ctx); err != nil {
			return item{}, false, err
		}
		u, sc.units = sc.units[n-1], sc.units[:n-1]
		if u.id == 0 {
			blocks, err := sc.ask(u)
			if err != nil {
				return item{}, false, err
			}
			sc.units = append(sc.units, blocks...)
			sc.sort()
			continue
		}
		if err := sc.open(u); err != nil {
			return item{}, false, err
		}
	}
	it, ok := sc.found.next()
	return it, ok, nil
}

// pause returns a *Paused if it is time to and the scan has come anywhere before
// it looks into u. To ask an index is to come nowhere: what comes next may be at the
// same place.
func (sc *scan) pause(u unit) error {
	beyond := sc.sel.After == nil || sc.found.compare(u.bound, sc.after) > 0
	if sc.sel.Deadline.IsZero() || len(sc.found.runs) > 0 || !sc.moved {
		sc.moved = sc.moved || beyond && u.id != 0
		return nil
	}
	if time.Until(sc.sel.Deadline) > 0 {
		return nil
	}
	return &Paused{before(u.bound, sc.sel.Order)}
}

// before returns the place just before that of an event.
func before(it item, o Order) Position {
	p := Position{time.Unix(0, it.time).UTC(), it.seq}
	switch {
	case o == NewestFirst || o == LogReverse:
		p.Seq++
	case it.seq > 0:
		p.Seq--
	default: // In log order nothing is before it, and nothing paused there.
		p = Position{p.Time.Add(-1), math.MaxInt64}
	}
	return p
}

// open adds the selected events of a block to those found, but for those that come
// before the place to continue after.
func (sc *scan) open(u unit) error {
	if u.without {
		return nil
	}
	var run []item
	err := sc.timed(u, func(it item) {
		if sc.sel.After == nil || sc.found.compare(it, sc.after) > 0 {
			run = append(run, it)
		}
	})
	sc.found.add(run)
	return err
}

// each calls f for the selected events of a block.
func (sc *scan) each(u unit, f func(item)) error {
	may, err := sc.mayHave(u)
	if err != nil || !may {
		return err
	}
	return sc.timed(u, f)
}

// timed calls f for the selected events of a block that may have what is wanted.
func (sc *scan) timed(u unit, f func(item)) error {
	t, err := sc.store.timeline(sc.disk, u.id, u.header, u.bucket, sc.sel.Stats)
	if err != nil {
		return err
	}
	hand := func(i uint32) {
		it := item{time: t[i].Time, seq: event.Seq(t[i].Seq), at: location{u.id, i}}
		if sc.wants(it) {
			f(it)
		}
	}
	if u.at == nil {
		for i := range t {
			hand(uint32(i))
		}
		return nil
	}
	for _, i := range u.at {
		if int(i) < len(t) {
			hand(i)
		}
	}
	return nil
}

// wants reports whether an event is in the range that is asked for.
func (sc *scan) wants(it item) bool {
	return it.seq < sc.before && it.time >= sc.since && it.time < sc.until
}

// found is events in order, as a heap of the runs in which they were found.
type found struct {
	runs    [][]item // each in order and not empty, the one with the next event first
	compare func(a, b item) int
}

// add adds events in any order, which are the found's from then on.
func (f *found) add(run []item) {
	if len(run) > 0 {
		slices.SortFunc(run, f.compare)
		heap.Push(f, run)
	}
}

// next takes the next event.
func (f *found) next() (it item, ok bool) {
	if len(f.runs) == 0 {
		return it, false
	}
	it = f.runs[0][0]
	if f.runs[0] = f.runs[0][1:]; len(f.runs[0]) == 0 {
		heap.Pop(f)
	} else {
		heap.Fix(f, 0)
	}
	return it, true
}

// These are for package heap.
func (f *found) Len() int           { return len(f.runs) }
func (f *found) Less(i, j int) bool { return f.compare(f.runs[i][0], f.runs[j][0]) < 0 }
func (f *found) Swap(i, j int)      { f.runs[i], f.runs[j] = f.runs[j], f.runs[i] }
func (f *found) Push(x any)         { f.runs = append(f.runs, x.([]item)) }
func (f *found) Pop() any {
	last := len(f.runs) - 1
	run := f.runs[last]
	f.runs = f.runs[:last]
	return run
}
