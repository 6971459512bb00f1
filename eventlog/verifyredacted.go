package eventlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
	"github.com/afterimage/afterimage/eventlog/tree"
)

// redactions compares what is stored of redactions, which the events were
// checked against, with what the ledger says.
func (v *verification) redactions() error {
	said := map[event.Seq]replacement{}
	broken := map[event.Seq]bool{}
	err := v.claims.bySeq(func(seq event.Seq, of claims) error {
		if v.gone.Contains(uint64(seq)) {
			return v.ctx.Err()
		}
		end, err := v.end(seq, of)
		if errors.Is(err, ErrTampered) {
			v.run("commitment", err, seq)
			broken[seq] = true
			return nil
		}
		said[seq] = end
		return errors.Join(err, v.ctx.Err())
	})
	if err != nil {
		return err
	}
	err = v.each(key1(spaceRedacted), func(k, value []byte) error {
		if len(k) != 9 {
			v.add("commitment", fmt.Errorf("%w: the key of a record of redactions has %d bytes", ErrTampered, len(k)), 0, v.last())
			return nil
		}
		first := event.Seq(binary.BigEndian.Uint64(k[1:])) * tree.Width
		of, err := decodeReplacements(value)
		if err != nil {
			v.add("commitment", err, min(first, v.last()), min(first+tree.Width-1, v.last()))
			return nil
		}
		for _, place := range slices.Sorted(maps.Keys(of)) {
			seq := first + event.Seq(place)
			want, redacted := said[seq]
			if (!redacted || of[place] != want) && !broken[seq] {
				v.run("commitment", fmt.Errorf("%w: another commitment is stored in the place of its leaf than the ledger says, or it says none", ErrTampered), min(seq, v.last()))
			}
			delete(said, seq)
			if redacted {
				v.redacted.Add(uint64(seq))
			}
		}
		return v.ctx.Err()
	})
	if err := v.damaged("commitment", err, 0, v.last()); err != nil {
		return err
	}
	for _, seq := range slices.Sorted(maps.Keys(said)) {
		v.run("commitment", fmt.Errorf("%w: the ledger says that it was redacted, and there is no record of its commitment since", errMissing), seq)
	}
	v.endRun()
	return nil
}

// end returns what an event is committed to, as the ledger says.
func (v *verification) end(seq event.Seq, of claims) (replacement, error) {
	leaf, err := v.committed.leaf(seq)
	if err != nil {
		return replacement{}, err
	}
	owner, err := v.ownerOf(seq)
	if err != nil {
		return replacement{}, err
	}
	return of.end(leaf, owner)
}

// ownerOf returns the tenant whose bucket the event at seq is in.
func (v *verification) ownerOf(seq event.Seq) (tenantID, error) {
	missing := fmt.Errorf("%w: the event that was redacted is not where its location says", ErrTampered)
	page, err := v.locationPage(seq)
	if err != nil || int(seq%pageWidth) >= len(page) {
		return 0, errors.Join(err, missing)
	}
	record, err := v.get(headerKey(page[seq%pageWidth].block))
	if err != nil || record == nil {
		return 0, errors.Join(err, missing)
	}
	h, err := block.ParseHeader(record)
	if err != nil {
		return 0, missing
	}
	b := v.buckets[bucketID(h.Bucket)]
	if b == nil {
		return 0, missing
	}
	return b.tenant, nil
}
