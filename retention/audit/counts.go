package audit

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// maxUncounted is how many ranges of positions that no count covers are named.
const maxUncounted = 1_000

// counts is the account of what counts say of more than one day: redaction, gaps
// and quarantine.
type counts struct {
	span
	covered     *roaring64.Bitmap // positions
	newest      *pb.Counted       // of which there may be several events
	twice       uint64            // positions that two counts cover
	redactions  tally
	quarantined uint64
	last        map[instance]uint64 // number of each instance
	gaps        map[instance]*pb.RetentionAudit_Gap
	other       uint64
}

type instance struct{ service, name string }

func newCounts(s span) counts {
	return counts{
		span: s, covered: roaring64.New(), redactions: tally{}, last: map[instance]uint64{}, gaps: map[instance]*pb.RetentionAudit_Gap{},
	}
}

func (c *counts) add(at time.Time, n *pb.Counted) {
	c.cover(n)
	if !c.before(at) {
		return
	}
	for _, g := range n.GetGaps() {
		c.gap(at, g)
	}
	if c.begun(at) {
		c.other += n.GetOtherMissing()
		c.redactions.add(n.GetRedactions())
		c.quarantined += n.GetQuarantined()
	}
}

// cover notes the positions of a count. One that takes several ledger events has
// the same in each.
func (c *counts) cover(n *pb.Counted) {
	from, through := n.GetFrom(), n.GetThrough()
	again := c.newest != nil && c.newest.GetFrom() == from && c.newest.GetThrough() == through
	if c.newest = n; from >= through || again {
		return
	}
	part := roaring64.New()
	part.AddRange(from, through)
	c.twice += c.covered.AndCardinality(part)
	c.covered.Or(part)
}

// gap enters what a count says of an instance: what is missing between its numbers,
// and between the last one of the count before and its first.
func (c *counts) gap(at time.Time, g *pb.Counted_Gap) {
	of, missing := instance{g.GetService(), g.GetInstance()}, g.GetMissing()
	if last, known := c.last[of]; known && g.GetFirst() > last {
		missing += g.GetFirst() - last - 1
	}
	if c.last[of] = g.GetLast(); !c.begun(at) || missing == 0 {
		return
	}
	one := entry(c.gaps, of)
	one.Service, one.Instance, one.AsOf = of.service, of.name, timestamppb.New(at)
	one.Missing += missing
}

func (c *counts) close(out *pb.RetentionAudit, through event.Seq) {
	out.Redactions = &pb.RetentionAudit_Redactions{Counts: c.redactions.counts(), Quarantined: c.quarantined}
	for _, class := range out.GetClasses() {
		out.Redactions.Redacted += class.GetRedacted()
		out.Redactions.Dropped += class.GetDropped()
	}
	for _, at := range slices.SortedFunc(maps.Keys(c.gaps), func(a, b instance) int {
		return cmp.Or(cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name))
	}) {
		out.Gaps = append(out.Gaps, c.gaps[at])
	}
	out.OtherMissing = c.other
	out.Uncounted = c.uncounted(uint64(through))
	if c.twice > 0 {
		out.Findings = append(out.Findings, fmt.Sprintf("%d positions were counted twice: what was appended there is too high", c.twice))
	}
}

func (c *counts) uncounted(through uint64) (out []*pb.SeqRange) {
	missing := roaring64.New()
	missing.AddRange(0, through)
	missing.AndNot(c.covered)
	for it := missing.Iterator(); it.HasNext(); {
		seq := it.Next()
		if n := len(out); n > 0 && out[n-1].GetLast()+1 == seq {
			out[n-1].Last = seq
			continue
		}
		if len(out) == maxUncounted {
			break
		}
		out = append(out, &pb.SeqRange{First: seq, Last: seq})
	}
	return out
}

// A tally counts what was replaced.
type tally map[replaced]uint64

type replaced struct {
	typ      string
	operator pb.Redaction_Operator
}

func (t tally) add(redactions []*pb.Redaction) {
	for _, r := range redactions {
		t[replaced{r.GetType(), r.GetOperator()}] += uint64(r.GetCount())
	}
}

func (t tally) counts() (out []*pb.RetentionAudit_RedactionCount) {
	for _, r := range slices.SortedFunc(maps.Keys(t), func(a, b replaced) int {
		return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.operator, b.operator))
	}) {
		out = append(out, &pb.RetentionAudit_RedactionCount{Type: r.typ, Operator: r.operator, Count: t[r]})
	}
	return out
}
