package export

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/transparency-dev/formats/log"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
)

// Tag files of a bag, beside those of package bag and the proofs.
const (
	checkpointName = proofsDir + "checkpoint"
	TrustFile      = proofsDir + "trust.policy"
	readmeName     = "README.txt"
	schemaName     = "event.proto"
)

// bagging is a bag that is being written.
type bagging struct {
	*bundle
	out    *bag.Writer
	in     eventlog.Checkpoint
	head   log.Checkpoint    // what in says
	seqs   *roaring64.Bitmap // of the events
	ledger *roaring64.Bitmap // of the ledger events about them
	seen   map[string]bool   // policy versions that the events name
	annals annals
	cast   *cast
	digest *digester
}

// bag writes the export as a bag.
func (b *bundle) bag(ctx context.Context, w io.Writer) error {
	in, err := b.checkpoint(ctx)
	if err != nil {
		return err
	}
	head, err := headOf(in.Note)
	if err != nil {
		return fmt.Errorf("%w: %w", eventlog.ErrTampered, err)
	}
	g := &bagging{
		bundle: b, in: in, head: head, out: bag.NewWriter(w, baseOf(b.asked.GetExported()), b.ready.GetTime().AsTime()),
		seqs: roaring64.New(), ledger: roaring64.New(), seen: map[string]bool{}, cast: newCast(), digest: newDigester(),
	}
	for _, step := range []func(context.Context) error{g.records, g.views, g.steps, g.derived, g.proofs, g.unchanged} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return g.out.Close(infoOf(g.about(), g.asked.GetExported(), g.x.cfg.Software))
}

// checkpoint returns the checkpoint that everything is proven in: the smallest
// that covers what the ledger says of the export, and that witnesses have
// cosigned where there are some.
func (b *bundle) checkpoint(ctx context.Context) (eventlog.Checkpoint, error) {
	from, seq := b.x.cfg.Log, event.Seq(b.ready.GetSeq())
	if b.x.cfg.Witnesses != "" {
		return b.cosigned(ctx)
	}
	c, err := from.Covering(ctx, seq, false)
	if !errors.Is(err, eventlog.ErrNotFound) {
		return c, err
	}
	if _, err := from.Checkpoint(ctx); err != nil { // A crash came before one was kept.
		return c, err
	}
	return from.Covering(ctx, seq, false)
}

// cosigning is how long witnesses are waited for: they are asked once a minute by
// default.
const cosigning = 2 * time.Minute

// cosigned waits for a checkpoint that covers the export to be published.
func (b *bundle) cosigned(ctx context.Context) (eventlog.Checkpoint, error) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(cosigning)
	defer late.Stop()
	for {
		c, err := b.x.cfg.Log.Covering(ctx, event.Seq(b.ready.GetSeq()), true)
		if !errors.Is(err, eventlog.ErrNotFound) {
			return c, err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return c, ctx.Err()
		case <-late.C:
			return c, fmt.Errorf("%w: no witness has cosigned a checkpoint that covers it: try again later", ErrNotReady)
		}
	}
}

// records writes the files of the events, and gathers what is said of them
// elsewhere.
func (g *bagging) records(ctx context.Context) error {
	seqs, err := g.x.cfg.Engine.Evidence(ctx, g.tenant, evidenceOf(g.asked))
	if err != nil {
		return err
	}
	batch := make([]event.Seq, 0, inHand())
	write := func() error {
		err := inOrder(ctx, batch, func(ctx context.Context, seq event.Seq) (out exhibited, err error) {
			turn := g.x.cfg.Log.Turn()
			defer turn.End()
			if err := turn.Next(ctx); err != nil {
				return out, err
			}
			return g.exhibit(ctx, recordsDir, seq, g.in)
		}, g.record)
		batch = batch[:0]
		g.tell(g.digest.n)
		return err
	}
	for seq, err := range seqs {
		if err != nil {
			return err
		}
		if batch = append(batch, seq); len(batch) == cap(batch) {
			if err := write(); err != nil {
				return err
			}
		}
	}
	if err := write(); err != nil {
		return err
	}
	return g.same(selection{events: g.digest.n, digest: g.digest.sum()})
}

// record writes the files of one event.
func (g *bagging) record(e exhibited) error {
	if err := g.add(e); err != nil {
		return err
	}
	seq := event.Seq(e.event.GetSeq())
	g.seqs.Add(uint64(seq))
	g.digest.add(seq, e.current)
	g.seen[e.event.GetPolicyVersion()] = true
	for _, at := range e.redactions {
		g.ledger.Add(uint64(at))
	}
	g.cast.add(e.fact)
	return g.annals.evidence(e.fact)
}

func (g *bagging) add(e exhibited) error {
	for _, f := range e.files {
		if err := g.out.Add(f); err != nil {
			return err
		}
	}
	return nil
}

// viewInMemory is how large the events of a session may be, as stored, for its
// page to be made in memory, beside others.
const viewInMemory = 4 << 20

