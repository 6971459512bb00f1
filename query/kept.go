package query

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query/estimate"
)

// A record is events of one session that name one person and were kept with one
// probability; NaN where that is not known.
type record struct {
	session, subject uint64 // hashes; 0: none
	probability      float64
	events           uint32
	next             uint32 // another record of the session, as its place from 1; 0: there is none
}

// maxRecords is how many of these an answer may be made from: 32 bytes each.
const maxRecords = 4 << 20

var errRecords = &RequestError{"filter", "lets through more sessions than an estimate can be made from at once: narrow filter, since and until, or group by less"}

// records are those of one group. A session may have several that are alike: they
// are put together in the end, as long as there is room.
type records struct {
	room   *memory
	all    []record
	events uint64
}

// add adds an event.
func (r *records) add(e record) error {
	r.events++
	if n := len(r.all); n > 0 && r.all[n-1].joins(e) {
		r.all[n-1].events++
		return nil
	}
	if len(r.all) == cap(r.all) {
		if err := r.grow(max(4, cap(r.all))); err != nil {
			return err
		}
	}
	r.all = append(r.all, e)
	return nil
}

// joins tells whether an event goes into a record.
func (r *record) joins(e record) bool {
	return r.session == e.session && r.subject == e.subject && r.session != 0 &&
		(r.probability == e.probability || math.IsNaN(r.probability) && math.IsNaN(e.probability))
}

// grow makes room for so many more, or by putting together what is alike.
func (r *records) grow(more int) error {
	if r.room.take(more) {
		r.resize(cap(r.all) + more)
		return nil
	}
	before := len(r.all)
	r.compact()
	if len(r.all) > before/4*3 {
		return errRecords
	}
	return nil
}

// resize makes room for n, and no more.
func (r *records) resize(n int) {
	fresh := make([]record, len(r.all), n)
	copy(fresh, r.all)
	r.all = fresh
}

// release lets go of all.
func (r *records) release() {
	r.room.give(cap(r.all))
	r.all = nil
}

// compact puts records together that are alike.
func (r *records) compact() {
	heads := r.link()
	fresh := make([]record, 0, cap(r.all))
	for i := range r.all {
		if r.all[i].session == 0 {
			fresh = append(fresh, r.all[i])
		}
	}
	for _, head := range heads {
		start := len(fresh)
		for at := head + 1; at != 0; at = r.all[at-1].next {
			fresh = append(fresh, r.all[at-1])
		}
		fresh = fresh[:start+len(together(fresh[start:]))]
	}
	r.all = fresh
}

// together puts the records of a session together that are alike, in place.
func together(session []record) []record {
	if len(session) > 1 {
		slices.SortFunc(session, func(a, b record) int {
			return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.probability, b.probability))
		})
	}
	n := 0
	for _, e := range session {
		if e.next = 0; n > 0 && session[n-1].joins(e) {
			session[n-1].events += e.events
		} else {
			session[n], n = e, n+1
		}
	}
	return session[:n]
}

// link links the records of each session, and returns the places of the first of
// each.
func (r *records) link() (heads []uint32) {
	size := 8
	for size < 2*len(r.all) {
		size *= 2
	}
	// The upper half of a hash beside the place of the session's first record, from
	// 1, at or after where the hash leads.
	table, mask := make([]uint64, size), uint64(size-1)
	for i := range r.all {
		e := &r.all[i]
		e.next = 0
		if e.session == 0 {
			continue
		}
		tag := e.session >> 32 << 32
		for at := e.session & mask; ; at = (at + 1) & mask {
			if table[at] == 0 {
				table[at] = tag | uint64(i+1)
				heads = append(heads, uint32(i))
				break
			}
			if first := &r.all[uint32(table[at])-1]; table[at]>>32<<32 == tag && first.session == e.session {
				e.next, first.next = first.next, uint32(i+1)
				break
			}
		}
	}
	return heads
}

// merge adds the records of another worker, which are not used any more.
func (r *records) merge(o *records) error {
	r.events += o.events
	o.room.give(cap(o.all)) // They are there twice for a moment.
	if more := len(r.all) + len(o.all) - cap(r.all); more > 0 {
		if !r.room.take(more) {
			return errRecords
		}
		r.resize(cap(r.all) + more)
	}
	r.all = append(r.all, o.all...)
	o.all = nil
	return nil
}

// Unknown is events without a probability, and how many sessions and people they
// add to those that have one. Estimates leave them out: there are as many more at
// least.
type Unknown struct{ Events, Sessions, Subjects uint64 }

// A sampling makes a sample of records.
type sampling struct {
	sample  *estimate.Sample
	unknown Unknown
	unsure  map[uint64]struct{} // people of whom there are events without probability
	session []record            // the current one
	kept    []estimate.Kept
	people  []estimate.Person
	places  map[uint64]int // of people, by who they are, beyond the first few
}

func newSampling() *sampling {
	return &sampling{sample: estimate.New(), unsure: map[uint64]struct{}{}, places: map[uint64]int{}}
}

// estimate estimates from the records.
func (r *records) estimate() (estimate.Result, Unknown) {
	s := newSampling()
	s.add(r)
	return s.result()
}

func (s *sampling) result() (estimate.Result, Unknown) {
	for person := range s.unsure {
		if !s.sample.Knows(person) {
			s.unknown.Subjects++
		}
	}
	return s.sample.Result(), s.unknown
}

