package main

import (
	"bytes"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/ingest"
)

// TestPulse holds that a server that is connected and does not answer is
// noticed, said once, and that it answers again.
func TestPulse(t *testing.T) {
	ns, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	if !ns.ReadyForConnections(patience) {
		t.Fatal("NATS did not start")
	}
	nc, err := nats.Connect(ns.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	// There is no JetStream here: what plays it hears every question.
	var answers atomic.Bool
	heard, err := nc.Subscribe("$JS.API.STREAM.INFO."+ingest.StreamName, func(m *nats.Msg) {
		if answers.Load() {
			_ = m.Respond([]byte(`{"type":"io.nats.jetstream.api.v1.stream_info_response","config":{"name":"` + ingest.StreamName + `"},"state":{}}`))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	var stopped atomic.Bool
	p := newPulse(&stream{js: js}, slog.New(slog.NewTextHandler(&logged, nil)))
	p.patience, p.switching = 20*time.Millisecond, stopped.Load

	stopped.Store(true) // for a change of keys: what it does not answer then says nothing
	for range 3 {
		if p.ask(t.Context()); p.ready() != nil {
			t.Errorf("of a server that is stopped on purpose: %v", p.ready())
		}
	}
	stopped.Store(false)
	if p.ask(t.Context()); p.ready() != nil {
		t.Errorf("after one question: %v", p.ready())
	}
	for range 2 {
		if p.ask(t.Context()); p.ready() == nil || !strings.Contains(p.ready().Error(), "NATS is silent") {
			t.Errorf("of a silent server: %v", p.ready())
		}
	}
	if n := strings.Count(logged.String(), "level=ERROR"); n != 1 {
		t.Errorf("said %d times, want once: %s", n, &logged)
	}
	p.patience = patience
	answers.Store(true)
	if p.ask(t.Context()); p.ready() != nil || !strings.Contains(logged.String(), "answers again") {
		t.Errorf("of a server that answers: %v; logged %s", p.ready(), &logged)
	}
	if err := heard.Unsubscribe(); err != nil {
		t.Fatal(err)
	}
	p.ask(t.Context())
	if p.ask(t.Context()); p.ready() == nil || strings.Contains(p.ready().Error(), "silent") {
		t.Errorf("of a server without JetStream, which says so: %v", p.ready())
	}
}
