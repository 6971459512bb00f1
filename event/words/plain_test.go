package words_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

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

// Plain reads every text as it is, whatever the bytes: each is at its place.
func FuzzPlain(f *testing.F) {
	for _, text := range []string{"Ä“東京”", "\xed\xa0\x80\xe0\x80\x80", "\xc3(\xe2\x82", "\xef\xbf\xbd\xf0\x9f\x92\xa3"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []byte
		for i := 0; i < len(text); {
			r, n := utf8.DecodeRune(text[i:])
			piece := text[i : i+n]
			i += n
			if r < utf8.RuneSelf {
				want = append(want, bytes.ToLower(piece)...)
				continue
			}
			form := words.AppendCanonical(nil, string(r))
			switch {
			case len(form) == 0 && len(words.AppendCanonical(nil, "a"+string(r)+"b")) == 2: // ignored
			case len(form) == 0:
				want = append(want, bytes.Repeat([]byte{words.Separates}, n)...)
			case words.Spaceless(r):
				want = append(want, bytes.Repeat([]byte{words.Unspaced}, n)...)
			case form[0] < utf8.RuneSelf:
				want = append(want, form...)
			default:
				want = append(want, bytes.Repeat([]byte{words.Strange}, n)...)
			}
		}
		if got, _ := words.Plain(nil, text); !bytes.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	})
}
