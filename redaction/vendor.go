package redaction

import (
	"maps"
	"slices"
	"strings"
)

// A vendor has the shapes of a vendor's keys, a space between two. A shape
// spells a key: what stands for itself and, in angle brackets, an alphabet and
// how many of it. <x32> is 32 lower-case hexadecimal digits, <a20-40> are 20 to
// 40 letters and digits, <u85-> are 85 or more of base64url. See alphabet for
// the letters; z is a, of which all may be letters. What stands before ^ is a name before the key, no part of it.
type vendor struct {
	name, shapes string
}

// A family is a set of vendors whose keys one detector finds by their prefix.
type family struct {
	name    string // of the detector
	source  string
	vendors []vendor
}

// maxKey bounds keys whose vendor names no bound.
const maxKey = 512

func isBase64(c byte) bool    { return isAlnum(c) || c == '+' || c == '/' || c == '=' }
func isUpperNum(c byte) bool  { return isUpper(c) || isDigit(c) }
func isLowerNum(c byte) bool  { return isLower(c) || isDigit(c) }
func isLowerHex(c byte) bool  { return isDigit(c) || 'a' <= c && c <= 'f' }
func isEscaped(c byte) bool   { return isBase64URL(c) || c == '\\' }
func isDotted(c byte) bool    { return isWord(c) || c == '-' || c == '.' || c == '=' }
func isUUID(c byte) bool      { return isHex(c) || c == '-' }
func isPathChar(c byte) bool  { return isWord(c) || strings.IndexByte("-/+.@%", c) >= 0 }
func isQueryChar(c byte) bool { return isPathChar(c) || strings.IndexByte("?&=:~", c) >= 0 }
func isBlank(c byte) bool     { return c == ' ' }
func isTokenChar(c byte) bool { return isWord(c) || strings.IndexByte("-.~+/=%", c) >= 0 }

// alphabet returns what a letter in a shape stands for, nil for no alphabet.
func alphabet(letter byte) func(byte) bool {
	switch letter {
	case 'd':
		return isDigit
	case 'x':
		return isLowerHex
	case 'h':
		return isHex
	case 'a', 'z':
		return isAlnum
	case 'l':
		return isLowerNum
	case 'U':
		return isUpperNum
	case 'w':
		return isWord
	case 'u':
		return isBase64URL
	case 'b':
		return isBase64
	case 'g':
		return isUUID
	case 'e':
		return isEscaped
	case 't':
		return isDotted
	case 'k':
		return isTokenChar
	case 'p':
		return isPathChar
	case 'q':
		return isQueryChar
	case 's':
		return isBlank
	}
	return nil
}

// A part of a shape is a literal, or so many of an alphabet.
type part struct {
	literal  string
	in       func(byte) bool
	min, max int
	open     bool // max is ours
	letters  bool // there may be no digit at all
}

// parseShape parses the shape of a key. Shapes are ours: a wrong one panics,
// in every test.
func parseShape(shape string) []part {
	var parts []part
	for shape != "" {
		literal, rest, found := strings.Cut(shape, "<")
		if literal != "" {
			parts = append(parts, part{literal: literal})
		}
		if !found {
			break
		}
		inner, after, ok := strings.Cut(rest, ">")
		if !ok || len(inner) < 2 || alphabet(inner[0]) == nil {
			panic("redaction: internal error: shape " + shape)
		}
		parts = append(parts, counted(inner))
		shape = after
	}
	return parts
}

// counted parses an alphabet with its count, as in a20-40.
func counted(s string) part {
	least, most, ranged := strings.Cut(s[1:], "-")
	p := part{in: alphabet(s[0]), min: count(least), letters: s[0] == 'z'}
	switch {
	case !ranged:
		p.max = p.min
	case most == "":
		p.max, p.open = max(maxKey, p.min), true
	default:
		p.max = count(most)
	}
	return p
}

