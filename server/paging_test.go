package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A page token that goes on from another search would return what nobody asked
// for, or leave out what somebody did. It is refused through every door, by
// name; and it goes on where its own search does, whatever came since.
func TestPageTokens(t *testing.T) {
	s := start(t, nil)
	for n := range 6 {
		s.must(interaction(fmt.Sprintf("e%d", n), "c-1", "hello again", "good day"))
	}
	if code, body := s.do("POST", "/v1/tenants/other/events:publish", events(interaction("o1", "c-1", "hello again", "good day"))); code != 200 {
		t.Fatalf("publish: %d %s", code, body)
	}
	client := pb.NewEventServiceClient(s.conn)
	own := &pb.SearchEventsRequest{
		Tenant: "acme", Filter: `session == "c-1"`, Text: "hello", TextKinds: []pb.TextKind{pb.TextKind_TEXT_INPUT},
		Since: timestamppb.New(noon.AddDate(0, 0, -1)), Until: timestamppb.New(noon), OrderBy: "seq", PageSize: 2,
	}
	first, err := client.SearchEvents(t.Context(), own)
	if err != nil || len(first.GetEvents()) != 2 || first.GetNextPageToken() == "" {
		t.Fatalf("first page: %v, %v", first, err)
	}
	own.PageToken = first.GetNextPageToken()
	for what, change := range map[string]func(*pb.SearchEventsRequest){
		"tenant":         func(r *pb.SearchEventsRequest) { r.Tenant = "other" },
		"unknown tenant": func(r *pb.SearchEventsRequest) { r.Tenant = "nobody" },
		"filter":         func(r *pb.SearchEventsRequest) { r.Filter = "" },
		"text":           func(r *pb.SearchEventsRequest) { r.Text = "again" },
		"kinds":          func(r *pb.SearchEventsRequest) { r.TextKinds = nil },
		"since":          func(r *pb.SearchEventsRequest) { r.Since = nil },
		"until":          func(r *pb.SearchEventsRequest) { r.Until = nil },
		"order":          func(r *pb.SearchEventsRequest) { r.OrderBy = "seq desc" },
		"cut token":      func(r *pb.SearchEventsRequest) { r.PageToken = r.PageToken[:len(r.PageToken)-4] },
	} {
		r := proto.CloneOf(own)
		change(r)
		_, err := client.SearchEvents(t.Context(), r)
		if st := status.Convert(err); st.Code() != codes.InvalidArgument || violation(st) != "pageToken" {
			t.Errorf("another %s over gRPC: got %v, want a violation of pageToken", what, err)
		}
		for _, door := range []string{"search", "stream"} {
			code, body := s.do("GET", "/v1/tenants/"+r.GetTenant()+"/events:"+door+"?"+parameters(r), "")
			if code != 400 || !strings.Contains(body, `"field":"pageToken"`) {
				t.Errorf("another %s over HTTP (%s): got %d %s, want 400 and pageToken", what, door, code, body)
			}
		}
	}

	s.must(interaction("e6", "c-1", "hello again", "good day"))
	var got []string
	for {
		// What may change from page to page.
		own.PageSize, own.Snippets, own.Explain = 3, true, true
		page, err := client.SearchEvents(t.Context(), own)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.GetEvents() {
			got = append(got, e.GetId())
		}
		if own.PageToken = page.GetNextPageToken(); own.PageToken == "" {
			break
		}
	}
	if want := []string{"e2", "e3", "e4", "e5", "e6"}; !slices.Equal(got, want) {
		t.Errorf("pages after the log grew: got %v, want %v", got, want)
	}
}

// violation returns the field of the one violation in a status.
func violation(st *status.Status) string {
	for _, d := range st.Details() {
		if bad, is := d.(*errdetails.BadRequest); is && len(bad.GetFieldViolations()) == 1 {
			return bad.GetFieldViolations()[0].GetField()
		}
	}
	return ""
}

// parameters returns a search as what stands behind the question mark.
func parameters(r *pb.SearchEventsRequest) string {
	q := url.Values{"pageToken": {r.GetPageToken()}, "filter": {r.GetFilter()}, "text": {r.GetText()}, "orderBy": {r.GetOrderBy()}, "pageSize": {fmt.Sprint(r.GetPageSize())}}
	for name, bound := range map[string]*timestamppb.Timestamp{"since": r.GetSince(), "until": r.GetUntil()} {
		if bound != nil {
			q.Set(name, bound.AsTime().Format("2006-01-02T15:04:05Z"))
		}
	}
	for _, kind := range r.GetTextKinds() {
		q.Add("textKinds", kind.String())
	}
	return q.Encode()
}

// Whoever streams may go on from where a page ended, and the other way round.
func TestPageTokenOfAStream(t *testing.T) {
	s := start(t, nil)
	for n := range 4 {
		s.must(interaction(fmt.Sprintf("e%d", n), "c-1", "hello", "good day"))
	}
	_, body := s.do("GET", "/v1/tenants/acme/events:stream?orderBy=seq&pageSize=2", "")
	lines := strings.Split(strings.TrimSpace(body), "\n")
	var last struct {
		Result struct {
			Done          bool
			NextPageToken string
		}
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || !last.Result.Done || len(lines) != 3 {
		t.Fatalf("stream: %v\n%s", err, body)
	}
	code, body := s.do("GET", "/v1/tenants/acme/events:search?orderBy=seq&readMask=id&pageToken="+last.Result.NextPageToken, "")
	if want := `{"events":[{"id":"e2","seq":"2"},{"id":"e3","seq":"3"}],"matches":[],"nextPageToken":"","timedOut":false,"explanation":null}`; code != 200 || !sameJSON(t, body, want) {
		t.Errorf("page after a stream: got %d %s, want %s", code, body, want)
	}
}

// sameJSON compares what is set.
func sameJSON(t *testing.T, got, want string) bool {
	t.Helper()
	var g, w map[string]any
	if err := json.Unmarshal([]byte(got), &g); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatal(err)
	}
	empty := func(_ string, v any) bool {
		list, is := v.([]any)
		return v == nil || v == "" || v == false || is && len(list) == 0
	}
	maps.DeleteFunc(g, empty)
	maps.DeleteFunc(w, empty)
	return fmt.Sprint(g) == fmt.Sprint(w)
}
