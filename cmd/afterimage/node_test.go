package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/eventlog"
)

// startServer runs the program's serve until the test ends.
func startServer(t *testing.T) addresses {
	t.Helper()
	dir := t.TempDir()
	flags := serveFlags{
		Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"),
		HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", NATS: "127.0.0.1:0", LogLevel: "error", LogFormat: "text",
	}
	ctx, cancel := context.WithCancel(t.Context())
	listening, ended := make(chan addresses, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, flags, t.Output(), func(a addresses, _ *eventlog.Log) error { listening <- a; return nil })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-listening:
		return a
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	return addresses{}
}

// The README tells people in other languages all that they need: its example
// must work as it stands, with nothing but Node.js and the package nats.
func TestNodeExampleOfREADME(t *testing.T) {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s here", program)
		}
	}
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)```js\n(.*?)```").FindSubmatch(readme)
	if example == nil {
		t.Fatal("README.md has no JavaScript example")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "publish.js"), example[1], 0o600); err != nil {
		t.Fatal(err)
	}
	install := exec.CommandContext(t.Context(), "npm", "install", "--no-save", "--no-audit", "--no-fund", "nats@2")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		t.Skipf("npm install nats failed, no registry here? %v\n%s", err, out)
	}
	a := startServer(t)
	publish := exec.CommandContext(t.Context(), "node", "publish.js")
	publish.Dir = dir
	publish.Env = append(os.Environ(), "AFTERIMAGE_NATS_URL="+a.NATS)
	out, err := publish.CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "acknowledged" {
		t.Fatalf("node publish.js: %v\n%s", err, out)
	}
	got := replayedText(t, a, "c-17", 2)
	if want := "Please ask your pharmacist."; !strings.Contains(got, want) {
		t.Errorf("got replay %q, want %q in it", got, want)
	}
	if strings.Contains(got, "alice@example.com") || !strings.Contains(got, "[EMAIL:") {
		t.Errorf("got replay %q, want the address redacted", got)
	}
}

// replayedText asks for a replay over HTTP until it has as many frames.
func replayedText(t *testing.T, a addresses, session string, frames int) string {
	t.Helper()
	for {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.HTTP+"/v1/tenants/default/sessions/"+session+":replay", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		if response.StatusCode == http.StatusOK && strings.Count(string(text), `"text"`) >= frames {
			return string(text)
		}
	}
}
