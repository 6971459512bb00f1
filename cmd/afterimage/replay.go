package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type replayCmd struct {
	Session string  `arg:"" help:"The session."`
	Speed   float64 `default:"0" placeholder:"N" help:"1 is the original pace, 2 twice that, 0 everything at once (default 0)."`
	AsOf    *uint64 `placeholder:"SEQ" help:"Only what lies before this position of the log."`
	View    string  `enum:"user,model,both" default:"user" help:"Whose eyes: user (what they wrote and saw), model (what it was given and generated), or both."`
	format
	client
	tenantFlag
}

// Help implements kong's HelpProvider.
func (replayCmd) Help() string {
	return `Prints a session in the order in which it happened: what the user wrote, what the model
answered, where a filter changed what the user saw, and reports. What the user could not see, such
as text that was replaced and verdicts that came later, is left out unless you give --view both.
Redacted values
stand as [EMAIL:k7m2qa5d3hx4]: the same value is the same token everywhere. Control characters in
evidence are spelled out (␛), so that a transcript cannot take over your terminal.

    afterimage replay c-17
    afterimage replay c-17 --view both          what was generated beside what was shown
    afterimage replay c-17 --speed 1            at the pace at which the user saw it
    afterimage replay c-17 --as-of 1000         only what lies before position 1000
    afterimage replay c-17 -o json              a frame a line`
}