// merge adds what another sampling was made of: other sessions.
func (s *sampling) merge(o *sampling) {
	s.sample.Merge(o.sample)
	s.unknown.Events += o.unknown.Events
	s.unknown.Sessions += o.unknown.Sessions
	maps.Copy(s.unsure, o.unsure)
}

// add adds the sessions of records.
func (s *sampling) add(r *records) {
	for _, head := range r.link() {
		s.session = s.session[:0]
		for at := head + 1; at != 0; at = r.all[at-1].next {
			s.session = append(s.session, r.all[at-1])
		}
		s.one(s.session)
	}
	for i := range r.all {
		if r.all[i].session == 0 {
			s.unnamed(&r.all[i])
		}
	}
}

// unnamed adds events of no session, each of which is kept or not by itself.
func (s *sampling) unnamed(e *record) {
	for range e.events {
		s.one([]record{{subject: e.subject, probability: e.probability, events: 1}})
	}
}

// one adds the records of one session.
func (s *sampling) one(session []record) {
	if len(session) > 1 {
		slices.SortFunc(session, func(a, b record) int { return cmp.Compare(a.probability, b.probability) })
	}
	s.kept, s.people = s.kept[:0], s.people[:0]
	if len(s.places) > 0 {
		s.places = map[uint64]int{}
	}
	for _, e := range session {
		if math.IsNaN(e.probability) {
			s.unknown.Events += uint64(e.events)
			if e.subject != 0 {
				s.unsure[e.subject] = struct{}{}
			}
			continue
		}
		if n := len(s.kept); n > 0 && s.kept[n-1].Probability == e.probability {
			s.kept[n-1].Events += uint64(e.events)
		} else {
			s.kept = append(s.kept, estimate.Kept{Probability: e.probability, Events: uint64(e.events)})
		}
		s.person(e)
	}
	switch named := session[0].session != 0; {
	case len(s.kept) > 0:
		s.sample.Add(estimate.Session{Kept: s.kept, People: s.people, Unnamed: !named})
	case named:
		s.unknown.Sessions++
	}
}

// person notes whom an event names; later ones have the larger probabilities.
func (s *sampling) person(e record) {
	if e.subject == 0 {
		return
	}
	i, known := s.place(e.subject)
	if !known {
		i = len(s.people)
		s.people = append(s.people, estimate.Person{ID: e.subject})
		if i >= fewPeople {
			s.places[e.subject] = i
		}
	}
	s.people[i].Probability = e.probability
}

// fewPeople is how many people of a session are looked through for one.
const fewPeople = 16

// place returns the place of somebody among the people of the session.
func (s *sampling) place(id uint64) (int, bool) {
	few := s.people[:min(len(s.people), fewPeople)]
	if i := slices.IndexFunc(few, func(p estimate.Person) bool { return p.ID == id }); i >= 0 {
		return i, true
	}
	i, known := s.places[id]
	return i, known
}

// evidence tells whether events of the kind are what users lived, and not counts
// of it or what the store did.
func evidence(k event.Kind) bool {
	return k == event.Interaction || k == event.Verdict || k == event.Report || k == event.Action
}

func interactions(k event.Kind) bool { return k == event.Interaction }

// parts is how many parts the records of everything are in, by session, so that
// they can be put together by several at a time.
const parts = 8

// A keeper collects what the events of one worker's blocks were kept with, by
// group.
type keeper struct {
	*grouper
	total  [parts]records
	groups map[key]*records
	room   *memory
	only   func(event.Kind) bool
}

// newKeepers returns a keeper for each worker.
func newKeepers(by []dimension, only func(event.Kind) bool) []*keeper {
	room := newMemory(maxRecords)
	keepers := make([]*keeper, eventlog.Workers())
	for i := range keepers {
		keepers[i] = newKeeper(by, room, only)
	}
	return keepers
}

func newKeeper(by []dimension, room *memory, only func(event.Kind) bool) *keeper {
	k := &keeper{grouper: newGrouper(by), groups: map[key]*records{}, room: room, only: only}
	for i := range k.total {
		k.total[i].room = room
	}
	return k
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
		if err := k.total[e.session>>32%parts].add(e); err != nil {
			return err
		}
		if len(k.by) == 0 {
			continue
		}
		for _, group := range k.of(columns, i) {
			of, err := k.group(group)
			if err == nil {
				err = of.add(e)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (k *keeper) group(of key) (*records, error) {
	r := k.groups[of]
	if r == nil {
		if len(k.groups) == maxGroups {
			return nil, errGroups
		}
		r = &records{room: k.room}
		k.groups[of] = r
	}
	return r, nil
}

// gathered returns the groups of all workers.
func gathered(keepers []*keeper) (*keeper, error) {
	for _, o := range keepers[1:] {
		if err := keepers[0].merge(o); err != nil {
			return nil, err
		}
	}
	return keepers[0], nil
}

// merge adds the groups that another worker collected.
func (k *keeper) merge(o *keeper) error {
	for group, of := range o.groups {
		group = k.translate(o.grouper, group)
		if have := k.groups[group]; have != nil {
			if err := have.merge(of); err != nil {
				return err
			}
		} else if len(k.groups) == maxGroups {
			return errGroups
		} else {
			k.groups[group] = of
		}
	}
	return nil
}
