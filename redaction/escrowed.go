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

// maxOriginal is the longest original that is sealed; longer ones, such as
// texts in base64, are replaced and not kept.
const maxOriginal = 64 << 10

// seal seals the original of an edit if its type is in escrow, once for each
// token of an event.
func (sc *scan) seal(e edit) error {
	if e.original == "" || len(e.original) > maxOriginal || len(sc.earlier)+len(sc.sealed) >= maxSealed {
		return nil
	}
	typ, token := e.typ, e.token
	same := func(s *pb.Sealed) bool { return s.GetType() == typ && s.GetToken() == token }
	if slices.ContainsFunc(sc.earlier, same) || slices.ContainsFunc(sc.sealed, same) {
		return nil
	}
	b, err := sc.escrow.sealer.Seal(sc.event, typ, token, e.original)
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
