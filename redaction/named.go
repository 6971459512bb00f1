package redaction

import (
	"math"
	"slices"
	"strings"
)

// Many vendors' keys have no form of their own: 32 hexadecimal digits may be
// anything. They are keys where the vendor's name stands before them, the
// digits look drawn at random, and they are assigned to something, quoted or
// have a word before them that says what they are.

// A namedFamily is a set of vendors whose keys one detector finds by name.
type namedFamily struct {
	name    string // of the detector
	vendors []namedVendor
}

// A namedVendor has words of which one must stand before a key, and shapes.
// In a word _ is where another sign or none may be: new_relic is NewRelic, too.
type namedVendor struct {
	words, shapes string
}

// namedReach is how many bytes before a key its vendor's name is looked for.
const namedReach = 64

// A namedShape is a shape, ready to match.
type namedShape struct {
	words []string
	lead  string // a literal before the run
	parts []part
	// The run that it begins with has at least run bytes and at most max.
	run, max int
}

// detector finds the keys of a family.
func (f *namedFamily) detector() Detector {
	var shapes []namedShape
	var words []string
	least := math.MaxInt
	for _, v := range f.vendors {
		names := strings.Fields(v.words)
		for i := range names {
			names[i] = strings.ReplaceAll(names[i], "_", " ")
		}
		words = append(words, names...)
		for shape := range strings.FieldsSeq(v.shapes) {
			parts := parseShape(shape)
			lead := ""
			if l := parts[0].literal; l != "" && !isBase64URL(l[len(l)-1]) {
				lead, parts = l, parts[1:]
			}
			shapes = append(shapes, namedShape{names, lead, parts, certainRun(parts), mostOf(parts)})
			least = min(least, leastRun(parts))
		}
	}
	slices.Sort(words)
	return Detector{Type: "API_KEY", Name: f.name, Source: "documentation of the vendors; rule sets of gitleaks (MIT)", Version: 2, Long: max(least, leastNamed), Context: slices.Compact(words), LongNear: true, Find: func(c *Candidate) {
		if c.End-c.Start > maxNamed || !c.Near(namedReach) || !worthALook(c.Text[c.Start:c.End]) {
			return
		}
		if !c.addNamed(shapes) && c.strip() {
			c.addNamed(shapes)
		}
	}}
}

// addNamed adds the candidate if it has one of the shapes and its vendor's name.
func (c *Candidate) addNamed(shapes []namedShape) bool {
	for i := range shapes {
		s := &shapes[i]
		if n := c.End - c.Start; n < s.run || n > s.max {
			continue
		}
		if end := matchShape(s.parts, c.Text, c.Start); end >= c.End && strings.HasSuffix(c.Text[:c.Start], s.lead) && c.isNamed(s, end) {
			c.Add(c.Start-len(s.lead), end)
			return true
		}
	}
	return false
}

// strip takes _ off both ends of the run that is the candidate, as emphasis has
// them about it, and reports whether there were any.
func (c *Candidate) strip() bool {
	if c.At(c.Start) != '_' || c.At(c.End-1) != '_' || c.End-c.Start < leastNamed {
		return false
	}
	c.Start++
	c.End--
	return true
}

// leastNamed and maxNamed bound the runs in which keys without a form are looked for.
const (
	leastNamed = 8
	maxNamed   = 400
)

// worthALook reports whether a run may be drawn at random.
func worthALook(v string) bool { return variety(v) >= 6 && !spelled(v) }

// longWord is how many letters no random key has together.
const longWord = 9

// spelled reports whether a run is made of words, as names in code are: parts
// between signs, or from capital to capital, that are all letters.
func spelled(v string) bool {
	words, long := 0, 0
	for i := 0; i < len(v); {
		j := partEnd(v, i)
		if n := lettersEnd(v, i, len(v)); n-i >= 4 && (n == j || digitsEnd(v, n) == j) {
			if words++; n-i >= longWord {
				words++
			}
			long += j - i
		}
		i = j
		for i < len(v) && !isAlnum(v[i]) {
			i++
		}
	}
	return words >= 2 && long*2 >= len(v)
}

// partEnd returns where the part of a name that begins at i ends: at a sign,
// or where case turns.
func partEnd(v string, i int) int {
	for i++; i < len(v) && isAlnum(v[i]) && !(isUpper(v[i]) && (isLower(v[i-1]) || isDigit(v[i-1]) && isLower(at(v, i+1)))); i++ {
	}
	return min(i, len(v))
}

