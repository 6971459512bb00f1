package analyzer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

var (
	// ErrUnavailable says that there is no answer: the analyser cannot be
	// reached, is too slow, answers with an error, or the breaker is open.
	ErrUnavailable = errors.New("remote analyser unavailable")
	// ErrMalformed says that the analyser's answer is not what it documents,
	// or too large.
	ErrMalformed = errors.New("malformed answer of the remote analyser")
	// ErrTooLarge says that the texts are longer than MaxBytes and were not
	// sent: asking again is of no use. What is ErrTooLarge is also
	// ErrUnavailable.
	ErrTooLarge = errors.New("texts too large")
)

// concurrency is how many requests a call has under way where each text takes
// one. A Presidio worker does one at a time (gunicorn's sync workers).
const concurrency = 4

// relearn is how long a server is remembered not to take lists.
const relearn = 10 * time.Minute

// A Client asks one analyser. It is safe for concurrent use.
type Client struct {
	config     Config
	analyze    string // URL of /analyze
	supported  string // URL of /supportedentities, with the language
	http       *http.Client
	closeIdle  func()
	breaker    breaker
	capability capability
}

// New returns a client. It connects to nothing. Close it after use.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("analyser: %w", err)
	}
	base, err := parseURL(config.URL)
	if err != nil {
		return nil, fmt.Errorf("analyser: %w", err)
	}
	config.Entities = slices.Clone(config.Entities)
	c := &Client{
		config:     config,
		analyze:    base.JoinPath("analyze").String(),
		supported:  base.JoinPath("supportedentities").String() + "?language=" + config.Language,
		breaker:    breaker{Breaker: config.Breaker},
		capability: capability{batch: config.Batch},
	}
	c.http, c.closeIdle = newHTTPClient(config.Client, base.Scheme)
	return c, nil
}

// Close closes the connections that wait for another call, unless they belong
// to Config.Client. It does not wait for calls and returns nil.
func (c *Client) Close() error {
	c.closeIdle()
	return nil
}

// Analyze returns what the analyser finds in each of texts: for every text
// one slice, nil if nothing was found, of spans sorted by Start, longer ones
// first. Spans may overlap, but no two have type and place in common. Empty
// texts hold nothing and are not sent; without others nothing is asked.
//
// An error is ErrUnavailable or ErrMalformed, wraps what ctx says if it is
// over, and quotes no text. Then nothing is known about any text, and the
// caller must not go on as if nothing had been found (invariant 3).
func (c *Client) Analyze(ctx context.Context, texts []string) ([][]Span, error) {
	places, asked, size := nonEmpty(texts)
	if size > c.config.MaxBytes {
		return nil, fmt.Errorf("analyse: %w: %w: %d bytes, at most %d",
			ErrUnavailable, ErrTooLarge, size, c.config.MaxBytes)
	}
	spans := make([][]Span, len(texts))
	if len(asked) == 0 {
		return spans, nil
	}
	found, err := c.guarded(ctx, asked)
	if err != nil {
		return nil, fmt.Errorf("analyse: %w", err)
	}
	for i, place := range places {
		spans[place] = found[i]
	}
	return spans, nil
}

// nonEmpty returns the texts that are not empty, where they stand among
// texts, and how many bytes they have together.
func nonEmpty(texts []string) (places []int, asked []string, size int) {
	for i, text := range texts {
		if text != "" {
			places = append(places, i)
			asked = append(asked, text)
			size += len(text)
		}
	}
	return places, asked, size
}

// guarded asks about texts if the breaker lets it, within the timeout.
func (c *Client) guarded(ctx context.Context, texts []string) ([][]Span, error) {
	turn, ok := c.breaker.enter(c.config.Now())
	if !ok {
		return nil, fmt.Errorf("%w: it failed repeatedly and is left alone for a while", ErrUnavailable)
	}
	limited, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	found, err := c.ask(limited, texts)
	if c.breaker.leave(turn, judge(ctx, err), c.config.Now()) {
		c.capability.forget() // another server may take its place
	}
	return found, err
}

// judge says what a call that ended with err under its caller's ctx says
// about the server.
func judge(ctx context.Context, err error) outcome {
	switch {
	case err == nil:
		return succeeded
	case errors.Is(ctx.Err(), context.Canceled):
		return abandoned
	default:
		return failed
	}
}

