package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/redaction/analyzer"
)

// What redaction must take out: what a detector finds, what the analyser alone
// finds, and words beside them that nothing takes out but encryption.
const (
	plantedAddress = "planted.person@example.org"
	plantedName    = "Ada Plantagenet-Lovelace"
	plantedWords   = "an unmistakable sentence about marmalade"
	planted        = plantedWords + " by " + plantedName + ", " + plantedAddress
	trigger        = "~" // of what fails
)

var needles = []string{plantedAddress, plantedName, plantedWords, trigger + " " + plantedWords}

// An analyserDouble is a server in the place of the analyser. It finds one
// name; on a text with the trigger it does what it is told.
type analyserDouble struct {
	*http.Server
	addr   string
	down   chan error
	faulty http.HandlerFunc // on texts with the trigger
}

func (a *analyserDouble) start(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", orDefault(a.addr, "127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	a.addr = l.Addr().String()
	a.Server, a.down = &http.Server{Handler: a, ReadHeaderTimeout: time.Minute}, make(chan error, 1)
	go func() { a.down <- a.Serve(l) }()
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (a *analyserDouble) stop(t *testing.T) {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if err := <-a.down; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}

type analyserSpan struct {
	Type  string  `json:"entity_type"`
	Start int     `json:"start"`
	End   int     `json:"end"`
	Score float64 `json:"score"`
}

func (a *analyserDouble) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var asked struct{ Text json.RawMessage }
	if err := json.Unmarshal(body, &asked); err != nil {
		http.Error(w, "no JSON", http.StatusBadRequest)
		return
	}
	if bytes.Contains(asked.Text, []byte(trigger)) {
		r.Body = io.NopCloser(bytes.NewReader(body))
		a.faulty(w, r)
		return
	}
	var answer []byte
	var list []string
	err = json.Unmarshal(asked.Text, &list)
	if err == nil {
		found := make([][]analyserSpan, len(list))
		for i, text := range list {
			found[i] = nameIn(text)
		}
		answer, err = json.Marshal(found)
	} else {
		var text string
		if err = json.Unmarshal(asked.Text, &text); err == nil {
			answer, err = json.Marshal(nameIn(text))
		}
	}
	if err != nil {
		http.Error(w, "cannot read it", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer)
}

// nameIn finds the name in an ASCII text.
func nameIn(text string) []analyserSpan {
	found := []analyserSpan{}
	if i := strings.Index(text, plantedName); i >= 0 {
		found = append(found, analyserSpan{"PERSON", i, i + len(plantedName), 0.9})
	}
	return found
}

func answering(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// lateAfter is how long the analyser may take, and half as long again
// redaction, where one of them is late. The other events must keep to it.
const lateAfter = 2 * time.Second

// A redactionFault is one way in which redaction fails on a text with the
// trigger.
type redactionFault struct {
	name     string
	reason   string                     // what must be said of it
	find     func(*redaction.Candidate) // of a detector
	faulty   http.HandlerFunc           // of the analyser
	analyser redaction.Analyzer         // in the place of the whole client
	gone     bool                       // nothing listens meanwhile
	late     bool                       // it is the time that runs out
	maxBytes int
	size     int // of the text
}

// analyserFunc is an analyser in this process.
type analyserFunc func(context.Context, []string) ([][]analyzer.Span, error)

func (f analyserFunc) Analyze(ctx context.Context, texts []string) ([][]analyzer.Span, error) {
	return f(ctx, texts)
}

// onTrigger fails on texts with the trigger.
func onTrigger(fail func(ctx context.Context) ([][]analyzer.Span, error)) analyserFunc {
	return func(ctx context.Context, texts []string) ([][]analyzer.Span, error) {
		found := make([][]analyzer.Span, len(texts))
		for i, text := range texts {
			if strings.Contains(text, trigger) {
				return fail(ctx)
			}
			if at := strings.Index(text, plantedName); at >= 0 {
				found[i] = []analyzer.Span{{Type: "PERSON", Start: at, End: at + len(plantedName), Score: 0.9}}
			}
		}
		return found, nil
	}
}

func redactionFaults(release <-chan struct{}) []redactionFault {
	const unavailable, malformed = "remote analyser unavailable", "malformed answer of the remote analyser"
	return []redactionFault{
		{name: "detector panics", find: func(*redaction.Candidate) { panic(planted) }, reason: "redaction panicked"},
		{name: "detector errs", find: func(c *redaction.Candidate) { c.Add(0, 1<<40) }, reason: "redaction"},
		{name: "detector is slow", late: true, reason: "redaction exceeded its time", find: func(c *redaction.Candidate) {
			time.Sleep(2 * lateAfter) // no wait for anything: this is what takes too long
		}},
		{name: "detector hangs", late: true, find: func(*redaction.Candidate) { <-release }, reason: "redaction exceeded its time"},
		{name: "analyser answers 500", faulty: answering(500, `{"error":"`+planted+`"}`), reason: unavailable},
		{name: "analyser answers 400", faulty: answering(400, `{"error":"`+planted+`"}`), reason: unavailable},
		{name: "analyser answers 200 with an error", faulty: answering(200, `{"error":"`+planted+`"}`), reason: malformed},
		{name: "analyser answers with half of it", faulty: answering(200, `[[{"entity_type":"PERSON","start":0,`), reason: malformed},
		{name: "analyser answers with nothing", faulty: answering(200, ``), reason: malformed},
		{name: "analyser answers about other texts", faulty: answering(200, `[[],[],[],[],[],[],[]]`), reason: malformed},
		{name: "analyser finds beyond the text", faulty: answering(200, `[{"entity_type":"PERSON","start":0,"end":100000,"score":1}]`), reason: malformed},
		{name: "analyser hangs", late: true, reason: unavailable, faulty: func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}},
		{name: "analyser breaks off", reason: unavailable, faulty: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }},
		{name: "analyser is gone", gone: true, reason: unavailable},
		{name: "text is too large for the analyser", maxBytes: 4 << 10, size: 8 << 10, reason: "texts too large"},
		{name: "analyser panics", reason: "redaction panicked", analyser: onTrigger(func(context.Context) ([][]analyzer.Span, error) { panic(planted) })},
		{name: "analyser errs", reason: "unknown error", analyser: onTrigger(func(context.Context) ([][]analyzer.Span, error) { return nil, errors.New(planted) })},
		{name: "analyser hangs for ever", late: true, reason: "redaction exceeded its time", analyser: onTrigger(func(context.Context) ([][]analyzer.Span, error) {
			<-release
			return nil, errors.New(planted)
		})},
		{name: "analyser answers too few", reason: malformed, analyser: onTrigger(func(context.Context) ([][]analyzer.Span, error) { return nil, nil })},
	}
}

