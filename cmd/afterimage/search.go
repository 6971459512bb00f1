package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

type searchCmd struct {
	Filter    string        `placeholder:"CEL" help:"A condition over the event, in CEL; fields as in docs/event.schema.json."`
	Text      *string       `placeholder:"TEXT" help:"What its texts say: words, \"exact phrases\", begin*, -not."`
	In        []string      `placeholder:"KIND" enum:"input,output,shown,tool,retrieved,comment" help:"Which texts --text looks into: input, output, shown, tool, retrieved, comment (default all)."`
	Since     string        `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until     string        `placeholder:"T" help:"Only events before this."`
	Limit     *int          `placeholder:"N" help:"At most this many; 0 for all (default 50)."`
	Order     string        `enum:"newest,oldest,log," default:"" placeholder:"ORDER" help:"newest or oldest first, or as the log has them (default newest; log with --limit 0, which is the fastest way to read everything)."`
	Count     bool          `help:"Print only how many there are."`
	Explain   bool          `help:"Say how the answer was found: what was looked up, and how much was opened."`
	Timeout   time.Duration `placeholder:"D" help:"End after this long, with what was found so far (e.g. 10s)."`
	PageToken string        `placeholder:"TOKEN" help:"Go on from the nextPageToken of a search before, which must have been the same."`
	format
	storeFlag
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
    afterimage search --text '"wire transfer" -refund account*' --in output --in shown
    afterimage search --filter 'source.deployment == "medical-triage"' --count

In texts, case, diacritics and punctuation make no difference: "e-mail" finds E-Mail and e mail. All that
is looked for must be said somewhere in an event, and a phrase in one piece. What begins with a minus is
written --text='-refund transfer'.

With -o json: one document {"events":[...],"nextPageToken":""}, each event on a line of its own; with
--text also "matches", where each says it, and with --explain "explanation". nextPageToken is empty
unless --limit or --timeout cut the search short.`
}

