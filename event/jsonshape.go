package event

import (
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// A shape says which fields a message has and how each is read from JSON.
// The shapes are written by hand (jsonevent.go), because reflection costs six
// times as much; a test holds them against the descriptors.
type shape[M any] struct {
	a      string // what to call one, e.g. `an event`
	fields []field[M]
	byName map[string]int // fields by JSON name and by proto name
}

// A field is one field of the message M.
type field[M any] struct {
	name  string // in JSON
	oneof bool   // it excludes the other fields of which this is true
	read  func(*jsonDecoder, *M) error
}

func shapeOf[M any](a string, fields ...field[M]) *shape[M] {
	s := &shape[M]{a: a, fields: fields, byName: make(map[string]int, 2*len(fields))}
	for i, f := range fields {
		s.byName[f.name] = i
		s.byName[protoName(f.name)] = i
	}
	return s
}

// protoName returns finish_reason for finishReason.
func protoName(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteByte(c)
	}
	return b.String()
}

// readObject reads a JSON object into m.
func readObject[M any](d *jsonDecoder, s *shape[M], m *M) error {
	if d.space() != '{' {
		return d.unexpected("an object")
	}
	d.pos++
	if d.space() == '}' {
		d.pos++
		return nil
	}
	var seen uint64 // a bit for each field
	var chosen, next int
	for {
		i, err := readName(d, s, next)
		if err != nil {
			return err
		}
		f := &s.fields[i]
		if seen&(1<<i) != 0 {
			return within(d.wrong(d.pos, "is given twice"), f.name, -1)
		}
		seen |= 1 << i
		if d.space() != 'n' || !d.null() {
			if f.oneof {
				chosen++
			}
			if chosen > 1 {
				return within(d.wrong(d.pos, "is a second choice: only one can be given"), f.name, -1)
			}
			if err := f.read(d, m); err != nil {
				return within(err, f.name, -1)
			}
		}
		switch d.space() {
		case ',':
			d.pos++
			next = i + 1
		case '}':
			d.pos++
			return nil
		default:
			return d.malformed(d.pos)
		}
	}
}

// readName reads the name of a field and the colon after it, and returns its
// index. next is the field that is likely to come: writers keep an order.
func readName[M any](d *jsonDecoder, s *shape[M], next int) (int, error) {
	if d.space() != '"' {
		return 0, d.malformed(d.pos)
	}
	start := d.pos
	name, err := d.quoted("a name")
	if err != nil {
		return 0, err
	}
	i := next
	if i >= len(s.fields) || s.fields[i].name != string(name) {
		var ok bool
		if i, ok = s.byName[string(name)]; !ok {
			return 0, unknownName(d.wrong(start, "is not a field of "+s.a), name)
		}
	}
	if d.space() != ':' {
		return 0, d.malformed(d.pos)
	}
	d.pos++
	return i, nil
}

// unknownName puts the name of an unknown field into the path where it looks
// like one. What does not may be content, which errors never quote.
func unknownName(err error, name []byte) error {
	const longest = 40
	if len(name) == 0 || len(name) > longest {
		return within(err, "(unnamed)", -1)
	}
	for _, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		default:
			return within(err, "(unnamed)", -1)
		}
	}
	return within(err, string(name), -1)
}

// readList calls read for each element of a JSON list, of at most limit.
func readList(d *jsonDecoder, limit int, read func() error) error {
	if d.space() != '[' {
		return d.unexpected("a list")
	}
	d.pos++
	if d.space() == ']' {
		d.pos++
		return nil
	}
	for n := 0; ; n++ {
		if n == limit {
			return wrong("has more than %d elements", limit)
		}
		if err := read(); err != nil {
			return within(err, "", n)
		}
		switch d.space() {
		case ',':
			d.pos++
		case ']':
			d.pos++
			return nil
		default:
			return d.malformed(d.pos)
		}
	}
}

// element counts a nested message.
func (d *jsonDecoder) element() error {
	if d.elements++; d.elements > MaxElements {
		return wrong("has more than %d nested messages", MaxElements)
	}
	return nil
}

// The functions below make fields; at says where in the message one is kept.

func textField[M any](name string, at func(*M) *string) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) (err error) {
		*at(m), err = d.string()
		return err
	}}
}

func textsField[M any](name string, limit int, at func(*M) *[]string) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		list := at(m)
		return readList(d, limit, func() error {
			s, err := d.string()
			*list = append(*list, s)
			return err
		})
	}}
}

func bytesField[M any](name string, at func(*M) *[]byte) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) (err error) {
		*at(m), err = d.bytes()
		return err
	}}
}

func uint32Field[M any](name string, at func(*M) *uint32) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		n, err := d.uint(32)
		*at(m) = uint32(n)
		return err
	}}
}

func uint64Field[M any](name string, at func(*M) *uint64) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) (err error) {
		*at(m), err = d.uint(64)
		return err
	}}
}

func maybeUint64Field[M any](name string, at func(*M) **uint64) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		n, err := d.uint(64)
		*at(m) = &n
		return err
	}}
}

func maybeInt32Field[M any](name string, at func(*M) **int32) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		n, err := d.int(32)
		*at(m) = new(int32(n))
		return err
	}}
}

func maybeInt64Field[M any](name string, at func(*M) **int64) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		n, err := d.int(64)
		*at(m) = &n
		return err
	}}
}

func floatField[M any](name string, at func(*M) *float64) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) (err error) {
		*at(m), err = d.float()
		return err
	}}
}

func maybeFloatField[M any](name string, at func(*M) **float64) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		x, err := d.float()
		*at(m) = &x
		return err
	}}
}

func enumField[M any, E ~int32](name string, values map[string]int32, at func(*M) *E) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		n, err := d.enum(values)
		*at(m) = E(n)
		return err
	}}
}

func timeField[M any](name string, at func(*M) **timestamppb.Timestamp) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) (err error) {
		*at(m), err = d.timestamp()
		return err
	}}
}

func durationField[M any](name string, at func(*M) **durationpb.Duration) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) (err error) {
		*at(m), err = d.duration()
		return err
	}}
}

func messageField[M, N any](name string, s *shape[N], at func(*M) **N) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		n := new(N)
		*at(m) = n
		if err := d.element(); err != nil {
			return err
		}
		return readObject(d, s, n)
	}}
}

func messagesField[M, N any](name string, s *shape[N], limit int, at func(*M) *[]*N) field[M] {
	return field[M]{name: name, read: func(d *jsonDecoder, m *M) error {
		list := at(m)
		return readList(d, limit, func() error {
			if err := d.element(); err != nil {
				return err
			}
			n := new(N)
			*list = append(*list, n)
			return readObject(d, s, n)
		})
	}}
}

// choiceText makes a text that is one of several choices.
func choiceText[M any](name string, set func(*M, string)) field[M] {
	return field[M]{name: name, oneof: true, read: func(d *jsonDecoder, m *M) error {
		s, err := d.string()
		set(m, s)
		return err
	}}
}

// choice makes a message that is one of several choices.
func choice[M, N any](name string, s *shape[N], set func(*M, *N)) field[M] {
	return field[M]{name: name, oneof: true, read: func(d *jsonDecoder, m *M) error {
		if err := d.element(); err != nil {
			return err
		}
		n := new(N)
		set(m, n)
		return readObject(d, s, n)
	}}
}