// Invariants 2 and 3: however redaction fails on one event, in a detector or
// in the remote analyser, that event is quarantined as it came, the one before
// it and the next are stored redacted, and nothing that was in any of them is
// in any file in clear, while it runs as little as after it.
func TestRedactionFaultsLeaveNothingInClear(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for _, f := range redactionFaults(release) {
		t.Run(f.name, func(t *testing.T) {
			double := &analyserDouble{faulty: f.faulty}
			double.start(t)
			r, dir, closeAll := diskRig(t, f.redactor(t, double.addr))
			stop := r.start(t)

			r.publishBatch(t, interaction("before", planted))
			r.await(t)
			if f.gone {
				double.stop(t)
			}
			bad := interaction("bad", trigger+" "+planted+strings.Repeat(" and so on", f.size/10))
			r.publishBatch(t, bad)
			r.await(t)
			if f.gone {
				double.start(t)
			}
			r.publishBatch(t, interaction("next", planted), interaction("last", "nothing to be found"))
			r.await(t)
			nowhere(t, dir) // as a kill would leave it
			if err := stop(); err != nil {
				t.Fatal(err)
			}
			f.check(t, r, bad)
			closeAll()
			double.stop(t)
			nowhere(t, dir)
			if strings.Contains(r.output.String(), "lanta") || strings.Contains(r.output.String(), "marmalade") {
				t.Errorf("content is in the logs:\n%s", r.output.String())
			}
		})
	}
}

// redactor is one with the fault.
func (f *redactionFault) redactor(t *testing.T, addr string) policyOf {
	t.Helper()
	waits := time.Minute // not what fails, however busy the machine
	if f.late {
		waits = lateAfter
	}
	detectors := redaction.Default()
	if f.find != nil {
		detectors = append(detectors, redaction.Detector{Type: "TRAP", Bytes: trigger, Find: f.find})
	}
	cfg := redaction.Config{Detectors: detectors, Timeout: waits + lateAfter/2, Analyzer: f.analyser}
	if f.analyser == nil {
		client, err := analyzer.New(analyzer.Config{URL: "http://" + addr, Timeout: waits, MaxBytes: f.maxBytes})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = client.Close() })
		cfg.Analyzer = client
	}
	r, err := redaction.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return always(r, waits)
}

