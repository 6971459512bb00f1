package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A witness that nobody here wrote cosigns our log, and goes on with it; and a
// client of theirs has our witness cosign, with the proof that a third one
// computes from our tiles, and is refused what does not follow.
func TestForeignWitness(t *testing.T) {
	path := filepath.Join(t.TempDir(), "witness")
	if out, err := exec.Command("go", "build", "-C", "../../tools", "-o", path, "./witness").CombinedOutput(); err != nil {
		t.Fatalf("build the others' witness: %v: %s", err, out)
	}
	r := newRig(t)
	server := r.serve()
	vkey := r.head().VerifierKey
	server.stop(os.Interrupt)

	theirs := newWitnessRig(t, vkey)
	theirs.key = theirs.foreign(path, vkey)
	ours := newWitnessRig(t, vkey)
	watching := ours.watch()
	r.flags = []string{"--witness", "http://" + theirs.http + "=" + theirs.key, "--witness-every", "20ms"}
	server = r.serve()
	asked := uint64(0)
	for _, size := range []uint64{3, 300, 700} {
		r.grow(size)
		r.cosigned(theirs, size)
		if said := ours.ask(t, path, r, vkey, asked); said != fmt.Sprintln(size) {
			t.Errorf("asked to cosign %d: got %q", size, said)
		}
		asked = size
	}
	if said := ours.ask(t, path, r, vkey, 300); !strings.Contains(said, "it has seen 700") {
		t.Errorf("asked with an old size: got %q, want that it has seen 700", said)
	}
	server.stop(os.Interrupt)
	watching.stop(os.Interrupt)
}

// foreign starts the others' witness of a log and returns its verifier key.
func (w *witnessRig) foreign(path, log string) (key string) {
	w.Helper()
	cmd := exec.Command(path, "serve", w.http, "example.org/theirs", log)
	out, err := cmd.StdoutPipe()
	if err != nil {
		w.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	if _, err := fmt.Fscanln(out, &key); err != nil { // It listens then.
		w.Fatal(err)
	}
	return key
}

// ask has the others' client ask our witness about a store that has grown from
// an old size.
func (w *witnessRig) ask(t *testing.T, path string, r *rig, log string, old uint64) (said string) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), path, "ask", "http://"+w.http, w.key, "http://"+r.http+"/tlog/", log, fmt.Sprint(old))
	cmd.Stdout, cmd.Stderr = &out, &out
	_ = cmd.Run() // What it says tells.
	return out.String()
}
