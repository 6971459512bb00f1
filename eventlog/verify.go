package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// A Finding is something verification found that is not as it was written.
type Finding struct {
	Kind        FindingKind
	Part        string    // block, commitment, tile, checkpoint, anchor, location, index, key, quarantine or store
	Reason      string    // what is wrong
	First, Last event.Seq // the positions affected
}

// A FindingKind says what sort of thing happened, as far as can be told.
type FindingKind string

// The kinds of findings.
const (
	Tampered FindingKind = "tampered" // what is stored is whole, and not what was written
	Corrupt  FindingKind = "corrupt"  // what is stored does not match its own checksum, or cannot be read: damage rather than intent
	Missing  FindingKind = "missing"  // it is not there, and no record says that it was forgotten
)

// errMissing is ErrTampered of what is not there.
var errMissing = fmt.Errorf("%w: it is missing", ErrTampered)

// kindOf returns the kind of finding that an error is.
func kindOf(err error) FindingKind {
	switch {
	case errors.Is(err, errMissing):
		return Missing
	case errors.Is(err, ErrTampered) && !errors.Is(err, ErrCorrupt):
		return Tampered
	}
	return Corrupt
}

// Verified is what a verification found.
type Verified struct {
	Checkpoint         // what was checked against
	Forgotten  []Range // positions whose events are forgotten, as the log records
	Redacted   []Range // positions whose events were redacted since they were stored, as the log records
}

// A Range is positions of the log that follow one another.
type Range struct{ First, Last event.Seq }

// ranges returns the members of a set, ascending.
func ranges(set *roaring64.Bitmap) (out []Range) {
	for it := set.Iterator(); it.HasNext(); {
		seq := event.Seq(it.Next())
		if n := len(out); n > 0 && out[n-1].Last+1 == seq {
			out[n-1].Last = seq
			continue
		}
		out = append(out, Range{seq, seq})
	}
	return out
}

// Progress is how far a verification has come.
type Progress struct{ Checked, Size event.Seq }

// Verify checks everything appended so far, from the disk up: commitments
// against tiles, tiles against checkpoints, checkpoints against their
// signatures and the anchor beside the keys, blocks against commitments,
// locations and indexes against blocks, what stands for the leaves of redacted
// events against the ledger. It calls report for each finding and
// progress now and then, both from the calling goroutine. A finding is no
// error: err is for what kept it from checking. What was forgotten, as the log
// records, is no finding.
func (l *Log) Verify(ctx context.Context, report func(Finding), progress func(Progress)) (Verified, error) {
	v, err := newVerification(ctx, l.store, report, progress)
	if err != nil {
		return Verified{}, err
	}
	snapshot := l.frozen(v)
	v.disk, v.committed = disk{snapshot}, commitments{disk: disk{snapshot}}
	out, err := v.verify()
	return out, errors.Join(err, snapshot.Close())
}

// frozen returns what is on disk, and tells v what is in memory, at one
// instant: what is appended, moved or forgotten meanwhile is not seen.
func (l *Log) frozen(v *verification) *pebble.Snapshot {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.RLock()
	defer l.mu.RUnlock()
	v.newest, v.buckets, v.tenants = l.newest.Load(), maps.Clone(l.buckets), maps.Clone(l.tenants)
	return l.db.NewSnapshot()
}

// VerifyDir is Verify of a log that no process has open. It changes nothing. Of
// a store that cannot even be opened as one, the finding names all positions
// that the keys have seen, and the checkpoint is the anchor beside them.
func VerifyDir(ctx context.Context, cfg Config, report func(Finding), progress func(Progress)) (Verified, error) {
	return openAndVerify(ctx, cfg, nil, report, progress)
}

func openAndVerify(ctx context.Context, cfg Config, r *resumption, report func(Finding), progress func(Progress)) (Verified, error) {
	cfg = cfg.withDefaults()
	fresh, err := isFresh(cfg)
	if err != nil {
		return Verified{}, err
	}
	if fresh {
		return Verified{}, fmt.Errorf("%s holds no log: name its directory with --data", cfg.Dir)
	}
	ring, err := keyring.OpenWith(cfg.KeysDir, cfg.Keys)
	if err != nil {
		return Verified{}, fmt.Errorf("open keys: %w", err)
	}
	cp, err := verifyDir(ctx, cfg, ring, r, report, progress)
	if !errors.Is(err, ErrTampered) {
		return cp, err
	}
	anchor, unseen := anchorOf(cfg, ring)
	if unseen != nil {
		return Verified{}, errors.Join(err, unseen)
	}
	report(Finding{kindOf(err), "store", err.Error(), 0, max(anchor.Size, 1) - 1})
	return Verified{Checkpoint: anchor}, nil
}

