package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/escrow"
)

// The whole way of an original: keys are made, a publisher seals, the real
// store keeps and finds, and the private key opens.
func TestEscrowScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			return os.WriteFile(filepath.Join(env.WorkDir, "any.yaml"), []byte(anyPorts), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"ready": scriptReady,
			"await": scriptAwait,
			"exits": scriptExits,
			"seal":  scriptSeal,
			"mode":  scriptMode,
		},
		RequireExplicitExec: true,
	})
}

// seal PUBLIC FILE ID TYPE:TOKEN=ORIGINAL…: appends an event whose originals
// are sealed to the public keyset.
func scriptSeal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: seal PUBLIC FILE ID TYPE:TOKEN=ORIGINAL…")
	}
	sealer, err := escrow.NewSealer([]byte(ts.ReadFile(args[0])))
	ts.Check(err)
	e := &pb.Event{Id: args[2], Time: timestamppb.New(time.Now()), Capture: &pb.Capture{},
		Body: &pb.Event_Report{Report: &pb.Report{Session: "s", Category: "harmful"}}}
	for _, arg := range args[3:] {
		place, original, _ := strings.Cut(arg, "=")
		typ, token, _ := strings.Cut(place, ":")
		ciphertext, err := sealer.Seal(e.Id, typ, token, original)
		ts.Check(err)
		e.Capture.Escrow = append(e.Capture.Escrow, &pb.Sealed{Type: typ, Token: token, Ciphertext: ciphertext})
	}
	text, err := event.MarshalJSON(e)
	ts.Check(err)
	f, err := os.OpenFile(ts.MkAbs(args[1]), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	_, err = f.Write(append(text, '\n'))
	ts.Check(err)
	ts.Check(f.Close())
}

// mode OCTAL FILE: checks a file's mode.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL FILE")
	}
	want, err := strconv.ParseUint(args[0], 8, 32)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().Perm(); got != os.FileMode(want) {
		ts.Fatalf("%s has mode %04o, want %04o", args[1], got, want)
	}
}

// officer is a directory with new keys in clear, and both sides of them.
type officer struct {
	private, public string
	sealer          *escrow.Sealer
}

func newOfficer(t *testing.T) officer {
	t.Helper()
	dir := t.TempDir()
	o := officer{private: filepath.Join(dir, "officer.json"), public: filepath.Join(dir, "escrow.json")}
	if code, _, stderr := command(t, "", "escrow", "keygen", "--private", o.private, "--public", o.public); code != exitDone {
		t.Fatalf("keygen: %d: %s", code, stderr)
	}
	public, err := os.ReadFile(o.public)
	if err != nil {
		t.Fatal(err)
	}
	if o.sealer, err = escrow.NewSealer(public); err != nil {
		t.Fatal(err)
	}
	return o
}

// command runs the program.
func command(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = run(t.Context(), args, strings.NewReader(stdin), &out, &err)
	return code, out.String(), err.String()
}

// event is an event with originals of the tokens t0, t1, ….
func (o officer) event(t *testing.T, id string, seq uint64, originals ...string) *pb.Event {
	t.Helper()
	e := &pb.Event{Id: id, Seq: &seq, Capture: &pb.Capture{}}
	for i, original := range originals {
		token := fmt.Sprint("t", i)
		ciphertext, err := o.sealer.Seal(id, "EMAIL", token, original)
		if err != nil {
			t.Fatal(err)
		}
		e.Capture.Escrow = append(e.Capture.Escrow, &pb.Sealed{Type: "EMAIL", Token: token, Ciphertext: ciphertext})
	}
	return e
}

// ndjson writes events a line each.
func ndjson(t *testing.T, events ...*pb.Event) string {
	t.Helper()
	var b strings.Builder
	for _, e := range events {
		text, err := event.MarshalJSON(e)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(text, '\n'))
	}
	return b.String()
}

