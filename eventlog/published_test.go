package eventlog

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/eventlog/tree"
)

// A line of a witness that nobody here knows: its signature is its own.
const cosigned = "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==\n"

// What was published stays published, and never becomes less.
func TestPublished(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	if _, err := l.Published(t.Context()); !errors.Is(err, ErrNotFound) {
		t.Errorf("of a new log: got %v, want ErrNotFound", err)
	}
	add(t, l, "a", 0, 5)
	early := l.Newest()
	add(t, l, "a", 5, 300)
	late := l.Newest()
	for _, c := range []Checkpoint{late, early} { // the older one comes late
		if err := l.Publish(t.Context(), append(bytes.Clone(c.Note), cosigned...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	got, err := l.Published(t.Context())
	if err != nil || got.Size != late.Size || got.Root != late.Root || !strings.HasSuffix(string(got.Note), cosigned) {
		t.Errorf("got %d, %q, %v, want that of %d", got.Size, got.Note, err, late.Size)
	}
	kept, err := l.Kept(t.Context(), early.Size)
	if err != nil || !strings.HasSuffix(string(kept.Note), cosigned) {
		t.Errorf("kept: got %q, %v, want it with its cosignature", kept.Note, err)
	}
	check(t, l)
}

func TestPublishRefuses(t *testing.T) {
	l, other := open(t, config(t)), open(t, config(t))
	add(t, l, "a", 0, 5)
	add(t, other, "a", 0, 5)
	ahead, err := tree.Sign(6, tree.Hash{}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	for what, note := range map[string][]byte{
		"another log's":    other.Newest().Note,
		"of what is not":   ahead.Note,
		"without a signer": bytes.Split(l.Newest().Note, []byte("\n\n"))[0],
	} {
		if err := l.Publish(t.Context(), note); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: got %v, want ErrTampered", what, err)
		}
	}
}

// Invariant 5: what witnesses saw is a witness against the log, too.
func TestVerifyFindsWhatWasPublished(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	add(t, l, "a", 0, 300)
	forked, err := tree.Sign(200, tree.Hash{7}, l.signer)
	if err != nil {
		t.Fatal(err)
	}
	again, err := tree.Sign(300, tree.Hash{7}, l.signer)
	if err != nil || l.Close() != nil {
		t.Fatal(err)
	}
	for what, value := range map[string][]byte{"do not make the root": forked.Note, "different roots": again.Note, "open checkpoint": forked.Note[7:]} {
		key := publishedKey(200)
		if bytes.Equal(value, again.Note) {
			key = publishedKey(300)
		}
		put(t, cfg, key, value)
		all := dirFindings(t, cfg)
		if len(all) == 0 || !strings.Contains(all[0].Reason, what) {
			t.Errorf("got findings %+v, want one that says %q", all, what)
		}
		put(t, cfg, key, nil)
	}
	if all := dirFindings(t, cfg); len(all) > 0 {
		t.Errorf("after mending: %+v", all)
	}
}
