package retention

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A restore takes the ledger back with everything else: to before holds that were
// placed since, and releases, erasures that are owed, policies and what they
// promise, and what was made of the clock. So the ledger events that say so, the
// deeds, are also kept beside the keys, where no backup takes them back, before the
// call returns that put them on record; and when the log is opened, what it lacks of
// them is appended again, as it was, under the same ids.
//
// The ledger comes first, and then what is beside the keys. A crash in between
// leaves a deed in the ledger alone, and the next Open takes it over from there.

// besideName is under what the deeds are kept beside the keys.
const besideName = "retention"

// besideFor is how long a deed is kept beside the keys that says nothing of how
// things are: a hold that was released, an erasure that is done, a policy that was
// replaced. Whoever restores a backup that is older finds a hold that holds again,
// or an erasure that is owed again, and loses nothing. It counts from the newest
// deed, as clocks can be set.
const besideFor = 400 * 24 * time.Hour

// deeds are what is kept beside the keys. Safe for concurrent use.
type deeds struct {
	log    *eventlog.Log
	logger *slog.Logger
	keptBy func(event.Tenant, event.Seq) bool // see Policies

	mu       sync.Mutex
	list     []*deed    // of each tenant in the order in which they were done
	restores []*restore // in the order in which they were met with
	last     string     // of the log as it is; "": it was never restored
	unsaved  bool       // the list may not be what is beside the keys
	saved    []byte     // what is
}

// A deed is one ledger event.
type deed struct {
	Tenant event.Tenant `json:"tenant"`
	After  string       `json:"after,omitempty"` // the last restore in the log in which it was done
	Event  []byte       `json:"event"`           // as protobuf; positions in it are those of that log

	event *pb.Event
	seq   event.Seq // in the log as it is
}

// A restore is one that was met with.
type restore struct {
	ID    string    `json:"id"`              // of its ledger event
	After string    `json:"after,omitempty"` // the one before it in its log
	Size  event.Seq `json:"size"`            // of the backup: positions from here on are others than those before it was restored
	Whole bool      `json:"whole"`           // the deeds were there

	at event.Seq // of its ledger event in the log as it is
}

// kept is what is beside the keys, as JSON.
type kept struct {
	Format   int        `json:"format"` // 1
	Restores []*restore `json:"restores"`
	Deeds    []*deed    `json:"deeds"`
}

// isDeed reports whether a ledger event must outlive a restore. What a hold covers
// need not: it is found again.
func isDeed(e *pb.Event) bool {
	switch body := e.GetBody().(type) {
	case *pb.Event_Hold:
		return body.Hold.GetStage() != pb.Hold_COVERED
	case *pb.Event_ClockJudged:
		return body.ClockJudged.GetVerdict() != pb.ClockJudged_REFUSED
	case *pb.Event_Erasure, *pb.Event_PolicyApplied:
		return true
	}
	return false
}

// openDeeds reads what is beside the keys, and brings it and the ledger together. The
// caller saves them.
func openDeeds(ctx context.Context, log *eventlog.Log, logger *slog.Logger, keptBy func(event.Tenant, event.Seq) bool) (*deeds, error) {
	d := &deeds{log: log, logger: logger, keptBy: keptBy}
	had, err := d.load()
	if err != nil {
		return nil, err
	}
	if err := d.meetRestores(ctx, had); err != nil {
		return nil, fmt.Errorf("look for restores: %w", err)
	}
	if err := d.bringBack(ctx); err != nil {
		return nil, fmt.Errorf("put on record again what a restore lost: %w", err)
	}
	if err := d.takeOver(ctx); err != nil {
		return nil, fmt.Errorf("read the ledger: %w", err)
	}
	return d, nil
}

