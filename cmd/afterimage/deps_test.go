package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/afterimage/afterimage/"

// arrows is the house: what each package may import of ours. Arrows point
// down, and siblings do not know one another. Packages below one that is named
// here are bound like it, and may import it and each other.
var arrows = map[string][]string{
	"proto":     nil,
	"event":     {"proto"},
	"policy":    {"event", "redaction", "proto"},
	"redaction": {"event", "proto"},
	"capture":   {"event", "policy", "redaction", "proto"},
	"client":    {"event", "proto"},
	"eventlog":  {"event", "policy", "redaction", "proto"},
	"ingest":    {"eventlog", "event", "policy", "redaction", "proto"},
	"query":     {"eventlog", "event", "policy", "redaction", "proto"},
	"retention": {"eventlog", "event", "policy", "redaction", "proto"},
	"witness":   {"eventlog", "event", "proto"},
	"server":    {"ingest", "query", "retention", "eventlog", "event", "policy", "redaction", "proto"},
	"cmd":       {"server", "client", "witness", "ingest", "query", "retention", "capture", "eventlog", "event", "policy", "redaction", "proto"},
}

func goList(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...)
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

// If an arrow points up, parts that were made to be understood alone no
// longer can be.
func TestArrows(t *testing.T) {
	for _, line := range goList(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		pkg, imports, _ := strings.Cut(line, " ")
		from := house(pkg)
		allowed, known := arrows[from]
		if !known {
			t.Errorf("%s stands nowhere in the house: add it to arrows", pkg)
			continue
		}
		for imported := range strings.FieldsSeq(imports) {
			to := house(imported)
			if to != "" && to != from && !slices.Contains(allowed, to) {
				t.Errorf("%s imports %s: an arrow that points up or sideways", pkg, imported)
			}
		}
	}
}

// house is the first element of one of our import paths, "" for others.
func house(path string) string {
	rest, ours := strings.CutPrefix(path, module)
	if !ours {
		return ""
	}
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// A service that records evidence must not be made to link a storage engine
// or a message server; the ground must not know of either.
func TestLinks(t *testing.T) {
	const pebble, natsServer, nats, kong = "github.com/cockroachdb/pebble", "github.com/nats-io/nats-server", "github.com/nats-io", "github.com/alecthomas/kong"
	for pkg, banned := range map[string][]string{
		"capture":   {pebble, natsServer, kong},
		"client":    {pebble, nats, kong},
		"event":     {pebble, nats, kong},
		"policy":    {pebble, nats, kong},
		"redaction": {pebble, nats, kong},
		"eventlog":  {nats, kong},
		"query":     {nats, kong},
		"retention": {nats, kong},
		"witness":   {nats, kong},
		"server":    {natsServer, kong},
	} {
		for _, dep := range goList(t, "-deps", "./"+pkg) {
			for _, b := range banned {
				if strings.HasPrefix(dep, b) {
					t.Errorf("%s links %s", pkg, dep)
				}
			}
		}
	}
}
