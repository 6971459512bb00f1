package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/retention"
	"github.com/afterimage/afterimage/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// A store is a running server over a fresh log, into which published events
// go at once.
type store struct {
	t      testing.TB
	log    *eventlog.Log
	url    string
	conn   *grpc.ClientConn
	client *http.Client
	stop   func() // and wait
}

// start runs a server that ends with the test. change may alter its
// configuration.
func start(t testing.TB, change func(*server.Config)) *store {
	t.Helper()
	s := &store{t: t, log: newLog(t), client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	registry := prometheus.NewRegistry()
	cfg := server.Config{
		HTTP: listen(t), GRPC: listen(t), Log: s.log, Query: query.New(query.Config{Log: s.log}),
		Publish: s.publish, Gatherer: registry, Now: func() time.Time { return noon },
		Stored: func(tenant event.Tenant) (*retention.Stored, error) { return s.stored(tenant, redaction.Config{}) },
	}
	s.policies(&cfg)
	cfg.Keeper = newKeeper(t, s.log, cfg.Query)
	if change != nil {
		change(&cfg)
	}
	srv, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	registry.MustRegister(srv.Metrics())
	s.url = "http://" + cfg.HTTP.Addr().String()
	if s.conn, err = grpc.NewClient(cfg.GRPC.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- srv.Run(ctx) }()
	stopped := false
	s.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
	t.Cleanup(func() {
		s.stop()
		_ = s.conn.Close()
	})
	return s
}

func newLog(t testing.TB) *eventlog.Log {
	dir := t.TempDir()
	log, err := eventlog.Open(t.Context(), eventlog.Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, Now: func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	return log
}

func listen(t testing.TB) net.Listener {
	l, err := server.Listen(t.Context(), "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// publish appends events as ingest would.
func (s *store) publish(ctx context.Context, t event.Tenant, events []*pb.Event) error {
	var batch []eventlog.Prepared
	for _, e := range events {
		e.User = s.userOf(t, e.GetUser())
		e.Class, e.PolicyVersion = "routine", "test"
		p, err := s.log.Prepare(t, e)
		if err != nil {
			return err
		}
		batch = append(batch, p)
	}
	_, err := s.log.Append(ctx, batch)
	return err
}

// userOf is how a user of a tenant is stored.
func (s *store) userOf(t event.Tenant, id string) string {
	s.t.Helper()
	user, err := redaction.User(id, func(v string) (string, error) { return s.log.Pseudonym(t, v) })
	if err != nil {
		s.t.Fatal(err)
	}
	return user
}

// do sends a request and returns the status and the body of the answer.
func (s *store) do(method, path, body string, header ...string) (int, string) {
	s.t.Helper()
	response := s.send(method, path, body, header...)
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

// send sends a request; header holds names and values in turn.
func (s *store) send(method, path, body string, header ...string) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	response, err := s.client.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return response
}

// interaction returns the JSON of an event in a session.
func interaction(id, session, said, answered string) string {
	e := map[string]any{
		"id": id, "time": "2026-11-20T11:00:00Z", "session": session, "user": "alice@example.com",
		"interaction": map[string]any{
			"model":  map[string]any{"name": "gpt-4o"},
			"input":  []any{map[string]any{"role": "user", "parts": []any{map[string]any{"text": said}}}},
			"output": []any{map[string]any{"role": "assistant", "parts": []any{map[string]any{"text": answered}}}},
		},
	}
	raw, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	return string(raw)
}

func events(events ...string) string { return `{"events":[` + strings.Join(events, ",") + `]}` }

// must publishes events and fails the test where they are not taken.
func (s *store) must(all ...string) {
	s.t.Helper()
	code, body := s.do("POST", "/v1/tenants/acme/events:publish", events(all...))
	if want := fmt.Sprintf(`{"acknowledged":%d}`, len(all)); code != 200 || body != want {
		s.t.Fatalf("publish: %d %s, want 200 %s", code, body, want)
	}
}

// What goes in over HTTP comes out of every door again.
func TestPublishSearchGetReplay(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "c-17", "hello", "good day"), interaction("e2", "c-18", "hi", "hey"))
	const found = `{"events":[{"id":"e2",`
	for _, request := range []struct{ method, path, body string }{
		{"GET", "/v1/tenants/acme/events:search?filter=session%3D%3D%22c-18%22", ""},
		{"GET", "/v1/tenants/acme/events:search?pageSize=1&orderBy=time+desc&since=2026-11-20T00:00:00Z", ""},
		{"GET", "/v1/tenants/acme/events:search?page_size=1&order_by=time+desc", ""},
		{"POST", "/v1/tenants/acme/events:search", `{"filter":"session == \"c-18\"","pageSize":5}`},
	} {
		code, body := s.do(request.method, request.path, request.body)
		if code != 200 || !strings.HasPrefix(body, found) || !strings.Contains(body, `"seq":"1"`) {
			t.Errorf("%s %s: %d %s, want 200 %s…", request.method, request.path, code, body, found)
		}
	}
	if code, body := s.do("GET", "/v1/tenants/acme/events:lookup?id=e2", ""); code != 200 || !strings.HasPrefix(body, `{"id":"e2",`) {
		t.Errorf("lookup: %d %s", code, body)
	}
	if code, body := s.do("GET", "/v1/tenants/acme/events/1", ""); code != 200 || !strings.HasPrefix(body, `{"id":"e2",`) {
		t.Errorf("get: %d %s, want 200 and e2", code, body)
	}
	for _, mask := range []string{"id,interaction.model.name", "id%2Cinteraction.model.name"} {
		const want = `{"id":"e2","seq":"1","interaction":{"model":{"name":"gpt-4o"}}}`
		for _, path := range []string{"/1?readMask=", ":lookup?id=e2&readMask="} {
			if code, body := s.do("GET", "/v1/tenants/acme/events"+path+mask, ""); code != 200 || body != want {
				t.Errorf("%s%s: %d %s, want 200 %s", path, mask, code, body, want)
			}
		}
	}
	if code, body := s.do("POST", "/v1/tenants/acme/events:search", ""); code != 200 || strings.Count(body, `"id":`) != 2 {
		t.Errorf("search without a body: %d %s, want both events", code, body)
	}
	stream, err := pb.NewSessionServiceClient(s.conn).ReplaySession(t.Context(), &pb.ReplaySessionRequest{Tenant: "acme", Session: "c-17"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		f, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.GetRole()+": "+f.GetText())
	}
	if want := []string{"user: hello", "assistant: good day"}; !cmp.Equal(got, want) {
		t.Errorf("replay over gRPC: %q, want %q", got, want)
	}
}

// The exact lines of a replay over HTTP, which scripts read.
func TestReplayOverHTTP(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "a/b/c", "hello", "good day"))
	response := s.send("GET", "/v1/tenants/acme/sessions/a/b/c:replay?speed=0&view=BOTH", "")
	defer response.Body.Close()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", "replay.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); response.StatusCode != 200 || diff != "" {
		t.Errorf("status %d, lines (-want +got):\n%s", response.StatusCode, diff)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/x-ndjson" {
		t.Errorf("content type %q, want application/x-ndjson", kind)
	}
}

