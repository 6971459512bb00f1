package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// A rig is a store, of processes of the real program, that is stopped, killed
// and started again on the same ports and directories.
type rig struct {
	testing.TB
	dir              string
	tenant           string
	http, grpc, nats string   // addresses
	flags            []string // more of serve's
}

func newRig(t testing.TB) *rig {
	r := &rig{TB: t, dir: t.TempDir(), tenant: "default"}
	for _, addr := range []*string{&r.http, &r.grpc, &r.nats} {
		l := freePort(t)
		defer l.Close() // all three at a time, so that they differ
		*addr = l.Addr().String()
	}
	return r
}

// freePort listens on a port that is free and that no connection takes by itself
// between a stop and the next start: below those that systems give out (Linux:
// from 32768).
func freePort(t testing.TB) net.Listener {
	t.Helper()
	for range 100 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000))); err == nil {
			return l
		}
	}
	t.Fatal("no port is free")
	return nil
}

// A process is a run of the program.
type process struct {
	cmd    *exec.Cmd
	stdout *bytes.Buffer // read it after ended
	stderr *bytes.Buffer // likewise
	ended  chan struct{}
}

func (r *rig) start(args ...string) *process {
	p := &process{cmd: exec.Command("afterimage", args...), stdout: new(bytes.Buffer), stderr: new(bytes.Buffer), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = r.dir, p.stdout, p.stderr
	if err := p.cmd.Start(); err != nil {
		r.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait()
	}()
	r.Cleanup(func() { p.stop(os.Kill) })
	return p
}

func (p *process) stop(signal os.Signal) {
	_ = p.cmd.Process.Signal(signal)
	<-p.ended
}

// run runs a command that must succeed and returns what it prints.
func (r *rig) run(args ...string) string {
	r.Helper()
	p := r.start(args...)
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != exitDone {
		r.Fatalf("afterimage %v: got exit code %d: %s%s", args, code, p.stdout, p.stderr)
	}
	return p.stdout.String()
}

// serve starts the store and returns when it listens.
func (r *rig) serve() *process {
	r.Helper()
	return r.startReady(append([]string{"serve", "--data", "data", "--keys", "keys", "--http", r.http, "--grpc", r.grpc, "--nats", r.nats},
		r.flags...)...)
}

// startReady starts what says in a file that it listens, and returns then.
func (r *rig) startReady(args ...string) *process {
	r.Helper()
	ready := filepath.Join(r.dir, "ready")
	if err := removeIfThere(ready); err != nil {
		r.Fatal(err)
	}
	p := r.start(append(args, "--ready-file", "ready")...)
	for {
		if _, err := os.Stat(ready); err == nil {
			return p
		}
		select {
		case <-p.ended:
			r.Fatalf("%s did not start: %s%s", args[0], p.stdout, p.stderr)
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

// publish starts to publish files and appends the ids that were acknowledged
// to the file acked.
func (r *rig) publish(files ...string) *process {
	return r.publishFor(2*time.Minute, files...)
}

// publishFor is publish that gives up after so long without an acknowledgement.
func (r *rig) publishFor(patience time.Duration, files ...string) *process {
	return r.start(append([]string{"publish", "--nats-url", "nats://" + r.nats, "--tenant", r.tenant, "--timeout", patience.String(),
		"--acked", "acked", "-o", "json"}, files...)...)
}

// mustSucceed checks that a process that has ended did what it was to do: of a
// publisher, that everything was acknowledged.
func (r *rig) mustSucceed(p *process) {
	r.Helper()
	if code := p.cmd.ProcessState.ExitCode(); code != exitDone {
		r.Fatalf("%v: got exit code %d: %s%s", p.cmd.Args, code, p.stdout, p.stderr)
	}
}
