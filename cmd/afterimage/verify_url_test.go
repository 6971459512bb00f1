package main

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A publishedLog serves what a store publishes, made with golang.org/x/mod's
// own implementation of the tree: code that shares nothing with ours.
type publishedLog struct {
	hashes []tlog.Hash // in sumdb's storage order
	files  map[string][]byte
	key    string
	blocks string // what the store says of its blocks
}

func publishLog(t *testing.T, size int64) *publishedLog {
	t.Helper()
	p := &publishedLog{files: map[string][]byte{}, blocks: `{"result":{"checked":"1","checkpoint":{"origin":"o"}}}` + "\n"}
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			out[i] = p.hashes[index]
		}
		return out, nil
	})
	var bundle []byte
	for n := range size {
		entry := fmt.Appendf(nil, "commitment %020d", n)
		bundle = append(binary.BigEndian.AppendUint16(bundle, uint16(len(entry))), entry...)
		stored, err := tlog.StoredHashes(n, entry, reader)
		if err != nil {
			t.Fatal(err)
		}
		p.hashes = append(p.hashes, stored...)
		if n%tileWidth == tileWidth-1 || n == size-1 {
			p.files[tilePath(tlog.Tile{H: 8, L: -1, N: n / tileWidth, W: int(n%tileWidth) + 1})] = bundle
			bundle = nil
		}
	}
	for _, tile := range tlog.NewTiles(8, 0, size) {
		data, err := tlog.ReadTileData(tile, reader)
		if err != nil {
			t.Fatal(err)
		}
		p.files[tilePath(tile)] = data
	}
	root, err := tlog.TreeHash(size, reader)
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := note.GenerateKey(rand.Reader, "example.org/log")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: string(log.Checkpoint{Origin: "example.org/log", Size: uint64(size), Hash: root[:]}.Marshal())}, signer)
	if err != nil {
		t.Fatal(err)
	}
	p.key = public
	p.files["/tlog/checkpoint"] = signed
	p.files["/v1/checkpoint"] = fmt.Appendf(nil, `{"verifierKey":%q}`, public)
	return p
}

// clone is a copy that can be tampered with.
func (p *publishedLog) clone() *publishedLog {
	c := *p
	c.files = make(map[string][]byte, len(p.files))
	for path, data := range p.files {
		c.files[path] = bytes.Clone(data)
	}
	return &c
}

// verify runs the command against what p publishes.
func (p *publishedLog) verify(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/log:verify" {
			fmt.Fprint(w, p.blocks)
		} else if data, ok := p.files[r.URL.Path]; ok {
			w.Write(data)
		} else {
			http.NotFound(w, r)
		}
	}))
	defer web.Close()
	var stdout, stderr bytes.Buffer
	code = run(t.Context(), append([]string{"verify", "--url", web.URL}, args...), nil, &stdout, &stderr)
	return code, stdout.String() + stderr.String()
}

// The tree we recompute must be the one that others compute, at every shape
// of its right edge.
func TestVerifyURLAgreesWithSumdb(t *testing.T) {
	for _, size := range []int64{0, 1, 2, 255, 256, 257, 511, 512, 513, 1000, 65_535, 65_536, 65_537, 66_049} {
		if code, out := publishLog(t, size).verify(t); code != exitDone || !strings.Contains(out, fmt.Sprintf("verified: %d events", size)) {
			t.Errorf("size %d: got code %d: %s", size, code, out)
		}
	}
}

// Invariant 5, over HTTP: whatever is changed, removed or cut short among
// what is published is found, with the positions below it.
func TestVerifyURLFinds(t *testing.T) {
	const size = 66_049 // two whole tiles of level 1 would be 131,072
	whole, other := publishLog(t, size), publishLog(t, size-1)
	for _, tt := range []struct {
		name   string
		change func(p *publishedLog)
		want   string
	}{
		{"a commitment", func(p *publishedLog) { p.files["/tlog/tile/entries/002"][30] ^= 1 }, "seqs 512 to 767"},
		{"a removed bundle", func(p *publishedLog) { delete(p.files, "/tlog/tile/entries/003") }, "seqs 768 to 1023"},
		{"a bundle cut short", func(p *publishedLog) {
			p.files["/tlog/tile/entries/258.p/1"] = p.files["/tlog/tile/entries/258.p/1"][:7]
		}, "seq 66048"},
		{"a tile of leaves", func(p *publishedLog) { p.files["/tlog/tile/0/004"][0] ^= 1 }, "seqs 1024 to 1279"},
		{"a tile above", func(p *publishedLog) { p.files["/tlog/tile/1/000"][77] ^= 1 }, "seqs 0 to 65535"},
		{"a tile at the top", func(p *publishedLog) { delete(p.files, "/tlog/tile/2/000.p/1") }, "seqs 0 to 65535"},
		{"a tile cut short", func(p *publishedLog) { p.files["/tlog/tile/1/001.p/2"] = nil }, "seqs 65536 to 66047"},
		{"the root", func(p *publishedLog) {
			p.files["/tlog/checkpoint"], p.files["/v1/checkpoint"] = other.files["/tlog/checkpoint"], other.files["/v1/checkpoint"]
			p.files["/tlog/tile/entries/000"][5] ^= 1
		}, "do not give the signed root"},
		{"a signature", func(p *publishedLog) { p.files["/tlog/checkpoint"][12] ^= 1 }, "not signed with"},
		{"a block", func(p *publishedLog) {
			p.blocks = `{"result":{"finding":{"part":"block","reason":"is not what was written","firstSeq":"7","lastSeq":"9"}}}` + "\n" + p.blocks
		}, "block, seqs 7 to 9: is not what was written"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := whole.clone()
			tt.change(p)
			if code, out := p.verify(t); code != exitTampered || !strings.Contains(out, tt.want) {
				t.Errorf("got code %d, want %d with %q: %s", code, exitTampered, tt.want, out)
			}
		})
	}
}

// A verification that did not come to its end is no verification.
func TestVerifyURLIncomplete(t *testing.T) {
	p := publishLog(t, 3)
	p.blocks = `{"result":{"checked":"2"}}` + "\n"
	if code, out := p.verify(t); code != exitFailed || !strings.Contains(out, "broke off") {
		t.Errorf("got code %d: %s", code, out)
	}
	p.blocks = `{"error":{"code":13,"message":"internal"}}` + "\n"
	if code, out := p.verify(t); code != exitFailed || !strings.Contains(out, "could not verify") {
		t.Errorf("got code %d: %s", code, out)
	}
}

// With --key the store's own word is not enough.
func TestVerifyURLPinnedKey(t *testing.T) {
	p, other := publishLog(t, 3), publishLog(t, 3)
	if code, out := p.verify(t, "--key", p.key); code != exitDone {
		t.Errorf("its own key: got code %d: %s", code, out)
	}
	if code, out := p.verify(t, "--key", other.key); code != exitTampered {
		t.Errorf("another key: got code %d, want %d: %s", code, exitTampered, out)
	}
	if code, out := p.verify(t, "--key", "nonsense"); code != exitUsage {
		t.Errorf("no key: got code %d, want %d: %s", code, exitUsage, out)
	}
}

// A log that has grown has the whole tile where a partial one was.
func TestVerifyURLGrownLog(t *testing.T) {
	p, grown := publishLog(t, 300), publishLog(t, 512)
	for _, path := range []string{"/tlog/tile/entries/001", "/tlog/tile/0/001"} {
		p.files[path] = grown.files[path]
		delete(p.files, path+".p/44")
	}
	if code, out := p.verify(t); code != exitDone {
		t.Errorf("got code %d: %s", code, out)
	}
}
