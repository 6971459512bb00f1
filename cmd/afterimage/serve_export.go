package main

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/export"
)

// newExporter returns what hands evidence over. witnesses are the lines of a
// trust policy that name them.
func newExporter(log *eventlog.Log, engine *query.Engine, p *policies, witnesses string, logger *slog.Logger) *export.Exporter {
	return export.New(export.Config{
		Log: log, Engine: engine, Witnesses: witnesses, Logger: logger,
		Software: software(),
		Policy: func(t event.Tenant) (string, error) {
			inForce, err := p.inForce(t)
			return inForce.GetVersion(), err
		},
	})
}

// software is what this program calls itself in bags.
func software() string {
	v := readBuildVersion()
	return join(" ", "afterimage", v.Version, v.Commit, "https://github.com/afterimage/afterimage")
}

// join joins the words that are there.
func join(by string, words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), by)
}

// witnessLines returns what a trust policy says of the witnesses that checkpoints
// are cosigned by: its lines but for those that name logs; "" where nobody is
// asked to.
func (f serveFlags) witnessLines() (string, error) {
	var out strings.Builder
	if f.Witnesses != "" {
		text, err := readBounded(f.Witnesses, maxProof)
		if err != nil {
			return "", usage("--witness-policy: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) > 0 && words[0] != "log" && !strings.HasPrefix(words[0], "#") {
				fmt.Fprintln(&out, strings.Join(words, " "))
			}
		}
		return out.String(), nil
	}
	var names []string
	for i, text := range f.Witness {
		at, vkey, _ := strings.Cut(text, "=")
		names = append(names, fmt.Sprintf("w%d", i+1))
		fmt.Fprintf(&out, "witness %s %s %s\n", names[i], vkey, at)
	}
	if len(names) > 0 {
		fmt.Fprintf(&out, "group witnesses any %s\nquorum witnesses\n", strings.Join(names, " "))
	}
	return out.String(), nil
}
