package server_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Who asks over either protocol gets what is nearly the same, and clusters; who
// asks wrongly is told which field is wrong.
func TestSimilarEvents(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "a", "what is it", "take the red pill and go to bed"),
		interaction("e2", "b", "what is it", "take the red pill and go to sleep"),
		interaction("e3", "c", "what is it", "nobody knows"))
	const similar, cluster = "/v1/tenants/acme/events:similar", "/v1/tenants/acme/events:cluster"
	for _, c := range []struct {
		path, body string
		code       int
		want       string
	}{
		{similar, `{"id":"e1"}`, 200, `"texts":"2"`},
		{similar, `{"seq":"0","field":"INPUT"}`, 200, `"reach":{"events":"3"`},
		{similar, `{"text":"take the red pill and go to bed","threshold":0.9,"readMask":"id"}`, 200, `"event":{"id":"e1","seq":"0"}`},
		{similar, `{"text":"take the red pill","since":"2200-01-01T00:00:00Z"}`, 200, `"threshold":0.4`},
		{similar, `{}`, 400, "like: is missing"},
		{similar, `{"text":"x","id":"e1"}`, 400, "body: is not valid"},
		{similar, `{"id":"e9"}`, 404, "not found"},
		{similar, `{"text":"x","field":9}`, 400, "field: is unknown"},
		{similar, `{"text":"x","threshold":2}`, 400, "threshold: is not between"},
		{similar, `{"text":"x","until":"0000-01-01T00:00:00Z"}`, 400, "body"},
		{cluster, `{}`, 200, `"count":"2"`},
		{cluster, `{"maxEvents":2,"field":"OUTPUT"}`, 200, `"more":true`},
		{cluster, `{"maxEvents":10001}`, 400, "maxEvents: 10001 is not between 1 and 10000"},
		{cluster, `{"field":9}`, 400, "field: is unknown"},
		{"/v1/tenants/globex/events:similar", `{"text":"take the red pill and go to bed"}`, 200, `"threshold":0.4`},
	} {
		code, text := s.do("POST", c.path, c.body)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("%s %s: got %d %s, want %d %s", c.path, c.body, code, text, c.code, c.want)
		}
		if strings.Contains(c.path, "globex") && strings.Contains(text, "pill") {
			t.Errorf("another tenant was told %s", text)
		}
	}
	client := pb.NewSimilarityServiceClient(s.conn)
	found, err := client.FindSimilarEvents(t.Context(), &pb.FindSimilarEventsRequest{Tenant: "acme", Like: &pb.FindSimilarEventsRequest_Id{Id: "e2"}})
	if err != nil || len(found.GetResults()) != 2 || found.GetResults()[0].GetSimilarity() != 1 || found.GetVerified() != 2 || found.GetCompared() == 0 {
		t.Errorf("got %v, %v", found, err)
	}
	if _, err := client.ClusterEvents(t.Context(), &pb.ClusterEventsRequest{}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("no tenant: got %v", err)
	}
}
