package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

type searchCmd struct {
	Filter string `placeholder:"CEL" help:"A condition over the event, in CEL; fields as in docs/event.schema.json."`
	Text   string `placeholder:"TEXT" hidden:"" help:"Words the event must contain. The store does not offer this yet."`
	Since  string `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until  string `placeholder:"T" help:"Only events before this."`
	Limit  *int   `placeholder:"N" help:"At most this many; 0 for all (default 50)."`
	Order  string `enum:"newest,oldest,log," default:"" help:"newest or oldest first, or as the log has them (default newest; log with --limit 0, which is the fastest way to read everything)."`
	Count  bool   `help:"Print only how many there are (all of them, unless --limit is given)."`
	format
	client
	tenantFlag
}

// Help implements kong's HelpProvider.
func (searchCmd) Help() string {
	return `Conditions are CEL over the fields of an event. A user is found by the id that the service
knows, or by the whole pseudonym that the store keeps, brackets included. Times are UTC.

    afterimage search --since 2h
    afterimage search --filter 'user == "alice@example.com"'
    afterimage search --filter 'user == "[USER:k7m2qa5d3hx4]"'
    afterimage search --filter 'interaction.model.name == "gpt-4o" && interaction.verdicts.exists(v, v.action == "REPLACED")'
    afterimage search --filter 'session == "c-17"' --order oldest -o json
    afterimage search --filter 'source.deployment == "medical-triage"' --count

With -o json: one document {"events":[...],"nextPageToken":""}, each event on a line of its own.
nextPageToken is empty unless --limit cut the search short.`
}

// maxPage is the most events that the store returns at once.
const maxPage = 1000

// Run searches page by page and prints as it goes.
func (c *searchCmd) Run(ctx context.Context, s streams) error {
	request, err := c.request(time.Now())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	var p printer
	switch {
	case c.Count:
		p = &countPrinter{out: out}
	case c.json():
		p = &jsonPrinter{out: out}
	default:
		p = newTablePrinter(out, s.out)
	}
	if err := c.pages(ctx, request, p, out); err != nil {
		return err
	}
	return out.Flush()
}

func (c *searchCmd) request(now time.Time) (*pb.SearchEventsRequest, error) {
	r := &pb.SearchEventsRequest{Tenant: c.Tenant, Filter: c.Filter, Text: c.Text, OrderBy: c.orderBy()}
	if c.Count {
		r.ReadMask = &fieldmaskpb.FieldMask{Paths: []string{"seq"}}
	}
	if c.limit() < 0 {
		return nil, usage("--limit %d: give 0 for all, or a number of events", c.limit())
	}
	for _, bound := range []struct {
		text string
		to   **timestamppb.Timestamp
	}{{c.Since, &r.Since}, {c.Until, &r.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := parseTime(bound.text, now)
		if err != nil {
			return nil, err
		}
		*bound.to = timestamppb.New(t)
	}
	return r, nil
}

func (c *searchCmd) orderBy() string {
	switch {
	case c.Order == "oldest":
		return "time"
	case c.Order == "log", c.Order == "" && c.limit() == 0:
		return "seq"
	}
	return "time desc"
}

// limit is how many events are wanted, 0 for all.
func (c *searchCmd) limit() int {
	switch {
	case c.Limit != nil:
		return *c.Limit
	case c.Count:
		return 0
	}
	return 50
}

// A printer prints what a search finds. There are three: as a table, as JSON,
// and as a number.
type printer interface {
	event(e *pb.Event) error
	end(nextPageToken string) error
}

func (c *searchCmd) pages(ctx context.Context, r *pb.SearchEventsRequest, p printer, out *bufio.Writer) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	events := pb.NewEventServiceClient(conn)
	limit := c.limit()
	for left := limit; ; {
		r.PageSize = maxPage
		if limit > 0 {
			r.PageSize = int32(min(left, maxPage))
		}
		page, err := events.SearchEvents(ctx, r)
		if err != nil {
			return c.explain(err)
		}
		for _, e := range page.GetEvents() {
			if err := p.event(e); err != nil {
				return err
			}
		}
		r.PageToken = page.GetNextPageToken()
		left -= len(page.GetEvents())
		if r.PageToken == "" || limit > 0 && left <= 0 {
			return p.end(r.PageToken)
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
}

// A countPrinter prints how many there were.
type countPrinter struct {
	out io.Writer
	n   int
}

func (p *countPrinter) event(*pb.Event) error { p.n++; return nil }

func (p *countPrinter) end(string) error {
	_, err := fmt.Fprintln(p.out, p.n)
	return err
}

// A jsonPrinter prints one document, an event a line.
type jsonPrinter struct {
	out *bufio.Writer
	n   int
}

func (p *jsonPrinter) event(e *pb.Event) error {
	text, err := compactJSON(e)
	if err != nil {
		return err
	}
	if p.n++; p.n == 1 {
		_, err = p.out.WriteString("{\"events\":[\n")
	} else {
		_, err = p.out.WriteString(",\n")
	}
	if err != nil {
		return err
	}
	_, err = p.out.Write(text)
	return err
}

func (p *jsonPrinter) end(token string) error {
	if p.n == 0 {
		_, err := fmt.Fprintf(p.out, "{\"events\":[],\"nextPageToken\":%q}\n", token)
		return err
	}
	_, err := fmt.Fprintf(p.out, "\n],\"nextPageToken\":%q}\n", token)
	return err
}

// A tablePrinter prints an event a line, cut to the terminal's width.
type tablePrinter struct {
	out   io.Writer
	style style
	text  int // characters for the text
	n     int
}

func newTablePrinter(out, terminalOf io.Writer) *tablePrinter {
	p := &tablePrinter{out: out, style: styleFor(terminalOf), text: 80}
	if width, ok := terminal(terminalOf); ok {
		p.text = max(24, width-len(tableHeader)+len("TEXT"))
	}
	return p
}

const tableHeader = "TIME                 SEQ     SESSION               USER                 MODEL             CLASS     VERDICTS                  TEXT"

func (p *tablePrinter) event(e *pb.Event) error {
	if p.n++; p.n == 1 {
		if _, err := fmt.Fprintln(p.out, p.style.paint(bold, tableHeader)); err != nil {
			return err
		}
	}
	in := e.GetInteraction()
	_, err := fmt.Fprintf(p.out, "%s  %s %s  %s  %s  %s  %s  %s\n",
		e.GetTime().AsTime().Format(time.DateTime),
		pad(fmt.Sprint(e.GetSeq()), 7),
		widen(oneLine(sessionOf(e), 256), 20), // never cut: it goes into replay
		pad(e.GetUser(), len("[USER:k7m2qa5d3hx4]")),
		pad(in.GetModel().GetName(), 16),
		pad(e.GetClass(), 8),
		p.style.paint(yellow, pad(verdicts(e), 24)),
		p.style.content("", oneLine(summary(e), p.text)))
	return err
}

func (p *tablePrinter) end(token string) error {
	text := fmt.Sprintf("%d events", p.n)
	switch p.n {
	case 0:
		text = "no events"
	case 1:
		text = "1 event"
	}
	if token != "" {
		text += "; there are more: give --limit 0 for all, or --filter, --since, --until for fewer"
	}
	_, err := fmt.Fprintln(p.out, p.style.paint(dim, text))
	return err
}

func sessionOf(e *pb.Event) string {
	if s := e.GetReport().GetSession(); s != "" {
		return s
	}
	return e.GetSession()
}

// verdicts names what classifiers caught in the event, or, for an event that
// is no interaction, what it is.
func verdicts(e *pb.Event) string {
	var words []string
	for _, v := range e.GetInteraction().GetVerdicts() {
		if v.GetAction() != pb.Verdict_ALLOWED {
			words = append(words, v.GetCategory()+actionSuffix(v.GetAction()))
		}
	}
	if kind := event.KindOf(e); kind != event.Interaction {
		words = append(words, "("+string(kind)+")")
	}
	return strings.Join(words, " ")
}

func actionSuffix(a pb.Verdict_Action) string {
	if a == pb.Verdict_ACTION_UNSPECIFIED {
		return ""
	}
	return ":" + a.String()
}

// summary is what a person would recognise the event by.
func summary(e *pb.Event) string {
	text := func(s string) string { // an empty one may have been taken away
		if s == "" && e.GetCapture().GetContent() == pb.Capture_DROPPED {
			return query.Dropped
		}
		return s
	}
	switch body := e.GetBody().(type) {
	case *pb.Event_Interaction:
		return text(interactionSummary(body.Interaction))
	case *pb.Event_Verdict:
		return fmt.Sprintf("%s%s %.2f on %s", body.Verdict.GetCategory(), actionSuffix(body.Verdict.GetAction()), body.Verdict.GetScore(), body.Verdict.GetTarget())
	case *pb.Event_Report:
		return body.Report.GetCategory() + ": " + text(body.Report.GetComment())
	case *pb.Event_Action:
		return body.Action.GetKind().String() + " " + body.Action.GetName() + ": " + text(body.Action.GetText())
	case *pb.Event_Coverage:
		var seen, captured uint64
		for _, s := range body.Coverage.GetStrata() {
			seen, captured = seen+s.GetSeen(), captured+s.GetCaptured()
		}
		return fmt.Sprintf("%d of %d interactions captured", captured, seen)
	case *pb.Event_PolicyApplied:
		return "policy " + body.PolicyApplied.GetVersion() + " came into force"
	case *pb.Event_Forgotten:
		return strings.ToLower(body.Forgotten.GetCause().String()) + ": events were forgotten " + body.Forgotten.GetRequest()
	case *pb.Event_Redacted:
		r := body.Redacted
		return fmt.Sprintf("redacted by %s: %d events, %s", r.GetActor(), len(r.GetEvents()), r.GetReason())
	case *pb.Event_Exported:
		return exportSummary(body.Exported)
	case *pb.Event_EpochBegan:
		return fmt.Sprintf("epoch %d of the keys began", body.EpochBegan.GetEpoch())
	case *pb.Event_Restored:
		return fmt.Sprintf("restored from a backup of %d events, %d fewer than there were", body.Restored.GetSize(), body.Restored.GetLost())
	}
	return ""
}

func interactionSummary(in *pb.Interaction) string {
	question := lastText(in.GetInput(), "user")
	answer := lastText(in.GetShown(), "")
	if answer == "" {
		answer = lastText(in.GetOutput(), "")
	}
	if question == "" || answer == "" {
		return question + answer
	}
	return oneLine(question, 48) + " → " + answer
}

// lastText is the last text that the role said; any role if empty.
func lastText(messages []*pb.Message, role string) string {
	for _, m := range slices.Backward(messages) {
		if role != "" && m.GetRole() != role {
			continue
		}
		for _, part := range m.GetParts() {
			if text := part.GetText(); text != "" {
				return text
			}
		}
	}
	return ""
}
