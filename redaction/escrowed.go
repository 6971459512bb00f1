package redaction

import (
	"fmt"
	"slices"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Sealer seals originals to whoever holds the private key of escrow. It must
// be safe for concurrent use. Its errors must not quote the value.
type Sealer interface {
	// Seal returns the value sealed for its place: the event's id, the type and
	// the token that stands for it.
	Seal(eventID, typ, token, value string) ([]byte, error)
}

// maxSealed bounds the sealed originals of one event, those of its publisher
// included; what is more is replaced and not kept.
const maxSealed = 1024

// seal seals the original of a token if its type is in escrow, once in each
// event.
func (sc *scan) seal(typ, token, value string) error {
	if sc.escrow == nil || !sc.escrow.types[typ] || len(sc.earlier)+len(sc.sealed) >= maxSealed {
		return nil
	}
	same := func(s *pb.Sealed) bool { return s.GetType() == typ && s.GetToken() == token }
	if slices.ContainsFunc(sc.earlier, same) || slices.ContainsFunc(sc.sealed, same) {
		return nil
	}
	b, err := sc.escrow.sealer.Seal(sc.event, typ, token, strings.Clone(value))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrEscrow, err)
	}
	sc.sealed = append(sc.sealed, &pb.Sealed{Type: typ, Token: token, Ciphertext: b})
	return nil
}

// An escrow is what is sealed, and how.
type escrow struct {
	types  map[string]bool
	sealer Sealer
}

func escrowOf(cfg Config) (*escrow, error) {
	if len(cfg.Escrow) == 0 {
		return nil, nil
	}
	if cfg.Sealer == nil {
		return nil, fmt.Errorf("escrow of %s has no key: Sealer is not set", strings.Join(cfg.Escrow, ", "))
	}
	e := &escrow{types: map[string]bool{}, sealer: cfg.Sealer}
	for _, typ := range cfg.Escrow {
		if !isType(typ) {
			return nil, fmt.Errorf("escrow: type %q is not A–Z, 0–9 and _", typ)
		}
		e.types[typ] = true
	}
	return e, nil
}
