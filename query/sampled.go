package query

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/estimate"
)

// A Sampled says of events, wherever they are kept, what Estimate says of those in
// the log: how many events, sessions and people there were of which these are the
// ones that were recorded. The zero value has none. It keeps 32 bytes an event.
type Sampled struct{ records records }

// Add adds an event. Of those that count or record, as Estimate, it takes no
// notice.
func (s *Sampled) Add(e *pb.Event) {
	if !evidence(event.KindOf(e)) {
		return
	}
	r := record{session: steadyHash(e.GetSession()), subject: steadyHash(e.GetUser()), probability: math.NaN(), events: 1}
	if c := e.GetCapture(); c != nil && c.Probability != nil {
		r.probability = c.GetProbability()
	}
	if n := len(s.records); n > 0 && r.session != 0 && same(s.records[n-1], r) {
		s.records[n-1].events++
		return
	}
	s.records = append(s.records, r)
}

// Estimate returns the estimates, and what they leave out.
func (s *Sampled) Estimate() (estimate.Result, Unknown) { return s.records.estimate() }

// steadyHash tells words apart, the same way wherever it is asked; 0 is no word.
func steadyHash(word string) uint64 {
	if word == "" {
		return 0
	}
	sum := sha256.Sum256([]byte(word))
	return max(binary.BigEndian.Uint64(sum[:]), 1)
}
