package query

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/mapping"
	"github.com/DataDog/sketches-go/ddsketch/store"
)

// A Scores is how the scores of verdicts, which are in [0, 1], are distributed.
type Scores struct {
	Count     uint64
	Mean      float64
	Quantiles []float64 // those asked for; none where there are no scores
	Histogram []uint64  // how many are in each bin
}

// ScoreError is the relative error of quantiles, at most, of scores that are within
// eight orders of magnitude of the highest.
const ScoreError = 0.01

// scoreBins is how many scores a sketch tells apart: what is lower than the highest
// by more than a factor of e^(2*ScoreError*scoreBins) is counted as if it were not.
const scoreBins = 1 << 10

// scores describes scores as they come. Quantiles are those of a DDSketch
// (Masson, Rim and Lee 2019).
type scores struct {
	room      *memory // in bytes
	count     uint64
	sum       float64
	sketch    *ddsketch.DDSketch // nil: no quantiles are wanted
	histogram []uint64
}

func newScores(quantiles bool, bins int, room *memory) *scores {
	s := &scores{room: room, histogram: make([]uint64, bins)}
	if quantiles {
		m, err := mapping.NewDefaultMapping(ScoreError)
		if err != nil {
			panic("internal error: sketch: " + err.Error())
		}
		s.sketch = ddsketch.NewDDSketchFromStoreProvider(m, func() store.Store { return store.NewCollapsingLowestDenseStore(scoreBins) })
	}
	return s
}

// bytes is what it takes at most.
func (s *scores) bytes() int {
	n := 8 * len(s.histogram)
	if s.sketch != nil {
		n += 8 * scoreBins
	}
	return n
}

// add counts a score. One outside [0, 1] can only be in a log that is older than
// the rule; it is taken as the nearest.
func (s *scores) add(score float64) {
	if math.IsNaN(score) {
		return
	}
	score = min(max(score, 0), 1)
	if s.count++; s.count == 1 {
		s.room.spend(s.bytes())
	}
	s.sum += score
	if n := len(s.histogram); n > 0 {
		s.histogram[min(int(score*float64(n)), n-1)]++
	}
	if s.sketch != nil {
		if err := s.sketch.Add(score); err != nil {
			panic("internal error: sketch: " + err.Error()) // It is a number that can be indexed.
		}
	}
}

func (s *scores) merge(o *scores) {
	if s.count > 0 && o.count > 0 {
		s.room.give(o.bytes())
	}
	s.count += o.count
	s.sum += o.sum
	for i, n := range o.histogram {
		s.histogram[i] += n
	}
	if s.sketch != nil {
		if err := s.sketch.MergeWith(o.sketch); err != nil {
			panic("internal error: sketch: " + err.Error()) // They are of the same accuracy.
		}
	}
}

func (s *scores) result(quantiles []float64) *Scores {
	out := &Scores{Count: s.count, Mean: s.sum / float64(max(1, s.count)), Histogram: s.histogram}
	if s.sketch == nil || s.count == 0 {
		return out
	}
	var err error
	if out.Quantiles, err = s.sketch.GetValuesAtQuantiles(quantiles); err != nil {
		panic("internal error: sketch: " + err.Error()) // It is not empty, and the quantiles are in [0, 1].
	}
	return out
}