func verifyDir(ctx context.Context, cfg Config, ring *keyring.Ring, r *resumption, report func(Finding), progress func(Progress)) (_ Verified, err error) {
	db, err := openDB(cfg, true)
	if err != nil {
		return Verified{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := newStore(db, ring, cfg)
	if err != nil {
		return Verified{}, err
	}
	defer func() { err = errors.Join(err, s.codec.Close()) }()
	if err := s.identify(ring.Store(), true); err != nil {
		return Verified{}, err
	}
	st, err := s.readState()
	if err == nil {
		err = ring.Use(st.epoch)
	}
	if err != nil && !errors.Is(err, ErrTampered) { // That will be a finding.
		return Verified{}, fmt.Errorf("open keys: %w", err)
	}
	if err != nil {
		r = nil // There is no epoch to seal a mark with.
	}
	v, err := newVerification(ctx, s, report, progress)
	if err != nil {
		return Verified{}, err
	}
	if r != nil {
		if err := r.begin(ring, cfg); err != nil {
			return Verified{}, fmt.Errorf("resume verification: %w", err)
		}
		v.resumption = r
	}
	return v.verify()
}

// anchorOf returns the checkpoint beside the keys, the zero one if there is
// none.
func anchorOf(cfg Config, ring *keyring.Ring) (Checkpoint, error) {
	vkey, err := ring.VerifierKey(cfg.origin(ring))
	if err != nil {
		return Checkpoint{}, err
	}
	s := &store{vkey: vkey}
	signed, err := ring.Anchor()
	if err != nil || signed == nil {
		return s.checkpointOf(tree.Checkpoint{}), err
	}
	cp, err := s.openNote(signed)
	return s.checkpointOf(cp), err
}

// verification is a verification under way.
type verification struct {
	disk                     // what is checked
	ctx      context.Context //nolint:containedctx // It lives as long as one call.
	store    *store
	verifier note.Verifier
	report   func(Finding)
	progress func(Progress)
	buckets  map[bucketID]*bucket
	tenants  map[tenantID]*tenant
	newest   *tree.Checkpoint // what a live log says it is; nil: the disk says

	resumption *resumption // nil: nothing keeps how far it is
	found      int         // findings so far

	size      event.Seq // positions to check
	committed commitments
	page      struct {
		number    uint64
		locations []location
	}
	runs      []Finding            // findings that may go on
	bad       map[block.ID]*damage // blocks that did not pass
	seen      *roaring64.Bitmap    // positions that a block holds
	gone      *roaring64.Bitmap    // positions that none does, as recorded
	recorded  *roaring64.Bitmap    // positions recorded as forgotten
	redacted  *roaring64.Bitmap    // positions whose events were redacted, as recorded
	claims    claims               // what the ledger says of redactions
	forgotten map[block.ID]*forgottenBlock
	expected  map[indexPage]uint64 // sums of what the index must hold
	actual    map[indexPage]uint64 // sums of what it holds
	keys      [2]uint64            // of the sums
}

// indexPage is a part of the index that is compared as a whole.
type indexPage struct {
	index indexID
	page  uint64 // seqs by pageWidth
}

// newVerification returns one of a store that nobody has open.
func newVerification(ctx context.Context, s *store, report func(Finding), progress func(Progress)) (*verification, error) {
	verifier, err := note.NewVerifier(s.vkey)
	if err != nil {
		return nil, fmt.Errorf("make verifier: %w", err)
	}
	return &verification{
		disk: s.disk, ctx: ctx, store: s, verifier: verifier, report: report, progress: progress,
		buckets: s.buckets, tenants: s.tenants, committed: commitments{disk: s.disk},
		bad: map[block.ID]*damage{}, forgotten: map[block.ID]*forgottenBlock{},
		seen: roaring64.New(), gone: roaring64.New(), recorded: roaring64.New(), redacted: roaring64.New(),
		expected: map[indexPage]uint64{}, actual: map[indexPage]uint64{},
	}, nil
}

func (v *verification) verify() (Verified, error) {
	cp, err := v.checkpoint()
	if err != nil {
		return Verified{}, err
	}
	if v.newest == nil {
		err := v.store.load(func(err error) error { v.add("key", err, 0, v.last()); return nil })
		if err := v.damaged("key", err, 0, v.last()); err != nil {
			return Verified{}, err
		}
	}
	for _, step := range []func() error{v.counters, v.anchor, v.tree, v.blocks, v.positions, v.redactions, v.beyond, v.index, v.quarantine} {
		if err := errors.Join(v.ctx.Err(), step()); err != nil {
			return Verified{}, err
		}
	}
	return Verified{v.store.checkpointOf(cp), ranges(v.gone), ranges(v.redacted)}, nil
}

func (v *verification) add(part string, reason error, first, last event.Seq) {
	v.tell(Finding{kindOf(reason), part, reason.Error(), first, last})
}

func (v *verification) tell(f Finding) {
	v.found++
	if v.resumption != nil {
		v.resumption.found = append(v.resumption.found, f)
	}
	v.report(f)
}

// run is add of one position. Positions that follow one another are one
// finding; endRun reports what has not been.
func (v *verification) run(part string, reason error, seq event.Seq) {
	for i := range v.runs {
		r := &v.runs[i]
		if r.Part == part && r.Reason == reason.Error() && r.Last+1 == seq {
			r.Last = seq
			return
		}
	}
	if len(v.runs) >= maxRuns {
		v.endRun()
	}
	v.runs = append(v.runs, Finding{kindOf(reason), part, reason.Error(), seq, seq})
}

// maxRuns bounds the findings that may go on.
const maxRuns = 64

func (v *verification) endRun() {
	for _, r := range v.runs {
		v.tell(r)
	}
	v.runs = v.runs[:0]
}

// damaged turns an error that is about what is stored into a finding and
// returns any other.
func (v *verification) damaged(part string, err error, first, last event.Seq) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrTampered), errors.Is(err, ErrErased), errors.Is(err, ErrNotFound):
		v.add(part, err, first, last)
		return nil
	}
	return err
}

