package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// framesAt yields frames of events a, b, … at offsets in seconds.
func framesAt(frames ...string) iter.Seq2[*pb.Frame, error] {
	return func(yield func(*pb.Frame, error) bool) {
		for _, f := range frames {
			var event string
			var seconds uint64
			if _, err := fmt.Sscan(f, &event, &seconds); err != nil {
				panic(err)
			}
			if !yield(&pb.Frame{Event: event, OffsetMs: seconds * 1000}, nil) {
				return
			}
		}
	}
}

// Each frame comes when it is due; pauses between events are cut short, those
// within one are not; keys hold it up, hurry it or end it.
func TestPlayback(t *testing.T) {
	type press struct {
		after time.Duration // the key before
		key   byte
	}
	for _, tt := range []struct {
		name    string
		speed   float64
		longest time.Duration
		presses []press
		want    string // seconds at which frames were shown, and the end
	}{
		{"at its pace", 1, 0, nil, "0 2 12 3612 3613"},
		{"twice as fast", 2, 0, nil, "0 1 6 1806 1806.5"},
		{"pauses cut short", 1, 5 * time.Second, nil, "0 2 12 17 18"},
		{"paused", 1, 5 * time.Second, []press{{time.Second, ' '}, {time.Minute, ' '}}, "0 62 72 77 78"},
		{"to the next event", 1, 5 * time.Second, []press{{time.Second, 'n'}}, "0 1 1 6 7"},
		{"other keys", 1, 5 * time.Second, []press{{time.Second, 'x'}}, "0 2 12 17 18"},
		{"ended", 1, 5 * time.Second, []press{{3 * time.Second, 'q'}}, "0 2"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				keys := make(chan byte, 16)
				go func() {
					for _, p := range tt.presses {
						time.Sleep(p.after)
						keys <- p.key
					}
				}()
				var got []string
				p := playback{speed: tt.speed, longest: tt.longest, keys: keys}
				for _, err := range p.play(t.Context(), framesAt("a 0", "a 2", "a 12", "b 3612", "b 3613")) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, fmt.Sprint(time.Since(began).Seconds()))
				}
				if got := strings.Join(got, " "); got != tt.want {
					t.Errorf("shown at %s, want %s", got, tt.want)
				}
			})
		})
	}
}

// Who interrupts a replay waits for nothing, paused or not.
func TestPlaybackEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		keys := make(chan byte, 1)
		keys <- keyPause
		p := playback{speed: 1e-9, keys: keys}
		var last error
		for _, last = range p.play(ctx, framesAt("a 0", "b 1")) {
			if last != nil {
				break
			}
		}
		if !errors.Is(last, context.DeadlineExceeded) {
			t.Errorf("ended with %v, want what ended the context", last)
		}
	})
}

// Frames are taken in while others are played, up to a bound, and all is let go
// of when the player leaves.
func TestAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taken := 0
		large := strings.Repeat("x", 1<<20)
		frames := ahead(t.Context(), func(ctx context.Context) iter.Seq2[*pb.Frame, error] {
			return func(yield func(*pb.Frame, error) bool) {
				for ctx.Err() == nil && yield(&pb.Frame{Text: large}, nil) {
					taken++
				}
			}
		})
		n := 0
		for range frames {
			synctest.Wait()
			if n++; n == 3 {
				break
			}
		}
		if taken < 16 || taken > maxAhead>>20+3 {
			t.Errorf("%d frames of 1 MiB were taken in ahead, want no more than %d", taken, maxAhead>>20)
		}
	})
}

func TestAheadHandsErrorsOn(t *testing.T) {
	broken := errors.New("broken")
	var got []error
	for _, err := range ahead(t.Context(), func(context.Context) iter.Seq2[*pb.Frame, error] {
		return func(yield func(*pb.Frame, error) bool) { _ = yield(&pb.Frame{}, nil) && yield(nil, broken) }
	}) {
		got = append(got, err)
	}
	if len(got) != 2 || got[0] != nil || !errors.Is(got[1], broken) {
		t.Errorf("got %v, want a frame and the error", got)
	}
}

// Keys that nobody waits for do not keep the interrupt from being heard.
func TestPress(t *testing.T) {
	interrupted := false
	pressed := make(chan byte, 2)
	press(strings.NewReader("  nnnn\x03"), pressed, func() { interrupted = true })
	if !interrupted || len(pressed) != 2 {
		t.Errorf("interrupted %v, %d keys, want the interrupt and two", interrupted, len(pressed))
	}
}

// In raw mode every line begins at the left.
func TestRawWriter(t *testing.T) {
	var out bytes.Buffer
	n, err := io.WriteString(rawWriter{&out}, "one\n\ntwo\n")
	if got, want := out.String(), "one\r\n\r\ntwo\r\n"; got != want || n != 9 || err != nil {
		t.Errorf("got %q, %d, %v, want %q, 9", got, n, err, want)
	}
}
