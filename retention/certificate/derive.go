package certificate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// restoreRequest is the request under which a restore forgets again.
const restoreRequest = "restore"

// A derivation is what ledger events say, in the order of the log.
type derivation struct {
	Statement
	singles, asked *roaring64.Bitmap              // positions that went one by one; those of the erasure
	blocks         map[uint64]*pb.Forgotten_Block // that went whole, by number
	begins         uint64                         // the position of the first event that deletes, or asks for it
	told           bool                           // begins is set
	forgotten      bool                           // by some event
	keyless        bool                           // an epoch began after the last of these
	requested      bool                           // an erasure was
	completed      bool
	askedCount     uint64 // as it says
	last           time.Time
	causes         map[pb.Forgotten_Cause]bool
	kept           map[[2]string]uint64 // by day and class
}

// derive says what follows from the cited events of a request. The statement has
// its request, the cited events, and what it says of keys.
func derive(s Statement) (*derivation, error) {
	d := &derivation{
		Statement: Statement{
			Format: Format, Issued: s.Issued, Log: s.Log, Tenant: s.Tenant, Request: s.Request,
			Before: s.Before, After: s.After, Consistency: s.Consistency,
			Remains: Remains{KEK: s.Remains.KEK, KeysDestroyed: s.Remains.KeysDestroyed},
		},
		singles: roaring64.New(), asked: roaring64.New(), blocks: map[uint64]*pb.Forgotten_Block{},
		causes: map[pb.Forgotten_Cause]bool{}, kept: map[[2]string]uint64{},
	}
	for i, c := range s.Ledger {
		if i > 0 && c.Seq <= s.Ledger[i-1].Seq {
			return nil, fmt.Errorf("ledger event %d is out of order", c.Seq)
		}
		if err := d.cited(c); err != nil {
			return nil, fmt.Errorf("ledger event %d: %w", c.Seq, err)
		}
	}
	if !d.told {
		return nil, errors.New("no ledger event deletes anything, or asks for it")
	}
	d.conclude()
	return d, nil
}

// cited takes over what one event says.
func (d *derivation) cited(c Cited) error {
	e, err := event.Unmarshal(c.Event)
	if err != nil {
		return err
	}
	at := e.GetTime().AsTime()
	switch event.KindOf(e) {
	case event.PolicyApplied:
		d.Policies = append(d.Policies, Policy{e.GetPolicyApplied().GetVersion(), &c.Seq})
	case event.Forgotten:
		err = d.deletes(c.Seq, e)
	case event.Erasure:
		err = d.erasure(c.Seq, e)
	case event.EpochBegan:
		if !d.forgotten || d.keyless {
			return errors.New("an epoch that ended no key of what was deleted")
		}
		d.keyless = true
		d.Epochs = append(d.Epochs, Epoch{e.GetEpochBegan().GetEpoch(), c.Seq, at})
	default:
		err = fmt.Errorf("an event of kind %q says nothing of a deletion", event.KindOf(e))
	}
	d.last = at
	d.Ledger = append(d.Ledger, Cited{c.Seq, string(event.KindOf(e)), at, c.Event, c.Proof})
	return err
}

// begin notes the first event that deletes, or asks for it.
func (d *derivation) begin(seq uint64, e *pb.Event, request string) error {
	if request != d.Request {
		return fmt.Errorf("it is of the request %q", request)
	}
	if !d.told {
		d.begins, d.Requested = seq, e.GetTime().AsTime()
	}
	d.told = true
	version := e.GetPolicyVersion()
	if version != "" && !slices.ContainsFunc(d.Policies, func(p Policy) bool { return p.Version == version }) {
		d.Policies = append(d.Policies, Policy{Version: version})
	}
	return nil
}

func (d *derivation) deletes(seq uint64, e *pb.Event) error {
	f := e.GetForgotten()
	if err := d.begin(seq, e, f.GetRequest()); err != nil {
		return err
	}
	if !d.forgotten {
		d.begins = seq
	}
	d.forgotten, d.keyless, d.causes[f.GetCause()] = true, false, true
	if err := d.add(d.singles, f.GetPositions()); err != nil {
		return err
	}
	for _, b := range f.GetBlocks() {
		d.blocks[b.GetNumber()] = b
	}
	for _, k := range f.GetKept() {
		d.kept[[2]string{k.GetDay().AsTime().Format(time.DateOnly), k.GetClass()}] += k.GetEvents()
	}
	d.Deleted.Quarantined += uint64(len(f.GetQuarantined()))
	return nil
}

