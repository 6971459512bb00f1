package eventlog

import (
	"errors"
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

// sketchesOf returns the sketches of a block as d has it. Where it was stored
// without, they are made from its texts, and kept in memory.
func (s *store) sketchesOf(d disk, id block.ID, h *block.Header, b *bucket, stats *Stats) (*block.Sketches, error) {
	e, err := s.sketches.get(id, counting(stats, func(block.ID) (*block.Sketches, error) {
		if h.Sketched {
			return openSketches(d, s.codec, id, h, b)
		}
		return makeSketches(d, s.codec, id, h, b)
	}))
	if err != nil {
		return nil, err
	}
	s.sketches.done(e)
	return e.section, nil
}

func openSketches(d disk, codec *block.Codec, id block.ID, h *block.Header, b *bucket) (*block.Sketches, error) {
	v, closer, err := d.reader.Get(sketchKey(id))
	if err != nil {
		return nil, blockError(id, err)
	}
	s, err := codec.OpenSketches(id, *h, b.blocks, v)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return s, errors.Join(err, closer.Close())
}

// makeSketches makes the sketches of a block from its events.
func makeSketches(d disk, codec *block.Codec, id block.ID, h *block.Header, b *bucket) (*block.Sketches, error) {
	text, err := readText(d, codec, id, h, b)
	if err != nil {
		return nil, err
	}
	defer codec.Recycle(text)
	items := make([]block.Item, text.Len())
	for i := range items {
		if items[i].Event, err = event.Unmarshal(text.Bytes(i)); err != nil {
			return nil, fmt.Errorf("block %d: %w: %w", id, ErrTampered, err)
		}
	}
	return codec.Sketch(items, b.keys()), nil
}

// sketches checks that a block's sketches are those that its events make.
func (v *verification) sketches(id block.ID, h *block.Header, b *bucket, items []block.Item) error {
	sealed, err := v.get(sketchKey(id))
	if err != nil {
		return err
	}
	if !h.Sketched {
		if sealed != nil {
			return fmt.Errorf("%w: it has sketches that its header knows nothing of", ErrTampered)
		}
		return nil
	}
	if sealed == nil {
		return fmt.Errorf("%w: its sketches", errMissing)
	}
	if err := v.store.codec.CheckSketches(id, *h, b.keys(), sealed, items); err != nil {
		return fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return nil
}
