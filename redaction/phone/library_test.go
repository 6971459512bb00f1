package phone

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/nyaruka/phonenumbers"
)

// spellings are the formats of the library.
func spellings(n *phonenumbers.PhoneNumber) []string {
	var all []string
	for _, f := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL, phonenumbers.RFC3966} {
		all = append(all, phonenumbers.Format(n, f))
	}
	return all
}

// TestExamples compares on the example of every type of every region, in all
// formats, alone, with an extension and dialled from elsewhere.
func TestExamples(t *testing.T) {
	valid, all := 0, 0
	for region := range Regions() {
		for typ := range types {
			n := phonenumbers.GetExampleNumberForType(region, types[typ])
			if n == nil {
				continue
			}
			for _, text := range spellings(n) {
				for _, c := range dialledFrom(text, region) {
					all++
					if compare(t, c.text, c.region) {
						valid++
					}
				}
			}
		}
	}
	t.Logf("%d of %d valid", valid, all)
	if valid < all/2 {
		t.Errorf("only %d of %d examples are valid", valid, all)
	}
}

// dialledFrom are ways to dial a number of a region: with extensions, and from
// elsewhere.
func dialledFrom(text, region string) (all []sample) {
	for _, tail := range []string{"", " ext. 12", "x12", " #12", ";ext=12", " доб. 12", ",,12#"} {
		all = append(all, sample{text + tail, region})
	}
	for _, from := range []string{"DE", "US", "IT", "ZZ", ""} {
		all = append(all, sample{text, from})
	}
	return all
}

func TestExamplesOfNoRegion(t *testing.T) {
	n := 0
	for code := range phonenumbers.GetSupportedGlobalNetworkCallingCodes() {
		for _, text := range spellings(phonenumbers.GetExampleNumberForNonGeoEntity(code)) {
			for _, from := range []string{"DE", "US", ""} {
				if compare(t, text, from) {
					n++
				}
			}
		}
	}
	if n == 0 {
		t.Error("no example is valid")
	}
}

// TestRandom compares on random digits: half of them shaped like numbers, so
// that about a third are valid.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	regions := slices.Collect(Regions())
	end := time.Now().Add(budget(4 * time.Second))
	n, valid := 0, 0
	for ; time.Now().Before(end); n++ {
		region := regions[n%len(regions)]
		if compare(t, randomNumber(r, region, regions), region) {
			valid++
		}
		if t.Failed() && n > 3000 {
			break
		}
	}
	t.Logf("%d numbers, %d valid", n, valid)
	if valid < n/10 {
		t.Errorf("only %d of %d numbers are valid", valid, n)
	}
}

// randomNumber returns digits that may be a number dialled in a region.
func randomNumber(r *rand.Rand, region string, regions []string) string {
	w := atlas()
	to := w.region(regions[r.IntN(len(regions))])
	if r.IntN(2) == 0 {
		to = w.region(region)
	}
	var national []byte
	extra := r.IntN(13)
	if r.IntN(4) > 0 {
		national = walk(r, to.plan.automaton())
		extra = r.IntN(6) / 4
	}
	for range extra {
		national = append(national, byte('0'+r.IntN(10)))
	}
	if len(national) > 0 && r.IntN(6) == 0 {
		national[r.IntN(len(national))] = byte('0' + r.IntN(10))
	}
	heads := []string{"", "", "", "+" + to.plan.code, "+" + to.plan.code, to.plan.code, "00" + to.plan.code, "011" + to.plan.code,
		to.meta.GetNationalPrefix(), to.meta.GetNationalPrefix(), "+" + to.plan.code + to.meta.GetNationalPrefix(), "+", "+00" + to.plan.code,
		"810" + to.plan.code, "0", "90", "180020", "15", "001"}
	return heads[r.IntN(len(heads))] + string(national)
}

// walk takes random steps through an automaton until a number is complete.
func walk(r *rand.Rand, a *automaton) (digits []byte) {
	for s := a.start; ; {
		if a.states[s].verdict != 0 && r.IntN(3) > 0 {
			return digits
		}
		var open []byte
		for d, next := range a.states[s].next {
			if next != 0 {
				open = append(open, byte(d))
			}
		}
		if len(open) == 0 {
			return digits
		}
		d := open[r.IntN(len(open))]
		digits, s = append(digits, '0'+d), a.states[s].next[d]
	}
}

func TestPatternsCompile(t *testing.T) {
	w := atlas()
	var size, largest int
	for _, p := range w.codes {
		if p == nil {
			continue
		}
		if err := p.prepare(); err != nil {
			t.Error(err)
		}
		size += len(p.valid.states)
		largest = max(largest, len(p.valid.states))
		for _, r := range p.regions {
			if err := r.prepare(); err != nil {
				t.Error(err)
			}
			size += len(r.general.states)
		}
	}
	t.Logf("%d states, %d in the largest automaton, %d KiB", size, largest, size*22/1024)
}

// TestWritten compares on examples as people might write them, with what does
// not belong there as well.
func TestWritten(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	regions := slices.Collect(Regions())
	marks := []string{" ", "-", ".", "/", "(", ")", "(0)", "+", "*", "~", "x", "X", "xx", ",", ";", "#", ":", "\t", "\u00a0", "\u2011", "\u2013",
		"\u3000", "\uff0f", "（", "）", "＋", "７", "٣", "۴", "ext", "Ext.", "EXTN:", " x", "/x", "/ x", "\\x", ",,", ";ext=", "доб", " ДОБ. ", "anexo ",
		"int", "extensión", "extensio\u0301n", "ｅｘｔ", "ＸＴＮ", "~", "～", "tel:", "a", "abc", "FLOWERS", "s", "ſ", "K", "1", "23", "456", "7",
		"00", ";isub=1", ";phone-context=", ";phone-context=+", "example.com", "-.", "?", "é", "\xff", "°"}
	end := time.Now().Add(budget(2 * time.Second))
	n, valid := 0, 0
	for ; time.Now().Before(end) && (n < 3000 || !t.Failed()); n++ {
		region := regions[r.IntN(len(regions))]
		text := phonenumbers.Format(phonenumbers.GetExampleNumber(region), phonenumbers.PhoneNumberFormat(r.IntN(4)))
		for range r.IntN(5) {
			at := len(text)
			if r.IntN(3) > 0 {
				at = r.IntN(len(text) + 1)
			}
			text = text[:at] + marks[r.IntN(len(marks))] + text[at:]
		}
		if compare(t, text, region) {
			valid++
		}
	}
	t.Logf("%d texts, %d valid", n, valid)
	if valid < n/10 {
		t.Errorf("only %d of %d texts are valid", valid, n)
	}
}

// budget is how long a comparison of random numbers runs.
func budget(d time.Duration) time.Duration {
	if testing.Short() {
		return d / 4
	}
	return d
}
