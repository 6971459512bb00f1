package query_test

import (
	"syscall"
	"testing"
	"time"
)

// measured runs a benchmark's loop and reports, beside its time, how much time of
// processors it took: what does not depend on who else runs.
func measured(b *testing.B, do func()) {
	before := processorTime(b)
	for b.Loop() {
		do()
	}
	b.ReportMetric(float64((processorTime(b)-before).Microseconds())/1e3/float64(b.N), "cpu-ms/op")
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
