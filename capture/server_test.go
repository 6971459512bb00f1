package capture_test

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// now is when the tests take place.
var now = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

// A rig is a NATS server in this process that can be stopped and started
// again on the same directory.
type rig struct {
	t    testing.TB
	opts server.Options
	js   jetstream.JetStream

	mu     sync.Mutex
	server *server.Server
}

// newRig starts a server and connects to it.
func newRig(t testing.TB, change ...func(*server.Options)) *rig {
	t.Helper()
	r := &rig{t: t, opts: server.Options{
		DontListen: true, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		MaxPayload: 1 << 20,
	}}
	for _, f := range change {
		f(&r.opts)
	}
	r.start()
	t.Cleanup(r.stop)
	conn, err := nats.Connect("", nats.InProcessServer(r), nats.MaxReconnects(-1),
		nats.ReconnectWait(10*time.Millisecond),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	if r.js, err = jetstream.New(conn); err != nil {
		t.Fatal(err)
	}
	return r
}

// InProcessConn connects to the server that runs now.
func (r *rig) InProcessConn() (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.server == nil {
		return nil, nats.ErrNoServers
	}
	return r.server.InProcessConn()
}

func (r *rig) start() {
	r.t.Helper()
	opts := r.opts
	s, err := server.NewServer(&opts)
	if err != nil {
		r.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		r.t.Fatal("the server does not start")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.server = s
}

func (r *rig) stop() {
	r.mu.Lock()
	s := r.server
	r.server = nil
	r.mu.Unlock()
	if s != nil {
		s.Shutdown()
		s.WaitForShutdown()
	}
}

// stream makes the stream of evidence.
func (r *rig) stream(change ...func(*jetstream.StreamConfig)) jetstream.Stream {
	r.t.Helper()
	cfg := jetstream.StreamConfig{Name: "evidence", Subjects: []string{event.Subjects},
		Storage: jetstream.FileStorage, Duplicates: time.Minute}
	for _, f := range change {
		f(&cfg)
	}
	s, err := r.js.CreateStream(r.t.Context(), cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// messages returns everything that is stored.
func (r *rig) messages() []*jetstream.RawStreamMsg {
	r.t.Helper()
	s, err := r.js.Stream(r.t.Context(), "evidence")
	if err != nil {
		r.t.Fatal(err)
	}
	state := s.CachedInfo().State
	var messages []*jetstream.RawStreamMsg
	for seq := max(1, state.FirstSeq); seq <= state.LastSeq; seq++ {
		m, err := s.GetMsg(r.t.Context(), seq)
		if err != nil {
			r.t.Fatal(err)
		}
		messages = append(messages, m)
	}
	return messages
}

// stored returns the stored events by subject, in order.
func (r *rig) stored() map[string][]*pb.Event {
	r.t.Helper()
	stored := make(map[string][]*pb.Event)
	for _, m := range r.messages() {
		events, err := event.Decode(m.Header.Get(event.HeaderContentType), m.Header.Get(event.HeaderContentEncoding),
			m.Data, event.Limits{})
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range events {
			if got := event.Subject("acme", event.KindOf(e)); got != m.Subject {
				r.t.Errorf("an event for %s is stored under %s", got, m.Subject)
			}
		}
		stored[m.Subject] = append(stored[m.Subject], events...)
	}
	return stored
}

// checkIDs holds that the events are those with ids from 0 to n−1, each once,
// in order.
func checkIDs(t *testing.T, events []*pb.Event, n int) {
	t.Helper()
	if len(events) != n {
		t.Errorf("got %d events, want %d", len(events), n)
	}
	for i, e := range events {
		if want := strconv.Itoa(i); e.Id != want {
			t.Fatalf("event %d has id %s, want %s", i, e.Id, want)
		}
	}
}

// interaction returns an event with the given number as id and the given text.
func interaction(id int, text string) *pb.Event {
	return &pb.Event{Id: strconv.Itoa(id), Time: timestamppb.New(now), User: "alice@example.com",
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Output: []*pb.Message{
			{Role: "assistant", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}},
		}}}}
}

// report returns a report with the given number as id.
func report(id int) *pb.Event {
	return &pb.Event{Id: strconv.Itoa(id), Time: timestamppb.New(now),
		Body: &pb.Event_Report{Report: &pb.Report{Target: "1", Category: "harmful"}}}
}
