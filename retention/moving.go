package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// exclusive is a lock that can be waited for as long as a context lasts.
type exclusive chan struct{}

func (x exclusive) lock(ctx context.Context) (unlock func(), err error) {
	select {
	case x <- struct{}{}:
		return func() { <-x }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// promoteTo has events kept in another class, on record. It may be called again
// after an error. The caller holds moving.
func (p *Policies) promoteTo(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, class string) error {
	recorded, err := p.recorded(ctx, t)
	if err != nil {
		return err
	}
	fresh := set
	if on := recorded[class]; on != nil {
		fresh = roaring64.AndNot(set, on)
	}
	if !fresh.IsEmpty() {
		if err := p.recordPromoted(ctx, t, fresh, class, recorded); err != nil {
			return err
		}
		recorded.move(fresh, class)
	}
	if err := p.promote(ctx, t, set, class); err != nil {
		delete(p.promoted, t) // What is on record and not done is done by recorded.
		return err
	}
	return nil
}

func (p *Policies) promote(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, class string) error {
	seqs := make([]event.Seq, 0, set.GetCardinality())
	for it := set.Iterator(); it.HasNext(); {
		seqs = append(seqs, event.Seq(it.Next()))
	}
	return p.log.Promote(ctx, t, seqs, class)
}

// moved is where the ledger says that events are kept which it says were moved, by
// class: each is where it was moved last.
type moved map[string]*roaring64.Bitmap

func (m moved) move(set *roaring64.Bitmap, class string) {
	for _, of := range m {
		of.AndNot(set)
	}
	if m[class] == nil {
		m[class] = roaring64.New()
	}
	m[class].Or(set)
}

// recorded returns what the ledger says was moved. What a crash or an error kept
// from being moved is moved first: events are where the ledger says, or what is
// forgotten of them would be on record as gone from elsewhere.
func (p *Policies) recorded(ctx context.Context, t event.Tenant) (moved, error) {
	if p.promoted == nil {
		p.promoted = map[event.Tenant]moved{}
	}
	if m := p.promoted[t]; m != nil {
		return m, nil
	}
	m := moved{}
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Promoted)}}}, Order: eventlog.LogOrder,
	}
	for entry, err := range p.log.Scan(ctx, t, selection) {
		var e *pb.Event
		if err == nil {
			e, err = entry.Event()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		set := roaring64.New()
		addRanges(set, e.GetPromoted().GetPositions())
		m.move(set, e.GetPromoted().GetClass())
	}
	for class, set := range m {
		if err := p.finish(ctx, t, set, class); err != nil {
			return nil, fmt.Errorf("finish what is on record: %w", err)
		}
	}
	p.promoted[t] = m
	return m, nil
}

// finish moves to a class what of a set is not there.
func (p *Policies) finish(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, class string) error {
	if set.IsEmpty() {
		return nil
	}
	places, err := p.log.Places(ctx, t, set)
	if err != nil {
		return err
	}
	buckets, left := bucketsOf(p.log, t), roaring64.New()
	for id, in := range places {
		if buckets[id].Class != class {
			left.Or(in)
		}
	}
	if left.IsEmpty() {
		return nil
	}
	return p.promote(ctx, t, left, class)
}

// recordPromoted puts on record that events are kept in another class. They come
// from where the ledger says that they are: a crash may have kept them from getting
// there.
func (p *Policies) recordPromoted(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, class string, recorded moved) error {
	places, err := p.log.Places(ctx, t, set)
	if err != nil {
		return err
	}
	buckets, n, still := bucketsOf(p.log, t), counts{}, roaring64.New()
	for id, in := range places {
		still.Or(in)
		b := buckets[id]
		for from, of := range recorded {
			b.Class = from
			n.add(b, in.AndCardinality(of))
			in.AndNot(of)
		}
		n.add(buckets[id], in.GetCardinality())
	}
	if still.IsEmpty() {
		return nil
	}
	var batch []eventlog.Prepared
	from := n.list()
	for i, part := range chunked(eventlog.Positions(still)) {
		body := &pb.Promoted{Class: class, Positions: part}
		if i == 0 {
			body.From = from[:min(len(from), event.MaxKept)]
		}
		one, err := p.prepare(t, &pb.Event{Body: &pb.Event_Promoted{Promoted: body}})
		if err != nil {
			return err
		}
		batch = append(batch, one)
	}
	if _, err := p.log.Append(ctx, batch); err != nil {
		return fmt.Errorf("put on record: %w", err)
	}
	return nil
}

// prepare makes a ledger event of a body.
func (p *Policies) prepare(t event.Tenant, e *pb.Event) (eventlog.Prepared, error) {
	if err := p.complete(t, e); err != nil {
		return eventlog.Prepared{}, err
	}
	return p.log.Prepare(t, e)
}

// complete sets what every ledger event has.
func (p *Policies) complete(t event.Tenant, e *pb.Event) error {
	if e.GetId() == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		e.Id = id.String()
	}
	e.Time, e.Class = timestamppb.New(p.Now()), policy.Ledger
	if document, _, _, ok := p.Current(t); ok {
		e.PolicyVersion = document.Version()
	}
	return nil
}

// bucketsOf returns the buckets of a tenant.
func bucketsOf(log *eventlog.Log, t event.Tenant) map[eventlog.BucketID]eventlog.Bucket {
	out := map[eventlog.BucketID]eventlog.Bucket{}
	for _, b := range log.Buckets() {
		if b.Tenant == t {
			out[b.ID] = b
		}
	}
	return out
}

func dayEnd(day time.Time) time.Time { return day.Add(24 * time.Hour) }

// ended reports whether nothing comes into a day's buckets any more.
func ended(day, now time.Time) bool { return dayEnd(day).Add(settled).Before(now) }

// setOf returns positions as a set.
func setOf(seqs []event.Seq) *roaring64.Bitmap {
	set := roaring64.New()
	for _, seq := range seqs {
		set.Add(uint64(seq))
	}
	return set
}
