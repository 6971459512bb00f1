package query_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/querytest"
)

// spell cuts a text into words, or characters where there are no spaces, and what
// stands between them: every second piece is a word.
func spell(text string) []string {
	pieces := []string{""}
	for _, r := range text {
		alone := unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
		of := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
		last := len(pieces) - 1
		switch {
		case alone:
			if last%2 == 1 {
				pieces = append(pieces, "")
			}
			pieces = append(pieces, string(r), "")
		case of == (last%2 == 1):
			pieces[last] += string(r)
		default:
			pieces = append(pieces, string(r))
		}
	}
	if len(pieces)%2 == 0 {
		pieces = append(pieces, "")
	}
	return pieces
}

// alteration is a way to alter the n-th word.
type alteration struct {
	name string
	do   func(pieces []string, n int, other string)
}

var alterations = []alteration{
	{"replaced", func(p []string, n int, other string) { p[2*n+1] = other }},
	{"left out", func(p []string, n int, _ string) { p[2*n+1] = "" }},
	{"put in", func(p []string, n int, other string) { p[2*n+1] += " " + other }},
}

// altered returns the text with a share of its words altered, at least one, at
// random places.
func altered(r *rand.Rand, text string, share float64, how alteration, vocabulary []string) string {
	pieces := spell(text)
	words := len(pieces) / 2
	for _, n := range r.Perm(words)[:max(1, int(share*float64(words)+0.5))] {
		how.do(pieces, n, vocabulary[r.IntN(len(vocabulary))])
	}
	return strings.Join(pieces, "")
}

// outputs returns random outputs of the corpus that a log of so many events has,
// and the words of many.
func outputs(b *testing.B, r *rand.Rand, n, events int) (texts, vocabulary []string) {
	var all []string
	querytest.Corpus(b, func(e *pb.Event) {
		if events--; events < 0 {
			return
		}
		if text := event.TextOf(e, event.Generated); len(spell(text)) > 1 {
			all = append(all, text)
		}
	})
	for i, at := range r.Perm(len(all)) {
		if i < n {
			texts = append(texts, all[at])
		} else if i < 20*n {
			for j, piece := range spell(all[at]) {
				if j%2 == 1 {
					vocabulary = append(vocabulary, piece)
				}
			}
		}
	}
	return texts, vocabulary
}

// lengths are classes of texts by their words.
var lengths = []int{4, 10, 20, 50, 200, 10_000_000}

// recall counts how many of some texts were found.
type recall struct{ asked, alike, found int }

func (r *recall) add(alike, found bool) {
	r.asked++
	if alike {
		r.alike++
	}
	if found {
		r.found++
	}
}

func (r recall) String() string {
	return fmt.Sprintf("%.3f of %d (%.3f)", float64(r.found)/float64(max(r.asked, 1)), r.asked, float64(r.found)/float64(max(r.alike, 1)))
}

// What similarity finds of 500 outputs of the corpus of which some words were
// altered, and what it takes: recall by how many were altered and how, and by the
// length of the text; beside it, in brackets, the share of those that reach the
// threshold exactly, which is all that can be found. Precision is the share of
// answers that reach it when they are read again. AFTERIMAGE_BENCH_EVENTS=1000000
// asks a million events.
func BenchmarkSimilar(b *testing.B) {
	l := querytest.Open(b, querytest.Events(b, 20_000))
	r := rand.New(rand.NewPCG(500, 5))
	texts, vocabulary := outputs(b, r, 500, int(l.Size()))
	engine := query.New(query.Config{Log: l})
	for b.Loop() {
		similarRecall(b, engine, r, texts, vocabulary)
	}
}

