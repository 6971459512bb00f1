package redaction

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// benign are the files of the shared corpus with ordinary questions and work,
// as against attacks and harm.
var benign = []string{"agentdojo", "arena_hard", "elyza_tasks", "fasteval", "gaokao", "gsm8k_solutions", "intercode", "mega_summaries",
	"oasst_model_eval", "rakuda", "self_instruct", "swe_agent"}

// A corpusFinding is a value that a detector found in the corpus.
type corpusFinding struct{ detector, typ, value string }

// TestBenignCorpus counts what the detectors find in the benign part of the
// corpus, by detector, and with AFTERIMAGE_FINDINGS=FILE lists each value once
// with how often it came, for somebody to judge: whether a span is false no
// program knows. It takes minutes and runs where AFTERIMAGE_CORPUS is set.
func TestBenignCorpus(t *testing.T) {
	if os.Getenv("AFTERIMAGE_CORPUS") == "" {
		t.Skip("AFTERIMAGE_CORPUS is not set: takes minutes")
	}
	r := newRedactor(t, Config{})
	values := map[corpusFinding]int{}
	interactions := 0
	for _, name := range benign {
		for _, e := range readEvents(t, filepath.Join("corpus", name+".ndjson.zst"), 1) {
			interactions++
			for _, s := range texts(e) {
				_, found, err := r.Text(t.Context(), s, pseudonym)
				if err != nil {
					t.Fatalf("%s: %v", e.Id, err)
				}
				for _, f := range found {
					values[corpusFinding{f.Detector, f.Type, s[f.Start:f.End]}]++
				}
			}
		}
	}
	report(t, interactions, values)
}

// report logs counts by detector and writes the list.
func report(t *testing.T, interactions int, values map[corpusFinding]int) {
	spans, distinct := map[string]int{}, map[string]int{}
	for f, n := range values {
		spans[f.typ+" "+f.detector] += n
		distinct[f.typ+" "+f.detector]++
	}
	t.Logf("%d interactions", interactions)
	for _, k := range slices.Sorted(maps.Keys(spans)) {
		t.Logf("%s: %d spans of %d values", k, spans[k], distinct[k])
	}
	name := os.Getenv("AFTERIMAGE_FINDINGS")
	if name == "" {
		return
	}
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	defer w.Flush()
	list := slices.SortedFunc(maps.Keys(values), func(a, b corpusFinding) int {
		return cmp.Or(cmp.Compare(a.typ, b.typ), cmp.Compare(a.detector, b.detector), cmp.Compare(values[b], values[a]))
	})
	for _, v := range list {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", v.typ, v.detector, values[v], strings.ReplaceAll(fmt.Sprintf("%q", v.value), "\t", " "))
	}
}
