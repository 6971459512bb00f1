package eventlog

import (
	"encoding/binary"
	"fmt"

	"github.com/afterimage/afterimage/event"
)

// pending is what is being forgotten: it is written together with the ledger
// events that say so, and removed together with the keys. In between, after a
// crash, Resume goes on.
type pending struct {
	ledger []event.Seq // the events that say so: Forgotten or Redacted
	drop   []bucketID  // buckets that go whole
	rekey  []rekeyed   // buckets of which events go or were redacted, and that get new keys

	unsaid []event.Seq // redacted events of buckets that go; not written, but found out
}

// rekeyed is a bucket and the number of its new index, 0 if none was given out
// yet.
type rekeyed struct {
	bucket bucketID
	index  indexID
}

func (p *pending) empty() bool { return len(p.ledger) == 0 }

// add notes where the ledger events of an append are, which must all be new.
func (p *pending) add(a *appending) error {
	for i, r := range a.results {
		if r.Outcome != Appended {
			return fmt.Errorf("the id %q of a ledger event is taken", a.batch[i].event.GetId())
		}
		p.ledger = append(p.ledger, r.Seq)
	}
	return nil
}

// encode writes the three lists, each after its length, all as uvarints.
func (p *pending) encode() []byte {
	b := binary.AppendUvarint(nil, uint64(len(p.ledger)))
	for _, seq := range p.ledger {
		b = binary.AppendUvarint(b, uint64(seq))
	}
	b = binary.AppendUvarint(b, uint64(len(p.drop)))
	for _, id := range p.drop {
		b = binary.AppendUvarint(b, uint64(id))
	}
	b = binary.AppendUvarint(b, uint64(len(p.rekey)))
	for _, r := range p.rekey {
		b = binary.AppendUvarint(b, uint64(r.bucket))
		b = binary.AppendUvarint(b, uint64(r.index))
	}
	return b
}

// decodePending is the inverse of encode. Nothing is nothing pending.
func decodePending(b []byte) (*pending, error) {
	p := &pending{}
	if b == nil {
		return p, nil
	}
	bad := fmt.Errorf("%w: the record of what is being forgotten is malformed", ErrTampered)
	ok := true
	next := func() uint64 {
		v, n := binary.Uvarint(b)
		if n <= 0 {
			ok, b = false, nil
			return 0
		}
		b = b[n:]
		return v
	}
	count := func() uint64 { // of a list, of which each takes a byte at least
		n := next()
		ok = ok && n <= uint64(len(b))
		return min(n, uint64(len(b)))
	}
	for range count() {
		p.ledger = append(p.ledger, event.Seq(next()))
	}
	for range count() {
		p.drop = append(p.drop, bucketID(next()))
	}
	for range count() {
		p.rekey = append(p.rekey, rekeyed{bucketID(next()), indexID(next())})
	}
	if !ok || len(b) > 0 || p.empty() {
		return nil, bad
	}
	return p, nil
}

// pending returns what is being forgotten.
func (d disk) pending() (*pending, error) {
	v, err := d.get(key1(spacePending))
	if err != nil {
		return nil, err
	}
	return decodePending(v)
}
