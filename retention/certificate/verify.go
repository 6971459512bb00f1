package certificate

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// Verified is what a certificate was found to say.
type Verified struct {
	Statement
	// OwnKey: nobody said which key to trust, and the certificate vouches for itself:
	// whoever made it could have made it with another.
	OwnKey bool
	// Listed: the commitments are listed, and proven to be in the log; else the
	// digest stands for them, which shows with the log's own tiles.
	Listed bool
}

// maxTree is more events than a log has; it bounds what a certificate can claim.
const maxTree = 1 << 36

// Verify checks a certificate, JSON or HTML, offline: that the log signed it, that no
// byte of it is another, that the ledger events that it cites are in the log's tree,
// which goes on from the one before, and that all it states follows from them.
// The log is the one of the verifier key; with none, the one that the certificate
// names.
//
// Errors wrap eventlog.ErrTampered, but for a key that is none.
func Verify(data []byte, vkey string) (*Verified, error) {
	var trusted []note.Verifier
	if vkey != "" {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return nil, fmt.Errorf("verifier key: %w", err)
		}
		trusted = append(trusted, verifier)
	}
	return VerifyBy(data, trusted)
}

// VerifyBy is Verify for whoever trusts several logs; none: as with no key.
func VerifyBy(data []byte, trusted []note.Verifier) (*Verified, error) {
	v, err := verify(data, trusted)
	if err != nil {
		return nil, fmt.Errorf("certificate of deletion: %w", err)
	}
	return v, nil
}

func verify(data []byte, trusted []note.Verifier) (*Verified, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("%w: it has %d bytes, more than a certificate can have", eventlog.ErrTampered, len(data))
	}
	page := bytes.HasPrefix(data, []byte("<"))
	text := data
	if page {
		var err error
		if text, err = embedded(data); err != nil {
			return nil, err
		}
	}
	f, err := decode(text)
	if err != nil {
		return nil, err
	}
	log, err := f.Certificate.Log.among(trusted)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", eventlog.ErrTampered, err)
	}
	sum, err := f.Certificate.sum()
	if err != nil {
		return nil, err
	}
	if err := eventlog.CheckStatement([]byte(f.Signature), log, kind, sum); err != nil {
		return nil, err
	}
	if page {
		again, err := render(f, text)
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(again, data) {
			return nil, fmt.Errorf("%w: the page is not the one of the certificate in it", eventlog.ErrTampered)
		}
	}
	s := &f.Certificate
	if err := s.check(log); err != nil {
		return nil, fmt.Errorf("%w: %w", eventlog.ErrTampered, err)
	}
	return &Verified{*s, len(trusted) == 0, s.Deleted.Events <= MaxListed}, nil
}

// among returns what verifies the log's signatures: one of those that are trusted, or
// its own word.
func (l Log) among(trusted []note.Verifier) (note.Verifier, error) {
	own, err := note.NewVerifier(l.VerifierKey)
	if err != nil {
		return nil, fmt.Errorf("its verifier key: %w", err)
	}
	if own.Name() != l.Origin {
		return nil, fmt.Errorf("its verifier key is not of the log %s", l.Origin)
	}
	if len(trusted) == 0 {
		return own, nil
	}
	// A key's id is short and can be met by another key, whose signatures fail then.
	for _, v := range trusted {
		if v.Name() == own.Name() && v.KeyHash() == own.KeyHash() {
			return v, nil
		}
	}
	return nil, fmt.Errorf("it is of the log with the key %s, which is not one that you trust", l.VerifierKey)
}

// check checks all that a statement says against itself and the log's signatures.
func (s *Statement) check(verifier note.Verifier) error {
	if s.After.Size > maxTree {
		return fmt.Errorf("its tree has %d events, more than a log has", s.After.Size)
	}
	for _, h := range []Head{s.Before, s.After} {
		cp, err := tree.Open([]byte(h.Checkpoint), verifier)
		if err != nil {
			return err
		}
		if cp.Size != h.Size || !bytes.Equal(cp.Root[:], h.Root) {
			return fmt.Errorf("the tree of %d events is not what its checkpoint says", h.Size)
		}
	}
	if err := s.consistent(); err != nil {
		return err
	}
	for _, c := range s.Ledger {
		if err := s.included(c); err != nil {
			return fmt.Errorf("ledger event %d: %w", c.Seq, err)
		}
	}
	return s.follows()
}

// consistent checks that the tree after begins with the one before.
func (s *Statement) consistent() error {
	if s.Before.Size == 0 || s.Before.Size == s.After.Size {
		if len(s.Consistency) > 0 {
			return errors.New("a proof of consistency where none is needed")
		}
		return nil
	}
	proof, err := hashes(s.Consistency)
	if err != nil {
		return err
	}
	if err := tlog.CheckTree(proof, int64(s.After.Size), tlog.Hash(s.After.Root), int64(s.Before.Size), tlog.Hash(s.Before.Root)); err != nil {
		return fmt.Errorf("the log after does not begin with the log before: %w", err)
	}
	return nil
}

