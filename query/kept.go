package query

import (
	"cmp"
	"math"
	"slices"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query/estimate"
)

// A record is events of one session and one person that were kept with one
// probability; NaN where that is not known.
type record struct {
	session, subject uint64 // hashes; 0: none
	probability      float64
	events           uint64
}

// maxRecords is how many of these an answer may be made from: 32 bytes each.
const maxRecords = 8 << 20

var errRecords = &RequestError{"filter", "lets through more sessions than an estimate can be made from at once: narrow filter, since and until, or group by less"}

// records are those of one group.
type records []record

func same(a, b record) bool {
	return a.session == b.session && a.subject == b.subject && compareFloats(a.probability, b.probability) == 0
}

// compareFloats takes NaN as the smallest.
func compareFloats(a, b float64) int { return cmp.Compare(a, b) }

// A keeper collects what the events of one worker's blocks were kept with, by
// group.
type keeper struct {
	*grouper
	total  records
	groups map[key]*records
	room   *memory
	only   func(event.Kind) bool
}

func newKeeper(by []dimension, room *memory, only func(event.Kind) bool) *keeper {
	return &keeper{grouper: newGrouper(by), groups: map[key]*records{}, room: room, only: only}
}

func (k *keeper) block(columns *eventlog.Columns, rows []uint32) error {
	k.begin(columns)
	sessions, users, probabilities := columns.Sessions(), columns.Users(), columns.Probabilities()
	for _, row := range rows {
		i := int(row)
		if !k.only(kindAt(columns, i)) {
			continue
		}
		e := record{
			session: sessions.Hashes[sessions.Place(i)], subject: users.Hashes[users.Place(i)],
			probability: probabilities.Values[probabilities.Place(i)], events: 1,
		}
		if err := k.add(&k.total, e); err != nil {
			return err
		}
		if len(k.by) == 0 {
			continue
		}
		for _, group := range k.of(columns, i) {
			of := k.groups[group]
			if of == nil {
				if len(k.groups) == maxGroups {
					return errGroups
				}
				of = new(records)
				k.groups[group] = of
			}
			if err := k.add(of, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// add adds an event to the records of a group.
func (k *keeper) add(to *records, e record) error {
	if n := len(*to); n > 0 && e.session != 0 && same((*to)[n-1], e) {
		(*to)[n-1].events++
		return nil
	}
	if len(*to) == cap(*to) {
		more := max(4, cap(*to))
		if !k.room.take(more) {
			return errRecords
		}
		*to = slices.Grow(*to, more)
	}
	*to = append(*to, e)
	return nil
}

// evidence tells whether events of the kind are what users lived, and not counts
// of it or what the store did.
func evidence(k event.Kind) bool {
	return k == event.Interaction || k == event.Verdict || k == event.Report || k == event.Action
}

func interactions(k event.Kind) bool { return k == event.Interaction }

// merge adds what another worker collected.
func (k *keeper) merge(o *keeper) error {
	k.total = append(k.total, o.total...)
	for group, of := range o.groups {
		group = k.translate(o.grouper, group)
		if have := k.groups[group]; have != nil {
			*have = append(*have, *of...)
		} else if len(k.groups) == maxGroups {
			return errGroups
		} else {
			k.groups[group] = of
		}
	}
	return nil
}

// Unknown is events without a probability, and how many sessions and people they
// add to those that have one. Estimates leave them out: there are as many more at
// least.
type Unknown struct{ Events, Sessions, Subjects uint64 }

// estimate estimates from the records, whose order it changes.
func (r records) estimate() (estimate.Result, Unknown) {
	slices.SortFunc(r, func(a, b record) int {
		return cmp.Or(cmp.Compare(a.session, b.session), compareFloats(a.probability, b.probability))
	})
	s := sampling{sample: estimate.New(), unsure: map[uint64]struct{}{}}
	for len(r) > 0 {
		n := 1
		for r[0].session != 0 && n < len(r) && r[n].session == r[0].session {
			n++
		}
		s.session(r[:n])
		r = r[n:]
	}
	for person := range s.unsure {
		if !s.sample.Knows(person) {
			s.unknown.Subjects++
		}
	}
	return s.sample.Result(), s.unknown
}

// sampling makes a sample of records.
type sampling struct {
	sample  *estimate.Sample
	unknown Unknown
	unsure  map[uint64]struct{} // people of whom there are events without probability
	kept    []estimate.Kept
	people  []estimate.Person
}

// session adds the records of one session, by ascending probability.
func (s *sampling) session(r records) {
	s.kept, s.people = s.kept[:0], s.people[:0]
	for _, e := range r {
		if math.IsNaN(e.probability) {
			s.unknown.Events += e.events
			if e.subject != 0 {
				s.unsure[e.subject] = struct{}{}
			}
			continue
		}
		if n := len(s.kept); n > 0 && s.kept[n-1].Probability == e.probability {
			s.kept[n-1].Events += e.events
		} else {
			s.kept = append(s.kept, estimate.Kept{Probability: e.probability, Events: e.events})
		}
		s.person(e)
	}
	switch {
	case len(s.kept) > 0:
		s.sample.Add(estimate.Session{Kept: s.kept, People: s.people, Unnamed: r[0].session == 0})
	case r[0].session != 0:
		s.unknown.Sessions++
	}
}

// person notes whom an event names; later ones have the larger probabilities.
func (s *sampling) person(e record) {
	if e.subject == 0 {
		return
	}
	i := slices.IndexFunc(s.people, func(p estimate.Person) bool { return p.ID == e.subject })
	if i < 0 {
		i = len(s.people)
		s.people = append(s.people, estimate.Person{ID: e.subject})
	}
	s.people[i].Probability = e.probability
}
