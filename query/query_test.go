package query_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/redaction"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// morning is when the test's sessions begin.
var morning = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// newLog opens a fresh log that is closed with the test.
func newLog(t testing.TB) *eventlog.Log {
	t.Helper()
	dir := t.TempDir()
	log, err := eventlog.Open(t.Context(), eventlog.Config{
		Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1,
		Now: func() time.Time { return morning.Add(24 * time.Hour) },
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

// add appends events as ingest would, with users as pseudonyms.
func add(t testing.TB, log *eventlog.Log, tenant event.Tenant, events ...*pb.Event) {
	t.Helper()
	var batch []eventlog.Prepared
	for _, e := range events {
		user, err := redaction.User(e.GetUser(), func(v string) (string, error) { return log.Pseudonym(tenant, v) })
		if err != nil {
			t.Fatal(err)
		}
		e.User, e.Class, e.PolicyVersion = user, "routine", "test"
		p, err := log.Prepare(tenant, e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	results, err := log.Append(t.Context(), batch)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		if r.Outcome != eventlog.Appended {
			t.Fatalf("event %d: outcome %v, want appended", i, r.Outcome)
		}
	}
}

// parse reads an event from JSON. What the JSON leaves out of id and time is
// made from n.
func parse(t testing.TB, n int, json string) *pb.Event {
	t.Helper()
	e := new(pb.Event)
	if err := protojson.Unmarshal([]byte(json), e); err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	if e.Id == "" {
		e.Id = fmt.Sprintf("e%d", n)
	}
	if e.Time == nil {
		e.Time = timestamppb.New(morning.Add(time.Duration(n) * time.Second))
	}
	return e
}

// chat returns the n-th of many interactions, of ten sessions and seven users.
func chat(n int) *pb.Event {
	text := func(role, s string) *pb.Message {
		return &pb.Message{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: s}}}}
	}
	return &pb.Event{
		Id: fmt.Sprintf("e%d", n), Time: timestamppb.New(morning.Add(time.Duration(n) * time.Second)),
		Session: fmt.Sprintf("c-%d", n%10), Turn: uint32(n/10 + 1), User: fmt.Sprintf("user-%d@example.com", n%7),
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Model:  &pb.Model{Name: fmt.Sprintf("m%d", n%3)},
			Input:  []*pb.Message{text("user", fmt.Sprintf("question %d", n))},
			Output: []*pb.Message{text("assistant", fmt.Sprintf("answer %d", n))},
		}},
	}
}

func chats(from, to int) []*pb.Event {
	var events []*pb.Event
	for n := from; n < to; n++ {
		events = append(events, chat(n))
	}
	return events
}

// ids returns the ids of everything a search finds, page by page.
func ids(t testing.TB, e *query.Engine, tenant event.Tenant, r query.Request) []string {
	t.Helper()
	all := []string{}
	for {
		page, err := e.Search(t.Context(), tenant, r)
		if err != nil {
			t.Fatalf("search %+v: %v", r, err)
		}
		for _, ev := range page.Events {
			all = append(all, ev.GetId())
		}
		if r.PageToken = page.Next; page.Next == "" {
			return all
		}
	}
}

// names returns e<n> for the numbers below 100 that keep selects.
func names(keep func(n int) bool) []string {
	all := []string{}
	for n := range 100 {
		if keep(n) {
			all = append(all, fmt.Sprintf("e%d", n))
		}
	}
	return all
}

