package eventlog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/formats/proof"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// A Proof shows that an event's commitment is in the log.
type Proof struct {
	Seq        event.Seq
	Commitment [32]byte   // SHA-256 of the event as it was first stored: its leaf
	Hashes     [][32]byte // from the leaf's sibling up, RFC 6962 §2.1.1
	Checkpoint Checkpoint // whose tree it is in
	// Current is the SHA-256 of the event as it is stored now: Commitment, unless it
	// was redacted, or if it is forgotten.
	Current [32]byte
	// Redactions are the positions of the ledger events that lead from Commitment to
	// Current, as FollowRedactions does. Each is proven like any event.
	Redactions []event.Seq
}

// Text returns the proof as C2SP tlog-proof spells it, with the commitment as
// its extra data.
func (p Proof) Text() []byte {
	return proof.TLogProof{
		Index: uint64(p.Seq), Hashes: p.Hashes, Checkpoint: p.Checkpoint.Note, ExtraData: p.Commitment[:],
	}.Marshal()
}

// Prove returns the proof that the event at seq is in the tree of a
// checkpoint: in, which must be one of this log's, such as Checkpoint returns.
// That an event was forgotten changes nothing: its commitment stays, though
// not whose it was. It reads a few tiles, however long the log.
//
// Errors: ErrNotFound where there is no such event, it is another tenant's, or
// the checkpoint does not cover it; ErrTampered where the tiles do not make the
// signed root, or the ledger does not say what stands for the leaf.
func (l *Log) Prove(ctx context.Context, name event.Tenant, seq event.Seq, in Checkpoint) (Proof, error) {
	if err := ctx.Err(); err != nil {
		return Proof{}, err
	}
	if err := l.owned(name, seq); err != nil {
		return Proof{}, fmt.Errorf("event %d: %w", seq, err)
	}
	if seq >= in.Size {
		return Proof{}, fmt.Errorf("event %d: %w in a checkpoint over %d events", seq, ErrNotFound, in.Size)
	}
	bundle, err := l.bundle(uint64(seq) / tree.Width)
	if err != nil {
		return Proof{}, err
	}
	start := int(seq%tree.Width) * tree.HashSize
	if len(bundle) < start+tree.HashSize {
		return Proof{}, fmt.Errorf("event %d: %w: its commitment is missing", seq, ErrTampered)
	}
	p := Proof{Seq: seq, Commitment: [32]byte(bundle[start:]), Checkpoint: in}
	// What the tiles say is checked once, by the root that the proof leads to.
	hashes, err := tlog.ProveRecord(int64(in.Size), int64(seq), tlog.HashReaderFunc(tileReader{l.store}.hashes))
	if err != nil {
		return Proof{}, provingError(err)
	}
	root := tlog.Hash(in.Root)
	if err := tlog.CheckRecord(hashes, int64(in.Size), root, int64(seq), tree.LeafHash(p.Commitment[:])); err != nil {
		return Proof{}, fmt.Errorf("event %d: %w: its commitment is not in the tree of the checkpoint over %d events", seq, ErrTampered, in.Size)
	}
	p.Hashes = plainHashes(hashes)
	if p.Current, p.Redactions, err = l.redactedTo(ctx, name, seq, p.Commitment); err != nil {
		return Proof{}, err
	}
	return p, nil
}

// CheckProof reports whether a proof shows that a commitment is in the tree of a
// checkpoint, which the caller trusts: what whoever has a proof can tell without
// the store.
func CheckProof(p proof.TLogProof, commitment [32]byte, in log.Checkpoint) error {
	if p.Index >= in.Size || in.Size > 1<<48 || len(in.Hash) != tlog.HashSize {
		return errors.New("impossible index, size or root")
	}
	hashes := make(tlog.RecordProof, len(p.Hashes))
	for i, h := range p.Hashes {
		hashes[i] = h
	}
	return tlog.CheckRecord(hashes, int64(in.Size), tlog.Hash(in.Hash), int64(p.Index), tree.LeafHash(commitment[:]))
}