// Run prints as the store finds.
func (c *searchCmd) Run(ctx context.Context, s streams) error {
	request, err := c.request(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	if c.Count {
		return c.count(ctx, store, request, s)
	}
	out := bufio.NewWriter(s.out)
	var p printer
	if c.json() {
		p = &jsonPrinter{out: out}
	} else {
		p = newTablePrinter(out, s.out, func() string { return c.why(ctx, store, request) })
	}
	if err := c.find(ctx, store, request, p, out); err != nil {
		return err
	}
	return out.Flush()
}

func (c *searchCmd) request(now time.Time) (client.SearchRequest, error) {
	text, err := given("--text", c.Text)
	if err != nil {
		return client.SearchRequest{}, err
	}
	r := client.SearchRequest{Filter: c.Filter, Text: text, Explain: c.Explain, Timeout: c.Timeout}
	switch {
	case !c.Count:
		r.Order, r.Limit, r.After, r.Snippets = c.order(), c.limit(), c.PageToken, text != ""
	case c.Limit != nil || c.PageToken != "":
		return r, usage("--count counts all: it goes without --limit and --page-token")
	}
	for _, kind := range c.In {
		r.In = append(r.In, pb.TextKind(pb.TextKind_value["TEXT_"+strings.ToUpper(kind)]))
	}
	if c.limit() < 0 {
		return r, usage("--limit %d: give 0 for all, or a number of events", c.limit())
	}

	r.Since, r.Until, err = parseTimes(c.Since, c.Until, now)
	return r, err
}

func (c *searchCmd) order() string {
	switch {
	case c.Order == "oldest":
		return client.OldestFirst
	case c.Order == "log", c.Order == "" && c.limit() == 0:
		return client.LogOrder
	}
	return client.NewestFirst
}

// limit is how many events are wanted, 0 for all.
func (c *searchCmd) limit() int {
	if c.Limit != nil {
		return *c.Limit
	}
	return 50
}

// A printer prints what a search finds: as a table or as JSON.
type printer interface {
	event(e *pb.Event, m *pb.Match) error // m: where it says what was looked for; nil: nothing was
	end(client.End) error
}

// find hands on what the store finds.
func (c *searchCmd) find(ctx context.Context, store *client.Client, r client.SearchRequest, p printer, out *bufio.Writer) error {
	var end client.End
	r.Ended = func(e client.End) { end = e }
	shown := time.Now()
	for found, err := range store.Search(ctx, event.Tenant(c.Tenant), r) {
		if errors.Is(err, client.ErrTimedOut) {
			break // The end says so.
		}
		if err != nil {
			return c.explain(err)
		}
		if err := p.event(found.Event, found.Match); err != nil {
			return err
		}
		if time.Since(shown) > 100*time.Millisecond { // Somebody may be waiting.
			shown = time.Now()
			if err := out.Flush(); err != nil {
				return err
			}
		}
	}
	return p.end(end)
}

// count prints how many events there are.
func (c *searchCmd) count(ctx context.Context, store *client.Client, r client.SearchRequest, s streams) error {
	bar := newProgress(s.err, "counting", "events")
	defer bar.stop()
	n, err := store.Count(ctx, event.Tenant(c.Tenant), r, func(n *pb.CountEventsResponse) {
		bar.setNote(uint64(n.GetDoneBlocks()), uint64(n.GetBlocks()), fmt.Sprintf("%d so far", n.GetCount()))
	})
	bar.stop()
	if err != nil && !errors.Is(err, client.ErrTimedOut) {
		return c.explain(err)
	}
	if err == nil && n.GetCount() == 0 && !c.json() {
		if why := c.why(ctx, store, r); why != "" {
			fmt.Fprintln(s.err, "no events"+why)
		}
	}
	return c.printCount(n, s)
}

// why says of a search that found nothing what is the matter, where that is cheap to
// tell: that the tenant has nothing at all, or nothing of the time.
func (c *searchCmd) why(ctx context.Context, store *client.Client, r client.SearchRequest) string {
	at := func(order string) (at time.Time) {
		for found, err := range store.Search(ctx, event.Tenant(c.Tenant), client.SearchRequest{Order: order, Limit: 1, Fields: []string{"time"}}) {
			if err == nil {
				at = found.Event.GetTime().AsTime()
			}
		}
		return at
	}
	newest := at(client.NewestFirst)
	switch oldest := at(client.OldestFirst); {
	case newest.IsZero() || oldest.IsZero():
		return fmt.Sprintf(": tenant %s has none", visible(c.Tenant))
	case r.Since.After(newest), !r.Until.IsZero() && !r.Until.After(oldest):
		return fmt.Sprintf(": those of tenant %s are from %s to %s", visible(c.Tenant), oldest.Format(time.RFC3339), newest.Format(time.RFC3339))
	}
	return ""
}

func (c *searchCmd) printCount(n *pb.CountEventsResponse, s streams) error {
	if c.json() {
		text, err := compactJSON(n)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%s\n", text)
		return err
	}
	if _, err := fmt.Fprintln(s.out, n.GetCount()); err != nil {
		return err
	}
	if n.GetTimedOut() {
		fmt.Fprintln(s.err, "the time was up: there may be more")
	}
	return printExplanation(s.err, n.GetExplanation())
}

// printExplanation prints how an answer was found, if it is known.
func printExplanation(w io.Writer, x *pb.Explanation) error {
	if x == nil {
		return nil
	}
	or := func(what []string) string {
		if len(what) == 0 {
			return "nothing"
		}
		return visible(strings.Join(what, ", "))
	}
	_, err := fmt.Fprintf(w, `looked up   %s
looked at   %s
blocks      %d: %d left out for time, class or terms, %d for words
opened      %d meta sections, %d text sections, %d bytes
events      %d examined, %d matched, in %v
`, or(x.GetPushedDown()), or(x.GetEvaluated()), x.GetBlocks(), x.GetBlocksSkipped(), x.GetBlocksFiltered(),
		x.GetMetasOpened(), x.GetTextsOpened(), x.GetBytesOpened(), x.GetEventsExamined(), x.GetEventsMatched(), x.GetElapsed().AsDuration().Round(10*time.Microsecond))
	return err
}

// A jsonPrinter prints one document, an event a line.
type jsonPrinter struct {
	out     *bufio.Writer
	n       int
	matches []*pb.Match
}

func (p *jsonPrinter) event(e *pb.Event, m *pb.Match) error {
	if m != nil {
		p.matches = append(p.matches, m)
	}
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

func (p *jsonPrinter) end(last client.End) error {
	if p.n == 0 {
		fmt.Fprint(p.out, `{"events":[`)
	} else {
		fmt.Fprintln(p.out)
	}
	fmt.Fprintf(p.out, `],"nextPageToken":%q`, last.Next)
	if last.TimedOut {
		fmt.Fprint(p.out, `,"timedOut":true`)
	}
	for i, m := range p.matches {
		text, err := compactJSON(m)
		if err != nil {
			return err
		}
		before := ",\n"
		if i == 0 {
			before = ",\"matches\":[\n"
		}
		fmt.Fprintf(p.out, "%s%s", before, text)
	}
	if len(p.matches) > 0 {
		fmt.Fprint(p.out, "\n]")
	}
	if x := last.Explanation; x != nil {
		text, err := compactJSON(x)
		if err != nil {
			return err
		}
		fmt.Fprintf(p.out, `,"explanation":%s`, text)
	}
	_, err := fmt.Fprintln(p.out, "}")
	return err
}

// A tablePrinter prints an event a line, cut to the terminal's width.
type tablePrinter struct {
	out   io.Writer
	style style
	text  int           // characters for the text
	why   func() string // there are none
	n     int
}

func newTablePrinter(out, terminalOf io.Writer, why func() string) *tablePrinter {
	p := &tablePrinter{out: out, style: styleFor(terminalOf), text: 80, why: why}
	if width, ok := terminal(terminalOf); ok {
		p.text = max(24, width-len(tableHeader)+len("TEXT"))
	}
	return p
}

const tableHeader = "TIME                 SEQ     SESSION               USER                 MODEL             CLASS     VERDICTS                  TEXT"

func (p *tablePrinter) event(e *pb.Event, m *pb.Match) error {
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
		p.said(e, m))
	return err
}

// said is what a person would recognise the event by: what was looked for, if it
// is known where it stands, else how it begins.
func (p *tablePrinter) said(e *pb.Event, m *pb.Match) string {
	if len(m.GetSnippets()) == 0 {
		return p.style.content("", oneLine(summary(e), p.text))
	}
	var b strings.Builder
	left := p.text
	for i, segment := range m.GetSnippets()[0].GetSegments() {
		text := []rune(visible(oneSpace(segment.GetText())))
		if before := p.text / 3; i == 0 && !segment.GetMatch() && len(text) > before { // The end of it is what is near.
			text = append([]rune("…"), text[len(text)-before:]...)
		}
		if len(text) > left {
			text = append(text[:max(left-1, 0)], '…')
		}
		left -= len(text)
		if segment.GetMatch() {
			b.WriteString(p.style.paint(bold+";"+yellow, string(text)))
		} else {
			b.WriteString(p.style.content("", string(text)))
		}
		if left <= 0 {
			break
		}
	}
	return strings.TrimSpace(b.String())
}

// oneSpace has one space for each stretch of blanks.
func oneSpace(text string) string { return blanks.ReplaceAllString(text, " ") }

var blanks = regexp.MustCompile(`\s+`)

func (p *tablePrinter) end(last client.End) error {
	text := fmt.Sprintf("%d events", p.n)
	switch p.n {
	case 0:
		if text = "no events"; !last.TimedOut {
			text += p.why()
		}
	case 1:
		text = "1 event"
	}
	switch {
	case last.TimedOut:
		text += "; the time was up: to go on, the same with --page-token " + last.Next
	case last.Next != "":
		text += "; there are more: give --limit 0 for all, or --filter, --since, --until for fewer"
	}
	if _, err := fmt.Fprintln(p.out, p.style.paint(dim, text)); err != nil {
		return err
	}
	return printExplanation(p.out, last.Explanation)
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
	}
	return ledgerSummary(e)
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