// Session ids may hold whatever is printable.
func TestSessionsInPaths(t *testing.T) {
	s := start(t, nil)
	for i, test := range []struct{ session, path string }{
		{"a/b/c", "a/b/c"},
		{"a/b/d", "a%2Fb%2Fd"},
		{"a/b/e", "a%2fb/e"},
		{"a//b", "a//b"},
		{"a/../b", "a/%2E%2E/b"},
		{"x:y", "x:y"},
		{"x:replay", "x:replay"},
		{"50%", "50%25"},
		{"a%2Fb", "a%252Fb"},
		{"über uns?", "%C3%BCber%20uns%3F"},
		{"a+b", "a+b"},
		{"events:search", "events:search"},
	} {
		s.must(interaction(fmt.Sprintf("e%d", i), test.session, "said in "+test.session, "answer"))
		code, body := s.do("GET", "/v1/tenants/acme/sessions/"+test.path+":replay", "")
		var line struct{ Result struct{ Text string } }
		if err := json.NewDecoder(strings.NewReader(body)).Decode(&line); err != nil {
			t.Errorf("%s: %d %s", test.path, code, body)
			continue
		}
		if want := "said in " + test.session; code != 200 || line.Result.Text != want {
			t.Errorf("%s: %d %q, want 200 %q", test.path, code, line.Result.Text, want)
		}
	}
}

