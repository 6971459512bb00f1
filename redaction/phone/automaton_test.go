package phone

import (
	"regexp"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// pattern draws a regular expression as the plans have them, over few digits.
func pattern(t *rapid.T, depth int) string {
	atoms := []string{"0", "1", "2", "[01]", "[12]", `\d`, `\d{2}`, `\d{1,3}`, "0?"}
	if depth == 0 || rapid.IntRange(0, 2).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom(atoms).Draw(t, "atom")
	}
	a, b := pattern(t, depth-1), pattern(t, depth-1)
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return "(?:" + a + "|" + b + ")"
	case 1:
		return "(?:" + a + b + ")?"
	default:
		return a + b
	}
}

// words are all words of up to five of the digits 0 to 2.
func words() [][]byte {
	all := [][]byte{{}}
	for i := 0; len(all[i]) < 5; i++ {
		for d := range byte(3) {
			all = append(all, append(slices.Clone(all[i]), '0'+d))
		}
	}
	return all
}

// TestAutomaton compares automata of several patterns with regexp: which
// patterns accept a word, and of what length the word was.
func TestAutomaton(t *testing.T) {
	all := words()
	rapid.Check(t, func(t *rapid.T) {
		b := builder{verdict: func(tags []uint16, length int) uint16 {
			v := uint16(length) << 8
			for _, tag := range tags {
				v |= 1 << tag
			}
			return v
		}}
		var want []*regexp.Regexp
		for i := range rapid.IntRange(1, 3).Draw(t, "patterns") {
			p := pattern(t, 3)
			want = append(want, regexp.MustCompile("^(?:"+p+")$"))
			if err := b.add(p, uint16(i)); err != nil {
				t.Fatal(err)
			}
		}
		a, err := b.build()
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range all {
			if got, want := a.judge(word), accepted(want, word); got != want {
				t.Fatalf("%s: %x, regexp says %x", word, got, want)
			}
		}
		for _, word := range all {
			checkLongest(t, a, word)
		}
	})
}

func accepted(all []*regexp.Regexp, word []byte) (v uint16) {
	for i, re := range all {
		if re.Match(word) {
			v |= 1<<i | uint16(len(word))<<8
		}
	}
	return v
}

func checkLongest(t *rapid.T, a *automaton, word []byte) {
	verdict, n := a.longest(word)
	for i := len(word); i > n; i-- {
		if a.judge(word[:i]) != 0 {
			t.Fatalf("%s: longest is %d, but %d are accepted", word, n, i)
		}
	}
	if n > 0 && a.judge(word[:n]) != verdict {
		t.Fatalf("%s: longest says %x of %d", word, verdict, n)
	}
}

// TestMinimal sees that no two states of an automaton are equal and none is
// useless.
func TestMinimal(t *testing.T) {
	for _, p := range atlas().codes {
		if p == nil {
			continue
		}
		seen := map[state]bool{}
		for i, s := range p.automaton().states {
			if i > 0 && (seen[s] || s == (state{})) {
				t.Errorf("code %s: state %d is not needed", p.code, i)
			}
			seen[s] = true
		}
	}
}

// TestPrefix compares prefixes and their groups with regexp.
func TestPrefix(t *testing.T) {
	all := words()
	rapid.Check(t, func(t *rapid.T) {
		text := "(?:" + pattern(t, 2) + "(" + pattern(t, 2) + ")" + rapid.SampledFrom([]string{"", "$", "?", "(1|2)?", "|0", "$|1"}).Draw(t, "end") + ")"
		p, err := newPrefix(text)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile("^" + text)
		for _, word := range all[1:] {
			want := re.FindSubmatchIndex(word)
			var g groups
			end := p.match(word, &g)
			if want == nil || end < 0 {
				if want != nil || end >= 0 {
					t.Fatalf("%s at %s: %d, regexp says %v", text, word, end, want)
				}
				continue
			}
			if end != want[1] {
				t.Fatalf("%s at %s: %d, regexp says %v", text, word, end, want)
			}
			for i := 2; i < len(want); i++ {
				if int(g[i]) != want[i] {
					t.Fatalf("%s at %s: groups %v, regexp says %v", text, word, g, want)
				}
			}
		}
	})
}

func TestTemplate(t *testing.T) {
	digits := []byte("0123456")
	g := noGroups
	g[2], g[3] = 1, 3
	for rule, want := range map[string]string{"9$1": "912", "$1": "12", "$2": "", "0549$1": "054912", "$1$1": "1212", "7": "7", "": ""} {
		if got := newTemplate(rule).expand(nil, digits, &g); string(got) != want {
			t.Errorf("%q gives %q, want %q", rule, got, want)
		}
	}
}

// TestVerdict decides between regions and types where today's plans leave no
// choice.
func TestVerdict(t *testing.T) {
	anyLength := judge{}
	for i := range anyLength.lengths {
		anyLength.lengths[i].any = true
	}
	leads, only := anyLength, anyLength
	leads.leading, only.always = true, true
	short := anyLength
	short.lengths[Mobile] = lengths{national: 1 << 7}
	shapeless := anyLength
	shapeless.oneShape = true
	tag := func(region uint16, pattern int) uint16 { return region<<4 | uint16(pattern) }
	for _, c := range []struct {
		name    string
		regions []judge
		tags    []uint16
		want    uint16
	}{
		{"nothing", []judge{only}, nil, 0},
		{"general alone", []judge{only}, []uint16{tag(0, general)}, 0},
		{"type without general", []judge{only}, []uint16{tag(0, int(Mobile))}, 0},
		{"mobile", []judge{only}, []uint16{tag(0, general), tag(0, int(Mobile))}, uint16(Mobile)},
		{"both", []judge{only}, []uint16{tag(0, general), tag(0, int(FixedLine)), tag(0, int(Mobile))}, uint16(FixedLineOrMobile)},
		{"one shape", []judge{shapeless}, []uint16{tag(0, general), tag(0, int(FixedLine))}, uint16(FixedLineOrMobile)},
		{"premium first", []judge{only}, []uint16{tag(0, general), tag(0, int(TollFree)), tag(0, int(PremiumRate)), tag(0, int(Mobile))}, uint16(PremiumRate)},
		{"wrong length", []judge{short}, []uint16{tag(0, general), tag(0, int(Mobile))}, 0},
		{"first region", []judge{anyLength, anyLength}, []uint16{tag(0, general), tag(0, int(Pager)), tag(1, general), tag(1, int(UAN))}, uint16(Pager)},
		{"second region", []judge{anyLength, anyLength}, []uint16{tag(1, general), tag(1, int(UAN))}, 1<<4 | uint16(UAN)},
		{"not led", []judge{leads, anyLength}, []uint16{tag(0, general), tag(0, int(Mobile)), tag(1, general), tag(1, int(UAN))}, 1<<4 | uint16(UAN)},
		{"led", []judge{leads, anyLength}, []uint16{tag(0, general), tag(0, int(Mobile)), tag(0, leading), tag(1, general), tag(1, int(UAN))}, uint16(Mobile)},
		{"led astray", []judge{leads, anyLength}, []uint16{tag(0, leading), tag(1, general), tag(1, int(UAN))}, 0},
	} {
		j := judges{regions: c.regions, accepted: make([]uint16, len(c.regions))}
		if got := j.verdict(c.tags, 8); got != c.want {
			t.Errorf("%s: %x, want %x", c.name, got, c.want)
		}
	}
}
