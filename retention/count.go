package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// count puts on record what was appended of a tenant's evidence since the last
// count: before anything of it is forgotten, so that the ledger alone can say what
// there was. The caller holds the lock.
func (k *Keeper) count(ctx context.Context, b *books) error {
	size, now := k.cfg.Log.Size(), k.cfg.Now()
	c := newCounter()
	var err error
	if c.quarantined, err = k.quarantinedSince(ctx, b, now); err != nil {
		return fmt.Errorf("count quarantined messages: %w", err)
	}
	if b.counted >= size && c.quarantined == 0 {
		return nil
	}
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: evidenceKinds()}}, Order: eventlog.LogOrder, Before: &size,
	}
	if b.counted > 0 {
		selection.After = &eventlog.Position{Seq: b.counted - 1}
	}
	batch := make([]*eventlog.Entry, 0, countedAtATime)
	for entry, err := range k.cfg.Log.Scan(ctx, b.tenant, selection) {
		if err == nil {
			if batch = append(batch, entry); len(batch) < countedAtATime {
				continue
			}
			err = c.entries(ctx, batch)
			batch = batch[:0]
		}
		if err != nil {
			return fmt.Errorf("count events: %w", err)
		}
	}
	if err := c.entries(ctx, batch); err != nil {
		return fmt.Errorf("count events: %w", err)
	}
	if c.events == 0 && c.quarantined == 0 {
		b.counted = size // Nothing to say; a restart looks again.
		return nil
	}
	events := c.ledger(b.recorded, size)
	for _, e := range events {
		e.Time = timestamppb.New(now) // What is quarantined after it is in the next count.
	}
	return k.record(ctx, b, events...)
}

