package eventlog

import (
	"bufio"
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// eachCorpusEvent calls f with up to perFile events of every file of the
// shared corpus, classified, and the size of each as JSON. It skips where
// there is no corpus.
func eachCorpusEvent(b testing.TB, perFile int, f func(e *pb.Event, size int64)) {
	b.Helper()
	dir := os.Getenv("AFTERIMAGE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "corpus", "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		b.Skip("the shared corpus is not here")
	}
	for _, path := range files {
		eachLine(b, path, perFile, func(line []byte) {
			e, err := event.DecodeJSON(line, event.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			e.Class, e.PolicyVersion = "routine", "v1"
			f(e, int64(len(line)))
		})
	}
}

func eachLine(b testing.TB, path string, n int, f func([]byte)) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	d, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	lines := bufio.NewScanner(d)
	lines.Buffer(nil, 4<<20)
	for range n {
		if !lines.Scan() {
			break
		}
		f(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		b.Fatal(err)
	}
}

// perFile is how much of each file of the corpus a benchmark takes:
// AFTERIMAGE_BENCH_EVENTS, or all of it with a large number.
func perFile(b testing.TB, byDefault int) int {
	s := os.Getenv("AFTERIMAGE_BENCH_EVENTS")
	if s == "" {
		return byDefault
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatalf("AFTERIMAGE_BENCH_EVENTS: %v", err)
	}
	return n
}

// corpusInTime returns events of the corpus in the order of their times, as a
// busy service sends them, and their size as JSON.
func corpusInTime(b testing.TB, perFile int) (events []*pb.Event, size int64) {
	b.Helper()
	eachCorpusEvent(b, perFile, func(e *pb.Event, n int64) {
		events, size = append(events, e), size+n
	})
	slices.SortStableFunc(events, func(x, y *pb.Event) int {
		return cmp.Or(cmp.Compare(x.GetTime().GetSeconds(), y.GetTime().GetSeconds()), cmp.Compare(x.GetTime().GetNanos(), y.GetTime().GetNanos()))
	})
	return events, size
}
