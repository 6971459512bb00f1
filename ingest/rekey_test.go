package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

const freshKey = "a fresh key for tests"

// fill makes a stream of evidence with a consumer in the middle of it, and a
// stream of somebody else's with gaps.
func fill(t *testing.T, js jetstream.JetStream) {
	t.Helper()
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	publishSecrets(t, js, 0, 200)
	acknowledgeSome(t, js, 100)
	evidence, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	if err := evidence.Purge(t.Context(), jetstream.WithPurgeSequence(51)); err != nil {
		t.Fatal(err)
	}
	other, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"other.>"}, MaxMsgsPerSubject: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if _, err := js.Publish(t.Context(), fmt.Sprintf("other.%d", i%7), []byte("the quick brown fox")); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.DeleteMsg(t.Context(), 17); err != nil {
		t.Fatal(err)
	}
}

// stored is what every stream holds, by stream and position, and its state.
func stored(t *testing.T, js jetstream.JetStream) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, name := range []string{StreamName, "OTHER"} {
		s, err := js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		state := s.CachedInfo().State
		all[name] = fmt.Sprint(state.Msgs, state.Bytes, state.FirstSeq, state.LastSeq, state.NumDeleted)
		for seq := state.FirstSeq; seq <= state.LastSeq; seq++ {
			m, err := s.GetMsg(t.Context(), seq)
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			all[fmt.Sprint(name, " ", seq)] = fmt.Sprint(m.Subject, m.Header, string(m.Data), m.Time.UnixNano())
		}
	}
	c, err := js.Consumer(t.Context(), StreamName, "test")
	if err != nil {
		t.Fatal(err)
	}
	info := c.CachedInfo()
	all["test"] = fmt.Sprint(info.AckFloor.Stream, info.Delivered.Stream, info.NumAckPending, info.NumPending)
	return all
}

func sameStored(t *testing.T, what string, got, want map[string]string) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: %d messages and states differ from the %d that were there", what, len(got), len(want))
	}
}

// rekey changes the key and waits until the connection of js is a new one:
// what is asked over the old one is not answered.
func rekey(t testing.TB, s *Server, js jetstream.JetStream, fresh, old string) error {
	t.Helper()
	before := js.Conn().Stats().Reconnects
	err := s.Rekey(t.Context(), fresh, old)
	until(t, "no new connection", func() bool { return js.Conn().Stats().Reconnects > before && js.Conn().IsConnected() })
	return err
}

func copyDir(t *testing.T, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}