// load reads what is beside the keys. It reports whether anything is.
func (d *deeds) load() (had bool, err error) {
	b, err := d.log.Beside(besideName)
	if err != nil || b == nil {
		return false, err
	}
	var k kept
	if err := json.Unmarshal(b, &k); err != nil {
		return false, fmt.Errorf("read what is kept of holds beside the keys: %w", err)
	}
	if k.Format != 1 {
		return false, errors.New("what is kept of holds beside the keys was written by a newer version of afterimage: use that")
	}
	for _, one := range k.Deeds {
		one.event = &pb.Event{}
		if err := proto.Unmarshal(one.Event, one.event); err != nil {
			return false, fmt.Errorf("read what is kept of holds beside the keys: %w", err)
		}
	}
	d.list, d.restores, d.saved = k.Deeds, k.Restores, b
	return true, nil
}

// keep takes in ledger events of a tenant that were appended at some positions, and
// keeps what must outlive a restore. After an error it is on record, and settle
// tries again.
func (d *deeds) keep(t event.Tenant, events []*pb.Event, seqs []event.Seq) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, e := range events {
		if !isDeed(e) {
			continue
		}
		b, err := proto.Marshal(e)
		if err != nil {
			return fmt.Errorf("keep a ledger event beside the keys: %w", err)
		}
		d.list = append(d.list, &deed{t, d.last, b, e, seqs[i]})
		d.unsaved = true
	}
	return d.save()
}

// settle keeps what an error kept from being kept.
func (d *deeds) settle() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.save()
}

// save makes the list what is beside the keys. The caller holds the lock.
func (d *deeds) save() error {
	if !d.unsaved {
		return nil
	}
	for period := besideFor; ; period /= 2 {
		d.list = d.needed(period)
		b, err := json.Marshal(kept{1, d.restores, d.list})
		if err != nil {
			return fmt.Errorf("keep ledger events beside the keys: %w", err)
		}
		if len(b) > keyring.MaxBeside && period > 0 {
			continue
		}
		if bytes.Equal(b, d.saved) {
			d.unsaved = false
			return nil
		}
		if err := d.log.KeepBeside(besideName, b); err != nil {
			return fmt.Errorf("it is on record, and not beside the keys yet, so that a restore would lose it: %w", err)
		}
		d.unsaved, d.saved = false, b
		return nil
	}
}

// needed returns the deeds that say how things are, and those that did until
// recently. The caller holds the lock.
func (d *deeds) needed(period time.Duration) (out []*deed) {
	ends, newest := d.ends()
	for _, one := range d.list {
		if end, ended := ends[one]; !ended || newest.Sub(end) < period {
			out = append(out, one)
		}
	}
	return out
}

// ends returns since when deeds say nothing of how things are any more, of those of
// which it is so, and when the newest of all was done.
func (d *deeds) ends() (ends map[*deed]time.Time, newest time.Time) {
	over, policies := map[string]time.Time{}, map[event.Tenant]*deed{}
	var judged *deed
	ends = map[*deed]time.Time{}
	for _, one := range d.list {
		at := one.event.GetTime().AsTime()
		if at.After(newest) {
			newest = at
		}
		switch body := one.event.GetBody().(type) {
		case *pb.Event_Hold:
			if body.Hold.GetStage() == pb.Hold_RELEASED {
				over[body.Hold.GetHold()] = at
			}
		case *pb.Event_Erasure:
			if body.Erasure.GetStage() == pb.Erasure_COMPLETED {
				over[body.Erasure.GetRequest()] = at
			}
		case *pb.Event_PolicyApplied:
			if replaced := policies[one.Tenant]; replaced != nil && !d.keptBy(one.Tenant, replaced.seq) {
				ends[replaced] = at
			}
			policies[one.Tenant] = one
		case *pb.Event_ClockJudged: // It has all that matters of the one before.
			if judged != nil {
				ends[judged] = time.Time{}
			}
			judged = one
		}
	}
	for _, one := range d.list {
		for _, id := range []string{one.event.GetHold().GetHold(), one.event.GetErasure().GetRequest()} {
			if at, is := over[id]; is {
				ends[one] = at
			}
		}
	}
	return ends, newest
}
