package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fsckTool is the path of Tessera's fsck as its authors wrote it, built from
// the tools module.
var fsckTool = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-modfile=tools/go.mod", "-n", "fsck")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build fsck: %w: %s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(path)), nil
})

// fsck has Tessera's fsck check a log: url is that of the store or of what
// stands before it. It returns nil if fsck says that it succeeded; it exits
// with 0 either way.
func fsck(t testing.TB, url, vkey, origin string) error {
	t.Helper()
	tool, err := fsckTool()
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "log.pub")
	if err := os.WriteFile(key, []byte(vkey), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// With one worker it hangs after the first bad tile: nobody takes the rest.
	cmd := exec.CommandContext(ctx, tool, "--storage_url="+url+"/tlog/", "--public_key="+key, "--origin="+origin, "--ui=false", "--N=8")
	said, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return fmt.Errorf("fsck: %w: %s", err, said)
	case bytes.Contains(said, []byte("fsck failed")), !bytes.Contains(said, []byte("Successfully fsck'd")):
		return fmt.Errorf("fsck: %s", said)
	}
	return nil
}

// A head is what /v1/checkpoint answers.
type head struct {
	Origin, Note, VerifierKey string
	Size                      uint64 `json:",string"`
	Root                      []byte
}

// get reads a path of the store's.
func (r *rig) get(path string) []byte {
	r.Helper()
	return get(r, "http://"+r.http+path)
}

func get(t testing.TB, url string) []byte {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: got %s, error %v: %s", url, response.Status, err, text)
	}
	return text
}

func (r *rig) head() head {
	r.Helper()
	var h head
	if err := json.Unmarshal(r.get("/v1/checkpoint"), &h); err != nil {
		r.Fatal(err)
	}
	return h
}

// grow publishes small events until the log has exactly size positions.
func (r *rig) grow(size uint64) head {
	r.Helper()
	for now := r.head().Size; now < size; now = r.head().Size {
		n := size - now
		if now == 1 { // what the store makes of its clock
			n-- // the policy comes first
		}
		var b bytes.Buffer
		at := time.Now().UTC().Format(time.RFC3339Nano)
		for i := range n {
			fmt.Fprintf(&b, `{"id":"%d-%d","time":%q,"session":"s","interaction":{"input":[{"role":"user","parts":[{"text":"hello"}]}]}}`+"\n", now, i, at)
		}
		if err := os.WriteFile(filepath.Join(r.dir, "more.ndjson"), b.Bytes(), 0o600); err != nil {
			r.Fatal(err)
		}
		p := r.publish("more.ndjson")
		<-p.ended
		r.mustSucceed(p)
		r.await(now + n)
	}
	h := r.head()
	if h.Size != size {
		r.Fatalf("got a log of %d, want %d", h.Size, size)
	}
	return h
}

// await waits until the log has so many positions: a store that is started again
// puts on record what it has.
func (r *rig) await(size uint64) {
	r.Helper()
	for r.head().Size < size {
		time.Sleep(5 * time.Millisecond) // another process: there is nothing else to wait on
	}
}

// A program that nobody here wrote recomputes our tree from what we publish,
// at every shape of its right edge.
func TestFsck(t *testing.T) {
	r := newRig(t)
	server := r.serve()
	served := map[string][]byte{}
	for _, size := range []uint64{1, 3, 255, 256, 257, 512, 700} {
		h := r.grow(size)
		for _, path := range edge(size) {
			served[path] = r.get("/tlog/" + path)
		}
		if err := fsck(t, "http://"+r.http, h.VerifierKey, h.Origin); err != nil {
			t.Errorf("size %d: %v", size, err)
		}
	}
	server.stop(os.Interrupt)
	r.serve()
	h := r.head()
	if err := fsck(t, "http://"+r.http, h.VerifierKey, h.Origin); err != nil {
		t.Errorf("started again: %v", err)
	}
	if err := fsck(t, "http://"+r.http, h.VerifierKey, "example.org/other"); err == nil {
		t.Error("fsck took the log for another")
	}
	// What a checkpoint of any size needed is there for good, and the same.
	for path, want := range served {
		if got := r.get("/tlog/" + path); !bytes.Equal(got, want) {
			t.Errorf("%s was %x and is %x", path, want, got)
		}
	}
}

// edge is the paths of the rightmost tiles and bundle of a tree, as C2SP
// tlog-tiles names them.
func edge(size uint64) []string {
	var paths []string
	for level, n := 0, size; n > 0; level, n = level+1, n/256 {
		path := tileIndex((n - 1) / 256)
		if w := n % 256; w > 0 {
			path += fmt.Sprintf(".p/%d", w)
		}
		if level == 0 {
			paths = append(paths, "tile/entries/"+path)
		}
		paths = append(paths, fmt.Sprintf("tile/%d/%s", level, path))
	}
	return paths
}

// Invariant 5, by a stranger's hand: whatever byte that fsck reads is changed
// on the way, it fails.
func TestFsckFinds(t *testing.T) {
	size := uint64(65_536 + 2*256 + 3) // three levels, each with a partial tile
	paths := []string{"tile/2/000.p/1", "tile/1/001.p/2", "tile/1/000", "tile/0/258.p/3", "tile/0/123"}
	if testing.Short() {
		size, paths = 2*256+3, []string{"tile/1/000.p/2", "tile/0/002.p/3", "tile/0/001"}
	}
	r := newRig(t)
	r.serve()
	h := r.grow(size)
	paths = append(paths, "checkpoint", "tile/entries/001", "tile/entries/"+tileIndex(size/256)+".p/3")
	random := seeded(t)
	for _, path := range paths {
		f := &flipper{path: "/tlog/" + path, random: random}
		web := httptest.NewServer(f.proxy("http://" + r.http))
		err := fsck(t, web.URL, h.VerifierKey, h.Origin)
		web.Close()
		if err == nil {
			t.Errorf("fsck passes where byte %d of %s was changed", f.at, path)
		}
		if !f.flipped {
			t.Errorf("fsck never read %s: %v", path, err)
		}
	}
	web := httptest.NewServer((&flipper{}).proxy("http://" + r.http))
	defer web.Close()
	if err := fsck(t, web.URL, h.VerifierKey, h.Origin); err != nil {
		t.Errorf("nothing was changed: %v", err)
	}
}

// tileIndex is the index of a tile as it stands in paths.
func tileIndex(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%03d", n)
	}
	return "x" + tileIndex(n/1000) + fmt.Sprintf("/%03d", n%1000)
}

// A flipper is a proxy that changes one byte of what stands at path.
type flipper struct {
	path   string
	random *rand.Rand

	mu      sync.Mutex // guards what follows
	flipped bool
	at      int
}

func (f *flipper) proxy(to string) http.Handler {
	target, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(response *http.Response) error {
			if response.Request.URL.Path != f.path || response.StatusCode != http.StatusOK {
				return nil
			}
			text, err := io.ReadAll(response.Body)
			if err = errors.Join(err, response.Body.Close()); err != nil {
				return err
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			end := len(text)
			if strings.HasSuffix(f.path, "/checkpoint") {
				end -= len("x=\n") // The last bits of base64 mean nothing.
			}
			f.flipped, f.at = true, f.random.IntN(end)
			text[f.at] ^= 1 << f.random.IntN(8)
			response.Body = io.NopCloser(bytes.NewReader(text))
			return nil
		},
	}
}
