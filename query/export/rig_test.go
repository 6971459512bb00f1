package export

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/transparency-dev/formats/log"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/bag"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/witness"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const acme = event.Tenant("acme")

// morning is when the tests' events are of.
var morning = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// A rig is a log and what exports from it.
type rig struct {
	*testing.T
	config eventlog.Config
	log    *eventlog.Log
	engine *query.Engine
	x      *Exporter
	now    time.Time
	stop   func() // Run; it may be called again
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{T: t, now: morning.Add(24 * time.Hour), stop: func() {}}
	r.config = eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, Now: func() time.Time { return r.now }}
	r.open()
	t.Cleanup(func() { r.close() })
	return r
}

func (r *rig) open() {
	r.Helper()
	var err error
	if r.log, err = eventlog.Open(r.Context(), r.config); err != nil {
		r.Fatal(err)
	}
	r.engine = query.New(query.Config{Log: r.log})
	r.x = New(Config{
		Log: r.log, Engine: r.engine, Software: "test 1", Now: r.config.Now,
		Policy: func(event.Tenant) (string, error) { return policy.Default().Version(), nil },
	})
}

func (r *rig) close() {
	r.Helper()
	r.stop()
	if err := r.log.Close(); err != nil {
		r.Error(err)
	}
}

// run has the exporter work until stop, or the end of the test.
func (r *rig) run() *rig {
	r.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	x := r.x
	go func() { ended <- x.Run(ctx) }()
	stopped := false
	r.stop = func() {
		if cancel(); stopped {
			return
		}
		stopped = true
		if err := <-ended; err != nil {
			r.Error(err)
		}
	}
	return r
}

// add appends events as ingest would.
func (r *rig) add(events ...*pb.Event) {
	r.Helper()
	var batch []eventlog.Prepared
	for _, e := range events {
		user, err := redaction.User(e.GetUser(), func(v string) (string, error) { return r.log.Pseudonym(acme, v) })
		if err != nil {
			r.Fatal(err)
		}
		if e.User = user; e.GetClass() == "" {
			e.Class = "routine"
		}
		e.PolicyVersion = policy.Default().Version()
		p, err := r.log.Prepare(acme, e)
		if err != nil {
			r.Fatal(err)
		}
		batch = append(batch, p)
	}
	if _, err := r.log.Append(r.Context(), batch); err != nil {
		r.Fatal(err)
	}
}

// said is an interaction.
func said(id, session, question, answer string) *pb.Event {
	message := func(role, text string) []*pb.Message {
		return []*pb.Message{{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}}
	}
	return &pb.Event{
		Id: id, Time: timestamppb.New(morning), Session: session, User: "u-" + session, Turn: 1,
		Source:  &pb.Source{Service: "chat", Instance: "chat-7"},
		Capture: &pb.Capture{Probability: new(0.5), Rule: "half", Content: pb.Capture_REDACTED, Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 2, Detector: "email", Version: 1}}},
		Body:    &pb.Event_Interaction{Interaction: &pb.Interaction{Model: &pb.Model{Name: "m-1"}, Input: message("user", question), Output: message("assistant", answer)}},
	}
}

// fill appends a policy and some events of all kinds, the worst of ids among them.
func (r *rig) fill() *rig {
	r.Helper()
	document := policy.Default()
	r.add(&pb.Event{Id: "policy", Time: timestamppb.New(morning), Class: policy.Ledger, Body: &pb.Event_PolicyApplied{
		PolicyApplied: &pb.PolicyApplied{Version: document.Version(), Document: string(document.Source())},
	}})
	r.add(
		said("e1", "s-1", "write to bob", "bob has it"),
		said("../../etc/passwd", "../CON", "and this?", "<script>alert(1)</script>"),
		said("e3", "S-1", "question", "answer"),
		&pb.Event{Id: "e4", Time: timestamppb.New(morning.Add(time.Minute)), Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "e1", Category: "harm", Score: 0.9, Action: pb.Verdict_BLOCKED}}},
		&pb.Event{Id: "e5\x7f", Time: timestamppb.New(morning.Add(time.Hour)), Session: "s-9", Body: &pb.Event_Report{Report: &pb.Report{Session: "s-1", Category: "harmful", Comment: "it told on me"}}},
		&pb.Event{Id: "e6", Time: timestamppb.New(morning), Capture: &pb.Capture{Content: pb.Capture_DROPPED}, Body: &pb.Event_Action{Action: &pb.Action{Target: "e3", Kind: pb.Action_NOTICE, Name: "card"}}},
		&pb.Event{Id: "e7", Time: timestamppb.New(morning), Body: &pb.Event_Coverage{Coverage: &pb.Coverage{Start: timestamppb.New(morning), End: timestamppb.New(morning.Add(time.Hour))}}},
	)
	return r
}

