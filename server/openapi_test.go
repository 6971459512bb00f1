package server_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// described is an operation of the description of the API, as far as these tests read it.
type described struct {
	OperationID string `json:"operationId"`
	RequestBody struct {
		Content map[string]struct{ Example json.RawMessage }
	} `json:"requestBody"`
}

func (d described) example() []byte { return d.RequestBody.Content["application/json"].Example }

// operations returns those of the description, by path and method.
func operations(t *testing.T) map[string]map[string]described {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]described
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Paths
}

// Whoever copies an example from the description has a request that works;
// each request with a body has one.
func TestExamplesOfOpenAPI(t *testing.T) {
	s := startExporting(t)
	send := func(path string, example []byte) {
		t.Helper()
		if code, body := s.do("POST", path, string(example)); code != 200 || strings.Contains(body, `"error"`) {
			t.Errorf("POST %s: %d %s, want 200", path, code, body)
		}
	}
	all := operations(t)
	const publish = "/v1/tenants/{tenant}/events:publish" // what the others find
	send(strings.ReplaceAll(publish, "{tenant}", "acme"), all[publish]["post"].example())
	for path, methods := range all {
		post, ok := methods["post"]
		if !ok {
			continue
		}
		if post.example() == nil {
			t.Errorf("POST %s (%s) has no example: give it one in examples.yaml", path, post.OperationID)
		} else if path = strings.ReplaceAll(path, "{tenant}", "acme"); !strings.Contains(path, "{") { // of something that there must be first
			send(path, post.example())
		}
	}
}
