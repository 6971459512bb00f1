package redaction

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The longest local part and domain (RFC 5321 §4.5.3.1).
const (
	maxLocal  = 64
	maxDomain = 255
)

func email() Detector {
	return Detector{Type: "EMAIL", Name: "email", Source: "RFC 5321, RFC 6531", Bytes: "@%", Normal: normalEmail, Find: func(c *Candidate) {
		width := 1
		if c.Text[c.Start] == '%' {
			if !strings.HasPrefix(c.Text[c.Start:], "%40") {
				return
			}
			width = 3
		}
		if start, end, ok := emailAt(c.Text, c.Start, width); ok && !inUserinfo(c.Text, start) {
			c.Add(start, end)
		}
	}}
}

// inUserinfo reports whether i is behind the colon of user:password in a URL:
// what stands there is a password, and the host is no part of an address.
func inUserinfo(s string, i int) bool {
	if at(s, i-1) != ':' {
		return false
	}
	for j := i - 2; j > 0 && i-j < maxLocal && s[j] > ' '; j-- {
		if s[j] == '/' {
			return s[j-1] == '/' && at(s, j-2) == ':'
		}
	}
	return false
}

// spelledEmail recognises addresses that are written against collectors: name
// at example dot com, where a mail provider or brackets about "at" give them
// away.
func spelledEmail() Detector {
	return Detector{Type: "EMAIL", Name: "email_spelled", Words: []string{"gmail.com", "hotmail.com", "outlook.com", "yahoo.com", "icloud.com",
		"gmail dot ", "hotmail dot ", "outlook dot ", "yahoo dot ", "(at)", "[at]", "{at}"}, Normal: spelledOut, Find: func(c *Candidate) {
		from, to := c.Start, c.Start
		if strings.IndexByte("([{", c.At(c.Start)) >= 0 {
			to = c.End
		} else if !strings.HasSuffix(c.Text[:c.Start], " at ") {
			return
		} else {
			from -= len(" at ")
		}
		for at(c.Text, from-1) == ' ' && c.Start-from < 2 {
			from--
		}
		start := localStart(c.Text, from)
		end := spelledDomainEnd(c.Text, skipAny(c.Text, to, " ", 1))
		if start < from && end > 0 {
			c.Add(start, end)
		}
	}}
}

// spelledDomainEnd returns where the domain that begins at i ends, whose dots
// may be spelled, 0 if there is none.
func spelledDomainEnd(s string, i int) int {
	if end := domainEnd(s, i); end > 0 {
		return end
	}
	end := i
	for end < len(s) && end-i < maxDomain && (isAlnum(s[end]) || s[end] == '-') {
		end++
	}
	for _, dot := range [...]string{" dot ", "(dot)", "[dot]", " (dot) ", " [dot] ", " . "} {
		if end > i && strings.HasPrefix(s[end:], dot) {
			return labelEnd(s, end+len(dot))
		}
	}
	return 0
}

// labelEnd returns where the top-level domain at i ends, 0 if there is none.
func labelEnd(s string, i int) int {
	end := i
	for end < len(s) && isLetter(s[end]) {
		end++
	}
	if !topLevel(s[i:end]) {
		return 0
	}
	return end
}

// spelledOut returns the address that a spelled one means.
func spelledOut(s string) string {
	s = strings.ToLower(s)
	for _, r := range [...]struct{ from, to string }{{"(at)", "@"}, {"[at]", "@"}, {"{at}", "@"}, {" at ", "@"}, {"(dot)", "."}, {"[dot]", "."}, {" dot ", "."}, {" ", ""}} {
		s = strings.ReplaceAll(s, r.from, r.to)
	}
	return s
}

// normalEmail lower-cases the whole address: local parts that differ in case
// alone do not tell people apart.
func normalEmail(s string) string {
	return strings.Replace(strings.ToLower(s), "%40", "@", 1)
}

// emailAt returns the bounds of the address whose @, width bytes long, is at i.
func emailAt(s string, i, width int) (start, end int, ok bool) {
	start = localStart(s, i)
	if start == i || s[start:i] == "git" { // git@ names a service, not a person
		return 0, 0, false
	}
	end = domainEnd(s, i+width)
	if end == 0 {
		return 0, 0, false
	}
	return start, end, true
}

// localStart returns where the local part that ends at i begins.
func localStart(s string, i int) int {
	start := i
	for start > 0 && i-start < maxLocal {
		n := localChar(s, start)
		if n == 0 {
			break
		}
		start -= n
	}
	for start < i && strings.IndexByte(".-%'+", s[start]) >= 0 {
		start++
	}
	if at(s, start-1) == '\\' && i-start > 1 && strings.IndexByte("nrt", s[start]) >= 0 {
		start++ // the n of an escaped line break
	}
	return start
}

// localChar returns the length of the character before i if it can stand in
// a local part: letters of alphabets that are written with spaces between
// words, digits and the punctuation in use.
func localChar(s string, i int) int {
	c := s[i-1]
	if isAlnum(c) || strings.IndexByte("._%+-", c) >= 0 {
		return 1
	}
	if c == '\'' && isAlnum(at(s, i)) && isAlnum(at(s, i-2)) {
		return 1
	}
	if c < utf8.RuneSelf {
		return 0
	}
	r, n := utf8.DecodeLastRuneInString(s[:i])
	if alphabetic(r) {
		return n
	}
	return 0
}

func alphabetic(r rune) bool {
	return unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek)
}

// domainEnd returns where the domain that begins at i ends, 0 if there is
// none: labels with dots between, the last a plausible top-level domain.
func domainEnd(s string, i int) int {
	begin, label, end := i, i, 0
	for i < len(s) && i-begin <= maxDomain {
		c := s[i]
		switch {
		case isAlnum(c) || c == '-' && i > label:
			i++
		case c == '.' && i > label:
			if label > begin && topLevel(s[label:i]) {
				end = i
			}
			i++
			label = i
		default:
			n := domainRune(s[i:])
			if n == 0 {
				return lastLabel(s, begin, label, i, end)
			}
			i += n
		}
	}
	return lastLabel(s, begin, label, i, end)
}

func lastLabel(s string, begin, label, i, end int) int {
	for i > label && s[i-1] == '-' {
		i--
	}
	if label > begin && topLevel(s[label:i]) {
		return i
	}
	return end
}

func domainRune(s string) int {
	if r, n := utf8.DecodeRuneInString(s); n > 1 && alphabetic(r) {
		return n
	}
	return 0
}

// topLevel reports whether a label can be a top-level domain. Endings of file
// names that are none are refused: logo@2x.png is no address.
func topLevel(label string) bool {
	if hasFold(label, "xn--") {
		return len(label) > len("xn--")
	}
	if len(label) < 2 || len(label) > 24 {
		return false
	}
	for _, c := range []byte(label) {
		if c < utf8.RuneSelf && !isLetter(c) {
			return false
		}
	}
	switch strings.ToLower(label) {
	case "png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "php", "txt", "exe", "dll", "yml", "yaml":
		return false
	}
	return true
}