// Count puts on record what was appended of every tenant's evidence since the last
// count. Whoever makes a backup calls it first: of what a restore forgets again, the
// backup's ledger then says that it was there.
func (k *Keeper) Count(ctx context.Context) error {
	unlock, err := k.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	for _, t := range k.cfg.Log.Tenants() {
		b, err := k.of(ctx, t)
		if err == nil {
			err = k.count(ctx, b)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// quarantinedSince returns how many messages were quarantined since the last count,
// now included.
func (k *Keeper) quarantinedSince(ctx context.Context, b *books, now time.Time) (n uint64, err error) {
	for e, err := range k.cfg.Log.QuarantineList(ctx, b.tenant, "") {
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return 0, err
		}
		if at := e.GetTime().AsTime(); at.After(b.countedAt) && !at.After(now) {
			n++
		}
	}
	return n, nil
}

// newDay reports whether a day has ended since the last count.
func (k *Keeper) newDay(b *books) bool {
	return k.clock.at.Truncate(24 * time.Hour).After(b.countedAt)
}

// evidenceKinds are the kinds of events that publishers publish.
func evidenceKinds() []string {
	return append(lateKinds(), string(event.Interaction), string(event.Coverage))
}

// A counter counts events as they were appended.
type counter struct {
	events      uint64
	quarantined uint64
	strata      map[stratum]*pb.Counted_Stratum
	redactions  map[replaced]uint64
	instances   map[instance]*numbers
}

type stratum struct {
	day            time.Time
	class, version string
}

type replaced struct {
	typ      string
	operator pb.Redaction_Operator
}

type instance struct{ service, name string }

// numbers are those that an instance gave its interactions.
type numbers struct {
	first, last uint64
	missing     *roaring64.Bitmap
}

// maxMissing bounds what one number can make missing: a counter that jumped
// further began anew elsewhere.
const maxMissing = 1 << 24

func newCounter() *counter {
	return &counter{strata: map[stratum]*pb.Counted_Stratum{}, redactions: map[replaced]uint64{}, instances: map[instance]*numbers{}}
}

// countedAtATime is how many events are counted at a time.
const countedAtATime = 1024

// entries counts events, taking turns with whatever is appended.
func (c *counter) entries(ctx context.Context, batch []*eventlog.Entry) error {
	if len(batch) == 0 {
		return nil
	}
	turn := batch[0].Turn()
	defer turn.End()
	for _, entry := range batch {
		if err := turn.Next(ctx); err != nil {
			return err
		}
		err := entry.Stored(func(stored []byte) error {
			e, err := event.Outline(stored)
			if err == nil {
				c.add(e)
			}
			return err
		})
		if err != nil && !errors.Is(err, eventlog.ErrErased) {
			return err
		}
	}
	return nil
}

func (c *counter) add(e *pb.Event) {
	c.events++
	key := stratum{e.GetReceived().AsTime().Truncate(24 * time.Hour), e.GetClass(), e.GetPolicyVersion()}
	s := c.strata[key]
	if s == nil {
		s = &pb.Counted_Stratum{Day: timestamppb.New(key.day), Class: key.class, PolicyVersion: key.version}
		c.strata[key] = s
	}
	s.Events++
	switch e.GetCapture().GetContent() {
	case pb.Capture_REDACTED:
		s.Redacted++
	case pb.Capture_DROPPED:
		s.Dropped++
	}
	for _, r := range e.GetCapture().GetRedactions() {
		c.redactions[replaced{r.GetType(), r.GetOperator()}] += uint64(r.GetCount())
	}
	if n := e.GetCapture().GetSequence(); n > 0 {
		c.number(instance{e.GetSource().GetService(), e.GetSource().GetInstance()}, n)
	}
}

// otherTypes stands for the types that one count cannot name: they are what
// publishers call them.
const otherTypes = "OTHER_TYPES"

// fewTypes returns as many entries as one count can have, those that were replaced
// least often put together.
func fewTypes(list []*pb.Redaction) []*pb.Redaction {
	if len(list) <= event.MaxRedactions {
		return list
	}
	slices.SortFunc(list, func(a, b *pb.Redaction) int {
		return cmp.Or(cmp.Compare(b.GetCount(), a.GetCount()), cmp.Compare(a.GetType(), b.GetType()), cmp.Compare(a.GetOperator(), b.GetOperator()))
	})
	rest := uint64(0)
	for _, r := range list[event.MaxRedactions-1:] {
		rest += uint64(r.GetCount())
	}
	return append(list[:event.MaxRedactions-1], &pb.Redaction{Type: otherTypes, Count: uint32(min(rest, math.MaxUint32))})
}

// number takes down a number of an instance. One that is not above the last and
// was not missing is of an instance that began anew.
func (c *counter) number(of instance, n uint64) {
	i := c.instances[of]
	switch {
	case i == nil:
		c.instances[of] = &numbers{n, n, roaring64.New()}
	case n > i.last:
		if n-i.last <= maxMissing {
			i.missing.AddRange(i.last+1, n)
		}
		i.last = n
	case i.missing.Contains(n):
		i.missing.Remove(n)
	default:
		i.last = n
	}
}

// ledger returns what goes on record, in as many events as it takes.
func (c *counter) ledger(from, through event.Seq) (out []*pb.Event) {
	strata := slices.SortedFunc(maps.Values(c.strata), func(a, b *pb.Counted_Stratum) int {
		return cmp.Or(a.GetDay().AsTime().Compare(b.GetDay().AsTime()), cmp.Compare(a.GetClass(), b.GetClass()), cmp.Compare(a.GetPolicyVersion(), b.GetPolicyVersion()))
	})
	for part := range slices.Chunk(strata, event.MaxKept) {
		out = append(out, &pb.Event{Body: &pb.Event_Counted{Counted: &pb.Counted{From: uint64(from), Through: uint64(through), Strata: part}}})
	}
	if len(out) == 0 {
		out = append(out, &pb.Event{Body: &pb.Event_Counted{Counted: &pb.Counted{From: uint64(from), Through: uint64(through)}}})
	}
	body := out[0].GetCounted()
	body.Quarantined = c.quarantined
	for of, n := range c.redactions {
		body.Redactions = append(body.Redactions, &pb.Redaction{Type: of.typ, Operator: of.operator, Count: uint32(min(n, math.MaxUint32))})
	}
	body.Redactions = fewTypes(body.Redactions)
	slices.SortFunc(body.Redactions, func(a, b *pb.Redaction) int {
		return cmp.Or(cmp.Compare(a.GetType(), b.GetType()), cmp.Compare(a.GetOperator(), b.GetOperator()))
	})
	for of, i := range c.instances {
		body.Gaps = append(body.Gaps, &pb.Counted_Gap{
			Service: of.service, Instance: of.name, Missing: i.missing.GetCardinality(), First: i.first, Last: i.last,
		})
	}
	slices.SortFunc(body.Gaps, func(a, b *pb.Counted_Gap) int { // those with most first, if not all can be named
		return cmp.Or(cmp.Compare(b.GetMissing(), a.GetMissing()), cmp.Compare(a.GetService(), b.GetService()), cmp.Compare(a.GetInstance(), b.GetInstance()))
	})
	for _, g := range body.Gaps[min(len(body.Gaps), event.MaxGaps):] {
		body.OtherMissing += g.GetMissing()
	}
	body.Gaps = body.Gaps[:min(len(body.Gaps), event.MaxGaps)]
	return out
}
