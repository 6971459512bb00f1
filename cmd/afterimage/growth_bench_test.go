package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// grownBy is how many events are published at a time.
const grownBy = 50_000

// What a store of many events costs: the corpus is published again and again,
// each time with ids, sessions and times of its own, 50,000 events at a time.
// Told are, for each time, how fast it was, what it took of processors, the most memory
// resident so far, and how fast the machine was just then; and in the end how long a
// start takes, after a clean stop and after a kill amid publishing.
// AFTERIMAGE_BENCH_EVENTS is the number of events, 100,000 by default.
func BenchmarkCorpusGrowth(b *testing.B) {
	parts := 2
	if asked := os.Getenv("AFTERIMAGE_BENCH_EVENTS"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil {
			b.Fatalf("AFTERIMAGE_BENCH_EVENTS: %v", err)
		}
		parts = max(2, n/grownBy)
	}
	files := measuredFiles(b)
	for b.Loop() {
		publishAgain(b, files, parts)
	}
}

func publishAgain(b *testing.B, files []string, parts int) {
	b.Helper()
	l := &load{rig: newRig(b)}
	began := time.Now()
	l.server = l.serve()
	b.Logf("an empty store starts in %v", time.Since(began).Round(time.Millisecond))
	var times []float64 // µs an event, a part each
	next := again(b, files)
	for part := range parts {
		file := writePart(b, l.dir, next)
		cpu, began := l.metric("process_cpu_seconds_total"), time.Now()
		publisher, _ := l.take(file)
		took := time.Since(began)
		times = append(times, float64(took.Microseconds())/grownBy)
		b.Logf("%7d events: %6.0f/s; of 100,000 the store takes %.1f s of processors, the publisher %.1f s; at most %d MB resident; SHA-256 %.0f MB/s",
			(part+1)*grownBy, grownBy/took.Seconds(), 2*(l.metric("process_cpu_seconds_total")-cpu), 2*publisher.Seconds(), l.peakRSS()>>20, sha256Speed())
		if err := os.Remove(file); err != nil {
			b.Fatal(err)
		}
	}
	if n := len(times); n >= 8 { // The first part warms up.
		b.ReportMetric(mean(times[n-4:])/mean(times[1:5]), "µs-an-event-last/first")
	}
	l.restart("after a clean stop", func() { l.server.stop(os.Interrupt) })
	file := writePart(b, l.dir, next)
	var publisher *process
	l.restart("after a kill amid publishing", func() {
		publisher = l.publish(file)
		for before := l.metric("afterimage_log_size"); l.metric("afterimage_log_size") < before+grownBy/2; {
			time.Sleep(5 * time.Millisecond) // polls another process
		}
		l.server.stop(os.Kill)
	})
	<-publisher.ended
	l.mustSucceed(publisher)
	l.server.stop(os.Interrupt)
}

// restart ends the store and tells how long it takes to serve again.
func (l *load) restart(how string, end func()) {
	l.Helper()
	end()
	began := time.Now()
	l.server = l.serve()
	l.Logf("%d events: the store is ready %v %s, with %d MB resident at most", l.events, time.Since(began).Round(time.Millisecond), how, l.peakRSS()>>20)
}

// again returns a function that returns the lines of the corpus without end.
func again(b *testing.B, files []string) (next func() []byte) {
	b.Helper()
	var events []*pb.Event
	eachEvent(b, files, func(e *pb.Event) { events = append(events, e) })
	n := 0
	return func() []byte {
		e := proto.CloneOf(events[n%len(events)])
		if round := n / len(events); round > 0 {
			e.Id, e.Session = fmt.Sprintf("%s-%d", e.GetId(), round), fmt.Sprintf("%s-%d", e.GetSession(), round)
			e.Time = timestamppb.New(e.GetTime().AsTime().Add(time.Duration(round) * time.Minute))
		}
		n++
		line, err := protojson.Marshal(e)
		if err != nil {
			b.Fatal(err)
		}
		return line
	}
}

// writePart writes the next events to a file.
func writePart(b *testing.B, dir string, next func() []byte) string {
	b.Helper()
	name := filepath.Join(dir, "part.ndjson")
	f, err := os.Create(name)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for range grownBy {
		_, _ = w.Write(append(next(), '\n')) // Flush tells.
	}
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
	return name
}

func mean(of []float64) (m float64) {
	for _, v := range of {
		m += v / float64(len(of))
	}
	return m
}
