package redaction

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"
)

// encoded recognises base64 of text in which there is something to replace:
// all of it goes. What is encoded twice is looked into twice.
func encoded() Detector {
	return Detector{Type: "ENCODED", Name: "base64", Source: "RFC 4648", Long: minEncoded, Find: func(c *Candidate) {
		start, end := encodedAround(c.Text, c.Start, c.End)
		if end-start > maxEncoded || c.sc.depth >= maxEncodings {
			return
		}
		text, ok := decodeText(c.Text[start:end])
		if ok && c.sc.holds(text) {
			c.Add(start, end)
		}
	}}
}

const (
	minEncoded   = 24
	maxEncoded   = 1 << 20
	maxEncodings = 2
)

// encodedAround extends a run of letters, digits, - and _ over the other
// characters of base64.
func encodedAround(s string, i, j int) (start, end int) {
	in := func(c byte) bool { return isWord(c) || c == '+' || c == '/' || c == '-' }
	for i > 0 && in(s[i-1]) && j-i < maxEncoded {
		i--
	}
	for j < len(s) && in(s[j]) && j-i <= maxEncoded {
		j++
	}
	for n := 0; n < 2 && at(s, j) == '='; n++ {
		j++
	}
	return i, j
}

// decodeText decodes base64, if what it encodes is text.
func decodeText(s string) (string, bool) {
	s = strings.TrimRight(s, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(s, "-_") {
		enc = base64.RawURLEncoding
	}
	var in [minEncoded]byte // most that is not base64 of text shows early, and costs no memory
	var out [minEncoded * 3 / 4]byte
	if copy(in[:], s) < len(in) {
		return "", false
	}
	if n, err := enc.Decode(out[:], in[:]); err != nil || !mostlyText(string(out[:n])) {
		return "", false
	}
	b, err := enc.DecodeString(s)
	if err != nil || !utf8.Valid(b) || !mostlyText(string(b)) {
		return "", false
	}
	return string(b), true
}

// mostlyText reports whether nearly all characters are printable.
func mostlyText(s string) bool {
	odd := 0
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) && !unicode.IsSpace(r) {
			odd++
		}
	}
	return odd*8 <= len(s)
}

// holds reports whether there is something to replace in text.
func (sc *scan) holds(text string) bool {
	in := newScan(sc.t)
	in.clock, in.depth, in.static = sc.clock, sc.depth+1, sc.static
	in.pseudonym = func(string) (string, error) { return strings.Repeat("a", tokenLen), nil }
	err := in.knowing(sc.knows.values)
	if err == nil {
		err = in.search(text, tool)
	}
	sc.clock.work = in.clock.work
	if err != nil {
		panic(heldError{err})
	}
	return len(in.edits) > 0
}

// heldError carries an error of what was searched within a candidate out of
// its detector.
type heldError struct{ error }
