package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Ingest at half its maximum, which loading the corpus measures, alone and then
// while eight clients search without pause: how long JetStream takes to
// acknowledge a batch of a hundred events, how far the log is behind in the end,
// what the searches get done and what the store takes of memory.
func BenchmarkCorpusUnderSearch(b *testing.B) {
	files := measuredFiles(b)
	var events []*pb.Event
	eachEvent(b, files, func(e *pb.Event) {
		if e.GetInteraction() != nil && len(events) < 40_000 && proto.Size(e) <= event.DefaultBatchBytes/pacedBatch {
			events = append(events, e)
		}
	})
	for b.Loop() {
		l := loadCorpus(b, files)
		l.awaitRest()
		b.Logf("%s", l)
		phase := 20 * time.Second
		if testing.Short() {
			phase = 2 * time.Second
		}
		rate := l.rate / 2
		p := newPaced(b, l, events)
		alone := p.run(b, rate, phase)
		asking := ask(b, l, 8)
		beside := p.run(b, rate, phase)
		searches := asking.stop()
		for name, r := range map[string]paced{"alone": alone, "beside searches": beside} {
			b.Logf("%s: %.0f events/s of %.0f, acknowledged after %v at the median and %v at the 99th percentile; the log was %d events behind at the end",
				name, r.rate, rate, r.percentile(50), r.percentile(99), r.behind)
		}
		b.Logf("%d searches in %v: %s; the store took at most %d MB", searches.n.Load(), phase, searches, l.peakRSS()>>20)
		b.ReportMetric(float64(alone.percentile(99).Microseconds())/1e3, "alone-p99-ms")
		b.ReportMetric(float64(beside.percentile(99).Microseconds())/1e3, "beside-p99-ms")
		b.ReportMetric(float64(l.peakRSS()>>20), "MB")
		l.server.stop(os.Interrupt)
	}
}

// A pacer publishes batches at a steady rate.
type pacer struct {
	l      *load
	js     jetstream.JetStream
	events []*pb.Event
	n      int // batches so far
}

func newPaced(b *testing.B, l *load, events []*pb.Event) *pacer {
	nc, err := nats.Connect("nats://" + l.nats)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(nc.Close)
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4096))
	if err != nil {
		b.Fatal(err)
	}
	return &pacer{l: l, js: js, events: events}
}

const pacedBatch = 100 // events, none over a hundredth of the largest batch

// message is the next batch, of events that were not published before.
func (p *pacer) message(b *testing.B) *nats.Msg {
	batch := make([]*pb.Event, pacedBatch)
	for i := range batch {
		e := proto.CloneOf(p.events[(p.n*pacedBatch+i)%len(p.events)])
		e.Id, e.Time = fmt.Sprintf("paced-%d-%d", p.n, i), timestamppb.Now()
		e.Session = fmt.Sprintf("%.200s-%d", e.GetSession(), p.n*pacedBatch/len(p.events))
		batch[i] = e
	}
	p.n++
	body, contentType, encoding, err := event.EncodeBatch(batch)
	if err != nil {
		b.Fatal(err)
	}
	m := nats.NewMsg(event.Subject(event.Tenant(p.l.tenant), event.Interaction))
	m.Data = body
	m.Header.Set("Content-Type", contentType)
	m.Header.Set("Content-Encoding", encoding)
	return m
}

// paced is how publishing went.
type paced struct {
	rate   float64 // events/s
	acks   []time.Duration
	behind int // events that were acknowledged and not in the log at the end
}

func (r paced) percentile(n int) time.Duration {
	return r.acks[len(r.acks)*n/100].Round(10 * time.Microsecond)
}

