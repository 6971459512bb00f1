package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// After an interruption the same command goes on with the export that it began,
// from the byte where it was; and nothing else takes that up.
func TestExportGoesOn(t *testing.T) {
	r := newRig(t)
	r.serve()
	r.grow(300)
	whole := r.export("whole.zip")
	want := r.file("whole.zip")
	var note exportNote
	operation := cutOut(whole, "operation ", "\n")
	command := (&exporting{exportCmd: &exportCmd{Format: "bagit", Actor: "responder-2", Reason: "INC-7", tenantFlag: tenantFlag{"default"}}}).command()
	note = exportNote{operation, command}
	text, err := json.Marshal(note)
	if err != nil {
		t.Fatal(err)
	}
	bent := bytes.Clone(want[:len(want)/2])
	bent[100] ^= 1
	for what, partial := range map[string][]byte{
		"nothing has arrived": nil, "half of it has": want[:len(want)/2], "all of it has": want, "something else has": bent,
		"more has": append(bytes.Clone(want), 'x'),
	} {
		r.write("again.zip.partial", partial)
		r.write("again.zip.operation", text)
		if said := r.export("again.zip"); !strings.Contains(said, operation) {
			t.Errorf("%s: it did not go on: %s", what, said)
		}
		if !bytes.Equal(r.file("again.zip"), want) {
			t.Errorf("%s: what is there is not what was exported", what)
		}
		r.gone("again.zip.partial", "again.zip.operation")
		if err := os.Remove(filepath.Join(r.dir, "again.zip")); err != nil {
			t.Fatal(err)
		}
	}
	r.write("again.zip.partial", want[:1000])
	r.write("again.zip.operation", text)
	other := r.start("export", "--server", r.grpc, "--actor", "responder-2", "--reason", "another", "--to", "again.zip")
	if <-other.ended; other.cmd.ProcessState.ExitCode() != exitUsage || !strings.Contains(other.stderr.String(), "is of another export") {
		t.Errorf("another command: got exit code %d: %s", other.cmd.ProcessState.ExitCode(), other.stderr)
	}
	if n := strings.TrimSpace(r.run("search", "--server", r.grpc, "--filter", `exported.stage == "REQUESTED"`, "--count")); n != "1" {
		t.Errorf("got %s exports on record, want 1", n)
	}
	// An operation that is not there any more is asked for again.
	note.Operation = "gone"
	if text, err = json.Marshal(note); err != nil {
		t.Fatal(err)
	}
	r.write("again.zip.operation", text)
	if said := r.export("again.zip"); strings.Contains(said, operation) {
		t.Errorf("it went on with %s", said)
	}
	r.run("verify", "again.zip")
	// What is there is not written over.
	again := r.start("export", "--server", r.grpc, "--actor", "a", "--reason", "r", "--to", "again.zip")
	if <-again.ended; again.cmd.ProcessState.ExitCode() != exitUsage {
		t.Errorf("written over: got exit code %d: %s", again.cmd.ProcessState.ExitCode(), again.stderr)
	}
}

// What arrived of evidence that was forgotten since is not left lying about.
func TestExportThrowsAway(t *testing.T) {
	r := newRig(t)
	log, stop := serveHere(t, serveFlags{
		Data: filepath.Join(r.dir, "data"), Keys: filepath.Join(r.dir, "keys"),
		HTTP: r.http, GRPC: r.grpc, NATS: r.nats, LogLevel: "error", LogFormat: "text", CacheMiB: 64, MinFreeMiB: 1,
	})
	defer stop()
	r.grow(20)
	operation := cutOut(r.export("whole.zip"), "operation ", "\n")
	f := forgetting("default", pb.Forgotten_ERASED, "request 1")
	f.Seqs = []event.Seq{3}
	if err := log.Forget(t.Context(), []eventlog.Forgetting{f}, func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(exportNote{operation, (&exporting{exportCmd: &exportCmd{Format: "bagit", Actor: "responder-2", Reason: "INC-7", tenantFlag: tenantFlag{"default"}}}).command()})
	if err != nil {
		t.Fatal(err)
	}
	r.write("again.zip.partial", nil)
	r.write("again.zip.operation", text)
	p := r.start("export", "--server", r.grpc, "--actor", "responder-2", "--reason", "INC-7", "--to", "again.zip")
	if <-p.ended; p.cmd.ProcessState.ExitCode() != exitFailed || !strings.Contains(p.stderr.String(), "was forgotten or redacted since") {
		t.Errorf("got exit code %d: %s", p.cmd.ProcessState.ExitCode(), p.stderr)
	}
	r.gone("again.zip", "again.zip.partial", "again.zip.operation")
	if said := r.export("again.zip"); strings.Contains(said, operation) || !strings.Contains(said, "exported 17 events") {
		t.Errorf("the same command then says %s", said)
	}
}

// cutOut is what stands in text between two words.
func cutOut(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

// gone checks that files are not there.
func (r *rig) gone(names ...string) {
	r.Helper()
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(r.dir, name)); !os.IsNotExist(err) {
			r.Errorf("%s is there: %v", name, err)
		}
	}
}

func (r *rig) file(name string) []byte {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.Fatal(err)
	}
	return text
}
