package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A day of as many events as AFTERIMAGE_BENCH_EVENTS says, 50,000 by default,
// expires while events come in at half the maximum: how long that takes, how long
// JetStream takes to acknowledge a batch of a hundred events meanwhile and
// without, and when the disk has its space back.
func BenchmarkCorpusUnderExpiry(b *testing.B) {
	parts, phase := 1, 3*time.Second
	if testing.Short() {
		phase = time.Second
	}
	if asked := os.Getenv("AFTERIMAGE_BENCH_EVENTS"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil {
			b.Fatalf("AFTERIMAGE_BENCH_EVENTS: %v", err)
		}
		parts, phase = max(1, n/grownBy), 10*time.Second
	}
	files := measuredFiles(b)
	var events []*pb.Event
	eachEvent(b, files, func(e *pb.Event) {
		if e.GetInteraction() != nil && len(events) < 40_000 && proto.Size(e) <= event.DefaultBatchBytes/pacedBatch {
			events = append(events, e)
		}
	})
	for b.Loop() {
		l := aDayOf(b, files, parts)
		p := newPaced(b, l, events)
		rate := l.rate / 2
		alone := p.run(b, rate, phase)
		before := l.dataSize()
		expiry := l.expireSoon(phase / 4)
		beside := p.run(b, rate, phase)
		done := <-expiry
		b.Logf("%d events expired in %v; %d MB became %d after %v", done.events, done.took.Round(time.Millisecond), before>>20, done.size>>20, done.shrunk.Round(time.Millisecond))
		for name, r := range map[string]paced{"alone": alone, "beside expiry": beside} {
			b.Logf("%s: %.0f events/s of %.0f, acknowledged after %v at the median and %v at the 99th percentile, %v at most; the log was %d events behind at the end",
				name, r.rate, rate, r.percentile(50), r.percentile(99), r.acks[len(r.acks)-1].Round(time.Millisecond), r.behind)
		}
		b.ReportMetric(float64(alone.percentile(99).Microseconds())/1e3, "alone-p99-ms")
		b.ReportMetric(float64(beside.percentile(99).Microseconds())/1e3, "beside-p99-ms")
		b.ReportMetric(done.took.Seconds(), "expiry-s")
		b.ReportMetric(done.shrunk.Seconds(), "disk-s")
		l.server.stop(os.Interrupt)
	}
}

// aDayOf returns a store of parts of 50,000 events, of forty days ago, merged as
// they are a day later.
func aDayOf(b *testing.B, files []string, parts int) *load {
	b.Helper()
	l := &load{rig: newRig(b)}
	clock := filepath.Join(l.dir, "clock")
	b.Setenv("CLOCK", clock)
	restart := func(ahead time.Duration) {
		if l.server != nil {
			l.server.stop(os.Interrupt)
		}
		if err := os.WriteFile(clock, []byte(ahead.String()), 0o600); err != nil {
			b.Fatal(err)
		}
		l.server = l.serve()
	}
	restart(0)
	defer func() {
		restart(40 * 24 * time.Hour)
		if _, err := pb.NewRetentionServiceClient(l.dial()).ConfirmRetention(b.Context(), &pb.ConfirmRetentionRequest{Actor: "bench", Reason: "time passes"}); err != nil {
			b.Fatal(err)
		}
	}()
	if testing.Short() { // A little, as it came: that it runs is all that is asked.
		began := time.Now()
		l.take(files[:1]...)
		l.rate = min(2000, float64(l.events)/time.Since(began).Seconds())
		return l
	}
	next := again(b, files)
	began := time.Now()
	publishing := time.Duration(0)
	for range parts {
		file := writePart(b, l.dir, next)
		one := time.Now()
		l.take(file)
		publishing += time.Since(one)
		if err := os.Remove(file); err != nil {
			b.Fatal(err)
		}
	}
	l.rate = float64(l.events) / publishing.Seconds()
	restart(26 * time.Hour)
	l.awaitMerged()
	b.Logf("%d events, made and merged in %v", l.events, time.Since(began).Round(time.Second))
	return l
}

// awaitMerged waits until the store has rested for so long that it is not only the
// rest between two portions of its work.
func (l *load) awaitMerged() {
	l.Helper()
	const rest = 15
	spent := l.metric("process_cpu_seconds_total")
	quiet := 0
	for end := time.Now().Add(20 * time.Minute); quiet < rest; {
		time.Sleep(time.Second) // what is measured is time
		now := l.metric("process_cpu_seconds_total")
		if quiet++; now-spent > 0.05 {
			quiet = 0
		}
		spent = now
		if time.Now().After(end) {
			l.Fatal("waited in vain for the store to merge")
		}
	}
}

// expired is how an expiry went.
type expired struct {
	events       uint64
	took, shrunk time.Duration
	size         int64
}

// expireSoon has the store expire what is due after a while.
func (l *load) expireSoon(after time.Duration) <-chan expired {
	out := make(chan expired, 1)
	conn := l.dial()
	before := l.dataSize()
	time.AfterFunc(after, func() {
		began := time.Now()
		var x expired
		stream, err := pb.NewRetentionServiceClient(conn).ExpireEvents(context.Background(), &pb.ExpireEventsRequest{DryRun: new(false)})
		for err == nil {
			var m *pb.ExpireEventsResponse
			if m, err = stream.Recv(); err == nil {
				for _, e := range m.GetExpiries() {
					for _, c := range e.GetGone() {
						x.events += c.GetEvents()
					}
				}
			}
		}
		if !errors.Is(err, io.EOF) {
			l.Error(err)
		}
		x.took = time.Since(began)
		for !testing.Short() && time.Since(began) < time.Minute && l.dataSize() > before/2 {
			time.Sleep(50 * time.Millisecond) // polls the disk
		}
		x.shrunk, x.size = time.Since(began), l.dataSize()
		out <- x
	})
	return out
}

// dataSize is how many bytes the log's files have.
func (l *load) dataSize() (n int64) {
	_ = filepath.WalkDir(filepath.Join(l.dir, "data", "log"), func(_ string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerror // Files come and go.
		}
		if info, err := d.Info(); err == nil {
			n += info.Size()
		}
		return nil
	})
	return n
}

// dial connects to the store.
func (l *load) dial() *grpc.ClientConn {
	l.Helper()
	store, err := storeFlag{Server: l.grpc}.open()
	if err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { store.Close() })
	return store.Conn()
}
