package phone

// maxDigits bounds the digits looked at: a calling code, a national number and
// the longest prefixes before them. What is longer is no number.
const maxDigits = 48

// Number is a telephone number in the form of ITU-T E.164.
type Number struct {
	Country string // the region, ISO 3166-1; 001 where the calling code has none
	Type    Type
	code, n uint8 // digits of the calling code and in all
	digits  [3 + maxNational]byte
}

// String returns the number in E.164: +, the calling code and the national
// number.
func (n Number) String() string {
	var buf [1 + len(n.digits)]byte
	return string(n.Append(buf[:0]))
}

// Append appends what String returns.
func (n *Number) Append(dst []byte) []byte {
	return append(append(dst, '+'), n.digits[:n.n]...)
}

// National returns the national significant number.
func (n *Number) National() []byte { return n.digits[n.code:n.n] }

// Code returns the country calling code.
func (n *Number) Code() []byte { return n.digits[:n.code] }

// Parse reads a telephone number as people write it, dialled from a region
// (ISO 3166-1, "" or "ZZ" for none). It returns the number and whether it is
// valid: whether the numbering plan of its country has such numbers.
//
// The text is the number alone; letters before its first digit are skipped.
// It may begin with +, with the region's international prefix or with 00, hold
// punctuation and Unicode digits, and end with an extension.
func Parse(number, region string) (Number, bool) {
	var d dialled
	w := atlas()
	if !d.read(number) {
		return Number{}, false
	}
	r := w.region(region)
	if n, ok := d.number(w, r); ok {
		return n, true
	}
	if d.abroad() {
		return d.number(w, r)
	}
	return Number{}, false
}

// Possible reports whether a number has a length that its country's numbers
// can have, or that can be dialled within an area.
func Possible(number, region string) bool {
	var d dialled
	w := atlas()
	if !d.read(number) {
		return false
	}
	r := w.region(region)
	return d.possible(w, r) || d.abroad() && d.possible(w, r)
}

// Normal returns a number in E.164 where it is valid, else its digits.
func Normal(number, region string) string {
	if n, ok := Parse(number, region); ok {
		return n.String()
	}
	var digits []byte
	for _, r := range number {
		if d, ok := digit(r); ok {
			digits = append(digits, d)
		}
	}
	return string(digits)
}

// International judges the digits after a +. It returns the length of the
// longest valid number they begin with, its region, and whether that is all of
// them.
func International(digits []byte) (n int, region string, ok bool) {
	if !decimal(digits) {
		return 0, "", false
	}
	p, c := atlas().plan(digits)
	if p == nil {
		return 0, "", false
	}
	rest := digits[c:min(len(digits), c+maxDigits/2)]
	if len(rest) == 0 {
		return 0, "", false
	}
	if p.main().trunk.begins(rest[0]) {
		return p.longestByTrial(digits, c, rest)
	}
	verdict, n := p.automaton().longest(rest)
	if verdict == 0 {
		return 0, "", false
	}
	r, _ := p.judgement(verdict)
	return c + n, r.name, c+n == len(digits)
}

// longestByTrial tries every length: what a trunk prefix is depends on what
// follows it.
func (p *plan) longestByTrial(digits []byte, code int, rest []byte) (int, string, bool) {
	for n := len(rest); n > 1; n-- {
		var buf [maxDigits]byte
		national := p.main().national(rest[:n], &buf)
		if verdict := p.judge(national); verdict != 0 {
			r, _ := p.judgement(verdict)
			return code + n, r.name, code+n == len(digits)
		}
	}
	return 0, "", false
}

// National reports whether digits, dialled in a region, are a valid number: a
// national one with or without the trunk prefix, or one with the international
// prefix.
func National(region string, digits []byte) bool {
	w := atlas()
	r := w.region(region)
	if r == nil || len(digits) > maxDigits || !decimal(digits) {
		return false
	}
	var d dialled
	d.n = copy(d.digits[:], digits)
	_, _, verdict := d.judge(w, r)
	if verdict == 0 && d.abroad() {
		_, _, verdict = d.judge(w, r)
	}
	return verdict != 0
}

func decimal(digits []byte) bool {
	for _, d := range digits {
		if d-'0' > 9 {
			return false
		}
	}
	return true
}

// dialled is the digits of a text and whether a + stood before them.
type dialled struct {
	plus   bool
	own    bool // set by resolve: no country was dialled, so it is the region's
	n      int
	digits [maxDigits]byte
	buf    [maxDigits]byte // a national number whose prefix was replaced
}

// abroad reads 00 as +, as in most countries (ITU-T E.164, annex A), also
// where the region dials another prefix or is not known.
func (d *dialled) abroad() bool {
	if d.plus || d.n < 3 || d.digits[0] != '0' || d.digits[1] != '0' {
		return false
	}
	d.plus, d.n = true, copy(d.digits[:], d.digits[2:d.n])
	return true
}

// number returns the number dialled and whether it is valid.
func (d *dialled) number(w *world, r *region) (n Number, ok bool) {
	p, national, verdict := d.judge(w, r)
	if verdict == 0 {
		return n, false
	}
	of, typ := p.judgement(verdict)
	n.Country, n.Type, n.code = of.name, typ, uint8(len(p.code))
	copy(n.digits[:], p.code)
	n.n = n.code + uint8(copy(n.digits[n.code:], national))
	return n, true
}

