package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// crashSize is how often the store is killed, and how many events are
// published meanwhile, again and again; `make crash` asks for more.
func crashSize(t *testing.T) (rounds, events int) {
	t.Helper()
	text := os.Getenv("AFTERIMAGE_CRASH_ROUNDS")
	if text == "" {
		return 3, 5_000
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return rounds, 20_000 * rounds
}

// Invariant 1: while a publisher publishes, the store is killed at random
// instants and started again. Whatever id was acknowledged must be there, and
// there once; and the log must verify (invariant 5).
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for many seconds")
	}
	rounds, n := crashSize(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("%d rounds, %d events, seed %d", rounds, n, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	c := newCrashing(t)
	c.writeEvents(random, n)

	publisher := c.publish()
	for range rounds {
		server := c.serve()
		select { // the random instant
		case <-time.After(time.Duration(20+random.IntN(1500)) * time.Millisecond):
		case <-publisher.ended: // then the same again, as a nervous publisher would
			c.checkDone(publisher)
			publisher = c.publish()
		}
		server.stop(os.Kill)
	}
	server := c.serve()
	<-publisher.ended
	c.checkDone(publisher)
	c.checkKept(n)
	c.run("verify", "--url", "http://"+c.http)
	server.stop(os.Interrupt)
	c.run("verify", "--data", "data", "--keys", "keys")
}

func (c *crashing) publish() *process {
	return c.start("publish", "--nats-url", "nats://"+c.nats, "--timeout", "2m", "--acked", "acked", "events.ndjson")
}

// checkDone checks that everything the process published was acknowledged.
func (c *crashing) checkDone(p *process) {
	c.Helper()
	if code := p.cmd.ProcessState.ExitCode(); code != exitDone {
		c.Fatalf("got exit code %d from the publisher: %s", code, p.out.String())
	}
}

// A crashing is a store that is killed and started again on the same ports.
type crashing struct {
	*testing.T
	dir              string
	http, grpc, nats string
}

func newCrashing(t *testing.T) *crashing {
	c := &crashing{T: t, dir: t.TempDir()}
	for _, addr := range []*string{&c.http, &c.grpc, &c.nats} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // all three at a time, so that they differ
		*addr = l.Addr().String()
	}
	return c
}

// writeEvents writes n events of random text.
func (c *crashing) writeEvents(random *rand.Rand, n int) {
	c.Helper()
	var b bytes.Buffer
	begin := time.Now().Add(-time.Hour).UTC()
	for i := range n {
		words := make([]string, 5+random.IntN(80))
		for j := range words {
			words[j] = strconv.FormatUint(random.Uint64()>>random.IntN(60), 36)
		}
		fmt.Fprintf(&b, `{"id":"e%d","time":%q,"session":"s%d","interaction":{"input":[{"role":"user","parts":[{"text":%q}]}]}}`+"\n",
			i, begin.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano), i/10, strings.Join(words, " "))
	}
	if err := os.WriteFile(filepath.Join(c.dir, "events.ndjson"), b.Bytes(), 0o600); err != nil {
		c.Fatal(err)
	}
}

// A process is a run of the program.
type process struct {
	cmd   *exec.Cmd
	out   *bytes.Buffer // read it after ended
	ended chan struct{}
}

func (c *crashing) start(args ...string) *process {
	p := &process{cmd: exec.Command("afterimage", args...), out: new(bytes.Buffer), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = c.dir, p.out, p.out
	if err := p.cmd.Start(); err != nil {
		c.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	c.Cleanup(func() { p.stop(os.Kill) })
	return p
}

func (p *process) stop(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal)
	<-p.ended
}

// run runs a command that must succeed and returns what it prints.
func (c *crashing) run(args ...string) string {
	c.Helper()
	p := c.start(args...)
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitDone {
		c.Fatalf("afterimage %v: got exit code %d: %s", args, code, p.out.String())
	}
	return p.out.String()
}

// serve starts the store and returns when it listens.
func (c *crashing) serve() *process {
	ready := filepath.Join(c.dir, "ready")
	if err := removeIfThere(ready); err != nil {
		c.Fatal(err)
	}
	p := c.start("serve", "--data", "data", "--keys", "keys", "--http", c.http, "--grpc", c.grpc, "--nats", c.nats, "--ready-file", "ready")
	for {
		if _, err := os.Stat(ready); err == nil {
			return p
		}
		select {
		case <-p.ended:
			c.Fatalf("the store did not start: %s", p.out.String())
		case <-time.After(5 * time.Millisecond): // another process: there is nothing else to wait on
		}
	}
}

func removeIfThere(name string) error {
	if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// checkKept waits until the log has all n events and checks that each id is
// there once.
func (c *crashing) checkKept(n int) {
	c.Helper()
	text, err := os.ReadFile(filepath.Join(c.dir, "acked"))
	if err != nil {
		c.Fatal(err)
	}
	acked := map[string]bool{}
	for id := range strings.Lines(string(text)) {
		acked[strings.TrimSpace(id)] = true
	}
	if len(acked) != n {
		c.Errorf("got %d acknowledged ids, want %d", len(acked), n)
	}
	// A message that was published again after a kill may stand behind the last
	// one in the stream, so only the number tells that all are through.
	for patience := time.After(time.Minute); ; {
		count := c.run("search", "--server", c.grpc, "--filter", `kind == "interaction"`, "--count")
		if strings.TrimSpace(count) == strconv.Itoa(n) {
			break
		}
		select {
		case <-patience: // What is missing is named below.
		default:
			continue
		}
		break
	}
	var found struct{ Events []struct{ ID string } }
	out := c.run("search", "--server", c.grpc, "--filter", `kind == "interaction"`, "--order", "oldest", "--limit", "0", "-o", "json")
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		c.Fatal(err)
	}
	times := map[string]int{}
	for _, e := range found.Events {
		times[e.ID]++
	}
	for id := range acked {
		if times[id] != 1 {
			c.Errorf("got acknowledged event %s %d times, want once", id, times[id])
		}
	}
	if len(found.Events) != n {
		c.Errorf("got %d events, want %d", len(found.Events), n)
	}
}
