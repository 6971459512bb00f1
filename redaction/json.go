package redaction

import (
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxJSONDepth is how deep JSON within JSON strings is read as JSON; deeper
// it is read as text.
const maxJSONDepth = 4

// maxNesting is the nesting of objects and arrays up to which text counts as
// JSON, that of encoding/json.
const maxNesting = 10000

// A nest is an open object or array.
type nest struct {
	open  byte     // { or [
	class keyClass // of the key under which it stands; arrays pass it on
	key   string   // that key, as written
}

// document searches a text that may be JSON and stands under a key, "" for
// none.
func (sc *scan) document(s string, m mode, depth int, key string) error {
	if depth <= maxJSONDepth && mayBeJSON(s, m) {
		edits, kept, open := len(sc.edits), len(sc.kept), len(sc.nest)
		leaves, analysed := len(sc.leaves), sc.analysed
		w := walk{sc: sc, s: s, depth: depth, base: open}
		err := w.document(key)
		sc.nest = sc.nest[:open]
		if err == errNotJSON && w.cut() { //nolint:errorlint // internal, never wrapped
			return w.tail()
		}
		if err != errNotJSON { //nolint:errorlint // internal, never wrapped
			return err
		}
		sc.edits, sc.kept = sc.edits[:edits], sc.kept[:kept]
		sc.leaves, sc.analysed = sc.leaves[:leaves], analysed
	}
	return sc.leaf(s, key)
}

// mayBeJSON looks at the first byte that is not space.
func mayBeJSON(s string, m mode) bool {
	switch c := at(s, skipSpace(s, 0)); {
	case c == '{' || c == '[':
		return true
	case m == tool:
		return c == '"' || c == '-' || isDigit(c)
	}
	return false
}

// errNotJSON says that a text turned out not to be JSON. What was found by
// then does not count.
var errNotJSON = errors.New("not JSON")

// A walk reads one JSON text, a value at a time.
type walk struct {
	sc    *scan
	s     string
	i     int
	depth int // JSON strings around this text
	base  int // of sc.nest
	good  int // up to where all is read and searched
	under nest
}

// cut reports whether the text ended amid JSON, as what a model writes does
// when it may write no more: then what was read counts.
func (w *walk) cut() bool { return w.i >= len(w.s) && w.good > 0 }

// tail searches what was being read when the text ended.
func (w *walk) tail() error {
	rest := w.s[w.good:]
	value := strings.TrimPrefix(rest, `"`)
	if r := w.sc.t.keyRule(w.under.class.secret(value)); r != nil && r.op != Keep && len(value) < len(rest) {
		return w.sc.replace(r, value, value, len(w.s)-len(value), len(w.s), 0)
	}
	edits, kept := len(w.sc.edits), len(w.sc.kept)
	if err := w.sc.leaf(rest, w.under.key); err != nil {
		return err
	}
	w.outward(w.sc.edits[edits:], w.good, len(w.s), false)
	w.outward(w.sc.kept[kept:], w.good, len(w.s), false)
	return nil
}

func (w *walk) document(key string) error {
	in := nest{key: key} // what the next value stands under
	for {
		w.space()
		w.good, w.under = w.i, in
		opened, err := w.value(in)
		if err != nil {
			return err
		}
		w.good = w.i
		if opened {
			in, err = w.member()
		} else {
			in, err = w.after()
		}
		if err != nil {
			return err
		}
		if len(w.sc.nest) == w.base {
			return w.finish()
		}
	}
}

// finish makes sure that nothing follows the value.
func (w *walk) finish() error {
	if w.space(); w.i != len(w.s) {
		return errNotJSON
	}
	return nil
}

// value reads a scalar, or the opening of an object or array, and reports
// whether that is to be followed by a member.
func (w *walk) value(in nest) (bool, error) {
	switch c := at(w.s, w.i); {
	case c == '{' || c == '[':
		if len(w.sc.nest)-w.base == maxNesting {
			return false, errNotJSON
		}
		w.i++
		w.sc.nest = append(w.sc.nest, nest{c, in.class, in.key})
		w.space()
		return at(w.s, w.i) != c+2, nil // } and ] are { and [ plus 2
	case c == '"':
		return false, w.str(in)
	case c == '-' || isDigit(c):
		return false, w.number(in)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if strings.HasPrefix(w.s[min(w.i, len(w.s)):], word) {
			w.i += len(word)
			return false, nil
		}
	}
	return false, errNotJSON
}

// after closes what ends after a value and goes on to the next member.
func (w *walk) after() (nest, error) {
	for len(w.sc.nest) > w.base {
		w.space()
		top := w.sc.nest[len(w.sc.nest)-1]
		switch at(w.s, w.i) {
		case ',':
			w.i++
			w.space()
			return w.member()
		case top.open + 2:
			w.i++
			w.sc.nest = w.sc.nest[:len(w.sc.nest)-1]
		default:
			return nest{}, errNotJSON
		}
	}
	return nest{}, nil
}

// member reads the key of an object's member, or nothing in an array, and
// returns what the value stands under.
func (w *walk) member() (nest, error) {
	if top := w.sc.nest[len(w.sc.nest)-1]; top.open == '[' {
		return top, nil
	}
	w.good, w.under = w.i, nest{}
	start, end, escaped, err := w.quoted()
	if err != nil {
		return nest{}, err
	}
	mark := len(w.sc.unescaped)
	key := w.meant(start, end, escaped)
	first, kept := len(w.sc.edits), len(w.sc.kept)
	if err := w.sc.leaf(key, ""); err != nil {
		return nest{}, err
	}
	w.outward(w.sc.edits[first:], start, end, escaped)
	w.sc.kept = w.sc.kept[:kept]
	w.good = w.i
	class := classify(key)
	w.sc.unescaped = w.sc.unescaped[:mark]
	if w.space(); at(w.s, w.i) != ':' {
		return nest{}, errNotJSON
	}
	w.i++
	if above := w.sc.nest[len(w.sc.nest)-1].class; class == noKey && (above == passwordKey || above == secretKey || above == passKey) {
		class = passKey // {"password": {"value": …}}
	}
	return nest{class: class, key: w.s[start:end]}, nil
}

// str redacts a string value: as a whole if its key says so, else what is
// found in it.
func (w *walk) str(in nest) error {
	start, end, escaped, err := w.quoted()
	if err != nil {
		return err
	}
	mark := len(w.sc.unescaped)
	defer func() { w.sc.unescaped = w.sc.unescaped[:mark] }()
	value := w.meant(start, end, escaped)
	if r := w.sc.t.keyRule(in.class.secret(value)); r != nil && r.op != Keep {
		return w.sc.replace(r, value, value, start, end, 0)
	}
	first, kept := len(w.sc.edits), len(w.sc.kept)
	if err := w.sc.document(value, prose, w.depth+1, in.key); err != nil {
		return err
	}
	w.outward(w.sc.edits[first:], start, end, escaped)
	w.outward(w.sc.kept[kept:], start, end, escaped)
	return nil
}

// number redacts a number that its key or its digits give away. It becomes a
// string.
func (w *walk) number(in nest) error {
	start := w.i
	integer, ok := w.digits()
	if !ok {
		return errNotJSON
	}
	value := w.s[start:w.i]
	if in.class == passwordKey {
		if r := w.sc.t.keyRule("PASSWORD"); r.op != Keep {
			return w.sc.replace(r, value, value, start, w.i, 1)
		}
	}
	if !integer || len(value) < minNumber {
		return nil
	}
	first, kept := len(w.sc.edits), len(w.sc.kept)
	if err := w.sc.leaf(value, in.key); err != nil {
		return err
	}
	w.sc.kept = w.sc.kept[:kept]
	if found := w.sc.edits[first:]; len(found) != 1 || found[0].end-found[0].start != len(value) {
		w.sc.edits = w.sc.edits[:first]
		return nil
	}
	w.sc.edits[first].start, w.sc.edits[first].end, w.sc.edits[first].quote = start, w.i, 1
	return nil
}

// minNumber is the least length of a JSON number that can be personal.
const minNumber = 7

// digits reads a number and reports whether it is an integer of at least 0.
func (w *walk) digits() (integer, ok bool) {
	integer = true
	if at(w.s, w.i) == '-' {
		w.i++
		integer = false
	}
	first := w.i
	if w.i = digitsEnd(w.s, w.i); w.i == first || w.s[first] == '0' && w.i > first+1 {
		return false, false
	}
	if at(w.s, w.i) == '.' {
		integer = false
		first = w.i + 1
		if w.i = digitsEnd(w.s, first); w.i == first {
			return false, false
		}
	}
	if at(w.s, w.i)|0x20 == 'e' {
		integer = false
		if w.i++; at(w.s, w.i) == '+' || at(w.s, w.i) == '-' {
			w.i++
		}
		first = w.i
		if w.i = digitsEnd(w.s, first); w.i == first {
			return false, false
		}
	}
	return integer, true
}

// quoted reads a string and returns the bounds of what stands between its
// quotation marks.
func (w *walk) quoted() (start, end int, escaped bool, err error) {
	if at(w.s, w.i) != '"' {
		return 0, 0, false, errNotJSON
	}
	w.i++
	start = w.i
	for w.i < len(w.s) {
		switch c := w.s[w.i]; {
		case c == '"':
			w.i++
			return start, w.i - 1, escaped, nil
		case c < 0x20:
			return 0, 0, false, errNotJSON
		case c == '\\':
			n := escapeLen(w.s[w.i:])
			if n == 0 {
				return 0, 0, false, errNotJSON
			}
			escaped = true
			w.i += n
		default:
			w.i++
		}
	}
	return 0, 0, false, errNotJSON
}

// outward turns edits of the string between start and end into edits of w.s.
func (w *walk) outward(edits []edit, start, end int, escaped bool) {
	if len(edits) == 0 {
		return
	}
	in, out := 0, start // the same place in the string's value and in w.s
	to := func(place int) int {
		if !escaped {
			return start + place
		}
		if place < in { // what stays may overlap
			in, out = 0, start
		}
		for in < place && out < end {
			n, size := unit(w.s[out:end])
			in, out = in+size, out+n
		}
		return out
	}
	for i := range edits {
		e := &edits[i]
		e.start, e.end = to(e.start), to(e.end)
		if e.quote > 0 {
			e.quote++
		}
	}
}

func (w *walk) space() { w.i = skipSpace(w.s, w.i) }

// skipSpace steps over JSON's white space.
func skipSpace(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// escapeLen returns the length of the escape that s begins with, 0 if it is
// none.
func escapeLen(s string) int {
	switch at(s, 1) {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if hex4(s) >= 0 {
			return 6
		}
	}
	return 0
}

// hex4 returns the value of the escape \uXXXX that s begins with, -1 if it
// does not begin with one.
func hex4(s string) rune {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case isHex(c):
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return -1
		}
	}
	return r
}