func TestSearch(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	add(t, log, "acme", chats(0, 60)...)
	add(t, log, "acme", chats(60, 100)...)
	add(t, log, "other", chats(200, 210)...)
	every := func(int) bool { return true }
	for _, test := range []struct {
		name string
		r    query.Request
		want func(n int) bool
	}{
		{"everything", query.Request{}, every},
		{"everything, in pages of one", query.Request{PageSize: 1}, every},
		{"everything, in one page", query.Request{PageSize: query.MaxPage}, every},
		{"by session", query.Request{Filter: `session == "c-3"`}, func(n int) bool { return n%10 == 3 }},
		{"by session, in small pages", query.Request{Filter: `session == "c-3"`, PageSize: 3}, func(n int) bool { return n%10 == 3 }},
		{"by user in clear", query.Request{Filter: `user == "user-5@example.com"`}, func(n int) bool { return n%7 == 5 }},
		{"by users in clear", query.Request{Filter: `user in ["user-5@example.com", "user-6@example.com"]`}, func(n int) bool { return n%7 >= 5 }},
		{"by two indexed fields", query.Request{Filter: `session == "c-3" && interaction.model.name == "m0"`}, func(n int) bool { return n%10 == 3 && n%3 == 0 }},
		{"by id", query.Request{Filter: `id == "e42"`}, func(n int) bool { return n == 42 }},
		{"by id and what is not so", query.Request{Filter: `id == "e42" && session == "c-3"`}, func(int) bool { return false }},
		{"by text", query.Request{Filter: `interaction.output.exists(m, m.parts.exists(p, p.text == "answer 7"))`}, func(n int) bool { return n == 7 }},
		{"by turn, small pages", query.Request{Filter: `turn > 8`, PageSize: 7}, func(n int) bool { return n/10+1 > 8 }},
		{"since", query.Request{Since: morning.Add(90 * time.Second)}, func(n int) bool { return n >= 90 }},
		{"until", query.Request{Until: morning.Add(10 * time.Second)}, func(n int) bool { return n < 10 }},
		{"time in the filter and beside it", query.Request{Since: morning.Add(80 * time.Second), Filter: `time < timestamp("2026-11-20T08:01:25Z")`}, func(n int) bool { return 80 <= n && n < 85 }},
		{"bounds no clock has", query.Request{Since: time.Date(2, 1, 1, 0, 0, 0, 0, time.UTC), Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, every},
		{"a bound in the filter that no clock has", query.Request{Filter: `time < timestamp("9999-01-01T00:00:00Z")`}, every},
		{"seq", query.Request{Filter: `seq < 5`}, func(n int) bool { return n < 5 }},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := names(test.want)
			test.r.OrderBy = "time"
			if got := ids(t, engine, "acme", test.r); !cmp.Equal(got, want) {
				t.Errorf("oldest first (-want +got):\n%s", cmp.Diff(want, got))
			}
			slices.Reverse(want)
			test.r.OrderBy = ""
			if got := ids(t, engine, "acme", test.r); !cmp.Equal(got, want) {
				t.Errorf("newest first (-want +got):\n%s", cmp.Diff(want, got))
			}
		})
	}
}

// Invariant 8: another tenant's events are not found, and a tenant that does
// not exist has none, whatever is asked; asking does not make it exist.
func TestSearchTenants(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	add(t, log, "acme", chats(0, 10)...)
	for _, filter := range []string{"", `user == "user-1@example.com"`, `id == "e1"`} {
		if got := ids(t, engine, "nobody", query.Request{Filter: filter}); len(got) > 0 {
			t.Errorf("filter %q of another tenant found %d events, want none", filter, len(got))
		}
	}
	if _, err := engine.Get(t.Context(), "nobody", 1); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("get another tenant's: error %v, want not found", err)
	}
	if got := log.Tenants(); !cmp.Equal(got, []event.Tenant{"acme"}) {
		t.Errorf("tenants after the searches = %v, want acme alone", got)
	}
}

