package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// How much of the corpus TestCorpus looks at closely.
const (
	corpusRounds   = 20    // kills of the store
	corpusSessions = 200   // sessions whose replay is compared
	corpusWindows  = 1_000 // pieces of text that are looked for on disk
	windowSize     = 12    // their bytes
)

// The whole path on the whole corpus: the store is killed twenty times while
// it is published; then every acknowledged event must be there once
// (invariant 1), replays must show what went in but for what was redacted,
// the log must verify (invariant 5), and nothing of it may stand in clear on
// the disk (invariant 2). Takes minutes.
func TestCorpus(t *testing.T) {
	if os.Getenv("AFTERIMAGE_CORPUS") == "" {
		t.Skip("takes minutes: `make corpus` runs it")
	}
	r, random := newRig(t), seeded(t)
	r.tenant = "clinic-7f3a" // no word that any file may have for another reason
	files := corpusFiles(t)
	c := sampleCorpus(t, random, files)

	server := r.killWhilePublishing(random, crashRounds(t, corpusRounds), files...)
	r.checkKept(c.events)
	r.Logf("%d events, each stored once", c.events)
	for name, texts := range c.replayed {
		r.checkReplay(name, texts)
	}
	r.Logf("replays of %d sessions show what was published", len(c.replayed))
	r.run("verify", "--url", "http://"+r.http)
	r.checkSealed(c)
	server.stop(os.Interrupt)
	r.run("verify", "--data", "data", "--keys", "keys")
	r.checkSealed(c)
}

// corpusFiles returns the files of the shared corpus, or skips the test where
// there are none.
func corpusFiles(t testing.TB) []string {
	t.Helper()
	root := os.Getenv("AFTERIMAGE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	dir, err := filepath.Abs(filepath.Join(root, "corpus"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skip("the shared corpus is not at hand")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("corpus: %d files, error %v", len(files), err)
	}
	return files
}

