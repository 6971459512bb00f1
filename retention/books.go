package retention

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// books is what the ledger of one tenant says of holds, erasures and counts.
// Everything in it comes from ledger events, through read.
type books struct {
	tenant    event.Tenant
	holds     []*hold         // in the order in which they were placed
	erasures  []*erasure      // in the order in which they were asked for
	counted   event.Seq       // what is before was counted
	recorded  event.Seq       // what is before is on record as appended
	countedAt time.Time       // since when
	restored  []lost          // of the system's own: restores that lost something, until that is confirmed
	judged    *pb.ClockJudged // of the system's own: the last
	believed  *pb.ClockJudged // of the system's own: the last that was not refused
}

// lost is what a restore lost.
type lost struct {
	restore   string // the id of its ledger event
	positions uint64
}

// ledgerKinds are the kinds of ledger events that books are made of.
func ledgerKinds() []string {
	return []string{
		string(event.Hold), string(event.Erasure), string(event.Counted), string(event.Forgotten),
		string(event.Restored), string(event.ClockJudged),
	}
}

// of returns the books of a tenant, read from the ledger at the first call. The
// caller holds the lock, or has the Keeper for itself.
func (k *Keeper) of(ctx context.Context, t event.Tenant) (*books, error) {
	if b := k.books[t]; b != nil {
		return b, nil
	}
	b := &books{tenant: t}
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: ledgerKinds()}}, Order: eventlog.LogOrder,
	}
	for entry, err := range k.cfg.Log.Scan(ctx, t, selection) {
		if errors.Is(err, eventlog.ErrNotFound) {
			break
		}
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
		b.read(e, entry.Seq)
	}
	k.books[t] = b
	return b, nil
}

// read takes over what a ledger event says.
func (b *books) read(e *pb.Event, seq event.Seq) {
	at := e.GetTime().AsTime()
	switch body := e.GetBody().(type) {
	case *pb.Event_Hold:
		b.readHold(body.Hold, seq, at)
	case *pb.Event_Erasure:
		b.readErasure(body.Erasure, seq, at)
	case *pb.Event_Forgotten:
		if x := b.erasure(body.Forgotten.GetRequest()); x != nil {
			x.gone = append(x.gone, body.Forgotten.GetKept()...)
			for _, id := range body.Forgotten.GetQuarantined() {
				x.quarantined = slices.DeleteFunc(x.quarantined, func(have string) bool { return have == id })
			}
		}
	case *pb.Event_Counted:
		b.recorded = event.Seq(body.Counted.GetThrough())
		b.counted, b.countedAt = max(b.counted, b.recorded), at
	case *pb.Event_Restored:
		if n := body.Restored.GetLost(); n > 0 {
			b.restored = append(b.restored, lost{e.GetId(), n})
		}
	case *pb.Event_ClockJudged:
		b.readClock(body.ClockJudged)
	}
}

// held returns what holds claim, one or more.
func (b *books) held() *roaring64.Bitmap {
	all := roaring64.New()
	for _, h := range b.active() {
		all.Or(h.covered)
	}
	return all
}

// active returns the holds that were not released.
func (b *books) active() (out []*hold) {
	for _, h := range b.holds {
		if h.released.IsZero() {
			out = append(out, h)
		}
	}
	return out
}

func (b *books) hold(id string) *hold {
	i := slices.IndexFunc(b.holds, func(h *hold) bool { return h.id == id })
	if i < 0 {
		return nil
	}
	return b.holds[i]
}

func (b *books) erasure(id string) *erasure {
	i := slices.IndexFunc(b.erasures, func(x *erasure) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	return b.erasures[i]
}

// open returns the erasures of which something is owed.
func (b *books) open() (out []*erasure) {
	for _, x := range b.erasures {
		if x.completed.IsZero() {
			out = append(out, x)
		}
	}
	return out
}

// needed returns the positions of ledger events without which the store would
// not know what is held or owed.
func (b *books) needed() *roaring64.Bitmap {
	out := roaring64.New()
	for _, h := range b.active() {
		out.Or(h.ledger)
	}
	for _, x := range b.open() {
		out.Or(x.ledger)
	}
	return out
}

func addRanges(set *roaring64.Bitmap, ranges []*pb.Forgotten_Positions) {
	for _, r := range ranges {
		set.AddRange(r.GetFirst(), r.GetLast()+1)
	}
}

// chunked returns ranges in parts that one ledger event can have; one, empty, if
// there are none.
func chunked(ranges []*pb.Forgotten_Positions) [][]*pb.Forgotten_Positions {
	out := slices.Collect(slices.Chunk(ranges, event.MaxPositions))
	if len(out) == 0 {
		out = append(out, nil)
	}
	return out
}
