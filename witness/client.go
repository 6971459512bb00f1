package witness

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/eventlog"
)

// Config says who is asked to cosign a log's checkpoints.
type Config struct {
	Log    *eventlog.Log // required
	Policy *Policy       // its witnesses are asked, each has a URL; its quorum decides what is published; required

	Every   time.Duration // between rounds while the log grows; 0: a minute
	Logger  *slog.Logger  // nil: discard
	Metrics *Metrics      // nil: none
}

// Bounds of the client.
const (
	defaultEvery  = time.Minute
	answerTimeout = 10 * time.Second // of a witness
	maxBackoff    = time.Hour
	// patience is how many rounds the published checkpoint waits for a quorum.
	// Then the newest is published with what it has: that a witness does not
	// answer must not hide what happened since.
	patience = 10
)

// A Client has a log's checkpoints cosigned, and publishes them.
type Client struct {
	cfg       Config
	log       *slog.Logger
	key       note.Verifier // of our log
	http      *http.Client
	witnesses []*asked // each owned by one goroutine of a round

	publishing sync.Mutex // held while the first checkpoint is published

	// Owned by Run:
	at     eventlog.Checkpoint // what is being cosigned
	have   []Cosignature       // of at
	missed int                 // rounds since the last quorum
}

// asked is what is known of a witness.
type asked struct {
	Witness
	known    uint64 // the size it cosigned last, as far as we know
	failures int    // in a row
	rest     time.Time
}

