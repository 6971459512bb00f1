package escrow

import (
	"errors"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// ErrFull reports that an event has as many sealed originals as it may have.
var ErrFull = errors.New("the event has too many originals to seal")

// Gathered are the sealed originals of one event, one for each type and token.
type Gathered struct {
	sealer *Sealer
	id     string
	sealed []*pb.Sealed
	have   map[place]bool
}

// A place is what an event has one original for.
type place struct{ typ, token string }

// Gather begins with what the event has already: where the publisher sealed,
// the store does not seal again, also where it would to another key.
func (s *Sealer) Gather(eventID string, have []*pb.Sealed) *Gathered {
	g := &Gathered{sealer: s, id: eventID, sealed: slices.Clip(have), have: make(map[place]bool, len(have))}
	for _, h := range have {
		g.have[place{h.GetType(), h.GetToken()}] = true
	}
	return g
}

// Add seals the original if its type and token are new to the event: where two
// spellings of one value have one token, the first is kept.
func (g *Gathered) Add(typ, token, value string) error {
	if g.have[place{typ, token}] {
		return nil
	}
	if len(g.sealed) >= event.MaxEscrow {
		return fmt.Errorf("%w: the limit is %d", ErrFull, event.MaxEscrow)
	}
	ciphertext, err := g.sealer.Seal(g.id, typ, token, value)
	if err != nil {
		return err
	}
	g.sealed = append(g.sealed, &pb.Sealed{Type: typ, Token: token, Ciphertext: ciphertext})
	g.have[place{typ, token}] = true
	return nil
}

// Sealed returns what the event's capture.escrow is to be, in the order of the
// calls of Add.
func (g *Gathered) Sealed() []*pb.Sealed { return g.sealed }
