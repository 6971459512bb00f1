package server_test

import (
	"strings"
	"testing"
)

// Invariant 8: a proof is the tenant's whose event it is. And what cannot be
// proven is said to be so.
func TestProveRefuses(t *testing.T) {
	s := start(t, nil)
	s.must(interaction("e1", "c", "a", "b"))
	for _, test := range []struct {
		path string
		code int
		want string
	}{
		{"/v1/tenants/other/events/0:prove", 404, "NOT_FOUND"},
		{"/v1/tenants/a.b/events/0:prove", 400, "INVALID"},
		{"/v1/tenants/acme/events/7:prove", 404, "NOT_FOUND"},
		{"/v1/tenants/acme/events/x:prove", 400, "INVALID_REQUEST"},
		{"/v1/tenants/acme/events/0:prove?size=5", 404, "none was kept"},
		{"/v1/log:proveConsistency?fromSize=2", 400, "fromSize"},
		{"/v1/log:proveConsistency?fromSize=1&toSize=9", 404, "the log has 1"},
		{"/v1/log:proveConsistency?from=1", 400, "from"},
		{"/v1/log:proveConsistency?fromSize=1", 200, `"toSize":"1"`},
	} {
		if code, got := s.do("GET", test.path, ""); code != test.code || !strings.Contains(got, test.want) {
			t.Errorf("%s: got %d %s, want %d with %q", test.path, code, got, test.code, test.want)
		}
	}
}
