package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// demoEvents is the sample: a day at a medical-triage assistant whose new
// model gives wrong doses. Its times are ages; the secret in it is put
// together at run time, so that this file holds none.
//
//go:embed demo.ndjson
var demoEvents string

type demoCmd struct {
	Once bool `help:"End after the show instead of serving on."`
}

// Help implements kong's HelpProvider.
func (demoCmd) Help() string {
	return `Needs nothing: serves from a fresh directory that is removed at the end, publishes a small
made-up incident through NATS, shows how it is found and replayed, and prints what to try next.
Takes other ports where the usual ones are taken.

    afterimage demo
    afterimage demo --once       end after the show`
}

const demoTenant event.Tenant = "default"

// Run serves, shows and, unless told otherwise, serves on.
func (c *demoCmd) Run(ctx context.Context, s streams) (err error) {
	dir, err := os.MkdirTemp("", "afterimage-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	listening := make(chan addresses, 1)
	group.Go(func() error {
		return serve(ctx, demoFlags(dir), s.err, func(a addresses, _ *eventlog.Log) error { listening <- a; return nil })
	})
	group.Go(func() error {
		select {
		case a := <-listening:
			d := demo{streams: s, style: styleFor(s.out), addresses: a, dir: dir}
			if err := d.show(ctx); err != nil {
				return err
			}
			if c.Once {
				stop()
				return nil
			}
			d.next()
			return nil
		case <-ctx.Done():
			return nil
		}
	})
	return group.Wait()
}

// demoFlags serves on the usual ports where they are free.
func demoFlags(dir string) serveFlags {
	return serveFlags{
		Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"),
		HTTP: freeAddr("127.0.0.1:8080"), GRPC: freeAddr("127.0.0.1:8081"), NATS: freeAddr("127.0.0.1:4222"),
		Cadence: 10 * time.Second, LogLevel: "error", LogFormat: "text",
	}
}

// freeAddr is addr if nothing listens there, else any port.
func freeAddr(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return "127.0.0.1:0"
	}
	closeListener(l)
	return addr
}

// A demo shows the sample in a running store.
type demo struct {
	streams
	style     style
	addresses addresses
	dir       string
}

func (d *demo) show(ctx context.Context) error {
	d.say("", "A store is running in %s, with NATS inside.", d.dir)
	n, err := d.publish(ctx)
	if err != nil {
		return err
	}
	d.say("1", "Published %d events over NATS: a day at a medical-triage assistant.", n)
	if err := d.await(ctx, n); err != nil {
		return err
	}
	for _, step := range d.steps() {
		d.say(step.number, step.title)
		fmt.Fprintf(d.out, "%s\n", d.style.paint(bold, "$ "+program()+" "+step.command))
		if err := step.run(ctx, d.streams); err != nil {
			return err
		}
	}
	return nil
}

// A step is one command of the show.
type step struct {
	number, title, command string
	run                    func(context.Context, streams) error
}

func (d *demo) steps() []step {
	to, tenant := storeFlag{Server: d.addresses.GRPC}, tenantFlag{Tenant: string(demoTenant)}
	table := format{Output: "table"}
	const wrong = `interaction.model.version == "2026-11-20" && interaction.verdicts.exists(v, v.category == "dosage_error")`
	all := searchCmd{Order: "oldest", format: table, storeFlag: to, tenantFlag: tenant}
	doubtful := searchCmd{Filter: wrong, Order: "oldest", format: table, storeFlag: to, tenantFlag: tenant}
	lived := replayCmd{Session: "visit-1052", View: "both", format: table, storeFlag: to, tenantFlag: tenant}
	filtered := replayCmd{Session: "visit-1057", View: "both", format: table, storeFlag: to, tenantFlag: tenant}
	secret := replayCmd{Session: "visit-1070", View: "model", format: table, storeFlag: to, tenantFlag: tenant}
	at := d.server()
	verified := verifyCmd{URL: d.addresses.HTTP, format: table}
	return []step{
		{"2", "What is there? Nobody can read who the users are, but the same user is the same token.", "search --order oldest" + at, all.Run},
		{"3", "A new model version went live that day. Which of its doses did a classifier doubt?", "search --order oldest --filter '" + wrong + "'" + at, doubtful.Run},
		{"4", "What did the first of them live through? Nothing stopped the answer; a report and a late verdict came hours later.", "replay visit-1052 --view both" + at, lived.Run},
		{"5", "And where the filter caught it: what the model generated, beside what the user saw.", "replay visit-1057 --view both" + at, filtered.Run},
		{"6", "Somebody pasted a token and a password into the chat. They never reached the log.", "replay visit-1070 --view model" + at, secret.Run},
		{"7", "Has anything been changed since?", "verify --url " + d.addresses.HTTP, verified.Run},
	}
}