// views writes a page for each session.
func (g *bagging) views(ctx context.Context) error {
	pages := g.cast.pages()
	for part := range slices.Chunk(pages, inHand()) {
		err := inOrder(ctx, part, func(ctx context.Context, p page) (made bag.Packed, err error) {
			if p.size > viewInMemory {
				return made, nil
			}
			turn := g.x.cfg.Log.Turn()
			defer turn.End()
			if err := turn.Next(ctx); err != nil {
				return made, err
			}
			var b bytes.Buffer
			err = g.page(ctx, &b, p)
			return bag.Pack(viewsDir+p.Name, b.Bytes()), err
		}, func() func(bag.Packed) error {
			i := -1
			return func(made bag.Packed) error {
				if i++; part[i].size <= viewInMemory {
					return g.out.Add(made)
				}
				return g.file(viewsDir+part[i].Name, func(w io.Writer) error { return g.page(ctx, w, part[i]) })
			}
		}())
		if err != nil {
			return err
		}
	}
	return g.file(viewIndex, func(w io.Writer) error { return writeIndex(w, pages) })
}

func (g *bagging) page(ctx context.Context, w io.Writer, p page) error {
	return g.cast.write(w, p, g.about().view(), func(seq event.Seq) (*pb.Event, error) {
		e, err := g.x.cfg.Log.Read(ctx, g.tenant, seq)
		if errors.Is(err, eventlog.ErrErased) {
			err = ErrChanged
		}
		return e, err
	})
}

func (g *bagging) about() about { return about{string(g.tenant), g.ready, g.head} }

// file writes a file of any size.
func (g *bagging) file(name string, write func(io.Writer) error) error {
	w, err := g.out.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(write(w), w.Close())
}

// steps writes the ledger events about the events, and of this export.
func (g *bagging) steps(ctx context.Context) error {
	policies, err := g.policies(ctx)
	if err != nil {
		return err
	}
	for _, seq := range append(policies, event.Seq(g.asked.GetSeq()), event.Seq(g.ready.GetSeq())) {
		g.ledger.Add(uint64(seq))
	}
	for it := g.ledger.Iterator(); it.HasNext(); {
		e, err := g.exhibit(ctx, ledgerDir, event.Seq(it.Next()), g.in)
		if err != nil {
			return err
		}
		if err := errors.Join(g.add(e), g.annals.ledger(e.event, g.isExported)); err != nil {
			return err
		}
	}
	return nil
}

func (g *bagging) isExported(seq event.Seq) bool { return g.seqs.Contains(uint64(seq)) }

// policies returns the positions of the ledger events that put policies in
// force that the events name, and of that in force at the export.
func (g *bagging) policies(ctx context.Context) (out []event.Seq, err error) {
	selection := eventlog.Selection{
		Terms:  []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.PolicyApplied)}}},
		Before: new(event.Seq(g.asked.GetSeq())), Order: eventlog.LogOrder,
	}
	last := event.Seq(0)
	for entry, err := range g.x.cfg.Log.Scan(ctx, g.tenant, selection) {
		if err != nil {
			return nil, err
		}
		e, err := entry.Meta()
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if last = entry.Seq; g.seen[e.GetPolicyApplied().GetVersion()] {
			out = append(out, last)
		}
	}
	if last > 0 && !slices.Contains(out, last) {
		out = append(out, last)
	}
	return out, nil
}

// derived writes what follows from the events and the ledger.
func (g *bagging) derived(context.Context) error { return g.annals.files(g.file) }

// proofs writes what everything is proven in, and whom to trust.
func (g *bagging) proofs(ctx context.Context) error {
	files := []struct {
		name string
		text []byte
	}{
		{checkpointName, g.in.Note}, {TrustFile, []byte(g.trust())}, {readmeName, []byte(readme(g.about()))}, {schemaName, []byte(pb.EventProto)},
	}
	for _, f := range files {
		if err := g.out.Add(bag.Pack(f.name, f.text)); err != nil {
			return err
		}
	}
	return g.stamp(ctx)
}

// trust is the policy that trusts the log and its witnesses.
func (g *bagging) trust() string {
	rest := g.x.cfg.Witnesses
	if rest == "" {
		rest = "quorum none\n"
	}
	return "log " + g.in.Key + "\n" + rest
}

// stamp writes the newest time-stamp of a checkpoint that is not larger than the
// bag's, with that checkpoint and the proof that the bag's follows from it.
func (g *bagging) stamp(ctx context.Context) error {
	from := g.x.cfg.Log
	sizes, err := from.Stamps(ctx, 1000)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(sizes, func(s event.Seq) bool { return s <= g.in.Size })
	if i < 0 {
		return nil
	}
	size := sizes[i]
	stamp, err := from.Stamp(ctx, size)
	if err != nil {
		return err
	}
	signed, err := from.Signed(ctx, size)
	if err != nil {
		return err
	}
	hashes, err := from.ProveConsistency(ctx, size, g.in.Size)
	if err != nil {
		return err
	}
	var consistency bytes.Buffer
	for _, h := range hashes {
		fmt.Fprintln(&consistency, base64.StdEncoding.EncodeToString(h[:]))
	}
	for _, f := range []struct {
		ext  string
		text []byte
	}{{"tsr", stamp}, {"checkpoint", signed.Note}, {"consistency", consistency.Bytes()}} {
		if err := g.out.Add(bag.Pack(fmt.Sprintf("%s%d.%s", proofsDir, size, f.ext), f.text)); err != nil {
			return err
		}
	}
	return nil
}

// unchanged reports whether the events are still what they were when their files
// were written.
func (g *bagging) unchanged(ctx context.Context) error { return g.still(ctx, g.seqs) }
