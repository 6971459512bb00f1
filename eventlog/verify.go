package eventlog

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"

	"golang.org/x/mod/sumdb/note"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// A Finding is something verification found that is not as it was written.
type Finding struct {
	Part        string    // block, commitment, tile, checkpoint, anchor, location, index, key or store
	Reason      string    // what is wrong
	First, Last event.Seq // the positions affected
}

// Progress is how far a verification has come.
type Progress struct{ Checked, Size event.Seq }

// Verify checks everything appended so far, from the disk up: commitments
// against tiles, tiles against checkpoints, checkpoints against their
// signatures and the anchor beside the keys, blocks against commitments,
// locations and indexes against blocks. It calls report for each finding and
// progress now and then, both from the calling goroutine, and returns the
// checkpoint it checked against. A finding is no error: err is for what kept
// it from checking.
func (l *Log) Verify(ctx context.Context, report func(Finding), progress func(Progress)) (Checkpoint, error) {
	newest := *l.newest.Load()
	return verify(ctx, l.store, &newest, report, progress)
}

// VerifyDir is Verify of a log that no process has open. It changes nothing. Of
// a store that cannot even be opened as one, the finding names all positions
// that the keys have seen, and the checkpoint is the anchor beside them.
func VerifyDir(ctx context.Context, cfg Config, report func(Finding), progress func(Progress)) (Checkpoint, error) {
	cfg = cfg.withDefaults()
	fresh, err := isFresh(cfg)
	if err != nil {
		return Checkpoint{}, err
	}
	if fresh {
		return Checkpoint{}, fmt.Errorf("%s holds no log: name its directory with --data", cfg.Dir)
	}
	ring, err := keyring.OpenWith(cfg.KeysDir, cfg.Keys)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open keys: %w", err)
	}
	cp, err := verifyDir(ctx, cfg, ring, report, progress)
	if !errors.Is(err, ErrTampered) {
		return cp, err
	}
	anchor, unseen := anchorOf(cfg, ring)
	if unseen != nil {
		return Checkpoint{}, errors.Join(err, unseen)
	}
	report(Finding{"store", err.Error(), 0, max(anchor.Size, 1) - 1})
	return anchor, nil
}

func verifyDir(ctx context.Context, cfg Config, ring *keyring.Ring, report func(Finding), progress func(Progress)) (_ Checkpoint, err error) {
	db, err := openDB(cfg, true)
	if err != nil {
		return Checkpoint{}, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	s, err := newStore(db, ring, cfg)
	if err != nil {
		return Checkpoint{}, err
	}
	defer func() { err = errors.Join(err, s.codec.Close()) }()
	if err := s.identify(ring.Store()); err != nil {
		return Checkpoint{}, err
	}
	return verify(ctx, s, nil, report, progress)
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
	ctx      context.Context //nolint:containedctx // It lives as long as one call.
	store    *store
	verifier note.Verifier
	report   func(Finding)
	progress func(Progress)

	size     event.Seq // positions to check
	closed   bool      // nothing may have been added since
	found    int       // findings so far
	blocks   map[block.ID][]placed
	newest   *tree.Checkpoint     // what is checked against; nil: the disk says
	expected map[indexPage]uint64 // sums of what the index must hold
	actual   map[indexPage]uint64 // sums of what it holds
	seed     maphash.Seed
}

// placed is a position whose location names a block.
type placed struct {
	seq   event.Seq
	index uint32
}

// indexPage is a part of the index that is compared as a whole.
type indexPage struct {
	bucket bucketID
	page   uint64 // seqs by pageWidth
}

// verify checks a store. A live log gives the checkpoint to check against; of
// a closed one it is read.
func verify(ctx context.Context, s *store, newest *tree.Checkpoint, report func(Finding), progress func(Progress)) (Checkpoint, error) {
	verifier, err := note.NewVerifier(s.vkey)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("make verifier: %w", err)
	}
	v := &verification{
		ctx: ctx, store: s, verifier: verifier, report: report, progress: progress,
		blocks: map[block.ID][]placed{}, closed: newest == nil, newest: newest,
		expected: map[indexPage]uint64{}, actual: map[indexPage]uint64{}, seed: maphash.MakeSeed(),
	}
	cp, err := v.checkpoint(newest)
	if err != nil {
		return Checkpoint{}, err
	}
	if newest == nil {
		err := s.load(func(err error) error { v.add("key", err, 0, v.last()); return nil })
		if err := v.damaged("key", err, 0, v.last()); err != nil {
			return Checkpoint{}, err
		}
	}
	for _, step := range []func() error{v.counters, v.anchor, v.tree, v.locations, v.beyond, v.strays, v.events, v.index, v.quarantine} {
		if err := errors.Join(ctx.Err(), step()); err != nil {
			return Checkpoint{}, err
		}
	}
	return s.checkpointOf(cp), nil
}

func (v *verification) add(part string, reason error, first, last event.Seq) {
	v.found++
	v.report(Finding{part, reason.Error(), first, last})
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
func (v *verification) checkpoint(newest *tree.Checkpoint) (tree.Checkpoint, error) {
	if newest != nil {
		v.size = event.Seq(newest.Size)
		return *newest, nil
	}
	st, err := v.store.readState()
	if err := v.damaged("store", err, 0, v.last()); err != nil {
		return tree.Checkpoint{}, err
	}
	v.size = st.size
	signed, err := v.store.get(key1(spaceCheckpoint))
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
		v.add("checkpoint", fmt.Errorf("it covers %d events, the log says it has %d", cp.Size, st.size), first, last)
		v.size = max(st.size, event.Seq(cp.Size))
	}
	return cp, nil
}

// counters checks that no number in use would be given out again.
func (v *verification) counters() error {
	st, err := v.store.readState()
	if err == nil {
		err = v.store.checkState(st)
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
		if v.closed && v.size > 0 {
			v.add("anchor", errors.New("it is missing: the log may have been longer"), 0, v.last())
		}
		return nil
	}
	cp, err := tree.Open(signed, v.verifier)
	if err != nil {
		v.add("anchor", err, 0, v.last())
		return nil
	}
	if size := event.Seq(cp.Size); size > v.size {
		v.add("anchor", fmt.Errorf("the log has %d events and had %d: the newest are missing", v.size, size), v.size, size-1)
	}
	return nil
}
