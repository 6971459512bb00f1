package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"afterimage": func() { os.Exit(runProcess(scriptClock)) }})
}

// The scripts run the real program against real NATS and a real disk. Each
// tells at its top what would be lost if it failed.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "../../testdata/script",
		Setup: func(env *testscript.Env) error {
			now := time.Now().UTC()
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("NOW", now.Format(time.RFC3339))
			env.Setenv("HOUR_AGO", now.Add(-time.Hour).Format(time.RFC3339))
			env.Setenv("TOMORROW", now.Add(24*time.Hour).Format(time.RFC3339))
			return os.WriteFile(filepath.Join(env.WorkDir, "any.yaml"), []byte(anyPorts), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready":   scriptReady,
			"await":   scriptAwait,
			"exits":   scriptExits,
			"subst":   scriptSubst,
			"fill":    scriptFill,
			"http":    scriptHTTP,
			"token":   scriptToken,
			"nats":    scriptNATS,
			"requeue": scriptRequeue,
			"sealed":  scriptSealed,
			"flip":    scriptFlip,
			"large":   scriptLarge,

			"backup":  scriptBackup,
			"forget":  scriptForget,
			"unindex": scriptUnindex,
			"key":     scriptKey,
			"bend":    scriptBend,
			"clock":   scriptMove,
			"grab":    scriptGrab,
		},
		RequireExplicitExec: true,
	})
}

// anyPorts is any.yaml, the configuration with which scripts serve.
const anyPorts = `data: data
keys: keys
http: 127.0.0.1:0
grpc: 127.0.0.1:0
nats: 127.0.0.1:0
ready-file: ready
`

const patience = 60 * time.Second

// eventually calls f until it says done; it fails the script when patience is
// at its end.
func eventually(ts *testscript.TestScript, what string, f func() (done bool)) {
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) { // polls other processes
		if f() {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("waited %v in vain for %s", patience, what)
		}
	}
}

// ready: waits until a server that was started with any.yaml listens and says
// that it is ready. Sets $HTTP, $GRPC, $NATS and what client commands read,
// and removes the file, so that the next server can be waited for.
func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: ready")
	}
	file := ts.MkAbs("ready")
	eventually(ts, "the ready file", func() bool { _, err := os.Stat(file); return err == nil })
	var a addresses
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("ready")), &a))
	ts.Check(os.Remove(file))
	ts.Setenv("HTTP", a.HTTP)
	ts.Setenv("GRPC", a.GRPC)
	ts.Setenv("NATS", a.NATS)
	ts.Setenv("AFTERIMAGE_SERVER", a.GRPC)
	ts.Setenv("AFTERIMAGE_NATS_URL", a.NATS)
	eventually(ts, "/readyz", func() bool {
		response, err := http.Get(a.HTTP + "/readyz")
		if err != nil {
			return false
		}
		response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// await N TENANT [FILTER]: waits until that many events are found, of evidence
// unless the filter says otherwise: what the store puts on record comes when it will.
func scriptAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await N TENANT [FILTER]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	filter := `kind in ["interaction", "verdict", "report", "action", "coverage"]`
	if len(args) > 2 {
		filter = args[2]
	}
	search := searchCmd{Filter: filter, Order: "newest", Count: true, storeFlag: storeFlag{Server: ts.Getenv("GRPC")}, tenantFlag: tenantFlag{args[1]}}
	var got string
	eventually(ts, fmt.Sprintf("%d events", want), func() bool {
		var out bytes.Buffer
		ts.Check(search.Run(context.Background(), streams{out: &out, err: io.Discard}))
		got = strings.TrimSpace(out.String())
		n, err := strconv.Atoi(got)
		ts.Check(err)
		if n > want {
			ts.Fatalf("got %d events, want %d", n, want)
		}
		return n == want
	})
}

// exits CODE COMMAND…: runs it and checks its exit code.
func scriptExits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("got exit code %d, want %d", got, want)
	}
}

// subst FILE…: replaces $NAME in files by the environment.
func scriptSubst(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		text := os.Expand(ts.ReadFile(name), ts.Getenv)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
	}
}

// fill FILE NAME FROM: replaces $NAME in a file by the line in another one.
func scriptFill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fill FILE NAME FROM")
	}
	text := ts.ReadFile(args[0])
	filled := strings.ReplaceAll(text, "$"+args[1], strings.TrimSpace(ts.ReadFile(args[2])))
	if filled == text {
		ts.Fatalf("%s has no $%s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(filled), 0o600))
}

// http STATUS METHOD PATH [FILE]: calls the server, with the file as JSON
// body, and prints the answer.
func scriptHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: http STATUS METHOD PATH [FILE]")
	}
	var body io.Reader
	if len(args) > 3 {
		body = strings.NewReader(ts.ReadFile(args[3]))
	}
	request, err := http.NewRequest(args[1], ts.Getenv("HTTP")+args[2], body)
	ts.Check(err)
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	ts.Check(err)
	_, err = ts.Stdout().Write(text)
	ts.Check(err)
	if got := strconv.Itoa(response.StatusCode); got != args[0] {
		ts.Fatalf("got status %s, want %s: %s", got, args[0], text)
	}
}