// server is the flag that client commands need to find the store.
func (d *demo) server() string {
	if d.addresses.GRPC == "127.0.0.1:8081" {
		return ""
	}
	return " --server " + d.addresses.GRPC
}

func (d *demo) say(number, text string, args ...any) {
	if number != "" {
		text = number + ". " + text
	}
	if len(args) > 0 {
		text = fmt.Sprintf(text, args...)
	}
	fmt.Fprintf(d.out, "\n%s\n", d.style.paint(bold+";"+cyan, text))
}

// publish sends the sample over TCP, as any service would.
func (d *demo) publish(ctx context.Context) (n int, err error) {
	nc, err := nats.Connect(d.addresses.NATS, nats.Name("afterimage demo"))
	if err != nil {
		return 0, fmt.Errorf("connect to %s: %w", d.addresses.NATS, err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	events, err := sample(time.Now())
	if err != nil {
		return 0, err
	}
	p, err := capture.New(js, capture.Config{Tenant: demoTenant})
	if err != nil {
		return 0, err
	}
	return len(events), errors.Join(p.PublishBatch(ctx, events), p.Close(ctx))
}

var age = regexp.MustCompile(`"(time|start|end)": "-([0-9hms]+)"`)

// sample is the sample as of now.
func sample(now time.Time) ([]*pb.Event, error) {
	text := strings.ReplaceAll(demoEvents, "$SECRET", "ghp"+"_"+"16C7e42F292c6912E7710c838347Ae178B4a")
	text = age.ReplaceAllStringFunc(text, func(found string) string {
		m := age.FindStringSubmatch(found)
		ago, err := time.ParseDuration(m[2])
		if err != nil {
			panic("internal error: " + err.Error())
		}
		return fmt.Sprintf("%q: %q", m[1], now.Add(-ago).UTC().Format(time.RFC3339))
	})
	var events []*pb.Event
	for line := range bytes.Lines([]byte(text)) {
		e, err := event.DecodeJSON(bytes.TrimSpace(line), event.Limits{})
		if err != nil {
			return nil, fmt.Errorf("sample: %w", err)
		}
		events = append(events, e)
	}
	return events, nil
}

// await returns when the log has n events of the tenant beside the policy
// that its first event brought.
func (d *demo) await(ctx context.Context, n int) error {
	to := storeFlag{Server: d.addresses.GRPC}
	store, err := to.open()
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		arrived, err := store.Count(ctx, demoTenant, client.SearchRequest{Filter: `kind != "policy_applied"`}, nil)
		if err != nil {
			return to.explain(err)
		}
		if arrived.GetCount() >= int64(n) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %d of %d events arrived in the log: %w", arrived.GetCount(), n, ctx.Err())
		case <-tick.C:
		}
	}
}

// next prints what to try, as it can be pasted.
func (d *demo) next() {
	a := d.addresses
	d.say("", "Now you. It serves until Ctrl-C, and then this directory is removed. In another terminal:")
	fmt.Fprintf(d.out, `
  curl -s '%[1]s/v1/tenants/default/events:search?pageSize=2'
  curl -s '%[1]s/v1/tenants/default/events:search' -H 'Content-Type: application/json' \
       -d '{"filter":"user == \"mark.osei@example.org\""}'
  curl -sN '%[1]s/v1/tenants/default/sessions/visit-1052:replay?speed=100&view=USER'
  curl -s '%[1]s/tlog/checkpoint'

Publish over HTTP, from a pipe, or with any NATS client, here the nats command line:

  curl -s '%[1]s/v1/tenants/default/events:publish' -H 'Content-Type: application/json' \
       -d '{"events":[%[5]s]}'
  echo '%[6]s' | %[4]s publish --nats-url %[3]s
  nats --server %[3]s req evidence.default.interaction -H Content-Type:application/json \
       '%[7]s'

  %[4]s search --server %[2]s --filter 'session == "s-1"'
  %[4]s replay s-1 --server %[2]s
`, a.HTTP, a.GRPC, a.NATS, program(), greeting(1), greeting(2), greeting(3))
}

// greeting is an event to publish by hand.
func greeting(n int) string {
	return fmt.Sprintf(`{"id":"mine-%[1]d","time":"%[2]s","session":"s-1","turn":%[1]d,"user":"me@example.com",`+
		`"interaction":{"input":[{"role":"user","parts":[{"text":"hello"}]}]}}`, n, time.Now().UTC().Format(time.RFC3339))
}

// program is how the program was called, for lines to paste into a shell.
func program() string {
	if name := os.Args[0]; !strings.ContainsAny(name, " '\"$&;()\\") {
		return name
	}
	return "'" + strings.ReplaceAll(os.Args[0], "'", `'\''`) + "'"
}
