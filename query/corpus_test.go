package query_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// shared returns a folder of shared data, or skips the test where it is not
// at hand.
func shared(t testing.TB, folder string) string {
	t.Helper()
	root := os.Getenv("AFTERIMAGE_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	dir := filepath.Join(root, folder)
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		t.Skipf("the shared data is not at hand: no %s", dir)
	}
	return dir
}

// load appends up to perFile events of every file of the corpus, as they are,
// after it has shown each to visit.
func load(t testing.TB, log *eventlog.Log, perFile int, visit func(*pb.Event)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared(t, "corpus"), "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		t.Fatalf("corpus: %d files, error %v", len(files), err)
	}
	var batch []*pb.Event
	for _, file := range files {
		for e := range corpusEvents(t, file, perFile) {
			visit(e)
			if batch = append(batch, e); len(batch) == 500 {
				add(t, log, "corpus", batch...)
				batch = nil
			}
		}
	}
	add(t, log, "corpus", batch...)
}

// corpusEvents yields the first events of a file.
func corpusEvents(t testing.TB, file string, n int) func(func(*pb.Event) bool) {
	return func(yield func(*pb.Event) bool) {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		lines := bufio.NewScanner(d)
		lines.Buffer(nil, 4<<20)
		for range n {
			if !lines.Scan() {
				break
			}
			e, err := event.DecodeJSON(lines.Bytes(), event.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", filepath.Base(file), err)
			}
			if !yield(e) {
				return
			}
		}
	}
}

// Done when 2: a replay shows exactly the texts of the session's events, on
// what real clients send.
func TestReplayCorpus(t *testing.T) {
	perFile := 400
	if testing.Short() {
		perFile = 40
	}
	log := newLog(t)
	said := make(map[string][]string)
	load(t, log, perFile, func(e *pb.Event) { said[e.GetSession()] = append(said[e.GetSession()], texts(e)...) })
	engine := query.New(query.Config{Log: log})
	for session, want := range said {
		got := spoken(replay(t, engine, "corpus", session, query.Options{View: pb.View_BOTH}))
		if !cmp.Equal(set(want), set(got)) {
			t.Errorf("session %s: %d texts, want %d", session, len(set(got)), len(set(want)))
		}
	}
	t.Logf("%d sessions", len(said))
}

// percentile runs do on b and reports the median and the 99th percentile of its
// times.
func percentile(b *testing.B, do func()) {
	var times []time.Duration
	for b.Loop() {
		began := time.Now()
		do()
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1e3, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1e3, "p99-ms")
}

// perFileOfBench is how much of each file is loaded: AFTERIMAGE_BENCH_EVENTS,
// 2,000 by default, a large number for the whole corpus.
func perFileOfBench(b *testing.B) int {
	n := 2_000
	if s := os.Getenv("AFTERIMAGE_BENCH_EVENTS"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			b.Fatal(err)
		}
	}
	return n
}

// Done when 6: replays of sessions of twenty turns, point reads by id and by
// position, and pages of a search, each of random ones.
func BenchmarkCorpus(b *testing.B) {
	log := newLog(b)
	var long, all, someIDs []string
	load(b, log, perFileOfBench(b), func(e *pb.Event) {
		switch e.GetTurn() {
		case 1:
			all = append(all, e.GetSession())
		case 20:
			long = append(long, e.GetSession())
		}
		someIDs = append(someIDs, e.GetId())
	})
	engine := query.New(query.Config{Log: log})
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(names []string) string { return names[r.IntN(len(names))] }
	b.Logf("%d events, %d sessions, %d with twenty turns", log.Size(), len(all), len(long))

	b.Run("replay20", func(b *testing.B) {
		percentile(b, func() { replay(b, engine, "corpus", pick(long), query.Options{View: pb.View_BOTH}) })
	})
	b.Run("replay", func(b *testing.B) {
		percentile(b, func() { replay(b, engine, "corpus", pick(all), query.Options{View: pb.View_BOTH}) })
	})
	b.Run("get", func(b *testing.B) {
		percentile(b, func() {
			if _, err := engine.Get(b.Context(), "corpus", event.Seq(r.Uint64N(uint64(log.Size())))); err != nil {
				b.Fatal(err)
			}
		})
	})
	for name, request := range map[string]func() query.Request{
		"searchID":      func() query.Request { return query.Request{Filter: fmt.Sprintf("id == %q", pick(someIDs))} },
		"searchSession": func() query.Request { return query.Request{Filter: fmt.Sprintf("session == %q", pick(all))} },
		"searchNewest":  func() query.Request { return query.Request{} },
		"searchMeta":    func() query.Request { return query.Request{Filter: `interaction.verdicts.exists(v, v.score >= 0.9)`} },
		"searchAllMeta": func() query.Request { return query.Request{Filter: `source.version == "none"`} },
		"searchAllText": func() query.Request {
			return query.Request{Filter: `interaction.output.exists(m, m.parts.exists(p, p.text.contains("no such text")))`}
		},
	} {
		b.Run(name, func(b *testing.B) {
			percentile(b, func() {
				if _, err := engine.Search(b.Context(), "corpus", request()); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("pages", func(b *testing.B) { // all of them, newest first
		for b.Loop() {
			if n := len(ids(b, engine, "corpus", query.Request{PageSize: query.MaxPage})); n != len(someIDs) {
				b.Fatalf("found %d events, want %d", n, len(someIDs))
			}
		}
	})
}
