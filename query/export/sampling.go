package export

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/estimate"
)

// samplingName is the file that says how events came to be recorded, and how many
// there were by that.
const samplingName = "data/sampling.json"

// A stratum is events that were recorded alike.
type stratum struct {
	probability float64 // 0: not known
	rule        string
}

// An inclusionLine says how an event came to be recorded.
type inclusionLine struct {
	Seq         uint64   `json:"seq,string"`
	Probability *float64 `json:"probability"` // null: not known
	Rule        string   `json:"rule,omitempty"`
	Trigger     string   `json:"trigger,omitempty"`
}

// An estimateFile is what sampling.json estimates of the population that the
// events are a sample of.
type estimateFile struct {
	Confidence float64 `json:"confidence"` // of the intervals
	Events     number  `json:"events"`
	Sessions   number  `json:"sessions"`
	Subjects   number  `json:"subjects"`
	Unknown    unknown `json:"unknown"` // what is not in them, for want of a probability
}

// A number is one estimate. What there is none of is null.
type number struct {
	Observed uint64  `json:"observed"`
	Value    rounded `json:"value"`
	Low      rounded `json:"low"`
	High     rounded `json:"high"`
	Method   string  `json:"method"`
}

type unknown struct {
	Events   uint64 `json:"events"`
	Sessions uint64 `json:"sessions"`
	Subjects uint64 `json:"subjects"`
}

// A rounded number has six digits: the rest differs from processor to processor.
type rounded float64

// MarshalJSON implements json.Marshaler.
func (r rounded) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(r)) || math.IsInf(float64(r), 0) {
		return []byte("null"), nil
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(float64(r), 'g', 6, 64), 64)
	return strconv.AppendFloat(nil, short, 'f', -1, 64), err
}

// methods are what estimates are called by how they were made.
var methods = map[estimate.Method]string{
	estimate.Exact: "EXACT", estimate.HorvitzThompson: "HORVITZ_THOMPSON",
	estimate.GoodToulmin: "GOOD_TOULMIN", estimate.Model: "MODEL", estimate.Bounds: "BOUNDS",
}

func numberOf(e estimate.Estimate) number {
	return number{e.Observed, rounded(e.Value), rounded(e.Low), rounded(e.High), methods[e.Method]}
}

// estimated returns the estimate; null where no event has a probability.
func estimated(s *query.Sampled) ([]byte, error) {
	r, left := s.Estimate()
	if r.Events.Observed == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(estimateFile{
		Confidence: 0.95, Events: numberOf(r.Events), Sessions: numberOf(r.Sessions), Subjects: numberOf(r.Subjects),
		Unknown: unknown{left.Events, left.Sessions, left.Subjects},
	})
}

// included notes with which probability an event was recorded.
func (a *annals) included(e *pb.Event) error {
	c := e.GetCapture()
	line := inclusionLine{Seq: e.GetSeq(), Rule: c.GetRule(), Trigger: c.GetTrigger()}
	if c != nil {
		line.Probability = c.Probability
	}
	if line.Probability == nil {
		a.unknown++
	}
	if a.strata == nil {
		a.strata = map[stratum]uint64{}
	}
	a.strata[stratum{c.GetProbability(), c.GetRule()}]++
	if err := a.sampled.Add(e); err != nil {
		return err
	}
	return a.inclusion.line(line)
}

// sampling writes sampling.json.
func (a *annals) sampling(w io.Writer) error {
	type line struct {
		Probability *float64 `json:"probability"`
		Rule        string   `json:"rule,omitempty"`
		Events      uint64   `json:"events"`
	}
	strata := []line{}
	for _, s := range slices.SortedFunc(maps.Keys(a.strata), func(a, b stratum) int {
		return cmp.Or(cmp.Compare(a.probability, b.probability), cmp.Compare(a.rule, b.rule))
	}) {
		l := line{Rule: s.rule, Events: a.strata[s]}
		if s.probability > 0 {
			l.Probability = &s.probability
		}
		strata = append(strata, l)
	}
	if a.estimate == nil {
		var err error
		if a.estimate, err = estimated(&a.sampled); err != nil {
			return err
		}
	}
	head, err := json.Marshal(struct {
		Events   uint64          `json:"events"`
		Unknown  uint64          `json:"unknownProbability"`
		Strata   []line          `json:"strata"`
		Estimate json.RawMessage `json:"estimate"`
	}{a.events, a.unknown, strata, a.estimate})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s,\"inclusion\":[", bytes.TrimSuffix(head, []byte("}"))); err != nil {
		return err
	}
	if err := a.inclusion.copyTo(&joined{to: w}); err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}

// A joined writer puts commas between lines.
type joined struct {
	to    io.Writer
	begun bool
	whole bool // a line has ended
}

// Write implements io.Writer.
func (j *joined) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, more, ended := bytes.Cut(rest, []byte("\n"))
		lead := ""
		if !j.begun {
			lead, j.begun = "\n", true
		} else if j.whole {
			lead = ",\n"
		}
		j.whole = ended
		if _, err := j.to.Write(append([]byte(lead), line...)); err != nil {
			return 0, err
		}
		rest = more
	}
	return len(p), nil
}