// Each thing that can be wrong with a request is refused with its name, and
// nothing of the request is stored.
func TestRefusedOverHTTP(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("ok", "c-1", "hello", "good day"))
	_, first := s.do("GET", "/v1/tenants/acme/events:search?pageSize=1", "")
	good := interaction("good", "c-1", "a", "b")
	with := func(old, replacement string) string {
		return events(good, strings.Replace(good, old, replacement, 1))
	}
	const publish = "/v1/tenants/acme/events:publish"
	for _, test := range []struct {
		name, method, path, body string
		code                     int
		want                     []string
	}{
		{"wrong type", "POST", publish, with(`"id":"good"`, `"id":7`), 400, []string{"INVALID_EVENT", `"field":"events[1].id"`}},
		{"missing id", "POST", publish, with(`"id":"good",`, ``), 400, []string{"INVALID_EVENT", `"field":"events[1].id"`}},
		{"score", "POST", publish, with(`"input"`, `"verdicts":[{"category":"x","score":1.7}],"input"`), 400, []string{`"field":"events[1].interaction.verdicts[0].score"`, "1.7 is above 1"}},
		{"time in 1970", "POST", publish, with(`2026-11-20`, `1970-01-01`), 400, []string{`"field":"events[1].time"`}},
		{"time a day ahead", "POST", publish, with(`2026-11-20`, `2026-11-21`), 400, []string{`"field":"events[1].time"`}},
		{"id too long", "POST", publish, with(`"id":"good"`, `"id":"`+strings.Repeat("x", 65)+`"`), 400, []string{`"field":"events[1].id"`}},
		{"NUL in an id", "POST", publish, with(`"id":"good"`, `"id":"a\u0000b"`), 400, []string{`"field":"events[1].id"`}},
		{"invalid UTF-8", "POST", publish, with(`"text":"a"`, "\"text\":\"\xff\""), 400, []string{"INVALID_EVENT", `"field":"events[1]`}},
		{"unknown field", "POST", publish, with(`"id":"good"`, `"id":"good","colour":"red"`), 400, []string{`"field":"events[1].colour"`}},
		{"unknown field of the request", "POST", publish, `{"event":[]}`, 400, []string{`"field":"event"`, "is not a field"}},
		{"tenant in the body", "POST", publish, `{"tenant":"other","events":[` + good + `]}`, 400, []string{`"field":"tenant"`}},
		{"events twice", "POST", publish, `{"events":[` + good + `],"events":[]}`, 400, []string{"is given twice"}},
		{"no events", "POST", publish, `{"events":[]}`, 400, []string{`"field":"events"`, "is missing"}},
		{"events no list", "POST", publish, `{"events":{}}`, 400, []string{`"field":"events"`, "is not a list"}},
		{"no body", "POST", publish, "", 400, []string{`"field":"events"`}},
		{"no object", "POST", publish, `[]`, 400, []string{`"field":"body"`, "is not a JSON object"}},
		{"truncated", "POST", publish, events(good)[:40], 400, []string{`"field":"body"`, "is not valid JSON"}},
		{"goes on", "POST", publish, events(good) + "{}", 400, []string{"goes on after the request"}},
		{"ledger event", "POST", publish, events(`{"id":"x","time":"2026-11-20T11:00:00Z","policyApplied":{"version":"1"}}`), 400, []string{`"field":"events[0]`}},
		{"set by the store", "POST", publish, with(`"id":"good"`, `"id":"good","class":"routine"`), 400, []string{`"field":"events[1].class"`}},
		{"event of 2 MiB", "POST", publish, with(`"text":"a"`, `"text":"`+strings.Repeat("a", 2<<20)+`"`), 413, []string{"TOO_LARGE", "events[1]"}},
		{"body of 5 MiB", "POST", publish, events(good, strings.Repeat(" ", 5<<20)+good), 413, []string{"TOO_LARGE"}},
		{"too many events", "POST", publish, events(strings.Split(strings.Repeat("{}\n", 5000), "\n")[:5000]...), 413, []string{"TOO_LARGE", "4096"}},
		{"tenant with a dot", "POST", "/v1/tenants/a.b/events:publish", events(good), 400, []string{`"field":"tenant"`}},
		{"tenant with a space", "POST", "/v1/tenants/a%20b/events:publish", events(good), 400, []string{`"field":"tenant"`}},
		{"the store's own tenant", "POST", "/v1/tenants/_system/events:publish", events(good), 400, []string{`"field":"tenant"`}},

		{"malformed filter", "GET", "/v1/tenants/acme/events:search?filter=turn+%3D%3D", "", 400, []string{"INVALID_FILTER", `"field":"filter"`, "line 1, column"}},
		{"unknown field in the filter", "GET", "/v1/tenants/acme/events:search?filter=nosuch+%3D%3D+1", "", 400, []string{"INVALID_FILTER", "line 1, column 1"}},
		{"foreign page token", "GET", "/v1/tenants/acme/events:search?pageToken=AAAA", "", 400, []string{"INVALID_REQUEST", `"field":"pageToken"`}},
		{"order", "GET", "/v1/tenants/acme/events:search?orderBy=user", "", 400, []string{`"field":"orderBy"`}},
		{"page size", "GET", "/v1/tenants/acme/events:search?pageSize=1001", "", 400, []string{`"field":"pageSize"`}},
		{"page size no number", "GET", "/v1/tenants/acme/events:search?pageSize=many", "", 400, []string{"INVALID_REQUEST", `"field":"pageSize"`, "invalid syntax"}},
		{"page size twice", "GET", "/v1/tenants/acme/events:search?pageSize=1&pageSize=2", "", 400, []string{"INVALID_REQUEST", `"field":"pageSize"`}},
		{"since no time", "GET", "/v1/tenants/acme/events:search?since=yesterday", "", 400, []string{"INVALID_REQUEST", `"field":"since"`}},
		{"text kind no kind", "GET", "/v1/tenants/acme/events:search?text=hello&textKinds=NOVEL", "", 400, []string{"INVALID_REQUEST", `"field":"textKinds"`, `"textKinds: is none of TEXT_INPUT, TEXT_OUTPUT, `}},
		{"text kind in the protos' spelling", "GET", "/v1/tenants/acme/events:search?text=hello&text_kinds=TEXT_SHOWN&text_kinds=X", "", 400, []string{`"textKinds: is none of `}},
		{"text kind no kind, in a body", "POST", "/v1/tenants/acme/events:search", `{"text":"hello","textKinds":["NOVEL"]}`, 400, []string{`"message":"textKinds: is none of TEXT_INPUT, TEXT_OUTPUT, `, `"field":"textKinds"`}},
		{"text kind no kind, by number", "POST", "/v1/tenants/acme/events:search", `{"text":"hello","textKinds":[77]}`, 400, []string{`"field":"textKinds"`, "TEXT_INPUT, "}},
		{"field no field", "POST", "/v1/tenants/acme/events:similar", `{"text":"hello","field":"NOVEL"}`, 400, []string{`"message":"field: is none of OUTPUT, SHOWN, INPUT"`}},
		{"time no time, in a body", "POST", "/v1/tenants/acme/events:search", `{"since":"yesterday"}`, 400, []string{`invalid time \"yesterday\"`}},
		{"two of one", "POST", "/v1/tenants/acme/events:similar", `{"text":"hello","seq":1}`, 400, []string{"one of seq, id and text is already set"}},
		{"mask", "GET", "/v1/tenants/acme/events:search?readMask=id,colour", "", 400, []string{"INVALID_REQUEST", `"field":"readMask"`, "colour"}},
		{"mask of one event", "GET", "/v1/tenants/acme/events/0?readMask=id,colour", "", 400, []string{"INVALID_REQUEST", `"field":"readMask"`, "colour"}},
		{"seq no number", "GET", "/v1/tenants/acme/events/first", "", 400, []string{"INVALID_REQUEST", `"field":"seq"`}},
		{"text without a word", "GET", "/v1/tenants/acme/events:search?text=--", "", 400, []string{`"field":"text"`, "no letter"}},
		{"text that wants nothing", "GET", "/v1/tenants/acme/events:search?text=-hello", "", 400, []string{`"field":"text"`}},
		{"text with half a phrase", "POST", "/v1/tenants/acme/events:search", `{"text":"\"hello"}`, 400, []string{`"field":"text"`, "quotation"}},
		{"text of an unknown kind", "GET", "/v1/tenants/acme/events:search?text=hello&textKinds=TEXT_KIND_UNSPECIFIED", "", 400, []string{`"field":"textKinds"`}},
		{"snippets without text", "GET", "/v1/tenants/acme/events:search?snippets=true", "", 400, []string{`"field":"snippets"`}},
		{"a timeout of nothing", "POST", "/v1/tenants/acme/events:search", `{"timeout":"0s"}`, 400, []string{`"field":"timeout"`}},
		{"a timeout that is too short", "POST", "/v1/tenants/acme/events:search", `{"timeout":"0.001s"}`, 400, []string{`"field":"timeout"`}},
		{"a count by page", "GET", "/v1/tenants/acme/events:count?pageSize=3", "", 400, []string{`"field":"pageSize"`}},
		{"unknown parameter", "GET", "/v1/tenants/acme/events:search?fitler=turn+%3E+1", "", 400, []string{"INVALID_REQUEST", `"field":"fitler"`}},
		{"unknown field of a search", "POST", "/v1/tenants/acme/events:search", `{"fitler":""}`, 400, []string{"INVALID_REQUEST", `"field":"body"`, "fitler"}},
		{"no such event", "GET", "/v1/tenants/acme/events/77", "", 404, []string{"NOT_FOUND"}},
		{"no such id", "GET", "/v1/tenants/acme/events:lookup?id=e77", "", 404, []string{"NOT_FOUND"}},
		{"another tenant's id", "GET", "/v1/tenants/other/events:lookup?id=e2", "", 404, []string{"NOT_FOUND"}},
		{"no id at all", "GET", "/v1/tenants/acme/events:lookup", "", 400, []string{"INVALID_REQUEST", "id"}},
		{"another tenant's event", "GET", "/v1/tenants/other/events/0", "", 404, []string{"NOT_FOUND"}},
		{"seq no number", "GET", "/v1/tenants/acme/events/first", "", 400, []string{"INVALID_REQUEST"}},
		{"no such session", "GET", "/v1/tenants/acme/sessions/c-2:replay", "", 404, []string{"NOT_FOUND"}},
		{"speed", "GET", "/v1/tenants/acme/sessions/c-1:replay?speed=-1", "", 400, []string{`"field":"speed"`}},
		{"speed no number", "GET", "/v1/tenants/acme/sessions/c-1:replay?speed=NaN", "", 400, []string{`"field":"speed"`}},
		{"speed no number at all", "GET", "/v1/tenants/acme/sessions/c-1:replay?speed=fast", "", 400, []string{`"message":"speed: cannot be read: invalid syntax"`}},
		{"a day as time", "GET", "/v1/tenants/acme/retention:audit?since=2026-11-22", "", 400, []string{`"message":"since: cannot be read: want a time such as 2026-11-22T03:00:00Z"`}},
		{"view", "GET", "/v1/tenants/acme/sessions/c-1:replay?view=MINE", "", 400, []string{"INVALID_REQUEST", `"message":"view: is none of USER, MODEL, BOTH"`}},
		{"view by an unknown number", "GET", "/v1/tenants/acme/sessions/c-1:replay?view=9", "", 400, []string{`"view: cannot be read: `}},
		{"unknown parameter of a replay", "GET", "/v1/tenants/acme/sessions/c-1:replay?viwe=MODEL", "", 400, []string{`"field":"viwe"`}},
		{"no such quarantine entry", "GET", "/v1/tenants/acme/quarantine/1", "", 404, []string{"NOT_FOUND"}},
		{"no such route", "GET", "/v1/nothing", "", 404, []string{"NOT_FOUND"}},
		{"wrong method", "DELETE", "/v1/tenants/acme/events/0", "", 405, []string{"UNIMPLEMENTED"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, body := s.do(test.method, test.path, test.body)
			if code != test.code {
				t.Errorf("status %d, want %d: %.300s", code, test.code, body)
			}
			for _, want := range test.want {
				if !strings.Contains(body, want) {
					t.Errorf("answer %.400s lacks %q", body, want)
				}
			}
		})
	}
	if _, after := s.do("GET", "/v1/tenants/acme/events:search?pageSize=1", ""); after != first {
		t.Errorf("after the refused requests the newest event is %s, want %s", after, first)
	}
}