// judge returns the plan of the number dialled, its national significant
// number and the plan's verdict.
func (d *dialled) judge(w *world, r *region) (*plan, []byte, uint16) {
	p, national := d.resolve(w, r)
	if p == nil {
		return nil, nil, 0
	}
	return p, national, p.judge(national)
}

// judge returns the verdict on a national significant number.
func (p *plan) judge(national []byte) uint16 {
	if len(national) < 2 || len(national) > maxNational {
		return 0
	}
	return p.automaton().judge(national)
}

func (d *dialled) possible(w *world, r *region) bool {
	p, national := d.resolve(w, r)
	if p == nil || len(national) < 2 || len(national) > maxNational {
		return false
	}
	c := p.main().lengths.check(len(national))
	return c == rightLength || c == localLength
}

// resolve finds the plan and the national significant number.
func (d *dialled) resolve(w *world, r *region) (*plan, []byte) {
	p, rest, retry := d.country(w, r, d.plus)
	if retry {
		// What follows the + is no calling code: it may be an international
		// prefix written after a +, or the number of the region itself.
		if p, rest, _ = d.country(w, r, false); p == nil {
			return nil, nil
		}
	}
	if d.own = p == nil; d.own {
		p = r.planOrNil()
	} else {
		r = p.main()
	}
	if p == nil || len(rest) < 2 {
		return nil, nil
	}
	return p, r.national(rest, &d.buf)
}

func (r *region) planOrNil() *plan {
	if r == nil {
		return nil
	}
	return r.plan
}

// country takes the calling code off and returns its plan, nil where there is
// none. retry says that the calling code after a + does not exist.
func (d *dialled) country(w *world, r *region, plus bool) (p *plan, rest []byte, retry bool) {
	digits := d.digits[:d.n]
	abroad := plus
	if !plus && r != nil {
		digits, abroad = r.cutInternational(digits)
	}
	if abroad {
		if len(digits) <= 2 {
			return nil, nil, false
		}
		p, n := w.plan(digits)
		if p == nil {
			return nil, nil, plus
		}
		return p, digits[n:], false
	}
	if r == nil {
		return nil, nil, false
	}
	if rest, ok := r.cutOwnCode(digits, &d.buf); ok {
		return r.plan, rest, false
	}
	return nil, digits, false
}

// cutInternational cuts the region's international prefix. No calling code
// begins with 0, so what does is not one.
func (r *region) cutInternational(digits []byte) ([]byte, bool) {
	var g groups
	end := r.idd.match(digits, &g)
	if end < 0 {
		return digits, false
	}
	rest := digits[end:]
	if len(rest) > 0 && rest[0] == '0' {
		return digits, false
	}
	return rest, true
}

// cutOwnCode cuts the region's calling code written without +, where the
// number is valid only without it or too long with it.
func (r *region) cutOwnCode(digits []byte, buf *[maxDigits]byte) ([]byte, bool) {
	code := r.plan.code
	if len(digits) < len(code) || string(digits[:len(code)]) != code {
		return nil, false
	}
	rest, _ := r.cutTrunk(digits[len(code):], buf)
	if r.lengths.check(len(digits)) == tooLong || r.general.judge(digits) == 0 && r.general.judge(rest) != 0 {
		return rest, true
	}
	return nil, false
}

// national returns the national significant number: without a trunk prefix,
// where what remains can be a number.
func (r *region) national(digits []byte, buf *[maxDigits]byte) []byte {
	rest, cut := r.cutTrunk(digits, buf)
	if !cut {
		return digits
	}
	if c := r.lengths.check(len(rest)); c == rightLength || c == tooLong {
		return rest
	}
	return digits
}

// cutTrunk cuts or replaces the trunk prefix and carrier code, but not where
// the number would be valid only with it. It reports whether it found one.
func (r *region) cutTrunk(digits []byte, buf *[maxDigits]byte) ([]byte, bool) {
	var g groups
	end := r.trunk.match(digits, &g)
	switch {
	case end < 0:
		return digits, false
	case end == 0: // an optional prefix that is not there
		return digits, true
	case len(r.transform) > 0 && g[2*r.trunk.groups] >= 0:
		return r.replaceTrunk(digits, end, &g, buf)
	}
	rest := digits[end:]
	if r.onlyWhole(digits, rest) {
		return digits, false
	}
	return rest, true
}

// replaceTrunk puts what the transform rule makes of the prefix in its place.
func (r *region) replaceTrunk(digits []byte, end int, g *groups, buf *[maxDigits]byte) ([]byte, bool) {
	var made [maxDigits + 8]byte
	rest := append(r.transform.expand(made[:0], digits, g), digits[end:]...)
	if r.onlyWhole(digits, rest) {
		return digits, false
	}
	return buf[:copy(buf[:], rest)], true // only now, as digits may stand in buf
}

// onlyWhole reports whether digits are a national number and rest is none.
func (r *region) onlyWhole(digits, rest []byte) bool {
	return r.general.judge(digits) != 0 && r.general.judge(rest) == 0
}

type lengthCheck uint8

const (
	rightLength lengthCheck = iota
	localLength
	tooShort
	tooLong
	wrongLength
)

// check says whether numbers of n digits are possible.
func (l lengths) check(n int) lengthCheck {
	switch bit := uint32(1) << min(n, 31); {
	case l.local&bit != 0:
		return localLength
	case l.national&bit != 0:
		return rightLength
	case bit > l.national:
		return tooLong
	case bit < l.national&-l.national:
		return tooShort
	}
	return wrongLength
}
