package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// decodeEvents reads the body of a publish request, `{"events":[…]}`, with
// the decoder that publishers' other roads take, and so with its paths.
//
// Errors are a *event.ValidationError with everything that is wrong with any
// of the events, or wrap event.ErrTooLarge.
func decodeEvents(raw []byte) ([]*pb.Event, error) {
	d := eventsDecoder{json: json.NewDecoder(bytes.NewReader(raw))}
	if err := d.request(); err != nil {
		return nil, d.wrong(err)
	}
	if len(d.violations) > 0 {
		return nil, &event.ValidationError{Violations: d.violations}
	}
	return d.events, nil
}

// An eventsDecoder reads one publish request.
type eventsDecoder struct {
	json       *json.Decoder
	batch      event.JSONBatch
	events     []*pb.Event
	violations []event.Violation
}

// errShape is returned where the shape of the request is wrong; the violation
// that says how is in the decoder.
var errShape = errors.New("malformed request")

func (d *eventsDecoder) refuse(path, reason string) error {
	d.violations = append(d.violations, event.Violation{Path: path, Reason: reason})
	return errShape
}

// wrong returns the error to be told for what ended the decoding.
func (d *eventsDecoder) wrong(err error) error {
	if errors.Is(err, event.ErrTooLarge) {
		return err
	}
	if !errors.Is(err, errShape) {
		_ = d.refuse("body", fmt.Sprintf("is not valid JSON at byte %d", d.json.InputOffset()))
	}
	return &event.ValidationError{Violations: d.violations}
}

// request reads the whole body: one object with one field.
func (d *eventsDecoder) request() error {
	if err := d.delim('{', "body", "is not a JSON object"); err != nil {
		return err
	}
	seen := false
	for d.json.More() {
		name, err := d.json.Token()
		if err != nil {
			return err
		}
		switch {
		case name == "tenant":
			return d.refuse("tenant", "stands in the path, not in the body")
		case name != "events":
			return d.refuse(fmt.Sprintf("%.64s", name), "is not a field of the request: want {\"events\":[…]}")
		case seen:
			return d.refuse("events", "is given twice")
		}
		seen = true
		if err := d.list(); err != nil {
			return err
		}
	}
	if _, err := d.json.Token(); err != nil {
		return err
	}
	if _, err := d.json.Token(); !errors.Is(err, io.EOF) {
		return d.refuse("body", "goes on after the request")
	}
	return nil
}

// list reads the events and notes what is wrong with each.
func (d *eventsDecoder) list() error {
	if err := d.delim('[', "events", "is not a list"); err != nil {
		return err
	}
	for n := 0; d.json.More(); n++ {
		if n == event.DefaultBatchEvents {
			return fmt.Errorf("request has more than %d events: %w", event.DefaultBatchEvents, event.ErrTooLarge)
		}
		var raw json.RawMessage
		if err := d.json.Decode(&raw); err != nil {
			return err
		}
		if err := d.event(n, raw); err != nil {
			return err
		}
	}
	_, err := d.json.Token()
	return err
}

func (d *eventsDecoder) event(n int, raw []byte) error {
	e, err := d.batch.Decode(raw, event.Limits{})
	if v, is := errors.AsType[*event.ValidationError](err); is {
		for _, v := range v.Violations {
			d.violations = append(d.violations, event.Violation{Path: within(n, v.Path), Reason: v.Reason})
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("events[%d]: %w", n, err)
	}
	d.events = append(d.events, e)
	return nil
}

// within returns a path of the n-th event as a path of the request.
func within(n int, path string) string {
	if path == "" {
		return fmt.Sprintf("events[%d]", n)
	}
	return fmt.Sprintf("events[%d].%s", n, path)
}

// delim reads an opening bracket.
func (d *eventsDecoder) delim(want json.Delim, path, reason string) error {
	token, err := d.json.Token()
	if err != nil {
		return err
	}
	if token != want {
		return d.refuse(path, reason)
	}
	return nil
}
