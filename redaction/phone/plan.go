package phone

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"sync"

	"github.com/nyaruka/phonenumbers"
)

// world is every country calling code's plan and every region. It is made once
// and holds patterns; they are compiled when a number first needs them.
type world struct {
	codes   [1000]*plan
	regions [26 * 26]*region
	names   []string // of the regions, in order
}

// plan is the numbering plan of a country calling code (ITU-T E.164). One code
// can serve several regions; the first of them is the main one, whose prefixes
// and lengths count for all.
type plan struct {
	code    string
	regions []*region
	compile sync.Once
	valid   *automaton // verdict: the region's place << 4 | the type
}

// region is what the plan says of one region.
type region struct {
	name      string // ISO 3166-1; 001 for codes of no region
	plan      *plan
	meta      *phonenumbers.PhoneMetadata
	compile   sync.Once
	idd       *prefix // international direct dialling
	trunk     *prefix
	transform template // what a trunk prefix with groups becomes
	general   *automaton
	lengths   lengths
	spell     sync.Once
	spelling  *spelling // how numbers are written; of main regions alone
}

// nonGeographic is the name of codes that belong to no region (UN M.49 World).
const nonGeographic = "001"

// Type is what kind of line a number belongs to.
type Type uint8

// The types of numbers. Where a plan does not tell fixed lines from mobile
// ones, numbers are of FixedLineOrMobile.
const (
	UnknownType Type = iota
	FixedLine
	Mobile
	FixedLineOrMobile
	TollFree
	PremiumRate
	SharedCost
	VoIP
	PersonalNumber
	Pager
	UAN
	Voicemail
)

// atlas returns the world. The metadata is the library's, so a newer library
// is all that newer plans take.
func atlas() *world { return loaded() }

var loaded = sync.OnceValue(load)

func load() *world {
	w := &world{}
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return w // the library has unpacked the same bytes at start, or panicked
	}
	meta := map[string]*phonenumbers.PhoneMetadata{}
	for _, m := range all.GetMetadata() {
		meta[metaKey(m.GetId(), int(m.GetCountryCode()))] = m
	}
	for code := range phonenumbers.GetSupportedCallingCodes() {
		p := &plan{code: strconv.Itoa(code)}
		for _, name := range phonenumbers.GetRegionCodesForCountryCode(code) {
			m := meta[metaKey(name, code)]
			r := &region{name: name, plan: p, meta: m, lengths: newLengths(m.GetGeneralDesc())}
			p.regions = append(p.regions, r)
			if i := regionIndex(name); i >= 0 {
				w.regions[i] = r
				w.names = append(w.names, name)
			}
		}
		w.codes[code] = p
	}
	slices.Sort(w.names)
	return w
}

func metaKey(name string, code int) string {
	if name == nonGeographic {
		return strconv.Itoa(code)
	}
	return name
}

// regionIndex returns a region's place in the table, -1 where name is not two
// capital letters.
func regionIndex(name string) int {
	if len(name) != 2 || name[0]-'A' > 25 || name[1]-'A' > 25 {
		return -1
	}
	return int(name[0]-'A')*26 + int(name[1]-'A')
}

// region returns a region ready for use, nil where there is none of that name.
func (w *world) region(name string) *region {
	i := regionIndex(name)
	if i < 0 || w.regions[i] == nil {
		return nil
	}
	return w.regions[i].ready()
}

// Regions returns the ISO 3166-1 codes of the regions whose plans are known,
// in alphabetical order.
func Regions() iter.Seq[string] { return slices.Values(atlas().names) }

// plan returns the plan whose country calling code digits begin with and the
// code's length. No code is the beginning of another.
func (w *world) plan(digits []byte) (*plan, int) {
	code := 0
	for i, d := range digits[:min(3, len(digits))] {
		code = code*10 + int(d-'0')
		if code == 0 {
			return nil, 0
		}
		if p := w.codes[code]; p != nil {
			return p, i + 1
		}
	}
	return nil, 0
}

// main returns the region whose prefixes and lengths count for the whole plan.
func (p *plan) main() *region { return p.regions[0].ready() }

// ready compiles the region's patterns when it is first used. A pattern that
// does not compile matches nothing; the tests see that there is none.
func (r *region) ready() *region {
	r.compile.Do(func() { _ = r.prepare() })
	return r
}

func (r *region) prepare() (err error) {
	r.general = &automaton{states: make([]state, 1)}
	if r.idd, err = newPrefix(r.meta.GetInternationalPrefix()); err != nil {
		return fmt.Errorf("region %s: international prefix: %w", r.name, err)
	}
	if r.trunk, err = newPrefix(r.meta.GetNationalPrefixForParsing()); err != nil {
		return fmt.Errorf("region %s: national prefix: %w", r.name, err)
	}
	r.transform = newTemplate(r.meta.GetNationalPrefixTransformRule())
	b := builder{verdict: func([]uint16, int) uint16 { return 1 }}
	if err = b.add(r.meta.GetGeneralDesc().GetNationalNumberPattern(), 0); err != nil {
		return fmt.Errorf("region %s: general pattern: %w", r.name, err)
	}
	if r.general, err = b.build(); err != nil {
		return fmt.Errorf("region %s: general pattern: %w", r.name, err)
	}
	return nil
}

