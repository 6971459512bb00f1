package eventlog

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// saltSize is the size of an event's salt in bytes.
const saltSize = 16

// A Prepared event is ready to be appended: encoded, salted and committed to.
type Prepared struct {
	tenant     *tenant
	event      *pb.Event
	bytes      []byte // as they are stored, until they are redacted
	commitment commitment
	id         [idHashSize]byte // PRF of the event's id
}

// Prepare completes the event with salt and time of receipt, encodes it and
// commits to it. The event must be valid, redacted and classified (class and
// policy_version are set); it belongs to the log afterwards. This is the part
// of appending that runs on all cores. It makes the tenant's keys on first
// use; errors as of Append.
func (l *Log) Prepare(name event.Tenant, e *pb.Event) (Prepared, error) {
	if e.GetClass() == "" || e.Seq != nil {
		panic("internal error: event was not classified, or was read from a log")
	}
	if e.GetClass() == quarantineClass {
		return Prepared{}, fmt.Errorf("event %s: no event can be of class %s", e.GetId(), quarantineClass)
	}
	e.Salt = make([]byte, saltSize)
	if _, err := rand.Read(e.GetSalt()); err != nil {
		return Prepared{}, fmt.Errorf("make salt: %w", err)
	}
	e.Received = timestamppb.New(l.cfg.Now())
	b, err := event.Marshal(e)
	if err != nil {
		return Prepared{}, fmt.Errorf("encode event: %w", err)
	}
	t, err := l.tenant(name)
	if err != nil {
		return Prepared{}, err
	}
	id, err := t.ids.Sum([]byte(e.GetId()), idHashSize)
	if err != nil {
		return Prepared{}, err
	}
	return Prepared{t, e, b, sha256.Sum256(b), [idHashSize]byte(id)}, nil
}

