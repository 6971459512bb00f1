package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/capture"
	"github.com/afterimage/afterimage/event"
)

type publishCmd struct {
	Files   []string      `arg:"" optional:"" placeholder:"FILE" help:"NDJSON files, also gzip or zstd; - or none for standard input."`
	NATSURL string        `name:"nats-url" default:"nats://127.0.0.1:4222" env:"AFTERIMAGE_NATS_URL" placeholder:"URL" help:"Where to publish (default ${default})."`
	Timeout time.Duration `default:"30s" placeholder:"D" help:"Give up after this long without an acknowledgement (default ${default})."`
	Acked   string        `placeholder:"FILE" help:"Append the id of each acknowledged event to this file, one a line."`
	format
	tenantFlag
}

// Help implements kong's HelpProvider.
func (publishCmd) Help() string {
	return `Reads one event a line (docs/event.schema.json), checks it here, and publishes it over NATS in
batches. A line that is not a valid event is reported with file and line, and the others go on.
Exit code 0 only if every event was acknowledged, which means that it is on disk.

    afterimage publish events.ndjson more.ndjson.zst
    my-exporter | afterimage publish --tenant clinic
    afterimage publish events.ndjson -o json

Publishing an event again does no harm: the store keeps each id once. With -o json one line:

    {"events":n,"acknowledged":n,"refused":n,"unknown":n,"bytes":n,"seconds":s,"eventsPerSecond":n}

Unknown are those that were sent and never acknowledged: they may be stored. Where it gave up or was interrupted, "unread":true says that the input goes on.`
}

// maxReported is how many bad lines are named; the rest are counted.
const maxReported = 100

// Run publishes all files and prints what became of them.
func (c *publishCmd) Run(ctx context.Context, s streams) error {
	tenant, err := event.ParseTenant(c.Tenant)
	if err != nil {
		return usage("--tenant: %w", err)
	}
	if c.Timeout <= 0 {
		return usage("--timeout %v: give how long to wait for an acknowledgement, such as 30s", c.Timeout)
	}
	from, err := newSource(c.Files, s.in)
	if err != nil {
		return err
	}
	t, err := newTally(c, s, from)
	if err != nil {
		return err
	}
	err = c.publish(ctx, s, tenant, from, t)
	t.progress.stop()
	return errors.Join(err, t.close(s))
}

// publish sends everything and returns when all of it is acknowledged or
// refused, or when there is no hope.
func (c *publishCmd) publish(ctx context.Context, s streams, tenant event.Tenant, from *source, t *tally) (err error) {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	defer func() {
		if cause := context.Cause(ctx); err != nil && cause != nil {
			err = cause
		}
	}()
	stop := t.watch(ctx, c.Timeout, giveUp)
	defer stop()
	nc, err := c.connect(ctx, s.err, t)
	if err != nil {
		return err
	}
	defer nc.Close()
	t.connected()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	p, err := capture.New(js, capture.Config{Tenant: tenant})
	if err != nil {
		return err
	}
	err = from.each(ctx, func(file string, l line) error {
		if l.err != nil {
			t.refuse(file, l.number, l.err)
			return nil
		}
		done := t.sent(file, l)
		if err := p.Publish(ctx, l.event, done); err != nil {
			done(err)
		}
		return ctx.Err()
	})
	t.unread = err != nil
	return errors.Join(err, p.Close(ctx))
}

// unreachable reports whether there may be an answer later: nobody listens, or
// whoever did went away while it was asked.
func unreachable(err error) bool {
	var broken *net.OpError
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &broken)
}

// withoutSecrets returns URLs of NATS, with commas between them, without
// passwords and tokens.
func withoutSecrets(urls string) (string, error) {
	var shown []string
	for text := range strings.SplitSeq(urls, ",") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if !strings.Contains(text, "://") {
			text = "nats://" + text
		}
		u, err := url.Parse(text)
		// What it is may be a secret too; so may what stands before an @ and is not
		// taken for a user's.
		if err != nil || u.Host == "" || u.User == nil && strings.Contains(text, "@") {
			return "", usage("--nats-url: want a URL such as nats://127.0.0.1:4222, or several with commas between them; # / ? in a password are written %%23 %%2F %%3F")
		}
		shown = append(shown, u.Scheme+"://"+u.Host)
	}
	if len(shown) == 0 {
		return "", usage("--nats-url: is empty")
	}
	return strings.Join(shown, ","), nil
}

