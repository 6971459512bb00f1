package certificate

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"iter"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Certificate is a signed statement of what was deleted for a request.
type Certificate struct {
	Statement  Statement
	json, html []byte
}

// JSON returns the certificate as it is signed; the caller owns it.
func (c *Certificate) JSON() []byte { return bytes.Clone(c.json) }

// HTML returns the certificate as a page to be printed; the caller owns it.
func (c *Certificate) HTML() []byte { return bytes.Clone(c.html) }

// Build makes the certificate of what a tenant's request deleted, as the log has it
// now: of the erasure with this id, or of what expired under it. The time is that of
// issue. It can be built while a deletion is under way or deferred, and says so.
//
// It reads locations and commitments of what was deleted, and no evidence; memory
// grows by a bit or so for each. Errors: eventlog.ErrNotFound where nothing is on
// record of such a request; eventlog.ErrTampered.
func Build(ctx context.Context, log *eventlog.Log, t event.Tenant, request string, issued time.Time) (*Certificate, error) {
	b := &building{ctx: ctx, log: log, tenant: t, request: request}
	if err := b.gather(); err != nil {
		return nil, fmt.Errorf("certificate of deletion: %w", err)
	}
	s, err := b.state(issued.UTC())
	if err != nil {
		return nil, fmt.Errorf("certificate of deletion: %w", err)
	}
	c, err := sign(log, s)
	if err != nil {
		return nil, fmt.Errorf("certificate of deletion: %w", err)
	}
	return c, nil
}

// building is a certificate that is being built.
type building struct {
	ctx     context.Context
	log     *eventlog.Log
	tenant  event.Tenant
	request string

	ledger    []record // by position
	destroyed bool     // the keys of the last epoch that the request ended
}

// A record is a ledger event.
type record struct {
	tenant event.Tenant
	seq    event.Seq
	event  *pb.Event
	stored []byte
}

// gather reads the ledger events that speak of the request.
func (b *building) gather() error {
	forgotten, err := b.find(event.Forgotten, func(e *pb.Event) bool { return e.GetForgotten().GetRequest() == b.request })
	if err != nil {
		return err
	}
	erasure, err := b.find(event.Erasure, func(e *pb.Event) bool { return e.GetErasure().GetRequest() == b.request })
	if err != nil {
		return err
	}
	if len(forgotten)+len(erasure) == 0 {
		return fmt.Errorf("%w: tenant %s has nothing on record under the request %q: want the id of an erasure or an expiry, as afterimage erase and retention audit name them",
			eventlog.ErrNotFound, b.tenant, b.request)
	}
	policies, err := b.policies(slices.Concat(forgotten, erasure))
	if err != nil {
		return err
	}
	epochs, err := b.epochs(forgotten)
	if err != nil {
		return err
	}
	b.ledger = slices.Concat(forgotten, erasure, policies, epochs)
	slices.SortFunc(b.ledger, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
	return nil
}

// find returns the tenant's ledger events of a kind that are wanted.
func (b *building) find(kind event.Kind, want func(*pb.Event) bool) (found []record, err error) {
	for entry, err := range b.scan(b.tenant, kind) {
		if err != nil {
			return nil, err
		}
		r, err := read(b.tenant, entry)
		if errors.Is(err, eventlog.ErrErased) {
			continue // It has expired since the scan began.
		}
		if err != nil {
			return nil, err
		}
		if want(r.event) {
			found = append(found, r)
		}
	}
	return found, nil
}

func (b *building) scan(t event.Tenant, kind event.Kind) iter.Seq2[*eventlog.Entry, error] {
	return b.log.Scan(b.ctx, t, eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(kind)}}},
		Order: eventlog.LogOrder,
	})
}

func read(t event.Tenant, entry *eventlog.Entry) (r record, err error) {
	err = entry.Stored(func(stored []byte) (err error) {
		r = record{tenant: t, seq: entry.Seq, stored: bytes.Clone(stored)}
		r.event, err = event.Unmarshal(stored)
		return err
	})
	return r, err
}

