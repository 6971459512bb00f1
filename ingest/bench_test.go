package ingest

import (
	"bufio"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// sample returns n interactions of about 1.5 kB that compress like English.
func sample(n int) []*pb.Event {
	words := strings.Fields(`the of and to in a is that for it as was with be by on not he his but at are
		this have from or had an they which one you were her all she there would their we him been has when
		who will more no if out so said what up its about into than them can only other new some could time
		patient medicine dose symptom answer question model assistant please explain summarise translate`)
	rnd := rand.New(rand.NewPCG(1, 2))
	var events []*pb.Event
	for i := range n {
		var b strings.Builder
		for b.Len() < 1300 {
			b.WriteString(words[rnd.IntN(len(words))] + " ")
		}
		events = append(events, interaction(fmt.Sprintf("019aa5c0-7d11-7000-8000-%012d", i), b.String()))
	}
	return events
}

// bodies returns messages of per events each.
func bodies(b *testing.B, n, per int) []*nats.Msg {
	b.Helper()
	events := sample(n * per)
	var msgs []*nats.Msg
	for i := range n {
		msgs = append(msgs, batchMessage(b, events[i*per:(i+1)*per]))
	}
	return msgs
}

// benchStream returns an encrypted stream on disk whose server syncs always,
// or every two minutes as NATS does by default.
func benchStream(b *testing.B, always bool, retention jetstream.RetentionPolicy) jetstream.JetStream {
	b.Helper()
	opts, err := serverOptions(ServerConfig{Dir: b.TempDir(), Key: streamKey, MaxStoreBytes: DefaultStoreBytes})
	if err != nil {
		b.Fatal(err)
	}
	opts.SyncAlways = always
	ns, err := server.NewServer(opts)
	if err != nil {
		b.Fatal(err)
	}
	go ns.Start()
	b.Cleanup(func() { stop(ns) })
	if !ns.ReadyForConnections(10 * time.Second) {
		b.Fatal("server does not start")
	}
	s := new(Server)
	s.nats.Store(ns)
	js := connect(b, s)
	c := StreamConfig{}.stream()
	c.Retention = retention
	if _, err := js.CreateStream(b.Context(), c); err != nil {
		b.Fatal(err)
	}
	return js
}

// waiting is how many messages publishAsync lets be unacknowledged.
const waiting = 256

func publishAsync(b *testing.B, js jetstream.JetStream, msg *nats.Msg, acks chan jetstream.PubAckFuture) {
	f, err := js.PublishMsgAsync(msg, jetstream.WithStallWait(time.Minute))
	if err != nil {
		b.Fatal(err)
	}
	acks <- f
	if len(acks) == cap(acks) {
		settle(b, <-acks)
	}
}

func settle(b *testing.B, f jetstream.PubAckFuture) {
	select {
	case <-f.Ok():
	case err := <-f.Err():
		b.Fatal(err)
	}
}

// What an acknowledged publish costs (docs/decisions/0002).
func BenchmarkPublish(b *testing.B) {
	for _, sync := range []struct {
		name   string
		always bool
	}{{"sync=always", true}, {"sync=2m", false}} {
		for _, per := range []int{1, 100} {
			msgs := bodies(b, 64, per)
			run := func(name string, publish func(*testing.B, jetstream.JetStream)) {
				b.Run(fmt.Sprintf("%s/events=%d/%s", sync.name, per, name), func(b *testing.B) {
					js := benchStream(b, sync.always, jetstream.LimitsPolicy)
					b.ResetTimer()
					publish(b, js)
					b.ReportMetric(float64(b.N*per)/b.Elapsed().Seconds(), "events/s")
				})
			}
			run("one by one", func(b *testing.B, js jetstream.JetStream) {
				for i := range b.N {
					if _, err := js.PublishMsg(b.Context(), msgs[i%len(msgs)]); err != nil {
						b.Fatal(err)
					}
				}
			})
			run("async", func(b *testing.B, js jetstream.JetStream) {
				acks := make(chan jetstream.PubAckFuture, waiting)
				for i := range b.N {
					publishAsync(b, js, msgs[i%len(msgs)], acks)
				}
				for range len(acks) {
					settle(b, <-acks)
				}
			})
			if per == 1 {
				run("atomic batches of 100", func(b *testing.B, js jetstream.JetStream) {
					for i := range b.N {
						publishAtomic(b, js, msgs[i%len(msgs)], i, i%100 == 99 || i == b.N-1)
					}
				})
			}
		}
	}
}

// publishAtomic sends message i of a run of batches of 100, of which only the
// last is acknowledged, for all.
func publishAtomic(b testing.TB, js jetstream.JetStream, msg *nats.Msg, i int, last bool) {
	b.Helper()
	msg = &nats.Msg{Subject: msg.Subject, Data: msg.Data, Header: maps.Clone(msg.Header)}
	msg.Header.Set("Nats-Batch-Id", fmt.Sprintf("batch-%d", i/100))
	msg.Header.Set("Nats-Batch-Sequence", strconv.Itoa(i%100+1))
	if !last {
		if err := js.Conn().PublishMsg(msg); err != nil {
			b.Fatal(err)
		}
		return
	}
	msg.Header.Set("Nats-Batch-Commit", "1")
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute) // instead of the library's 5 s
	defer cancel()
	if _, err := js.PublishMsg(ctx, msg); err != nil {
		b.Fatal(err)
	}
}