// token FILE: sets $TOKEN to the nextPageToken of the answer in the file.
func scriptToken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: token FILE")
	}
	var page struct{ NextPageToken string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &page))
	if page.NextPageToken == "" {
		ts.Fatalf("%s has no nextPageToken", args[0])
	}
	ts.Setenv("TOKEN", page.NextPageToken)
}

// nats SUBJECT CONTENT-TYPE FILE: publishes the file over plain NATS and waits
// for JetStream's acknowledgement.
func scriptNATS(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: nats SUBJECT CONTENT-TYPE FILE")
	}
	nc, err := nats.Connect(ts.Getenv("NATS"))
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	m := nats.NewMsg(args[0])
	m.Header.Set(event.HeaderContentType, args[1])
	m.Data = []byte(ts.ReadFile(args[2]))
	_, err = js.PublishMsg(context.Background(), m)
	ts.Check(err)
}

// requeue N: publishes again, over plain NATS, what is in quarantine, which
// must be N entries, as operations.md says to.
func scriptRequeue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: requeue N")
	}
	ts.Check(ts.Exec("afterimage", "quarantine", "list", "-o", "json"))
	nc, err := nats.Connect(ts.Getenv("NATS"))
	ts.Check(err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	ts.Check(err)
	n := 0
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		var q pb.Quarantined
		ts.Check(protojson.Unmarshal([]byte(line), &q))
		ts.Check(ts.Exec("afterimage", "quarantine", "show", q.Id, "--raw"))
		m := nats.NewMsg(q.Subject)
		m.Header.Set(event.HeaderContentType, q.ContentType)
		if q.ContentEncoding != "" {
			m.Header.Set(event.HeaderContentEncoding, q.ContentEncoding)
		}
		m.Data = []byte(ts.ReadFile("stdout"))
		_, err = js.PublishMsg(context.Background(), m)
		ts.Check(err)
		n++
	}
	if strconv.Itoa(n) != args[0] {
		ts.Fatalf("%d entries were in quarantine, want %s", n, args[0])
	}
}

// sealed DIR EVENTS WORD…: fails if any file below DIR holds any 12 bytes of
// any text of the events (invariant 2), or one of the words.
func scriptSealed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: sealed DIR EVENTS WORD…")
	}
	windows := map[[12]byte]bool{}
	for line := range strings.Lines(strings.ReplaceAll(ts.ReadFile(args[1]), "\n\n", "\n")) {
		e, err := event.DecodeJSON([]byte(strings.TrimSpace(line)), event.Limits{})
		ts.Check(err)
		eachString(e.ProtoReflect(), func(text string) {
			for i := 0; i+12 <= len(text); i++ {
				windows[[12]byte([]byte(text[i:]))] = true
			}
		})
	}
	if len(windows) == 0 {
		ts.Fatalf("no text to look for in %s", args[1])
	}
	files := 0
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i := 0; i+12 <= len(data); i++ {
			if windows[[12]byte(data[i:])] {
				return fmt.Errorf("%s holds text of an event at byte %d", path, i)
			}
		}
		for _, word := range args[2:] {
			if bytes.Contains(data, []byte(word)) {
				return fmt.Errorf("%s holds %q", path, word)
			}
		}
		return nil
	}))
	if files == 0 {
		ts.Fatalf("there are no files in %s", args[0])
	}
}

// eachString calls f with every string in the message.
func eachString(m protoreflect.Message, f func(string)) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		each := func(v protoreflect.Value) {
			switch fd.Kind() {
			case protoreflect.StringKind:
				f(v.String())
			case protoreflect.MessageKind:
				eachString(v.Message(), f)
			}
		}
		if !fd.IsList() {
			each(v)
			return true
		}
		for i := range v.List().Len() {
			each(v.List().Get(i))
		}
		return true
	})
}

// flip PATTERN FRACTION: changes one bit of the largest file that matches, at
// that fraction of its length.
func scriptFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip PATTERN FRACTION")
	}
	at, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	var largest string
	var size int64
	for _, name := range files {
		info, err := os.Stat(name)
		ts.Check(err)
		if info.Size() > size {
			largest, size = name, info.Size()
		}
	}
	data, err := os.ReadFile(largest)
	ts.Check(err)
	data[int(at*float64(len(data)))] ^= 1
	ts.Check(os.WriteFile(largest, data, 0o600))
}

// large FILE BYTES: writes an NDJSON event with a text of so many bytes.
func scriptLarge(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: large FILE BYTES")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	text := fmt.Sprintf(`{"id":"large","time":%q,"interaction":{"input":[{"role":"user","parts":[{"text":%q}]}]}}`+"\n",
		ts.Getenv("NOW"), strings.Repeat("a", n))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}
