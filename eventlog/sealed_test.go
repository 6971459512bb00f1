package eventlog

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

// What blocks take once they are written anew, sessions together: sorted
// within windows of what came in, cut into blocks of a size, sealed densely;
// with the index merged over each window. Ids, commitments and tiles stay as
// they are in BenchmarkStoreSize. All as a share of the JSON that was
// published (docs/decisions/0013).
func BenchmarkSealedSize(b *testing.B) {
	events, raw := storedInTime(b, 30)
	l := open(b, config(b))
	in, _, err := newBucket(l.ring.Current(), 1, owner(b, l), "routine", 1, 1)
	if err != nil {
		b.Fatal(err)
	}
	for _, window := range []int{16 << 20, 64 << 20, 256 << 20} {
		for _, size := range []int{256 << 10, 512 << 10, 1 << 20, 2 << 20} {
			b.Run(fmt.Sprintf("window=%dMiB/block=%dKiB", window>>20, size>>10), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					var sum sealedSize
					for _, part := range windows(events, window) {
						sum.window(b, l, in, part, size)
					}
					share := func(n int) float64 { return float64(n) / float64(raw) }
					b.ReportMetric(share(sum.text), "text")
					b.ReportMetric(share(sum.meta), "meta")
					b.ReportMetric(share(sum.filter), "filter")
					b.ReportMetric(share(sum.index), "index")
					b.ReportMetric(share(sum.text+sum.meta+sum.filter+sum.index), "of-JSON")
				}
				b.SetBytes(raw)
			})
		}
	}
}

// windows cuts events into runs of about that many bytes.
func windows(events []stored, size int) (out [][]block.Item) {
	var run []block.Item
	n := 0
	for i, e := range events {
		run = append(run, block.Item{Seq: uint64(i), Bytes: e.bytes})
		if n += len(e.bytes); n > size {
			out, run, n = append(out, run), nil, 0
		}
	}
	return append(out, run)
}

type sealedSize struct{ text, meta, filter, index int }

func (s *sealedSize) window(b *testing.B, l *Log, in *bucket, items []block.Item, size int) {
	b.Helper()
	items = slices.Clone(items)
	for i := range items {
		var err error
		if items[i].Event, err = event.Unmarshal(items[i].Bytes); err != nil {
			b.Fatal(err)
		}
	}
	postings, err := in.postings(items)
	if err != nil {
		b.Fatal(err)
	}
	for hash, seqs := range postings {
		s.index += len(termKey(in.indexID, hash[:], seqs[0])) + len(encodePosting(seqs))
	}
	slices.SortStableFunc(items, func(a, b block.Item) int { return cmp.Compare(a.Event.GetSession(), b.Event.GetSession()) })
	start, n := 0, 0
	flush := func(end int) {
		sealed, err := l.codec.SealDense(1, 1, in.keys(), inOrder(items[start:end]))
		if err != nil {
			b.Fatal(err)
		}
		s.text, s.meta, s.filter = s.text+len(sealed.Text), s.meta+len(sealed.Meta), s.filter+len(sealed.Filter)
		start, n = end, 0
	}
	for i, it := range items {
		if i > start && n+len(it.Bytes) > size {
			flush(i)
		}
		n += len(it.Bytes)
	}
	flush(len(items))
}

// owner returns a tenant of the log.
func owner(b *testing.B, l *Log) *tenant {
	b.Helper()
	t, err := l.tenant("acme")
	if err != nil {
		b.Fatal(err)
	}
	return t
}