// What it costs that acknowledged messages leave the stream: one by one at
// each acknowledgement (work queue), or swept up now and then (limits).
func BenchmarkPublishAndAcknowledge(b *testing.B) {
	for _, per := range []int{1, 100} {
		msgs := bodies(b, 64, per)
		for _, retention := range []jetstream.RetentionPolicy{jetstream.WorkQueuePolicy, jetstream.LimitsPolicy} {
			b.Run(fmt.Sprintf("%v/events=%d", retention, per), func(b *testing.B) {
				js := benchStream(b, true, retention)
				p := pipeline{Consumer: &Consumer{Config: Config{JetStream: js, Log: newLog(b)}}}
				durable, err := p.attach(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				b.ResetTimer()
				done := make(chan error, 1)
				go func() {
					done <- acknowledgeAll(b.Context(), durable, b.N, func(ctx context.Context) error { _, err := p.purge(ctx); return err })
				}()
				acks := make(chan jetstream.PubAckFuture, waiting)
				for i := range b.N {
					publishAsync(b, js, msgs[i%len(msgs)], acks)
				}
				for range len(acks) {
					settle(b, <-acks)
				}
				if err := <-done; err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(b.N*per)/b.Elapsed().Seconds(), "events/s")
			})
		}
	}
}

// acknowledgeAll acknowledges n messages and sweeps once a second.
func acknowledgeAll(ctx context.Context, durable jetstream.Consumer, n int, sweep func(context.Context) error) error {
	last := time.Now()
	for n > 0 {
		batch, err := durable.Fetch(min(n, fetchMessages), jetstream.FetchMaxBytes(fetchBytes))
		if err != nil {
			return err
		}
		var m jetstream.Msg
		for m = range batch.Messages() {
			if n--; n > 0 {
				err = m.Ack()
			} else {
				err = m.DoubleAck(ctx)
			}
			if err != nil {
				return err
			}
			if time.Since(last) > sweepEvery {
				last = time.Now()
				if err := sweep(ctx); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// corpus returns up to n events of the shared corpus as batches, and the
// bytes of their JSON. It skips where there is no corpus.
func corpus(b *testing.B, n, per int) (msgs []*nats.Msg, size int64) {
	b.Helper()
	dir := os.Getenv("AFTERIMAGE_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared")
	}
	files, err := filepath.Glob(filepath.Join(dir, "corpus", "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		b.Skip("corpus is not here")
	}
	var batch []*pb.Event
	for _, file := range files {
		for line := range lines(b, file, n/len(files)+1) {
			e, err := event.DecodeJSON(line, event.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			size += int64(len(line))
			if batch = append(batch, e); len(batch) == per {
				msgs = append(msgs, batchMessage(b, batch))
				batch = nil
			}
		}
	}
	return msgs, size
}

func batchMessage(b *testing.B, batch []*pb.Event) *nats.Msg {
	b.Helper()
	body, contentType, encoding, err := event.EncodeBatch(batch)
	if err != nil {
		b.Fatal(err)
	}
	msg := nats.NewMsg(event.Subject(acme, event.Interaction))
	msg.Data = body
	msg.Header.Set(event.HeaderContentType, contentType)
	msg.Header.Set(event.HeaderContentEncoding, encoding)
	return msg
}

// lines yields the first n lines of a compressed file.
func lines(b *testing.B, file string, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		f, err := os.Open(file)
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		d, err := zstd.NewReader(f, zstd.WithDecoderConcurrency(1))
		if err != nil {
			b.Fatal(err)
		}
		defer d.Close()
		s := bufio.NewScanner(d)
		s.Buffer(nil, 8<<20)
		for i := 0; i < n && s.Scan(); i++ {
			if !yield(s.Bytes()) {
				return
			}
		}
		if err := s.Err(); err != nil {
			b.Fatal(err)
		}
	}
}

// From the stream into the log, on the corpus, redaction included: everything
// is published before the clock runs.
func BenchmarkIngest(b *testing.B) {
	for _, per := range []int{1, 100} {
		b.Run(fmt.Sprintf("events=%d", per), func(b *testing.B) {
			const events = 10_000
			msgs, size := corpus(b, events, per)
			b.SetBytes(size)
			n, cpu := 0, time.Duration(0)
			for b.Loop() {
				b.StopTimer()
				r := newRig(b, nil)
				acks := make(chan jetstream.PubAckFuture, waiting)
				for _, msg := range msgs {
					publishAsync(b, r.js, msg, acks)
				}
				for range len(acks) {
					settle(b, <-acks)
				}
				before := processorTime(b)
				b.StartTimer()
				stop := r.start(b)
				for _, err := range r.log.Follow(b.Context(), event.Seq(len(msgs)*per-1)) {
					if err != nil {
						b.Fatal(err)
					}
					break
				}
				b.StopTimer()
				n += len(msgs) * per
				cpu += processorTime(b) - before
				if err := stop(); err != nil {
					b.Fatal(err)
				}
				if got := value(b, r.metrics.stored); got != float64(len(msgs)*per) {
					b.Fatalf("stored %v events, want %d", got, len(msgs)*per)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64(cpu.Microseconds())/float64(n), "cpu-µs/event")
		})
	}
}

// processorTime is what the process has used so far: on a busy machine it
// says more than the clock.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
