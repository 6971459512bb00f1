package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// A provenEvent is what /v1/…/events/{seq}:prove answers.
type provenEvent struct {
	Seq        uint64 `json:",string"`
	Commitment []byte
	Hashes     [][]byte
	Checkpoint struct {
		Size uint64 `json:",string"`
		Root []byte
		Note string
	}
	TlogProof string
}

func (r *rig) proof(path string) (p provenEvent) {
	r.Helper()
	if err := json.Unmarshal(r.get(path), &p); err != nil {
		r.Fatal(err)
	}
	return p
}

// write puts a file into the rig's directory and returns its name.
func (r *rig) write(name string, text []byte) string {
	r.Helper()
	name = filepath.Join(r.dir, name)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		r.Fatal(err)
	}
	return name
}

// exits runs a command in this process and checks its exit code.
func exits(t testing.TB, want int, args ...string) (said string) {
	t.Helper()
	var out bytes.Buffer
	if got := run(t.Context(), args, nil, &out, &out); got != want {
		t.Errorf("afterimage %s: got exit code %d, want %d: %s", strings.Join(args, " "), got, want, &out)
	}
	return out.String()
}

// Somebody who is handed an event and its proof must be able to tell, offline
// and without the store, that the event was in the log; and nobody may be made
// to believe it of another event.
func TestProve(t *testing.T) {
	r := newRig(t)
	r.serve()
	early := r.grow(300)
	h := r.grow(700)
	const seq = 299
	path := fmt.Sprintf("/v1/tenants/default/events/%d", seq)
	for _, size := range []uint64{early.Size, h.Size} {
		p := r.proof(fmt.Sprintf("%s:prove?size=%d", path, size))
		leaf := rfc6962.DefaultHasher.HashLeaf(p.Commitment)
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Seq, size, leaf, p.Hashes, p.Checkpoint.Root); err != nil || p.Seq != seq {
			t.Errorf("event %d in %d: %v", p.Seq, size, err)
		}
	}
	var c struct{ Hashes [][]byte }
	if err := json.Unmarshal(r.get(fmt.Sprintf("/v1/log:proveConsistency?fromSize=%d", early.Size)), &c); err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, early.Size, h.Size, c.Hashes, early.Root, h.Root); err != nil {
		t.Error(err)
	}

	file := filepath.Join(r.dir, "event.tlog-proof")
	r.run("prove", fmt.Sprint(seq), "--server", r.grpc, "-o", file)
	event := r.write("event.json", r.get(path))
	said := exits(t, exitDone, "verify", file, "--key", h.VerifierKey, "--event", event)
	if !strings.Contains(said, "event 299 is in the log of 700 events") {
		t.Errorf("got %q", said)
	}
	policy := r.write("trust.policy", []byte("# ours\nlog "+h.VerifierKey+"\nquorum none\n"))
	said = exits(t, exitDone, "verify", file, "--policy", policy, "--event", event, "-o", "json")
	if !strings.HasPrefix(said, `{"seq":"299","commitment":"`) || !strings.Contains(said, `"event":true`) {
		t.Errorf("got %q", said)
	}
	exits(t, exitTampered, "verify", file, "--key", h.VerifierKey, "--event", r.write("other.json", r.get("/v1/tenants/default/events/298")))
	exits(t, exitTampered, "verify", file, "--key", publishLog(t, 1).key)
	exits(t, exitUsage, "verify", file)
	exits(t, exitUsage, "verify", file, "--key", "nonsense")
	exits(t, exitUsage, "verify", event, "--key", h.VerifierKey)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(text), "\n")
	other := base64.StdEncoding.EncodeToString(r.proof("/v1/tenants/default/events/298:prove").Commitment)
	for what, changed := range map[string]string{
		"another commitment": lines[0] + "extra " + other + "\n" + strings.Join(lines[2:], ""),
		"another index":      strings.Replace(string(text), "index 299\n", "index 298\n", 1),
		"a hash less":        strings.Replace(string(text), lines[5], "", 1),
		"hashes swapped":     strings.Replace(string(text), lines[5]+lines[6], lines[6]+lines[5], 1),
		"another size":       strings.Replace(string(text), "\n700\n", "\n701\n", 1),
		"another root":       strings.Replace(string(text), base64.StdEncoding.EncodeToString(h.Root), base64.StdEncoding.EncodeToString(early.Root), 1),
	} {
		if changed == string(text) {
			t.Errorf("%s: nothing was changed", what)
		}
		said := exits(t, exitTampered, "verify", r.write("changed", []byte(changed)), "--key", h.VerifierKey)
		if strings.Contains(said, "verified") {
			t.Errorf("%s: got %q", what, said)
		}
	}
}
