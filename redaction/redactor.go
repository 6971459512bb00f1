package redaction

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/afterimage/afterimage/redaction/known"
)

// Errors that callers decide on. After any error what was being redacted may
// be half done and must not be stored or sent on.
var (
	// ErrTimeout reports that redaction took longer than Config.Timeout.
	ErrTimeout = errors.New("redaction exceeded its time")
	// ErrPanic reports that a detector or a pseudonym panicked.
	ErrPanic = errors.New("redaction panicked")
	// ErrPseudonym reports a pseudonym that failed or was malformed.
	ErrPseudonym = errors.New("making a pseudonym failed")
	// ErrKnown reports a known value that cannot be looked for.
	ErrKnown = errors.New("a known value is malformed")
	// ErrEscrow reports an original that could not be sealed.
	ErrEscrow = errors.New("sealing an original failed")
	// ErrUnsettled reports a text in which each replacement made another one
	// necessary, maxRounds times over.
	ErrUnsettled = errors.New("redaction did not settle")
)

// defaultTimeout is a thousand times what the largest event takes.
const defaultTimeout = 2 * time.Second

// maxRounds bounds how often a text is searched again after a replacement.
// Real texts need two rounds: one that finds and one that finds nothing.
const maxRounds = 8

// Config says what a [Redactor] looks for. The zero value is usable.
type Config struct {
	// Timeout bounds one call of Event or Text. 0 means 2 s.
	Timeout time.Duration
	// Detectors, in order of priority. nil means [Default].
	Detectors []Detector
	// Regions are the ISO 3166 codes of the countries whose national numbers
	// are recognised by their form alone, and not only where a word near them
	// says what they are. The first is also that of telephone numbers without
	// a country code. None by default.
	Regions []string
	// Operators say by type, or by TYPE/detector, what is done with what is
	// found. What is not named is pseudonymised, but for [DefaultOperators].
	Operators map[string]Operator
	// DropContent makes Event take all free text away, unread: nothing is
	// looked for in it, and nothing of it sealed. Users are pseudonymised as ever.
	DropContent bool
	// ReportKept makes the detectors of types that stay run, too, so that
	// [Redactor.Explain] reports what they find, and all that was found at one
	// place. It costs time.
	ReportKept bool
	// Escrow are the types whose originals Event seals into the event, with
	// Sealer, where they are pseudonymised. None by default.
	Escrow []string
	Sealer Sealer
	// Known are values to replace in every text: those of customers, of staff.
	// Up to some hundred thousand; what is known of one event's user is handed
	// to Event.
	Known []known.Value
	// Analyzer, if not nil, is asked about the texts of each event once the
	// detectors are done with them.
	Analyzer Analyzer
}

// A Redactor replaces what its detectors find. It is immutable and safe for
// concurrent use.
type Redactor struct {
	timeout     time.Duration
	tables      *tables
	escrow      *escrow   // nil: off
	analyzer    Analyzer  // nil: none
	reports     bool      // all that was found at one place
	scans       sync.Pool // of *scan
	dropContent bool
	static      *knowledge // nil: none
	ops         map[string]Operator
}

// New compiles the detectors. The error names the first that is malformed.
func New(cfg Config) (*Redactor, error) {
	if cfg.Timeout < 0 {
		return nil, fmt.Errorf("redaction timeout %v is negative", cfg.Timeout)
	}
	if cfg.Detectors == nil {
		cfg.Detectors = Default()
	}
	ops, err := operatorsOf(cfg.Operators)
	if err != nil {
		return nil, err
	}
	detectors := cfg.Detectors
	if !cfg.ReportKept {
		detectors = slices.DeleteFunc(slices.Clone(detectors), func(d Detector) bool { return operatorOf(ops, &d) == Keep })
	}
	t, err := compile(detectors, cfg.Regions, ops)
	if err != nil {
		return nil, err
	}
	r := &Redactor{timeout: cmp.Or(cfg.Timeout, defaultTimeout), tables: t, analyzer: cfg.Analyzer, reports: cfg.ReportKept, dropContent: cfg.DropContent, ops: ops}
	if len(cfg.Known) > 0 {
		r.static = new(knowledge)
		if err := r.static.reset(cfg.Known, ops); err != nil {
			return nil, err
		}
		r.static.set.Tabulate()
	}
	if r.escrow, err = escrowOf(cfg); err != nil {
		return nil, err
	}
	r.scans.New = func() any { return newScan(t) }
	return r, nil
}

// A Finding is one span that was found.
type Finding struct {
	Type     string // e.g. EMAIL
	Detector string // the detector's name, e.g. email
	Version  int    // the detector's
	Operator Operator
	Source   string // the specification that the detector follows, "" for none
	Near     bool   // a word near it was asked for and found
	Also     bool   // another detector's finding won this place
	// Start and End are byte offsets in the text that was given, ReplStart and
	// ReplEnd those of its replacement in the text that was returned.
	Start, End, ReplStart, ReplEnd int
}

