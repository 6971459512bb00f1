package event

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sync"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// MarshalJSON writes an event in the one JSON form the product emits: proto3
// JSON with lowerCamelCase names and no white space.
func MarshalJSON(e *pb.Event) ([]byte, error) { return AppendJSON(nil, e) }

// AppendJSON appends what [MarshalJSON] writes to b.
func AppendJSON(b []byte, e *pb.Event) ([]byte, error) {
	spaced, err := protojson.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event as JSON: %w", err)
	}
	buf := bytes.NewBuffer(b)
	// protojson puts a space behind commas and colons in some builds, so that
	// nobody relies on its form; ours is fixed.
	if err := json.Compact(buf, spaced); err != nil {
		return nil, fmt.Errorf("encode event as JSON: %w", err)
	}
	return buf.Bytes(), nil
}

// DecodeJSON reads one event in proto3 JSON and accepts what protojson does:
// lowerCamelCase and proto names, enumerations by name or number, 64-bit
// numbers as strings or numbers, null for absent. It is stricter in one thing:
// lists and nested messages are bounded ([MaxElements] and its neighbours).
//
// Errors are a [*ValidationError] with the path, the reason and the byte
// offset, or wrap [ErrTooLarge]. line is not kept.
func DecodeJSON(line []byte, lim Limits) (*pb.Event, error) {
	e, _, err := decodeJSON(line, lim)
	return e, err
}

// A JSONBatch decodes the events of one batch, each in proto3 JSON, and bounds
// their nested messages together ([MaxBatchElements]). The zero value is
// ready; it is not safe for concurrent use.
type JSONBatch struct{ elements int }

// Decode reads the next event as [DecodeJSON] does, with its errors.
func (b *JSONBatch) Decode(line []byte, lim Limits) (*pb.Event, error) {
	e, elements, err := decodeJSON(line, lim)
	if b.elements += elements; b.elements > MaxBatchElements {
		return nil, tooMany()
	}
	return e, err
}

// decodeJSON also returns how many nested messages it made, even where the
// event is wrong.
func decodeJSON(line []byte, lim Limits) (e *pb.Event, elements int, err error) {
	lim = lim.withDefaults()
	if len(line) > lim.EventBytes {
		return nil, 0, tooLarge("event", len(line), lim.EventBytes)
	}
	d := jsonDecoder{src: line, badUTF8: !utf8.Valid(line)}
	scratch := scratches.Get().(*[]byte)
	d.scratch = *scratch
	defer func() {
		*scratch = d.scratch
		scratches.Put(scratch)
	}()
	// No string is longer than its JSON, so that text never moves.
	d.text.Grow(len(line))
	e = new(pb.Event)
	if err := readObject(&d, eventShape, e); err != nil {
		return nil, d.elements, public(err)
	}
	if d.space(); d.pos < len(line) {
		return nil, d.elements, public(d.wrong(d.pos, "the JSON goes on after the event"))
	}
	return e, d.elements, nil
}

// scratches holds buffers for strings with escapes.
var scratches = sync.Pool{New: func() any { return new([]byte) }}
