package phone

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Written parses a candidate found in running text. Beyond being valid it must
// be plausible, and where numbers of its kind are written with a trunk prefix
// within the country, it must have that: 20 7946 0018 alone is no British
// number, 020 7946 0018 is. This is what libphonenumber's matcher asks with
// leniency VALID.
func Written(region, text string) (Number, bool) {
	var d dialled
	if !Plausible(text) || !d.read(text) {
		return Number{}, false
	}
	w := atlas()
	r := w.region(region)
	n, ok := d.number(w, r)
	if !ok && d.abroad() {
		n, ok = d.number(w, r)
	}
	if !ok || d.own && !d.trunkAsNeeded(&n, r) {
		return Number{}, false
	}
	return n, true
}

// trunkAsNeeded reports whether a number dialled within its country has the
// trunk prefix if it needs one.
func (d *dialled) trunkAsNeeded(n *Number, r *region) bool {
	main := r.plan.main()
	f := main.spelled().format(n.National())
	if f == nil || !f.trunk {
		return true
	}
	_, cut := main.cutTrunk(d.digits[:d.n], &d.buf)
	return cut
}

// Grouped reports whether text, in which n was found, breaks none of the
// groups in which the number is commonly written, and sets off its first group
// if any. This is about what libphonenumber's matcher asks with leniency
// STRICT_GROUPING; countries where people group as they like do not meet it.
func Grouped(n *Number, text string) bool {
	if i := extensionStart(text); i > 0 {
		text = text[:i]
	}
	var buf [maxDigits]byte
	var breaks [maxDigits]bool
	digits := writtenDigits(text, buf[:0], &breaks)
	national := n.National()
	at := len(digits) - len(national)
	if at < 0 || !bytes.Equal(digits[at:], national) {
		return true // a prefix was replaced, so that groups cannot be told
	}
	p, _ := atlas().plan(n.Code())
	f := p.main().spelled().format(national)
	if f == nil {
		return true
	}
	return f.fits(national, breaks[at:len(digits)])
}

// writtenDigits returns the digits of text and where something stands before
// one.
func writtenDigits(text string, digits []byte, breaks *[maxDigits]bool) []byte {
	apart := false
	for _, r := range text {
		c, ok := digit(r)
		if ok && len(digits) < maxDigits {
			breaks[len(digits)] = apart
			digits = append(digits, c)
		}
		apart = !ok
	}
	return digits
}

// spelling is how the numbers of a plan are written: the automaton tells which
// format a number has.
type spelling struct {
	choice  *automaton // verdict: the format, from 1
	formats []format
}

// format is one way of writing numbers.
type format struct {
	groups *prefix
	trunk  bool // within the country a trunk prefix must stand before
}

// spelled returns the region's spelling, compiled when it is first used.
func (r *region) spelled() *spelling {
	r.spell.Do(func() { _ = r.learn() })
	return r.spelling
}

func (r *region) learn() error {
	s := &spelling{choice: &automaton{states: make([]state, 1)}}
	r.spelling = s
	b := builder{verdict: chooseFormat}
	for i, m := range r.meta.GetNumberFormat() {
		groups, err := newPrefix(m.GetPattern())
		if err != nil {
			return fmt.Errorf("region %s: format %d: %w", r.name, i, err)
		}
		s.formats = append(s.formats, format{groups, needsTrunk(m)})
		if err := b.addFormat(m, uint16(i)); err != nil {
			return fmt.Errorf("region %s: format %d: %w", r.name, i, err)
		}
	}
	choice, err := b.build()
	if err != nil {
		return fmt.Errorf("region %s: formats: %w", r.name, err)
	}
	s.choice = choice
	return nil
}

// addFormat adds what a number of the i-th format is and begins with.
func (b *builder) addFormat(m *phonenumbers.NumberFormat, i uint16) error {
	if err := b.add(m.GetPattern(), i<<1); err != nil {
		return err
	}
	leading := ""
	if all := m.GetLeadingDigitsPattern(); len(all) > 0 {
		leading = all[len(all)-1] // the most detailed
	}
	return b.add("(?:"+leading+`)\d*`, i<<1|1)
}

// chooseFormat returns the first format of which both patterns accept.
func chooseFormat(tags []uint16, _ int) uint16 {
	best := uint16(0)
	for _, t := range tags {
		if f := t>>1 + 1; t&1 == 0 && slices.Contains(tags, t|1) && (best == 0 || f < best) {
			best = f
		}
	}
	return best
}

// needsTrunk reports whether numbers of a format are always written with the
// trunk prefix: its rule is more than the first group, perhaps in brackets.
func needsTrunk(m *phonenumbers.NumberFormat) bool {
	rule := m.GetNationalPrefixFormattingRule()
	group := strings.TrimSuffix(strings.TrimPrefix(rule, "("), ")")
	return rule != "" && group != "$1" && !m.GetNationalPrefixOptionalWhenFormatting()
}

func (s *spelling) format(national []byte) *format {
	f := s.choice.judge(national)
	if f == 0 {
		return nil
	}
	return &s.formats[f-1]
}

// fits reports whether the breaks before digits of a number are those between
// the format's groups, or some of them with the first.
func (f *format) fits(national []byte, breaks []bool) bool {
	var g groups
	if f.groups.match(national, &g) < 0 {
		return true
	}
	var between [maxDigits]bool
	for i := range f.groups.groups {
		between[max(g[2*i+2], 0)] = true
	}
	broken := false
	for i := 1; i < len(breaks); i++ {
		if breaks[i] && !between[i] {
			return false
		}
		broken = broken || breaks[i]
	}
	return !broken || f.groups.groups < 2 || breaks[g[4]]
}
