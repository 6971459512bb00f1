package event

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Marshal writes an event in its stored form: deterministic protobuf. The
// event's seq must be 0: it is never part of the stored bytes.
func Marshal(e *pb.Event) ([]byte, error) {
	if e.Seq != nil {
		return nil, violation("seq", "is never stored")
	}
	b, err := deterministic.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return b, nil
}

// Unmarshal reads an event that [Marshal] wrote. What it could not keep
// (unknown fields, fields given twice) is refused with a [*ValidationError].
// b is not kept. Sizes are not limited: what was stored can be read.
func Unmarshal(b []byte) (*pb.Event, error) {
	scan := wireScan{limit: math.MaxInt}
	if err := scan.message(b, eventWire); err != nil {
		return nil, public(err)
	}
	e := new(pb.Event)
	if err := proto.Unmarshal(b, e); err != nil {
		return nil, public(unmarshalError(b))
	}
	return e, nil
}

// unmarshalError says why protobuf refused an event that has the right form:
// it has a string that is not UTF-8.
func unmarshalError(b []byte) error {
	scan := wireScan{limit: math.MaxInt, texts: true}
	if err := scan.message(b, eventWire); err != nil {
		return err
	}
	return wrong("is malformed protobuf")
}

// decodeBatch reads an EventBatch.
func decodeBatch(body []byte, lim Limits) ([]*pb.Event, error) {
	if len(body) > lim.BatchBytes {
		return nil, tooLarge("batch", len(body), lim.BatchBytes)
	}
	parts, err := splitBatch(body, lim)
	if err != nil {
		return nil, err
	}
	events := make([]*pb.Event, len(parts))
	for i, part := range parts {
		events[i] = new(pb.Event)
		if err := proto.Unmarshal(part, events[i]); err != nil {
			return nil, public(within(unmarshalError(part), "events", i))
		}
	}
	return events, nil
}

// splitBatch returns the encoded events of an encoded batch after checking
// their form and size.
func splitBatch(body []byte, lim Limits) ([][]byte, error) {
	var parts [][]byte
	scan := batchScan{lim: lim}
	for len(body) > 0 {
		number, typ, n := protowire.ConsumeTag(body)
		switch {
		case n < 0:
			return nil, violation("", "is malformed protobuf")
		case number != 1:
			return nil, violation("", fmt.Sprintf("has unknown field %d", number))
		}
		part, size, err := scan.event(body[n:], typ)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		body = body[n+size:]
	}
	if len(parts) == 0 {
		return nil, violation("events", "is empty")
	}
	return parts, nil
}
