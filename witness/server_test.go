package witness

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	fnote "github.com/transparency-dev/formats/note"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A history is a log by golang.org/x/mod's own implementation of the tree.
type history struct {
	party
	testing.TB
	hashes []tlog.Hash
	size   int64
}

func newHistory(t testing.TB, p party) *history { return &history{party: p, TB: t} }

func (h *history) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		out[i] = h.hashes[x]
	}
	return out, nil
}

// grow adds leaves that depend on the name of the fork.
func (h *history) grow(fork string, to int64) *history {
	h.Helper()
	for ; h.size < to; h.size++ {
		stored, err := tlog.StoredHashes(h.size, fmt.Appendf(nil, "%s %d", fork, h.size), h)
		if err != nil {
			h.Fatal(err)
		}
		h.hashes = append(h.hashes, stored...)
	}
	return h
}

func (h *history) root(size int64) tlog.Hash {
	h.Helper()
	root, err := tlog.TreeHash(size, h)
	if err != nil {
		h.Fatal(err)
	}
	return root
}

func (h *history) checkpoint(size int64) []byte {
	h.Helper()
	return checkpoint(h, h.signer.Name(), uint64(size), h.root(size), h.signer)
}

// request is a right one.
func (h *history) request(from, to int64) request {
	h.Helper()
	r := request{old: uint64(from), checkpoint: h.checkpoint(to)}
	if from > 0 && from < to {
		hashes, err := tlog.ProveTree(to, from, h)
		if err != nil {
			h.Fatal(err)
		}
		for i := range hashes {
			r.proof = append(r.proof, hashes[i][:])
		}
	}
	return r
}

// A running witness.
type running struct {
	testing.TB
	*Server
	party
	web *httptest.Server
}

func runWitness(t testing.TB, fs vfs.FS, p party, logs ...party) *running {
	t.Helper()
	cfg := ServerConfig{Dir: "state", FS: fs, Signer: p.signer}
	for _, l := range logs {
		v, err := note.NewVerifier(l.vkey)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Logs = append(cfg.Logs, v)
	}
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w := &running{t, s, p, httptest.NewServer(s)}
	t.Cleanup(w.stop)
	return w
}

func (w *running) stop() {
	if w.web == nil {
		return
	}
	w.web.Close()
	w.web = nil
	if err := w.Close(); err != nil {
		w.Error(err)
	}
}

