package redaction

import (
	"fmt"
	"slices"
	"strings"

	"github.com/afterimage/afterimage/redaction/identifier"
)

// A Detector recognises one kind of personal data or secret. It is a value:
// what triggers it and a function that decides. The set of detectors grows by
// adding values to a table; the machine stays as it is.
type Detector struct {
	// Type is written into replacements: A–Z, 0–9 and _, 32 at most.
	Type string
	// Name tells detectors of one type apart, lower case, e.g. email_escaped;
	// it stands in the redaction record. Version goes up whenever the detector
	// finds something else than before; 0 means 1.
	Name    string
	Version int
	// Source names the specification that it follows.
	Source string
	// Bytes triggers at every occurrence of one of these ASCII bytes, which are
	// no letters, digits or [. Rare ones are cheap.
	Bytes string
	// Next lists the bytes one of which must follow that of Bytes; "" means
	// that any may, or none.
	Next string
	// Words triggers at every occurrence of one of these, whatever case ASCII
	// letters are in, other letters in lower case, with a capital at the
	// beginning, or all capitals. Four bytes is the least.
	Words []string
	// WordStart leaves out words after a letter, unless case turns there from
	// lower to upper or the letter ends an escape such as \n or %3D. Cheaper.
	WordStart bool
	// Digits triggers at numbers: groups of digits with separators between.
	Digits Digits
	// Form triggers where a run of letters and digits has the form; such a
	// detector needs no Find. Where the form is not Self, one of its words must
	// stand near or its country be among Config.Regions.
	Form *identifier.Form
	// Long triggers at runs of at least so many of A–Z, a–z, 0–9, - and _ with
	// a digit among them.
	Long int
	// Prefixes trigger, case and all, at the beginnings of runs of A–Z, a–z,
	// 0–9, - and _ of minRun bytes or more that are not all letters, and within
	// those where a letter or digit follows none. Three bytes is the least.
	Prefixes []string
	// Telling says of a detector with a form what [identifier.Form.Telling]
	// does, if that is known: it takes time.
	Telling *bool
	// Context lists words and phrases, lower case, two bytes or more, for whose
	// presence near the candidate Find can ask with Near and Follows. Between
	// the words of a phrase, which stand one space apart here, a text may have
	// other separators or none.
	Context []string
	// LongNear leaves out long runs before which no word of Context ended within
	// contextReach bytes, nor stands in the JSON key of the text. Cheaper.
	LongNear bool
	// Find looks at the candidate and calls Add for what it recognises. It
	// must look at a bounded stretch of text, or at every byte of a stretch
	// only once, and must not keep the candidate or its text.
	Find func(*Candidate)
	// Normal returns the normal form of a value, from which its token is
	// made. nil leaves it as it is.
	Normal func(value string) string
}

// Digits bounds the numbers that trigger a detector. The zero value triggers
// never.
type Digits struct {
	Min, Max             int // digits in all; Max at most 40
	MinGroups, MaxGroups int // groups of digits; MaxGroups at most 7; 0 means 1 and 7
}

// maxDigits and maxGroups bound the numbers that are looked at.
const (
	maxDigits = 40
	maxGroups = 7
)

func (d Digits) withDefaults() Digits {
	if d.MinGroups == 0 {
		d.MinGroups = 1
	}
	if d.MaxGroups == 0 {
		d.MaxGroups = maxGroups
	}
	return d
}

// minRun is the least length of runs in which prefixes are looked for,
// minPrefix that of a prefix.
const (
	minRun    = 12
	minPrefix = 3
)

// minWord is the shortest trigger word, since grams are of four bytes, and
// minContext the shortest word of Context.
const (
	minWord    = 4
	minContext = 2
)

// telling reports whether the form is believed where its country is asked for.
func (d *Detector) telling() bool {
	if d.Telling != nil {
		return *d.Telling
	}
	return d.Form.Telling()
}

