package retention_test

import (
	"context"
	"iter"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/querytest"
	"github.com/afterimage/afterimage/retention"
)

// Everything that a log has expires at once: as many events as
// AFTERIMAGE_BENCH_EVENTS says, of thirty days. count-ms is what counting them for
// the ledger takes, before; disk-ms after how long the directory has shrunk.
func BenchmarkExpire(b *testing.B) {
	store := querytest.Make(b, querytest.Events(b, 20_000))
	for b.Loop() {
		b.StopTimer()
		dir := b.TempDir()
		store.Copy(b, dir)
		now := querytest.End
		log, err := eventlog.Open(b.Context(), eventlog.Config{
			Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, CacheBytes: 384 << 20,
			Now: func() time.Time { return now },
		})
		if err != nil {
			b.Fatal(err)
		}
		policies, err := retention.Open(b.Context(), log, nil)
		if err != nil {
			b.Fatal(err)
		}
		if err := policies.Ensure(b.Context(), querytest.Tenant, policy.Default()); err != nil {
			b.Fatal(err)
		}
		keeper, err := retention.NewKeeper(b.Context(), retention.KeeperConfig{
			Log: log, Policies: policies, Now: func() time.Time { return now },
			Select: func(context.Context, event.Tenant, retention.Scope) (iter.Seq2[event.Seq, error], error) {
				return func(func(event.Seq, error) bool) {}, nil
			},
		})
		if err != nil {
			b.Fatal(err)
		}
		counting := time.Now()
		if _, err := keeper.Expire(b.Context(), false, func(eventlog.ForgetProgress) {}); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(counting).Milliseconds()), "count-ms")
		before := size(b, dir)
		now = now.AddDate(2, 0, 0)
		if _, err := keeper.Confirm(b.Context(), "bench", "time passes"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		began := time.Now()
		done, err := keeper.Expire(b.Context(), false, func(eventlog.ForgetProgress) {})
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "expire-ms")
		b.StopTimer()
		b.ReportMetric(float64(gone(done)), "events")
		for time.Since(began) < time.Minute && size(b, dir) > before/4 {
			time.Sleep(100 * time.Millisecond) // The disk is given back in the background.
		}
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "disk-ms")
		b.Logf("%d MB before, %d after %v", before>>20, size(b, dir)>>20, time.Since(began).Round(time.Millisecond))
		if err := log.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func gone(done []*pb.Expiry) (n uint64) {
	for _, x := range done {
		for _, c := range x.GetGone() {
			n += c.GetEvents()
		}
	}
	return n
}

// size is how many bytes the files of a directory have.
func size(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerror // Files come and go.
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}
