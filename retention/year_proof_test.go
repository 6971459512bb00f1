package retention_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/retention/certificate"
)

// An oldCopy is the data directory as it was.
type oldCopy struct {
	dir string
	day int
	has map[event.Seq]string // the events in it; after a restore others may be in their places
}

// keepCopy keeps a copy of the data directory as it is.
func (y *year) keepCopy(day int) {
	has := map[event.Seq]string{}
	for _, e := range y.model.events {
		if e.gone == "" {
			has[e.seq] = key(e.tenant, e.stored.GetId())
		}
	}
	y.copies = append(y.copies, oldCopy{y.copy(), day, has})
}

// goes notes what has gone, for good: a restore that loses an event does not bring
// it back.
func (y *year) goes() {
	for _, e := range y.goneNow() {
		y.gone[key(e.tenant, e.stored.GetId())] = true
	}
}

func (y *year) goneNow() (out []*evidence) {
	for _, e := range y.model.events {
		if e.gone != "" {
			out = append(out, e)
		}
	}
	return out
}

// attackCopies is done when 2: with the keys of now no old copy of the data yields
// anything, and none opens.
func (y *year) attackCopies() {
	y.Helper()
	y.goes()
	total, events := eventlog.Attacked{}, uint64(0)
	for _, c := range y.copies {
		gone := roaring64.New()
		for seq, id := range c.has {
			if y.gone[id] {
				gone.Add(uint64(seq))
			}
		}
		events += gone.GetCardinality()
		a, err := y.log.Attack(y.Context(), filepath.Join(c.dir, "data"), gone)
		if err != nil {
			y.Error(err)
		}
		if a.Opened+a.Read > 0 {
			y.Errorf("the copy of day %d yields something with the keys of now: %+v", c.day, a)
		}
		total.Secrets, total.Blocks, total.Places = total.Secrets+a.Secrets, total.Blocks+a.Blocks, total.Places+a.Places
		y.refuses(c)
	}
	y.Logf("%d old copies with %d events that are gone: %+v", len(y.copies), events, total)
	if events < 10 || total.Blocks < len(y.copies) || total.Secrets < 3*len(y.copies) || total.Places < 100 {
		y.Errorf("%+v was tried: too little to tell", total)
	}
	y.noPlaintext(y.dir)
	for _, c := range y.copies {
		y.noPlaintext(c.dir)
	}
}

// refuses fails if an old copy opens with the keys of now.
func (y *year) refuses(c oldCopy) {
	y.Helper()
	cfg := y.config(c.dir)
	if err := os.RemoveAll(cfg.KeysDir); err != nil {
		y.Fatal(err)
	}
	if err := os.CopyFS(cfg.KeysDir, os.DirFS(filepath.Join(y.dir, "keys"))); err != nil {
		y.Fatal(err)
	}
	y.own(cfg.KeysDir)
	if log, err := eventlog.Open(y.Context(), cfg); err == nil {
		y.Errorf("the copy of day %d opens with the keys of now", c.day)
		if err := log.Close(); err != nil {
			y.Error(err)
		}
	}
}

// noPlaintext fails if a file has something in clear that people said.
func (y *year) noPlaintext(dir string) {
	y.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, said := range []string{"nobody reads of", "zebrafinch", "person-0", "this was wrong"} {
			if bytes.Contains(text, []byte(said)) {
				y.Errorf("%s has %q in clear", path, said)
			}
		}
		return err
	})
	if err != nil {
		y.Error(err)
	}
}

// certify fails unless there is a certificate of everything that was forgotten
// since the last time, which verifies and says what the model does.
func (y *year) certify() {
	y.Helper()
	for _, t := range tenants {
		requests := map[string]bool{}
		selection := eventlog.Selection{Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{string(event.Forgotten)}}}, Order: eventlog.LogOrder}
		if from := y.certifiedTo[t]; from > 0 {
			selection.After = &eventlog.Position{Seq: from - 1}
		}
		y.certifiedTo[t] = y.log.Size()
		for entry, err := range y.log.Scan(y.Context(), t, selection) {
			if err != nil {
				y.Fatal(err)
			}
			e, err := entry.Event()
			if err != nil {
				y.Fatal(err)
			}
			requests[e.GetForgotten().GetRequest()] = true
		}
		for request := range requests {
			y.certificate(t, request)
		}
	}
	for _, e := range y.goneNow() {
		if !y.certified.Contains(uint64(e.seq)) {
			y.Errorf("event %d of %s, %s: no certificate says so", e.seq, e.tenant, e.gone)
		}
	}
}