func (d *Detector) check() error {
	switch {
	case !isType(d.Type):
		return fmt.Errorf("detector %q: type is not A–Z, 0–9 and _", d.Type)
	case d.Find == nil && d.Form == nil:
		return fmt.Errorf("detector %s has no Find", d.Type)
	case d.Digits.Max > maxDigits || d.Digits.MaxGroups > maxGroups:
		return fmt.Errorf("detector %s: more than %d digits or %d groups", d.Type, maxDigits, maxGroups)
	case d.LongNear && (d.Long == 0 || len(d.Context) == 0):
		return fmt.Errorf("detector %s has LongNear without Long or Context", d.Type)
	case strings.ContainsFunc(d.Bytes, func(r rune) bool { return r >= 0x80 || isAlnum(byte(r)) || r == '[' }):
		return fmt.Errorf("detector %s: a trigger byte is a letter, a digit, [ or not ASCII", d.Type)
	}
	for _, w := range d.Words {
		if slices.ContainsFunc(cases(w), func(w string) bool { return len(w) < minWord }) {
			return fmt.Errorf("detector %s: word %q is shorter than %d bytes", d.Type, w, minWord)
		}
	}
	for _, p := range d.Prefixes {
		if len(p) < minPrefix {
			return fmt.Errorf("detector %s: prefix %q is shorter than %d bytes", d.Type, p, minPrefix)
		}
	}
	for _, w := range d.Context {
		if len(w) < minContext {
			return fmt.Errorf("detector %s: context word %q is shorter than %d bytes", d.Type, w, minContext)
		}
	}
	return nil
}

// A Candidate is a place where a trigger was met. It is valid during Find.
type Candidate struct {
	// Text is the text being searched, unescaped where it came from JSON.
	Text string
	// Start and End bound the trigger: a byte, a word, a number or a run.
	Start, End int
	// Groups are the groups of digits of a number, in order.
	Groups []Group

	sc  *scan
	det int // index of the detector
}

// A Group bounds a run of digits.
type Group struct {
	Start, End int
	letters    bool // has letters, too
}

// Len returns the number of digits in the group.
func (g Group) Len() int { return g.End - g.Start }

// Add reports a span of Text as recognised. Spans that begin in a replacement
// made before are ignored.
func (c *Candidate) Add(start, end int) { c.sc.add(c.det, start, end) }

// Near reports whether one of the detector's Context words ended at most
// distance bytes before Start, at most contextReach, or stands in the JSON key
// of the text. It does not look across replacements.
func (c *Candidate) Near(distance int) bool { return c.sc.near(c.det, c.Start, distance) }

// Follows reports whether one of the detector's Context words stands closely
// behind End, in the same sentence.
func (c *Candidate) Follows() bool { return c.sc.follows(c.det, c.End) }

// Region reports whether one of the countries is asked for.
func (c *Candidate) Region(countries ...string) bool {
	return slices.ContainsFunc(countries, func(r string) bool { return c.sc.t.regions[r] })
}

// Digits returns the digits of the number without its separators. It is
// valid during Find.
func (c *Candidate) Digits() []byte {
	d := c.sc.digits[:0]
	for _, g := range c.Groups {
		d = append(d, c.Text[g.Start:g.End]...)
	}
	c.sc.digits = d
	return d
}

// Separator returns what stands before group i, which is not the first.
func (c *Candidate) Separator(i int) string { return c.Text[c.Groups[i-1].End:c.Groups[i].Start] }

// At returns the byte of Text at i, 0 where there is none.
func (c *Candidate) At(i int) byte { return at(c.Text, i) }

func at(s string, i int) byte {
	if uint(i) < uint(len(s)) {
		return s[i]
	}
	return 0
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool  { return isDigit(c) || isLetter(c) }
func isHex(c byte) bool    { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isWord(c byte) bool   { return isAlnum(c) || c == '_' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }

// hasFold reports whether s begins with lower, ASCII case ignored.
func hasFold(s, lower string) bool {
	if len(s) < len(lower) {
		return false
	}
	for i := range len(lower) {
		c := s[i]
		if isUpper(c) {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