// Invariant 4: after Rekey a copy of the stream's files made before it opens
// with nothing that still exists: not with the fresh key, and not with what
// the current files hold. The current files still hold everything.
func TestRekeyClosesOldCopies(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, ServerConfig{Dir: dir, Addr: "127.0.0.1:0"})
	js := connect(t, s)
	fill(t, js)
	want := stored(t, js)
	url := s.ClientURL()
	before := copyDir(t, dir)

	if err := rekey(t, s, js, freshKey, streamKey); err != nil {
		t.Fatal(err)
	}
	if got := s.ClientURL(); got != url {
		t.Errorf("after it the server is at %s, want %s", got, url)
	}
	sameStored(t, "after it", stored(t, js), want)
	noneInClear(t, dir)
	noKeyFiles(t, dir, before)
	if err := s.Rekey(t.Context(), freshKey, streamKey); err != nil {
		t.Errorf("doing it again: %v", err)
	}

	// The old copy alone, and with every key file that the current one has.
	after := copyDir(t, dir)
	keys, err := filepath.Glob(filepath.Join(streamsDir(after), "*", "*", "*.key"))
	more, err2 := filepath.Glob(filepath.Join(streamsDir(after), "*", "*.key"))
	if err != nil || err2 != nil || len(keys) < 2 || len(more) < 2 {
		t.Fatalf("%d and %d key files: %v, %v", len(keys), len(more), err, err2)
	}
	unreadable(t, copyDir(t, before))
	for _, path := range append(keys, more...) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		rel, err := filepath.Rel(after, path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(before, rel), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	unreadable(t, before)
	// The current copy with the old messages in place of its own.
	mixed := copyDir(t, after)
	for _, name := range []string{StreamName, "OTHER"} {
		blocks, err := filepath.Glob(filepath.Join(streamsDir(mixed), name, "msgs", "*.blk"))
		if err != nil || len(blocks) != 1 {
			t.Fatalf("%s has blocks %q: %v", name, blocks, err)
		}
		b, err := os.ReadFile(filepath.Join(streamsDir(before), name, "msgs", "1.blk"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(blocks[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	noMessages(t, mixed)

	js, stop := restartable(t, ServerConfig{Dir: after, Key: freshKey})
	sameStored(t, "a copy made after it", stored(t, js), want)
	stop()
	if _, err := StartServer(t.Context(), ServerConfig{Dir: after, Key: streamKey}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("a copy made after it, with the old key: %v, want ErrWrongKey", err)
	}
}

// noKeyFiles checks that no file of the new directory has the content that a
// file of the old one had, and no name is new but the streams'.
func noKeyFiles(t *testing.T, dir, before string) {
	t.Helper()
	old := make(map[string]bool)
	for b := range contents(t, before) {
		old[b] = true
	}
	n := 0
	for b := range contents(t, dir) {
		n++
		if old[b] {
			t.Errorf("a file of %d bytes is as it was under the old key", len(b))
		}
	}
	if n < 10 {
		t.Errorf("only %d files", n)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "LOCK" && e.Name() != server.JetStreamStoreDir {
			t.Errorf("%s is left behind", e.Name())
		}
	}
}

// contents yields what is in the files that hold something.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if len(b) > 0 {
			all[string(b)] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// unreadable starts NATS itself, unguarded, on the directory with the fresh
// key, and looks for anything in it.
func unreadable(t *testing.T, dir string) {
	t.Helper()
	if _, err := StartServer(t.Context(), ServerConfig{Dir: dir, Key: freshKey}); !errors.Is(err, ErrWrongKey) {
		t.Errorf("an old copy with the fresh key: %v, want ErrWrongKey", err)
	}
	noMessages(t, dir)
}

// noMessages starts NATS on the directory with the fresh key and looks for any
// message.
func noMessages(t *testing.T, dir string) {
	t.Helper()
	l := newServerLog(slog.New(slog.DiscardHandler))
	ns, err := server.NewServer(privateOptions(dir, freshKey))
	if err != nil {
		t.Fatal(err)
	}
	ns.SetLoggerV2(l, false, false, false)
	go ns.Start()
	if err := awaitStart(t.Context(), ns, l); err != nil {
		t.Fatal(err)
	}
	defer stop(ns)
	nc, err := nats.Connect("", nats.InProcessServer(ns))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{StreamName, "OTHER"} {
		s, err := js.Stream(t.Context(), name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for seq := range s.CachedInfo().State.LastSeq + 1 {
			if m, err := s.GetMsg(t.Context(), seq); err == nil {
				t.Errorf("with the fresh key message %d of %s can be read: %q", seq, name, m.Data)
			}
		}
	}
	for b, path := range contents(t, dir) {
		for _, secret := range secrets {
			if strings.Contains(b, secret) {
				t.Errorf("%s has %q in clear", path, secret)
			}
		}
	}
}

// A Rekey that cannot be done leaves the server at work with the old key, and
// can be done later.
func TestRekeyFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := startServer(t, ServerConfig{Dir: dir})
	js := connect(t, s)
	fill(t, js)
	want := stored(t, js)
	if err := s.Rekey(t.Context(), freshKey, "another key"); !errors.Is(err, ErrWrongKey) {
		t.Errorf("with an old key that is not in force: %v, want ErrWrongKey", err)
	}
	if err := os.WriteFile(filepath.Join(dir, nextDir), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := rekey(t, s, js, freshKey, streamKey); err == nil {
		t.Error("Rekey worked where it cannot write")
	} else {
		oneLine(t, err)
	}
	sameStored(t, "after it failed", stored(t, js), want)
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	if err := rekey(t, s, js, freshKey, streamKey); err != nil {
		t.Fatal(err)
	}
	sameStored(t, "after it worked", stored(t, js), want)
}

// Where the server cannot be started again the process must end and say so;
// the next start has everything.
func TestRekeyCannotRestart(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	s, err := StartServer(t.Context(), ServerConfig{Dir: dir, Key: streamKey, Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := s.Connect()
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, js)
	want := stored(t, js)
	nc.Close()
	s.cfg.Addr = taken.Addr().String()
	if err := s.Rekey(t.Context(), freshKey, streamKey); !errors.Is(err, ErrStreamFailed) {
		t.Errorf("Rekey: %v, want ErrStreamFailed", err)
	}
	if err := s.Healthy(); !errors.Is(err, ErrStreamFailed) {
		t.Errorf("Healthy: %v, want ErrStreamFailed", err)
	}
	if err := s.Run(t.Context()); !errors.Is(err, ErrStreamFailed) {
		t.Errorf("Run: %v, want ErrStreamFailed", err)
	}
	if err := s.Rekey(t.Context(), "a third key", freshKey); err == nil {
		t.Error("Rekey of a server that is stopped worked")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	js, stop := restartable(t, ServerConfig{Dir: dir, Key: freshKey, OldKey: streamKey})
	sameStored(t, "after the next start", stored(t, js), want)
	stop()
}

// The largest message that the stream takes is carried over like any other, in
// an atomic batch too.
func TestRekeyCarriesTheLargest(t *testing.T) {
	t.Parallel()
	s := startServer(t, ServerConfig{Dir: t.TempDir()})
	js := connect(t, s)
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	// NATS counts the header's bytes, which the client writes.
	const header = len("NATS/1.0\r\nNats-Batch-Commit: 1\r\nNats-Batch-Id: batch-0\r\nNats-Batch-Sequence: 1\r\n\r\n")
	msg := nats.NewMsg(event.Subject(acme, event.Interaction))
	msg.Data = bytes.Repeat([]byte("x"), MaxPayload-header)
	publishAtomic(t, js, msg, 0, true)
	msg.Data = append(msg.Data, 'x')
	msg.Header.Set("Nats-Batch-Commit", "1")
	msg.Header.Set("Nats-Batch-Id", "batch-1")
	msg.Header.Set("Nats-Batch-Sequence", "1")
	if _, err := js.PublishMsg(t.Context(), msg); !errors.Is(err, nats.ErrMaxPayload) {
		t.Fatalf("a byte more: %v, want ErrMaxPayload", err)
	}
	if err := rekey(t, s, js, freshKey, streamKey); err != nil {
		t.Fatal(err)
	}
	if got := messages(t, js); got != 1 {
		t.Errorf("%d messages, want 1", got)
	}
}

// A crash at any moment of a change of keys leaves what the next start, with
// both keys, makes whole: each state of the directory, one after the other.
func TestRekeySurvivesCrash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	js, stop := restartable(t, ServerConfig{Dir: dir, Key: streamKey})
	fill(t, js)
	want := stored(t, js)
	stop()
	s := &Server{cfg: ServerConfig{Dir: copyDir(t, dir), Logger: slog.New(slog.DiscardHandler), MinFree: 1}}
	if err := s.copyUnder(t.Context(), freshKey, streamKey); err != nil {
		t.Fatal(err)
	}
	store := server.JetStreamStoreDir
	complete := s.cfg.Dir
	for name, crash := range map[string]func(t *testing.T) string{
		"before anything": func(t *testing.T) string { return copyDir(t, dir) },
		"copying": func(t *testing.T) string {
			d := copyDir(t, complete)
			rename(t, d, freshDir, nextDir)
			remove(t, filepath.Join(d, nextDir, store, server.DEFAULT_GLOBAL_ACCOUNT, "streams", StreamName, "msgs"))
			return d
		},
		"copy complete": func(t *testing.T) string { return copyDir(t, complete) },
		"old files partly removed": func(t *testing.T) string {
			d := copyDir(t, complete)
			remove(t, filepath.Join(streamsDir(d), StreamName, "msgs"))
			return d
		},
		"old files removed": func(t *testing.T) string {
			d := copyDir(t, complete)
			remove(t, filepath.Join(d, store))
			return d
		},
		"in place": func(t *testing.T) string {
			d := copyDir(t, complete)
			remove(t, filepath.Join(d, store))
			rename(t, d, filepath.Join(freshDir, store), store)
			return d
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := crash(t)
			js, stop := restartable(t, ServerConfig{Dir: d, Key: freshKey, OldKey: streamKey})
			sameStored(t, "with both keys", stored(t, js), want)
			stop()
			js, stop = restartable(t, ServerConfig{Dir: d, Key: freshKey})
			sameStored(t, "with the fresh key alone", stored(t, js), want)
			stop()
			noKeyFiles(t, d, dir)
		})
	}
}

// Invariant 1: while keys change under load, what a publisher was told is
// stored is in the log, once; publishers over TCP and the consumer carry on by
// themselves. What capture publishes fails not once.
func TestRekeyUnderLoad(t *testing.T) {
	t.Parallel()
	const changes = 5
	r := newRig(t, nil)
	r.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var publishers sync.WaitGroup
	var published [3][]string
	var failures atomic.Int64
	for i := range published {
		js := dial(t, r.srv.ClientURL())
		publishers.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				e := interaction(fmt.Sprintf("%d-%06d", i, n), "the quick brown fox")
				if i == 0 {
					if !captured(t, js, e) {
						return
					}
				} else {
					failures.Add(persist(t, js, e))
				}
				published[i] = append(published[i], e.Id)
			}
		})
	}
	keys := []string{streamKey, freshKey}
	for n := range changes {
		floor := r.log.Size()
		until(t, "no more events reach the log", func() bool { return r.log.Size() > floor+20 })
		if err := rekey(t, r.srv, r.js, keys[(n+1)%2], keys[n%2]); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	publishers.Wait()
	r.last = streamOf(t, r.js).LastSeq
	r.await(t)
	times := make(map[string]int)
	for _, id := range ids(r.stored(t, acme)) {
		times[id]++
	}
	total := 0
	for _, ids := range published {
		total += len(ids)
		for _, id := range ids {
			if times[id] != 1 {
				t.Errorf("event %s was acknowledged and is %d times in the log, want once", id, times[id])
			}
		}
	}
	t.Logf("%d events, %d changes of keys, %d publishes tried again", total, changes, failures.Load())
}

// dial returns JetStream over TCP, as a publisher has it.
func dial(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url, nats.ReconnectWait(20*time.Millisecond), nats.MaxReconnects(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// captured publishes as services do.
func captured(t *testing.T, js jetstream.JetStream, e *pb.Event) bool {
	p, err := capture.New(js, capture.Config{Tenant: acme})
	if err == nil {
		err = errors.Join(p.PublishBatch(t.Context(), []*pb.Event{e}), p.Close(t.Context()))
	}
	if err != nil {
		t.Errorf("capture: %v", err)
	}
	return err == nil
}

// persist publishes with nats.go alone, again until it is acknowledged, and
// returns how often it had to.
func persist(t *testing.T, js jetstream.JetStream, e *pb.Event) (again int64) {
	body, contentType, encoding, err := event.EncodeBatch([]*pb.Event{e})
	if err != nil {
		t.Error(err)
	}
	msg := nats.NewMsg(event.Subject(acme, event.Interaction))
	msg.Data = body
	msg.Header.Set(event.HeaderContentType, contentType)
	if encoding != "" {
		msg.Header.Set(event.HeaderContentEncoding, encoding)
	}
	for t.Context().Err() == nil {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		_, err := js.PublishMsg(ctx, msg)
		cancel()
		if err == nil {
			return again
		}
		again++
	}
	return again
}

func rename(t *testing.T, dir, from, to string) {
	t.Helper()
	if err := os.Rename(filepath.Join(dir, from), filepath.Join(dir, to)); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkRekey is how long publishers wait, with nothing in the stream and
// with 200 MB that wait for the log.
func BenchmarkRekey(b *testing.B) {
	for _, messages := range []int{0, 137_000} {
		b.Run(fmt.Sprintf("messages=%d", messages), func(b *testing.B) {
			s := startServer(b, ServerConfig{Dir: b.TempDir()})
			js := connect(b, s)
			if err := EnsureStream(b.Context(), js, StreamConfig{}); err != nil {
				b.Fatal(err)
			}
			body := []byte(strings.Repeat("x", 1450))
			for i := range messages {
				msg := nats.NewMsg("evidence.acme.interaction")
				msg.Data = body
				publishAtomic(b, js, msg, i, i%100 == 99 || i == messages-1)
			}
			keys := []string{streamKey, freshKey}
			for b.Loop() {
				if err := rekey(b, s, js, keys[1], keys[0]); err != nil {
					b.Fatal(err)
				}
				keys[0], keys[1] = keys[1], keys[0]
			}
			state := streamOf(b, js)
			b.ReportMetric(float64(state.Bytes)/1e6, "MB")
			if state.Msgs != uint64(messages) {
				b.Errorf("%d messages, want %d", state.Msgs, messages)
			}
		})
	}
}

func streamOf(b testing.TB, js jetstream.JetStream) jetstream.StreamState {
	b.Helper()
	s, err := js.Stream(b.Context(), StreamName)
	if err != nil {
		b.Fatal(err)
	}
	return s.CachedInfo().State
}