// ask asks about texts, of which none is empty, in the way that the server
// understands. A server that is not known to take lists and refuses one takes
// single texts if it then answers about all of these: that the refusal was
// about the list and not about a text is thereby shown, not assumed.
func (c *Client) ask(ctx context.Context, texts []string) ([][]Span, error) {
	list, sure := c.capability.list(c.config.Now())
	if len(texts) == 1 || !list {
		return c.singly(ctx, texts)
	}
	found, err := c.together(ctx, texts)
	if err == nil {
		c.capability.learn(true, c.config.Now())
		return found, nil
	}
	if refused, ok := errors.AsType[*statusError](err); sure || !ok || !refused.presidio() {
		return nil, err
	}
	found, err = c.singly(ctx, texts)
	if err == nil {
		c.capability.learn(false, c.config.Now())
	}
	return found, err
}

// params are the parts of a request that stay the same (AnalyzeRequest of the
// OpenAPI document).
type params struct {
	Language  string   `json:"language"`
	Entities  []string `json:"entities,omitempty"`
	Threshold float64  `json:"score_threshold,omitempty"`
}

func (c *Client) params() params {
	return params{c.config.Language, c.config.Entities, c.config.Threshold}
}

// together asks about texts in one request.
func (c *Client) together(ctx context.Context, texts []string) ([][]Span, error) {
	body, err := json.Marshal(struct {
		Text []string `json:"text"`
		params
	}{texts, c.params()})
	if err != nil {
		return nil, fmt.Errorf("%w: encode request", ErrUnavailable)
	}
	answer, err := c.post(ctx, body)
	if err != nil {
		return nil, err
	}
	return decodeList(answer, texts)
}

// singly asks about each text in a request of its own. The first error ends
// those still under way.
func (c *Client) singly(ctx context.Context, texts []string) ([][]Span, error) {
	found := make([][]Span, len(texts))
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(concurrency)
	for i, text := range texts {
		g.Go(func() error {
			spans, err := c.one(ctx, text)
			if err != nil {
				return fmt.Errorf("non-empty text %d: %w", i, err)
			}
			found[i] = spans
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

func (c *Client) one(ctx context.Context, text string) ([]Span, error) {
	body, err := json.Marshal(struct {
		Text string `json:"text"`
		params
	}{text, c.params()})
	if err != nil {
		return nil, fmt.Errorf("%w: encode request", ErrUnavailable)
	}
	answer, err := c.post(ctx, body)
	if err != nil {
		return nil, err
	}
	return decodeOne(answer, text)
}

// Check asks whether the server supports Language and every one of Entities:
// one that it does not know it would never find, and never say so. It sends
// no text, and neither asks the breaker nor tells it.
func (c *Client) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	answer, err := c.get(ctx, c.supported)
	if err != nil {
		return fmt.Errorf("check analyser: %w", err)
	}
	known, err := decodeNames(answer)
	if err != nil {
		return fmt.Errorf("check analyser: %w", err)
	}
	missing := slices.DeleteFunc(slices.Clone(c.config.Entities),
		func(e string) bool { return slices.Contains(known, e) })
	if len(known) == 0 || len(missing) > 0 {
		return fmt.Errorf("check analyser: %d entities known in language %q, not %q",
			len(known), c.config.Language, missing)
	}
	return nil
}

// A capability is what is known of a server that may or may not take lists.
type capability struct {
	batch Batch // configured; only BatchAuto learns

	mu    sync.Mutex
	known Batch     // BatchAuto: nothing is known
	since time.Time // when that was learned
}

// list reports whether to send a list, and whether the server is sure to
// understand it.
func (p *capability) list(now time.Time) (list, sure bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	way := cmp.Or(p.batch, p.known)
	age := now.Sub(p.since) // negative where the clock was set back
	if p.batch == BatchAuto && way == BatchSingle && (age < 0 || age >= relearn) {
		way = BatchAuto
	}
	return way != BatchSingle, way == BatchList
}

func (p *capability) learn(list bool, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known, p.since = BatchSingle, now
	if list {
		p.known = BatchList
	}
}

func (p *capability) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known = BatchAuto
}
