package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What docs/exporting.md tells people to type must do what it says.
func TestExportingPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/exporting.md")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t)
	r.serve()
	r.grow(700)
	script := "set -eu\n"
	for _, block := range strings.Split(string(page), "\n```sh\n")[1:] {
		commands, _, _ := strings.Cut(block, "```")
		script += commands
	}
	script = strings.ReplaceAll(script, "http://127.0.0.1:8080", "http://"+r.http)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir, cmd.Env = r.dir, append(os.Environ(), "AFTERIMAGE_SERVER="+r.grpc)
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s\n%s", err, said, script)
	}
	for want, n := range map[string]int{"exported 698 events": 4, "verified: 698 events of 1 sessions": 2, `"done":true`: 1} {
		if got := bytes.Count(said, []byte(want)); got != n {
			t.Errorf("it says %q %d times, want %d: %s", want, got, n, said)
		}
	}
	lines := strings.Split(strings.TrimSpace(string(said)), "\n")
	if computed, says := lines[len(lines)-2], lines[len(lines)-1]; computed != says+"  -" {
		t.Errorf("the commitment is %s and computed as %s", says, computed)
	}
	r.run("verify", filepath.Join(r.dir, "curl.zip"))
}
