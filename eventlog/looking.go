package eventlog

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/eventlog/block"
)

// candidate is a text that may be alike.
type candidate struct {
	identity
	estimate float64
	events   int
	seen     []Sighting
	example  int // the one to read it from
}

// identity tells texts apart.
type identity struct {
	sketch minhash.Sketch
	name   block.TextName
}

// look goes through the sketches on all cores and returns the candidates, the
// likeliest first.
func (a *aliking) look(ctx context.Context) ([]*candidate, error) {
	workers := make([]looking, runtime.GOMAXPROCS(0))
	var next atomic.Int64
	jobs, ctx := errgroup.WithContext(ctx)
	for i := range workers {
		w := &workers[i]
		w.aliking, w.found, w.room = a, map[identity]*candidate{}, MaxSightings/len(workers)
		jobs.Go(func() error {
			turn := a.sc.store.Turn()
			defer turn.End()
			for n := len(a.sc.units) - int(next.Add(1)); n >= 0; n = len(a.sc.units) - int(next.Add(1)) {
				if err := turn.Next(ctx); err != nil {
					return err
				}
				if err := w.block(a.sc.units[n]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := jobs.Wait(); err != nil {
		return nil, err
	}
	return a.together(workers), nil
}

// together returns what the workers found.
func (a *aliking) together(workers []looking) []*candidate {
	first := &workers[0]
	for i := range workers {
		w := &workers[i]
		a.out.Work.Compared += w.compared
		a.out.Work.Incomplete = a.out.Work.Incomplete || w.incomplete
		if i == 0 {
			continue
		}
		for key, c := range w.found {
			if of := first.found[key]; of != nil {
				of.events, of.seen = of.events+c.events, append(of.seen, c.seen...)
			} else {
				first.found[key] = c
			}
		}
	}
	found := first.likeliest(MaxCandidates)
	a.out.Work.Incomplete = a.out.Work.Incomplete || first.incomplete
	a.out.Work.Candidates = len(found)
	for _, c := range found {
		slices.SortFunc(c.seen, func(a, b Sighting) int { return cmp.Compare(a.Seq, b.Seq) })
	}
	return found
}

// looking is what one core does of look.
type looking struct {
	*aliking
	found      map[identity]*candidate
	floor      float64 // less likely texts have no room any more
	room       int     // for sightings
	compared   int
	incomplete bool

	hits  []minhash.Hit
	marks []float64 // of the texts of a block: how likely they are alike, 0: not enough
}

// block looks at the texts of a block.
func (w *looking) block(u unit) error {
	if may, err := w.sc.mayHave(u); err != nil || !may {
		return err
	}
	s, err := w.sc.store.sketchesOf(w.sc.disk, u.id, u.header, u.bucket, w.sc.sel.Stats)
	if err != nil {
		return err
	}
	w.compared += len(s.Texts)
	if !w.mark(s) {
		return nil
	}
	times, err := w.sc.store.timeline(w.sc.disk, u.id, u.header, u.bucket, w.sc.sel.Stats)
	if err != nil {
		return err
	}
	if s.Len() != len(times) {
		return fmt.Errorf("%w: the sections of block %d differ in the number of events", ErrTampered, u.id)
	}
	if u.at == nil {
		for i := range times {
			w.event(u.id, s, times[i], i)
		}
	} else {
		for _, i := range u.at {
			if int(i) < len(times) {
				w.event(u.id, s, times[i], int(i))
			}
		}
	}
	if len(w.found) > 2*MaxCandidates {
		w.likeliest(MaxCandidates)
	}
	return nil
}

// mark marks the texts of a block that may be alike and reports whether there is
// any.
func (w *looking) mark(s *block.Sketches) (any bool) {
	w.hits = w.probe.AppendHits(w.hits[:0], s.Texts)
	if w.sketch == (minhash.Sketch{}) { // Without words, a text is like nothing but itself.
		w.hits = wordless(w.hits, s, w.name)
	}
	w.marks = slices.Grow(w.marks[:0], len(s.Texts))[:len(s.Texts)]
	if len(w.hits) > 0 {
		clear(w.marks)
	}
	for _, h := range w.hits {
		if h.Alike >= w.floor {
			w.marks[h.N], any = max(h.Alike, 1e-9), true
		}
	}
	return any
}

// wordless appends the texts without words that have the name.
func wordless(hits []minhash.Hit, s *block.Sketches, name block.TextName) []minhash.Hit {
	for n, t := range s.Texts {
		if s.Names[n] == name && t == (minhash.Sketch{}) {
			hits = append(hits, minhash.Hit{N: n, Alike: 1})
		}
	}
	return hits
}

// event notes the texts of an event that are marked.
func (w *looking) event(id block.ID, s *block.Sketches, at block.Moment, i int) {
	if event.Seq(at.Seq) >= w.sc.before || at.Time < w.sc.since || at.Time >= w.sc.until {
		return
	}
	entry := Entry{Seq: event.Seq(at.Seq), Time: time.Unix(0, at.Time).UTC(), store: w.sc.store, at: location{id, uint32(i)}, stats: w.sc.sel.Stats}
	before, said := -1, 0
	for _, v := range w.like.Voices {
		n, any := s.Text(v, i)
		if !any || n == before {
			continue
		}
		before, said = n, said+1
		if w.marks[n] > 0 {
			w.sighting(s, n, entry, said > 1 || w.others(s, i, n))
		}
	}
}

// others reports whether an event says another text than the n-th by one of the
// voices.
func (w *looking) others(s *block.Sketches, i, n int) bool {
	return slices.ContainsFunc(w.like.Voices, func(v event.Voice) bool {
		m, any := s.Text(v, i)
		return any && m != n
	})
}

// sighting notes that the n-th text of a block was met in an event.
func (w *looking) sighting(s *block.Sketches, n int, of Entry, twice bool) {
	key := identity{s.Texts[n], s.Names[n]}
	c := w.found[key]
	if c == nil {
		c = &candidate{identity: key, estimate: w.marks[n]}
		w.found[key] = c
	}
	c.events++
	if w.room == 0 && len(c.seen) > 0 {
		w.incomplete = true
		return
	}
	w.room = max(0, w.room-1)
	c.seen = append(c.seen, Sighting{of, s.Probability(int(of.at.index)), twice})
}

// likeliest leaves so many candidates and returns them, the likeliest first.
func (w *looking) likeliest(most int) []*candidate {
	all := make([]*candidate, 0, len(w.found))
	for _, c := range w.found {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(b.estimate, a.estimate), cmp.Compare(b.events, a.events), cmp.Compare(a.seen[0].Seq, b.seen[0].Seq))
	})
	for ; len(all) > most; all = all[:len(all)-1] {
		last := all[len(all)-1]
		delete(w.found, last.identity)
		w.room += len(last.seen)
		w.floor, w.incomplete = last.estimate, true
	}
	return all
}