func TestSearchRefuses(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	add(t, log, "acme", chats(0, 10)...)
	for _, test := range []struct {
		r    query.Request
		want string // in the error
	}{
		{query.Request{PageSize: -1}, "pageSize: -1 is not between 1 and 1000"},
		{query.Request{PageSize: 1001}, "pageSize: 1001 is not between 1 and 1000"},
		{query.Request{OrderBy: "user"}, "orderBy: is unknown"},
		{query.Request{Since: morning, Until: morning}, "until: is not after since: nothing is between them"},
		{query.Request{Since: morning.Add(1), Until: morning}, "until: is not after since"},
		{query.Request{Filter: `kind == "interactoin"`}, `filter: asks for the kind "interactoin", and there are only interaction, verdict, report, `},
		{query.Request{Filter: `session == "s" && kind in ["report", "raport"]`}, `filter: asks for the kind "raport"`},
		{query.Request{PageToken: "x"}, "pageToken: is not one that this search returned"},
		{query.Request{PageToken: strings.Repeat("A", 1000)}, "pageToken: is not one"},
	} {
		_, err := engine.Search(t.Context(), "acme", test.r)
		if _, is := errors.AsType[*query.RequestError](err); !is || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%+v: error %v, want %q", test.r, err, test.want)
		}
	}
	for _, filter := range []string{"turn ==", `nosuch == "x"`, `turn == "x"`, "turn"} {
		for _, tenant := range []event.Tenant{"acme", "nobody"} {
			_, err := engine.Search(t.Context(), tenant, query.Request{Filter: filter})
			if p, is := errors.AsType[*policy.Error](err); !is || p.Line != 1 {
				t.Errorf("filter %q of %s: error %v, want a policy.Error in line 1", filter, tenant, err)
			}
		}
	}
}

// A page token is good for its own search alone, and stays good while the log
// grows.
func TestPageToken(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	add(t, log, "acme", chats(0, 20)...)
	add(t, log, "other", chats(0, 20)...)
	r := query.Request{Filter: `turn > 0`, PageSize: 5}
	first, err := engine.Search(t.Context(), "acme", r)
	if err != nil {
		t.Fatal(err)
	}
	r.PageToken = first.Next
	foreign := map[string]query.Request{
		"filter": {Filter: `turn >= 0`, PageSize: 5, PageToken: first.Next},
		"order":  {Filter: r.Filter, OrderBy: "time", PageSize: 5, PageToken: first.Next},
		"since":  {Filter: r.Filter, Since: morning, PageSize: 5, PageToken: first.Next},
		"until":  {Filter: r.Filter, Until: morning, PageSize: 5, PageToken: first.Next},
		"text":   {Filter: r.Filter, Text: "hello", PageSize: 5, PageToken: first.Next},
		"kinds":  {Filter: r.Filter, TextKinds: event.TextInput, PageSize: 5, PageToken: first.Next},
	}
	for i := range first.Next {
		altered := []byte(first.Next)
		altered[i] ^= 1
		foreign[fmt.Sprintf("byte %d altered", i)] = query.Request{Filter: r.Filter, PageSize: 5, PageToken: string(altered)}
	}
	for what, r := range foreign {
		if _, err := engine.Search(t.Context(), "acme", r); err == nil {
			t.Errorf("%s: the token was accepted", what)
		}
	}
	for _, tenant := range []event.Tenant{"other", "nobody"} {
		if _, err := engine.Search(t.Context(), tenant, r); err == nil {
			t.Errorf("tenant %s: the token was accepted", tenant)
		}
	}
	add(t, log, "acme", chats(20, 40)...)
	r.PageSize = 7
	second, err := engine.Search(t.Context(), "acme", r)
	if err != nil || len(second.Events) != 7 || second.Events[0].GetId() != "e14" {
		t.Errorf("page after the log grew: %d events, error %v; want 7 from e14 on", len(second.Events), err)
	}
}

// Large events make short pages, and a page of one event whatever its size.
func TestPageBytes(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	var want []string
	for n := range 8 {
		e := chat(n)
		e.GetInteraction().Output[0].Parts[0] = &pb.Part{Kind: &pb.Part_Text{Text: strings.Repeat("long ", 200_000)}}
		add(t, log, "acme", e)
		want = append(want, e.GetId())
	}
	page, err := engine.Search(t.Context(), "acme", query.Request{OrderBy: "time"})
	if err != nil || len(page.Events) != 3 || page.Next == "" {
		t.Errorf("first page: %d events, next %q, error %v; want 3 and more", len(page.Events), page.Next, err)
	}
	if got := ids(t, engine, "acme", query.Request{OrderBy: "time"}); !cmp.Equal(got, want) {
		t.Errorf("all pages: %v, want %v", got, want)
	}
}

