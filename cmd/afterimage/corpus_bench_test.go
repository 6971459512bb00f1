package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// measuredFiles are the files of the corpus; with -short, which asks only whether a
// benchmark runs, the last five: short ones, and long sessions.
func measuredFiles(b *testing.B) []string {
	b.Helper()
	files := corpusFiles(b)
	if testing.Short() {
		return files[max(len(files)-5, 0):]
	}
	return files
}

// The whole path with all its processes: from the start of `publish` of the
// corpus to the last event durable in the log. Each round is told beside what
// the machine could do just then; -benchtime 5x makes five.
func BenchmarkCorpusPublish(b *testing.B) {
	files := measuredFiles(b)
	best := 0.0
	for b.Loop() {
		l := loadCorpus(b, files)
		best = max(best, l.rate)
		b.Logf("%s; SHA-256 %.0f MB/s", l, sha256Speed())
		l.server.stop(os.Interrupt)
		b.StopTimer()
		if err := os.RemoveAll(l.dir); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(best, "best-events/s")
}

// A load is a store that took the corpus in.
type load struct {
	*rig
	server    *process
	events    int
	rate      float64 // events/s, to the last one durable in the log
	serverCPU time.Duration
	serverRSS int64 // the most it took, in bytes
	publisher string
}

// String says how it went.
func (l *load) String() string {
	return fmt.Sprintf("%d events at %.0f/s; the store took %.1f s of processors and at most %d MB; publisher: %s",
		l.events, l.rate, l.serverCPU.Seconds(), l.serverRSS>>20, l.publisher)
}

func loadCorpus(b *testing.B, files []string) *load {
	b.Helper()
	l := &load{rig: newRig(b)}
	l.server = l.serve()
	began := time.Now()
	publisher, said := l.take(files...)
	l.rate = float64(l.events) / time.Since(began).Seconds()
	l.serverCPU = time.Duration(l.metric("process_cpu_seconds_total") * float64(time.Second))
	l.serverRSS = l.peakRSS()
	l.publisher = fmt.Sprintf("%.1f s of processors, %s", publisher.Seconds(), said)
	return l
}

// take publishes files and waits until they are in the log. It returns what the
// publisher took of processors, and what it said.
func (l *load) take(files ...string) (cpu time.Duration, said string) {
	l.Helper()
	p := l.publish(files...)
	<-p.ended
	l.mustSucceed(p)
	var sum struct{ Acknowledged int }
	if err := json.Unmarshal(p.stdout.Bytes(), &sum); err != nil {
		l.Fatal(err)
	}
	l.events += sum.Acknowledged
	for end := time.Now().Add(patience); l.metric("afterimage_log_size") < float64(l.events+1); { // and the policy
		if time.Sleep(5 * time.Millisecond); time.Now().After(end) { // polls another process
			l.Fatalf("the log has %v of %d events", l.metric("afterimage_log_size"), l.events)
		}
	}
	return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime(), strings.TrimSpace(p.stdout.String())
}

// awaitRest waits until the store has done what taking events in left to do,
// such as compactions: until it takes less than a twentieth of a processor.
func (l *load) awaitRest() {
	l.Helper()
	const pause = time.Second
	spent := l.metric("process_cpu_seconds_total")
	for end := time.Now().Add(patience); time.Now().Before(end); {
		time.Sleep(pause) // what is measured is time
		now := l.metric("process_cpu_seconds_total")
		if now-spent < pause.Seconds()/20 {
			return
		}
		spent = now
	}
	l.Fatalf("waited %v in vain for the store to come to rest", patience)
}

// metric returns a metric of the store.
func (r *rig) metric(name string) float64 {
	r.Helper()
	response, err := http.Get("http://" + r.http + "/metrics")
	if err != nil {
		r.Fatal(err)
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), name+" "); found {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				r.Fatal(err)
			}
			return v
		}
	}
	r.Fatalf("there is no metric %s", name)
	return 0
}

// peakRSS returns the most memory that the store had resident, 0 where the
// system does not tell.
func (l *load) peakRSS() int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.server.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	var kib int64
	if _, rest, found := strings.Cut(string(status), "VmHWM:"); found {
		_, _ = fmt.Sscan(rest, &kib)
	}
	return kib << 10
}

// sha256Speed is what the machine can do just now, in MB/s.
func sha256Speed() float64 {
	block, n := make([]byte, 1<<20), 0
	began := time.Now()
	for time.Since(began) < 300*time.Millisecond {
		sha256.Sum256(block)
		n += len(block)
	}
	return float64(n) / 1e6 / time.Since(began).Seconds()
}

