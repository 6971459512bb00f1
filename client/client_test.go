package client_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/export"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/retention"
	"github.com/afterimage/afterimage/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A store is a running server over a fresh log, and a client of it.
type store struct {
	*client.Client
	addr string
}

func start(t testing.TB) *store {
	t.Helper()
	addr, stop, err := serve(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return &store{dial(t, client.Config{Address: addr}), addr}
}

// serve serves a fresh log in a directory, into which published events go at
// once, until stop is called.
func serve(dir string) (addr string, stop func() error, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	log, err := eventlog.Open(ctx, eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1})
	if err != nil {
		return "", nil, err
	}
	web, webErr := server.Listen(ctx, "localhost:0")
	rpc, rpcErr := server.Listen(ctx, "localhost:0")
	if err := errors.Join(webErr, rpcErr); err != nil {
		return "", nil, err
	}
	engine := query.New(query.Config{Log: log})
	policies, err := retention.Open(ctx, log, nil)
	if err != nil {
		return "", nil, err
	}
	keeper, err := retention.NewKeeper(ctx, retention.KeeperConfig{
		Log: log, Policies: policies,
		Select: func(ctx context.Context, t event.Tenant, s retention.Scope) (iter.Seq2[event.Seq, error], error) {
			return engine.Evidence(ctx, t, query.EvidenceRequest{Filter: s.GetFilter(), Sessions: s.GetSessions(), Users: s.GetUsers(), From: s.From, Before: s.Before})
		},
	})
	if err != nil {
		return "", nil, err
	}
	exports := export.New(export.Config{Log: log, Engine: engine, Software: "test"})
	srv, err := server.New(server.Config{
		HTTP: web, GRPC: rpc, Log: log, Query: engine, Exports: exports, Keeper: keeper,
		Publish: func(ctx context.Context, tenant event.Tenant, events []*pb.Event) error {
			return add(ctx, log, tenant, events)
		},
		Policy:      func(event.Tenant) (*pb.Policy, error) { return &pb.Policy{Version: "7"}, nil },
		ApplyPolicy: policies.Apply, Policies: policies.History,
		PreviewPolicy: func(ctx context.Context, t event.Tenant, d *policy.Document, progress func(eventlog.ForgetProgress)) (*pb.PolicyPreview, error) {
			r, err := redaction.New(redaction.Config{})
			if err != nil {
				return nil, err
			}
			return (&retention.Preview{Policies: policies, Tenant: t, Document: d, Redactor: r}).Run(ctx, progress)
		},
		Stored: func(tenant event.Tenant) (*retention.Stored, error) {
			r, err := redaction.New(redaction.Config{})
			return &retention.Stored{Log: log, Tenant: tenant, Redactor: r, Policy: "7", Now: time.Now}, err
		},
	})
	if err != nil {
		return "", nil, err
	}
	ran := make(chan error, 2)
	go func() { ran <- srv.Run(ctx) }()
	go func() { ran <- exports.Run(ctx) }()
	return rpc.Addr().String(), func() error { cancel(); return errors.Join(<-ran, <-ran, log.Close()) }, nil
}

