package eventlog

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A change of epoch where many buckets live: all of Forget but the stream's
// part, for one event of one of them.
func BenchmarkEpoch(b *testing.B) {
	const buckets = 10_000
	l := open(b, config(b))
	add(b, l, "acme", 0, 2000)
	t := l.named("acme")
	w := l.db.NewBatch()
	for day := range uint32(buckets) {
		l.state.bucket++
		in, record, err := newBucket(l.ring.Current(), l.state.bucket, t, "routine", day, indexID(l.state.bucket))
		if err != nil {
			b.Fatal(err)
		}
		set(w, bucketKey(in.id), record)
		must(l.addBucket(in))
	}
	set(w, key1(spaceState), l.state.encode())
	if err := w.Commit(pebble.Sync); err != nil {
		b.Fatal(err)
	}
	n := event.Seq(0)
	for b.Loop() {
		forget(b, l, erasure("acme", fmt.Sprint("r", n), n))
		n++
	}
	if got := len(l.Buckets()); got < buckets {
		b.Fatalf("%d buckets, want at least %d", got, buckets)
	}
}

// A hundred people of the corpus ask to be erased, in one change of epoch: those
// with about the median number of events. ms/request is what each costs.
func BenchmarkErase(b *testing.B) {
	events, size := corpusInTime(b, perFile(b, 500))
	l := open(b, config(b))
	var seqs = map[string][]event.Seq{}
	for part := range slices.Chunk(events, 1000) {
		var batch []Prepared
		var users []string
		for _, e := range part {
			users = append(users, cmp.Or(e.GetUser(), e.GetSession()))
			p, err := l.Prepare("acme", e)
			if err != nil {
				b.Fatal(err)
			}
			batch = append(batch, p)
		}
		results, err := l.Append(context.Background(), batch)
		if err != nil {
			b.Fatal(err)
		}
		for i, r := range results {
			seqs[users[i]] = append(seqs[users[i]], r.Seq)
		}
	}
	subjects := slices.SortedFunc(maps.Keys(seqs), func(x, y string) int {
		return cmp.Or(cmp.Compare(len(seqs[x]), len(seqs[y])), cmp.Compare(x, y))
	})
	b.Logf("%d events, %d MB of JSON, %d subjects, the median one with %d events", len(events), size>>20, len(subjects), len(seqs[subjects[len(subjects)/2]]))
	const requests = 100
	next, blocksBefore := len(subjects)/2, blocks(l)
	for b.Loop() {
		var what []Forgetting
		erased := 0
		for range requests {
			f := erasure("acme", fmt.Sprint("r", next), seqs[subjects[next]]...)
			erased += len(seqs[subjects[next]])
			what = append(what, f)
			next++
		}
		forget(b, l, what...)
		b.Logf("%d events erased", erased)
	}
	b.ReportMetric(b.Elapsed().Seconds()*1000/float64(b.N*requests), "ms/request")
	b.ReportMetric(float64(blocksBefore), "blocks")
	if _, err := l.Read(context.Background(), "acme", seqs[subjects[next-1]][0]); err == nil {
		b.Fatal("an erased event was read")
	}
}

// A detector finds something in one event of a hundred, all over the corpus: most
// blocks are written anew. us/event is what it costs for each event looked at,
// without the detectors.
func BenchmarkRedact(b *testing.B) {
	events, size := corpusInTime(b, perFile(b, 500))
	l := open(b, config(b))
	var all []event.Seq
	for part := range slices.Chunk(events, 1000) {
		var batch []Prepared
		for _, e := range part {
			p, err := l.Prepare("acme", e)
			if err != nil {
				b.Fatal(err)
			}
			batch = append(batch, p)
		}
		results, err := l.Append(context.Background(), batch)
		if err != nil {
			b.Fatal(err)
		}
		for _, r := range results {
			all = append(all, r.Seq)
		}
	}
	merge(b, l)
	b.Logf("%d events in %d blocks, %d MB of JSON", len(events), blocks(l), size>>20)
	n := 0
	for b.Loop() {
		n++
		what := redaction("acme", fmt.Sprint("r", n), all...)
		var seen atomic.Uint64
		what.Apply = func(_ context.Context, e *pb.Event) error {
			if seen.Add(1)%100 == 0 {
				e.User = fmt.Sprintf("[USER:redacted%d]", n)
			}
			return nil
		}
		b.Logf("%d events redacted", redact(b, l, what))
	}
	b.ReportMetric(b.Elapsed().Seconds()*1e6/float64(b.N*len(all)), "us/event")
}