// As investigators ask, with the whole corpus loaded and the store at rest:
// random events by id, by position and by a search for the id, and replays of
// random sessions, of about twenty turns and of any, over HTTP and over gRPC.
// -benchtime 3000x makes the percentiles good.
func BenchmarkCorpusRead(b *testing.B) {
	files := measuredFiles(b)
	random := seeded(b)
	var ids []string
	turns := map[string]int{}
	eachEvent(b, files, func(e *pb.Event) {
		turns[e.GetSession()]++
		ids = append(ids, e.GetId())
	})
	var long, all []string
	for session, n := range turns {
		all = append(all, session)
		if 18 <= n && n <= 22 {
			long = append(long, session)
		}
	}
	slices.Sort(long)
	slices.Sort(all)
	l := loadCorpus(b, files)
	b.Logf("%s; %d sessions, %d with 18 to 22 events", l, len(turns), len(long))
	l.awaitRest()

	store, err := storeFlag{Server: l.grpc}.open()
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	events, sessions := pb.NewEventServiceClient(store.Conn()), pb.NewSessionServiceClient(store.Conn())
	byID := func() string { return fmt.Sprintf("id == %q", pick(random, ids)) }
	bySeq := func() uint64 { return 1 + random.Uint64N(uint64(l.events)) }
	http := func(path string) (int, error) { return fetch(b.Context(), "http://"+l.http+path) }
	lookup := func() (int, error) { return http("/v1/tenants/default/events:lookup?id=" + pick(random, ids)) }
	replay := func(session string) (n int, err error) {
		stream, err := sessions.ReplaySession(b.Context(), &pb.ReplaySessionRequest{Tenant: "default", Session: session, View: pb.View_BOTH})
		if err != nil {
			return 0, err
		}
		for {
			f, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return n, nil
			}
			if err != nil {
				return n, err
			}
			n += proto.Size(f)
		}
	}
	for _, c := range []struct {
		name string
		read func() (size int, err error)
	}{
		{"http/healthz", func() (int, error) { return http("/healthz") }}, // what HTTP alone takes
		{"http/id-first", lookup}, // while nothing has been read before, and less and less
		{"http/id", lookup},
		{"http/search", func() (int, error) {
			return http("/v1/tenants/default/events:search?filter=" + url.QueryEscape(byID()))
		}},
		{"http/seq", func() (int, error) { return http(fmt.Sprintf("/v1/tenants/default/events/%d", bySeq())) }},
		{"http/replay20", func() (int, error) { return http(replayPath("default", pick(random, long))) }},
		{"http/replay", func() (int, error) { return http(replayPath("default", pick(random, all))) }},
		{"grpc/id", func() (int, error) {
			e, err := events.LookupEvent(b.Context(), &pb.LookupEventRequest{Tenant: "default", Id: pick(random, ids)})
			return proto.Size(e), err
		}},
		{"grpc/search", func() (int, error) {
			page, err := events.SearchEvents(b.Context(), &pb.SearchEventsRequest{Tenant: "default", Filter: byID()})
			return proto.Size(page), err
		}},
		{"grpc/seq", func() (int, error) {
			e, err := events.GetEvent(b.Context(), &pb.GetEventRequest{Tenant: "default", Seq: bySeq()})
			return proto.Size(e), err
		}},
		{"grpc/replay20", func() (int, error) { return replay(pick(random, long)) }},
		{"grpc/replay", func() (int, error) { return replay(pick(random, all)) }},
	} {
		b.Run(c.name, func(b *testing.B) { percentiles(b, c.read) })
	}
	b.Logf("the store took at most %d MB", l.peakRSS()>>20)
	l.server.stop(os.Interrupt)
}

// percentiles reports how long reads take, and how much they return.
func percentiles(b *testing.B, read func() (int, error)) {
	b.Helper()
	var times []time.Duration
	total := 0
	for b.Loop() {
		began := time.Now()
		size, err := read()
		times = append(times, time.Since(began))
		if err != nil || size == 0 {
			b.Fatalf("read %d bytes, error %v", size, err)
		}
		total += size
	}
	slices.Sort(times)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(times[len(times)*percent/100].Microseconds())/1e3, fmt.Sprintf("p%d-ms", percent))
	}
	b.ReportMetric(float64(total)/float64(len(times)), "bytes/op")
}

func pick(random *rand.Rand, of []string) string { return of[random.IntN(len(of))] }

// fetch reads an answer to its end and returns its size in bytes.
func fetch(ctx context.Context, address string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	n, err := io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: status %s", address, response.Status)
	}
	return int(n), err
}