// check looks at what the log has.
func (f *redactionFault) check(t *testing.T, r *rig, bad *pb.Event) {
	t.Helper()
	stored := r.stored(t, acme)
	if diff := cmp.Diff([]string{"before", "next", "last"}, ids(stored)); diff != "" {
		t.Fatalf("stored (-want +got):\n%s\n%s", diff, r.output.String())
	}
	for _, e := range stored[:2] {
		got := text(e)
		if strings.Contains(got, plantedName) || strings.Contains(got, plantedAddress) || !strings.Contains(got, "[PERSON:") || !strings.Contains(got, "[EMAIL:") {
			t.Errorf("%s is stored as %q", e.Id, got)
		}
		if e.Capture.Content != pb.Capture_REDACTED || len(e.Capture.Redactions) < 2 {
			t.Errorf("%s: its record is %v", e.Id, e.Capture)
		}
	}
	if got := stored[2].GetCapture().GetContent(); got != pb.Capture_RAW {
		t.Errorf("an event with nothing in it is %v", got)
	}
	q := r.quarantined(t, acme)
	if len(q) != 1 || q[0].Cause != pb.Quarantined_REDACTION {
		t.Fatalf("quarantine is %v, want the one event", q)
	}
	if !strings.HasPrefix(q[0].Reason, "redaction failed: "+f.reason) || strings.Contains(q[0].Reason, "marmalade") {
		t.Errorf("the reason is %q, want %q", q[0].Reason, f.reason)
	}
	wantPayload(t, q[0], bad)
}

// diskRig is a rig whose stream and log, as serve sets them up, are below one
// directory, and what closes both.
func diskRig(t *testing.T, policy policyOf) (r *rig, dir string, closeAll func()) {
	t.Helper()
	dir = t.TempDir()
	r = &rig{metrics: NewMetrics(), output: new(buffer)}
	logger := slog.New(slog.NewTextHandler(r.output, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log, err := eventlog.Open(t.Context(), eventlog.Config{
		Dir: filepath.Join(dir, "log"), KeysDir: t.TempDir(), MinFree: 1 << 20, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	js, stop := restartable(t, ServerConfig{Dir: filepath.Join(dir, "stream"), Key: log.StreamKey(), Logger: logger})
	if err := EnsureStream(t.Context(), js, StreamConfig{}); err != nil {
		t.Fatal(err)
	}
	r.log, r.js = log, js
	r.cfg = Config{Log: log, JetStream: js, Policy: policy, RedactionTime: time.Second, Logger: logger, Metrics: r.metrics}
	return r, dir, func() {
		stop()
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}
}

// nowhere fails the test if any file below the directory, or its name, holds a
// planted text, as it is or within a zstd frame.
func nowhere(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // compacted meanwhile
		}
		files++
		if needle := inClear(append(data, path...)); needle != "" {
			t.Errorf("%s holds %q", path, needle)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 5 {
		t.Errorf("only %d files in %s", files, dir)
	}
}

// zstdMagic begins every zstd frame (RFC 8878, section 3.1.1).
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

// inClear returns a needle that is in data, or in what a zstd frame in it
// decompresses to, as far as it does.
func inClear(data []byte) string {
	for _, needle := range needles {
		if bytes.Contains(data, []byte(needle)) {
			return needle
		}
	}
	for at := 0; ; {
		i := bytes.Index(data[at:], zstdMagic)
		if i < 0 {
			return ""
		}
		at += i
		d, err := zstd.NewReader(bytes.NewReader(data[at:]), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
		if err != nil {
			return ""
		}
		plain, _ := io.ReadAll(io.LimitReader(d, 8<<20)) // up to where it breaks off
		d.Close()
		for _, needle := range needles {
			if bytes.Contains(plain, []byte(needle)) {
				return needle
			}
		}
		at += len(zstdMagic)
	}
}

// A search that finds nothing shows nothing unless it finds what is there.
func TestInClear(t *testing.T) {
	noise := bytes.Repeat([]byte{0xfd, 0x28, 0xb5, 0x2f}, 100)
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	batch, _, encoding, err := event.EncodeBatch([]*pb.Event{interaction("a", strings.Repeat(planted, 20))})
	if err != nil || encoding != event.ContentEncodingZstd {
		t.Fatal(encoding, err)
	}
	for name, data := range map[string][]byte{
		"plain": []byte(planted), "zstd": encoder.EncodeAll([]byte(strings.Repeat(planted, 20)), nil), "batch": batch,
		"cut off": encoder.EncodeAll(bytes.Repeat([]byte(planted), 9000), nil)[:800],
	} {
		if inClear(append(append(bytes.Clone(noise), data...), noise...)) == "" {
			t.Errorf("%s: not found", name)
		}
	}
	if got := inClear(append(noise, zstdMagic...)); got != "" {
		t.Errorf("found %q in noise", got)
	}
}
