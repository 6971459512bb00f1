package eventlog

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// FollowRedactions returns what an event is committed to, given its leaf and the
// ledger events that say of it that it was redacted, of its tenant and in any
// order: what whoever has proofs of all of them can tell without the store. The
// stored bytes of the event, without seq, must hash to it. ErrTampered where the
// ledger events do not lead from the leaf to one commitment.
func FollowRedactions(leaf [32]byte, seq event.Seq, ledger ...*pb.Event) ([32]byte, error) {
	var of claims
	for _, e := range ledger {
		if e.GetRedacted() == nil || e.Seq == nil {
			return leaf, fmt.Errorf("event %s records no redaction, or lacks its seq", e.GetId())
		}
		if err := of.of(seq, e); err != nil {
			return leaf, err
		}
	}
	end, err := of.end(leaf[:], 0)
	if err != nil {
		return leaf, fmt.Errorf("event %d: %w", seq, err)
	}
	return end.commitment, nil
}

// of adds what a ledger event says of one event.
func (c *claims) of(seq event.Seq, ledger *pb.Event) error {
	body := &pb.Redacted{}
	for _, e := range ledger.GetRedacted().GetEvents() {
		if event.Seq(e.GetSeq()) == seq {
			body.Events = append(body.Events, e)
		}
	}
	return c.add(event.Seq(ledger.GetSeq()), 0, body, seq+1)
}

// redactedTo returns what an event is committed to now, and the positions of the
// ledger events that say so, from the leaf on.
func (l *Log) redactedTo(ctx context.Context, name event.Tenant, seq event.Seq, leaf commitment) (commitment, []event.Seq, error) {
	now, redacted, err := l.replaced(seq)
	if err != nil || !redacted {
		return leaf, nil, err
	}
	if _, err := l.wait(ctx, now.ledger); err != nil { // It is durable, and about to be shown.
		return leaf, nil, err
	}
	var of claims
	ledger, err := l.event(now.ledger, location{})
	if errors.Is(err, ErrErased) {
		err = fmt.Errorf("%w: the ledger event that says so is gone", ErrTampered)
	}
	if err == nil {
		err = of.of(seq, ledger)
	}
	if err == nil && (len(of) == 0 || of[0].old != leaf) { // It was redacted before that, too.
		of, err = l.claimsOf(name, seq)
	}
	if err != nil {
		return leaf, nil, err
	}
	end, err := of.end(leaf[:], 0)
	if err == nil && end.commitment != now.commitment {
		err = fmt.Errorf("%w: the ledger says something else of its redaction than what is stored", ErrTampered)
	}
	if err != nil {
		return leaf, nil, fmt.Errorf("event %d: %w", seq, err)
	}
	return end.commitment, of.path(leaf), nil
}

// claimsOf returns what the ledger of a tenant says of one event.
func (l *Log) claimsOf(name event.Tenant, seq event.Seq) (of claims, err error) {
	t := l.named(name)
	if t == nil {
		return nil, ErrNotFound
	}
	for _, b := range l.bucketsOf(t) {
		if b.class != LedgerClass {
			continue
		}
		at, err := l.find(b, Term{FieldKind, []string{string(event.Redacted)}})
		if err != nil {
			return nil, err
		}
		for _, at := range at {
			e, err := l.event(at, location{})
			if errors.Is(err, ErrErased) {
				continue // What it said was handed on.
			}
			if err == nil {
				err = of.of(seq, e)
			}
			if err != nil {
				return nil, err
			}
		}
	}
	return of, nil
}

// path returns the ledger events that lead from a leaf to the end, which end
// has found that they do.
func (c claims) path(leaf commitment) (out []event.Seq) {
	for at := leaf; len(out) < len(c); {
		i := slices.IndexFunc(c, func(o claim) bool { return o.old == at })
		if i < 0 {
			return out
		}
		out, at = append(out, c[i].ledger), c[i].fresh
	}
	return out
}