// automaton returns the automaton of the plan's valid numbers, compiled when
// it is first used.
func (p *plan) automaton() *automaton {
	p.compile.Do(func() { _ = p.prepare() })
	return p.valid
}

func (p *plan) prepare() (err error) {
	p.valid = &automaton{states: make([]state, 1)}
	j := judges{regions: make([]judge, len(p.regions)), accepted: make([]uint16, len(p.regions))}
	b := builder{verdict: j.verdict}
	for i, r := range p.regions {
		if j.regions[i], err = newJudge(&b, uint16(i), r.meta, len(p.regions) > 1); err != nil {
			return fmt.Errorf("code %s, region %s: %w", p.code, r.name, err)
		}
	}
	valid, err := b.build()
	if err != nil {
		return fmt.Errorf("code %s: %w", p.code, err)
	}
	p.valid = valid
	return nil
}

// judgement unpacks a verdict of the plan's automaton.
func (p *plan) judgement(verdict uint16) (*region, Type) {
	return p.regions[verdict>>4], Type(verdict & 15)
}

// judges decide which region a number belongs to and of which type it is.
type judges struct {
	regions  []judge
	accepted []uint16 // region: bit i: pattern i accepts
}

// judge knows the patterns of one region: which lengths each admits.
type judge struct {
	lengths  [patterns]lengths
	leading  bool // numbers that begin with the leading digits are this region's, valid or not
	always   bool // it is the only region
	oneShape bool // mobile and fixed-line numbers cannot be told apart
}

// The patterns of a region: by type, and two more.
const (
	general  = 0
	leading  = int(Voicemail) + 1
	patterns = leading + 1
)

func newJudge(b *builder, region uint16, m *phonenumbers.PhoneMetadata, shared bool) (j judge, err error) {
	descs := [patterns]*phonenumbers.PhoneNumberDesc{
		general: m.GetGeneralDesc(), FixedLine: m.GetFixedLine(), Mobile: m.GetMobile(), TollFree: m.GetTollFree(),
		PremiumRate: m.GetPremiumRate(), SharedCost: m.GetSharedCost(), VoIP: m.GetVoip(),
		PersonalNumber: m.GetPersonalNumber(), Pager: m.GetPager(), UAN: m.GetUan(), Voicemail: m.GetVoicemail(),
	}
	for i, d := range descs {
		if d.GetNationalNumberPattern() == "" {
			continue
		}
		j.lengths[i] = newLengths(d)
		if err := b.add(d.GetNationalNumberPattern(), region<<4|uint16(i)); err != nil {
			return j, err
		}
	}
	j.oneShape, j.always = m.GetSameMobileAndFixedLinePattern(), !shared
	if j.leading = shared && m.GetLeadingDigits() != ""; j.leading {
		err = b.add("(?:"+m.GetLeadingDigits()+`)\d*`, region<<4|uint16(leading))
	}
	return j, err
}

// verdict says what a number of a length is on which the tagged patterns end:
// of the first region whose leading digits it has or, where a region has none,
// for which it is valid.
func (j *judges) verdict(tags []uint16, length int) uint16 {
	clear(j.accepted)
	for _, t := range tags {
		j.accepted[t>>4] |= 1 << (t & 15)
	}
	for i := range j.regions {
		r, accepted := &j.regions[i], j.accepted[i]
		t := r.typ(accepted, length)
		if r.always || r.leading && accepted>>leading&1 != 0 || !r.leading && t != UnknownType {
			if t == UnknownType {
				return 0
			}
			return uint16(i)<<4 | uint16(t)
		}
	}
	return 0
}

// typ returns the type: the first of the special ones that accepts, then fixed
// line and mobile.
func (j *judge) typ(accepted uint16, length int) Type {
	is := func(t Type) bool { return accepted>>t&1 != 0 && j.lengths[t].admit(length) }
	if !is(general) {
		return UnknownType
	}
	for _, t := range [...]Type{PremiumRate, TollFree, SharedCost, VoIP, PersonalNumber, Pager, UAN, Voicemail} {
		if is(t) {
			return t
		}
	}
	switch fixed := is(FixedLine); {
	case fixed && (j.oneShape || is(Mobile)):
		return FixedLineOrMobile
	case fixed:
		return FixedLine
	case !j.oneShape && is(Mobile):
		return Mobile
	}
	return UnknownType
}

// lengths are the lengths a description admits.
type lengths struct {
	national uint32 // bit n: n digits
	local    uint32 // lengths that can be dialled within an area alone
	any      bool   // the description gives none
}

func newLengths(d *phonenumbers.PhoneNumberDesc) lengths {
	l := lengths{any: len(d.GetPossibleLength()) == 0}
	for _, n := range d.GetPossibleLength() {
		if n > 0 { // -1: there is no number of this type
			l.national |= 1 << n
		}
	}
	for _, n := range d.GetPossibleLengthLocalOnly() {
		l.local |= 1 << n
	}
	return l
}

func (l lengths) admit(n int) bool { return l.any || n < 32 && l.national>>n&1 != 0 }