// included checks that a ledger event is in the tree after.
func (s *Statement) included(c Cited) error {
	proof, err := hashes(c.Proof)
	if err != nil {
		return err
	}
	if c.Seq >= s.After.Size {
		return errors.New("it is beyond the tree")
	}
	commitment := sha256.Sum256(c.Event)
	if err := tlog.CheckRecord(proof, int64(s.After.Size), tlog.Hash(s.After.Root), int64(c.Seq), tree.LeafHash(commitment[:])); err != nil {
		return fmt.Errorf("it is not in the log: %w", err)
	}
	return nil
}

// follows checks that what is stated is what the ledger events say.
func (s *Statement) follows() error {
	d, err := derive(*s)
	if err != nil {
		return err
	}
	if d.begins != s.Before.Size {
		return fmt.Errorf("the tree before has %d events: want those before ledger event %d", s.Before.Size, d.begins)
	}
	if err := d.which(s.Deleted); err != nil {
		return err
	}
	want := d.Statement
	want.Deleted.Positions, want.Deleted.Digest = s.Deleted.Positions, s.Deleted.Digest
	want.Deleted.Commitments, want.Deleted.Proof = s.Deleted.Commitments, s.Deleted.Proof
	derived, err := compact(want)
	if err != nil {
		return err
	}
	stated, err := compact(s)
	if err != nil {
		return err
	}
	if !bytes.Equal(derived, stated) {
		return errors.New("it states something else than the ledger events that it cites")
	}
	return nil
}

// which checks the positions and commitments, as far as they are listed, against the
// ledger events, the digest and the tree.
func (d *derivation) which(of Deleted) error {
	if of.Positions == nil {
		if d.Deleted.Events > MaxListed {
			return d.bare(of)
		}
		if d.Deleted.Events > 0 {
			return errors.New("its positions are left out, which need not be")
		}
	}
	positions, err := d.positions(of.Positions)
	if err != nil {
		return err
	}
	if d.Deleted.Events > MaxListed {
		return d.bare(of)
	}
	if len(of.Commitments) != len(positions) {
		return fmt.Errorf("%d commitments of %d events", len(of.Commitments), len(positions))
	}
	digest := newDigester()
	leaves := make([]tree.Hash, len(positions))
	for i, c := range of.Commitments {
		if len(c) != sha256.Size {
			return errors.New("a commitment is no SHA-256")
		}
		digest.add(positions[i], [sha256.Size]byte(c))
		leaves[i] = tree.LeafHash(c)
	}
	if !bytes.Equal(digest.Sum(nil), of.Digest) {
		return errors.New("the digest is not that of the commitments")
	}
	return d.inTree(positions, leaves, of.Proof)
}

// inTree checks that the commitments are in the tree after.
func (d *derivation) inTree(positions []uint64, leaves []tree.Hash, list [][]byte) error {
	proof, err := hashes(list)
	if err != nil {
		return err
	}
	if len(positions) == 0 {
		if len(proof) > 0 {
			return errors.New("a proof of nothing")
		}
		return nil
	}
	root, err := tree.SubsetRoot(d.After.Size, positions, leaves, proof)
	if err != nil {
		return err
	}
	if !bytes.Equal(root[:], d.After.Root) {
		return errors.New("the commitments are not in the log")
	}
	return nil
}

// bare checks that no commitments are listed where they are too many.
func (d *derivation) bare(of Deleted) error {
	if len(of.Commitments) > 0 || len(of.Proof) > 0 || len(of.Digest) != sha256.Size {
		return errors.New("its commitments are listed though they are too many, or its digest is no SHA-256")
	}
	return nil
}

// positions checks that the ranges are those that the ledger events say, as far as
// they do: each is one that went by itself or may be one of a block's.
func (d *derivation) positions(of []Range) ([]uint64, error) {
	if len(of) > MaxListed {
		return nil, errors.New("more ranges of positions than a certificate lists")
	}
	all := roaring64.New()
	for i, r := range of {
		if r.First > r.Last || r.Last >= d.After.Size || i > 0 && r.First <= of[i-1].Last+1 {
			return nil, fmt.Errorf("positions %d to %d are none, or out of order", r.First, r.Last)
		}
		all.AddRange(r.First, r.Last+1)
	}
	if n := all.GetCardinality(); n != d.Deleted.Events {
		return nil, fmt.Errorf("%d positions of %d events", n, d.Deleted.Events)
	}
	if n := all.AndCardinality(d.singles); n != d.singles.GetCardinality() {
		return nil, errors.New("positions are missing that a ledger event names")
	}
	rest := all.Clone()
	rest.AndNot(d.singles)
	for _, b := range d.blocks {
		if b.GetFirst() > b.GetLast() || b.GetLast() >= d.After.Size {
			return nil, fmt.Errorf("block %d names the positions %d to %d, which are none", b.GetNumber(), b.GetFirst(), b.GetLast())
		}
		rest.RemoveRange(b.GetFirst(), b.GetLast()+1)
	}
	if !rest.IsEmpty() {
		return nil, fmt.Errorf("no ledger event names position %d", rest.Minimum())
	}
	if d.Deleted.Events > MaxListed {
		return nil, nil
	}
	return all.ToArray(), nil
}

// hashes is the inverse of list.
func hashes(list [][]byte) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, 0, len(list))
	for _, h := range list {
		if len(h) != tlog.HashSize {
			return nil, errors.New("a hash of a proof is no SHA-256")
		}
		out = append(out, tlog.Hash(h))
	}
	return out, nil
}
