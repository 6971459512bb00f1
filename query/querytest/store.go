// Package querytest makes the log that queries are measured on: the shared
// corpus, repeated with fresh ids, sessions and times until there are as many
// events as wanted, over thirty days.
//
// It is for benchmarks and needs the shared corpus: AFTERIMAGE_SHARED, or
// ../shared beside the repository.
package querytest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// Tenant is whose events the log has.
const Tenant = event.Tenant("corpus")

// Days is over how many days the events are spread; the first begins at Begin,
// and at End the log is opened.
const Days = 30

// The time that the events are of.
var (
	Begin = time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	End   = Begin.AddDate(0, 0, Days+2)
)

// Events is how many events a benchmark's log has: AFTERIMAGE_BENCH_EVENTS, or
// as many as it takes by default.
func Events(b testing.TB, byDefault int) int {
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

// A Store is where a log is.
type Store struct{ dir string }

// Make makes a log of n events, merged as it would be a day later. It is made once
// for every n and kept in AFTERIMAGE_BENCH_STORE, where that names a directory: a
// million events take minutes. Otherwise it goes when b ends.
func Make(b testing.TB, n int) Store {
	b.Helper()
	corpusDir(b) // or skip
	root := os.Getenv("AFTERIMAGE_BENCH_STORE")
	if root == "" {
		root = b.TempDir()
	}
	s := Store{filepath.Join(root, fmt.Sprintf("%d-%s", n, madeBy(b)))}
	if _, err := os.Stat(filepath.Join(s.dir, "done")); errors.Is(err, fs.ErrNotExist) {
		if err := os.RemoveAll(s.dir); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		build(b, s.dir, n)
		b.Logf("a log of %d events made in %v", n, time.Since(began).Round(time.Second))
	}
	return s
}

// Open opens the log until b ends, with the cache that `serve` gives it by default.
// One may be open at a time.
func (s Store) Open(b testing.TB) *eventlog.Log {
	b.Helper()
	l := open(b, s.dir, func() time.Time { return End })
	b.Cleanup(func() { closeLog(b, l) })
	return l
}

// Open makes a log of n events and opens it.
func Open(b testing.TB, n int) *eventlog.Log {
	b.Helper()
	return Make(b, n).Open(b)
}

func open(b testing.TB, dir string, now func() time.Time) *eventlog.Log {
	b.Helper()
	l, err := eventlog.Open(b.Context(), eventlog.Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, CacheBytes: 384 << 20, Now: now, // as serve has by default
	})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

func closeLog(b testing.TB, l *eventlog.Log) {
	if err := l.Close(); err != nil {
		b.Error(err)
	}
}

// corpusDir returns where the corpus is, or skips.
func corpusDir(b testing.TB) string {
	b.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := os.Getenv("AFTERIMAGE_SHARED")
	if root == "" {
		root = filepath.Join(filepath.Dir(here), "..", "..", "..", "shared")
	}
	dir := filepath.Join(root, "corpus")
	if _, err := os.Stat(dir); err != nil {
		b.Skipf("the shared corpus is not at hand: no %s", dir)
	}
	return dir
}

// madeBy names the code that decides what is stored: a log of other code is
// another one.
func madeBy(b testing.TB) string {
	b.Helper()
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	h := sha256.New()
	for _, dir := range []string{"eventlog/block", "event", "query/querytest"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			h.Write(text)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// Corpus calls f with every event of the shared corpus, or skips where there is
// none.
func Corpus(b testing.TB, f func(*pb.Event)) {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(corpusDir(b), "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		b.Fatalf("corpus: %d files, error %v", len(files), err)
	}
	for _, file := range files {
		if err := eachEvent(file, f); err != nil {
			b.Fatalf("%s: %v", filepath.Base(file), err)
		}
	}
}

func eachEvent(path string, f func(*pb.Event)) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	d, err := zstd.NewReader(file, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return err
	}
	defer d.Close()
	for lines := bufio.NewReaderSize(d, 1<<20); ; {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			e, err := event.DecodeJSON(line, event.Limits{})
			if err != nil {
				return err
			}
			f(e)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// A copied is one event of the log to be: an event of the corpus in one of its
// repetitions.
type copied struct {
	of    *pb.Event
	time  time.Time
	round int
}

// plan spreads n events over the days: each session begins at a random time and
// keeps its pace.
func plan(all []*pb.Event, n int) []copied {
	random := rand.New(rand.NewPCG(20260901, uint64(n)))
	out := make([]copied, 0, n)
	for round := 0; len(out) < n; round++ {
		shift := map[string]time.Duration{}
		for _, e := range all[:min(len(all), n-len(out))] {
			at := e.GetTime().AsTime()
			by, ok := shift[e.GetSession()]
			if !ok {
				by = Begin.Add(time.Duration(random.Int64N(int64(Days * 24 * time.Hour)))).Sub(at)
				shift[e.GetSession()] = by
			}
			out = append(out, copied{e, at.Add(by), round})
		}
	}
	slices.SortStableFunc(out, func(a, b copied) int { return cmp.Compare(a.time.UnixNano(), b.time.UnixNano()) })
	return out
}

// event returns the event as it is published.
func (c copied) event() *pb.Event {
	e := proto.CloneOf(c.of)
	e.Time = timestamppb.New(c.time)
	e.Id, e.Session = renamed(e.GetId(), c.round), session(e.GetSession(), c.round)
	retarget(e, c.round)
	return e
}

// batch is how many events are appended at a time: what a busy ingest takes.
const batch = 1000

func build(b testing.TB, dir string, n int) {
	b.Helper()
	var all []*pb.Event
	Corpus(b, func(e *pb.Event) { all = append(all, e) })
	now := Begin
	l := open(b, dir, func() time.Time { return now })
	maker := maker{log: l, policy: policy.Default()}
	for part := range slices.Chunk(plan(all, n), batch) {
		if at := part[0].time; at.After(now) { // Events that last beyond the end are of the last day.
			now = at
		}
		if err := maker.append(b.Context(), part); err != nil {
			b.Fatal(err)
		}
	}
	now = End
	for more := true; more; {
		var err error
		if more, err = l.Merge(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	closeLog(b, l)
	if err := os.WriteFile(filepath.Join(dir, "done"), nil, 0o600); err != nil {
		b.Fatal(err)
	}
}

// A maker does what ingest does, without redaction.
type maker struct {
	log    *eventlog.Log
	policy *policy.Document
}

func (m maker) append(ctx context.Context, part []copied) error {
	prepared := make([]eventlog.Prepared, len(part))
	var jobs errgroup.Group
	jobs.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range part {
		jobs.Go(func() (err error) {
			prepared[i], err = m.prepare(c.event())
			return err
		})
	}
	if err := jobs.Wait(); err != nil {
		return err
	}
	results, err := m.log.Append(ctx, prepared)
	if err != nil {
		return err
	}
	for i, r := range results {
		if r.Outcome != eventlog.Appended {
			return fmt.Errorf("event %s: outcome %d", part[i].of.GetId(), r.Outcome)
		}
	}
	return nil
}

func (m maker) prepare(e *pb.Event) (eventlog.Prepared, error) {
	user, err := redaction.User(e.GetUser(), func(v string) (string, error) { return m.log.Pseudonym(Tenant, v) })
	if err != nil {
		return eventlog.Prepared{}, err
	}
	class, err := m.policy.Classify(e)
	if err != nil {
		return eventlog.Prepared{}, err
	}
	e.User, e.Class, e.PolicyVersion = user, class, m.policy.Version()
	return m.log.Prepare(Tenant, e)
}

// Copy copies the log's data and keys into a directory.
func (s Store) Copy(b testing.TB, dir string) {
	b.Helper()
	for _, part := range []string{"data", "keys"} {
		to := filepath.Join(dir, part)
		err := os.CopyFS(to, os.DirFS(filepath.Join(s.dir, part)))
		if err == nil && part == "keys" { // Which others may not read.
			err = filepath.WalkDir(to, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return cmp.Or(err, os.Chmod(path, 0o700))
				}
				return os.Chmod(path, 0o600)
			})
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