// A body is taken for nothing but what it is called.
func TestContentTypes(t *testing.T) {
	s := start(t, nil)
	body := events(interaction("e1", "c", "a", "b"))
	for _, header := range [][]string{
		{"Content-Type", "application/protobuf"},
		{"Content-Type", "application/x-www-form-urlencoded"},
		{"Content-Type", ""},
		{"Content-Encoding", "zstd"},
	} {
		code, got := s.do("POST", "/v1/tenants/acme/events:publish", body, header...)
		if code != http.StatusUnsupportedMediaType || !strings.Contains(got, `"field":"`+header[0]+`"`) {
			t.Errorf("%v: %d %s, want 415 and the header's name", header, code, got)
		}
	}
	if code, got := s.do("POST", "/v1/tenants/acme/events:publish", body, "Content-Type", "application/json; charset=utf-8"); code != 200 {
		t.Errorf("JSON with a charset: %d %s, want 200", code, got)
	}
}

// Over gRPC bad input has the same status and details.
func TestRefusedOverGRPC(t *testing.T) {
	s := start(t, nil)
	client := pb.NewEventServiceClient(s.conn)
	big := &pb.Event{Body: &pb.Event_Report{Report: &pb.Report{Comment: strings.Repeat("a", 2<<20)}}}
	for _, test := range []struct {
		name string
		do   func() error
		code codes.Code
		want string
	}{
		{"invalid event", func() error {
			_, err := client.PublishEvents(t.Context(), &pb.PublishEventsRequest{Tenant: "acme", Events: []*pb.Event{{}}})
			return err
		}, codes.InvalidArgument, "events[0].id"},
		{"no events", func() error {
			_, err := client.PublishEvents(t.Context(), &pb.PublishEventsRequest{Tenant: "acme"})
			return err
		}, codes.InvalidArgument, "events: is missing"},
		{"event of 2 MiB", func() error {
			_, err := client.PublishEvents(t.Context(), &pb.PublishEventsRequest{Tenant: "acme", Events: []*pb.Event{big}})
			return err
		}, codes.ResourceExhausted, "events[0]"},
		{"request of 6 MiB", func() error {
			_, err := client.PublishEvents(t.Context(), &pb.PublishEventsRequest{Tenant: "acme", Events: []*pb.Event{big, big, big}})
			return err
		}, codes.ResourceExhausted, ""},
		{"tenant", func() error {
			_, err := client.GetEvent(t.Context(), &pb.GetEventRequest{Tenant: "a.b"})
			return err
		}, codes.InvalidArgument, "tenant"},
		{"unknown session", func() error {
			stream, err := pb.NewSessionServiceClient(s.conn).ReplaySession(t.Context(), &pb.ReplaySessionRequest{Tenant: "acme", Session: "x"})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		}, codes.NotFound, "not found"},
	} {
		err := test.do()
		if st := status.Convert(err); st.Code() != test.code || !strings.Contains(st.Message(), test.want) {
			t.Errorf("%s: %v, want %v with %q", test.name, err, test.code, test.want)
		}
	}
}