// leastRun returns the length of the shortest run of letters, digits, - and _
// that a shape begins with.
func leastRun(parts []part) int {
	n := 0
	for i := range parts {
		p := &parts[i]
		if p.in == nil {
			end := 0
			for end < len(p.literal) && isBase64URL(p.literal[end]) {
				end++
			}
			if n += end; end < len(p.literal) {
				return n
			}
			continue
		}
		if p.in('.') || p.in('/') {
			return max(n, leastLoose)
		}
		n += p.min
	}
	return n
}

// mostOf returns the length of the longest key of a shape.
func mostOf(parts []part) int {
	n := 0
	for i := range parts {
		n += len(parts[i].literal) + parts[i].max
	}
	return n
}

// leastLoose is the shortest run at which shapes with other signs in them are
// looked for.
const leastLoose = 10

// isNamed reports whether the vendor of a shape is named before the candidate,
// and that it is a key: assigned, quoted or called one. What has the form of a
// checksum or UUID must be called one, or stand right behind the name.
func (c *Candidate) isNamed(s *namedShape, end int) bool {
	v := c.Text[c.Start:end]
	if entropy(v) < 2.5 {
		return false
	}
	window, common := c.before(namedReach), hexSum(v) || uuid(v) || digitsEnd(v, 0) == len(v)
	for _, w := range s.words {
		named := lastName(window, w)
		if named >= 0 && (calledKey(window, common) || !common && c.assignedTo() || alnumFree(window[named:])) {
			return true
		}
		if c.Start <= namedReach && lastName(c.sc.key, w) >= 0 && (calledKey(c.sc.key, common) || calledKey(window, common) || !common) {
			return true
		}
	}
	return false
}

func alnumFree(s string) bool {
	for i := range len(s) {
		if isAlnum(s[i]) || s[i] == '\n' {
			return false
		}
	}
	return true
}

// before returns what stands before the candidate, at most n bytes.
func (c *Candidate) before(n int) string { return c.Text[max(0, c.Start-n):c.Start] }

// assignedTo reports whether an operator of assignment or a quote stands before
// the candidate.
func (c *Candidate) assignedTo() bool {
	b := strings.TrimRight(c.before(8), " \\")
	return b != "" && strings.IndexByte("=:>,(\"'`", b[len(b)-1]) >= 0
}

// lastName returns where the last occurrence of a name in s ends, -1 if it has
// none: ASCII case and what separates words ignored, and no letters of the same
// word about it.
func lastName(s, name string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]|0x20 != name[0] {
			continue
		}
		if end := nameAt(s, i, name); end > 0 && startsWord(s, i) && endsWord(s, end) {
			return end
		}
	}
	return -1
}

// nameAt returns where the name that begins at i ends, 0 if none does.
func nameAt(s string, i int, name string) int {
	for n := range len(name) {
		if name[n] == ' ' {
			if strings.IndexByte(" _-.", at(s, i)) >= 0 {
				i++
			}
			continue
		}
		if c := at(s, i); c|0x20 != name[n] && c != name[n] {
			return 0
		}
		i++
	}
	return i
}

func startsWord(s string, i int) bool {
	return !isLetter(at(s, i-1)) || isLower(s[i-1]) && isUpper(s[i])
}

func endsWord(s string, i int) bool {
	return !isLower(at(s, i)) || i > 0 && isUpper(s[i-1]) || at(s, i) == 's' && !isLower(at(s, i+1))
}

// callings are the words that call something a key; those from weakCallings on
// only what has not the form of much else.
var callings = [...]string{"key", "token", "secret", "auth", "apikey", "password", "credential", "accesskey", "secretkey", "pat", "access", "api"}

const weakCallings = 9

// calledKey reports whether a word in s calls something a key.
func calledKey(s string, common bool) bool {
	words := callings[:]
	if common {
		words = words[:weakCallings]
	}
	for i := range len(s) {
		switch s[i] | 0x20 {
		case 'k', 't', 's', 'a', 'p', 'c':
			for _, w := range words {
				if end := nameAt(s, i, w); end > 0 && endsWord(s, end) {
					return true
				}
			}
		}
	}
	return false
}

// namedKeys returns the detectors of keys that their vendor's name gives away.
func namedKeys() []Detector {
	var ds []Detector
	for _, f := range slices.Concat(namedFamilies, namedServices) {
		ds = append(ds, f.detector())
	}
	return ds
}
