package redaction

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestExamples runs testdata/examples.txt: a text, an arrow and the text after
// redaction, tokens left out. A + between two backquotes in the text is taken
// out first: it keeps made-up keys from having the form of live ones.
func TestExamples(t *testing.T) {
	f, err := os.Open("testdata/examples.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := newRedactor(t, Config{})
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.ReplaceAll(lines.Text(), "`+`", "")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		in, want, ok := strings.Cut(line, " => ")
		if !ok {
			t.Fatalf("line %d has no arrow", n)
		}
		if want == "same" {
			want = in
		}
		out, findings, err := r.Text(t.Context(), in, pseudonym)
		if err != nil {
			t.Fatalf("line %d: %v", n, err)
		}
		if got := withoutTokens(out); got != want {
			t.Errorf("line %d: got %s; want %s", n, got, want)
		}
		checkFindings(t, in, out, findings)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
}

// checkFindings makes sure that out is in with its findings replaced.
func checkFindings(t *testing.T, in, out string, findings []Finding) {
	t.Helper()
	at, outAt := 0, 0
	for _, f := range findings {
		if f.Start < at || f.End <= f.Start || f.End > len(in) || f.ReplEnd > len(out) || in[at:f.Start] != out[outAt:f.ReplStart] {
			t.Fatalf("finding %+v does not fit %q → %q", f, in, out)
		}
		if repl := strings.Trim(out[f.ReplStart:f.ReplEnd], `"\`); replacement(repl) != len(repl) || !strings.HasPrefix(repl, "["+f.Type+":") {
			t.Fatalf("finding %+v is replaced by %q", f, repl)
		}
		at, outAt = f.End, f.ReplEnd
	}
	if in[at:] != out[outAt:] {
		t.Fatalf("%q became %q after the last finding", in[at:], out[outAt:])
	}
}

var tokens = regexp.MustCompile(`:[a-z2-7]{12}\]`)

// withoutTokens leaves of pseudonyms the type.
func withoutTokens(s string) string { return tokens.ReplaceAllString(s, "]") }
