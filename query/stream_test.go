package query

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestCut(t *testing.T) {
	deltas := []*pb.Delta{{OffsetMs: 10, Bytes: 2}, {OffsetMs: 20, Bytes: 0}, {OffsetMs: 30, Bytes: 3}}
	for _, test := range []struct {
		name  string
		texts []string
		want  [][]step
	}{
		{"in two steps", []string{"abcde"}, [][]step{{{"ab", 10}, {"cde", 30}}}},
		{"the rest comes with the last step", []string{"abcdefg"}, [][]step{{{"ab", 10}, {"cdefg", 30}}}},
		{"over two texts", []string{"a", "bcde"}, [][]step{{{"a", 10}}, {{"b", 10}, {"cde", 30}}}},
		{"shorter than said", []string{"a"}, [][]step{{{"a", 10}}}},
		{"not inside a character", []string{"aéöü"}, [][]step{{{"a", 10}, {"éöü", 30}}}},
		{"an empty text", []string{""}, [][]step{{{"", 10}}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStreamer(deltas)
			var got [][]step
			for _, text := range test.texts {
				got = append(got, s.cut(text))
			}
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(step{})); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
		})
	}
}

// Whatever deltas say, the steps are the text, in valid UTF-8.
func TestCutLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var deltas []*pb.Delta
		for _, n := range rapid.SliceOfN(rapid.Uint32Range(0, 9), 0, 9).Draw(t, "bytes") {
			deltas = append(deltas, &pb.Delta{Bytes: n})
		}
		s := newStreamer(deltas)
		for _, text := range rapid.SliceOf(rapid.String()).Draw(t, "texts") {
			var got strings.Builder
			for _, step := range s.cut(text) {
				if !utf8.ValidString(step.text) {
					t.Fatalf("step %q is not UTF-8", step.text)
				}
				got.WriteString(step.text)
			}
			if got.String() != text {
				t.Fatalf("steps make %q, want %q", got.String(), text)
			}
		}
	})
}

// A session that is played for hours is read in stretches that grow while its
// events are small, and shrink to one where they are large.
func TestNextStretch(t *testing.T) {
	for _, test := range []struct{ n, bytes, want int }{
		{16, 100 << 10, 32}, {64, 100 << 10, stretch}, {16, 16 << 20, 1}, {16, 4 << 20, 4}, {1, 3 << 20, 1}, {1, 100, 2},
	} {
		if got := next(test.n, test.bytes); got != test.want {
			t.Errorf("after %d events of %d bytes: %d, want %d", test.n, test.bytes, got, test.want)
		}
	}
}