// A publish that failed says whether to try again, and nothing more.
func TestPublishFails(t *testing.T) {
	failure := errors.New("secret detail")
	s := start(t, func(c *server.Config) {
		c.Publish = func(context.Context, event.Tenant, []*pb.Event) error { return failure }
	})
	body := events(interaction("e1", "c", "a", "b"))
	code, got := s.do("POST", "/v1/tenants/acme/events:publish", body)
	if code != 500 || strings.Contains(got, "secret") || !strings.Contains(got, `"reason":"INTERNAL"`) || !strings.Contains(got, `"request":"`) {
		t.Errorf("internal error: %d %s, want 500 with a request id and no detail", code, got)
	}
	failure = fmt.Errorf("%w: no stream", server.ErrUnavailable)
	if code, got = s.do("POST", "/v1/tenants/acme/events:publish", body); code != 503 || !strings.Contains(got, `"reason":"UNAVAILABLE"`) {
		t.Errorf("stream away: %d %s, want 503 UNAVAILABLE", code, got)
	}
}

// A panic in a call that reads is that call's error.
func TestPanicWhileReading(t *testing.T) {
	s := start(t, func(c *server.Config) {
		c.Policy = func(event.Tenant) (*pb.Policy, error) { panic("secret detail") }
	})
	code, got := s.do("GET", "/v1/tenants/acme/policy", "")
	if code != 500 || strings.Contains(got, "secret") {
		t.Errorf("panic: %d %s, want 500 without detail", code, got)
	}
	if code, _ = s.do("GET", "/healthz", ""); code != 200 {
		t.Errorf("health after the panic: %d, want 200", code)
	}
}

