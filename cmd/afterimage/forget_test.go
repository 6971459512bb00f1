package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/ingest"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Invariant 4, by the whole program: a tenth of the people are erased, and a
// day of another tenant expires, while the store serves. A program that nobody
// here wrote finds the log whole before and after. Nothing of what was forgotten
// is in the store, its stream or an old copy of either that opens with the keys
// of now. With AFTERIMAGE_CORPUS the people are those of the shared corpus.
func TestForgottenIsGone(t *testing.T) {
	events, per, files := 4000, 8, []string{"acme.ndjson"}
	r := newRig(t)
	if os.Getenv("AFTERIMAGE_CORPUS") != "" {
		events, files = 0, corpusFiles(t)
		eachEvent(t, files, func(*pb.Event) { events++ })
	} else {
		r.writePeople(files[0], events, per)
	}
	r.writePeople("globex.ndjson", 500, per)
	flags := serveFlags{
		Data: filepath.Join(r.dir, "data"), Keys: filepath.Join(r.dir, "keys"),
		HTTP: r.http, GRPC: r.grpc, NATS: r.nats, LogLevel: "error", LogFormat: "text", CacheMiB: 64, MinFreeMiB: 1,
	}
	log, stop := serveHere(t, flags)
	publish := func(tenant string, files ...string) {
		t.Helper()
		r.tenant = tenant
		p := r.publish(files...)
		<-p.ended
		r.mustSucceed(p)
	}
	publish("acme", files...)
	publish("globex", "globex.ndjson")
	awaitSize(t, log, event.Seq(events+500+2))
	before := r.head()
	if err := fsck(t, "http://"+r.http, before.VerifierKey, before.Origin); err != nil {
		t.Fatalf("before anything was forgotten: %v", err)
	}
	old := filepath.Join(r.dir, "old")
	copyLive(t, flags.Data, old)

	erased, requests := subjects(t, log, 10)
	t.Logf("of %d events %d are to be erased and 500 expire", events+500, len(erased))
	if len(erased) < min(events/10-per*2, 1000) {
		t.Fatalf("%d events are to be erased: too few to tell", len(erased))
	}
	expiry := forgetting("globex", pb.Forgotten_EXPIRED, "the day is over")
	for _, b := range log.Buckets() {
		if b.Tenant == "globex" && b.Class != eventlog.LedgerClass {
			expiry.Buckets = append(expiry.Buckets, b.ID)
		}
	}
	if err := log.Forget(t.Context(), append(requests, expiry), func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}

	after := r.head()
	if err := fsck(t, "http://"+r.http, after.VerifierKey, after.Origin); err != nil {
		t.Fatalf("after a tenth of the people was erased and a day expired: %v", err)
	}
	if said := r.run("verify", "--url", "http://"+r.http); !bytes.Contains([]byte(said), fmt.Appendf(nil, "%d of them forgotten as recorded", len(erased)+500)) {
		t.Errorf("verify says %q, want that %d events are forgotten as recorded", said, len(erased)+500)
	}
	for _, seq := range erased[:20] {
		response, err := http.Get(fmt.Sprintf("http://%s/v1/tenants/acme/events/%d", r.http, seq))
		if err != nil {
			t.Fatal(err)
		}
		if response.Body.Close(); response.StatusCode != http.StatusNotFound {
			t.Errorf("erased event %d: got %s, want 404", seq, response.Status)
		}
	}
	if got := streamMessages(t, r.nats); got != 0 {
		t.Errorf("%d messages are in the stream, want 0: what was forgotten may linger there", got)
	}
	publish("acme", files[0]) // again
	key, size := log.StreamKey(), log.Size()
	stop()

	// Somebody has the old copy, and the keys of now.
	if _, err := eventlog.Open(t.Context(), eventlog.Config{Dir: logDir(old), KeysDir: flags.Keys}); !errors.Is(err, keyring.ErrWrongKeys) {
		t.Errorf("open the old log: got %v, want ErrWrongKeys", err)
	}
	if server, err := ingest.StartServer(t.Context(), ingest.ServerConfig{Dir: filepath.Join(old, "stream"), Key: key}); err == nil {
		t.Error("the old stream opened")
		_ = server.Close()
	}
	for _, dir := range []string{old, flags.Data} {
		inClear(t, dir, []byte("the quick brown fox of"))
	}
	// And the store itself goes on.
	log, stop = serveHere(t, flags)
	defer stop()
	if log.Size() != size {
		t.Errorf("after a restart the log has %d positions, want %d: erased events came again", log.Size(), size)
	}
	if said := r.run("verify", "--url", "http://"+r.http); !bytes.Contains([]byte(said), []byte("verified")) {
		t.Errorf("after a restart: %s", said)
	}
}

