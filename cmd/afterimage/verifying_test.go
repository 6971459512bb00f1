package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/afterimage/afterimage/witness/witnesstest"
)

// What docs/verifying.md tells a stranger to type must do what it says: an
// instruction that fails teaches to ignore failures.
func TestVerifyingPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/verifying.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	authority := witnesstest.NewAuthority(t)
	roots := r.write("authority.pem", authority.Root)
	r.flags = []string{"--timestamp-url", authority.URL, "--timestamp-every", "20ms", "--timestamp-roots", roots}
	server := r.serve()
	for _, size := range []uint64{300, 700} {
		r.grow(size)
		for newest := fmt.Sprintf("%d\n", size); !bytes.HasPrefix(r.get("/tlog/timestamp/"), []byte(newest)); {
			time.Sleep(5 * time.Millisecond) // another process: there is nothing else to wait on
		}
	}
	server.stop(os.Interrupt) // it is all there afterwards
	r.flags = nil
	r.serve()
	r.await(701)
	tool, err := fsckTool()
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(page), "\n```sh\n")
	if len(blocks) < 5 {
		t.Fatalf("got %d blocks of commands", len(blocks)-1)
	}
	script := "set -eu\n"
	for _, block := range blocks[1:] {
		commands, _, _ := strings.Cut(block, "```")
		script += commands
	}
	for name, here := range map[string]string{
		"http://127.0.0.1:8080": "http://" + r.http,
		`"go run github.com/transparency-dev/tessera/cmd/fsck@v1.0.4"`: tool,
	} {
		if !strings.Contains(script, name) {
			t.Errorf("the page does not say %s", name)
		}
		script = strings.ReplaceAll(script, name, here)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "AFTERIMAGE_SERVER="+r.grpc)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, said, script)
	}
	for _, want := range []string{
		"Successfully fsck'd log with size 701", "Signature Verified Successfully", "Verification: OK", "Time stamp: ", `"toSize":"701"`,
		"verified: event 299 is in the log of 701 events", "verified: 701 events",
	} {
		if !bytes.Contains(said, []byte(want)) {
			t.Errorf("it does not say %q: %s", want, said)
		}
	}
}