func (d *derivation) erasure(seq uint64, e *pb.Event) error {
	r := e.GetErasure()
	if err := d.begin(seq, e, r.GetRequest()); err != nil {
		return err
	}
	if r.GetStage() == pb.Erasure_COMPLETED {
		d.completed = true
		return nil
	}
	if !d.requested {
		d.Scope, d.Actor, d.Reason = r.GetScope().String(), r.GetActor(), r.GetReason()
		d.Since, d.Until = optional(r.GetSince()), optional(r.GetUntil())
	}
	d.requested = true
	if err := d.add(d.asked, r.GetPositions()); err != nil {
		return err
	}
	d.askedCount = max(d.askedCount, r.GetEvents())
	for _, f := range r.GetDeferred() {
		d.Remains.Deferred = append(d.Remains.Deferred, Deferral{
			f.GetCause().String(), f.GetHolds(), f.GetClass(), optional(f.GetUntil()), f.GetEvents(),
		})
	}
	for _, x := range r.GetExports() {
		if !slices.Contains(d.Remains.Exports, x) {
			d.Remains.Exports = append(d.Remains.Exports, x)
		}
	}
	return nil
}

// add adds positions to a set. What is no position of the log is refused before a
// set is made of it.
func (d *derivation) add(set *roaring64.Bitmap, positions []*pb.Forgotten_Positions) error {
	for _, r := range positions {
		if r.GetFirst() > r.GetLast() || r.GetLast() >= d.After.Size {
			return fmt.Errorf("it names the positions %d to %d, which are none", r.GetFirst(), r.GetLast())
		}
		set.AddRange(r.GetFirst(), r.GetLast()+1)
	}
	return nil
}

// conclude says what all of it amounts to.
func (d *derivation) conclude() {
	switch {
	case d.Request == restoreRequest && !d.requested:
		d.Kind = Restore
	case d.requested || d.completed || d.causes[pb.Forgotten_ERASED]:
		d.Kind = Erasure
	default:
		d.Kind = Expiry
	}
	d.Deleted.Events = d.singles.GetCardinality()
	for _, b := range d.blocks {
		d.Deleted.Events += uint64(b.GetEvents())
	}
	d.Deleted.Blocks = uint64(len(d.blocks))
	for k, n := range d.kept {
		d.Deleted.ByClass = append(d.Deleted.ByClass, ClassDay{Class: k[1], Day: k[0], Events: n})
	}
	slices.SortFunc(d.Deleted.ByClass, func(a, b ClassDay) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Class, b.Class))
	})
	if d.requested && !d.completed {
		d.Outstanding = append(d.Outstanding, EventsOwed)
		if asked := max(d.askedCount, d.asked.GetCardinality()); asked > d.Deleted.Events {
			d.Remains.Owed = asked - d.Deleted.Events
		}
	} else {
		d.Remains.Deferred = nil // It has been done since.
	}
	if d.forgotten && !(d.keyless && d.Remains.KeysDestroyed) {
		d.Outstanding = append(d.Outstanding, KeysRemain)
	}
	if d.Complete = len(d.Outstanding) == 0; d.Complete {
		d.Done = &d.last
	}
	d.Remains.Elsewhere = elsewhere(len(d.Remains.Exports) > 0)
}

// elsewhere says where copies may be that no store can reach. It is part of format 1.
func elsewhere(exported bool) []Elsewhere {
	out := []Elsewhere{
		{"KEY_BACKUPS", "Copies of the epoch key file (epoch.json) that were made before the epochs ended still open copies of the data that are as old, until the KEK that wraps them is destroyed: delete such backups, or rotate the KEK and destroy the old one."},
		{"EXTERNAL_STREAM", "Where an external NATS cluster carries the events, what it keeps of their messages is its operator's to delete. The embedded one changes its key with the epoch."},
	}
	if exported {
		out = append(out, Elsewhere{"EXPORTS", "Copies that were handed out before are with whoever has them."})
	}
	return out
}

func optional(t *timestamppb.Timestamp) *time.Time {
	if t == nil {
		return nil
	}
	at := t.AsTime()
	return &at
}
