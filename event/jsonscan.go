package event

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// A jsonDecoder reads one JSON text from left to right. It accepts what
// RFC 8259 does, less lone surrogates, as protojson.
type jsonDecoder struct {
	src      []byte
	pos      int             // the next byte to read
	badUTF8  bool            // src is not UTF-8: find out where
	text     strings.Builder // every string of the event, one after the other, in one allocation
	scratch  []byte          // the last unescaped string
	elements int             // nested messages so far
}

// wrong reports what is wrong at the byte pos.
func (d *jsonDecoder) wrong(pos int, reason string) error {
	return wrong("%s (at byte %d)", reason, pos)
}

// malformed reports that src is no JSON from the byte at pos on.
func (d *jsonDecoder) malformed(pos int) error {
	if pos >= len(d.src) {
		return d.wrong(pos, "the JSON ends too early")
	}
	return d.wrong(pos, "is malformed JSON")
}

// space skips white space and returns the byte after it, 0 at the end.
func (d *jsonDecoder) space() byte {
	for d.pos < len(d.src) {
		switch c := d.src[d.pos]; c {
		case ' ', '\n', '\r', '\t':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

// unexpected reports that the value at pos is not what was wanted.
func (d *jsonDecoder) unexpected(want string) error {
	var have string
	switch c := d.space(); {
	case c == '"':
		have = "a string"
	case c == '{':
		have = "an object"
	case c == '[':
		have = "a list"
	case c == '-' || '0' <= c && c <= '9':
		have = "a number"
	case d.literal("true"), d.literal("false"):
		have = "a boolean"
	case d.literal("null"):
		have = "null"
	default:
		return d.malformed(d.pos)
	}
	return d.wrong(d.pos, "is "+have+", want "+want)
}

// literal reports whether the given word comes next.
func (d *jsonDecoder) literal(word string) bool {
	end := d.pos + len(word)
	return end <= len(d.src) && string(d.src[d.pos:end]) == word
}

// null skips the word null if it comes next.
func (d *jsonDecoder) null() bool {
	if !d.literal("null") {
		return false
	}
	d.pos += len("null")
	return true
}

// string reads a string into the event's text.
func (d *jsonDecoder) string() (string, error) {
	b, err := d.quoted("a string")
	if err != nil {
		return "", err
	}
	from := d.text.Len()
	d.text.Write(b)
	return d.text.String()[from:], nil
}

// quoted reads a string and returns its content, valid until the next call.
func (d *jsonDecoder) quoted(want string) ([]byte, error) {
	if d.space() != '"' {
		return nil, d.unexpected(want)
	}
	start := d.pos + 1
	end := start + plain(d.src[start:])
	if end < len(d.src) && d.src[end] == '"' {
		d.pos = end + 1
		return d.checked(start, d.src[start:end])
	}
	return d.escaped(start, end)
}

// checked refuses the string that starts at pos if it is not UTF-8.
func (d *jsonDecoder) checked(pos int, b []byte) ([]byte, error) {
	if d.badUTF8 && !utf8.Valid(b) {
		return nil, d.wrong(pos, "is not valid UTF-8")
	}
	return b, nil
}

// escaped reads the string that begins at start and is not plain at end.
func (d *jsonDecoder) escaped(start, end int) ([]byte, error) {
	out := d.scratch[:0]
	for from := start; ; {
		out = append(out, d.src[from:end]...)
		if end >= len(d.src) || d.src[end] < ' ' {
			return nil, d.malformed(end)
		}
		if d.src[end] == '"' {
			break
		}
		var ok bool
		if out, from, ok = d.escape(out, end); !ok {
			return nil, d.malformed(end)
		}
		end = from + plain(d.src[from:])
	}
	d.scratch, d.pos = out, end+1
	return d.checked(start, out)
}

// escapes holds what the letter after a backslash stands for.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape appends what the escape sequence at pos stands for and returns the
// position after it.
func (d *jsonDecoder) escape(out []byte, pos int) ([]byte, int, bool) {
	if pos+1 >= len(d.src) {
		return out, pos, false
	}
	if c := escapes[d.src[pos+1]]; c != 0 {
		return append(out, c), pos + 2, true
	}
	r, ok := d.codeUnit(pos)
	pos += 6
	if ok && utf16.IsSurrogate(r) {
		var low rune
		low, ok = d.codeUnit(pos)
		pos += 6
		r = utf16.DecodeRune(r, low)
		ok = ok && r != unicode.ReplacementChar
	}
	return utf8.AppendRune(out, r), pos, ok
}

// codeUnit reads the \uXXXX at pos.
func (d *jsonDecoder) codeUnit(pos int) (rune, bool) {
	if pos+6 > len(d.src) || d.src[pos] != '\\' || d.src[pos+1] != 'u' {
		return 0, false
	}
	u, err := strconv.ParseUint(string(d.src[pos+2:pos+6]), 16, 16)
	return rune(u), err == nil
}

// plain returns how many bytes of b come before the first quote, backslash or
// control character. It looks at eight bytes at a time: this is where
// decoding spends its time.
func plain(b []byte) int {
	const (
		ones = 0x0101010101010101
		high = 0x8080808080808080
	)
	i := 0
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote := x ^ ones*'"'
		slash := x ^ ones*'\\'
		// A byte's high bit is set where it is zero, or below a space. Carries
		// reach only bytes above one that is found.
		if found := ((quote-ones)&^quote | (slash-ones)&^slash | (x-ones*' ')&^x) & high; found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < ' ' {
			break
		}
	}
	return i
}

// number reads a number and returns its characters. It accepts a number in a
// string too, as proto3 JSON does.
func (d *jsonDecoder) number() ([]byte, error) {
	switch c := d.space(); {
	case c == '"':
		start := d.pos
		b, err := d.quoted("a number")
		if err != nil {
			return nil, err
		}
		if len(b) == 0 || numberLen(b) != len(b) {
			return nil, d.wrong(start, "is a string that holds no number")
		}
		return b, nil
	case c == '-' || '0' <= c && c <= '9':
		n := numberLen(d.src[d.pos:])
		if n == 0 {
			return nil, d.malformed(d.pos)
		}
		b := d.src[d.pos : d.pos+n]
		d.pos += n
		return b, nil
	}
	return nil, d.unexpected("a number")
}

// numberLen returns the length of the JSON number at the start of b, 0 if
// there is none.
func numberLen(b []byte) int {
	i := 0
	if i < len(b) && b[i] == '-' {
		i++
	}
	whole := digits(b[i:])
	if whole == 0 || whole > 1 && b[i] == '0' {
		return 0
	}
	i += whole
	if i < len(b) && b[i] == '.' {
		fraction := digits(b[i+1:])
		if fraction == 0 {
			return 0
		}
		i += 1 + fraction
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		exponent := digits(b[i:])
		if exponent == 0 {
			return 0
		}
		i += exponent
	}
	return i
}

// digits returns how many decimal digits b begins with.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || '9' < c {
			return i
		}
	}
	return len(b)
}
