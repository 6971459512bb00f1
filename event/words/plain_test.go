package words_test

import (
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event/words"
)

// Lower case of ASCII, and what stands between and beside its words.
func TestPlain(t *testing.T) {
	var b []byte
	var all []byte
	for c := range byte(128) {
		all = append(all, c)
	}
	for cut := range all {
		if got, pure := words.Plain(b, all[cut:]); string(got) != strings.ToLower(string(all[cut:])) || !pure {
			t.Errorf("from %d on: got %q, %t", cut, got, pure)
		}
		before := strings.Repeat("x", cut)
		for text, want := range map[string]struct {
			plain string
			pure  bool
		}{
			"“Y”—\x80Z":         {"   y       z", true},
			"Y東Z":               {"y\xfe\xfe\xfez", false},
			"YяZ":               {"y\xff\xffz", false},
			"YÉe\u0301\u200b９Z": {"yee9z", true},
		} {
			if got, pure := words.Plain(b, []byte(before+text)); string(got) != before+want.plain || pure != want.pure {
				t.Errorf("%q: got %q, %t", before+text, got, pure)
			}
		}
	}
}