func count(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if !isDigit(c) {
			panic("redaction: internal error: count " + s)
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// matchShape returns where the key that begins at i ends, 0 if none does. Keys
// of a known length are not found in something longer, and what examples have
// in the place of a key is none, but that a URL is masked with it.
func matchShape(parts []part, s string, i int) int {
	start := i
	for n := range parts {
		p := &parts[n]
		if p.in == nil {
			if !strings.HasPrefix(s[i:], p.literal) {
				return 0
			}
			i += len(p.literal)
			continue
		}
		from := i
		for i < len(s) && i-from < p.max && p.in(s[i]) {
			i++
		}
		if i-from < p.min {
			return 0
		}
		if n+1 < len(parts) && parts[n+1].in == nil && p.in(parts[n+1].literal[0]) {
			next := parts[n+1].literal
			k := strings.Index(s[from+p.min:min(len(s), i+len(next))], next)
			if k < 0 {
				return 0
			}
			i = from + p.min + k
		}
	}
	last := &parts[len(parts)-1]
	if last.open {
		for strings.IndexByte(".%=/?&", s[i-1]) >= 0 && (s[i-1] != '=' || !isBase64(s[i-2])) {
			i--
		}
	} else if isAlnum(at(s, i)) || last.in != nil && i < len(s) && last.in(s[i]) && strings.IndexByte(".=%/:?&", s[i]) < 0 && !emphasised(s, start, i) {
		return 0
	}
	if strings.IndexByte(parts[0].literal, '/') < 0 && filler(s[start+len(parts[0].literal):i]) {
		return 0
	}
	return i
}

// maxEmphasis bounds the signs of emphasis on one side.
const maxEmphasis = 3

// emphasised reports whether signs of emphasis stand on both sides of s[i:j],
// and beyond them no more of a word: _key_, ~~key~~.
func emphasised(s string, i, j int) bool {
	c := at(s, j)
	if c != '_' && c != '~' || at(s, i-1) != c {
		return false
	}
	for n := 0; n < maxEmphasis && at(s, i-1) == c; n++ {
		i--
	}
	for n := 0; n < maxEmphasis && at(s, j) == c; n++ {
		j++
	}
	return !isAlnum(at(s, i-1)) && !isAlnum(at(s, j))
}

// filler reports whether the variable part of a key is what examples put
// there: the same sign over and over.
func filler(s string) bool {
	if variety(s) > 4 {
		return false
	}
	run := 1
	for i := 1; i < len(s); i++ {
		if run++; s[i] != s[i-1] {
			run = 1
		}
		if run == 6 && strings.IndexByte("xX0*.-_aA1", s[i]) >= 0 {
			return true
		}
	}
	return false
}

// A keyShape is a shape, ready to match, with the length of the name before it.
type keyShape struct {
	parts []part
	name  int
}

// nameLen returns how many bytes of text a name in a shape is: blanks are
// written <s1>.
func nameLen(parts []part, name int) int {
	n := 0
	for i := 0; i < len(parts) && name > 0; i++ {
		if p := &parts[i]; p.in == nil {
			n += len(p.literal)
			name -= len(p.literal)
			continue
		}
		n += parts[i].min
		name -= len("<s1>")
	}
	return n
}

// detector finds the keys of a family.
func (f *family) detector(typ string) Detector {
	var words, prefixes []string
	shapes := map[string][]keyShape{} // by first two bytes
	for _, v := range f.vendors {
		for shape := range strings.FieldsSeq(v.shapes) {
			name := strings.IndexByte(shape, '^')
			parts := parseShape(strings.Replace(shape, "^", "", 1))
			prefix := parts[0].literal
			shapes[prefix[:2]] = append(shapes[prefix[:2]], keyShape{parts, nameLen(parts, name)})
			if least := certainRun(parts); least >= minRun && (strings.ContainsAny(prefix, "-_") || least >= longKey && !lettered(parts)) {
				prefixes = append(prefixes, prefix)
				continue
			}
			words = append(words, completed(prefix)...)
		}
	}
	return Detector{Type: typ, Name: f.name, Source: f.source, Version: 4, Words: unique(words), WordStart: true, Prefixes: prefixes, Find: func(c *Candidate) {
		if isAlnum(c.At(c.Start-1)) && isAlnum(c.At(c.Start)) && !afterEscape(c.Text, c.Start) {
			return
		}
		for _, k := range shapes[c.Text[c.Start:c.Start+2]] {
			if end := matchShape(k.parts, c.Text, c.Start); end > 0 {
				c.addKey(c.Start, end, k.name)
			}
		}
	}}
}

// addKey adds a key: with the URL that it stands in or, where a name before it
// is no part of it, without that.
func (c *Candidate) addKey(start, end, name int) {
	if name > 0 {
		c.Add(start+name, end)
		return
	}
	c.Add(urlStart(c.Text, start), end)
}

// longKey is the least length of keys without - or _ in their prefix that are
// found by it in runs, which are not all letters: of so many letters and
// digits drawn at random one in four hundred has no digit.
const longKey = 34

// lettered reports whether keys of a shape may have no digit.
func lettered(parts []part) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.letters })
}

