package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
)

// Bounds of what one Alike holds and does.
const (
	MaxCandidates = 1 << 15 // texts that may be alike, by their sketches
	MaxVerified   = 2_000   // of them that are read, the likeliest
	MaxSightings  = 1 << 17 // events that have one of them
	MaxBeginning  = 1_000   // of a text, in bytes
)

// A Likeness says which texts an Alike looks for.
type Likeness struct {
	Text      string
	Threshold float64       // how alike at least, above 0 and up to 1; see package minhash
	Voices    []event.Voice // which texts of an event; at least one, each once
}

// Alikes are the texts of some events that are nearly the same as one.
type Alikes struct {
	Texts []AlikeText // the most alike first
	Work  AlikeWork
}

// AlikeWork is what an Alike looked at.
type AlikeWork struct {
	Compared   int   // texts looked at by their sketch; the same in two blocks counts twice
	Candidates int   // different ones of them that might have been alike
	Verified   int   // candidates that were read
	Incomplete bool  // there were too many candidates, or events that have one
	Blocks     int   // texts of blocks that it took
	Bytes      int64 // of those and of sketches
}

// An AlikeText is a text and the events that have it.
type AlikeText struct {
	Text       string  // its beginning, up to MaxBeginning bytes
	Similarity float64 // minhash.Jaccard; 1 where there are no words but the text is the same
	// Events are how many events have it, or, of an incomplete answer, the least
	// that there are. Sightings are these events, in log order, or, of an incomplete
	// answer, some of them.
	Events    int
	Sightings []Sighting
}

// A Sighting is an event in which a text was met.
type Sighting struct {
	Entry
	Probability float64 // with which it was captured, in (0, 1]; 0: unknown
	Twice       bool    // it says another text by another of the voices: perhaps it was met with that, too
}

// Alike returns the texts that are like one, among the selected events as of the
// call. Every one was read and compared; which are read, their sketches decide:
// a text that just reaches the threshold is missed with a probability of 0.1, one
// that is the same to the byte never. The order of the selection makes no
// difference, and After is not looked at.
func (l *Log) Alike(ctx context.Context, name event.Tenant, sel Selection, like Likeness) (*Alikes, error) {
	sel.Order, sel.After = LogOrder, nil
	sc, err := l.newScan(ctx, name, sel)
	if err != nil {
		return nil, err
	}
	defer sc.close()
	a := &aliking{sc: sc, like: like, probe: minhash.NewProbe(like.Text, like.Threshold), out: &Alikes{}}
	if t := l.named(name); t != nil {
		a.texts = t
		a.sketch, a.name = new(minhash.Maker).Sketch(words.Of(like.Text)), block.NameOf(t.texts, like.Text)
	}
	found, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	if err := a.verify(ctx, found); err != nil {
		return nil, err
	}
	return a.out, nil
}

// aliking is an Alike under way.
type aliking struct {
	sc     *scan
	like   Likeness
	probe  *minhash.Probe
	sketch minhash.Sketch // of the text itself
	name   block.TextName // likewise
	texts  *tenant        // whose key texts' names are made with
	out    *Alikes
}

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
			for n := len(a.sc.units) - int(next.Add(1)); n >= 0; n = len(a.sc.units) - int(next.Add(1)) {
				if err := errors.Join(ctx.Err(), w.block(a.sc.units[n])); err != nil {
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
		a.out.Work.Bytes += int64(w.compared) * block.SketchSize
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
	s, err := w.sc.store.sketchesOf(w.sc.disk, u.id, u.header, u.bucket)
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
	entry := Entry{Seq: event.Seq(at.Seq), Time: time.Unix(0, at.Time).UTC(), store: w.sc.store, at: location{id, uint32(i)}}
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

// verify reads the likeliest candidates and keeps those that are alike.
func (a *aliking) verify(ctx context.Context, found []*candidate) error {
	if len(found) > MaxVerified {
		found, a.out.Work.Incomplete = found[:MaxVerified], true
	}
	a.out.Work.Verified = len(found)
	blocks := a.examples(found)
	texts := make([]AlikeText, len(found))
	jobs, ctx := errgroup.WithContext(ctx)
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	for _, of := range blocks {
		jobs.Go(func() error {
			for _, n := range of {
				var err error
				if texts[n], err = a.compare(found[n]); err != nil || ctx.Err() != nil {
					return errors.Join(err, ctx.Err())
				}
			}
			return nil
		})
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	for _, t := range texts {
		if t.Similarity >= a.like.Threshold {
			a.out.Texts = append(a.out.Texts, t)
		}
	}
	slices.SortStableFunc(a.out.Texts, func(a, b AlikeText) int {
		return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), cmp.Compare(b.Events, a.Events), cmp.Compare(a.Sightings[0].Seq, b.Sightings[0].Seq))
	})
	return nil
}

// examples chooses from which event each candidate is read, so that few blocks
// are opened, and returns the candidates of each block.
func (a *aliking) examples(found []*candidate) map[block.ID][]int {
	blocks := map[block.ID][]int{}
	for n, c := range found {
		c.example = max(0, slices.IndexFunc(c.seen, func(s Sighting) bool { return len(blocks[s.at.block]) > 0 || a.sc.store.texts.has(s.at.block) }))
		id := c.seen[c.example].at.block
		if len(blocks[id]) == 0 {
			if h, _, err := a.sc.store.header(id); err == nil {
				a.out.Work.Blocks++
				a.out.Work.Bytes += int64(h.TextSize)
			}
		}
		blocks[id] = append(blocks[id], n)
	}
	return blocks
}

// compare reads a candidate. What was forgotten or redacted meanwhile is like
// nothing.
func (a *aliking) compare(c *candidate) (AlikeText, error) {
	for i := range c.seen {
		text, err := a.read(c, &c.seen[(c.example+i)%len(c.seen)])
		if errors.Is(err, ErrErased) {
			continue
		}
		if err != nil {
			return AlikeText{}, err
		}
		similarity := minhash.Jaccard(a.probe.Set, minhash.Of(text))
		if text == a.like.Text {
			similarity = 1
		}
		return AlikeText{Text: event.Beginning(text, MaxBeginning), Similarity: similarity, Events: c.events, Sightings: c.seen}, nil
	}
	return AlikeText{}, nil
}

// read returns the text of a candidate, ErrErased where the event does not have
// it any more.
func (a *aliking) read(c *candidate, s *Sighting) (string, error) {
	e, err := s.Event()
	if err != nil {
		return "", err
	}
	for _, v := range a.like.Voices {
		text := event.TextOf(e, v)
		if text != "" && block.NameOf(a.texts.texts, text) == c.name {
			return text, nil
		}
	}
	return "", ErrErased
}
