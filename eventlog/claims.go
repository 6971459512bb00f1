package eventlog

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A claim is what one ledger event says of one event that was redacted.
type claim struct {
	seq    event.Seq
	ledger event.Seq
	tenant tenantID // of the ledger event
	old    commitment
	fresh  commitment
}

// claims are those of a whole log, in the order in which they were met: that of
// blocks, which is not that of the ledger.
type claims []claim

// add notes what a ledger event, if it is one, says was redacted of a log with
// so many positions.
func (c *claims) add(at event.Seq, by tenantID, body *pb.Redacted, size event.Seq) error {
	for _, e := range body.GetEvents() {
		if len(e.GetOld()) != len(commitment{}) || len(e.GetNew()) != len(commitment{}) || event.Seq(e.GetSeq()) >= size {
			return fmt.Errorf("%w: event %d records a redaction that cannot be", ErrTampered, at)
		}
		*c = append(*c, claim{event.Seq(e.GetSeq()), at, by, commitment(e.GetOld()), commitment(e.GetNew())})
	}
	return nil
}

// bySeq sorts the claims, and returns those of each event, by ascending seq.
func (c claims) bySeq(f func(seq event.Seq, of claims) error) error {
	slices.SortFunc(c, func(a, b claim) int { return cmp.Or(cmp.Compare(a.seq, b.seq), cmp.Compare(a.ledger, b.ledger)) })
	for len(c) > 0 {
		n := slices.IndexFunc(c, func(o claim) bool { return o.seq != c[0].seq })
		if n < 0 {
			n = len(c)
		}
		if err := f(c[0].seq, c[:n]); err != nil {
			return err
		}
		c = c[n:]
	}
	return nil
}

// end returns what an event of a tenant is committed to, given its leaf and all
// claims of it. They must lead from the leaf, each from where another ended: an
// event that was redacted twice has two. Which ledger event is the later does
// not settle it, as one that goes hands its claims on to a new one.
func (c claims) end(leaf []byte, owner tenantID) (replacement, error) {
	bad := fmt.Errorf("%w: what the ledger says of its redaction does not lead from its leaf to one commitment", ErrTampered)
	if len(leaf) != len(commitment{}) {
		return replacement{}, bad
	}
	at := replacement{commitment: commitment(leaf)}
	for used := 0; used < len(c); {
		next, found := replacement{}, 0
		for _, o := range c {
			if o.old != at.commitment {
				continue
			}
			if o.ledger <= o.seq || o.tenant != owner || found > 0 && o.fresh != next.commitment {
				return replacement{}, bad
			}
			next = replacement{o.fresh, max(next.ledger, o.ledger)}
			found++
		}
		if found == 0 {
			return replacement{}, bad
		}
		at, used = next, used+found
	}
	return at, nil
}

// claimSize is the size of an encoded claim.
const claimSize = 8 + 8 + 4 + 2*len(commitment{})

func (c claims) encode() []byte {
	b := make([]byte, 0, len(c)*claimSize)
	for _, o := range c {
		b = binary.BigEndian.AppendUint64(b, uint64(o.seq))
		b = binary.BigEndian.AppendUint64(b, uint64(o.ledger))
		b = binary.BigEndian.AppendUint32(b, uint32(o.tenant))
		b = append(append(b, o.old[:]...), o.fresh[:]...)
	}
	return b
}

// decodeClaims is the inverse of encode. Its input was sealed by the store.
func decodeClaims(b []byte) (c claims, err error) {
	if len(b)%claimSize != 0 {
		return nil, fmt.Errorf("a record of redactions has %d bytes", len(b))
	}
	for ; len(b) > 0; b = b[claimSize:] {
		c = append(c, claim{
			seq: event.Seq(binary.BigEndian.Uint64(b)), ledger: event.Seq(binary.BigEndian.Uint64(b[8:])),
			tenant: tenantID(binary.BigEndian.Uint32(b[16:])), old: commitment(b[20:]), fresh: commitment(b[52:]),
		})
	}
	return c, nil
}
