package estimate

// A subject is what was seen of a person.
type subject struct {
	id       uint64
	sessions uint32
	certain  bool    // one was kept with certainty
	rare     bool    // one had a probability of less than one half
	missed   float64 // the product of (1-p)/p
	inverse  float64 // the sum of 1/p
	square   float64 // the sum of 1/p²
}

// see adds a session that was kept with probability p.
func (s *subject) see(p float64) {
	s.merge(&subject{sessions: 1, certain: p >= 1, rare: p < 0.5, missed: 1/p - 1, inverse: 1 / p, square: 1 / (p * p)})
}

// merge adds other sessions.
func (s *subject) merge(o *subject) {
	if s.sessions == 0 {
		s.missed = 1
	}
	s.sessions += o.sessions
	s.certain = s.certain || o.certain
	s.rare = s.rare || o.rare
	s.missed *= o.missed
	s.inverse += o.inverse
	s.square += o.square
}

// subjects are people by id. The ids are hashes.
type subjects struct {
	all    []subject
	places []uint32 // of each in all, from 1, at or after where the id leads; a power of two, at most three quarters full
}

// of returns somebody, who is added where there is none. It is valid until the
// next call.
func (s *subjects) of(id uint64) *subject {
	if 4*len(s.all) >= 3*len(s.places) {
		s.grow()
	}
	at := s.place(id)
	if *at == 0 {
		s.all = append(s.all, subject{id: id})
		*at = uint32(len(s.all))
	}
	return &s.all[*at-1]
}

func (s *subjects) has(id uint64) bool { return len(s.places) > 0 && *s.place(id) != 0 }

// place returns where somebody is, or is to be, noted.
func (s *subjects) place(id uint64) *uint32 {
	mask := uint64(len(s.places) - 1)
	for at := id & mask; ; at = (at + 1) & mask {
		if p := &s.places[at]; *p == 0 || s.all[*p-1].id == id {
			return p
		}
	}
}

func (s *subjects) grow() {
	s.places = make([]uint32, max(8, 2*len(s.places)))
	for i := range s.all {
		*s.place(s.all[i].id) = uint32(i + 1)
	}
}