func TestPolicyAndQuarantine(t *testing.T) {
	s := start(t, nil)
	if code, got := s.do("GET", "/v1/tenants/acme/policy", ""); code != 200 || got != `{"version":"1","document":"rules of acme"}` {
		t.Errorf("policy: %d %s", code, got)
	}
	entry := &pb.Quarantined{StreamSequence: 7, Reason: "because", Payload: []byte("raw"), Cause: pb.Quarantined_INVALID}
	if err := s.log.Quarantine(t.Context(), event.System, []*pb.Quarantined{entry}); err != nil {
		t.Fatal(err)
	}
	code, got := s.do("GET", "/v1/tenants/_system/quarantine?pageSize=5", "")
	var list struct {
		Entries []struct{ ID, Reason, Payload string }
	}
	if err := json.Unmarshal([]byte(got), &list); err != nil || code != 200 || len(list.Entries) != 1 || list.Entries[0].Payload != "" {
		t.Fatalf("list: %d %s, want one entry without payload", code, got)
	}
	if code, got = s.do("GET", "/v1/tenants/_system/quarantine/"+list.Entries[0].ID, ""); code != 200 || !strings.Contains(got, `"payload":"cmF3"`) {
		t.Errorf("entry: %d %s, want its payload", code, got)
	}
}

func TestTransparencyLog(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "c", "a", "b"))
	for _, test := range []struct {
		path       string
		code       int
		kind, keep string
		size       int
	}{
		{"/tlog/checkpoint", 200, "text/plain; charset=utf-8", "max-age=1", -1},
		{"/tlog/tile/0/000.p/1", 200, "application/octet-stream", "max-age=31536000, immutable", 32},
		{"/tlog/tile/entries/000.p/1", 200, "application/octet-stream", "max-age=31536000, immutable", 2 + 32},
		{"/tlog/tile/0/000", 404, "", "", -1},
		{"/tlog/tile/entries/000", 404, "", "", -1},
		{"/tlog/tile/entries/000.p/0", 404, "", "", -1},
		{"/tlog/tile/00/000.p/1", 404, "", "", -1},
		{"/tlog/tile/0/000.p/01", 404, "", "", -1},
		{"/tlog/tile/1/000", 404, "", "", -1},
		{"/tlog/tile/0/000.p/2", 404, "", "", -1},
		{"/tlog/tile/64/000", 404, "", "", -1},
		{"/tlog/tile/0/1", 404, "", "", -1},
		{"/tlog/nothing", 404, "", "", -1},
		{"/tlog/timestamp/", 200, "text/plain; charset=utf-8", "max-age=1", 0},
		{"/tlog/timestamp/1.tsr", 404, "", "", -1},
		{"/tlog/timestamp/1.checkpoint", 404, "", "", -1},
		{"/tlog/timestamp/01.tsr", 404, "", "", -1},
		{"/tlog/timestamp/1", 404, "", "", -1},
	} {
		response := s.send("GET", test.path, "")
		raw, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != test.code {
			t.Errorf("%s: status %d, error %v, want %d", test.path, response.StatusCode, err, test.code)
		}
		if test.code != 200 {
			test.kind, test.keep = "text/plain; charset=utf-8", "no-store"
		}
		if kind, keep := response.Header.Get("Content-Type"), response.Header.Get("Cache-Control"); kind != test.kind || keep != test.keep {
			t.Errorf("%s: %q kept %q, want %q kept %q", test.path, kind, keep, test.kind, test.keep)
		}
		if test.size >= 0 && len(raw) != test.size {
			t.Errorf("%s: %d bytes, want %d", test.path, len(raw), test.size)
		}
	}
	_, note := s.do("GET", "/tlog/checkpoint", "")
	var c struct{ Origin, Size, Note, VerifierKey string }
	if _, got := s.do("GET", "/v1/checkpoint", ""); json.Unmarshal([]byte(got), &c) != nil || c.Note != note || c.Size != "1" || c.VerifierKey == "" {
		t.Errorf("checkpoint %+v, want size 1 and the note of /tlog/checkpoint", c)
	}
	code, got := s.do("GET", "/v1/log:verify", "")
	lines := strings.Split(strings.TrimSpace(got), "\n")
	if last := lines[len(lines)-1]; code != 200 || !strings.HasPrefix(last, `{"result":{"checked":"1","size":"1","checkpoint":{`) || strings.Contains(got, "finding") {
		t.Errorf("verify: %d %s, want a checkpoint at the end and no findings", code, got)
	}
}

