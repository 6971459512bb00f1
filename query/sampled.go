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
// ones that were recorded. The zero value has none. It keeps up to 32 bytes an event.
type Sampled struct{ records records }

// Add adds an event. Of those that count or record, as Estimate, it takes no
// notice. A *RequestError where there are more sessions than an estimate can be made
// from at once.
func (s *Sampled) Add(e *pb.Event) error {
	if !evidence(event.KindOf(e)) {
		return nil
	}
	if s.records.room == nil {
		s.records.room = newMemory(maxRecords)
	}
	r := record{session: steadyHash(e.GetSession()), subject: steadyHash(e.GetUser()), probability: math.NaN(), events: 1} // NaN: not known
	if c := e.GetCapture(); c != nil && c.Probability != nil {
		r.probability = c.GetProbability()
	}
	return s.records.add(r)
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
