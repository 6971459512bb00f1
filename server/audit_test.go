package server_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The audit is the same over either protocol; a range that is none is refused by
// the name of its field.
func TestAuditRetention(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "s", "hello", "good day"))
	for path, want := range map[string]string{
		"":                            `"through":"1"`,
		"?since=2026-11-01T00:00:00Z": `"since":"2026-11-01T00:00:00Z"`,
		"?since=2026-11-01T00:00:00Z&until=2026-11-03T00:00:00Z": `"until":"2026-11-03T00:00:00Z","through":"1"`,
	} {
		code, text := s.do("GET", "/v1/tenants/acme/retention:audit"+path, "")
		if code != http.StatusOK || !strings.Contains(text, want) || !strings.Contains(text, `"uncounted":[{}]`) {
			t.Errorf("%s: got %d %s, want %s", path, code, text, want)
		}
	}
	for path, field := range map[string]string{
		"?since=2026-11-01T08:00:00Z":                            "since",
		"?since=2026-11-03T00:00:00Z&until=2026-11-03T00:00:00Z": "since",
		"?since=1900-01-01T00:00:00Z":                            "since",
		"?since=2030-01-01T00:00:00Z":                            "since",
		"?until=2026-11-01T08:00:00Z":                            "until",
		"?until=2030-01-01T00:00:00Z":                            "until",
	} {
		code, text := s.do("GET", "/v1/tenants/acme/retention:audit"+path, "")
		if code != http.StatusBadRequest || !strings.Contains(text, `"field":"`+field+`"`) {
			t.Errorf("%s: got %d %s, want a violation of %s", path, code, text, field)
		}
	}
	a, err := pb.NewRetentionServiceClient(s.conn).AuditRetention(t.Context(), &pb.AuditRetentionRequest{
		Tenant: "acme", Since: timestamppb.New(noon.Truncate(24 * time.Hour)),
	})
	if err != nil || a.GetThrough() != 1 || len(a.GetDays()) != 1 {
		t.Errorf("got %v, %v", a, err)
	}
}
