package analyzer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// malformed says what is wrong with an answer, in words of ours: those of
// encoding/json quote the input, which may quote a text.
func malformed(what string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, what)
}

// A decoder reads an answer token by token: decoding into structs would take
// "START" for "start" and the last of two that are called start.
type decoder struct {
	dec *json.Decoder
}

func newDecoder(body []byte) decoder {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	return decoder{dec}
}

// decodeOne reads the answer about one text: a list of results.
func decodeOne(body []byte, text string) ([]Span, error) {
	d := newDecoder(body)
	spans, err := d.spans(text)
	if err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return spans, nil
}

// decodeList reads the answer about several texts: a list of as many lists of
// results, in their order.
func decodeList(body []byte, texts []string) ([][]Span, error) {
	d := newDecoder(body)
	if err := d.delim('['); err != nil {
		return nil, err
	}
	lists := make([][]Span, len(texts))
	for i, text := range texts {
		if !d.dec.More() {
			return nil, fmt.Errorf("%w: %d lists for %d texts", ErrMalformed, i, len(texts))
		}
		spans, err := d.spans(text)
		if err != nil {
			return nil, fmt.Errorf("non-empty text %d: %w", i, err)
		}
		lists[i] = spans
	}
	if err := d.delim(']'); err != nil {
		return nil, fmt.Errorf("%w: more than a list for each of %d texts", ErrMalformed, len(texts))
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return lists, nil
}

// decodeNames reads a list of strings, what /supportedentities answers.
func decodeNames(body []byte) ([]string, error) {
	d := newDecoder(body)
	if err := d.delim('['); err != nil {
		return nil, err
	}
	var names []string
	for d.dec.More() {
		name, err := d.string()
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	if err := d.delim(']'); err != nil {
		return nil, err
	}
	if err := d.end(); err != nil {
		return nil, err
	}
	return names, nil
}

// end wants nothing more to come.
func (d decoder) end() error {
	if _, err := d.dec.Token(); err != io.EOF {
		return malformed("something follows the answer")
	}
	return nil
}

// spans reads a list of results about text.
func (d decoder) spans(text string) ([]Span, error) {
	if err := d.delim('['); err != nil {
		return nil, err
	}
	var spans []Span
	for d.dec.More() {
		s, err := d.span()
		if err != nil {
			return nil, fmt.Errorf("result %d: %w", len(spans), err)
		}
		spans = append(spans, s)
	}
	if err := d.delim(']'); err != nil {
		return nil, err
	}
	if !toBytes(text, spans) {
		return nil, malformed("a result outside the text")
	}
	return order(spans), nil
}

// Fields of a result that must each be there once.
const (
	fieldType = 1 << iota
	fieldStart
	fieldEnd
	fieldScore
	fieldsAll = 1<<iota - 1
)

func fieldOf(name string) int {
	switch name {
	case "entity_type":
		return fieldType
	case "start":
		return fieldStart
	case "end":
		return fieldEnd
	case "score":
		return fieldScore
	}
	return 0 // analysis_explanation, recognition_metadata and what may come
}

// span reads a result, whose offsets still count code points.
func (d decoder) span() (Span, error) {
	if err := d.delim('{'); err != nil {
		return Span{}, err
	}
	var s Span
	seen := 0
	for d.dec.More() {
		name, err := d.string()
		if err != nil {
			return Span{}, err
		}
		field := fieldOf(name)
		if seen&field != 0 {
			return Span{}, malformed("a field twice")
		}
		seen |= field
		if err := d.field(field, &s); err != nil {
			return Span{}, err
		}
	}
	if err := d.delim('}'); err != nil {
		return Span{}, err
	}
	if seen != fieldsAll {
		return Span{}, malformed("a field is missing")
	}
	if s.Start < 0 || s.Start >= s.End {
		return Span{}, fmt.Errorf("%w: from %d to %d", ErrMalformed, s.Start, s.End)
	}
	return s, nil
}

// field reads the value of a field into s.
func (d decoder) field(field int, s *Span) (err error) {
	switch field {
	case fieldType:
		s.Type, err = d.entity()
	case fieldStart:
		s.Start, err = d.offset()
	case fieldEnd:
		s.End, err = d.offset()
	case fieldScore:
		s.Score, err = d.score()
	default:
		var skipped json.RawMessage
		if d.dec.Decode(&skipped) != nil {
			err = malformed("not JSON")
		}
	}
	return err
}

func (d decoder) entity() (string, error) {
	name, err := d.string()
	if err != nil {
		return "", err
	}
	t, ok := ourType(name)
	if !ok {
		return "", malformed("entity_type is not the name of a type")
	}
	return t, nil
}

func (d decoder) offset() (int, error) {
	number, err := d.number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(number)
	if err != nil {
		return 0, malformed("an offset is not a whole number")
	}
	return n, nil
}

func (d decoder) score() (float64, error) {
	number, err := d.number()
	if err != nil {
		return 0, err
	}
	// EntityRecognizer.MIN_SCORE and MAX_SCORE are 0 and 1.
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || !(f >= 0 && f <= 1) {
		return 0, malformed("a score is not from 0 to 1")
	}
	return f, nil
}

func (d decoder) delim(want json.Delim) error {
	t, err := d.token()
	if err != nil {
		return err
	}
	if got, ok := t.(json.Delim); !ok || got != want {
		return malformed("not the documented shape")
	}
	return nil
}

func (d decoder) string() (string, error) {
	t, err := d.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", malformed("not a string")
	}
	return s, nil
}

func (d decoder) number() (string, error) {
	t, err := d.token()
	if err != nil {
		return "", err
	}
	n, ok := t.(json.Number)
	if !ok {
		return "", malformed("not a number")
	}
	return n.String(), nil
}

func (d decoder) token() (json.Token, error) {
	t, err := d.dec.Token()
	if err != nil {
		return nil, malformed("not JSON")
	}
	return t, nil
}