// policies returns the events that put the policies in force that were so at each of
// the records: the last before it.
func (b *building) policies(of []record) (found []record, err error) {
	var entries []*eventlog.Entry
	for entry, err := range b.scan(b.tenant, event.PolicyApplied) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
	}
	wanted := map[int]bool{}
	for _, r := range of {
		after, _ := slices.BinarySearchFunc(entries, r.seq, func(e *eventlog.Entry, seq event.Seq) int { return cmp.Compare(e.Seq, seq) })
		wanted[after-1] = true
	}
	for i, entry := range entries {
		if !wanted[i] {
			continue
		}
		r, err := read(b.tenant, entry)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// epochs returns, of each record that deletes, the beginning of the epoch that
// followed it, and finds out whether the keys of the one before are destroyed.
func (b *building) epochs(forgotten []record) (found []record, err error) {
	newest := event.Seq(0)
	wanting := slices.Clone(forgotten)
	for entry, err := range b.scan(event.System, event.EpochBegan) {
		if err != nil {
			return nil, err
		}
		newest = entry.Seq
		after := slices.IndexFunc(wanting, func(r record) bool { return r.seq > entry.Seq })
		if after < 0 {
			after = len(wanting)
		}
		if after == 0 {
			continue
		}
		wanting = wanting[after:]
		r, err := read(event.System, entry)
		if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	// In this order: a key that is not there now was destroyed after the newest of
	// the epochs that were found began, or another began since.
	b.destroyed = len(found) > 0 && (!b.log.KeysRemain() || found[len(found)-1].seq < newest)
	return found, nil
}

// state makes the statement.
func (b *building) state(issued time.Time) (*Statement, error) {
	kek, err := b.log.KEK()
	if err != nil {
		return nil, err
	}
	after, err := b.after(b.ledger[len(b.ledger)-1].seq)
	if err != nil {
		return nil, err
	}
	in := Statement{
		Issued: issued, Log: Log{b.log.Origin(), b.log.VerifierKey()}, Tenant: string(b.tenant), Request: b.request,
		Remains: Remains{KEK: kek, KeysDestroyed: b.destroyed}, After: head(after),
	}
	for _, r := range b.ledger {
		p, err := b.log.Prove(b.ctx, r.tenant, r.seq, after)
		if err != nil {
			return nil, err
		}
		if sha256.Sum256(r.stored) != p.Commitment {
			return nil, fmt.Errorf("ledger event %d: %w: it is not what it is committed to", r.seq, eventlog.ErrTampered)
		}
		in.Ledger = append(in.Ledger, Cited{Seq: uint64(r.seq), Event: r.stored, Proof: list(p.Hashes)})
	}
	d, err := derive(in)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", eventlog.ErrTampered, err)
	}
	if err := b.tree(d, after); err != nil {
		return nil, err
	}
	if err := b.destroyedEvents(d, after); err != nil {
		return nil, err
	}
	return &d.Statement, nil
}

// after returns a tree head that has the event: the first that was published, which
// witnesses may have cosigned, or else one that ends with it.
func (b *building) after(seq event.Seq) (eventlog.Checkpoint, error) {
	cp, err := b.log.Covering(b.ctx, seq, true)
	if errors.Is(err, eventlog.ErrNotFound) {
		return b.log.CheckpointOver(b.ctx, seq+1)
	}
	return cp, err
}

// tree adds the tree head before, and that the one after continues it.
func (b *building) tree(d *derivation, after eventlog.Checkpoint) error {
	before, err := b.log.CheckpointOver(b.ctx, event.Seq(d.begins))
	if err != nil {
		return err
	}
	proof, err := b.log.ProveConsistency(b.ctx, before.Size, after.Size)
	if err != nil {
		return err
	}
	d.Before, d.Consistency = head(before), list(proof)
	return nil
}

// destroyedEvents adds which events they were, and their commitments.
func (b *building) destroyedEvents(d *derivation, after eventlog.Checkpoint) error {
	gone := roaring64.New()
	for _, r := range b.ledger {
		some, err := b.log.Forgets(b.ctx, r.event.GetForgotten())
		if err != nil {
			return err
		}
		gone.Or(some)
	}
	if n := gone.GetCardinality(); n != d.Deleted.Events {
		return fmt.Errorf("%w: the ledger says that %d events were deleted, and %d positions are named", eventlog.ErrTampered, d.Deleted.Events, n)
	}
	digest := newDigester()
	err := b.log.Leaves(b.ctx, gone, func(seq event.Seq, c [32]byte) error {
		digest.add(uint64(seq), c)
		if d.Deleted.Events <= MaxListed {
			d.Deleted.Commitments = append(d.Deleted.Commitments, bytes.Clone(c[:]))
		}
		return nil
	})
	if err != nil {
		return err
	}
	d.Deleted.Digest, d.Deleted.Positions = digest.Sum(nil), ranges(gone)
	if d.Deleted.Events == 0 || d.Deleted.Events > MaxListed {
		return nil
	}
	proof, err := b.log.ProveLeaves(b.ctx, gone, after)
	d.Deleted.Proof = list(proof)
	return err
}

// sign signs a statement, and makes its two forms.
func sign(log *eventlog.Log, s *Statement) (*Certificate, error) {
	sum, err := s.sum()
	if err != nil {
		return nil, err
	}
	signed, err := log.SignStatement(kind, sum)
	if err != nil {
		return nil, err
	}
	f := &file{*s, string(signed)}
	c := &Certificate{Statement: *s}
	if c.json, err = f.encode(); err != nil {
		return nil, err
	}
	if c.html, err = render(f, c.json); err != nil {
		return nil, err
	}
	if len(c.html) > MaxSize {
		return nil, fmt.Errorf("%w: the certificate has %d bytes, and at most %d can be", event.ErrTooLarge, len(c.html), MaxSize)
	}
	return c, nil
}

func head(cp eventlog.Checkpoint) Head {
	return Head{uint64(cp.Size), cp.Root[:], string(cp.Note)}
}

// list returns hashes as they are written.
func list(hashes [][32]byte) [][]byte {
	out := make([][]byte, len(hashes))
	for i := range hashes {
		out[i] = hashes[i][:]
	}
	return out
}

// ranges returns positions as ranges, none where they are more than MaxListed.
func ranges(positions *roaring64.Bitmap) (out []Range) {
	for it := positions.Iterator(); it.HasNext(); {
		seq := it.Next()
		if n := len(out); n > 0 && out[n-1].Last+1 == seq {
			out[n-1].Last = seq
			continue
		}
		if len(out) == MaxListed {
			return nil
		}
		out = append(out, Range{seq, seq})
	}
	return out
}

// A digester computes the digest of events' commitments, as that of an export is.
type digester struct {
	hash.Hash
	one [8 + sha256.Size]byte
}

func newDigester() *digester { return &digester{Hash: sha256.New()} }

func (d *digester) add(seq uint64, commitment [sha256.Size]byte) {
	binary.BigEndian.PutUint64(d.one[:], seq)
	copy(d.one[8:], commitment[:])
	d.Write(d.one[:])
}
