package phone

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

type validateCase struct{ ID, Source, Entity, Text, Expect, Locale string }

// readCases returns the telephone numbers of the shared validation cases, or
// skips the test by name.
func readCases(t *testing.T) (cases []validateCase) {
	t.Helper()
	name := filepath.Join(cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "..", "shared")), "redaction-cases", "validate.jsonl.gz")
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("redaction-cases/validate.jsonl.gz is not here")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c validateCase
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		if c.Entity == "PHONE" {
			cases = append(cases, c)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return cases
}

// tally counts the cases of one source and expectation.
type tally struct{ right, reasoned, all int }

// TestCases judges the shared cases. Those drawn from the metadata must be
// right. validator.js asks another question, whether a number has the form of
// a mobile one of its locale: it refuses fixed lines and numbers of other
// countries, and accepts digits the plan has not assigned. A difference from
// it has a reason if the metadata, through the library, gives it.
func TestCases(t *testing.T) {
	tallies := map[string]*tally{}
	reasons := map[string]int{}
	for _, c := range readCases(t) {
		key := c.Source + " " + c.Expect
		if tallies[key] == nil {
			tallies[key] = &tally{}
		}
		n, ok := Parse(c.Text, c.Locale)
		tallies[key].all++
		switch {
		case ok == (c.Expect == "match"):
			tallies[key].right++
		case c.Source == "validator.js" && ok == askAbroad(c.Text, c.Locale).valid:
			tallies[key].reasoned++
			reasons[reason(n, ok, c.Locale)]++
		default:
			t.Logf("%s: valid: %v, expected %s", c.ID, ok, c.Expect)
		}
	}
	for key, x := range tallies {
		t.Logf("%s: %d right and %d with a reason of %d", key, x.right, x.reasoned, x.all)
		if x.right+x.reasoned < x.all*99/100 || x.right < x.all*3/4 {
			t.Errorf("%s: too few", key)
		}
	}
	t.Logf("reasons: %v", reasons)
}

// reason says why a number is judged otherwise than by validator.js.
func reason(n Number, ok bool, locale string) string {
	r := atlas().region(locale)
	switch {
	case !ok:
		return "not assigned in the plan"
	case r == nil || string(n.Code()) != r.plan.code || len(r.plan.regions) > 1 && n.Country != locale:
		return "valid in another country"
	case n.Type != Mobile && n.Type != FixedLineOrMobile:
		return "valid, not mobile"
	}
	return "mobile in the plan"
}
