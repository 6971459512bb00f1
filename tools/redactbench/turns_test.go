package redactbench

import (
	"bufio"
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/cases"
)

// turns returns texts by kind. Of the shared corpus: prose, numbers (more than
// one byte in thirty a digit) and json, whatever is found in them. Of the shared
// cases: dense, with a value in every sixty bytes or so, and secrets.
func turns(b *testing.B) map[string][]string {
	b.Helper()
	kinds := map[string][]string{}
	for _, s := range corpus(b) {
		kind := kindOf(s)
		kinds[kind] = append(kinds[kind], s)
	}
	for _, c := range labelled(b, "document.jsonl.gz") {
		kinds["dense"] = append(kinds["dense"], c.Text)
	}
	for _, c := range labelled(b, "detect.jsonl.gz") {
		if isSecret(c) {
			kinds["secrets"] = append(kinds["secrets"], c.Text)
		}
	}
	for kind, texts := range kinds {
		kinds[kind] = packed(texts)
	}
	return kinds
}

// packed returns the texts side by side in memory: a text that is redacted was
// just written or received, and misses of the cache are not what is measured.
func packed(texts []string) []string {
	all, out := strings.Join(texts, ""), make([]string, len(texts))
	for i, s := range texts {
		out[i], all = all[:len(s)], all[len(s):]
	}
	return out
}

func kindOf(s string) string {
	digits := 0
	for i := range len(s) {
		if '0' <= s[i] && s[i] <= '9' {
			digits++
		}
	}
	switch trimmed := strings.TrimSpace(s); {
	case strings.HasPrefix(trimmed, "{") || strings.HasPrefix(trimmed, "["):
		return "json"
	case 30*digits > len(s):
		return "numbers"
	}
	return "prose"
}

// isSecret reports whether a case has a secret to be found.
func isSecret(c cases.Case) bool {
	return c.Expect == "match" && slices.Contains([]string{"API_KEY", "JWT", "PRIVATE_KEY", "URL_CREDENTIALS", "PASSWORD", "GENERIC_SECRET", "WEBHOOK_URL"}, c.Entity)
}

// shared returns the path of a file of the shared test data, or skips by name.
func shared(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "..", "shared")), name)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("%s is not here", name)
	}
	return path
}

func labelled(t testing.TB, name string) []cases.Case {
	t.Helper()
	all, err := cases.Read(shared(t, filepath.Join("redaction-cases", name)))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// corpus returns the texts of every fortieth event of the shared corpus.
func corpus(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "*.ndjson.zst"))
	if err != nil || len(names) == 0 {
		t.Skipf("no corpus: %v", err)
	}
	var all []string
	for _, name := range names {
		for n, line := range lines(t, name) {
			if n%40 == 0 {
				all = append(all, texts(t, line)...)
			}
		}
	}
	return slices.DeleteFunc(all, func(s string) bool { return s == "" })
}

func lines(t testing.TB, name string) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	var all []string
	sc := bufio.NewScanner(zr)
	sc.Buffer(nil, 4<<20)
	for sc.Scan() {
		all = append(all, sc.Text())
	}
	if err := sc.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// texts returns what people and models said in an event, and what tools did.
func texts(t testing.TB, line string) []string {
	t.Helper()
	e := &pb.Event{}
	if err := protojson.Unmarshal([]byte(line), e); err != nil {
		t.Fatal("the corpus has a line that is no event")
	}
	var all []string
	for _, m := range slices.Concat(e.GetInteraction().GetInput(), e.GetInteraction().GetOutput()) {
		for _, p := range m.GetParts() {
			all = append(all, p.GetText(), p.GetReasoning(), p.GetToolCall().GetArguments(), p.GetToolResult().GetResult())
		}
	}
	return all
}
