package query

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// marks writes the segments of a text as people write changes.
func marks(text string, s segments) string {
	var b strings.Builder
	for _, seg := range s {
		part := text[:seg.GetBytes()]
		text = text[seg.GetBytes():]
		switch seg.GetKind() {
		case pb.Frame_Segment_REMOVED:
			part = "[-" + part + "-]"
		case pb.Frame_Segment_ADDED:
			part = "{+" + part + "+}"
		}
		b.WriteString(part)
	}
	return b.String() + text
}

func TestDifferences(t *testing.T) {
	for _, test := range []struct{ generated, shown, removed, added string }{
		{"take 400 mg now", "take 40 mg now", "take [-400-] mg now", "take {+40+} mg now"},
		{"a b", "a b c", "a b", "a b{+ c+}"},
		{"Take twelve of the pills tonight.", "Please call the line 112.", "[-Take twelve of the pills tonight.-]", "{+Please call the line 112.+}"},
		{"", "all new", "", "{+all new+}"},
		{"all gone", "", "[-all gone-]", ""},
		{"请马上打电话", "请明天打电话", "请[-马上-]打电话", "请{+明天+}打电话"},
		{"naïve café", "naive café", "[-naïve-] café", "{+naive+} café"},
		{"one two three four five six seven eight", "one two", "one two[- three four five six seven eight-]", "one two"},
		{"\xff\xfe a", "\xff a", "\xff[-\xfe-] a", "\xff a"},
	} {
		removed, added := differences([]string{test.generated}, []string{test.shown})
		if got := marks(test.generated, removed); got != test.removed {
			t.Errorf("%q to %q: generated %s, want %s", test.generated, test.shown, got, test.removed)
		}
		if got := marks(test.shown, added); got != test.added {
			t.Errorf("%q to %q: shown %s, want %s", test.generated, test.shown, got, test.added)
		}
	}
}

// kept returns the stretches of a text that are common, as one.
func kept(text string, s segments) string {
	var b strings.Builder
	for _, seg := range s {
		if seg.GetKind() == pb.Frame_Segment_EQUAL {
			b.WriteString(text[:seg.GetBytes()])
		}
		text = text[seg.GetBytes():]
	}
	return b.String()
}

// Whatever the texts, segments cover them to the last byte, and what is EQUAL
// on one side is what is EQUAL on the other.
func TestDifferencesCover(t *testing.T) {
	text := rapid.SliceOfN(rapid.OneOf(rapid.StringOfN(rapid.SampledFrom([]rune("ab .é漢")), 0, 30, -1), rapid.String()), 0, 3)
	rapid.Check(t, func(t *rapid.T) {
		generated, shown := text.Draw(t, "generated"), text.Draw(t, "shown")
		removed, added := differences(generated, shown)
		a, b := strings.Join(generated, ""), strings.Join(shown, "")
		for _, side := range []struct {
			text     string
			segments segments
		}{{a, removed}, {b, added}} {
			n := 0
			for _, seg := range side.segments {
				n += int(seg.GetBytes())
			}
			if n != len(side.text) {
				t.Fatalf("segments of %d bytes, want %d", n, len(side.text))
			}
		}
		if got, want := kept(a, removed), kept(b, added); got != want {
			t.Fatalf("common is %q on one side, %q on the other", got, want)
		}
	})
}

// What is found in common is the most there is.
func TestDifferIsShortest(t *testing.T) {
	text := rapid.SliceOfN(rapid.Int32Range(0, 3), 0, 40)
	rapid.Check(t, func(t *rapid.T) {
		var sides [2][]token
		for i := range sides {
			for _, n := range text.Draw(t, "text") {
				sides[i] = append(sides[i], token{word: n, bytes: 1})
			}
		}
		common(sides[0], sides[1], 4)
		var kept [2][]int32
		for i, side := range sides {
			for _, token := range side {
				if token.kept {
					kept[i] = append(kept[i], token.word)
				}
			}
		}
		if !slices.Equal(kept[0], kept[1]) {
			t.Fatalf("common is %v on one side, %v on the other", kept[0], kept[1])
		}
		if want := longestCommon(sides[0], sides[1]); len(kept[0]) != want {
			t.Fatalf("%d words in common, want %d", len(kept[0]), want)
		}
	})
}

// longestCommon is how many words two texts have in common, slowly.
func longestCommon(a, b []token) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x.word == y.word {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}

// Segments are cut where frames are.
func TestSegmentsTake(t *testing.T) {
	var s segments
	s.add(pb.Frame_Segment_EQUAL, 3)
	s.add(pb.Frame_Segment_ADDED, 4)
	if got := marks("abcd", s.take(4)); got != "abc{+d+}" {
		t.Errorf("the first four bytes: %s", got)
	}
	if got := marks("efg", s.take(10)); got != "{+efg+}" || len(s) != 0 {
		t.Errorf("the rest: %s, %d left", got, len(s))
	}
}

// Texts of a megabyte that have nothing or everything but a word in common are
// compared in bounded time.
func TestDifferencesOfLargeTexts(t *testing.T) {
	long := strings.Repeat("one two three four five. ", 20_000)
	other := strings.Repeat("uno dos tres cuatro cinco! ", 20_000)
	began := time.Now()
	removed, added := differences([]string{long}, []string{other})
	if len(removed) == 0 || len(added) == 0 {
		t.Error("no differences between texts that differ")
	}
	removed, _ = differences([]string{long + "bad " + long}, []string{long + long})
	if len(removed) != 3 || removed[1].GetBytes() != 4 {
		t.Errorf("got %d segments, want the one word", len(removed))
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func BenchmarkDifferences(b *testing.B) {
	generated := strings.Repeat("You may take up to eight of them in a day, said the nurse. ", 40)
	for name, shown := range map[string]string{
		"edited":   strings.Replace(generated, "eight", "two", 3),
		"replaced": strings.Repeat("I cannot help with that here; please call the line, they will know. ", 40),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(generated) + len(shown)))
			b.ReportAllocs()
			for b.Loop() {
				differences([]string{generated}, []string{shown})
			}
		})
	}
}
