package main

import (
	"bufio"
	"cmp"
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
	"github.com/afterimage/afterimage/redaction"
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
		if os.Getenv("AFTERIMAGE_CORPUS") != "" {
			t.Fatalf("the shared corpus is not at hand: no %s (AFTERIMAGE_SHARED names its folder)", dir)
		}
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
			if slices.IsSorted([]byte(window)) {
				continue // twelve dashes, say: Pebble's sorted columns of bytes have them too
			}
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

// checkReplay checks that a replay shows each of the different texts that a
// session's events were published with, and no other, but for what was
// redacted: every text that is shown stands for a published one of its own.
// Their order is not compared here.
func (r *rig) checkReplay(session string, published []string) {
	r.Helper()
	var shown []string
	for _, f := range r.replay(session) {
		if text := f.GetText(); text != "" && !slices.Contains(shown, text) {
			shown = append(shown, text)
		}
	}
	for _, complaint := range compareTexts(published, shown) {
		r.Errorf("session %s: %s", session, complaint)
	}
}

// compareTexts compares what was published with what is shown, each text
// counted once.
func compareTexts(published, shown []string) (complaints []string) {
	stands := map[string]bool{} // of the shown, for a published one
	for i, original := range published {
		if slices.Contains(published[:i], original) {
			continue
		}
		found := slices.Contains(shown, original)
		if found {
			stands[original] = true
		}
		for _, text := range shown {
			if !found && !stands[text] && redactedFrom(original, text) {
				found, stands[text] = true, true
			}
		}
		// Two originals that differ in nothing but a person's spelling are one.
		found = found || slices.ContainsFunc(shown, func(text string) bool { return redactedFrom(original, text) })
		if !found {
			complaints = append(complaints, fmt.Sprintf("the replay lacks a text of %d bytes", len(original)))
		}
	}
	for _, text := range shown {
		if !stands[text] {
			complaints = append(complaints, fmt.Sprintf("the replay shows %d bytes that were not published", len(text)))
		}
	}
	return complaints
}

// What is missing, too much or not redacted but changed is noticed.
func TestCompareTexts(t *testing.T) {
	for _, c := range []struct {
		name             string
		published, shown []string
		complaints       int
	}{
		{"the same", []string{"a", "b", "a"}, []string{"a", "b"}, 0},
		{"redacted", []string{"mail a@b.example", "mail d@e.example"}, []string{"mail [EMAIL:aaaaaaaaaaaa]", "mail [EMAIL:bbbbbbbbbbbb]"}, 0},
		{"one person in two spellings", []string{"mail A@b.example", "mail a@b.example"}, []string{"mail [EMAIL:aaaaaaaaaaaa]"}, 0},
		{"one missing", []string{"a", "b"}, []string{"a"}, 1},
		{"one too much", []string{"a"}, []string{"a", "b"}, 1},
		{"changed", []string{"mail a@b.example!"}, []string{"mail [EMAIL:aaaaaaaaaaaa]?"}, 2},
		{"redacted as a whole", []string{"a long text", "another text"}, []string{"[X:aaaaaaaaaaaa]"}, 2 + 1},
	} {
		if got := compareTexts(c.published, c.shown); len(got) != c.complaints {
			t.Errorf("%s: got %q, want %d complaints", c.name, got, c.complaints)
		}
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

var replacement = regexp.MustCompile(`\[([A-Z][A-Z0-9_]*):[a-z2-7]{12}\]`)

// stood is what can have stood where a type stands now, at the least; where
// other types do, something.
var stood = map[string]string{
	"EMAIL": `.*?(?:@|%40).*?`, "PHONE": `.*?\d.*?`, "CREDIT_CARD": `.*?\d.*?`, "IBAN": `.*?\d.*?`, "US_SSN": `.*?\d.*?`,
	"IP_ADDRESS": `.*?[.:].*?`, "API_KEY": `.+?`, "GENERIC_SECRET": `.+?`, "PASSWORD": `.+?`, "URL_CREDENTIALS": `.+?`, "JWT": `.+?`, "PRIVATE_KEY": `.+?`,
}

// redactedFrom tells whether text is the original with at least one span
// replaced by a type that can have stood there.
func redactedFrom(original, text string) bool {
	kept, types := replacement.Split(text, -1), replacement.FindAllStringSubmatch(text, -1)
	if len(types) == 0 || !strings.HasPrefix(original, kept[0]) || !strings.HasSuffix(original, kept[len(kept)-1]) {
		return false
	}
	pattern := `(?s)^` + regexp.QuoteMeta(kept[0])
	for i, m := range types {
		if !slices.Contains(redaction.Types(), m[1]) {
			return false
		}
		span := cmp.Or(stood[m[1]], `.+?`)
		pattern += span + regexp.QuoteMeta(kept[i+1])
	}
	return regexp.MustCompile(pattern + `$`).MatchString(original)
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
		{"call +49 30 1234567 now", "call [PHONE:aaaaaaaaaaaa] now", true},
		{"a text without any address", "[EMAIL:aaaaaaaaaaaa]", false},
		{"a text", "[X:aaaaaaaaaaaa]", false},
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