// certainRun returns how long a run of letters, digits, - and _ every key of a
// shape begins with.
func certainRun(parts []part) int {
	n := 0
	for i := range parts {
		p := &parts[i]
		for j := range len(p.literal) {
			if !isBase64URL(p.literal[j]) {
				return n
			}
			n++
		}
		if p.in != nil && (p.in('.') || p.in('+') || p.in('/') || p.in(' ') || p.in('\\')) {
			return n
		}
		n += p.min
	}
	return n
}

// afterEscape reports whether an escaped line break or a percent escape stands
// right before i.
func afterEscape(s string, i int) bool {
	return at(s, i-2) == '\\' && strings.IndexByte("nrt", at(s, i-1)) >= 0 || urlEscape(s, i)
}

// urlStart returns where the URL in which a key begins at i does, or i.
func urlStart(s string, i int) int {
	start := i
	for i-start < 64 && start > 0 && (isAlnum(s[start-1]) || strings.IndexByte("-.", s[start-1]) >= 0) {
		start--
	}
	for _, scheme := range [...]string{"https://", "http://"} {
		if strings.HasSuffix(s[:start], scheme) {
			return start - len(scheme)
		}
	}
	return i
}

// completed returns prefix, or the words that make it long enough to trigger.
func completed(prefix string) []string {
	switch len(prefix) {
	case 0, 1, 2:
		panic("redaction: internal error: no prefix to trigger: " + prefix)
	case 3:
		return following(prefix, base64URL)
	}
	return []string{prefix}
}

// unique drops words that begin with another of words, ASCII case ignored:
// the shorter triggers for both.
func unique(words []string) []string {
	have := map[string]bool{}
	for _, w := range words {
		have[strings.ToLower(w)] = true
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(have)), func(w string) bool {
		for n := minWord; n < len(w); n++ {
			if have[w[:n]] {
				return true
			}
		}
		return false
	})
}

// variety returns how many different bytes s has: filling such as xxxx is no
// key.
func variety(s string) int {
	var seen [4]uint64
	n := 0
	for _, c := range []byte(s) {
		if bit := uint64(1) << (c & 63); seen[c>>6]&bit == 0 {
			seen[c>>6] |= bit
			n++
		}
	}
	return n
}

// vendorKeys returns the detectors of keys that have a prefix.
func vendorKeys() []Detector {
	var ds []Detector
	for _, f := range slices.Concat(cloudKeys, codeKeys, modelKeys, moneyKeys, messageKeys, operationKeys, dataKeys) {
		ds = append(ds, f.detector("API_KEY"))
	}
	return append(ds, webhooks.detector("WEBHOOK_URL"))
}