// writePeople writes events of people who have per events each, every one with a text
// of its own, a tenth of them flagged.
func (r *rig) writePeople(file string, events, per int) {
	r.Helper()
	var b bytes.Buffer
	at := time.Now().UTC().Format(time.RFC3339Nano)
	for n := range events {
		verdict := ""
		if n%10 == 0 {
			verdict = `,"verdicts":[{"category":"harm","score":0.9,"threshold":0.5}]`
		}
		fmt.Fprintf(&b, `{"id":"e-%d","time":%q,"session":"s-%d","user":"person%d@example.com","interaction":{"model":{"name":"m"},"output":[{"role":"assistant","parts":[{"text":"the quick brown fox of %d"}]}]%s}}`+"\n",
			n, at, n/per, n/per, n, verdict)
	}
	if err := os.WriteFile(filepath.Join(r.dir, file), b.Bytes(), 0o600); err != nil {
		r.Fatal(err)
	}
}

// serveHere serves in this process, and returns the log and what stops it.
func serveHere(t *testing.T, flags serveFlags) (log *eventlog.Log, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	listening, ended := make(chan *eventlog.Log, 1), make(chan error, 1)
	go func() {
		ended <- serve(ctx, flags, t.Output(), func(_ addresses, l *eventlog.Log) error { listening <- l; return nil })
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	select {
	case log = <-listening:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return log, stop
}

// awaitSize waits until the log has so many positions.
func awaitSize(t *testing.T, log *eventlog.Log, size event.Seq) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for f, err := range log.Follow(ctx, size-1) {
		if err != nil {
			t.Fatalf("the log has %d positions, want %d: %v", log.Size(), size, err)
		}
		if f.Seq == size-1 {
			return
		}
	}
}

func forgetting(tenant event.Tenant, cause pb.Forgotten_Cause, id string) eventlog.Forgetting {
	return eventlog.Forgetting{Tenant: tenant, Ledger: &pb.Event{
		Id: id, Time: timestamppb.Now(), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: cause, Request: id}},
	}}
}

// subjects returns a request to erase each n-th person of acme, and all events
// concerned.
func subjects(t *testing.T, log *eventlog.Log, n int) (all []event.Seq, requests []eventlog.Forgetting) {
	t.Helper()
	bySubject := map[string][]event.Seq{}
	var order []string
	for entry, err := range log.Scan(t.Context(), "acme", eventlog.Selection{Order: eventlog.LogOrder, Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: []string{"interaction"}}}}) {
		if err != nil {
			t.Fatal(err)
		}
		m, err := entry.Meta()
		if err != nil {
			t.Fatal(err)
		}
		if bySubject[m.GetUser()] == nil {
			order = append(order, m.GetUser())
		}
		bySubject[m.GetUser()] = append(bySubject[m.GetUser()], entry.Seq)
	}
	for i, subject := range order {
		if i%n == 0 {
			f := forgetting("acme", pb.Forgotten_ERASED, fmt.Sprint("request-", i))
			f.Seqs = bySubject[subject]
			all, requests = append(all, f.Seqs...), append(requests, f)
		}
	}
	slices.Sort(all)
	return all, requests
}

// copyLive copies a directory that is in use: files that go meanwhile are left
// out, as by any tool that copies files.
func copyLive(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// streamMessages is how many messages the stream holds.
func streamMessages(t *testing.T, addr string) uint64 {
	t.Helper()
	nc, err := nats.Connect("nats://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), ingest.StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// inClear fails the test for every file that holds the text.
func inClear(t *testing.T, dir string, text []byte) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if bytes.Contains(b, text) {
			t.Errorf("%s holds %q in clear", path, text)
		}
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Fatalf("%d files in %s: too few to tell", files, dir)
	}
}