func (w *running) post(body []byte) (code int, kind, answer string) {
	w.Helper()
	response, err := http.Post(w.web.URL+"/add-checkpoint", "text/plain", bytes.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		w.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, response.Header.Get("Content-Type"), string(text)
}

// add posts a request that must be cosigned; the cosignature is checked by an
// implementation that nobody here wrote.
func (w *running) add(r request) {
	w.Helper()
	code, _, answer := w.post(r.encode())
	if code != http.StatusOK {
		w.Fatalf("got %d %q, want it cosigned", code, answer)
	}
	v, err := fnote.NewVerifierForCosignatureV1(w.vkey)
	if err != nil {
		w.Fatal(err)
	}
	n, err := note.Open(append(bytes.Clone(r.checkpoint), answer...), note.VerifierList(v))
	if err != nil || len(n.Sigs) != 1 {
		w.Fatalf("cosignature %q: %v", answer, err)
	}
}

// What a witness answers is what C2SP tlog-witness says, in each case.
func TestAddCheckpoint(t *testing.T) {
	p := newLog(t, "example.org/log")
	h, forked := newHistory(t, p).grow("a", 40), newHistory(t, p).grow("a", 10).grow("b", 40)
	stranger := newHistory(t, newLog(t, "example.org/stranger")).grow("a", 20)
	impostor := newHistory(t, newLog(t, "example.org/log")).grow("a", 20)
	w := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w"), p)

	w.add(h.request(0, 5))
	w.add(h.request(5, 20))
	w.add(h.request(20, 20)) // again, for a fresh time
	right := h.request(20, 30)
	for _, c := range []struct {
		what string
		body []byte
		code int
	}{
		{"nothing", nil, 400},
		{"no old size", right.encode()[4:], 400},
		{"a leading zero", append([]byte("old 0"), right.encode()[4:]...), 400},
		{"a negative size", append([]byte("old -"), right.encode()[4:]...), 400},
		{"a short hash", request{20, [][]byte{{1}}, right.checkpoint}.encode(), 400},
		{"64 hashes", request{20, slices64(right.proof[0]), right.checkpoint}.encode(), 400},
		{"no note", request{20, right.proof, []byte("example.org/log\n30\n")}.encode(), 400},
		{"too much", append(right.encode(), make([]byte, maxRequest)...), 400},
		{"an old size above the new", request{31, right.proof, right.checkpoint}.encode(), 400},
		{"an unknown log", stranger.request(0, 20).encode(), 404},
		{"another's key", impostor.request(20, 20).encode(), 403},
		{"a wrong signature", request{20, right.proof, bytes.Replace(right.checkpoint, []byte("\n30\n"), []byte("\n31\n"), 1)}.encode(), 403},
		{"a stale old size", h.request(5, 30).encode(), 409},
		{"a rollback", h.request(5, 10).encode(), 409},
		{"from nothing", h.request(0, 30).encode(), 409},
		{"another root of the same size", forked.request(20, 20).encode(), 409},
		{"a fork", forked.request(20, 30).encode(), 422},
		{"a fork with the right proof", request{20, right.proof, forked.checkpoint(30)}.encode(), 422},
		{"no proof", request{20, nil, right.checkpoint}.encode(), 422},
		{"a proof too long", request{20, append(right.proof, right.proof[0]), right.checkpoint}.encode(), 422},
	} {
		code, kind, answer := w.post(c.body)
		if code != c.code {
			t.Errorf("%s: got %d %q, want %d", c.what, code, answer, c.code)
		}
		if code == 409 && (kind != "text/x.tlog.size" || answer != "20\n") {
			t.Errorf("%s: got %s %q, want the size 20", c.what, kind, answer)
		}
		if strings.Contains(answer, "—") {
			t.Errorf("%s: cosigned: %q", c.what, answer)
		}
	}
	w.add(right)
	if response, err := http.Get(w.web.URL + "/add-checkpoint"); err != nil || response.StatusCode != 405 {
		t.Errorf("GET: got %v, %v, want 405", response, err)
	} else {
		response.Body.Close()
	}
}

func slices64(h []byte) [][]byte {
	var out [][]byte
	for range 64 {
		out = append(out, h)
	}
	return out
}

// The first checkpoint of a log must not come with a proof, and one over
// nothing has the root of nothing.
func TestAddFirstCheckpoint(t *testing.T) {
	p := newLog(t, "example.org/log")
	h := newHistory(t, p).grow("a", 3)
	w := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w"), p)
	wrong := request{0, nil, checkpoint(t, "example.org/log", 0, tlog.Hash{1}, p.signer)}
	if code, _, answer := w.post(wrong.encode()); code == 200 {
		t.Errorf("a wrong root of nothing: got %d %q", code, answer)
	}
	proven := request{0, [][]byte{make([]byte, 32)}, h.checkpoint(3)}
	if code, _, answer := w.post(proven.encode()); code != 422 {
		t.Errorf("a proof from nothing: got %d %q, want 422", code, answer)
	}
	w.add(h.request(0, 0))
	w.add(h.request(0, 3))
}

// Of two histories that are sent at the same time, over and over, one is
// cosigned: what is signed must all follow from one another.
func TestOneHistory(t *testing.T) {
	p := newLog(t, "example.org/log")
	const end = 60
	a, b := newHistory(t, p).grow("a", end), newHistory(t, p).grow("a", 2).grow("b", end)
	w := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w"), p)
	w.add(a.request(0, 1))
	var mu sync.Mutex // guards what follows
	cosigned := map[*history][]int64{}
	var all sync.WaitGroup
	for i := range 8 {
		h, random := a, rand.New(rand.NewPCG(1, uint64(i)))
		if i%2 == 1 {
			h = b
		}
		requests := map[[2]int64][]byte{}
		for range 60 {
			from := 1 + random.Int64N(end-1)
			to := min(end, from+1+random.Int64N(4))
			requests[[2]int64{from, to}] = h.request(from, to).encode()
		}
		all.Go(func() {
			for sizes, body := range requests {
				if code, _, _ := w.post(body); code == http.StatusOK {
					mu.Lock()
					cosigned[h] = append(cosigned[h], sizes[1])
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	for _, size := range cosigned[a] {
		for _, other := range cosigned[b] {
			if size > 2 && other > 2 {
				t.Fatalf("cosigned %d of one history and %d of the other", size, other)
			}
		}
	}
	seen := map[int64]bool{}
	for _, h := range []*history{a, b} {
		for _, size := range cosigned[h] {
			if seen[size] {
				t.Errorf("size %d was cosigned twice, from a smaller one each time", size)
			}
			seen[size] = true
		}
	}
	if len(seen) == 0 {
		t.Error("nothing was cosigned: the requests never met the state")
	}
}

// What was answered is on disk, whatever the instant at which power fails.
func TestWitnessSurvivesPowerLoss(t *testing.T) {
	p, wp := newLog(t, "example.org/log"), newWitness(t, "example.org/w")
	a, b := newHistory(t, p).grow("a", 50), newHistory(t, p).grow("b", 50)
	files := vfs.FS(vfs.NewCrashableMem())
	for size := range int64(50) {
		w := runWitness(t, files, wp, p)
		w.add(a.request(size, size+1))
		crashed := files.(*vfs.MemFS).CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: int(size * 2), RNG: rand.New(rand.NewPCG(2, uint64(size)))})
		w.stop()
		files = crashed
		w = runWitness(t, files, wp, p)
		if code, _, answer := w.post(b.request(0, size+1).encode()); code != 409 || answer != fmt.Sprintf("%d\n", size+1) {
			t.Fatalf("after cosigning %d: got %d %q, want 409 and that size", size+1, code, answer)
		}
		w.stop()
	}
}

// Two witnesses of one state would cosign two histories.
func TestOneWitnessPerState(t *testing.T) {
	p, wp := newLog(t, "example.org/log"), newWitness(t, "example.org/w")
	dir := t.TempDir()
	v, err := note.NewVerifier(p.vkey)
	if err != nil {
		t.Fatal(err)
	}
	cfg := ServerConfig{Dir: dir + "/a/b", Signer: wp.signer, Logs: []note.Verifier{v}}
	first, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := Open(cfg); err == nil || !strings.Contains(err.Error(), "another witness") {
		t.Errorf("got %v, %v, want it refused", second, err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
}

func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("old 20\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\nexample.com/log\n21\n"))
	f.Add([]byte("old 0\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := parseRequest(body)
		if err != nil {
			return
		}
		if got := r.encode(); !bytes.Equal(got, body) {
			t.Errorf("%q was read, and is %q again", body, got)
		}
	})
}
