package block

import (
	"encoding/binary"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The places of some of verdictStrings.
const (
	verdictClassifier = 1
	verdictCategory   = 3
	verdictScore      = 4
	verdictThreshold  = 5
)

// verdictStrings are the columns of verdicts that are written as strings;
// numbers as their eight bytes, "" where absent.
var verdictStrings = []struct {
	get func(*pb.Verdict) string
	set func(*pb.Verdict, string)
}{
	{(*pb.Verdict).GetTarget, func(v *pb.Verdict, s string) { v.Target = s }},
	{func(v *pb.Verdict) string { return v.GetClassifier().GetName() },
		func(v *pb.Verdict, s string) { ensure(&v.Classifier).Name = s }},
	{func(v *pb.Verdict) string { return v.GetClassifier().GetVersion() },
		func(v *pb.Verdict, s string) { ensure(&v.Classifier).Version = s }},
	{(*pb.Verdict).GetCategory, func(v *pb.Verdict, s string) { v.Category = s }},
	{func(v *pb.Verdict) string { return floatString(v.GetScore()) },
		func(v *pb.Verdict, s string) { v.Score, _ = parseFloat(s) }},
	{thresholdOf, setVerdictThreshold},
}

func thresholdOf(v *pb.Verdict) string {
	if v.Threshold == nil {
		return ""
	}
	return floatString(v.GetThreshold())
}

func setVerdictThreshold(v *pb.Verdict, s string) {
	if f, ok := parseFloat(s); ok {
		v.Threshold = &f
	}
}

// appendVerdicts writes how many verdicts each event has, then scope and
// action of each verdict, then the string columns over all verdicts.
func appendVerdicts(b []byte, items []Item) []byte {
	var all []*pb.Verdict
	for _, it := range items {
		verdicts := it.Event.GetInteraction().GetVerdicts()
		b = binary.AppendUvarint(b, uint64(len(verdicts)))
		all = append(all, verdicts...)
	}
	for _, v := range all {
		b = binary.AppendUvarint(b, uint64(v.GetScope()))
		b = binary.AppendUvarint(b, uint64(v.GetAction()))
	}
	column := make([]string, len(all))
	for _, c := range verdictStrings {
		for i, v := range all {
			column[i] = c.get(v)
		}
		b = appendStrings(b, column)
	}
	return b
}

// verdicts reads what appendVerdicts wrote for n events.
func (r *reader) verdicts(n int) [][]*pb.Verdict {
	counts := make([]int, n)
	total := 0
	for i := range counts {
		counts[i] = r.count()
		total += counts[i]
	}
	if total > len(r.b) { // Each verdict takes at least two bytes.
		r.fail("verdicts")
		return nil
	}
	all := make([]*pb.Verdict, total)
	for i := range all {
		all[i] = &pb.Verdict{
			Scope:  pb.Verdict_Scope(r.uvarint()),
			Action: pb.Verdict_Action(r.uvarint()),
		}
	}
	for _, c := range verdictStrings {
		column := r.strings(total)
		for i, v := range all {
			if s := column.value(i); s != "" {
				c.set(v, s)
			}
		}
	}
	out := make([][]*pb.Verdict, n)
	for i, k := range counts {
		out[i], all = all[:k:k], all[k:]
	}
	return out
}