func dial(t testing.TB, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// add appends events as ingest would.
func add(ctx context.Context, log *eventlog.Log, t event.Tenant, events []*pb.Event) error {
	var batch []eventlog.Prepared
	for _, e := range events {
		e.Class, e.PolicyVersion = "routine", "7"
		p, err := log.Prepare(t, e)
		if err != nil {
			return err
		}
		batch = append(batch, p)
	}
	_, err := log.Append(ctx, batch)
	return err
}

// publish stores n events of a session, a minute apart.
func (s *store) publish(t testing.TB, n int) {
	t.Helper()
	var events []*pb.Event
	for i := range n {
		e, err := event.DecodeJSON(fmt.Appendf(nil, `{"id":"e%d","time":"2026-11-20T11:%02d:00Z","session":"c-17","turn":%d,
			"interaction":{"input":[{"role":"user","parts":[{"text":"hello %d"}]}],"output":[{"role":"assistant","parts":[{"text":"good day"}]}]}}`, i, i, i+1, i), event.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if err := s.Publish(t.Context(), "acme", events...); err != nil {
		t.Fatal(err)
	}
}

// ids returns what a search finds, and the error that it ends with.
func (s *store) ids(t testing.TB, r client.SearchRequest) (ids []string, err error) {
	for found, err := range s.Search(t.Context(), "acme", r) {
		if err != nil {
			return ids, err
		}
		ids = append(ids, found.Event.GetId())
	}
	return ids, nil
}

func TestSearch(t *testing.T) {
	s := start(t)
	s.publish(t, 5)
	var end client.End
	first := client.SearchRequest{Text: "hello", Order: client.OldestFirst, Limit: 2, Ended: func(e client.End) { end = e }}
	got, err := s.ids(t, first)
	if want := []string{"e0", "e1"}; err != nil || !slices.Equal(got, want) || end.Next == "" || end.TimedOut {
		t.Fatalf("first two: %v, %v, end %+v; want %v and a token", got, err, end, want)
	}
	rest := client.SearchRequest{Text: "hello", Order: client.OldestFirst, After: end.Next, Explain: true, Ended: first.Ended}
	got, err = s.ids(t, rest)
	if want := []string{"e2", "e3", "e4"}; err != nil || !slices.Equal(got, want) || end.Next != "" || end.Explanation == nil {
		t.Errorf("rest: %v, %v, end %+v; want %v, an explanation and no token", got, err, end, want)
	}
	for found, err := range s.Search(t.Context(), "acme", client.SearchRequest{Text: "good", Snippets: true, Fields: []string{"session"}}) {
		if err != nil || found.Event.GetSession() != "c-17" || found.Event.GetId() != "" || len(found.Match.GetSnippets()) != 1 {
			t.Errorf("found %v, %v; want only the session, and one snippet", found, err)
		}
		break // ends the call: goleak would see it
	}
	n, err := s.Count(t.Context(), "acme", client.SearchRequest{Text: "hello", Limit: 2, Order: client.LogOrder}, nil)
	if err != nil || n.GetCount() != 5 {
		t.Errorf("count: %v, %v; want 5", n, err)
	}
	if _, err := s.ids(t, client.SearchRequest{After: end.Next + "x"}); !errors.Is(err, client.ErrInvalidField) {
		t.Errorf("foreign token: got %v, want ErrInvalidField", err)
	}
}

func TestEventAndReplay(t *testing.T) {
	s := start(t)
	s.publish(t, 2)
	e, err := s.Event(t.Context(), "acme", 1, "id")
	if err != nil || e.GetId() != "e1" || e.GetSession() != "" {
		t.Errorf("event: %v, %v; want e1 with its id alone", e, err)
	}
	if e, err = s.Lookup(t.Context(), "acme", "e0"); err != nil || e.GetSession() != "c-17" {
		t.Errorf("lookup: %v, %v; want e0", e, err)
	}
	var texts []string
	for frame, err := range s.Replay(t.Context(), "acme", "c-17", client.ReplayRequest{AsOf: new(event.Seq(1))}) {
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, frame.GetText())
	}
	if want := []string{"hello 0", "good day"}; !slices.Equal(texts, want) {
		t.Errorf("replay: %q, want %q", texts, want)
	}
	if n, err := s.Neighbours(t.Context(), "acme", "c-17", 5); err != nil || n == nil {
		t.Errorf("neighbours: %v, %v", n, err)
	}
}

func TestLogAndStore(t *testing.T) {
	s := start(t)
	s.publish(t, 3)
	head, err := s.Checkpoint(t.Context())
	if err != nil || head.GetSize() != 3 {
		t.Fatalf("checkpoint: %v, %v; want size 3", head, err)
	}
	if p, err := s.Prove(t.Context(), "acme", 1, 3); err != nil || p.GetSeq() != 1 || len(p.GetHashes()) == 0 {
		t.Errorf("proof: %v, %v", p, err)
	}
	if p, err := s.ProveConsistency(t.Context(), 1, 3); err != nil || len(p.GetHashes()) == 0 {
		t.Errorf("consistency: %v, %v", p, err)
	}
	var last *pb.VerifyLogResponse
	for m, err := range s.Verify(t.Context()) {
		if err != nil || m.GetFinding() != nil {
			t.Fatalf("verify: %v, %v", m, err)
		}
		last = m
	}
	if last.GetCheckpoint().GetSize() != 3 {
		t.Errorf("verified: %v, want 3 events", last)
	}
	if p, err := s.Policy(t.Context(), "acme"); err != nil || p.GetVersion() != "7" {
		t.Errorf("policy: %v, %v; want version 7", p, err)
	}
	for q, err := range s.Quarantine(t.Context(), event.System) {
		t.Errorf("quarantine: %v, %v; want none", q, err)
	}
	var summary *pb.RedactionSummary
	for m, err := range s.Redact(t.Context(), &pb.RedactEventsRequest{Tenant: "acme"}) {
		if err != nil {
			t.Fatal(err)
		}
		summary = m.GetSummary()
	}
	if !summary.GetDryRun() || summary.GetLooked() != 3 {
		t.Errorf("redact: %v, want a dry run over 3", summary)
	}
}

// Evidence is asked for, waited for and taken, in pieces if need be.
func TestExport(t *testing.T) {
	s := start(t)
	s.publish(t, 3)
	op, err := s.Export(t.Context(), &pb.ExportEventsRequest{Tenant: "acme", Format: pb.Exported_NDJSON, Actor: "a", Reason: "r"})
	if err != nil {
		t.Fatal(err)
	}
	id := client.OperationID(op)
	if op, err = s.Wait(t.Context(), "acme", id, nil); err != nil || op.GetResponse().GetEvents() != 3 {
		t.Fatalf("wait: %v, %v; want 3 events", op, err)
	}
	download := func(offset uint64, before []byte) (data []byte, sum []byte, err error) {
		for m, err := range s.Download(t.Context(), "acme", id, offset, before) {
			if err != nil {
				return nil, nil, err
			}
			data, sum = append(data, m.GetData()...), m.GetSha256()
		}
		return data, sum, nil
	}
	whole, sum, err := download(0, nil)
	if of := sha256.Sum256(whole); err != nil || !bytes.Equal(of[:], sum) || bytes.Count(whole, []byte("\n")) != 3 {
		t.Errorf("download: %q, SHA-256 %x, %v; want 3 lines with %x", whole, sum, err, of)
	}
	first := sha256.Sum256(whole[:100])
	if rest, _, err := download(100, first[:]); err != nil || !bytes.Equal(rest, whole[100:]) {
		t.Errorf("rest: %q, %v; want what follows 100 bytes", rest, err)
	}
	if _, _, err := download(101, first[:]); !errors.Is(err, client.ErrOtherBytes) {
		t.Errorf("rest of other bytes: got %v, want ErrOtherBytes", err)
	}
	if op, err = s.CancelOperation(t.Context(), "acme", id); err != nil || op.GetError() != nil {
		t.Errorf("calling off what is done: %v, %v; want it as it was", op, err)
	}
	n := 0
	for op, err := range s.Operations(t.Context(), "acme") {
		if n++; err != nil || client.OperationID(op) != id {
			t.Errorf("operations: %v, %v; want %s", op, err, id)
		}
	}
	if n != 1 {
		t.Errorf("got %d operations, want 1", n)
	}
}

func TestAnalysisAndSimilar(t *testing.T) {
	s := start(t)
	s.publish(t, 3)
	if a, err := s.Aggregate(t.Context(), &pb.AggregateEventsRequest{Tenant: "acme"}); err != nil || a.GetTotal().GetEvents() != 3 {
		t.Errorf("aggregate: %v, %v; want 3 events", a, err)
	}
	if e, err := s.Estimate(t.Context(), &pb.EstimateEventsRequest{Tenant: "acme"}); err != nil || e == nil {
		t.Errorf("estimate: %v, %v", e, err)
	}
	if f, err := s.Similar(t.Context(), &pb.FindSimilarEventsRequest{Tenant: "acme", Like: &pb.FindSimilarEventsRequest_Seq{Seq: 1}}); err != nil || f.GetReach().GetEvents() != 3 {
		t.Errorf("similar: %v, %v; want 3 events", f, err)
	}
	if c, err := s.Clusters(t.Context(), &pb.ClusterEventsRequest{Tenant: "acme"}); err != nil || c.GetCount() != 1 {
		t.Errorf("clusters: %v, %v; want 1", c, err)
	}
}

// A policy is previewed, put in force and listed; a change that did not know of it,
// one that breaks its promise and one that is no policy are told apart.
func TestPolicies(t *testing.T) {
	s := start(t)
	source := func(keep int) string {
		return fmt.Sprintf("classes: {kept: {keep: %dd, min: %[1]dd}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: kept}]\n", keep)
	}
	var last *pb.PreviewPolicyResponse
	for m, err := range s.PreviewPolicy(t.Context(), "acme", source(9)) {
		if err != nil {
			t.Fatal(err)
		}
		last = m
	}
	if last.GetPreview() == nil {
		t.Errorf("the preview ended with %v", last)
	}
	apply := func(document, replaces string) (*pb.Policy, error) {
		return s.ApplyPolicy(t.Context(), &pb.ApplyPolicyRequest{Tenant: "acme", Document: document, Actor: "office", Reason: "case 1", Replaces: replaces})
	}
	if _, err := apply(source(9), ""); err != nil {
		t.Fatal(err)
	}
	list, err := s.Policies(t.Context(), "acme")
	if err != nil || len(list) != 1 || list[0].GetDocument() != source(9) {
		t.Fatalf("policies: %v, %v", list, err)
	}
	for want, change := range map[client.Reason][2]string{
		client.ErrStale:         {source(10), "sha256:0000000000000000"},
		client.ErrPromised:      {source(8), list[0].GetVersion()},
		client.ErrInvalidPolicy: {"classes: {}", list[0].GetVersion()},
	} {
		if _, err := apply(change[0], change[1]); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
}

// Callers decide on these.
func TestErrors(t *testing.T) {
	s := start(t)
	s.publish(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, notFound := s.Event(t.Context(), "acme", 100)
	_, invalid := s.Event(t.Context(), "a.b", 0)
	_, filter := s.ids(t, client.SearchRequest{Filter: "turn =="})
	_, session := s.Neighbours(t.Context(), "acme", "", 0)
	published := s.Publish(t.Context(), "acme", &pb.Event{Id: "x"}, &pb.Event{})
	_, cancelled := s.Policy(ctx, "acme")
	_, operation := s.Operation(t.Context(), "acme", "nothing")
	var backup error
	for _, backup = range s.Backup(t.Context(), "") {
		break
	}
	for what, c := range map[string]struct{ got, is, isNot error }{
		"not found":     {notFound, client.ErrNotFound, client.ErrErased},
		"tenant":        {invalid, client.ErrInvalid, client.ErrInvalidField},
		"filter":        {filter, client.ErrInvalidFilter, client.ErrInvalidEvent},
		"any invalid":   {filter, client.ErrInvalid, client.ErrNotFound},
		"session":       {session, client.ErrNotFound, client.ErrInvalid},
		"events":        {published, client.ErrInvalidEvent, client.ErrInvalidField},
		"cancelled":     {cancelled, context.Canceled, client.ErrUnavailable},
		"operation":     {operation, client.ErrNotFound, client.ErrInvalid},
		"other reasons": {backup, client.Reason("NO_BACKUPS"), client.ErrInvalid},
	} {
		if !errors.Is(c.got, c.is) || errors.Is(c.got, c.isNot) {
			t.Errorf("%s: got %v (%+v), want it to be %v and not %v", what, c.got, c.got, c.is, c.isNot)
		}
	}
	e, is := errors.AsType[*client.Error](published)
	if !is || len(e.Violations) < 2 || e.Violations[0].Field != "events[0].time" {
		t.Errorf("violations: got %+v, want those of both events", e)
	}
	if status.Code(published) != codes.InvalidArgument {
		t.Errorf("code: got %v, want InvalidArgument", status.Code(published))
	}
}

// Time that is up shows, and what was counted until then is told.
func TestTimedOut(t *testing.T) {
	s := start(t)
	s.publish(t, 1)
	c := dial(t, client.Config{Address: s.addr, Dial: []grpc.DialOption{grpc.WithStreamInterceptor(lastSays(true))}})
	n, err := c.Count(t.Context(), "acme", client.SearchRequest{}, nil)
	if !errors.Is(err, client.ErrTimedOut) || n.GetCount() != 1 {
		t.Errorf("count: %v, %v; want 1 and ErrTimedOut", n, err)
	}
	ended, got := client.End{}, []error{}
	for _, err := range c.Search(t.Context(), "acme", client.SearchRequest{Ended: func(e client.End) { ended = e }}) {
		got = append(got, err)
	}
	if len(got) != 2 || got[0] != nil || !errors.Is(got[1], client.ErrTimedOut) || !ended.TimedOut {
		t.Errorf("search: %v, end %+v; want an event and ErrTimedOut", got, ended)
	}
}

// An answer without its end would pass for a whole one.
func TestCutOff(t *testing.T) {
	s := start(t)
	s.publish(t, 1)
	c := dial(t, client.Config{Address: s.addr, Dial: []grpc.DialOption{grpc.WithStreamInterceptor(lastSays(false))}})
	if _, err := c.Count(t.Context(), "acme", client.SearchRequest{}, nil); !errors.Is(err, client.ErrCutOff) {
		t.Errorf("count: got %v, want ErrCutOff", err)
	}
	var last error
	for _, last = range c.Search(t.Context(), "acme", client.SearchRequest{}) {
	}
	if !errors.Is(last, client.ErrCutOff) {
		t.Errorf("search: got %v, want ErrCutOff", last)
	}
}

// lastSays changes the last message of searches and counts, as a store would
// whose time was up, or one that is gone.
func lastSays(timedOut bool) grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, streamer grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, desc, cc, method, opts...)
		return lastStream{stream, timedOut}, err
	}
}

type lastStream struct {
	grpc.ClientStream
	timedOut bool
}

func (s lastStream) RecvMsg(m any) error {
	err := s.ClientStream.RecvMsg(m)
	switch m := m.(type) {
	case *pb.StreamEventsResponse:
		if m.GetDone() {
			m.TimedOut, m.Done = s.timedOut, s.timedOut
		}
	case *pb.CountEventsResponse:
		if m.GetDone() {
			m.TimedOut, m.Done = s.timedOut, s.timedOut
		}
	}
	return err
}

// What only reads, or does nothing when done twice, is tried again where the
// store gives no answer; what would be done twice is not.
func TestTries(t *testing.T) {
	var calls atomic.Int32
	g := grpc.NewServer(grpc.UnknownServiceHandler(func(any, grpc.ServerStream) error {
		calls.Add(1)
		return status.Error(codes.Unavailable, "closing")
	}))
	l, err := server.Listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	ran := make(chan error, 1)
	go func() { ran <- g.Serve(l) }()
	t.Cleanup(func() { g.Stop(); <-ran })
	c := dial(t, client.Config{Address: l.Addr().String(), Tries: 2})
	once := dial(t, client.Config{Address: l.Addr().String(), Tries: 1})
	for what, test := range map[string]struct {
		call func() error
		want int32
	}{
		"read":    {func() error { _, err := c.Event(t.Context(), "acme", 0); return err }, 2},
		"publish": {func() error { return c.Publish(t.Context(), "acme", &pb.Event{Id: "x"}) }, 2},
		"search": {func() error {
			for _, err := range c.Search(t.Context(), "acme", client.SearchRequest{}) {
				return err
			}
			return nil
		}, 2},
		"replay": {func() error {
			for _, err := range c.Replay(t.Context(), "acme", "c-17", client.ReplayRequest{}) {
				return err
			}
			return nil
		}, 2},
		"export":    {func() error { _, err := c.Export(t.Context(), &pb.ExportEventsRequest{}); return err }, 1},
		"told once": {func() error { _, err := once.Event(t.Context(), "acme", 0); return err }, 1},
	} {
		calls.Store(0)
		if err := test.call(); !errors.Is(err, client.ErrUnavailable) || calls.Load() != test.want {
			t.Errorf("%s: %v after %d calls, want ErrUnavailable after %d", what, err, calls.Load(), test.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for what, cfg := range map[string]client.Config{
		"nothing": {}, "no port": {Address: "localhost"}, "URL": {Address: "http://localhost:8081"}, "tries": {Address: "localhost:1", Tries: 6},
	} {
		if c, err := client.New(cfg); err == nil {
			t.Errorf("%s: got a client", what)
			c.Close()
		}
	}
}

// A wait ends with its context.
func TestNobodyThere(t *testing.T) {
	l, err := server.Listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := dial(t, client.Config{Address: l.Addr().String(), Tries: 1})
	if _, err := c.Wait(t.Context(), "acme", "x", nil); !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("got %v, want ErrUnavailable", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	<-ctx.Done()
	if _, err := c.Checkpoint(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DeadlineExceeded", err)
	}
}
