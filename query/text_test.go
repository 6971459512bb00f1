package query_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// says asks for events in which some message has the text in it.
func says(part string) string {
	has := fmt.Sprintf("exists(m, m.parts.exists(p, p.text.contains(%q)))", part)
	return fmt.Sprintf("interaction.input.%s || interaction.output.%s", has, has)
}

// unhelped asks the same in a way that no filter helps with.
func unhelped(filter string) string { return "!(!(" + filter + "))" }

// part returns a random part of a text, whole characters of it.
func part(r *rand.Rand, text string) string {
	start := r.IntN(len(text) + 1)
	end := min(start+r.IntN(60), len(text))
	for start < end && !utf8.RuneStart(text[start]) {
		start++
	}
	for end < len(text) && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[start:max(start, end)]
}

// Filters leave out nothing: on what real clients send, in all its languages,
// a search for any part of any text finds what reading everything finds.
func TestTextSearchCorpus(t *testing.T) {
	perFile, searches := 40, 60
	if testing.Short() {
		perFile, searches = 20, 30
	}
	log := newLog(t)
	var all []string
	load(t, log, perFile, func(e *pb.Event) {
		event.Texts(e, func(text string) { all = append(all, text) })
	})
	engine := query.New(query.Config{Log: log})
	r := rand.New(rand.NewPCG(3, 4))
	found := 0
	for range searches {
		filter := says(part(r, all[r.IntN(len(all))]))
		got := ids(t, engine, "corpus", query.Request{Filter: filter, PageSize: query.MaxPage})
		want := ids(t, engine, "corpus", query.Request{Filter: unhelped(filter), PageSize: query.MaxPage})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-all +filtered):\n%s", filter, diff)
		}
		found += len(want)
	}
	if found < searches {
		t.Errorf("%d searches found %d events: hardly anything was compared", searches, found)
	}
}

// What filters spare a search in text: a rare phrase, one that is not there,
// and common words, with filters and without. AFTERIMAGE_BENCH_EVENTS=1000000
// takes the whole corpus.
func BenchmarkTextSearch(b *testing.B) {
	log := newLog(b)
	var rare []string
	r := rand.New(rand.NewPCG(5, 6))
	load(b, log, perFileOfBench(b), func(e *pb.Event) {
		event.Texts(e, func(text string) {
			if words := strings.Fields(text); len(words) > 20 && r.IntN(2_000) == 0 {
				i := r.IntN(len(words) - 8)
				rare = append(rare, strings.Join(words[i:i+6], " "))
			}
		})
	})
	engine := query.New(query.Config{Log: log})
	b.Logf("%d events", log.Size())
	for _, c := range []struct {
		name string
		part func() string
	}{
		{"phrase", func() string { return rare[r.IntN(len(rare))] }},
		{"absent", func() string { return " zyzzyva quokka " }},
		{"common", func() string { return " the answer is " }},
	} {
		for _, how := range []struct {
			name string
			as   func(string) string
		}{{"filters", says}, {"none", func(p string) string { return unhelped(says(p)) }}} {
			b.Run(c.name+"/"+how.name, func(b *testing.B) {
				percentile(b, func() {
					if _, err := engine.Search(b.Context(), "corpus", query.Request{Filter: how.as(c.part())}); err != nil {
						b.Fatal(err)
					}
				})
			})
		}
	}
}