// connect connects and keeps connecting, telling when it has to wait.
func (c *publishCmd) connect(ctx context.Context, stderr io.Writer, t *tally) (*nats.Conn, error) {
	say := func(format string, args ...any) {
		t.progress.clear()
		fmt.Fprintf(stderr, "afterimage: "+format+"\n", args...)
	}
	where, err := withoutSecrets(c.NATSURL)
	if err != nil {
		return nil, err
	}
	wait := func() { say("no connection to %s: trying again for up to %v", where, c.Timeout) }
	told := false
	for {
		nc, err := nats.Connect(c.NATSURL,
			nats.Name("afterimage publish"),
			nats.MaxReconnects(-1),
			nats.ReconnectWait(250*time.Millisecond),
			nats.ReconnectBufSize(-1), // what is unacknowledged is sent again, not buffered twice
			nats.DisconnectErrHandler(func(nc *nats.Conn, _ error) {
				if !nc.IsClosed() && ctx.Err() == nil {
					t.broken(true)
					wait()
				}
			}),
			nats.ReconnectHandler(func(*nats.Conn) {
				t.broken(false)
				say("connected again")
			}))
		if err == nil {
			return nc, nil
		}
		if !unreachable(err) {
			return nil, fmt.Errorf("connect to %s: %w", where, err)
		}
		if !told {
			told = true
			wait()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// A tally counts what becomes of events. Safe for concurrent use.
type tally struct {
	format
	stderr   io.Writer
	from     *source
	progress *progress
	started  time.Time
	acked    *os.File // nil: nobody wants the ids
	unread   bool     // it ended before all was read; for the goroutine that publishes

	mu       sync.Mutex
	ids      *bufio.Writer
	online   bool      // a connection was made
	lost     bool      // and has broken since
	heard    time.Time // when something last went well
	events   int       // read
	done     int       // acknowledged
	refused  int       // never sent, or sent in vain
	unknown  int       // sent, and may be stored
	named    int       // of the refused, those that were told each
	reason   string    // of the one refused last
	alike    int       // refused after it for the same reason, and not told
	writeErr error     // of ids
}

func newTally(c *publishCmd, s streams, from *source) (*tally, error) {
	now := time.Now()
	t := &tally{format: c.format, stderr: s.err, from: from, progress: newProgress(s.err, "published", "events"), started: now, heard: now, unread: true}
	if c.Acked == "" {
		return t, nil
	}
	f, err := os.OpenFile(c.Acked, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, usage("--acked: %w", err)
	}
	t.acked, t.ids = f, bufio.NewWriter(f)
	return t, nil
}

// sent counts an event that is on its way, and returns what to call with its
// fate.
func (t *tally) sent(file string, l line) func(error) {
	t.mu.Lock()
	if t.events == t.done+t.refused+t.unknown {
		t.heard = time.Now() // nothing was outstanding until now
	}
	t.events++
	t.mu.Unlock()
	id := ""
	if t.acked != nil {
		id = l.event.GetId()
	}
	return func(err error) {
		if err != nil {
			t.count(file, l.number, err, true)
			return
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.done++
		t.heard = time.Now()
		if t.ids != nil {
			_, err := t.ids.WriteString(id + "\n")
			t.writeErr = cmp.Or(t.writeErr, err)
		}
		t.draw()
	}
}

// draw shows how far it is; called with mu held.
func (t *tally) draw() {
	if t.done%64 != 0 {
		return
	}
	note := fmt.Sprintf("%d events, %.0f/s", t.done, float64(t.done)/max(time.Since(t.started).Seconds(), 0.001))
	t.progress.setNote(uint64(t.from.read.Load()), uint64(max(t.from.total, 0)), note)
}

// refuse reports a line that was never sent.
func (t *tally) refuse(file string, number int, err error) {
	t.mu.Lock()
	t.events++
	t.mu.Unlock()
	t.count(file, number, err, false)
}

// count counts a refused event and tells why. Of events that were sent and
// refused one after the other for the same reason, which is then not theirs,
// the first is told.
func (t *tally) count(file string, number int, err error, sent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if sent && !causedBy[*event.ValidationError](err) && !errors.Is(err, event.ErrTooLarge) {
		t.unknown++
	} else {
		t.refused++
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, capture.ErrClosed) {
		return // the reason is told once
	}
	reason := cause(err)
	if sent && reason == t.reason {
		t.alike++
		return
	}
	t.tellAlike()
	t.reason = reason
	t.named++
	switch {
	case t.named <= maxReported:
		t.progress.clear()
		fmt.Fprintf(t.stderr, "%s:%d: %s\n", file, number, visible(err.Error()))
	case t.named == maxReported+1:
		fmt.Fprintln(t.stderr, "… and more; they are counted")
	}
}

// cause is why an event was refused, without which attempt that was.
func cause(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}

func causedBy[T error](err error) bool {
	_, is := errors.AsType[T](err)
	return is
}

// tellAlike counts those that were refused for the reason told last; called
// with mu held.
func (t *tally) tellAlike() {
	if t.alike > 0 && t.named <= maxReported {
		t.progress.clear()
		fmt.Fprintf(t.stderr, "… and %d more for the same reason\n", t.alike)
	}
	t.alike = 0
}

// watch gives up when events are outstanding and nothing was acknowledged for
// so long. The function it returns ends it.
func (t *tally) watch(ctx context.Context, timeout time.Duration, giveUp context.CancelCauseFunc) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(max(timeout/20, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if t.silentFor() > timeout {
				giveUp(fmt.Errorf("gave up after %v without an acknowledgement: %s", timeout, t.suspicion()))
				return
			}
		}
	})
	return func() { cancel(); wg.Wait() }
}

// silentFor is how long outstanding events have waited for a word; before
// there is a connection, how long that has taken.
func (t *tally) silentFor() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.online && t.events == t.done+t.refused+t.unknown {
		return 0
	}
	return time.Since(t.heard)
}

// suspicion is what may be the matter when nothing is acknowledged.
func (t *tally) suspicion() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.lost:
		return "the connection broke: see whether `afterimage serve` still runs"
	case t.online:
		return "NATS answered, but the store took nothing: is its disk full? GET /readyz of `afterimage serve` says"
	}
	return "is `afterimage serve` running? Its NATS address goes into --nats-url"
}