// Text returns s with all that was found replaced, and what that was, in
// order. Where nothing is found it returns s itself and allocates nothing.
// s must be valid UTF-8. Values that are known are replaced, too.
func (r *Redactor) Text(ctx context.Context, s string, p Pseudonym, values ...known.Value) (string, []Finding, error) {
	out, replaced, _, err := r.explain(ctx, s, p, values)
	return out, replaced, err
}

// Explain does what Text does and returns in kept what was found and stays, in
// no order: what has the operator to keep and, with Config.ReportKept, what
// other detectors took a replaced span for.
func (r *Redactor) Explain(ctx context.Context, s string, p Pseudonym, values ...known.Value) (out string, replaced, kept []Finding, err error) {
	return r.explain(ctx, s, p, values)
}

func (r *Redactor) explain(ctx context.Context, s string, p Pseudonym, values []known.Value) (_ string, _, _ []Finding, err error) {
	if s == "" {
		return s, nil, nil, ctx.Err()
	}
	defer failClosed(&err)
	sc := r.begin(ctx, p)
	out, replaced, kept, err := sc.explain(s, r.analyzer, values)
	r.end(sc) // not after a panic: see end
	if err != nil {
		return "", nil, nil, err
	}
	return out, replaced, kept, nil
}

func (sc *scan) explain(s string, a Analyzer, values []known.Value) (string, []Finding, []Finding, error) {
	if err := sc.knowing(values); err != nil {
		return "", nil, nil, err
	}
	out, edits, err := sc.redact(s, prose)
	if err == nil && a != nil {
		out, edits, err = sc.analysedText(a, s, out, edits, prose)
	}
	if err != nil {
		return "", nil, nil, err
	}
	sc.kept = others(sc.kept, edits)
	for i := range sc.kept {
		sc.kept[i].outStart, sc.kept[i].outEnd = forward(edits, sc.kept[i].start), forward(edits, sc.kept[i].end)
	}
	return out, findings(edits), findings(sc.kept), nil
}

// begin takes a scan out of the pool for one call.
func (r *Redactor) begin(ctx context.Context, p Pseudonym) *scan {
	sc := r.scans.Get().(*scan)
	sc.clock = clock{ctx: ctx, timeout: r.timeout}
	sc.pseudonym = p
	sc.reports = r.reports
	sc.static = r.static
	return sc
}

// end gives sc back to the pool. After a panic nobody calls it: what was being
// done with the scan may be half done, and the next text must not meet it.
func (r *Redactor) end(sc *scan) {
	sc.release()
	r.scans.Put(sc)
}

// failClosed turns a panic into ErrPanic. The panic's own text may quote
// content, so only its type is kept.
func failClosed(err *error) {
	if v := recover(); v != nil {
		if held, ok := v.(heldError); ok {
			*err = held.error
			return
		}
		*err = fmt.Errorf("%w: %T", ErrPanic, v)
	}
}

// others drops from kept what was replaced after all, and what is there twice.
func others(kept, edits []edit) []edit {
	if len(kept) == 0 {
		return nil
	}
	seen := map[place]bool{}
	for _, e := range edits {
		seen[placeOf(e)] = true
	}
	return slices.DeleteFunc(kept, func(k edit) bool {
		twice := seen[placeOf(k)]
		seen[placeOf(k)] = true
		return twice
	})
}

// A place tells findings apart.
type place struct {
	typ, detector string
	start, end    int
}

func placeOf(e edit) place { return place{e.typ, e.name, e.start, e.end} }

func findings(edits []edit) []Finding {
	if len(edits) == 0 {
		return nil
	}
	fs := make([]Finding, len(edits))
	for i, e := range edits {
		fs[i] = Finding{e.typ, e.name, e.version, e.op, e.source, e.near, e.also, e.start, e.end, e.outStart, e.outEnd}
	}
	return fs
}

// A clock says when a call must end. It lives no longer than the call.
type clock struct {
	ctx      context.Context
	timeout  time.Duration
	deadline time.Time // set at the first look: most calls end before
	work     int       // bytes and candidates since the last look at the time
}

// workPerLook keeps looks at the time some ten microseconds apart.
const workPerLook = 1 << 14

// spend accounts for n units of work, about a nanosecond each.
func (c *clock) spend(n int) error {
	if c.work += n; c.work < workPerLook {
		return nil
	}
	return c.look()
}

// look reports whether the call must end.
func (c *clock) look() error {
	c.work = 0
	if err := c.ctx.Err(); err != nil {
		return err
	}
	now := time.Now() //nolint:forbidigo // bounds the call; nothing keeps it
	if c.deadline.IsZero() {
		c.deadline = now.Add(c.timeout)
	}
	if now.After(c.deadline) {
		return ErrTimeout
	}
	return nil
}