// found writes events as search -o json does.
func found(t *testing.T, token string, events ...*pb.Event) string {
	t.Helper()
	var b bytes.Buffer
	p := &jsonPrinter{out: bufio.NewWriter(&b)}
	for _, e := range events {
		if err := p.event(e, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.end(client.End{Next: token}); err != nil {
		t.Fatal(err)
	}
	if err := p.out.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// originals runs escrow open and returns what it opened, as id:original.
func originals(t *testing.T, o officer, stdin string, files ...string) (code int, all []string, stderr string) {
	t.Helper()
	code, stdout, stderr := command(t, stdin, append([]string{"escrow", "open", "--private", o.private, "-o", "json"}, files...)...)
	for line := range strings.Lines(stdout) {
		var row opened
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		text := "NOT OPENED " + row.Error
		if row.Original != nil {
			text = *row.Original
		}
		all = append(all, row.ID+":"+text)
	}
	return code, all, stderr
}

// Whatever form the events come in, none is passed over in silence.
func TestEscrowOpenReads(t *testing.T) {
	o := newOfficer(t)
	a, b := o.event(t, "a", 0, "alice@example.com", "<&>\u2028\t\n\x00"), o.event(t, "b", 7, "")
	want := []string{"a:alice@example.com", "a:<&>\u2028\t\n\x00", "b:"}
	lines, doc := ndjson(t, a, b), found(t, "", a, b)
	for _, test := range []struct {
		name, stdin string
		want        []string
		code        int
		stderr      string
	}{
		{"NDJSON", lines, want, exitDone, ""},
		{"without a line end", strings.TrimSpace(lines), want, exitDone, ""},
		{"blank lines and CRLF", "\n" + strings.ReplaceAll(lines, "\n", "\r\n\r\n"), want, exitDone, ""},
		{"a document", doc, want, exitDone, ""},
		{"two documents and lines", doc + found(t, "") + doc + lines, slices.Concat(want, want, want), exitDone, ""},
		{"an empty document", found(t, ""), nil, exitDone, ""},
		{"nothing", "", nil, exitDone, ""},
		{"a search that was cut short", found(t, "next", a, b), want, exitFailed, "-:4: the search was cut short"},
		{"a search that broke off", strings.TrimSuffix(doc, documentEnd+"\"\"}\n"), want, exitFailed, "did not come to its end"},
		{"a line that is no event", lines + "nonsense\n" + lines, slices.Concat(want, want), exitFailed, "-:3: "},
		{"a document in one line", `{"events":[` + strings.Join(strings.Fields(lines), ",") + `]}`, nil, exitFailed, "-:1: events: is not a field of an event"},
		{"a line without end", lines + strings.Repeat("x", maxStoredLine+1), want, exitFailed, "-:3: has more than"},
	} {
		code, got, stderr := originals(t, o, test.stdin)
		if code != test.code || !slices.Equal(got, test.want) || !strings.Contains(stderr, test.stderr) {
			t.Errorf("%s: got %d, %q, %s\nwant %d, %q, %s", test.name, code, got, stderr, test.code, test.want, test.stderr)
		}
		if test.code == exitDone && stderr != "" {
			t.Errorf("%s: complains: %s", test.name, stderr)
		}
	}
}

func TestEscrowOpenFiles(t *testing.T) {
	o := newOfficer(t)
	dir := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text := []byte(ndjson(t, o.event(t, "a", 1, "alice")))
	var gz bytes.Buffer
	zw := gzip.NewWriter(&gz)
	if _, err := zw.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	zs, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	plain, zipped, zst := write("e.ndjson", text), write("e.gz", gz.Bytes()), write("e.zst", zs.EncodeAll(text, nil))
	cut := write("cut.gz", gz.Bytes()[:gz.Len()-12])
	code, got, stderr := originals(t, o, string(text), plain, zipped, zst, "-")
	if code != exitDone || !slices.Equal(got, slices.Repeat([]string{"a:alice"}, 4)) {
		t.Errorf("got %d, %q, %s", code, got, stderr)
	}
	code, got, stderr = originals(t, o, "", cut, plain)
	if code != exitFailed || len(got) == 0 || got[len(got)-1] != "a:alice" || !strings.Contains(stderr, "cut.gz: cannot be read to its end") {
		t.Errorf("a damaged file: got %d, %q, %s", code, got, stderr)
	}
	if code, _, stderr = originals(t, o, "", plain, filepath.Join(dir, "nowhere")); code != exitUsage {
		t.Errorf("a file that is not there: got %d, %s", code, stderr)
	}
	if code, _, stderr = originals(t, o, "", dir); code != exitUsage {
		t.Errorf("a directory: got %d, %s", code, stderr)
	}
}

// What does not open is listed in its place with the reason, the rest is
// printed, and scripts are told.
func TestEscrowOpenSaysWhatItCannot(t *testing.T) {
	mine, other := newOfficer(t), newOfficer(t)
	moved := mine.event(t, "a", 1, "moved away")
	moved.Id = "b"
	damaged := mine.event(t, "c", 2, "alice", "bob")
	damaged.Capture.Escrow[0].Ciphertext[60] ^= 1
	cut := mine.event(t, "d", 3, "carol")
	cut.Capture.Escrow[0].Ciphertext = cut.Capture.Escrow[0].Ciphertext[:40]
	text := ndjson(t, moved, damaged, cut, other.event(t, "e", 4, "dora"), mine.event(t, "f", 5, "eve"))
	code, got, stderr := originals(t, mine, text)
	want := []string{
		"b:NOT OPENED damaged, or moved here from another event, type or token",
		"c:NOT OPENED damaged, or moved here from another event, type or token",
		"c:bob",
		"d:NOT OPENED damaged, or moved here from another event, type or token: it has 40 bytes, and none is shorter than 85",
		fmt.Sprintf("e:NOT OPENED sealed to another keyset: its key is %d", other.sealer.KeyID()),
		"f:eve",
	}
	if code != exitFailed || !slices.Equal(got, want) {
		t.Errorf("got %d\n%s\nwant\n%s", code, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if want := "afterimage: 4 of 6 sealed originals did not open: 1 sealed to another keyset, 3 damaged or moved from another event\n"; stderr != want {
		t.Errorf("got %swant %s", stderr, want)
	}
}

// An original must not take over the terminal of who opens it, nor hide that
// it goes on.
func TestEscrowOpenTable(t *testing.T) {
	o := newOfficer(t)
	e := o.event(t, "019aa5c0-7b1e-7000-8000-000000000001", 17, "alice@example.com", "a\x1b[2Jb\nc\td")
	e.Seq = nil
	code, got, stderr := command(t, ndjson(t, e), "escrow", "open", "--private", o.private)
	want := openedHeader + "\n" +
		"-        019aa5c0-7b1e-7000-8000-000000000001  EMAIL           t0            alice@example.com\n" +
		"-        019aa5c0-7b1e-7000-8000-000000000001  EMAIL           t1            a␛[2Jb␊c␉d\n"
	if code != exitDone || got != want || stderr != "" {
		t.Errorf("got %d, %s\n%swant\n%s", code, stderr, got, want)
	}
	if _, got, _ = command(t, ndjson(t, &pb.Event{Id: "e"}), "escrow", "open", "--private", o.private); got != "no sealed originals; events read: 1\n" {
		t.Errorf("without any: %q", got)
	}
	long := o.event(t, "a", 17, strings.Repeat("x", escrow.MaxValue))
	if code, got, _ := command(t, ndjson(t, long), "escrow", "open", "--private", o.private); code != exitDone || strings.Count(got, "x") < escrow.MaxValue {
		t.Errorf("a long original is cut: %d, %d bytes", code, len(got))
	}
}

// An error must not be lost because output could not be written.
func TestEscrowOpenWrites(t *testing.T) {
	o := newOfficer(t)
	full := brokenWriter{}
	stdin := strings.NewReader(ndjson(t, o.event(t, "a", 1, "alice")))
	var stderr bytes.Buffer
	if code := run(context.Background(), []string{"escrow", "open", "--private", o.private}, stdin, full, &stderr); code != exitFailed || !strings.Contains(stderr.String(), "no space") {
		t.Errorf("got %d, %s", code, stderr.String())
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, fmt.Errorf("no space left") }

// Where the second file cannot be made the first is taken away again, and
// nothing that was there is touched.
func TestEscrowKeygenIsWhole(t *testing.T) {
	dir := t.TempDir()
	private := filepath.Join(dir, "officer.json")
	code, _, stderr := command(t, "", "escrow", "keygen", "--private", private, "--public", filepath.Join(dir, "nowhere", "escrow.json"))
	if code != exitFailed || !strings.Contains(stderr, "nowhere") {
		t.Errorf("got %d, %s", code, stderr)
	}
	if _, err := os.Lstat(private); !os.IsNotExist(err) {
		t.Errorf("the private keyset is left: %v", err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"--private", link, "--public", filepath.Join(dir, "p")}, {"--private", private, "--public", link}} {
		if code, _, stderr := command(t, "", append([]string{"escrow", "keygen"}, args...)...); code != exitFailed || !strings.Contains(stderr, "link exists") {
			t.Errorf("%q: got %d, %s", args, code, stderr)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("left: %v, %v", left, err)
	}
}