func similarRecall(b *testing.B, engine *query.Engine, r *rand.Rand, texts, vocabulary []string) {
	b.Helper()
	var took []time.Duration
	var work eventlog.AlikeWork
	var answers, right, incomplete int
	ask := func(text string) *query.Similar {
		began := time.Now()
		found, err := engine.Similar(b.Context(), querytest.Tenant, query.SimilarRequest{Text: text, Voices: []event.Voice{event.Generated}, MaxResults: query.MaxResults})
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
		work.Compared += found.Work.Compared
		work.Candidates += found.Work.Candidates
		work.Verified += found.Work.Verified
		work.Blocks += found.Work.Blocks
		work.Bytes += found.Work.Bytes
		if found.Work.Incomplete {
			incomplete++
		}
		return found
	}
	ask(texts[0])
	first := took[0]
	took, work = nil, eventlog.AlikeWork{}
	before := processor(b)
	var out strings.Builder
	byLength := make([]recall, len(lengths))
	for _, share := range []float64{0.05, 0.1, 0.2} {
		for _, how := range alterations {
			var all recall
			for i, text := range texts {
				probe := altered(r, text, share, how, vocabulary)
				exact := minhash.Jaccard(minhash.Of(probe), minhash.Of(text))
				found := ask(probe)
				got := slices.ContainsFunc(found.Texts, func(t query.SimilarText) bool {
					return t.Text == event.Beginning(text, eventlog.MaxBeginning) && t.Similarity == exact
				})
				all.add(exact >= found.Threshold, got)
				class := slices.IndexFunc(lengths, func(n int) bool { return len(spell(text))/2 <= n })
				byLength[class].add(exact >= found.Threshold, got)
				if i%10 == 0 {
					n, ok := precise(b, engine, probe, found)
					answers, right = answers+n, right+ok
				}
			}
			fmt.Fprintf(&out, "\n%3.0f %% of words %-8s  recall %v", 100*share, how.name, all)
		}
	}
	for i, n := range lengths {
		fmt.Fprintf(&out, "\nup to %d words  recall %v", n, byLength[i])
	}
	spent := processor(b) - before
	slices.Sort(took)
	n := len(took)
	b.Logf("threshold %.2f, recall of the original (of those that reach the threshold):%s\nprecision %d of %d; %d of %d answers incomplete\nthe first query, with nothing in memory: %v\n"+
		"a query: p50 %v, p90 %v, p99 %v, max %v; on average %v of processors, %d sketches compared, %.1f candidates, %.1f read in %.1f blocks, %.1f MB gone through",
		query.DefaultThreshold, out.String(), right, answers, incomplete, n, first, took[n/2], took[n*9/10], took[n*99/100], took[n-1], (spent / time.Duration(n)).Round(10*time.Microsecond),
		work.Compared/n, float64(work.Candidates)/float64(n), float64(work.Verified)/float64(n), float64(work.Blocks)/float64(n), float64(work.Bytes)/1e6/float64(n))
	b.ReportMetric(float64(took[n/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(took[n*99/100].Microseconds())/1e3, "p99-ms")
}

// processor is what the process has used so far: on a busy machine it says more
// than the clock.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// precise reads the answers again and returns how many there are, and how many
// are as alike as they are said to be.
func precise(b *testing.B, engine *query.Engine, probe string, found *query.Similar) (answers, right int) {
	b.Helper()
	for _, t := range found.Texts {
		e, err := engine.Get(b.Context(), querytest.Tenant, t.Seqs[0])
		if err != nil {
			b.Fatal(err)
		}
		answers++
		if exact := slowJaccard(probe, event.TextOf(e, event.Generated)); exact >= found.Threshold && exact == t.Similarity {
			right++
		}
	}
	return answers, right
}

// What it takes to put the newest 10,000 events of the log, and 10,000 of all
// days, into clusters.
func BenchmarkCluster(b *testing.B) {
	l := querytest.Open(b, querytest.Events(b, 100_000))
	engine := query.New(query.Config{Log: l})
	for name, r := range map[string]query.ClusterRequest{
		"newest":   {},
		"all-days": {Filter: `interaction.model.name.startsWith("gpt-4")`},
		"input":    {Voices: []event.Voice{event.Asked}},
	} {
		b.Run(name, func(b *testing.B) {
			var found *query.Clusters
			for b.Loop() {
				var err error
				if found, err = engine.Cluster(b.Context(), querytest.Tenant, r); err != nil {
					b.Fatal(err)
				}
			}
			b.Logf("%d events, %d clusters, the largest of %d events with %d texts", found.Reach.Events, found.Count, found.Clusters[0].Reach.Events, found.Clusters[0].Texts)
			b.ReportMetric(float64(found.Count), "clusters")
		})
	}
}