// A condition that cannot be computed for an event is an error: an event that
// was left out for it would be hidden.
func TestSearchConditionFails(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	add(t, log, "acme", parse(t, 1, `{"interaction":{}}`))
	_, err := engine.Search(t.Context(), "acme", query.Request{Filter: `interaction.output[0].role == "x"`})
	if _, is := errors.AsType[*policy.Error](err); !is {
		t.Errorf("error %v, want a policy.Error", err)
	}
}

func TestQuarantine(t *testing.T) {
	log := newLog(t)
	engine := query.New(query.Config{Log: log})
	var entries []*pb.Quarantined
	for n := range 5 {
		entries = append(entries, &pb.Quarantined{StreamSequence: uint64(n + 1), Reason: "no reason", Payload: []byte("x")})
	}
	if err := log.Quarantine(t.Context(), event.System, entries); err != nil {
		t.Fatal(err)
	}
	var got []uint64
	token, pages := "", 0
	for {
		page, next, err := engine.Quarantine(t.Context(), event.System, 2, token)
		if err != nil {
			t.Fatal(err)
		}
		for _, q := range page {
			got = append(got, q.GetStreamSequence())
			if whole, err := engine.Quarantined(t.Context(), event.System, q.GetId()); err != nil || string(whole.GetPayload()) != "x" {
				t.Errorf("entry %s: payload %q, error %v", q.GetId(), whole.GetPayload(), err)
			}
		}
		if pages++; next == "" {
			break
		}
		token = next
	}
	if want := []uint64{1, 2, 3, 4, 5}; !cmp.Equal(got, want) || pages != 3 {
		t.Errorf("entries %v on %d pages, want %v on 3", got, pages, want)
	}
	for _, bad := range []string{"x", token + "A", "AAAA"} {
		if _, _, err := engine.Quarantine(t.Context(), event.System, 2, bad); err == nil {
			t.Errorf("token %q was accepted", bad)
		}
	}
	if _, _, err := engine.Quarantine(t.Context(), "acme", 2, token); err == nil {
		t.Error("another tenant's token was accepted")
	}
}

// What matches does not depend on how much is asked for: meta sections do not
// tell a message that is empty from one that is absent.
func TestSameMatchesWhateverIsAskedFor(t *testing.T) {
	log := newLog(t)
	for n := range 5 {
		e := &pb.Event{
			Id: fmt.Sprintf("e%d", n), Time: timestamppb.New(morning.Add(time.Duration(n) * time.Second)), Session: "s",
			Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Verdicts: []*pb.Verdict{{Category: "c"}}}},
		}
		if n == 3 {
			e.Source, e.Trace = new(pb.Source), new(pb.Trace)
			e.Capture = &pb.Capture{Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 1}}}
			e.GetInteraction().Model, e.GetInteraction().Usage = new(pb.Model), new(pb.Usage)
			e.GetInteraction().Verdicts[0].Classifier = new(pb.Classifier)
		}
		add(t, log, "acme", e)
	}
	engine := query.New(query.Config{Log: log})
	for _, filter := range []string{
		"has(event.capture)", "has(event.source)", "has(event.trace)", "has(event.interaction.model)",
		"has(event.interaction.usage)", "interaction.verdicts.exists(v, has(v.classifier))",
	} {
		for _, r := range []query.Request{
			{Filter: filter, PageSize: 1}, {Filter: filter, PageSize: 2}, {Filter: filter},
			{Filter: filter, ReadMask: &fieldmaskpb.FieldMask{Paths: []string{"id"}}},
			{Filter: `id == "e3" && ` + filter},
		} {
			if got := ids(t, engine, "acme", r); !slices.Equal(got, []string{"e3"}) {
				t.Errorf("%s, page size %d, mask %v: got %v, want e3", r.Filter, r.PageSize, r.ReadMask, got)
			}
		}
	}
}