func (y *year) certificate(t event.Tenant, request string) {
	y.Helper()
	c, err := certificate.Build(y.Context(), y.log, t, request, y.now)
	if err != nil {
		y.Errorf("certificate of %s: %v", request, err)
		return
	}
	v, err := certificate.Verify(c.JSON(), y.log.VerifierKey())
	if err != nil {
		y.Errorf("certificate of %s: %v", request, err)
		return
	}
	y.done["certificates"]++
	for _, r := range v.Deleted.Positions {
		for seq := r.First; seq <= r.Last; seq++ {
			y.certified.Add(seq)
			if e := y.model.bySeq[event.Seq(seq)]; e == nil || e.tenant != t || e.gone == "" {
				y.Errorf("certificate of %s: %d was deleted, which is not so", request, seq)
			}
		}
	}
	if uint64(v.Deleted.Events) > 0 && len(y.certificates) < 200 {
		y.certificates = append(y.certificates, c)
	}
}

// forgeCertificates is done when 2: no certificate of which a byte is changed
// verifies.
func (y *year) forgeCertificates() {
	y.Helper()
	tried := 0
	forged := func(text []byte, at int) {
		b := bytes.Clone(text)
		b[at] ^= 1 << y.rng.IntN(8)
		if _, err := certificate.Verify(b, y.log.VerifierKey()); err == nil {
			y.Errorf("a certificate verifies with byte %d of %d changed from %q to %q", at, len(b), text[at], b[at])
		}
		tried++
	}
	var least []byte
	for _, c := range y.certificates {
		for _, text := range [][]byte{c.JSON(), c.HTML()} {
			for range 4 {
				forged(text, y.rng.IntN(len(text)))
			}
		}
		if least == nil || len(c.JSON()) < len(least) {
			least = c.JSON()
		}
	}
	for at := range least {
		forged(least, at)
	}
	y.Logf("%d forgeries of %d certificates", tried, len(y.certificates))
	if tried < 1000 {
		y.Errorf("%d forgeries are too few to tell", tried)
	}
}

// fsckTool is the path of Tessera's fsck as its authors wrote it, built from the
// tools module.
var fsckTool = sync.OnceValues(func() (string, error) {
	cmd := exec.Command("go", "tool", "-modfile=tools/go.mod", "-n", "fsck")
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("build fsck: %w: %s", err, stderr.Bytes())
	}
	return strings.TrimSpace(string(path)), nil
})

// fsck has Tessera's fsck check the log, as /tlog/ serves it.
func (y *year) fsck() {
	y.Helper()
	tool, err := fsckTool()
	if err != nil {
		y.Fatal(err)
	}
	cp := y.log.Newest()
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path := strings.TrimPrefix(r.URL.Path, "/")
		text, err := cp.Note, error(nil)
		if path != "checkpoint" {
			text, err = y.log.Tile(path)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write(text)
	}))
	defer served.Close()
	key := filepath.Join(y.TempDir(), "log.pub")
	if err := os.WriteFile(key, []byte(y.log.VerifierKey()), 0o600); err != nil {
		y.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(y.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool, "--storage_url="+served.URL+"/", "--public_key="+key, "--origin="+y.log.Origin(), "--ui=false", "--N=8")
	said, err := cmd.CombinedOutput()
	if err != nil || bytes.Contains(said, []byte("fsck failed")) || !bytes.Contains(said, []byte("Successfully fsck'd")) {
		y.Errorf("fsck: %v: %s", err, said)
	}
	y.done["fscks"]++
}