func (v *verification) last() event.Seq { return max(v.size, 1) - 1 }

// checkpoint finds the checkpoint to check against, and how many positions
// there are to check: as many as any record speaks of.
func (v *verification) checkpoint() (tree.Checkpoint, error) {
	if v.newest != nil {
		v.size = event.Seq(v.newest.Size)
		return *v.newest, nil
	}
	st, err := v.readState()
	if err := v.damaged("store", err, 0, v.last()); err != nil {
		return tree.Checkpoint{}, err
	}
	v.size = st.size
	signed, err := v.get(key1(spaceCheckpoint))
	if err != nil {
		return tree.Checkpoint{}, v.damaged("checkpoint", err, 0, v.last())
	}
	if signed == nil && st.size == 0 {
		return tree.Checkpoint{Root: (&tree.Edge{}).Root()}, nil
	}
	cp, err := tree.Open(signed, v.verifier)
	if err != nil {
		v.add("checkpoint", err, 0, v.last())
		return tree.Checkpoint{}, nil
	}
	if event.Seq(cp.Size) != st.size {
		first, last := min(st.size, event.Seq(cp.Size)), max(st.size, event.Seq(cp.Size))-1
		v.add("checkpoint", fmt.Errorf("%w: it covers %d events, the log says it has %d", ErrTampered, cp.Size, st.size), first, last)
		v.size = max(st.size, event.Seq(cp.Size))
	}
	return cp, nil
}

// counters checks that no number in use would be given out again.
func (v *verification) counters() error {
	st, err := v.readState()
	if err == nil && v.newest == nil { // Else they are in memory.
		err = errors.Join(v.store.checkState(st), v.checkRebuilt())
	}
	return v.damaged("store", err, 0, v.last())
}

// anchor compares the log's length with what the keys last saw. Its root is
// compared when the tree is.
func (v *verification) anchor() error {
	signed, err := v.store.ring.Anchor()
	if err != nil {
		return err
	}
	if signed == nil {
		if v.newest == nil && v.size > 0 {
			v.add("anchor", fmt.Errorf("%w: the log may have been longer", errMissing), 0, v.last())
		}
		return nil
	}
	cp, err := tree.Open(signed, v.verifier)
	if err != nil {
		v.add("anchor", err, 0, v.last())
		return nil
	}
	if size := event.Seq(cp.Size); size > v.size {
		v.add("anchor", fmt.Errorf("%w: the log has %d events and had %d: the newest are gone", errMissing, v.size, size), v.size, size-1)
	}
	return nil
}