// Append adds the events to the log in order, in one atomic step, and returns
// one result each when that is durable; at most MaxAppend events. Concurrent
// calls are served one after the other.
//
// Errors: ErrClosed, ErrDiskFull, ErrTampered, or what the disk said; then
// nothing was appended.
func (l *Log) Append(ctx context.Context, batch []Prepared) ([]Result, error) {
	if len(batch) > MaxAppend {
		panic(fmt.Sprintf("internal error: %d events in one append", len(batch)))
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := errors.Join(ctx.Err(), l.writable()); err != nil {
		return nil, err
	}
	a, err := l.append(batch)
	if err == nil {
		err = l.publishedAgain(a.results)
	}
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	return a.results, nil
}

// keptBatch is the largest batch, in bytes, whose memory the next one takes
// over: fresh memory costs more than filling it.
const keptBatch = 16 << 20

// append is Append for a caller that holds writing.
func (l *Log) append(batch []Prepared) (*appending, error) {
	return l.appendAs(batch, l.ring.Current(), (*appending).commit)
}

// appendAs is append where keys are made in the given epoch and commits does
// the last step.
func (l *Log) appendAs(batch []Prepared, epoch *keyring.Epoch, commits func(*appending) error) (*appending, error) {
	a := &appending{
		l: l, state: l.state, batch: batch, results: make([]Result, len(batch)),
		write: l.db.NewBatch(pebble.WithMaxRetainedSizeBytes(keptBatch)),
		epoch: epoch, commits: commits,
	}
	defer a.write.Close() //nolint:errcheck // Committed or thrown away.
	began := time.Now()   //nolint:forbidigo // It is no evidence.
	// Until commit nothing is on disk but sections of no block; a crash or an
	// error before it leaves the log as it was. After it everything is: location, index, tree and
	// checkpoint stand in the same batch as the blocks.
	for _, step := range []func() error{a.deduplicate, a.group, a.seal, a.locate, a.index, a.grow, a.store} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	l.turns.appended(time.Since(began))
	if err := a.finish(); err != nil {
		return nil, errors.Join(err, l.dropBeyond(l.state.block))
	}
	a.publish()
	return a, nil
}

// appending is one append under way.
type appending struct {
	l       *Log
	state   state // as it will be
	batch   []Prepared
	results []Result
	write   *pebble.Batch
	epoch   *keyring.Epoch         // of the keys that are made
	commits func(*appending) error // makes it durable, with all else that is one step with it

	added      []int // places in batch that get a seq, in order
	groups     []*group
	pages      map[uint64][]location // that are written
	newBuckets []*bucket
	edge       *tree.Edge
	checkpoint tree.Checkpoint
	keep       bool // the checkpoint is kept for good
}

// group is what goes to one bucket.
type group struct {
	bucket *bucket
	items  []block.Item
	sealed []sealed
}

type sealed struct {
	id    block.ID
	items []block.Item
	block *block.Sealed
}

// deduplicate settles the events whose id is known, and gives seqs to the
// others.
func (a *appending) deduplicate() error {
	type key struct {
		tenant tenantID
		id     [idHashSize]byte
	}
	seen := make(map[key]int, len(a.batch))
	for i, p := range a.batch {
		k := key{p.tenant.id, p.id}
		if first, ok := seen[k]; ok && a.results[first].Outcome != Conflict {
			a.results[i] = Result{verdict(a.batch[first].event, p.event), a.results[first].Seq}
			continue
		}
		seen[k] = i
		seq, err := a.l.known(p)
		switch {
		case err == nil:
			a.results[i], err = a.l.settle(seq, p.event)
		case errors.Is(err, ErrNotFound):
			a.results[i], err = Result{Appended, a.state.size}, nil
			set(a.write, idKey(p.tenant.id, p.id[:]), binary.BigEndian.AppendUint64(nil, uint64(a.state.size)))
			a.added = append(a.added, i)
			a.state.size++
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// known returns where the event with the id of p is, or ErrNotFound.
func (l *Log) known(p Prepared) (event.Seq, error) {
	if !l.ids.mayHave(p.tenant.id, p.id[:]) {
		return 0, ErrNotFound
	}
	return l.lookupHash(p.tenant, p.id[:])
}

// settle says what becomes of an event whose id is that of the event at seq.
func (l *Log) settle(seq event.Seq, e *pb.Event) (Result, error) {
	at, err := l.locate(seq)
	if errors.Is(err, ErrErased) {
		return Result{Duplicate, seq}, nil
	}
	if err != nil {
		return Result{}, err
	}
	first, err := l.event(seq, at)
	if errors.Is(err, ErrErased) {
		return Result{Duplicate, seq}, nil
	}
	if err != nil {
		return Result{}, err
	}
	out := Result{verdict(first, e), seq}
	if out.Outcome == Conflict {
		// Of a redacted event there is nothing left to compare with, as of one that
		// was forgotten: its publisher must not be held up (docs/decisions/0016).
		if _, redacted, err := l.replaced(seq); err != nil {
			return Result{}, err
		} else if redacted {
			out.Outcome = Duplicate
		}
	}
	return out, nil
}

// verdict compares what publishers said of two events with the same id. Both
// are redacted; pseudonyms tell different values apart.
func verdict(first, second *pb.Event) Outcome {
	if proto.Equal(published(first), published(second)) {
		return Duplicate
	}
	return Conflict
}

// published is the event without what the store adds, and without the bytes of
// sealed originals, which are random: an event that is delivered again is
// sealed again. Type and token of each, which stand for the value, stay.
func published(e *pb.Event) *pb.Event {
	p := proto.CloneOf(e)
	p.Salt, p.Received, p.Class, p.PolicyVersion, p.Seq = nil, nil, "", "", nil
	for _, s := range p.GetCapture().GetEscrow() {
		s.Ciphertext = nil
	}
	return p
}

// group sorts the new events into buckets, made where they are missing.
func (a *appending) group() error {
	byBucket := map[bucketID]*group{}
	for _, i := range a.added {
		p := a.batch[i]
		b, err := a.bucketOf(p)
		if err != nil {
			return err
		}
		g := byBucket[b.id]
		if g == nil {
			g = &group{bucket: b}
			byBucket[b.id] = g
			a.groups = append(a.groups, g)
		}
		g.items = append(g.items, block.Item{Seq: uint64(a.results[i].Seq), Bytes: p.bytes, Event: p.event})
	}
	return nil
}

func (a *appending) bucketOf(p Prepared) (*bucket, error) {
	t := p.tenant
	day := uint32(p.event.GetReceived().GetSeconds() / (24 * 60 * 60))
	class := p.event.GetClass()
	for _, b := range a.newBuckets {
		if b.tenant == t.id && b.day == day && b.class == class {
			return b, nil
		}
	}
	if b := a.l.findBucket(t, class, day); b != nil {
		return b, nil
	}
	a.state.bucket++
	b, record, err := newBucket(a.epoch, a.state.bucket, t, class, day, indexID(a.state.bucket))
	if err != nil {
		return nil, err
	}
	set(a.write, bucketKey(b.id), record)
	a.newBuckets = append(a.newBuckets, b)
	return b, nil
}

// findBucket returns the bucket to append to, if there is one; the newest are
// looked at first.
func (s *store) findBucket(t *tenant, class string, day uint32) *bucket {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range slices.Backward(t.buckets) {
		if b := s.buckets[id]; b.day == day && b.class == class && !b.closed {
			return b
		}
	}
	return nil
}

// seal cuts each group into blocks and encrypts them, on all cores.
func (a *appending) seal() error {
	var jobs errgroup.Group
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	for _, g := range a.groups {
		for items := range cut(g.items, block.TargetSize) {
			a.state.block++
			g.sealed = append(g.sealed, sealed{id: a.state.block, items: items})
		}
		for i := range g.sealed {
			jobs.Go(func() (err error) {
				s := &g.sealed[i]
				s.block, err = a.l.codec.Seal(s.id, uint32(g.bucket.id), g.bucket.keys(), s.items)
				return err
			})
		}
	}
	return jobs.Wait()
}

// locate writes where the new events lie.
func (a *appending) locate() error {
	first := a.l.state.size
	if a.state.size == first {
		return nil
	}
	locations := make([]location, a.state.size-first)
	for _, g := range a.groups {
		for _, s := range g.sealed {
			for i, it := range s.items {
				locations[event.Seq(it.Seq)-first] = location{s.id, uint32(i)}
			}
		}
	}
	page := uint64(first) / pageWidth
	head, err := a.l.page(page)
	if err != nil {
		return err
	}
	if len(head) != int(first%pageWidth) {
		return fmt.Errorf("%w: location page %d has %d positions: want %d", ErrTampered, page, len(head), first%pageWidth)
	}
	a.pages = map[uint64][]location{}
	for part := range slices.Chunk(append(head, locations...), pageWidth) {
		set(a.write, locationKey(page), encodePage(part))
		a.pages[page] = part
		page++
	}
	return nil
}

// page returns a location page as it will be.
func (a *appending) page(n uint64) ([]location, error) {
	if page, ok := a.pages[n]; ok {
		return page, nil
	}
	return a.l.page(n)
}

// index writes the terms of the new events, each bucket's under its own key.
func (a *appending) index() error {
	for _, g := range a.groups {
		if err := writePostings(a.write, g.bucket, g.items); err != nil {
			return err
		}
	}
	return nil
}

func writePostings(b *pebble.Batch, in *bucket, items []block.Item) error {
	postings, err := in.postings(items)
	if err != nil {
		return err
	}
	for hash, seqs := range postings {
		set(b, termKey(in.indexID, hash[:], seqs[0]), encodePosting(seqs))
	}
	return nil
}

// grow extends the tree and signs its new head.
func (a *appending) grow() error {
	if len(a.added) == 0 {
		return nil
	}
	l := a.l
	a.edge = l.edge.Clone()
	index := uint64(l.state.size) / tree.Width
	bundle, err := l.bundle(index)
	if err != nil {
		return err
	}
	if want := int(l.state.size%tree.Width) * tree.HashSize; len(bundle) != want {
		return fmt.Errorf("%w: bundle %d has %d bytes: want %d", ErrTampered, index, len(bundle), want)
	}
	leaves := make([]tree.Hash, 0, len(a.added))
	for _, i := range a.added {
		c := a.batch[i].commitment
		bundle = append(bundle, c[:]...)
		leaves = append(leaves, tree.LeafHash(c[:]))
	}
	for part := range slices.Chunk(bundle, tree.Width*tree.HashSize) {
		set(a.write, bundleKey(index), part)
		index++
	}
	for _, t := range a.edge.AddAll(leaves) {
		set(a.write, tileKey(t.Level, t.Index), tree.AppendHashes(nil, t.Hashes))
	}
	if a.checkpoint, err = tree.Sign(a.edge.Size(), a.edge.Root(), l.signer); err != nil {
		return err
	}
	set(a.write, key1(spaceCheckpoint), a.checkpoint.Note)
	a.keep = l.cfg.Now().Sub(l.kept).Abs() >= checkpointEvery
	if a.keep {
		set(a.write, checkpointKey(a.state.size), a.checkpoint.Note)
	}
	return nil
}

// store writes the blocks.
func (a *appending) store() error { return a.l.storeBlocks(a.write, a.groups) }

func (a *appending) finish() error {
	if len(a.added) == 0 {
		return nil
	}
	return a.commits(a)
}

// commit makes everything durable at once.
func (a *appending) commit() error {
	set(a.write, key1(spaceState), a.state.encode())
	return a.write.Commit(pebble.Sync)
}

// publish shows readers what is durable now.
func (a *appending) publish() {
	l := a.l
	if len(a.added) == 0 {
		return
	}
	for _, b := range a.newBuckets {
		must(l.addBucket(b))
	}
	for _, g := range a.groups {
		for _, s := range g.sealed {
			header := s.block.Header // a copy: its sections are not to be kept
			must(l.addBlock(s.id, &header))
		}
	}
	for _, i := range a.added {
		l.ids.add(a.batch[i].tenant.id, a.batch[i].id[:])
	}
	l.state, l.edge = a.state, a.edge
	newest := a.checkpoint // a copy: the append is not to be kept
	l.newest.Store(&newest)
	now := l.cfg.Now()
	if a.keep {
		l.kept = now
	}
	if now.Sub(l.moored).Abs() >= anchorEvery {
		// A crash before this leaves an older anchor, which is a weaker promise
		// and not a wrong one.
		l.moored, l.failed = now, l.renewAnchor()
		if l.failed != nil {
			l.log.Error("the newest checkpoint cannot be kept beside the keys", "err", l.failed)
		}
	}
	l.size.Store(uint64(l.state.size))
	l.wake()
}

// must is for what cannot fail after what was checked before.
func must(err error) {
	if err != nil {
		panic("internal error: " + err.Error())
	}
}

// wake tells those who wait that the log has grown.
func (l *Log) wake() {
	l.waiting.Lock()
	defer l.waiting.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
}
