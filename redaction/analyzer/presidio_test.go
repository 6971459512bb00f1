package analyzer

import (
	"encoding/json"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A presidio is a server that answers as presidio-analyzer/app.py does, with
// a recogniser that knows a few names. It counts in runes what Python counts
// in characters, independently of the code under test.
type presidio struct {
	names  map[string]string // name: entity
	old    bool              // before 2.2.361: no lists, recognition_metadata in results
	broken func(w http.ResponseWriter, r *http.Request, texts []string) bool

	mu       sync.Mutex
	requests []string // bodies
}

// result is RecognizerResult as json.dumps(sort_keys=True) writes it.
type result struct {
	Explanation *string         `json:"analysis_explanation"`
	End         int             `json:"end"`
	Entity      string          `json:"entity_type"`
	Metadata    json.RawMessage `json:"recognition_metadata,omitempty"`
	Score       float64         `json:"score"`
	Start       int             `json:"start"`
}

func (p *presidio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path == "/supportedentities" {
		p.supported(w, r)
		return
	}
	if r.Method != http.MethodPost || r.URL.Path != "/analyze" {
		refuse(w, http.StatusNotFound, "not found")
		return
	}
	if r.Header.Get("Content-Type") != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "Did not attempt to load JSON data")
		return
	}
	p.serveAnalyze(w, r)
}

func (p *presidio) supported(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("language") != "en" {
		refuse(w, http.StatusInternalServerError, "No matching recognizers were found to serve the request.")
		return
	}
	reply(w, []string{"PERSON", "LOCATION", "PHONE_NUMBER"})
}

func (p *presidio) serveAnalyze(w http.ResponseWriter, r *http.Request) {
	var body json.RawMessage
	var request struct {
		Text      json.RawMessage `json:"text"`
		Language  string          `json:"language"`
		Entities  []string        `json:"entities"`
		Threshold float64         `json:"score_threshold"`
	}
	if json.NewDecoder(r.Body).Decode(&body) != nil || json.Unmarshal(body, &request) != nil {
		refuse(w, http.StatusInternalServerError, "bad request")
		return
	}
	p.mu.Lock()
	p.requests = append(p.requests, string(body))
	p.mu.Unlock()
	var one string
	var texts []string
	list := json.Unmarshal(request.Text, &one) != nil
	if !list {
		texts = []string{one}
	} else if json.Unmarshal(request.Text, &texts) != nil {
		refuse(w, http.StatusInternalServerError, "text is neither")
		return
	}
	switch {
	case p.broken != nil && p.broken(w, r, texts):
	case len(texts) == 0 || !list && one == "":
		refuse(w, http.StatusInternalServerError, "No text provided")
	case request.Language == "":
		refuse(w, http.StatusInternalServerError, "No language provided")
	case list && p.old:
		refuse(w, http.StatusInternalServerError,
			"[E1041] Expected a string, Doc, or bytes as input, but got: <class 'list'>")
	case list:
		lists := [][]result{}
		for _, text := range texts {
			lists = append(lists, p.recognise(text, request.Entities, request.Threshold))
		}
		reply(w, lists)
	default:
		reply(w, p.recognise(one, request.Entities, request.Threshold))
	}
}

const nerScore = 0.85 // what Presidio gives to everything from spaCy

func (p *presidio) recognise(text string, entities []string, threshold float64) []result {
	found := []result{}
	runes := []rune(text)
	for name, entity := range p.names {
		if len(entities) > 0 && !slices.Contains(entities, entity) || threshold > nerScore {
			continue
		}
		wanted := []rune(name)
		for at := range len(runes) - len(wanted) + 1 {
			if slices.Equal(runes[at:at+len(wanted)], wanted) {
				found = append(found, p.result(entity, at, at+len(wanted)))
			}
		}
	}
	return found
}

func (p *presidio) result(entity string, start, end int) result {
	r := result{Entity: entity, Start: start, End: end, Score: nerScore}
	if p.old {
		r.Metadata = json.RawMessage(`{"recognizer_name": "SpacyRecognizer", "start": -1}`)
	}
	return r
}

func (p *presidio) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.requests)
}

func refuse(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message})
}

func reply[T any](w http.ResponseWriter, answer T) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// serve serves h, and returns a client of it made from config. Unless config
// says otherwise the client waits for long: a slow machine is no fault.
func serve(t testing.TB, h http.Handler, config Config) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	config.URL = s.URL
	return client(t, config)
}

func client(t testing.TB, config Config) *Client {
	t.Helper()
	if config.Timeout == 0 {
		config.Timeout = time.Minute
	}
	c, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// A clock is set by hand.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// quiet is a log that goes to the test's.
func quiet(t *testing.T) *log.Logger { return log.New(t.Output(), "", 0) }
