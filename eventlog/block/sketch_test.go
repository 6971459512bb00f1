package block

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/event/words"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// call is an interaction with one message of each kind, where it is not "".
func call(asked, generated, shown string, probability float64) Item {
	message := func(role string, texts ...string) []*pb.Message {
		m := &pb.Message{Role: role}
		for _, text := range texts {
			m.Parts = append(m.Parts, &pb.Part{Kind: &pb.Part_Text{Text: text}})
		}
		return []*pb.Message{m}
	}
	in := &pb.Interaction{}
	if asked != "" {
		in.Input = message("user", asked)
	}
	if generated != "" {
		in.Output = message("assistant", strings.Split(generated, "|")...)
	}
	if shown != "" {
		in.Shown = message("assistant", shown)
	}
	e := &pb.Event{Body: &pb.Event_Interaction{Interaction: in}}
	if probability > 0 {
		e.Capture = &pb.Capture{Probability: &probability}
	}
	return Item{Event: e}
}

// calls are random events that say little, so that they say the same.
func calls(r *rapid.T, label string) (items []Item) {
	text := rapid.SampledFrom([]string{"", "a", "a b", "b|c", "???", "the quick brown fox", "東京都", strings.Repeat("long and longer ", 9), strings.Repeat("other words ", 20)})
	n := rapid.IntRange(1, 30).Draw(r, label)
	for range n {
		items = append(items, call(text.Draw(r, "asked"), text.Draw(r, "generated"), text.Draw(r, "shown"), rapid.SampledFrom([]float64{0, 0.5, 0.05, 1}).Draw(r, "probability")))
	}
	return items
}

// Sketches tell of every event what each voice says, whether it is the same as
// another, and with what probability it was captured.
func TestSketchesSayWhatIsSaid(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	rapid.Check(t, func(r *rapid.T) {
		in := calls(r, "events")
		sealed, err := c.SealDense(7, 3, keys, in)
		if err != nil {
			r.Fatal(err)
		}
		s, err := c.OpenSketches(7, sealed.Header, keys.Block, sealed.Sketch)
		if err != nil {
			r.Fatal(err)
		}
		numbers := map[string]int{}
		for i, it := range in {
			if got, want := s.Probability(i), it.Event.GetCapture().GetProbability(); got != want {
				r.Errorf("event %d: probability %v, want %v", i, got, want)
			}
			for v := range event.Voices {
				text := event.TextOf(it.Event, event.Voice(v))
				n, any := s.Text(event.Voice(v), i)
				if any != (text != "") {
					r.Fatalf("event %d, voice %d: %v, says %q", i, v, any, text)
				}
				if !any {
					continue
				}
				if before, known := numbers[text]; known && before != n {
					r.Fatalf("event %d, voice %d: %q is text %d, was %d", i, v, text, n, before)
				}
				numbers[text] = n
				if want := new(minhash.Maker).Sketch(words.Of(text)); s.Texts[n] != want || s.Names[n] != NameOf(keys.Texts, text) {
					r.Fatalf("event %d, voice %d: %q: got %v, want %v", i, v, text, s.Texts[n], want)
				}
			}
		}
		if len(s.Texts) != len(numbers) {
			r.Errorf("%d texts, want %d", len(s.Texts), len(numbers))
		}
		if err := c.CheckSketches(7, sealed.Header, keys, sealed.Sketch, in); err != nil {
			r.Error(err)
		}
		f, err := c.OpenFilter(7, sealed.Header, keys.Block, sealed.Filter)
		if err != nil {
			r.Fatal(err)
		}
		for text := range numbers {
			for part := range strings.SplitSeq(text, "\n") {
				if !has(f, keys, part) {
					r.Errorf("the filter, made after the sketches, denies a word of %q", part)
				}
			}
		}
	})
}

// Sketches of other events are found, though they open; and made again they are
// the same.
func TestCheckSketches(t *testing.T) {
	c, keys := codec(t), bucketKeys(t)
	in := []Item{call("how are you", "fine", "", 0.5), call("how are you", "fine, thanks", "", 0.5)}
	sealed, err := c.Seal(7, 3, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string][]Item{
		"another text":        {in[0], call("how are you", "fine; thanks", "", 0.5)},
		"another probability": {in[0], call("how are you", "fine, thanks", "", 0.25)},
		"another order":       {in[1], in[0]},
	} {
		if err := c.CheckSketches(7, sealed.Header, keys, sealed.Sketch, other); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: got %v, want ErrCorrupt", name, err)
		}
	}
	again, err := c.SealSketches(7, sealed.Header, keys, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CheckSketches(7, sealed.Header, keys, again, in); err != nil {
		t.Errorf("made again: %v", err)
	}
}

// Names tell texts of a tenant apart, and nothing to another: only who has the key
// can tell whose text has the same name.
func TestNamesAreKeyed(t *testing.T) {
	a, b := bucketKeys(t), bucketKeys(t)
	names, same := map[TextName]bool{}, 0
	for i := range 1000 {
		text := fmt.Sprint("text ", i)
		names[NameOf(a.Texts, text)] = true
		if NameOf(a.Texts, text) == NameOf(b.Texts, text) {
			same++
		}
	}
	if len(names) != 1000 || same > 0 {
		t.Errorf("1000 texts have %d names, %d of them under another key too", len(names), same)
	}
}

// Sketches on people's disks can be read for ever.
func TestGoldenSketches(t *testing.T) {
	var keys Keys // of zeros, the same for ever
	path := filepath.Join("testdata", "sketch.v1.golden")
	in := []Item{
		call("What is the weather like?", "I do not know.", "", 0.5), call("What is the weather like?", "I do|not know.", "Sorry.", 0.05),
		call("", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich, und noch einmal: zwölf Boxkämpfer, 東京都 2026", "I do not know.", 0),
		call("Zwei", "...", "", 0.5), {Event: &pb.Event{}},
	}
	got := codec(t).Sketch(in, keys).encode()
	want, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) && *update {
		want, err = got, os.WriteFile(path, got, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %x\nwant %x", got, want)
	}
	s, err := decodeSketches(want, len(in))
	if err != nil {
		t.Fatal(err)
	}
	if again := s.encode(); !bytes.Equal(again, want) {
		t.Errorf("read and written: got %x\nwant %x", again, want)
	}
}

func FuzzDecodeSketches(f *testing.F) {
	c := codec(f)
	in := []Item{call("a", "b c d", "", 0.5), call("a", "b c d", "e", 0.1), call("b c d", strings.Repeat("x y z ", 20), "", 0)}
	f.Add(c.Sketch(in, Keys{}).encode(), 3)
	f.Add([]byte{1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, 1)
	f.Fuzz(func(t *testing.T, b []byte, events int) {
		s, err := decodeSketches(b, 1+events&0xff)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) || s != nil {
				t.Fatalf("got %v and %v", s, err)
			}
			return
		}
		for i := range s.Len() {
			s.Probability(i)
			for v := range event.Voices {
				if n, any := s.Text(event.Voice(v), i); any && n >= len(s.Texts) {
					t.Fatalf("event %d says text %d of %d", i, n, len(s.Texts))
				}
			}
		}
		again, err := decodeSketches(s.encode(), s.Len())
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if !bytes.Equal(again.encode(), s.encode()) {
			t.Fatalf("got %x, want %x", again.encode(), s.encode())
		}
	})
}
