package policy

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// FuzzCompile: no text makes compiling or evaluating panic, and whatever is
// wrong with it is said in one line with a position in the text.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		``, `true`, `user == "u" && turn > 1`, `kind in ["a"] || has(event.verdict)`, "a\n&& b",
		`interaction.verdicts.exists(v, v.category == "x" && v.score >= v.threshold)`,
		`time > timestamp("2026-01-01T00:00:00Z") - duration("1h")`, `interaction.input[0].parts[0].text.matches("a+")`,
		`[1, 2].map(x, x * 2).exists(x, x == seq)`, `verdict.action == Verdict.Action.REPLACED ? true : class == ""`,
		`{"a": 1}["b"] == 1`, `user == '\u00e9' // comment`, `-9223372036854775808 < seq`, `.user == "x"`, "`a`.b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		c, err := Compile(expr)
		if err != nil {
			checkError(t, expr, err)
			return
		}
		for _, e := range []*pb.Event{{}, sampleEvent()} {
			if ok, err := c.Match(e); err != nil {
				checkError(t, expr, err)
			} else if since, until := c.Between(); ok && (e.GetTime().AsTime().Before(since) || !until.IsZero() && !e.GetTime().AsTime().Before(until)) {
				t.Errorf("%q matches an event at %v, outside of %v to %v", expr, e.GetTime().AsTime(), since, until)
			}
		}
		if _, err := c.Rewrite(func(string) (string, error) { return "[USER:x]", nil }); err != nil {
			t.Errorf("Rewrite(%q): %v", expr, err)
		}
	})
}

func checkError(t *testing.T, text string, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("%q: got %T, want *Error", text, err)
	}
	lines := strings.Split(text, "\n")
	if e.Line < 1 || e.Line > len(lines)+1 || e.Column < 1 || strings.ContainsAny(e.Reason, "\r\n") || e.Reason == "" {
		t.Errorf("%q: error at line %d, column %d with reason %q", text, e.Line, e.Column, e.Reason)
	}
}

// FuzzParse: no bytes make parsing or classifying panic, every complaint has
// a position, and what was parsed parses again to the same version.
func FuzzParse(f *testing.F) {
	f.Add(string(defaultSource))
	f.Add(minimal)
	f.Add(strings.Replace(minimal, "  - class", "  - {when: 'usr == ''x''', class: routine}\n  - class", 1))
	f.Add(strings.Replace(minimal, "  - class", "  - when: \"turn > \\x31 &&\\\n   usr\"\n    class: routine\n  - class", 1))
	f.Add(minimal + "sampling:\n  - {name: a, when: turn > 1, rate: 1e-3}\n  - rate: 0.5\n")
	f.Add(overridden)
	f.Add(reasoned)
	f.Add("a: b\r\r\rF") // a lone carriage return ends a line in YAML
	f.Add("a: &a [*a]\n--- !!x\n? [b]\n: |2+\n   c\n")
	f.Fuzz(func(t *testing.T, source string) {
		d, err := Parse([]byte(source))
		if err != nil {
			list, ok := errors.AsType[Errors](err)
			if !ok || len(list) == 0 {
				t.Fatalf("got %T, want Errors", err)
			}
			for _, e := range list {
				checkError(t, source, e)
			}
			return
		}
		again, err := Parse(d.Source())
		if err != nil || again.Version() != d.Version() {
			t.Fatalf("parsing again: %v", err)
		}
		if changes := Diff(d, again); len(changes) > 0 {
			t.Fatalf("differs from itself: %v", changes)
		}
		for _, w := range d.Warnings(time.Now()) {
			checkError(t, source, &Error{w.Line, w.Column, w.Reason})
		}
		for _, tenant := range []event.Tenant{"acme", "other"} {
			for _, e := range []*pb.Event{{}, sampleEvent()} {
				own := d.For(tenant)
				class, err := own.Classify(e)
				if err == nil && !slices.ContainsFunc(own.Classes(), func(c Class) bool { return c.Name == class }) {
					t.Errorf("class %q is not declared for %s", class, tenant)
				}
			}
		}
		for _, e := range []*pb.Event{{}, sampleEvent()} {
			if rate, _, err := d.Rate(e); err == nil && (rate < 0 || rate > 1) {
				t.Errorf("rate %v", rate)
			}
		}
	})
}