// connected notes that there is a connection.
func (t *tally) connected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.online, t.heard = true, time.Now()
}

// broken notes whether the connection has broken.
func (t *tally) broken(lost bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lost = lost
}

// close prints the sum. The error says that not everything was acknowledged.
func (t *tally) close(s streams) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tellAlike()
	seconds := time.Since(t.started).Seconds()
	rate := float64(t.done) / max(seconds, 0.001)
	bytes := t.from.plain.Load()
	if t.json() {
		err := json.NewEncoder(s.out).Encode(struct {
			Events       int     `json:"events"`
			Acknowledged int     `json:"acknowledged"`
			Refused      int     `json:"refused"`
			Unknown      int     `json:"unknown"`
			Bytes        int64   `json:"bytes"`
			Seconds      float64 `json:"seconds"`
			Rate         int     `json:"eventsPerSecond"`
			Unread       bool    `json:"unread,omitempty"`
		}{t.events, t.done, t.refused, t.unknown, bytes, seconds, int(rate), t.unread})
		t.writeErr = cmp.Or(t.writeErr, err)
	} else {
		unread := ""
		if t.unread {
			unread = "; the rest was not read"
		}
		fmt.Fprintf(s.out, "acknowledged %d of %d events%s, %.1f MB in %.1f s: %.0f events/s\n",
			t.done, t.events, unread, float64(bytes)/1e6, seconds, rate)
	}
	if t.acked != nil {
		t.writeErr = errors.Join(t.writeErr, t.ids.Flush(), t.acked.Close())
	}
	if missing := t.events - t.done; missing > 0 {
		err := fmt.Errorf("%d of %d events were not acknowledged", missing, t.events)
		if t.unknown > 0 {
			err = fmt.Errorf("%w; %d of them were sent and may be stored: publish the same again, each is kept once", err, t.unknown)
		}
		return errors.Join(t.writeErr, err)
	}
	return t.writeErr
}