// owned reports whether the event is the tenant's, as far as is still known:
// a forgotten one may have been anybody's.
func (l *Log) owned(name event.Tenant, seq event.Seq) error {
	t := l.named(name)
	if t == nil || seq >= l.Size() {
		return ErrNotFound
	}
	at, err := l.locate(seq)
	if err == nil {
		var b *bucket
		if _, b, err = l.header(at.block); err == nil && b.tenant != t.id {
			return ErrNotFound
		}
	}
	if errors.Is(err, ErrErased) {
		return nil
	}
	return err
}

// ProveConsistency returns the proof that the log of the first from events is
// the beginning of the log of the first to, RFC 6962 §2.1.2; none is needed
// from nothing, or where both are the same. It reads a few tiles, however long
// the log. ErrNotFound unless from ≤ to ≤ Size.
func (l *Log) ProveConsistency(ctx context.Context, from, to event.Seq) ([][32]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if from > to || to > l.Size() {
		return nil, fmt.Errorf("consistency of %d with %d events: %w: the log has %d", from, to, ErrNotFound, l.Size())
	}
	if from == 0 || from == to {
		return nil, nil
	}
	hashes, err := tlog.ProveTree(int64(to), int64(from), l.hashes())
	if err != nil {
		return nil, provingError(err)
	}
	return plainHashes(hashes), nil
}

// hashes reads nodes of the tree from the stored tiles; what it returns has
// been checked against the newest signed root.
func (l *Log) hashes() tlog.HashReader {
	newest := l.newest.Load()
	return tlog.TileHashReader(tlog.Tree{N: int64(newest.Size), Hash: newest.Root}, tileReader{l.store})
}

// A tileReader is a tlog.TileReader of what is stored.
type tileReader struct{ *store }

// Height implements tlog.TileReader.
func (tileReader) Height() int { return 8 }

// SaveTiles implements tlog.TileReader.
func (tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadTiles implements tlog.TileReader.
func (r tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, 0, len(tiles))
	for _, t := range tiles {
		var hashes []tree.Hash
		var err error
		if t.L > 0 {
			hashes, err = r.tile(t.L, uint64(t.N))
		} else {
			var bundle []byte
			bundle, err = r.bundle(uint64(t.N))
			hashes = tree.LeafHashes(bundle[:min(len(bundle), t.W*tree.HashSize)])
		}
		if err == nil && len(hashes) < t.W {
			err = fmt.Errorf("%w: tile %d/%d has %d hashes: want %d", ErrTampered, t.L, t.N, len(hashes), t.W)
		}
		if err != nil {
			return nil, readError{err}
		}
		out = append(out, tree.AppendHashes(nil, hashes[:t.W]))
	}
	return out, nil
}

// hashes is a tlog.HashReader of what is stored; nothing of it has been checked.
func (r tileReader) hashes(indexes []int64) ([]tlog.Hash, error) {
	widest := map[[2]int64]tlog.Tile{} // of each tile that has some of them
	for _, index := range indexes {
		t := tlog.TileForIndex(r.Height(), index)
		if at := [2]int64{int64(t.L), t.N}; t.W > widest[at].W {
			widest[at] = t
		}
	}
	tiles := slices.Collect(maps.Values(widest))
	data, err := r.ReadTiles(tiles)
	if err != nil {
		return nil, err
	}
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		t := tlog.TileForIndex(r.Height(), index)
		n := slices.IndexFunc(tiles, func(have tlog.Tile) bool { return have.L == t.L && have.N == t.N })
		if out[i], err = tlog.HashFromTile(tiles[n], data[n], index); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// A readError is what reading a tile failed with.
type readError struct{ error }

func (e readError) Unwrap() error { return e.error }

// provingError tells what reading failed with from tiles that were read and
// do not make the signed root: ErrTampered.
func provingError(err error) error {
	if _, is := errors.AsType[readError](err); is {
		return fmt.Errorf("read the tree: %w", err)
	}
	return fmt.Errorf("%w: %w", ErrTampered, err)
}

func plainHashes(hashes []tlog.Hash) [][32]byte {
	plain := make([][32]byte, len(hashes))
	for i, h := range hashes {
		plain[i] = h
	}
	return plain
}