func (p *pacer) run(b *testing.B, rate float64, phase time.Duration) (r paced) {
	b.Helper()
	total := int(rate * phase.Seconds() / pacedBatch)
	messages := make([]*nats.Msg, total)
	for i := range messages {
		messages[i] = p.message(b)
	}
	before := int(p.l.metric("afterimage_log_size"))
	var mu sync.Mutex
	var waiting sync.WaitGroup
	began := time.Now()
	for i, m := range messages {
		time.Sleep(time.Until(began.Add(time.Duration(float64(i*pacedBatch) / rate * float64(time.Second))))) // the pace
		sent := time.Now()
		ack, err := p.js.PublishMsgAsync(m)
		if err != nil {
			b.Fatal(err)
		}
		waiting.Go(func() {
			select {
			case <-ack.Ok():
			case err := <-ack.Err():
				b.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			r.acks = append(r.acks, time.Since(sent))
		})
	}
	waiting.Wait()
	r.rate = float64(total*pacedBatch) / time.Since(began).Seconds()
	r.behind = before + total*pacedBatch - int(p.l.metric("afterimage_log_size"))
	slices.Sort(r.acks)
	for end := time.Now().Add(patience); int(p.l.metric("afterimage_log_size")) < before+total*pacedBatch; {
		if time.Sleep(20 * time.Millisecond); time.Now().After(end) { // polls another process
			b.Fatalf("waited %v in vain for the log to have %d events: it has %.0f", patience, before+total*pacedBatch, p.l.metric("afterimage_log_size"))
		}
	}
	return r
}

// askers are clients that search without pause.
type askers struct {
	cancel context.CancelFunc
	all    sync.WaitGroup
	n      atomic.Int64
	mu     sync.Mutex
	times  map[string][]time.Duration
}

// ask starts them, each with questions of every sort.
func ask(b *testing.B, l *load, clients int) *askers {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	a := &askers{cancel: cancel, times: map[string][]time.Duration{}}
	for client1 := range clients {
		store, err := storeFlag{Server: l.grpc}.open()
		if err != nil {
			b.Fatal(err)
		}
		a.all.Go(func() {
			defer store.Close()
			random := rand.New(rand.NewPCG(uint64(client1), 9))
			events := pb.NewEventServiceClient(store.Conn())
			for ctx.Err() == nil {
				if err := a.one(ctx, events, random); err != nil && ctx.Err() == nil {
					b.Error(err)
					return
				}
			}
		})
	}
	return a
}

// one asks one question.
func (a *askers) one(ctx context.Context, events pb.EventServiceClient, random *rand.Rand) error {
	r := &pb.SearchEventsRequest{Tenant: "default", PageSize: 100}
	var kind string
	switch random.IntN(5) {
	case 0:
		kind, r.Text = "common word", "the"
	case 1:
		kind, r.Text = "absent phrase", `"of the quokka for"`
	case 2:
		kind, r.Filter = "meta scan", `interaction.verdicts.exists(v, v.score > 0.99 && v.category == "nothing")`
	case 3:
		kind, r.Filter = "text scan", `interaction.output.exists(m, m.parts.exists(p, p.text.size() > 1000000))`
		r.PageSize = 1
	case 4:
		kind, r.Text = "count", "how"
	}
	began := time.Now()
	var err error
	if kind == "count" {
		r.PageSize = 0
		err = drainCount(events.CountEvents(ctx, r))
	} else {
		_, err = events.SearchEvents(ctx, r)
	}
	if err != nil {
		return err
	}
	a.n.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times[kind] = append(a.times[kind], time.Since(began))
	return nil
}

func drainCount(stream pb.EventService_CountEventsClient, err error) error {
	for err == nil {
		_, err = stream.Recv()
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (a *askers) stop() *askers {
	a.cancel()
	a.all.Wait()
	return a
}

// String says how long each sort of question took.
func (a *askers) String() string {
	var all []string
	for kind, times := range a.times {
		slices.Sort(times)
		all = append(all, fmt.Sprintf("%d × %s, median %v", len(times), kind, times[len(times)/2].Round(time.Millisecond)))
	}
	slices.Sort(all)
	return strings.Join(all, "; ")
}
