package event

import (
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// ScanRequest looks through an encoded PublishEventsRequest before memory is
// allocated for it. It checks form and limits as [Decode] does, so that what
// it accepts can be unmarshalled; that there are events it leaves to the
// caller. It returns how many messages are nested in the request, events
// included.
//
// Errors are a [*ValidationError] or wrap [ErrTooLarge]. body is not kept.
func ScanRequest(body []byte, lim Limits) (elements int, err error) {
	scan := batchScan{lim: lim.withDefaults(), texts: true}
	named := false
	for len(body) > 0 {
		number, typ, n := protowire.ConsumeTag(body)
		if n < 0 {
			return 0, violation("", "is malformed protobuf")
		}
		var size int
		switch number {
		case 1:
			size, err = tenantField(body[n:], typ, named)
			named = true
		case 2:
			_, size, err = scan.event(body[n:], typ)
		default:
			err = violation("", fmt.Sprintf("has unknown field %d", number))
		}
		if err != nil {
			return 0, err
		}
		body = body[n+size:]
	}
	return scan.events + scan.elements, nil
}

// tenantField checks the form of a request's tenant and returns its size.
func tenantField(b []byte, typ protowire.Type, again bool) (int, error) {
	if typ != protowire.BytesType {
		return 0, violation("tenant", fmt.Sprintf("has wire type %d, want %d", typ, protowire.BytesType))
	}
	name, size := protowire.ConsumeBytes(b)
	switch {
	case size < 0:
		return 0, violation("tenant", "is cut off")
	case again:
		return 0, violation("tenant", "is given twice")
	case !utf8.Valid(name):
		return 0, violation("tenant", "is not valid UTF-8")
	}
	return size, nil
}

// A batchScan looks through the events of one batch.
type batchScan struct {
	lim   Limits // with defaults
	texts bool   // check that strings are UTF-8

	// So far.
	events, bytes, elements int
}

// event checks the next event, of wire type typ at the start of b, and returns
// it and its size with its length.
func (s *batchScan) event(b []byte, typ protowire.Type) (part []byte, size int, err error) {
	if typ != protowire.BytesType {
		return nil, 0, violation("events", fmt.Sprintf("has wire type %d, want %d", typ, protowire.BytesType))
	}
	if s.events == s.lim.BatchEvents {
		return nil, 0, fmt.Errorf("batch has more than %d events: %w", s.lim.BatchEvents, ErrTooLarge)
	}
	part, size = protowire.ConsumeBytes(b)
	if size < 0 {
		return nil, 0, violation(s.path(), "is cut off")
	}
	if len(part) > s.lim.EventBytes {
		return nil, 0, tooLarge(s.path(), len(part), s.lim.EventBytes)
	}
	if s.bytes += len(part); s.bytes > s.lim.BatchBytes {
		return nil, 0, tooLarge("batch", s.bytes, s.lim.BatchBytes)
	}
	scan := wireScan{limit: MaxElements, texts: s.texts}
	if err := scan.message(part, eventWire); err != nil {
		return nil, 0, public(within(err, "events", s.events))
	}
	if s.elements += scan.elements; s.elements > MaxBatchElements {
		return nil, 0, tooMany()
	}
	s.events++
	return part, size, nil
}

// path leads to the event that is being looked through.
func (s *batchScan) path() string { return pathString([]step{{"events", s.events}}) }

func tooMany() error {
	return fmt.Errorf("batch has more than %d nested messages: %w", MaxBatchElements, ErrTooLarge)
}
