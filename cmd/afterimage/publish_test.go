package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

func testTally(stderr *bytes.Buffer) *tally {
	return &tally{stderr: stderr, from: &source{}, progress: newProgress(stderr, "published", "events")}
}

// Each line that is not an event is told; what is the store's matter is told
// once, whichever attempt it was.
func TestTallyTellsReasons(t *testing.T) {
	var stderr bytes.Buffer
	sum := testTally(&stderr)
	for i := range 3 {
		sum.refuse("f", i+1, errors.New("id: is missing"))
	}
	for i := range 5 {
		sum.sent("f", line{number: i + 4})(fmt.Errorf("publish, attempt %d: %w", i, errors.New("no stream")))
	}
	sum.sent("f", line{number: 9})(errors.New("closed"))
	want := "f:1: id: is missing\nf:2: id: is missing\nf:3: id: is missing\nf:4: publish, attempt 0: no stream\n" +
		"… and 4 more for the same reason\nf:9: closed\n"
	if got := stderr.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if sum.refused != 3 || sum.unknown != 6 || sum.events != 9 {
		t.Errorf("got %d refused and %d unknown of %d, want 3 and 6 of 9", sum.refused, sum.unknown, sum.events)
	}
}

func TestTallySuspicion(t *testing.T) {
	sum := testTally(new(bytes.Buffer))
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "is `afterimage serve` running?"},
		{sum.connected, "the store took nothing"},
		{func() { sum.broken(true) }, "the connection broke"},
		{func() { sum.broken(false) }, "the store took nothing"},
	} {
		step.do()
		if got := sum.suspicion(); !strings.Contains(got, step.want) {
			t.Errorf("got %q, want %q", got, step.want)
		}
	}
}

// A NATS without a stream acknowledges nothing. The sum says that all was read
// and nothing kept.
func TestPublishWhereNobodyAcknowledges(t *testing.T) {
	natsd, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	natsd.Start()
	defer natsd.WaitForShutdown()
	defer natsd.Shutdown()
	if !natsd.ReadyForConnections(10 * time.Second) {
		t.Fatal("NATS does not start")
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	var lines strings.Builder
	for i := range 5 {
		fmt.Fprintf(&lines, `{"id":"e%d","time":%q,"session":"s","interaction":{"input":[{"role":"user","parts":[{"text":"hello"}]}]}}`+"\n",
			i, time.Now().UTC().Format(time.RFC3339))
	}
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"publish", file, "--nats-url", natsd.ClientURL(), "--timeout", "500ms", "-o", "json"}, nil, &stdout, &stderr)
	var sum struct {
		Events, Acknowledged, Unknown int
		Bytes                         int
		Unread                        bool
	}
	if err := json.Unmarshal(stdout.Bytes(), &sum); err != nil {
		t.Fatalf("%v: %s", err, &stdout)
	}
	if code != exitFailed || sum.Events != 5 || sum.Unknown != 5 || sum.Bytes != lines.Len() || sum.Unread {
		t.Errorf("got code %d and %s, want 1 and 5 of 5 unknown, all read", code, &stdout)
	}
	if !strings.Contains(stderr.String(), "the store took nothing") {
		t.Errorf("standard error does not say why: %s", &stderr)
	}
}

// What is shown of where one publishes holds no password; what is no URL is
// refused at once, and not shown either.
func TestWithoutSecrets(t *testing.T) {
	for urls, want := range map[string]string{
		"nats://127.0.0.1:4222":                "nats://127.0.0.1:4222",
		"127.0.0.1:4222":                       "nats://127.0.0.1:4222",
		"nats://user:hush@a:1, tls://hush@b:2": "nats://a:1,tls://b:2",
		"nats://user:hush@[::1]:4222":          "nats://[::1]:4222",
		"a:4222,":                              "nats://a:4222",
		"nats://user:#hush@host:4222":          "",
		"nats://user:12/hush@host:4222":        "",
		"nats://user:?hush@host:4222":          "",
		",":                                    "",
		"nats://user:hush@host:port":           "",
		"nats://":                              "",
		"nats://user:hu%sh@host":               "",
	} {
		got, err := withoutSecrets(urls)
		if got != want || (err != nil) != (want == "") || err != nil && strings.Contains(err.Error(), "hu") {
			t.Errorf("%q: got %q, %v, want %q", urls, got, err, want)
		}
	}
}