func TestOperatorsRoutes(t *testing.T) {
	notReady := errors.New("no connection to NATS")
	var missing error
	s := start(t, func(c *server.Config) { c.Ready = func() error { return missing } })
	for _, test := range []struct {
		path string
		code int
		want string
	}{
		{"/healthz", 200, "ok\n"},
		{"/readyz", 200, "ok\n"},
		{"/openapi.json", 200, `"openapi": "3.0.3"`},
		{"/v1/checkpoint", 200, "note"},
		{"/metrics", 200, `afterimage_rpc_duration_seconds_count{code="OK",method="LogService/GetCheckpoint"} 1`},
		{"/", 404, ""},
	} {
		if code, got := s.do("GET", test.path, ""); code != test.code || !strings.Contains(got, test.want) {
			t.Errorf("%s: %d %.500s, want %d with %q", test.path, code, got, test.code, test.want)
		}
	}
	s.stop()
	missing = notReady
	s = start(t, func(c *server.Config) { c.Ready = func() error { return missing } })
	if code, got := s.do("GET", "/readyz", ""); code != 503 || got != "no connection to NATS\n" {
		t.Errorf("not ready: %d %q, want 503 and what is missing", code, got)
	}
	answer, err := healthpb.NewHealthClient(s.conn).Check(t.Context(), new(healthpb.HealthCheckRequest))
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("gRPC health: %v, error %v, want not serving", answer.GetStatus(), err)
	}
}

func TestReflection(t *testing.T) {
	s := start(t, nil)
	stream, err := reflectionpb.NewServerReflectionClient(s.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	request := &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}
	if err := stream.Send(request); err != nil {
		t.Fatal(err)
	}
	answer, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range answer.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	for _, want := range []string{"afterimage.v1.EventService", "afterimage.v1.SessionService", "grpc.health.v1.Health"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			t.Errorf("services %v lack %s", names, want)
		}
	}
	_ = stream.CloseSend()
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: error %v, want EOF", err)
	}
}