// unit returns the length of the first character of the JSON string s, which
// is not empty, as written and as meant.
func unit(s string) (written, meant int) {
	if s[0] != '\\' {
		return 1, 1
	}
	if s[1] != 'u' {
		return 2, 1
	}
	r, n := unicodeEscape(s)
	return n, utf8.RuneLen(r)
}

// unicodeEscape decodes \uXXXX or a pair of such. Half a pair is U+FFFD.
func unicodeEscape(s string) (rune, int) {
	r := hex4(s)
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if pair := utf16.DecodeRune(r, hex4(s[6:])); pair != utf8.RuneError {
		return pair, 12
	}
	return utf8.RuneError, 6
}

// meant returns the value of the string between start and end. Where it has
// escapes the value stands in sc.unescaped, and is gone when that is cut back.
func (w *walk) meant(start, end int, escaped bool) string {
	if !escaped {
		return w.s[start:end]
	}
	from := len(w.sc.unescaped)
	w.sc.unescaped = unescape(w.sc.unescaped, w.s[start:end])
	b := w.sc.unescaped[from:]
	// Nothing keeps the string: detectors must not, and pseudonyms are given
	// copies. It saves an allocation for each string of a tool's answer.
	return unsafe.String(unsafe.SliceData(b), len(b)) //nolint:gosec // see above
}

// unescape appends the value of a JSON string whose escapes are valid to b.
func unescape(b []byte, s string) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			b = append(b, s[i])
			i++
			continue
		}
		if s[i+1] == 'u' {
			r, n := unicodeEscape(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		b = append(b, escaped[s[i+1]])
		i += 2
	}
	return b
}

// escaped is what the letters after a backslash mean.
var escaped = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}
