package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/afterimage/afterimage/witness"
)

// A witnessRig is a witness, of processes of the real program.
type witnessRig struct {
	*rig
	key string
	log string // whose it is
}

func newWitnessRig(t testing.TB, log string) *witnessRig {
	return &witnessRig{rig: newRig(t), log: log}
}

// watch starts the witness and returns when it listens.
func (w *witnessRig) watch() *process {
	w.Helper()
	p := w.startReady("witness", "--http", w.http, "--state", "state", "--key", "key", "--name", "example.org/"+filepath.Base(w.dir), "--log", w.log)
	text, err := os.ReadFile(filepath.Join(w.dir, "ready"))
	if err != nil {
		w.Fatal(err)
	}
	var a witnessAddress
	if err := json.Unmarshal(text, &a); err != nil || w.key != "" && w.key != a.VerifierKey {
		w.Fatalf("got key %q, %v, want %q", a.VerifierKey, err, w.key)
	}
	w.key = a.VerifierKey
	return p
}

// trust is the policy of whoever trusts the log if the witness saw it.
func (w *witnessRig) trust() string {
	return "log " + w.log + "\nwitness w " + w.key + "\nquorum w\n"
}

// cosigned waits until the published checkpoint covers so many events, and is
// trusted.
func (r *rig) cosigned(w *witnessRig, size uint64) {
	r.Helper()
	policy, err := witness.ParsePolicy([]byte(w.trust()))
	if err != nil {
		r.Fatal(err)
	}
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // polls another process
		cp, seen, err := policy.Open(r.get("/tlog/checkpoint"))
		if err == nil && cp.Size == size && len(seen) == 1 {
			return
		}
		if time.Now().After(end) {
			r.Fatalf("got a checkpoint over %d, %v, want one over %d, cosigned", cp.Size, err, size)
		}
	}
}

// Two stores that watch one another: whoever trusts one of them need not trust
// the other, not even with its keys. A witness that is killed forgets nothing,
// and a store that is set back and goes on is found out.
func TestTwoStoresWitnessEachOther(t *testing.T) {
	stores := []*rig{newRig(t), newRig(t)}
	var witnesses []*witnessRig
	var watching, serving []*process
	for _, r := range stores {
		p := r.serve()
		w := newWitnessRig(t, r.head().VerifierKey)
		p.stop(os.Interrupt)
		watching = append(watching, w.watch())
		r.flags = []string{"--witness", "http://" + w.http + "=" + w.key, "--witness-every", "20ms"}
		serving, witnesses = append(serving, r.serve()), append(witnesses, w)
	}
	for i, r := range stores {
		w := witnesses[i]
		h := r.grow(300)
		r.cosigned(w, 300)
		if err := fsck(t, "http://"+r.http, h.VerifierKey, h.Origin); err != nil {
			t.Errorf("with cosignatures: %v", err)
		}
		policy := w.write("trust.policy", []byte(w.trust()))
		exits(t, exitDone, "verify", "--url", "http://"+r.http, "--policy", policy)
		exits(t, exitTampered, "verify", "--url", "http://"+r.http, "--policy", witnesses[1-i].write("other.policy", []byte(witnesses[1-i].trust())))
		file := filepath.Join(r.dir, "event.tlog-proof")
		r.run("prove", "299", "--server", r.grpc, "-o", file)
		if said := exits(t, exitDone, "verify", file, "--policy", policy); !strings.Contains(said, "cosigned by w at ") {
			t.Errorf("got %q", said)
		}
	}
	// A copy of the first store, as a thief of it or a careless restore has it.
	r, w := stores[0], witnesses[0]
	serving[0].stop(os.Interrupt)
	twin := newRig(t)
	twin.flags = r.flags
	for _, dir := range []string{"data", "keys"} {
		copyLive(t, filepath.Join(r.dir, dir), filepath.Join(twin.dir, dir))
	}
	r.serve()
	r.await(301)
	watching[0].stop(os.Kill)
	r.grow(500)
	watching[0] = w.watch()
	r.cosigned(w, 500)
	serving = append(serving, twin.serve())
	twin.await(301)
	twin.grow(600)
	// It cannot but publish what nobody cosigned, after it waited for a while.
	for end := time.Now().Add(patience); !bytes.Contains(twin.get("/tlog/checkpoint"), []byte("\n600\n")); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it still publishes %s", twin.get("/tlog/checkpoint"))
		}
	}
	for end := time.Now().Add(patience); !bytes.Contains(twin.get("/metrics"), []byte(`afterimage_witness_failures_total{reason="forked"`)); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the refusal was not counted: %s", twin.get("/metrics"))
		}
	}
	exits(t, exitTampered, "verify", "--url", "http://"+twin.http, "--policy", w.write("trust.policy", []byte(w.trust())))
	r.cosigned(w, r.grow(510).Size)
	serving[len(serving)-1].stop(os.Interrupt)
	if said := serving[len(serving)-1].stderr.String(); !strings.Contains(said, "level=ERROR msg=\"witness did not cosign\"") {
		t.Errorf("the store does not say it: %s", said)
	}
	for _, p := range watching {
		p.stop(os.Interrupt)
		if code := p.cmd.ProcessState.ExitCode(); code != exitDone {
			t.Errorf("witness: got exit code %d: %s%s", code, p.stdout, p.stderr)
		}
	}
}

// Wrong usage is told before anything is made.
func TestWitnessUsage(t *testing.T) {
	dir := t.TempDir()
	state, key := filepath.Join(dir, "state"), filepath.Join(dir, "key")
	vkey := publishLog(t, 1).key
	args := func(more ...string) []string {
		return append([]string{"witness", "--http", "127.0.0.1:0", "--state", state, "--key", key}, more...)
	}
	exits(t, exitUsage, args()...)
	exits(t, exitUsage, args("--log", "nonsense", "--name", "example.org/w")...)
	exits(t, exitUsage, append(args("--log", vkey, "--name", "example.org/w"), "--http", "0.0.0.0:0")...)
	if said := exits(t, exitFailed, args("--log", vkey)...); !strings.Contains(said, "--name") {
		t.Errorf("no name: got %q", said)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("got files %v, %v, want none", entries, err)
	}
	serve := []string{"serve", "--data", filepath.Join(dir, "data"), "--keys", filepath.Join(dir, "keys"), "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--nats", "127.0.0.1:0"}
	policy := filepath.Join(dir, "policy")
	for _, text := range []string{"quorum w", "quorum none", fmt.Sprintf("witness w %s\nquorum w\n", vkey)} {
		if err := os.WriteFile(policy, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		exits(t, exitUsage, append(serve, "--witness-policy", policy)...)
	}
	exits(t, exitUsage, append(serve, "--witness", "http://127.0.0.1:1")...)
	exits(t, exitUsage, append(serve, "--witness", "http://127.0.0.1:1="+vkey[1:])...)
	exits(t, exitUsage, append(serve, "--witness", "http://127.0.0.1:1="+vkey, "--witness", "http://127.0.0.1:2="+vkey)...)
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got files %v, %v, want the policy", entries, err)
	}
}
