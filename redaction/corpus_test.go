package redaction

import (
	"bufio"

	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// corpusEvents returns every step-th event of the shared corpus, read once.
func corpusEvents(t testing.TB, step int) []*pb.Event {
	dir := shared(t, "corpus").Name()
	names, err := fs.Glob(os.DirFS(dir), "*.ndjson.zst")
	if err != nil || len(names) == 0 {
		t.Skipf("no corpus: %v", err)
	}
	var events []*pb.Event
	for _, name := range names {
		events = append(events, readEvents(t, filepath.Join("corpus", name), step)...)
	}
	return events
}

func readEvents(t testing.TB, name string, step int) []*pb.Event {
	zr, err := zstd.NewReader(shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 4<<20)
	var events []*pb.Event
	for n := 0; lines.Scan(); n++ {
		if n%step != 0 {
			continue
		}
		e := &pb.Event{}
		if err := protojson.Unmarshal(lines.Bytes(), e); err != nil {
			t.Fatalf("%s:%d: not an event", name, n+1)
		}
		events = append(events, e)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return events
}

// TestCorpus redacts a sample of real events: JSON stays JSON, UTF-8 stays
// UTF-8, and a second pass changes nothing.
func TestCorpus(t *testing.T) {
	r := newRedactor(t, Config{Timeout: time.Minute}) // other tests may have the processors
	total := Counts{}
	for _, e := range corpusEvents(t, 50) {
		before := proto.CloneOf(e)
		counts, err := r.Event(t.Context(), e, pseudonym)
		if err != nil {
			t.Fatalf("%s: %v", e.Id, err)
		}
		for typ, n := range counts {
			total.add(typ, n)
		}
		checkTexts(t, before, e)
		again := proto.CloneOf(e)
		counts, err = r.Event(t.Context(), again, pseudonym)
		if err != nil {
			t.Fatalf("%s: again: %v", e.Id, err)
		}
		if len(counts) != 0 || !proto.Equal(e, again) {
			t.Errorf("%s: the second pass changed %v: %s", e.Id, counts, cmp.Diff(e, again, protocmp.Transform()))
		}
	}
	t.Logf("replaced: %v", total)
}

// checkTexts compares the texts of an event before and after redaction.
func checkTexts(t *testing.T, before, after *pb.Event) {
	t.Helper()
	old, now := texts(before), texts(after)
	if len(old) != len(now) {
		t.Fatalf("%s: %d texts became %d", before.Id, len(old), len(now))
	}
	for i := range old {
		if !utf8.ValidString(now[i]) {
			t.Errorf("%s: text %d is no longer UTF-8", before.Id, i)
		}
		s := strings.TrimSpace(old[i])
		if s != "" && (s[0] == '{' || s[0] == '[') && json.Valid([]byte(s)) && !json.Valid([]byte(now[i])) {
			t.Errorf("%s: text %d is no longer JSON", before.Id, i)
		}
	}
}

// texts returns all free text of an event.
func texts(e *pb.Event) []string {
	var all []string
	in := e.GetInteraction()
	for _, m := range slices.Concat(in.GetInput(), in.GetOutput(), in.GetShown()) {
		for _, p := range m.GetParts() {
			all = append(all, p.GetText(), p.GetReasoning(), p.GetToolCall().GetArguments(),
				p.GetToolResult().GetResult(), p.GetToolResult().GetError(), p.GetBlob().GetUri())
		}
	}
	for _, d := range in.GetRetrieved() {
		all = append(all, d.GetUri(), d.GetTitle(), d.GetText())
	}
	return append(all, e.GetReport().GetComment(), e.GetAction().GetText())
}
