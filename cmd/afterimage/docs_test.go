package main

import (
	"bytes"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// An example is a block of commands in a document, and the block behind it that
// shows what they print, if there is one.
type example struct {
	line     int
	commands string
	prints   string // with … for what differs
}

// fence matches a block in Markdown.
var fence = regexp.MustCompile("(?ms)^```(\\w+)\n(.*?)^```\n")

// examples returns those of a document that begin with block `sh`.
func examples(t *testing.T, file string) (all []example) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	end := 0
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		language, block := string(text[at[2]:at[3]]), string(text[at[4]:at[5]])
		switch {
		case language == "sh":
			all = append(all, example{line: bytes.Count(text[:at[0]], []byte("\n")) + 1, commands: block})
		case at[0] == end && len(all) > 0:
			all[len(all)-1].prints = block
		}
		end = at[1]
	}
	return all
}

// What docs/api.md shows works as it stands, with the demo's events in the
// store: with curl, and with grpcurl by reflection alone.
func TestExamplesOfAPI(t *testing.T) {
	all := examples(t, "../../docs/api.md")
	if len(all) < 5 {
		t.Fatalf("docs/api.md has %d examples", len(all))
	}
	a := startServer(t)
	d := demo{addresses: a}
	n, err := d.publish(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := d.await(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	web, err := url.Parse(a.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	addresses := strings.NewReplacer("127.0.0.1:8080", web.Host, "127.0.0.1:8081", a.GRPC)
	tools := exampleTools(t)
	for _, e := range all {
		t.Run(fmt.Sprintf("line %d", e.line), func(t *testing.T) {
			for _, tool := range []string{"curl", "grpcurl"} {
				if _, err := exec.LookPath(tool); err != nil && tool != "grpcurl" && strings.Contains(e.commands, tool+" ") {
					t.Skipf("no %s here", tool)
				}
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-eu", "-c", addresses.Replace(e.commands))
			cmd.Dir = t.TempDir()
			cmd.Env = append(os.Environ(), "PATH="+tools+string(os.PathListSeparator)+os.Getenv("PATH"))
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s%s\n%s", err, stderr.String(), out, e.commands)
			}
			if e.prints != "" && !e.shows(string(out)) {
				t.Errorf("it printed\n%s\nwant\n%s", out, e.prints)
			}
		})
	}
}

// shows tells whether that is what the example says is printed.
func (e example) shows(out string) bool {
	parts := strings.Split(strings.TrimSpace(e.prints), "…")
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("(?s)^" + strings.Join(parts, ".*") + "$").MatchString(strings.TrimSpace(out))
}

// exampleTools returns a directory with the programs that examples need and
// that this repository has.
func exampleTools(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "tool", "-modfile=tools/go.mod", "-n", "grpcurl")
	cmd.Dir = "../.."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	path, err := cmd.Output()
	if err != nil {
		t.Fatalf("build grpcurl: %v: %s", err, stderr.Bytes())
	}
	dir := t.TempDir()
	if err := os.Symlink(strings.TrimSpace(string(path)), filepath.Join(dir, "grpcurl")); err != nil {
		t.Fatal(err)
	}
	return dir
}
