package eventlog

import (
	"fmt"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/eventlog/block"
)

// A Saying is what is known of a text without reading it. Equal ones are of the
// same text.
type Saying struct {
	Sketch minhash.Sketch
	name   block.TextName
}

// Saying returns what the event says by the first of the voices that says any,
// whether there is such a voice, and with what probability the event was captured,
// 0 where that is unknown. ErrErased where the event was forgotten since.
func (e *Entry) Saying(voices []event.Voice) (s Saying, any bool, probability float64, err error) {
	err = e.store.at(e.Seq, e.at, func(at location) error {
		h, b, err := e.store.header(at.block)
		if err != nil {
			return err
		}
		of, err := e.store.sketchesOf(e.store.disk, at.block, h, b, e.stats)
		if err != nil {
			return e.store.movedError(at.block, err)
		}
		if int(at.index) >= of.Len() {
			return fmt.Errorf("%w: block %d has no event %d", ErrTampered, at.block, at.index)
		}
		probability = of.Probability(int(at.index))
		for _, v := range voices {
			n, says := of.Text(v, int(at.index))
			if says {
				s, any = Saying{of.Texts[n], of.Names[n]}, true
				break
			}
		}
		return nil
	})
	return s, any, probability, err
}
