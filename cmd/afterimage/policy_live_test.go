package main

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A live store is one within the test's process, and clients of it.
type live struct {
	*rig
	flags  serveFlags
	log    *eventlog.Log
	stop   func()
	client *client.Client
	js     jetstream.JetStream
}

func newLive(t *testing.T) *live {
	r := newRig(t)
	l := &live{rig: r, flags: serveFlags{
		Data: filepath.Join(r.dir, "data"), Keys: filepath.Join(r.dir, "keys"), HTTP: r.http, GRPC: r.grpc, NATS: r.nats,
		LogLevel: "warn", LogFormat: "text", CacheMiB: 64, MinFreeMiB: 1,
	}}
	l.log, l.stop = serveHere(t, l.flags)
	var err error
	if l.client, err = client.New(client.Config{Address: r.grpc}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.client.Close() })
	nc, err := nats.Connect("nats://"+r.nats, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if l.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	return l
}

// apply puts a document in force in the place of whichever is.
func (l *live) apply(t *testing.T, tenant event.Tenant, document string) *pb.Policy {
	t.Helper()
	in, err := l.client.Policy(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	r := &pb.ApplyPolicyRequest{Tenant: string(tenant), Document: document, Actor: "office", Reason: "a test"}
	if in.GetTime() != nil {
		r.Replaces = in.GetVersion()
	}
	p, err := l.client.ApplyPolicy(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func keeping(days int) string {
	return fmt.Sprintf("classes: {kept: {keep: %dd}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: kept}]\n", days)
}

// What comes into force reaches publishers, byte for byte and tenant by tenant,
// also when the key of the stream changes under them since something is forgotten,
// and when the store comes back; and what somebody else did to the bucket is put
// right.
func TestPoliciesReachPublishers(t *testing.T) {
	l := newLive(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	next, stop := iter.Pull2(capture.WatchPolicy(ctx, l.js, "acme"))
	defer stop()
	sees := func(want string) {
		t.Helper()
		d, err, ok := next()
		if !ok || err != nil {
			t.Fatalf("the watch ended, or: %v", err)
		}
		if got := string(d.Source()); got != want || d.Version() != policyVersion(t, want) {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
	l.apply(t, "other", keeping(99))
	l.apply(t, "acme", keeping(1))
	sees(keeping(1))

	request := forgetting("acme", pb.Forgotten_ERASED, "r1")
	p, err := l.log.Prepare("acme", &pb.Event{Id: "e1", Time: timestamppb.Now(), Class: "kept", PolicyVersion: "v", Session: "s",
		Body: &pb.Event_Report{Report: &pb.Report{Session: "s", Category: "harm"}}})
	if err != nil {
		t.Fatal(err)
	}
	results, err := l.log.Append(ctx, []eventlog.Prepared{p})
	if err != nil {
		t.Fatal(err)
	}
	request.Seqs = []event.Seq{results[0].Seq}
	before := l.log.StreamKey()
	if err := l.log.Forget(ctx, []eventlog.Forgetting{request}, func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	if l.log.StreamKey() == before {
		t.Fatal("the stream's key is the one from before")
	}
	if got := l.bucket(ctx, "other"); got != keeping(99) {
		t.Errorf("under the new key the bucket has %q for the other tenant", got)
	}
	l.apply(t, "acme", keeping(2))
	sees(keeping(2))

	kv, err := l.js.KeyValue(ctx, event.PolicyBucket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(ctx, "other", []byte("tampered with")); err != nil {
		t.Fatal(err)
	}
	l.stop()
	inClear(t, l.flags.Data, []byte("classes: {kept:"))
	l.log, l.stop = serveHere(t, l.flags)
	defer l.stop()
	late, done := iter.Pull2(capture.WatchPolicy(ctx, l.js, "other"))
	defer done()
	for d, err, ok := late(); ; d, err, ok = late() {
		if !ok {
			t.Fatal("what was tampered with is not put right")
		}
		if err == nil && string(d.Source()) == keeping(99) {
			break
		}
	}
	l.apply(t, "acme", keeping(3))
	sees(keeping(3))
}

// bucket returns what the bucket has for a tenant.
func (l *live) bucket(ctx context.Context, tenant string) string {
	l.Helper()
	kv, err := l.js.KeyValue(ctx, event.PolicyBucket)
	if err != nil {
		l.Fatal(err)
	}
	entry, err := kv.Get(ctx, tenant)
	if err != nil {
		l.Fatal(err)
	}
	return string(entry.Value())
}

func policyVersion(t *testing.T, source string) string {
	t.Helper()
	d, err := policy.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return d.Version()
}

// However often policies change while events come in, each event is redacted and
// classified by one and the same: the one that it names.
func TestEventsAreOfOnePolicy(t *testing.T) {
	l := newLive(t)
	operators := map[string]string{"mask": "[EMAIL] is here", "drop": " is here", "generalise": "[EMAIL:~example.com] is here"}
	texts, documents := map[string][2]string{}, []string{} // class and text by version
	for operator, text := range operators {
		source := fmt.Sprintf("classes: {%s: {keep: 30d}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: %s}]\nredaction: {operators: {EMAIL: %s}}\n", operator, operator, operator)
		documents = append(documents, source)
		texts[policyVersion(t, source)] = [2]string{operator, text}
	}
	l.apply(t, "acme", documents[0])
	publisher, err := capture.New(l.js, capture.Config{Tenant: "acme", BatchEvents: 8})
	if err != nil {
		t.Fatal(err)
	}
	enough, published := make(chan struct{}), 0
	var publishing sync.WaitGroup
	publishing.Go(func() {
		for {
			select {
			case <-enough:
				return
			default:
			}
			e := &pb.Event{Id: fmt.Sprint("e", published), Time: timestamppb.Now(), Session: "s",
				Body: &pb.Event_Report{Report: &pb.Report{Session: "s", Category: "harm", Comment: "alice@example.com is here"}}}
			if err := publisher.Publish(t.Context(), e, func(err error) {
				if err != nil {
					t.Error(err)
				}
			}); err != nil {
				t.Error(err)
				return
			}
			published++
		}
	})
	const changes = 15
	for i := 1; i <= changes; i++ {
		size := l.log.Size()
		l.apply(t, "acme", documents[i%len(documents)])
		awaitSize(t, l.log, size+20)
	}
	close(enough)
	publishing.Wait()
	if err := publisher.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := l.checkOnePolicy(t, published, texts)
	t.Logf("%d events, by version: %v", published, got)
	if len(got) != len(documents) {
		t.Errorf("events are of %d policies, want %d", len(got), len(documents))
	}
}

// checkOnePolicy waits for all events and returns how many are of which policy.
func (l *live) checkOnePolicy(t *testing.T, want int, texts map[string][2]string) map[string]int {
	t.Helper()
	got, n := map[string]int{}, 0
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for f, err := range l.log.Follow(ctx, 0) {
		if err != nil {
			t.Fatalf("%d of %d events are stored: %v", n, want, err)
		}
		e, err := f.Event()
		if err != nil {
			t.Fatal(err)
		}
		if e.GetReport() == nil {
			continue
		}
		by := texts[e.GetPolicyVersion()]
		if text := strings.TrimSpace(e.GetReport().GetComment()); e.GetClass() != by[0] || text != strings.TrimSpace(by[1]) {
			t.Fatalf("event %d by %s has class %s and says %q, want %q", f.Seq, e.GetPolicyVersion(), e.GetClass(), text, by)
		}
		got[by[0]]++
		if n++; n == want {
			break
		}
	}
	return got
}
