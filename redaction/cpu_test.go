//go:build unix

package redaction

import (
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// BenchmarkCorpusCPU is redaction of whole events as they come, a sample of
// every file of the shared corpus. It counts the time of processors, which
// other work on the machine disturbs less than it does time on the clock.
// In clean events there is nothing to replace but the user.
func BenchmarkCorpusCPU(b *testing.B) {
	r := newRedactor(b, Config{})
	events := corpusEvents(b, 100)
	clean := slices.DeleteFunc(slices.Clone(events), func(e *pb.Event) bool {
		counts, err := r.Event(b.Context(), proto.CloneOf(e), pseudonym)
		return err != nil || len(counts) > 0
	})
	b.Run("all", func(b *testing.B) { benchmarkCPU(b, r, events) })
	b.Run("clean", func(b *testing.B) { benchmarkCPU(b, r, clean) })
}

func benchmarkCPU(b *testing.B, r *Redactor, events []*pb.Event) {
	size := 0
	for _, e := range events {
		for _, s := range texts(e) {
			size += len(s)
		}
	}
	var spent time.Duration
	fresh := make([]*pb.Event, len(events))
	for b.Loop() {
		b.StopTimer()
		for i, e := range events {
			fresh[i] = proto.CloneOf(e)
		}
		runtime.GC() // or its work for the copies counts
		b.StartTimer()
		begin := processorTime(b)
		for _, e := range fresh {
			if _, err := r.Event(b.Context(), e, pseudonym); err != nil {
				b.Fatal(err)
			}
		}
		spent += processorTime(b) - begin
	}
	n := float64(b.N * len(events))
	b.ReportMetric(float64(spent.Nanoseconds())/1e3/n, "cpu-µs/event")
	b.ReportMetric(float64(b.N*size)/1e6/spent.Seconds(), "text-MB/cpu-s")
	b.ReportMetric(float64(size)/float64(len(events)), "text-B/event")
}

// processorTime returns what the process has used so far.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
