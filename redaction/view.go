package redaction

import (
	"strings"
	"unicode/utf8"
	"unsafe"
)

// A text with escapes is searched a second time as it is meant: what stands in
// the query of a URL has its spaces as %20, and the lines of a log have \n and
// \u0040. What is found there is replaced with the escapes that are part of it.

// A view is a text without its escapes.
type view struct {
	text []byte
	// cuts are the escapes in order: where their meaning begins in text, and
	// how many more bytes than there precede it as written, itself counted.
	cuts []cut
}

type cut struct{ at, len, extra int }

// hasEscape reports whether there is an escape in s.
func hasEscape(s string) bool {
	for _, mark := range [...]byte{'%', '\\', '+'} {
		for i := strings.IndexByte(s, mark); i >= 0; {
			if written, _ := escape(s, i); written > 0 {
				return true
			}
			next := strings.IndexByte(s[i+1:], mark)
			if next < 0 {
				break
			}
			i += 1 + next
		}
	}
	return false
}

// escape returns the length of the escape at i, 0 if there is none, and what it
// means. A plus in the value of a query is a space.
func escape(s string, i int) (written int, meant rune) {
	if s[i] == '+' {
		if at(s, i+1) > ' ' && inQuery(s, i) {
			return 1, ' '
		}
		return 0, 0
	}
	switch s = s[i:]; {
	case s[0] == '%' && isHex(at(s, 1)) && isHex(at(s, 2)):
		return 3, rune(hexValue(s[1])<<4 | hexValue(s[2]))
	case s[0] != '\\' || len(s) < 2:
		return 0, 0
	case strings.IndexByte(`nrt"'/\`, s[1]) >= 0:
		if c := escaped[s[1]]; c != 0 {
			return 2, rune(c)
		}
		return 2, rune(s[1])
	case hex4(s) >= 0:
		r, n := unicodeEscape(s)
		return n, r
	}
	return 0, 0
}

// maxQuery bounds the value of a query that is looked at.
const maxQuery = 96

// inQuery reports whether i is in the value of a URL's query.
func inQuery(s string, i int) bool {
	for j := i - 1; j >= 0 && i-j < maxQuery; j-- {
		switch c := s[j]; {
		case c == '=':
			return isWord(at(s, j-1)) && j+1 < i
		case !isAlnum(c) && strings.IndexByte("+%-._~*@:,/()", c) < 0:
			return false
		}
	}
	return false
}

func hexValue(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

// read makes v the view of s.
func (v *view) read(s string) {
	v.text, v.cuts = v.text[:0], v.cuts[:0]
	extra := 0
	for i := 0; i < len(s); {
		if s[i] != '%' && s[i] != '\\' && s[i] != '+' {
			v.text = append(v.text, s[i])
			i++
			continue
		}
		n, r := escape(s, i)
		if n == 0 {
			v.text = append(v.text, s[i])
			i++
			continue
		}
		begin := len(v.text)
		if s[i] == '%' {
			v.text = append(v.text, byte(r)) // one byte of UTF-8
		} else {
			v.text = utf8.AppendRune(v.text, r)
		}
		extra += n - (len(v.text) - begin)
		v.cuts = append(v.cuts, cut{begin, len(v.text) - begin, extra})
		i += n
	}
}

// written maps the bounds of a span to the text as written.
func (v *view) written(start, end int) (int, int) {
	i, j := v.before(start), v.before(end)
	if i > 0 && start < v.cuts[i-1].at+v.cuts[i-1].len && start > v.cuts[i-1].at {
		start = v.cuts[i-1].at // within what one escape means
		i--
	}
	if j > 0 && end < v.cuts[j-1].at+v.cuts[j-1].len {
		end = v.cuts[j-1].at + v.cuts[j-1].len
	}
	return start + v.extra(i), end + v.extra(j)
}

// before returns how many escapes begin before place i.
func (v *view) before(i int) int {
	low, high := 0, len(v.cuts)
	for low < high {
		if mid := (low + high) / 2; v.cuts[mid].at < i {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

func (v *view) extra(cuts int) int {
	if cuts == 0 {
		return 0
	}
	return v.cuts[cuts-1].extra
}

// viewed searches s without its escapes, if it has any, and adds what is found
// there to sc.spans.
func (sc *scan) viewed(s, key string) error {
	if !hasEscape(s) {
		return nil
	}
	sc.view.read(s)
	asWritten := sc.spans
	sc.spans = sc.viewSpans
	sc.under(key)
	// Nothing keeps the string, as in walk.meant.
	err := sc.text(unsafe.String(unsafe.SliceData(sc.view.text), len(sc.view.text))) //nolint:gosec // see above
	for _, sp := range sc.spans {
		sp.start, sp.end = sc.view.written(sp.start, sp.end)
		sp.decoded = true
		asWritten = append(asWritten, sp)
	}
	sc.viewSpans, sc.spans = sc.spans[:0], asWritten
	return err
}

// meaning returns s without its escapes.
func meaning(s string) string {
	if !hasEscape(s) {
		return s
	}
	var v view
	v.read(s)
	return string(v.text)
}
