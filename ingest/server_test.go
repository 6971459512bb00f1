package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/event"
)

const streamKey = "a key for tests"

// startServer starts a server that stops with the test.
func startServer(t testing.TB, cfg ServerConfig) *Server {
	t.Helper()
	if cfg.Key == "" {
		cfg.Key = streamKey
	}
	s, err := StartServer(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// connect returns a connection that ends with the test, and its JetStream.
func connect(t testing.TB, s *Server) jetstream.JetStream {
	t.Helper()
	nc, err := s.Connect()
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

// restartable starts a server and returns what stops it, connection included.
func restartable(t *testing.T, cfg ServerConfig) (jetstream.JetStream, func()) {
	t.Helper()
	s, err := StartServer(t.Context(), cfg)
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
	return js, func() {
		nc.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// The words that must not be found on disk.
var secrets = []string{"acme-hospital", "alice@example.com", "the quick brown fox", "msg-id-4711", "Nats-Msg-Id"}

func publishSecrets(t *testing.T, js jetstream.JetStream, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		msg := nats.NewMsg(event.Subject("acme-hospital", event.Interaction))
		msg.Header.Set("Nats-Msg-Id", fmt.Sprintf("msg-id-4711-%d", i))
		msg.Data = []byte("alice@example.com says: the quick brown fox " + strings.Repeat("x", i%2000))
		if _, err := js.PublishMsg(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
}

// Invariant 2: nothing of a message stands in clear in any file or file name
// of the stream, whether it is waiting, acknowledged, or the server restarted.
func TestNothingInClear(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := ServerConfig{Dir: dir, Key: streamKey}
	js, stop := restartable(t, cfg)
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	publishSecrets(t, js, 0, 200)
	acknowledgeSome(t, js, 100)
	for i := range 60 { // a batch that is never finished
		msg := nats.NewMsg(event.Subject("acme-hospital", event.Interaction))
		msg.Data = []byte("alice@example.com says: the quick brown fox")
		publishAtomic(t, js, msg, i, false)
	}
	if err := js.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	noneInClear(t, dir) // as a kill would leave it
	stop()
	noneInClear(t, dir)

	js, stop = restartable(t, cfg)
	noneInClear(t, dir)
	if got := messages(t, js); got != 200 {
		t.Errorf("after a restart the stream has %d messages, want 200", got)
	}
	stop()
	noneInClear(t, dir)
}

func acknowledgeSome(t *testing.T, js jetstream.JetStream, n int) {
	t.Helper()
	cons, err := js.CreateConsumer(t.Context(), StreamName, jetstream.ConsumerConfig{
		Durable: "test", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := cons.Fetch(n)
	if err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func messages(t *testing.T, js jetstream.JetStream) uint64 {
	t.Helper()
	s, err := js.Stream(t.Context(), StreamName)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

// noneInClear searches every file below dir for the secrets.
func noneInClear(t *testing.T, dir string) {
	t.Helper()
	var bytesSeen int
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		bytesSeen += len(data)
		for _, secret := range secrets {
			if bytes.Contains(data, []byte(secret)) || strings.Contains(path, secret) {
				t.Errorf("%s has %q in clear", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if bytesSeen < 30_000 {
		t.Errorf("only %d bytes on disk: is this the right directory?", bytesSeen)
	}
}

// A stream that cannot be decrypted must not be taken for an absent one:
// publishing would begin anew over what was acknowledged.
func TestWrongKeyIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	js, stop := restartable(t, ServerConfig{Dir: dir, Key: streamKey})
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	publishSecrets(t, js, 0, 3)
	stop()

	_, err := StartServer(t.Context(), ServerConfig{Dir: dir, Key: "another key"})
	if !errors.Is(err, ErrWrongKey) {
		t.Fatalf("started with another key: %v, want ErrWrongKey", err)
	}
	oneLine(t, err)

	js, stop = restartable(t, ServerConfig{Dir: dir, Key: "another key", OldKey: streamKey})
	if got := messages(t, js); got != 3 {
		t.Errorf("after a change of keys the stream has %d messages, want 3", got)
	}
	stop()
	js, stop = restartable(t, ServerConfig{Dir: dir, Key: "another key"})
	if got := messages(t, js); got != 3 {
		t.Errorf("with the new key alone the stream has %d messages, want 3", got)
	}
	stop()
}

func oneLine(t *testing.T, err error) {
	t.Helper()
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has more than one line: %v", err)
	}
}

// A crash in the middle of making the stream leaves a directory that NATS
// would build a stream into that it cannot read back.
func TestUnfinishedStreamIsMadeAnew(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cfg := ServerConfig{Dir: dir, Key: streamKey}
	js, stop := restartable(t, cfg)
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	stop()
	sum := filepath.Join(streamsDir(dir), StreamName, server.JetStreamMetaFileSum)
	if err := os.Remove(sum); err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		js, stop = restartable(t, cfg)
		if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
			t.Fatal(err)
		}
		if _, err := js.Publish(t.Context(), "evidence.acme.interaction", nil); err != nil {
			t.Fatal(err)
		}
		if got, want := messages(t, js), uint64(round+1); got != want {
			t.Errorf("round %d: stream has %d messages, want %d", round, got, want)
		}
		stop()
	}

	// With messages in it nothing is removed.
	if err := os.Remove(sum); err != nil {
		t.Fatal(err)
	}
	_, err := StartServer(t.Context(), cfg)
	if err == nil {
		t.Fatal("started although a stream with messages could not be read")
	}
	oneLine(t, err)
	if blocks, _ := filepath.Glob(filepath.Join(streamsDir(dir), StreamName, "msgs", "*.blk")); len(blocks) == 0 {
		t.Error("messages were removed")
	}
}

func TestStartRefused(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inUse := t.TempDir()
	startServer(t, ServerConfig{Dir: inUse})
	for name, test := range map[string]struct {
		cfg  ServerConfig
		want string
	}{
		"no directory":          {ServerConfig{Key: "k"}, "Dir is missing"},
		"no key":                {ServerConfig{Dir: t.TempDir()}, "Key is missing"},
		"directory is a file":   {ServerConfig{Dir: file, Key: "k"}, "not a directory"},
		"directory in use":      {ServerConfig{Dir: inUse, Key: streamKey}, "in use by another process"},
		"no port":               {ServerConfig{Dir: t.TempDir(), Key: "k", Addr: "127.0.0.1"}, "not host:port"},
		"port out of range":     {ServerConfig{Dir: t.TempDir(), Key: "k", Addr: "127.0.0.1:70000"}, "between 0 and 65535"},
		"beyond loopback":       {ServerConfig{Dir: t.TempDir(), Key: "k", Addr: "0.0.0.0:0"}, "beyond loopback"},
		"every interface":       {ServerConfig{Dir: t.TempDir(), Key: "k", Addr: ":0"}, "beyond loopback"},
		"port taken":            {ServerConfig{Dir: t.TempDir(), Key: "k", Addr: taken.Addr().String()}, "choose another address"},
		"negative store":        {ServerConfig{Dir: t.TempDir(), Key: "k", MaxStoreBytes: -1}, "MaxStoreBytes"},
		"directory in no other": {ServerConfig{Dir: filepath.Join(file, "x"), Key: "k"}, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := StartServer(t.Context(), test.cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to say %q", err, test.want)
			}
			oneLine(t, err)
		})
	}
}

// A port taken between the look at it and the start must end the start too.
func TestListenErrorEndsStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := ServerConfig{Dir: t.TempDir(), Key: "k", MaxStoreBytes: 1 << 30, Logger: slog.New(slog.DiscardHandler)}
	opts, err := serverOptions(cfg)
	if err != nil {
		t.Fatal(err)
	}
	opts.DontListen, opts.Host, opts.Port = false, "127.0.0.1", taken.Addr().(*net.TCPAddr).Port
	_, err = startNATS(t.Context(), opts, cfg.Dir, newServerLog(cfg.Logger))
	if err == nil || !strings.Contains(err.Error(), "choose another address") {
		t.Errorf("got %v, want an error that says what to do", err)
	}
}

func TestClientsConnect(t *testing.T) {
	s := startServer(t, ServerConfig{Dir: t.TempDir(), Addr: "127.0.0.1:0"})
	nc, err := nats.Connect(s.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := nc.MaxPayload(); got != MaxPayload {
		t.Errorf("max payload %d, want %d", got, MaxPayload)
	}
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	if url := startServer(t, ServerConfig{Dir: t.TempDir()}).ClientURL(); url != "" {
		t.Errorf("in-process server has URL %q", url)
	}
}

// What a client calls itself or publishes to must not reach the logs.
func TestServerLogHasNoContent(t *testing.T) {
	var out bytes.Buffer
	l := newServerLog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
	l.Errorf(`127.0.0.1:55 - cid:7 - "v1.2:go:alice - secret" - maximum payload %d exceeded on %q`, 17, "evidence.acme.secret")
	l.Warnf("JetStream %s: %v", "secret", errors.New("secret"))
	l.Noticef("  took %v, %+v", fs.ErrNotExist, &fs.PathError{Op: "open", Path: "/data", Err: fs.ErrNotExist})
	got := out.String()
	if strings.Contains(got, "secret") || strings.Contains(got, "alice") || strings.Contains(got, "acme") {
		t.Errorf("content in log: %s", got)
	}
	for _, want := range []string{"maximum payload 17 exceeded on …", "JetStream …: …", "open /data: file does not exist"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in log: %s", want, got)
		}
	}
}