// New makes a client and checks its configuration. Run does the work.
func New(cfg Config) (*Client, error) {
	if cfg.Log == nil || cfg.Policy == nil {
		return nil, errors.New("witness configuration: Log or Policy is missing")
	}
	if err := cfg.Policy.Askable(); err != nil {
		return nil, fmt.Errorf("witness configuration: policy: %w", err)
	}
	key, err := note.NewVerifier(cfg.Log.VerifierKey())
	if err != nil {
		return nil, fmt.Errorf("the log's verifier key: %w", err)
	}
	c := &Client{cfg: cfg, log: discard(cfg.Logger), key: key, http: &http.Client{
		Timeout:       answerTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	if c.cfg.Every <= 0 {
		c.cfg.Every = defaultEvery
	}
	if c.cfg.Metrics == nil {
		c.cfg.Metrics = NewMetrics()
	}
	for _, w := range cfg.Policy.Witnesses {
		c.witnesses = append(c.witnesses, &asked{Witness: w})
	}
	return c, nil
}

// Checkpoint returns what is published: the newest checkpoint that a quorum of
// witnesses cosigned, or that waited for one for too long.
func (c *Client) Checkpoint(ctx context.Context) (eventlog.Checkpoint, error) {
	published, err := c.cfg.Log.Published(ctx)
	if !errors.Is(err, eventlog.ErrNotFound) {
		return published, err
	}
	c.publishing.Lock()
	defer c.publishing.Unlock()
	if published, err = c.cfg.Log.Published(ctx); !errors.Is(err, eventlog.ErrNotFound) {
		return published, err
	}
	// The first one: until now nobody saw any, and witnesses may never answer.
	newest, err := c.cfg.Log.Checkpoint(ctx)
	if err != nil || newest.Size == 0 {
		return newest, err
	}
	return newest, c.cfg.Log.Publish(ctx, newest.Note)
}

// Run asks the witnesses once in a while, until ctx ends; then it returns nil.
// It returns an error only where the log fails.
func (c *Client) Run(ctx context.Context) error {
	tick := time.NewTicker(c.cfg.Every)
	defer tick.Stop()
	for {
		if err := c.round(ctx); ctx.Err() != nil {
			return nil
		} else if errors.Is(err, eventlog.ErrDiskFull) {
			c.log.WarnContext(ctx, "cosigned checkpoint not kept, will try again", "err", err)
		} else if err != nil {
			return fmt.Errorf("have checkpoints cosigned: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// round has the newest checkpoint cosigned by whoever has not yet, and
// publishes it if that makes a quorum.
func (c *Client) round(ctx context.Context) error {
	published, err := c.Checkpoint(ctx)
	if err != nil {
		return err
	}
	c.cfg.Metrics.published.Set(float64(published.Size))
	if c.at.Size == 0 { // It has just started.
		for _, s := range c.cosigned(published.Note) {
			c.cfg.Metrics.cosigned(s.Witness, uint64(published.Size), s.Time)
		}
	}
	newest, err := c.cfg.Log.Checkpoint(ctx)
	if err != nil || newest.Size == 0 {
		return err
	}
	if newest.Size != c.at.Size || newest.Root != c.at.Root {
		c.at, c.have = newest, nil
		if published.Size == newest.Size {
			c.have = c.cosigned(published.Note)
		}
	}
	before := len(c.have)
	if err := c.ask(ctx); err != nil {
		return err
	}
	quorum := c.cfg.Policy.Satisfied(c.have)
	if c.missed++; quorum {
		c.missed = 0
	}
	switch {
	case len(c.have) == before && published.Size == newest.Size:
		return nil // there is nothing new to say
	case quorum:
	case c.missed < patience:
		return nil
	case c.missed == patience:
		c.log.WarnContext(ctx, "no quorum of witnesses: checkpoints are published without one",
			"size", newest.Size, "cosigned", len(c.have), "witnesses", len(c.witnesses))
	}
	text := slices.Clone(newest.Note)
	for _, s := range c.have {
		text = append(text, s.Line...)
	}
	if err := c.cfg.Log.Publish(ctx, text); err != nil {
		return err
	}
	c.cfg.Metrics.published.Set(float64(newest.Size))
	return nil
}

// cosigned returns the cosignatures of our witnesses in a note of our log.
func (c *Client) cosigned(signed []byte) []Cosignature {
	keys := []note.Verifier{c.key}
	for _, w := range c.cfg.Policy.Witnesses {
		keys = append(keys, w.Key)
	}
	n, err := note.Open(signed, note.VerifierList(keys...))
	if err != nil {
		return nil // then they are asked again
	}
	return c.cfg.Policy.cosignatures(n.Sigs)
}

// ask asks all witnesses at a time that have not cosigned and are not resting.
func (c *Client) ask(ctx context.Context) error {
	var group errgroup.Group
	var mu sync.Mutex // guards c.have
	missing := slices.DeleteFunc(slices.Clone(c.witnesses), func(w *asked) bool {
		return slices.ContainsFunc(c.have, func(s Cosignature) bool { return s.Witness == w.Name }) || time.Until(w.rest) > 0
	})
	for _, w := range missing {
		group.Go(func() error {
			s, err := c.cosign(ctx, w)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return c.failed(ctx, w, err)
			}
			w.failures = 0
			c.cfg.Metrics.cosigned(w.Name, uint64(c.at.Size), s.Time)
			mu.Lock()
			defer mu.Unlock()
			c.have = append(c.have, s)
			return nil
		})
	}
	return group.Wait()
}

// failed notes that a witness did not cosign. What our own log failed with is
// returned; what a witness did is for the operator to know.
func (c *Client) failed(ctx context.Context, w *asked, err error) error {
	f, is := errors.AsType[*failure](err)
	if !is {
		return err
	}
	w.failures++
	pause := min(c.cfg.Every<<min(w.failures, 20), maxBackoff)
	w.rest = time.Now().Add(pause) //nolint:forbidigo // When to ask again is no evidence.
	c.cfg.Metrics.failed(w.Name, f.reason)
	level := slog.LevelWarn
	if f.reason == reasonAhead || f.reason == reasonForked {
		level = slog.LevelError
	}
	c.log.Log(ctx, level, "witness did not cosign", "witness", w.Name, "reason", f.reason, "size", c.at.Size, "again_in", pause, "err", f.err)
	return nil
}
