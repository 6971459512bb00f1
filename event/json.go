package event

import (
	"bytes"
	"encoding/json"
	"fmt"

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

// DecodeJSON reads one event in proto3 JSON.
//
// Errors are a [*ValidationError] or wrap [ErrTooLarge]. line is not kept.
func DecodeJSON(line []byte, lim Limits) (*pb.Event, error) {
	lim = lim.withDefaults()
	if len(line) > lim.EventBytes {
		return nil, tooLarge("event", len(line), lim.EventBytes)
	}
	e := new(pb.Event)
	if err := protojson.Unmarshal(line, e); err != nil {
		return nil, violation("", "is not a valid JSON event")
	}
	return e, nil
}