// A browser on this machine must not be made to read evidence for a page of
// somebody else's.
func TestBrowsersOfOthers(t *testing.T) {
	s := start(t, nil)
	port := s.url[strings.LastIndexByte(s.url, ':')+1:]
	for _, test := range []struct {
		header []string
		code   int
	}{
		{nil, 200},
		{[]string{"Host", "localhost:" + port}, 200},
		{[]string{"Host", "LOCALHOST."}, 200},
		{[]string{"Host", "[::1]:" + port}, 200},
		{[]string{"Host", "127.8.8.8"}, 200},
		{[]string{"Host", "evil.example"}, 403},
		{[]string{"Host", "localhost.evil.example:" + port}, 403},
		{[]string{"Host", "127.0.0.1.evil.example"}, 403},
		{[]string{"Host", "10.0.0.1"}, 403},
		{[]string{"Origin", s.url}, 200},
		{[]string{"Origin", "http://evil.example"}, 403},
		{[]string{"Origin", "null"}, 403},
		{[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		{[]string{"Sec-Fetch-Site", "none"}, 200},
		{[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{[]string{"Sec-Fetch-Site", "same-site"}, 403},
	} {
		for _, path := range []string{"/healthz", "/v1/tenants/acme/events:search"} {
			if code, body := s.do("GET", path, "", test.header...); code != test.code {
				t.Errorf("%s with %v: %d %s, want %d", path, test.header, code, body, test.code)
			}
		}
	}
}

// A replay that still has an hour to go does not hold up the server's end,
// and says why it ended.
func TestStopDuringReplay(t *testing.T) {
	s := start(t, nil)
	late := strings.Replace(interaction("e2", "c", "bye", "bye"), "T11:00", "T12:00", 1)
	s.must(interaction("e1", "c", "hello", "good day"), late)
	response := s.send("GET", "/v1/tenants/acme/sessions/c:replay?speed=1", "")
	defer response.Body.Close()
	lines := json.NewDecoder(response.Body)
	for _, want := range []string{"hello", "good day"} {
		var line struct{ Result struct{ Text string } }
		if err := lines.Decode(&line); err != nil || line.Result.Text != want {
			t.Fatalf("line %+v, error %v, want %q", line, err, want)
		}
	}
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("stopping took %v", took)
	}
	var rest bytes.Buffer
	_, _ = rest.ReadFrom(io.MultiReader(lines.Buffered(), response.Body))
	if !strings.Contains(rest.String(), `"reason":"UNAVAILABLE"`) {
		t.Errorf("the replay ended with %q, want a reason", rest.String())
	}
}

// A reader over HTTP who leaves ends the replay in the middle of an hour's
// pause, and nothing of it is left.
func TestReaderLeavesDuringReplay(t *testing.T) {
	s := start(t, nil)
	late := strings.Replace(interaction("e2", "c", "bye", "bye"), "T11:00", "T12:00", 1)
	s.must(interaction("e1", "c", "hello", "good day"), late)
	response := s.send("GET", "/v1/tenants/acme/sessions/c:replay?speed=1", "")
	if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"hello"`) {
		t.Fatalf("first line %q, error %v", line, err)
	}
	response.Body.Close()
	left := time.Now()
	for ended := false; !ended; { // The call is counted once it has ended.
		_, metrics := s.do("GET", "/metrics", "")
		ended = strings.Contains(metrics, `afterimage_rpc_duration_seconds_count{code="Canceled",method="SessionService/ReplaySession"} 1`)
		if time.Since(left) > 10*time.Second {
			t.Fatalf("the replay goes on without its reader:\n%s", metrics)
		}
	}
}

// The sessions beside one, as anything that asks over HTTP has them.
func TestNeighboursOverHTTP(t *testing.T) {
	s := start(t, nil)
	other := strings.Replace(interaction("e2", "c", "hello", "what is it"), "alice@", "bob@", 1)
	s.must(interaction("e1", "a/b", "hello", "good day"), other, interaction("e3", "d", "hallo", "guten Tag"))
	code, body := s.do("GET", "/v1/tenants/acme/sessions/a/b:neighbours?pageSize=5", "")
	const held = `"start":"2026-11-20T11:00:00Z","end":"2026-11-20T11:00:00Z","events":1,"interactions":1,"user":`
	if want := `{"sameSubject":[{"session":"d",` + held + `"` + s.userOf("acme", "alice@example.com") + `"}],"samePrompt":[{"session":"c",` + held + `"` + s.userOf("acme", "bob@example.com") + `"}]}`; code != 200 || body != want {
		t.Errorf("%d %s, want 200 %s", code, body, want)
	}
	for path, want := range map[string]int{
		"/v1/tenants/acme/sessions/none:neighbours":          404,
		"/v1/tenants/acme/sessions/c:neighbours?pageSize=x":  400,
		"/v1/tenants/acme/sessions/c:neighbours?pageSize=-1": 400,
		"/v1/tenants/a.c/sessions/c:neighbours":              400,
	} {
		if code, body := s.do("GET", path, ""); code != want {
			t.Errorf("%s: %d %s, want %d", path, code, body, want)
		}
	}
}

// Replays that take their time do not hold up those of others: over HTTP all
// go through one connection within the process.
func TestManyReplaysAtATime(t *testing.T) {
	s := start(t, nil)
	late := strings.Replace(interaction("e2", "c", "bye", "bye"), "T11:00", "T12:00", 1)
	s.must(interaction("e1", "c", "hello", "good day"), late)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 150 {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/v1/tenants/acme/sessions/c:replay?speed=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := s.client.Do(r)
		if err != nil {
			t.Fatalf("replay %d: %v", i, err)
		}
		defer response.Body.Close() // all at a time
		if line, err := bufio.NewReader(response.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"hello"`) {
			t.Fatalf("replay %d: first line %q, error %v", i, line, err)
		}
	}
	s.must(interaction("e3", "d", "hello", "good day"))
}

// Whatever becomes of a search or a verification, its turn is given back.
func TestTurnsAreGivenBack(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "c", "hello", "good day"))
	for range 20 { // more than there are turns
		if code, body := s.do("GET", "/v1/tenants/acme/events:search?filter=nonsense", ""); code != 400 {
			t.Fatalf("malformed search: %d %s", code, body)
		}
		if code, body := s.do("GET", "/v1/tenants/acme/events:search", ""); code != 200 {
			t.Fatalf("search: %d %s", code, body)
		}
		if code, body := s.do("GET", "/v1/log:verify", ""); code != 200 || !strings.Contains(body, `"checkpoint"`) {
			t.Fatalf("verify: %d %s", code, body)
		}
	}
}

// Text that is not UTF-8 is refused before any service has it.
func TestGarbledParameters(t *testing.T) {
	s := start(t, nil)
	for path, field := range map[string]string{
		"/v1/tenants/acme/events:lookup?id=%ff":       "id",
		"/v1/tenants/acme/events:search?%ff=1":        "query",
		"/v1/tenants/acme/sessions/%ff:replay":        "session",
		"/v1/tenants/%ff/events:search":               "tenant",
		"/v1/tenants/acme/quarantine/%ff":             "id",
		"/v1/tenants/acme/sessions/c:replay?view=%ff": "view",
	} {
		if code, body := s.do("GET", path, ""); code != 400 || !strings.Contains(body, `"field":"`+field+`"`) {
			t.Errorf("%s: %d %s, want 400 and field %s", path, code, body, field)
		}
	}
}
