package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const schemaFile = "../../docs/event.schema.json"

// The event whose JSON stays as it is.
const sample = `{"id":"019aa5c0-0000-7000-8000-000000000001","time":"2026-11-22T03:00:00Z","session":"c-17","turn":1,"user":"alice@example.com",
 "source":{"service":"chat","version":"4.2.0","instance":"chat-7","deployment":"medical-triage","environment":"prod","region":"eu"},
 "capture":{"probability":1,"rule":"always","sequence":42},
 "interaction":{
   "model":{"provider":"openai","name":"gpt-4o","version":"2026-08-06"},
   "input":[{"role":"user","parts":[{"text":"…"}]}],
   "output":[{"role":"assistant","parts":[{"text":"…"},{"toolCall":{"id":"t1","name":"lookup","arguments":"{\"q\":1}"}}]}],
   "shown":[{"role":"assistant","parts":[{"text":"…"}]}],
   "verdicts":[{"classifier":{"name":"shield","version":"3"},"category":"self_harm","score":0.91,"threshold":0.5,"action":"REPLACED"}],
   "finishReason":"stop","usage":{"inputTokens":12,"outputTokens":80}}}`

func validate(t *testing.T, schema *jsonschema.Schema, document string) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

// The published schema must take what the store takes and refuse what the
// store refuses by type, or people in other languages are misled.
func TestSchema(t *testing.T) {
	schema := compileSchema(t)
	for _, tt := range []struct {
		name, old, new string
		valid          bool
	}{
		{"as it stands", "", "", true},
		{"unknown field", `"turn":1`, `"turns":1`, false},
		{"wrong type", `"session":"c-17"`, `"session":17`, false},
		{"unknown enum value", `"REPLACED"`, `"SWAPPED"`, false},
		{"time without a zone", `"2026-11-22T03:00:00Z"`, `"yesterday"`, false},
		{"proto names", `"finishReason"`, `"finish_reason"`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := validate(t, schema, strings.Replace(sample, tt.old, tt.new, 1))
			if got := err == nil; got != tt.valid {
				t.Errorf("got valid = %t, want %t: %v", got, tt.valid, err)
			}
		})
	}
}

// Recorded events as they are published must be valid too.
func TestSchemaOnCorpus(t *testing.T) {
	schema := compileSchema(t)
	shared := os.Getenv("AFTERIMAGE_SHARED")
	if shared == "" {
		shared = "../../../shared"
	}
	files, err := filepath.Glob(filepath.Join(shared, "corpus", "*.ndjson.zst"))
	if err != nil || len(files) == 0 {
		t.Skip("the shared corpus is not here")
	}
	for _, name := range files {
		for i, line := range firstLines(t, name, 50) {
			if err := validate(t, schema, line); err != nil {
				t.Errorf("%s:%d is not valid", filepath.Base(name), i+1)
			}
		}
	}
}

func compileSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	text, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("event.schema.json", document); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("event.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func firstLines(t *testing.T, name string, n int) []string {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	zr, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer zr.Close()
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 8<<20)
	var out []string
	for len(out) < n && lines.Scan() {
		out = append(out, lines.Text())
	}
	return out
}