// Run replays the session as it streams in.
func (c *replayCmd) Run(ctx context.Context, s streams) error {
	if c.Session == "" {
		return usage("the session is empty: give its id, from the column SESSION of afterimage search")
	}
	if c.Speed < 0 || math.IsNaN(c.Speed) || math.IsInf(c.Speed, 0) {
		return usage("--speed %g: give 0 or a positive number", c.Speed)
	}
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	stream, err := pb.NewSessionServiceClient(conn).ReplaySession(ctx, &pb.ReplaySessionRequest{
		Tenant: c.Tenant, Session: c.Session, Speed: c.Speed, AsOf: c.AsOf,
		View: map[string]pb.View{"user": pb.View_USER, "model": pb.View_MODEL, "both": pb.View_BOTH}[c.View],
	})
	if err != nil {
		return c.explain(err)
	}
	out := bufio.NewWriter(s.out)
	show := frameJSON(out)
	if !c.json() {
		show = newTranscript(out, styleFor(s.out)).frame
	}
	for {
		f, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			if _, err := fmt.Fprint(out, strings.Repeat("\n", c.endings())); err != nil {
				return err
			}
			return out.Flush()
		}
		if err != nil {
			return errors.Join(c.missing(err), out.Flush())
		}
		if err := show(f); err != nil {
			return err
		}
		if c.Speed > 0 { // at once only if somebody waits to see it
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
}

// missing is explain, which says what there is none of.
func (c *replayCmd) missing(err error) error {
	explained := c.explain(err)
	if status.Code(err) != codes.NotFound {
		return explained
	}
	return fmt.Errorf("session %s of tenant %s: %w", visible(c.Session), visible(c.Tenant), explained)
}

// endings is how many line ends are missing after the last frame.
func (c *replayCmd) endings() int {
	if c.json() {
		return 0
	}
	return 1
}

func frameJSON(out io.Writer) func(*pb.Frame) error {
	return func(f *pb.Frame) error {
		text, err := compactJSON(f)
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	}
}

// A transcript prints frames for people.
type transcript struct {
	out   io.Writer
	style style
	event string // of the frame before
	any   bool   // there was one
}

func newTranscript(out io.Writer, s style) *transcript { return &transcript{out: out, style: s} }

// margin is how wide the labels are.
const margin = 12

func (t *transcript) frame(f *pb.Frame) error {
	if f.GetContinued() {
		return t.print(t.style.content(t.colour(f), indent(f.GetText())))
	}
	if !t.any || f.GetEvent() != t.event {
		if err := t.header(f); err != nil {
			return err
		}
	}
	t.event = f.GetEvent()
	return t.print("\n" + t.label(f) + t.body(f))
}

func (t *transcript) header(f *pb.Frame) error {
	text := fmt.Sprintf("── turn %d · %s · seq %d ", f.GetTurn(), f.GetTime().AsTime().Format(time.DateTime), f.GetSeq())
	if f.GetTurn() == 0 {
		text = fmt.Sprintf("── %s · seq %d ", f.GetTime().AsTime().Format(time.DateTime), f.GetSeq())
	}
	lead := "\n\n"
	if !t.any {
		lead, t.any = "", true
	}
	return t.print(lead + t.style.paint(bold, text+strings.Repeat("─", 20)))
}

func (t *transcript) print(text string) error {
	_, err := io.WriteString(t.out, text)
	return err
}

// colour tells who speaks and whether the user could see it.
func (t *transcript) colour(f *pb.Frame) string {
	switch {
	case f.GetKind() == pb.Frame_GENERATED && !f.GetSeen():
		return struck
	case f.GetKind() == pb.Frame_INPUT && f.GetRole() == "user":
		return cyan
	case f.GetKind() == pb.Frame_SHOWN, f.GetKind() == pb.Frame_GENERATED && f.GetContent() == pb.Frame_TEXT:
		return green
	case f.GetKind() == pb.Frame_INTERVENTION, f.GetKind() == pb.Frame_VERDICT:
		return yellow
	case f.GetKind() == pb.Frame_REPORT, f.GetKind() == pb.Frame_ACTION:
		return red
	}
	return dim
}

// label says who speaks, or what happened.
func (t *transcript) label(f *pb.Frame) string {
	name := f.GetRole()
	switch f.GetKind() {
	case pb.Frame_RETRIEVED:
		name = "retrieved"
	case pb.Frame_GENERATED:
		name = cmp.Or(name, "assistant")
	case pb.Frame_SHOWN:
		name = "SHOWN"
	case pb.Frame_VERDICT:
		name = "verdict"
	case pb.Frame_INTERVENTION:
		name = "FILTER"
	case pb.Frame_REPORT:
		name = "REPORT"
	case pb.Frame_ACTION:
		name = "ACTION"
	}
	return t.style.paint(bold+";"+t.colour(f), pad(name, margin-2)) + "  "
}

// body is what was said, or what happened, in words.
func (t *transcript) body(f *pb.Frame) string {
	text := t.style.content(t.colour(f), indent(f.GetText()))
	switch f.GetKind() {
	case pb.Frame_VERDICT, pb.Frame_INTERVENTION:
		return t.style.paint(t.colour(f), verdictText(f.GetVerdict())) + space(text)
	case pb.Frame_REPORT:
		return t.style.paint(red, visible(fmt.Sprintf("by %s: %s", f.GetReporter(), f.GetCategory()))) + space(text)
	case pb.Frame_ACTION:
		return t.style.paint(red, visible(strings.TrimSpace(f.GetCategory()+" "+f.GetName()))) + space(text)
	}
	switch f.GetContent() {
	case pb.Frame_TOOL_CALL:
		text = t.style.paint(purple, "calls "+visible(f.GetTool())) + space(text)
	case pb.Frame_TOOL_RESULT, pb.Frame_TOOL_ERROR, pb.Frame_REASONING:
		text = t.style.paint(purple, strings.ToLower(strings.ReplaceAll(f.GetContent().String(), "_", " "))+":") + space(text)
	case pb.Frame_BLOB:
		b := f.GetBlob()
		text = t.style.paint(purple, visible(fmt.Sprintf("[%s, %d bytes, %s]", b.GetMediaType(), b.GetSize(), b.GetUri())))
	}
	if f.GetKind() == pb.Frame_GENERATED && !f.GetSeen() {
		text = t.style.paint(bold+";"+red, "not shown to the user:") + space(text)
	}
	return text
}

func verdictText(v *pb.Verdict) string {
	text := fmt.Sprintf("%s scored %.2f", v.GetCategory(), v.GetScore())
	if v.Threshold != nil {
		text += fmt.Sprintf(" (acts from %.2f)", v.GetThreshold())
	}
	if by := strings.TrimSpace(v.GetClassifier().GetName() + " " + v.GetClassifier().GetVersion()); by != "" {
		text += " by " + by
	}
	if v.GetAction() != pb.Verdict_ACTION_UNSPECIFIED {
		text = v.GetAction().String() + ": " + text
	}
	return visible(text)
}

func space(text string) string {
	if text == "" {
		return ""
	}
	return " " + text
}

// indent sets the lines after the first under it.
func indent(text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", margin))
}
