package block

import (
	"bytes"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/keyring"
)

// sketcher is the memory that making sketches takes.
type sketcher struct {
	maker   minhash.Maker
	words   []words.Hash       // of a text
	numbers map[uint64]uint32  // of texts, by their keyed hash
	places  map[float64]uint32 // of probabilities
	parts   []string           // of a text
	text    []byte
}

// sketchesOf returns the sketches of the items.
// Their words are in set from then on.
func (m *sketcher) sketchesOf(items []Item, names keyring.Hasher, set *words.Set) *Sketches {
	if m.numbers == nil {
		m.numbers, m.places = map[uint64]uint32{}, map[float64]uint32{}
	}
	defer m.reset()
	s := &Sketches{}
	for v := range s.said {
		s.said[v] = make([]uint32, len(items))
	}
	drawn := make([]uint32, len(items))
	for i, it := range items {
		in := it.Event.GetInteraction()
		for v := range s.said {
			if v == int(event.Shown) && in != nil && len(in.GetShown()) == 0 { // a look less
				s.said[v][i] = s.said[event.Generated][i]
				continue
			}
			m.parts = event.AppendParts(m.parts[:0], it.Event, event.Voice(v))
			s.said[v][i] = m.number(s, names, set)
		}
		drawn[i] = m.place(s, it.Event.GetCapture().GetProbability())
	}
	if len(s.probabilities) > 1 {
		s.drawn = drawn
	}
	return s
}

// reset lets go of the texts.
func (m *sketcher) reset() {
	clear(m.numbers)
	clear(m.places)
	clear(m.parts[:cap(m.parts)])
}

// place returns the place of a probability. Mostly there is one.
func (m *sketcher) place(s *Sketches, p float64) uint32 {
	if len(s.probabilities) > 0 && s.probabilities[0] == p {
		return 0
	}
	at, known := m.places[p]
	if !known {
		at = uint32(len(s.probabilities))
		s.probabilities = append(s.probabilities, p)
		m.places[p] = at
	}
	return at
}

// number returns the number of the text of the parts plus one, 0 for none.
func (m *sketcher) number(s *Sketches, names keyring.Hasher, set *words.Set) uint32 {
	if len(m.parts) == 0 {
		return 0
	}
	m.text = m.text[:0]
	for i, part := range m.parts {
		if i > 0 {
			m.text = append(m.text, '\n')
		}
		m.text = append(m.text, part...)
	}
	name := names.SumText(m.text)
	n, known := m.numbers[name]
	if !known {
		m.words = m.words[:0]
		for _, part := range m.parts { // What stands between them separates words.
			m.words = set.AppendOf(m.words, part)
		}
		s.Texts = append(s.Texts, m.maker.Sketch(m.words))
		s.Names = append(s.Names, nameOf(name))
		n = uint32(len(s.Texts))
		m.numbers[name] = n
	}
	return n
}

// Sketch returns the sketches that items make.
func (c *Codec) Sketch(items []Item, keys Keys) *Sketches {
	m := c.filterMaker()
	defer c.makers.Put(m)
	defer m.words.Reset()
	return m.sketcher.sketchesOf(items, keys.Texts, &m.words)
}

// SealSketches makes the sketch section of block id, which has the header h and
// the items.
func (c *Codec) SealSketches(id ID, h Header, keys Keys, items []Item) ([]byte, error) {
	aead, err := keys.Block.OpenKey(h.Key, h.use(id, blockKey))
	if err != nil {
		return nil, fmt.Errorf("seal sketches of block %d: %w", id, err)
	}
	return aead.Seal(c.Sketch(items, keys).encode(), h.use(id, sketchSection))
}

// OpenSketches opens the sketch section of block id, whose header says that it
// has one; errors as of OpenMeta.
func (c *Codec) OpenSketches(id ID, h Header, key keyring.AEAD, sealed []byte) (*Sketches, error) {
	b, err := openSketches(id, h, key, sealed)
	if err != nil {
		return nil, err
	}
	s, err := decodeSketches(b, int(h.Count))
	if err != nil {
		return nil, fmt.Errorf("open sketches of block %d: %w", id, err)
	}
	return s, nil
}

func openSketches(id ID, h Header, key keyring.AEAD, sealed []byte) ([]byte, error) {
	aead, err := key.OpenKey(h.Key, h.use(id, blockKey))
	if err != nil {
		return nil, fmt.Errorf("open sketches of block %d: %w", id, err)
	}
	b, err := aead.Open(sealed, h.use(id, sketchSection))
	if err != nil {
		return nil, fmt.Errorf("open sketches of block %d: %w", id, err)
	}
	return b, nil
}

// CheckSketches reports whether the sketch section of block id is the one that
// items make; errors as of OpenMeta.
func (c *Codec) CheckSketches(id ID, h Header, keys Keys, sealed []byte, items []Item) error {
	b, err := openSketches(id, h, keys.Block, sealed)
	if err != nil {
		return err
	}
	if !bytes.Equal(b, c.Sketch(items, keys).encode()) {
		return fmt.Errorf("sketches of block %d: %w: they are not what its events make", id, ErrCorrupt)
	}
	return nil
}