// eachEvent calls f with every event of the files.
func eachEvent(t testing.TB, files []string, f func(*pb.Event)) {
	t.Helper()
	from, err := newSource(files, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = from.each(t.Context(), func(file string, l line) error {
		if l.err != nil {
			return fmt.Errorf("%s:%d: %w", filepath.Base(file), l.number, l.err)
		}
		f(l.event)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A corpusSample is what a test wants to know of the corpus.
type corpusSample struct {
	events   int
	replayed map[string][]string // the texts of some sessions, by session
	windows  []string            // pieces of text
	names    map[string]bool     // sessions, users, ids and models
}

func sampleCorpus(t testing.TB, random *rand.Rand, files []string) *corpusSample {
	t.Helper()
	c := &corpusSample{replayed: map[string][]string{}, names: map[string]bool{}}
	var sessions []string
	texts := 0
	eachEvent(t, files, func(e *pb.Event) {
		c.events++
		for _, name := range []string{e.GetId(), e.GetSession(), e.GetUser(), e.GetInteraction().GetModel().GetName()} {
			c.names[name] = true
		}
		if e.GetTurn() == 1 {
			sessions = append(sessions, e.GetSession())
		}
		for _, text := range eventTexts(e) {
			if len(text) < windowSize {
				continue
			}
			texts++
			at := random.IntN(len(text) - windowSize + 1)
			window := strings.Clone(text[at : at+windowSize])
			if len(c.windows) < corpusWindows {
				c.windows = append(c.windows, window)
			} else if k := random.IntN(texts); k < corpusWindows {
				c.windows[k] = window
			}
		}
	})
	for len(c.replayed) < corpusSessions {
		c.replayed[sessions[random.IntN(len(sessions))]] = nil
	}
	eachEvent(t, files, func(e *pb.Event) {
		if said, wanted := c.replayed[e.GetSession()]; wanted {
			c.replayed[e.GetSession()] = append(said, eventTexts(e)...)
		}
	})
	return c
}

// eventTexts returns every text that an interaction carries, but empty ones.
func eventTexts(e *pb.Event) []string {
	in := e.GetInteraction()
	var all []string
	for _, m := range slices.Concat(in.GetInput(), in.GetOutput(), in.GetShown()) {
		for _, p := range m.GetParts() {
			all = append(all, p.GetText(), p.GetReasoning(), p.GetToolCall().GetArguments(),
				p.GetToolResult().GetResult(), p.GetToolResult().GetError())
		}
	}
	for _, d := range in.GetRetrieved() {
		all = append(all, d.GetTitle(), d.GetText())
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

// checkReplay checks that a replay shows each of the texts that a session's
// events were published with, and no other, but for what was redacted.
func (r *rig) checkReplay(session string, published []string) {
	r.Helper()
	missing := map[string]bool{}
	for _, text := range published {
		missing[text] = true
	}
	shown := map[string]bool{}
	for _, f := range r.replay(session) {
		if f.GetText() != "" {
			shown[f.GetText()] = true
		}
	}
	for text := range shown {
		if missing[text] {
			delete(missing, text)
			delete(shown, text)
		}
	}
	for text := range shown {
		found := false
		for original := range missing {
			if redactedFrom(original, text) {
				found = true
				delete(missing, original) // the same person in two spellings may be one text now
			}
		}
		if !found {
			r.Errorf("session %s: the replay shows %d bytes that were not published", session, len(text))
		}
	}
	for text := range missing {
		r.Errorf("session %s: the replay lacks a text of %d bytes", session, len(text))
	}
}

// replay returns the frames of a session with everything that was carried.
func (r *rig) replay(session string) []*pb.Frame {
	r.Helper()
	response, err := http.Get("http://" + r.http + replayPath(r.tenant, session))
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		r.Fatalf("replay of %s: got status %s", session, response.Status)
	}
	var frames []*pb.Frame
	for lines := json.NewDecoder(bufio.NewReader(response.Body)); lines.More(); {
		var piece struct{ Result json.RawMessage }
		if err := lines.Decode(&piece); err != nil {
			r.Fatal(err)
		}
		f := new(pb.Frame)
		if err := protojson.Unmarshal(piece.Result, f); err != nil {
			r.Fatal(err)
		}
		frames = append(frames, f)
	}
	return frames
}

func replayPath(tenant, session string) string {
	return "/v1/tenants/" + tenant + "/sessions/" + url.PathEscape(session) + ":replay?view=BOTH"
}

var replacement = regexp.MustCompile(`\[[A-Z][A-Z0-9_]*:[a-z2-7]{12}\]`)

// redactedFrom tells whether text is the original with at least one span
// replaced.
func redactedFrom(original, text string) bool {
	kept := replacement.Split(text, -1)
	if len(kept) < 2 {
		return false
	}
	first, last := kept[0], kept[len(kept)-1]
	rest, ok := strings.CutPrefix(original, first)
	if !ok {
		return false
	}
	if rest, ok = strings.CutSuffix(rest, last); !ok {
		return false
	}
	for _, part := range kept[1 : len(kept)-1] {
		_, after, found := strings.Cut(rest, part)
		if !found {
			return false
		}
		rest = after
	}
	return true
}

// A text whose other parts were changed is not the original redacted.
func TestRedactedFrom(t *testing.T) {
	for _, c := range []struct {
		original, text string
		want           bool
	}{
		{"write to a@b.example, or c@d.example!", "write to [EMAIL:aaaaaaaaaaaa], or [EMAIL:bbbbbbbbbbbb]!", true},
		{"a@b.example", "[EMAIL:aaaaaaaaaaaa]", true},
		{"write to a@b.example!", "write to a@b.example!", false},
		{"write to a@b.example!", "wrote to [EMAIL:aaaaaaaaaaaa]!", false},
		{"write to a@b.example!", "write to [EMAIL:aaaaaaaaaaaa]?", false},
		{"a@b.example or c@d.example", "[EMAIL:aaaaaaaaaaaa] and [EMAIL:bbbbbbbbbbbb]", false},
	} {
		if got := redactedFrom(c.original, c.text); got != c.want {
			t.Errorf("redactedFrom(%q, %q): got %v, want %v", c.original, c.text, got, c.want)
		}
	}
}

// checkSealed checks that no file of the store has a window or a name of the
// corpus in clear. It looks into a plain file too, to know that it would find
// them.
func (r *rig) checkSealed(c *corpusSample) {
	r.Helper()
	var needles []string
	for name := range c.names {
		if len(name) >= minNeedle {
			needles = append(needles, name)
		}
	}
	h := newHaystack(append(append(needles, r.tenant), c.windows...))
	files, size := 0, 0
	err := filepath.WalkDir(filepath.Join(r.dir, "data"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // compacted or swept meanwhile
		}
		if err != nil {
			return err
		}
		files, size = files+1, size+len(data)
		if at, found := h.find(data); found {
			return fmt.Errorf("%s holds something of the corpus in clear at byte %d", filepath.Base(path), at)
		}
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	if files == 0 {
		r.Fatal("the store has no files")
	}
	for _, needle := range append(needles[:1], c.windows[0]) {
		if _, found := h.find([]byte("before " + needle + " after")); !found {
			r.Fatal("what stands in clear is not found")
		}
	}
	r.Logf("%d windows and %d names are in none of %d files, %d MB", len(c.windows), len(needles), files, size>>20)
}

// minNeedle is the shortest name that is looked for: a shorter one can be in
// so many bytes of ciphertext by chance.
const minNeedle = 7

// A haystack finds any of many needles, each of at least minNeedle bytes.
type haystack map[[minNeedle]byte][]string

func newHaystack(needles []string) haystack {
	h := haystack{}
	for _, n := range needles {
		start := [minNeedle]byte([]byte(n))
		h[start] = append(h[start], n)
	}
	return h
}

func (h haystack) find(data []byte) (at int, found bool) {
	for i := 0; i+minNeedle <= len(data); i++ {
		for _, needle := range h[[minNeedle]byte(data[i:])] {
			if len(data)-i >= len(needle) && string(data[i:i+len(needle)]) == needle {
				return i, true
			}
		}
	}
	return 0, false
}