// asked is a request with who and why.
func asked() Request { return Request{Actor: "responder-2", Reason: "INC-7", Incident: "INC-7"} }

// download returns the file of an export.
func (r *rig) download(op string) []byte {
	r.Helper()
	var b bytes.Buffer
	if _, err := r.x.Download(r.Context(), acme, Download{Operation: op}, &b); err != nil {
		r.Fatal(err)
	}
	return b.Bytes()
}

// opened returns the directory in a bag's zip file.
func opened(t testing.TB, zipped []byte) fs.FS {
	t.Helper()
	fsys, err := bag.OpenZip(bytes.NewReader(zipped), int64(len(zipped)))
	if err != nil {
		t.Fatal(err)
	}
	return fsys
}

// files returns the files in a bag's zip file.
func files(t testing.TB, zipped []byte) fstest.MapFS {
	t.Helper()
	fsys := opened(t, zipped)
	out := fstest.MapFS{}
	if err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(fsys, name)
		out[name] = &fstest.MapFile{Data: text, Mode: 0o600}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// verify returns what is found in a bag.
func (r *rig) verify(fsys fs.FS) (Verified, []bag.Problem) {
	r.Helper()
	trust, err := witness.Trust(r.log.VerifierKey())
	if err != nil {
		r.Fatal(err)
	}
	var problems []bag.Problem
	v, err := Verify(r.Context(), fsys, Verification{
		Trust:  func(signed []byte) (log.Checkpoint, error) { return trust.Signed(signed) },
		Signed: trust.Signed, Stamp: witness.CheckStamp, Software: "test 1",
		Report: func(p bag.Problem) { problems = append(problems, p) },
	})
	if err != nil {
		problems = append(problems, bag.Problem{File: ".", Reason: err.Error()})
	}
	return v, problems
}

func (r *rig) mustVerify(fsys fs.FS) Verified {
	r.Helper()
	v, problems := r.verify(fsys)
	for _, p := range problems {
		r.Errorf("%s %s", p.File, p.Reason)
	}
	return v
}

// forget erases an event.
func (r *rig) forget(seq event.Seq) {
	r.Helper()
	err := r.log.Forget(r.Context(), []eventlog.Forgetting{{Tenant: acme, Seqs: []event.Seq{seq}, Ledger: &pb.Event{
		Id: fmt.Sprint("forget-", seq), Time: timestamppb.New(r.now), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "request"}},
	}}}, func(eventlog.ForgetProgress) {})
	if err != nil {
		r.Fatal(err)
	}
}

// redact replaces the answer of an interaction.
func (r *rig) redact(seq event.Seq) {
	r.Helper()
	_, err := r.log.Redact(r.Context(), eventlog.Redaction{Tenant: acme, Seqs: []event.Seq{seq},
		Ledger: &pb.Event{
			Id: fmt.Sprint("redact-", seq, "-", r.log.Size()), Time: timestamppb.New(r.now), Class: eventlog.LedgerClass,
			Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "privacy-office", Reason: "ticket 1", Detectors: []string{"name/1"}}},
		},
		Apply: func(_ context.Context, e *pb.Event) error {
			e.GetInteraction().GetOutput()[0].GetParts()[0].Kind = &pb.Part_Text{Text: fmt.Sprintf("[NAME:%d]", r.log.Size())}
			e.Capture.Redactions = append(e.Capture.Redactions, &pb.Redaction{Type: "NAME", Count: 1})
			return nil
		},
	}, func(eventlog.ForgetProgress) {})
	if err != nil {
		r.Fatal(err)
	}
}

// repack makes a bag of files, with manifests of its own.
func repack(t testing.TB, bundle fstest.MapFS) []byte {
	t.Helper()
	var b bytes.Buffer
	w := bag.NewWriter(&b, "bag", morning)
	var info []bag.Field
	for name, f := range bundle {
		switch {
		case name == bag.Info:
			for line := range strings.Lines(string(f.Data)) {
				label, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
				if label != "Payload-Oxum" {
					info = append(info, bag.Field{Label: label, Value: value})
				}
			}
		case name == bag.Declaration || slices.Contains(bag.Manifests(), name):
		default:
			if err := w.Add(bag.Pack(name, f.Data)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(info); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
