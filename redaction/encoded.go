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
		if triedBefore(c.Text, c.Start) {
			return
		}
		start, end := encodedAround(c.Text, c.Start, c.End)
		if end-start > maxEncoded || c.sc.depth >= maxEncodings {
			return
		}
		c.sc.clock.work += end - start
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
	for i > 0 && inBase64(s[i-1]) && j-i < maxEncoded {
		i--
	}
	for j < len(s) && inBase64(s[j]) && j-i <= maxEncoded {
		j++
	}
	for n := 0; n < 2 && at(s, j) == '='; n++ {
		j++
	}
	return i, j
}

// triedBefore reports whether a run before i that is of the same base64 was a
// candidate: what is about each of many is then read once, not once for each.
// It looks back to the next such run, so each byte is looked at once.
func triedBefore(s string, i int) bool {
	n, digit := 0, false
	for i--; i >= 0 && inBase64(s[i]); i-- {
		if s[i] == '+' || s[i] == '/' {
			n, digit = 0, false
			continue
		}
		n, digit = n+1, digit || isDigit(s[i])
		if ends := i == 0 || !isBase64URL(s[i-1]); ends && digit && n >= minEncoded && n <= maxLong {
			return true
		}
	}
	return false
}

func inBase64(c byte) bool { return isBase64URL(c) || c == '+' || c == '/' }

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
	in.clock, in.depth, in.static, in.lent = sc.clock, sc.depth+1, sc.static, sc.known()
	in.pseudonym = func(string) (string, error) { return strings.Repeat("a", tokenLen), nil }
	err := in.search(text, tool)
	sc.clock = in.clock
	if err != nil {
		panic(heldError{err})
	}
	return len(in.edits) > 0
}

// heldError carries an error of what was searched within a candidate out of
// its detector.
type heldError struct{ error }
