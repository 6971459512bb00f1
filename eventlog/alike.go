package eventlog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"

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
	Blocks     int   // text sections that were opened: not those in memory already
	Bytes      int64 // of all sections that were opened, after decompression
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
	if sel.Stats == nil {
		sel.Stats = new(Stats)
	}
	sc, err := l.newWholeScan(ctx, name, sel)
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
	counts := sel.Stats.Counts()
	a.out.Work.Blocks, a.out.Work.Bytes = int(counts.Texts), counts.Bytes
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
			turn := a.sc.store.Turn()
			defer turn.End()
			for _, n := range of {
				if err := turn.Next(ctx); err != nil {
					return err
				}
				var err error
				if texts[n], err = a.compare(found[n], len(of) > 1); err != nil {
					return err
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
		blocks[id] = append(blocks[id], n)
	}
	return blocks
}

// compare reads a candidate; more tells whether others of its block are read, too.
// What was forgotten or redacted meanwhile is like nothing.
func (a *aliking) compare(c *candidate, more bool) (AlikeText, error) {
	for i := range c.seen {
		text, err := a.read(c, &c.seen[(c.example+i)%len(c.seen)], more)
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
func (a *aliking) read(c *candidate, s *Sighting, more bool) (text string, err error) {
	err = s.store.stored(s.Seq, s.at, more, s.stats, func(stored []byte) error {
		e, err := event.Unmarshal(stored)
		if err != nil {
			return fmt.Errorf("event %d: %w: %w", s.Seq, ErrTampered, err)
		}
		for _, v := range a.like.Voices {
			if text = event.TextOf(e, v); text != "" && block.NameOf(a.texts.texts, text) == c.name {
				return nil
			}
		}
		return errOther
	})
	if errors.Is(err, errOther) {
		err = ErrErased
	}
	return text, err
}

// errOther reports that an event says something else by now.
var errOther = errors.New("the event says something else")
