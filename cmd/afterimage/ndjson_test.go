package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/afterimage/afterimage/event"
)

func writeFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readAll returns what a source yields as file:line and id or reason.
func readAll(t *testing.T, stdin string, files ...string) []string {
	t.Helper()
	s, err := newSource(files, strings.NewReader(stdin))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	err = s.each(t.Context(), func(file string, l line) error {
		what := l.event.GetId()
		if l.err != nil {
			what = "!" + l.err.Error()
		}
		got = append(got, fmt.Sprintf("%s:%d %s", filepath.Base(file), l.number, what))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Lines keep their order and their numbers over many chunks and all ways of
// compression, or a report of a bad line sends people to the wrong one.
func TestSourceKeepsOrder(t *testing.T) {
	var plain bytes.Buffer
	var want []string
	for i := range 20_000 {
		if i%1000 == 17 {
			plain.WriteString("\n") // blank lines count, but are nothing
		}
		fmt.Fprintf(&plain, `{"id":"e%d","session":%q}`+"\n", i, strings.Repeat("s", i%250))
		want = append(want, fmt.Sprintf("%d e%d", i+1+(i+983)/1000, i))
	}
	var zipped, zstded bytes.Buffer
	zw := gzip.NewWriter(&zipped)
	sw, err := zstd.NewWriter(&zstded)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []interface {
		Write([]byte) (int, error)
		Close() error
	}{zw, sw} {
		if _, err := w.Write(plain.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range map[string][]byte{"plain": plain.Bytes(), "misnamed.zst": zipped.Bytes(), "a.zst": zstded.Bytes()} {
		got := readAll(t, "", writeFile(t, name, data))
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], name+":")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: got + want -:\n%s", name, diff)
		}
	}
}

// A line over the limit is named and skipped without being kept, and what
// comes before and behind it is not lost.
func TestSourceSkipsLongLines(t *testing.T) {
	long := func(n int) string {
		const around = len(`{"id":"","session":""}`)
		return fmt.Sprintf(`{"id":"x","session":%q}`, strings.Repeat("s", n-around-1))
	}
	input := `{"id":"a"}` + "\n" + long(event.DefaultEventBytes) + "\n" + long(event.DefaultEventBytes+1) + "\n" +
		strings.Repeat("y", 9<<20) + "\n" + `{"id":"b"}` // no line end
	got := readAll(t, input)
	want := []string{
		"-:1 a",
		"-:2 x",
		"-:3 !event has 1048577 bytes: the limit is 1048576: too large",
		"-:4 !event has 9437184 bytes: the limit is 1048576: too large",
		"-:5 b",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("got + want -:\n%s", diff)
	}
}

func TestSourceEnds(t *testing.T) {
	truncated := writeFile(t, "t.gz", []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0})
	s, err := newSource([]string{truncated}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.each(t.Context(), func(string, line) error { return nil }); err == nil || !strings.Contains(err.Error(), "t.gz") {
		t.Errorf("got %v, want an error that names the file", err)
	}

	stop := errors.New("stop")
	many := strings.Repeat(`{"id":"a"}`+"\n", 100_000)
	s, err = newSource(nil, strings.NewReader(many))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.each(t.Context(), func(string, line) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}

	ctx, cancel := context.WithCancel(t.Context())
	s, err = newSource(nil, strings.NewReader(many))
	if err != nil {
		t.Fatal(err)
	}
	err = s.each(ctx, func(string, line) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if got := readAll(t, ""); len(got) != 0 {
		t.Errorf("got %v from nothing", got)
	}
}
