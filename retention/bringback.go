package retention

import (
	"context"
	"errors"
	"slices"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// ledgerEvents yields the ledger events of a tenant that are of some kinds.
func (d *deeds) ledgerEvents(ctx context.Context, t event.Tenant, kinds []event.Kind, f func(e *pb.Event, seq event.Seq) error) error {
	term := eventlog.Term{Field: eventlog.FieldKind}
	for _, kind := range kinds {
		term.Values = append(term.Values, string(kind))
	}
	for entry, err := range d.log.Scan(ctx, t, eventlog.Selection{Terms: []eventlog.Term{term}, Order: eventlog.LogOrder}) {
		if errors.Is(err, eventlog.ErrNotFound) {
			return nil
		}
		var e *pb.Event
		if err == nil {
			e, err = entry.Event()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err == nil {
			err = f(e, entry.Seq)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// meetRestores notes the restores of the log that it did not know.
func (d *deeds) meetRestores(ctx context.Context, had bool) error {
	return d.ledgerEvents(ctx, event.System, []event.Kind{event.Restored}, func(e *pb.Event, seq event.Seq) error {
		r := d.restore(e.GetId())
		if r == nil {
			r = &restore{ID: e.GetId(), After: d.last, Size: event.Seq(e.GetRestored().GetSize()), Whole: had}
			d.restores = append(d.restores, r)
		}
		d.last, r.at = r.ID, seq
		return nil
	})
}

func (d *deeds) restore(id string) *restore {
	i := slices.IndexFunc(d.restores, func(r *restore) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return d.restores[i]
}

// whole reports whether the deeds outlived a restore.
func (d *deeds) whole(restore string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.restore(restore)
	return r != nil && r.Whole
}

// path returns the restores of a log that was restored last by one, the first one
// first.
func (d *deeds) path(last string) (out []*restore) {
	for r := d.restore(last); r != nil && len(out) < len(d.restores); r = d.restore(r.After) {
		out = append(out, r)
	}
	slices.Reverse(out)
	return out
}

// common returns the size up to which the log in which a deed was done and the log
// as it is have the same positions: that of the first restore that only one of them
// has.
func (d *deeds) common(one *deed) event.Seq {
	size := d.log.Size()
	then, now := d.path(one.After), d.path(d.last)
	for len(then) > 0 && len(now) > 0 && then[0] == now[0] {
		then, now = then[1:], now[1:]
	}
	for _, rest := range [][]*restore{then, now} {
		if len(rest) > 0 {
			size = min(size, rest[0].Size)
		}
	}
	return size
}

// bringBack appends what the ledger lacks.
func (d *deeds) bringBack(ctx context.Context) error {
	var lost []*deed
	for _, one := range d.list {
		_, err := d.log.Lookup(ctx, one.Tenant, one.event.GetId())
		if errors.Is(err, eventlog.ErrNotFound) {
			lost, err = append(lost, one), nil
		}
		if err != nil {
			return err
		}
	}
	for _, one := range lost {
		e, err := d.again(ctx, one)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		p, err := d.log.Prepare(one.Tenant, e)
		if err == nil {
			_, err = d.log.Append(ctx, []eventlog.Prepared{p})
		}
		if err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		d.logger.WarnContext(ctx, "holds, erasures and policies that a restore had lost are on record again", "events", len(lost))
	}
	return nil
}

// again returns a deed as it is to be in the log as it is; nil if it is not true
// there.
func (d *deeds) again(ctx context.Context, one *deed) (*pb.Event, error) {
	e := proto.CloneOf(one.event)
	if j := e.GetClockJudged(); j != nil {
		j.Verdict = pb.ClockJudged_ACCEPTED // Nobody confirmed anything of this log.
	}
	x := e.GetErasure()
	switch x.GetStage() {
	case pb.Erasure_REQUESTED:
		x.Positions = before(x.GetPositions(), d.common(one))
	case pb.Erasure_COMPLETED:
		done, err := d.isDone(ctx, one.Tenant, x.GetRequest())
		if err != nil || !done {
			return nil, err
		}
	}
	return e, nil
}

// isDone reports whether nothing of what an erasure is about is there.
func (d *deeds) isDone(ctx context.Context, t event.Tenant, request string) (bool, error) {
	about, messages := roaring64.New(), []string(nil)
	for _, one := range d.list {
		x := one.event.GetErasure()
		if one.Tenant == t && x.GetRequest() == request {
			addRanges(about, before(x.GetPositions(), d.common(one)))
			messages = append(messages, x.GetQuarantined()...)
		}
	}
	places, err := d.log.Places(ctx, t, about)
	if err != nil || len(places) > 0 {
		return false, err
	}
	messages, err = quarantinedStill(ctx, d.log, t, messages)
	return len(messages) == 0, err
}

// before returns the positions before one.
func before(ranges []*pb.Forgotten_Positions, end event.Seq) (out []*pb.Forgotten_Positions) {
	for _, r := range ranges {
		if r.GetFirst() < uint64(end) {
			out = append(out, &pb.Forgotten_Positions{First: r.GetFirst(), Last: min(r.GetLast(), uint64(end)-1)})
		}
	}
	return out
}

// takeOver makes the list that of the ledger, in its order: what it alone has is of a
// store that kept nothing beside the keys, or from before a crash; what it has no more
// has expired.
func (d *deeds) takeOver(ctx context.Context) error {
	type key struct {
		tenant event.Tenant
		id     string
	}
	known := map[key]*deed{}
	for _, one := range d.list {
		known[key{one.Tenant, one.event.GetId()}] = one
	}
	d.list, d.unsaved = nil, true
	kinds := []event.Kind{event.Hold, event.Erasure, event.PolicyApplied, event.ClockJudged}
	for _, t := range d.log.Tenants() {
		after, restores := "", d.path(d.last)
		err := d.ledgerEvents(ctx, t, kinds, func(e *pb.Event, seq event.Seq) error {
			for len(restores) > 0 && restores[0].at < seq {
				after, restores = restores[0].ID, restores[1:]
			}
			one := known[key{t, e.GetId()}]
			if one == nil {
				if !isDeed(e) {
					return nil
				}
				e.Seq, e.Received, e.Salt = nil, nil, nil // The log gives them.
				b, err := proto.Marshal(e)
				if err != nil {
					return err
				}
				one = &deed{Tenant: t, After: after, Event: b, event: e}
			}
			one.seq = seq
			d.list = append(d.list, one)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
