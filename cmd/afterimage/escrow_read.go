package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// maxStoredLine bounds one line: the JSON of a stored event is longer than
// what a publisher may send (base64, escapes, what the store adds).
const maxStoredLine = 8 * event.DefaultEventBytes

// What search -o json puts around events, each of them on a line of its own.
const (
	documentStart = `{"events":[`
	documentEmpty = `{"events":[]`
	documentEnd   = `],"nextPageToken":`
)

// readEvents calls yield with every event of a file, "-" for standard input:
// NDJSON, or documents as search -o json prints them. What is wrong it hands
// on too, with the line, or 0 where it is the file, and goes on as far as it
// can. It ends with what yield returns.
func readEvents(name string, stdin io.Reader, yield func(number int, e *pb.Event, err error) error) error {
	raw := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return yield(0, nil, err)
		}
		defer f.Close()
		raw = f
	}
	r, done, err := decompressed(raw)
	if err != nil {
		return yield(0, nil, err)
	}
	defer done()
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxStoredLine)
	var d document
	number := 0
	for lines.Scan() {
		number++
		line, err := d.line(bytes.TrimSpace(lines.Bytes()))
		if err == nil && len(line) == 0 {
			continue
		}
		var e *pb.Event
		if err == nil {
			e, err = event.DecodeJSON(line, event.Limits{EventBytes: maxStoredLine})
		}
		if err := yield(number, e, err); err != nil {
			return err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return yield(number+1, nil, fmt.Errorf("has more than %d bytes, and no event does: nothing after it was read", maxStoredLine))
	case err != nil:
		return yield(0, nil, fmt.Errorf("cannot be read to its end: %w", err))
	case d.inside:
		return yield(0, nil, errors.New("ends within what search printed, which did not come to its end: there may be more events"))
	}
	return nil
}

// A document follows the lines of a document of events.
type document struct{ inside bool }

// line returns the event on a line, nothing where there is none, and an error
// where the document says that there are more events than it has.
func (d *document) line(line []byte) ([]byte, error) {
	switch {
	case bytes.HasPrefix(line, []byte(documentEmpty)):
		return nil, cutShort(line)
	case string(line) == documentStart:
		d.inside = true
		return nil, nil
	case d.inside && bytes.HasPrefix(line, []byte(documentEnd)):
		d.inside = false
		return nil, cutShort(append([]byte(documentStart), line...))
	case d.inside:
		return bytes.TrimSuffix(line, []byte(",")), nil
	}
	return line, nil
}

// cutShort looks at a document without its events.
func cutShort(text []byte) error {
	var doc struct {
		Events        []struct{} `json:"events"`
		NextPageToken string     `json:"nextPageToken"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return errors.New("is no document of events")
	}
	if doc.NextPageToken != "" {
		return errors.New("the search was cut short, there are more events: search with --limit 0")
	}
	return nil
}
