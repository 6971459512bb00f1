package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/view"
)

type replayCmd struct {
	Session    string        `arg:"" help:"The session: its id, from the column SESSION of afterimage search."`
	Speed      float64       `default:"0" placeholder:"N" help:"How fast: 1 is the original pace, 2 twice that, 0.5 half of it, 0 everything at once (default 0)."`
	Pause      time.Duration `default:"5s" placeholder:"D" help:"With --speed: the longest pause between two events; longer ones are cut short (default ${default}; 0 for none)."`
	AsOf       *uint64       `placeholder:"SEQ" help:"As it was known when the log had so many events: only what lies before this position, the column SEQ of afterimage search."`
	View       string        `enum:"user,model,both," default:"" placeholder:"WHOSE" help:"Through whose eyes: user (what they wrote and saw), model (what it was given and generated), or both (default user)."`
	Full       bool          `help:"Show tools, documents, reasoning and system prompts whole, however long."`
	Neighbours bool          `help:"List the sessions beside it instead: of the same user, and with the same prompt."`
	HTML       bool          `name:"html" help:"Print one HTML page that opens offline instead, with both views unless --view says otherwise."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (replayCmd) Help() string {
	return `Prints a session in the order in which it happened: what the user wrote, what the model
answered, where a filter changed what the user saw, and reports. What the user could not see, such
as text that was replaced and verdicts that came later, is left out unless you give --view both.
There, what was generated and not shown is struck, and what was shown and not generated stands
out; without colour it is [-struck-] and {+new+}. Redacted values stand as [EMAIL:k7m2qa5d3hx4]:
the same value is the same token everywhere. Control characters in evidence are spelled out (␛),
so that a transcript cannot take over your terminal.

While it plays on a terminal: space pauses and goes on, n goes to the next event, q ends.

    afterimage replay c-17
    afterimage replay c-17 --view both          what was generated beside what was shown
    afterimage replay c-17 --speed 1            at the pace at which the user saw it
    afterimage replay c-17 --as-of 1000         only what lies before position 1000
    afterimage replay c-17 --neighbours         what to look at next
    afterimage replay c-17 --html > c-17.html   for a browser, on paper, for somebody without Afterimage
    afterimage replay c-17 -o json              a frame a line`
}

// Run replays the session as it streams in, or lists what lies beside it.
func (c *replayCmd) Run(ctx context.Context, s streams) error {
	if err := c.check(); err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	switch {
	case c.Neighbours:
		return c.neighbours(ctx, store, s)
	case c.HTML:
		return view.Write(s.out, view.About{
			Tenant: c.Tenant, Session: c.Session, View: c.view(), AsOf: c.AsOf, Made: time.Now(),
		}, c.frames(ctx, store, 0))
	case c.json():
		return c.print(ctx, store, s)
	}
	return c.show(ctx, cancel, store, s)
}

func (c *replayCmd) check() error {
	switch {
	case c.Session == "":
		return usage("the session is empty: give its id, from the column SESSION of afterimage search")
	case c.Speed < 0 || math.IsNaN(c.Speed) || math.IsInf(c.Speed, 0):
		return usage("--speed %g: give 0 or a positive number", c.Speed)
	case c.Pause < 0:
		return usage("--pause %v: give 0 or a duration such as 5s", c.Pause)
	case c.HTML && (c.Speed > 0 || c.json() || c.Neighbours):
		return usage("--html prints a page: leave --speed, -o and --neighbours out")
	case c.Neighbours && c.AsOf != nil:
		return usage("--neighbours lists what is known now: leave --as-of out")
	}
	return nil
}

// view is whose eyes the replay looks through.
func (c *replayCmd) view() pb.View {
	switch {
	case c.View == "model":
		return pb.View_MODEL
	case c.View == "both", c.View == "" && c.HTML:
		return pb.View_BOTH
	}
	return pb.View_USER
}

// frames asks for the session at a speed and yields it as it comes.
func (c *replayCmd) frames(ctx context.Context, store *client.Client, speed float64) iter.Seq2[*pb.Frame, error] {
	r := client.ReplayRequest{Speed: speed, View: c.view()}
	if c.AsOf != nil {
		r.AsOf = new(event.Seq(*c.AsOf))
	}
	return func(yield func(*pb.Frame, error) bool) {
		for f, err := range store.Replay(ctx, event.Tenant(c.Tenant), c.Session, r) {
			if !yield(f, c.missing(err)) {
				return
			}
		}
	}
}

// print prints a frame a line, at the pace of the store.
func (c *replayCmd) print(ctx context.Context, store *client.Client, s streams) error {
	out := bufio.NewWriter(s.out)
	for f, err := range c.frames(ctx, store, c.Speed) {
		if err != nil {
			return errors.Join(err, out.Flush())
		}
		text, err := compactJSON(f)
		if err != nil {
			return err
		}
		if _, err := out.Write(append(text, '\n')); err != nil {
			return err
		}
		if c.Speed > 0 { // at once only if somebody waits to see it
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return out.Flush()
}

// show prints a transcript: at once, or at its pace. That is kept here and not
// by the store, so that it can be paused.
func (c *replayCmd) show(ctx context.Context, interrupt func(), store *client.Client, s streams) error {
	frames := c.frames(ctx, store, 0)
	to, hint := s.out, ""
	if c.Speed > 0 {
		keys, restore := listen(s.in, s.out, interrupt)
		defer restore()
		if keys != nil {
			to, hint = rawWriter{s.out}, "space: pause and go on · n: next event · q: end"
		}
		frames = ahead(ctx, func(ctx context.Context) iter.Seq2[*pb.Frame, error] { return c.frames(ctx, store, 0) })
		frames = (&playback{speed: c.Speed, longest: c.Pause, keys: keys}).play(ctx, frames)
	}
	out := bufio.NewWriter(to)
	t := newTranscript(out, s.out, c.Full)
	if hint != "" {
		fmt.Fprintln(out, t.sheet.style.paint(dim, hint)+"\n")
	}
	err := c.transcribe(frames, t, out)
	return errors.Join(err, t.end(), out.Flush())
}

func (c *replayCmd) transcribe(frames iter.Seq2[*pb.Frame, error], t *transcript, out *bufio.Writer) error {
	for f, err := range frames {
		if err != nil {
			return err
		}
		if err := t.frame(f); err != nil {
			return err
		}
		if c.Speed > 0 { // at once only if somebody waits to see it
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing is explain, which says what there is none of.
func (c *replayCmd) missing(err error) error {
	explained := c.explain(err)
	if errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrErased) {
		return fmt.Errorf("session %s of tenant %s: %w", visible(c.Session), visible(c.Tenant), explained)
	}
	return explained
}
