package eventlog

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// handing is a ledger event that goes, and says of events that may stay what they
// were redacted to: without it, nobody could verify them any more.
type handing struct {
	tenant event.Tenant
	ledger *pb.Event
}

// handOn prepares ledger events that say the same of the events that stay.
func (f *forgetting) handOn(concerns []concern) error {
	for _, h := range f.handing {
		var entries []*pb.Redacted_Replacement
		for _, e := range h.ledger.GetRedacted().GetEvents() {
			stays, err := f.stays(event.Seq(e.GetSeq()), concerns)
			if err != nil {
				return err
			}
			if stays {
				entries = append(entries, e)
			}
		}
		if len(entries) == 0 {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		like := proto.CloneOf(h.ledger)
		like.Id, like.Time, like.Seq = id.String(), timestamppb.New(f.l.cfg.Now()), nil
		prepared, err := f.l.redactions(h.tenant, like, entries, 0)
		if err != nil {
			return err
		}
		f.events, f.handed = append(f.events, prepared...), f.handed+len(prepared)
	}
	return nil
}

// stays reports whether an event is there and will be after the forgetting.
func (f *forgetting) stays(seq event.Seq, concerns []concern) (bool, error) {
	for _, c := range concerns {
		if c.gone != nil && c.gone.Contains(uint64(seq)) {
			return false, nil
		}
	}
	b, err := f.l.bucketAt(seq)
	if errors.Is(err, ErrErased) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("event %d: %w", seq, err)
	}
	return !slices.Contains(f.drop, b.id), nil
}

// writeHanded makes the new ledger events those that say what events are
// committed to, in the place of the ones that go.
func (f *forgetting) writeHanded(a *appending) error {
	if f.handed == 0 {
		return nil
	}
	fresh, err := inPlace(a, func(seq event.Seq, c commitment) (bool, error) {
		now, redacted, err := f.l.replaced(seq)
		return redacted && now.commitment == c, err // Else it was redacted again since.
	})
	if err != nil {
		return err
	}
	return f.l.writeReplacements(a.write, fresh, nil)
}
