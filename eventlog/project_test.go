package eventlog

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/afterimage/afterimage/event"
)

// await runs what follows the log until it has seen everything.
func await(t *testing.T, l *Log, run func(ctx context.Context, seen func(event.Seq)) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	size := l.Size()
	err := run(ctx, func(seq event.Seq) {
		if seq+1 == size {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want that it was stopped", err)
	}
}

// A consumer goes on where it was, over a restart and over epochs.
func TestConsume(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 100, 20)
	var got []event.Seq
	consume := func() {
		await(t, l, func(ctx context.Context, seen func(event.Seq)) error {
			return l.Consume(ctx, "test", func(_ context.Context, batch []*Followed) error {
				for _, f := range batch {
					got = append(got, f.Seq)
				}
				seen(batch[len(batch)-1].Seq)
				return nil
			})
		})
	}
	consume()
	forget(t, l, erasure("acme", "r1", 50))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	add(t, l, "acme", 100, 120)
	consume()
	want := event.Seq(0)
	for _, seq := range got {
		if seq != want {
			t.Fatalf("got event %d, want %d", seq, want)
		}
		want++
	}
	if want != l.Size() {
		t.Fatalf("got %d events, want %d", want, l.Size())
	}
	// A failure is not taken for done.
	add(t, l, "acme", 120, 130)
	broken := errors.New("broken")
	for range 2 {
		first := event.Seq(0)
		err := l.Consume(t.Context(), "test", func(_ context.Context, batch []*Followed) error { first = batch[0].Seq; return broken })
		if !errors.Is(err, broken) || first != want {
			t.Fatalf("got %v at %d, want the failure at %d", err, first, want)
		}
	}
}

// A projection counts each event once, whatever happens on the way, and what is
// forgotten not at all.
func TestProject(t *testing.T) {
	cfg := config(t)
	l := bits(t, cfg, 300, 20)
	count := func(_ context.Context, f *Followed, s *State) error {
		m, err := f.Meta()
		if err != nil {
			return err
		}
		n, err := counted(s, m.GetSession())
		if err != nil {
			return err
		}
		return s.Put(m.GetSession(), []byte(strconv.Itoa(n+1)))
	}
	project := func() {
		await(t, l, func(ctx context.Context, seen func(event.Seq)) error {
			return l.Project(ctx, "counts", func(ctx context.Context, f *Followed, s *State) error {
				defer seen(f.Seq)
				return count(ctx, f, s)
			})
		})
	}
	want := func(when string, want int) {
		t.Helper()
		s, err := l.State("counts")
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		all := 0
		for n := range 10 {
			n, err := counted(s, "session-"+strconv.Itoa(n))
			if err != nil {
				t.Fatal(err)
			}
			all += n
		}
		if all != want {
			t.Fatalf("%s: %d events counted, want %d", when, all, want)
		}
	}
	project()
	want("at first", 300)
	add(t, l, "acme", 300, 320)
	broken := errors.New("broken")
	err := l.Project(t.Context(), "counts", func(ctx context.Context, f *Followed, s *State) error {
		if f.Seq == 310 {
			return broken
		}
		return count(ctx, f, s)
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the failure", err)
	}
	want("after a failure", 300)
	project()
	want("after trying again", 320)
	forget(t, l, erasure("acme", "r1", 3, 13, 23))
	want("in a new epoch", 0)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	project()
	want("made anew", 317)
	if err := l.Discard("counts"); err != nil {
		t.Fatal(err)
	}
	want("discarded", 0)
	check(t, l)
}

// counted returns what a projection counted of a session.
func counted(s *State, session string) (int, error) {
	v, err := s.Get(session)
	if err != nil || v == nil {
		return 0, err
	}
	return strconv.Atoi(string(v))
}
