package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type similarCmd struct {
	Seq       *uint64 `placeholder:"SEQ" xor:"like" help:"Like the text of the event at this position."`
	ID        string  `placeholder:"ID" xor:"like" help:"Like the text of the event with this id."`
	Text      string  `placeholder:"TEXT" xor:"like" help:"Like this text."`
	File      string  `placeholder:"FILE" xor:"like" help:"Like the text in this file; - for standard input."`
	Cluster   bool    `xor:"like" help:"Instead, put the newest events that --filter, --since and --until select together by what they say."`
	Field     string  `enum:"output,input,shown,said" default:"said" help:"Which text of events: output (generated), shown, input (what the user said last), or said: output or shown (default said)."`
	Threshold float64 `placeholder:"SHARE" help:"How alike at least, 0.2 to 1 (default 0.4)."`
	Filter    string  `placeholder:"CEL" help:"Only events that match, as in afterimage search."`
	Since     string  `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until     string  `placeholder:"T" help:"Only events before this."`
	Limit     int     `placeholder:"N" help:"At most this many texts or clusters, 1 to 1000 (default 50)."`
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook.
func (c *similarCmd) Validate() error {
	if c.Seq == nil && c.ID == "" && c.Text == "" && c.File == "" && !c.Cluster {
		return errors.New("say what is looked for: --seq, --id, --text, --file or --cluster")
	}
	return nil
}

// Help implements kong's HelpProvider.
func (similarCmd) Help() string {
	return `Finds the variants of a whole text, not those that quote it: a passage out of longer texts is found
by afterimage search --text '"…"'. How alike two texts are is the share of pairs of neighbouring words
that both have among those that either has. Where every tenth word was replaced it is about 0.68,
where every fifth was, 0.48. Texts that are the same are one result, with how many events have it
and, where they were sampled, how many that stands for.

    afterimage similar --seq 4711
    afterimage similar --text 'take 500 mg of it with a glass of whisky' --threshold 0.3
    afterimage similar --file answer.txt --since 30d -o json
    afterimage similar --id e-17 --field input --filter 'source.deployment == "medical-triage"'
    afterimage similar --cluster --filter 'interaction.verdicts.exists(v, v.action == "FLAGGED")'

With -o json: the answer of the API, one document.`
}

// Run asks the store, and prints what it says.
func (c *similarCmd) Run(ctx context.Context, s streams) error {
	since, until, err := parseStamps(c.Since, c.Until, time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	out := bufio.NewWriter(s.out)
	if c.Cluster {
		err = c.clusters(ctx, store, since, until, out, styleFor(s.out))
	} else {
		err = c.texts(ctx, store, since, until, s.in, out, styleFor(s.out))
	}
	return errors.Join(err, out.Flush())
}

func (c *similarCmd) field() pb.FindSimilarEventsRequest_Field {
	return map[string]pb.FindSimilarEventsRequest_Field{
		"output": pb.FindSimilarEventsRequest_OUTPUT, "shown": pb.FindSimilarEventsRequest_SHOWN, "input": pb.FindSimilarEventsRequest_INPUT,
	}[c.Field]
}

// texts prints the texts that are alike.
func (c *similarCmd) texts(ctx context.Context, store *client.Client, since, until *timestamppb.Timestamp, in io.Reader, out io.Writer, style style) error {
	r := &pb.FindSimilarEventsRequest{
		Tenant: c.Tenant, Field: c.field(), Threshold: c.Threshold, Filter: c.Filter, Since: since, Until: until, MaxResults: int32(c.Limit),
	}
	switch {
	case c.Seq != nil:
		r.Like = &pb.FindSimilarEventsRequest_Seq{Seq: *c.Seq}
	case c.ID != "":
		r.Like = &pb.FindSimilarEventsRequest_Id{Id: c.ID}
	default:
		text, err := c.text(in)
		if err != nil {
			return err
		}
		r.Like = &pb.FindSimilarEventsRequest_Text{Text: text}
	}
	found, err := store.Similar(ctx, r)
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(out, found)
	}
	for i, t := range found.GetResults() {
		if i == 0 {
			fmt.Fprintln(out, style.paint(bold, "ALIKE  EVENTS   STANDS FOR  FIRST SEEN           SEQ      TEXT"))
		}
		fmt.Fprintf(out, "%5.2f  %s  %s  %s  %s  %s\n", t.GetSimilarity(), pad(fmt.Sprint(t.GetReach().GetEvents()), 7), standsFor(t.GetReach()),
			t.GetEvent().GetTime().AsTime().Format(time.DateTime), pad(fmt.Sprint(t.GetEvent().GetSeq()), 7), style.content("", oneLine(t.GetText(), 80)))
	}
	fmt.Fprintln(out, style.paint(dim, similarSummary(found)))
	if found.GetTexts() == 0 {
		fmt.Fprintln(out, "whole texts are compared: a passage out of longer ones is found by afterimage search --text "+phrase(r.GetText()))
	}
	return nil
}

// phrase is the text as search looks for it in one piece, for a shell; one that is
// too long, or not known, as dots.
func phrase(text string) string {
	if text == "" || len(text) > 200 {
		text = "…"
	}
	return quoted(visible(oneSpace(`"` + strings.TrimSpace(strings.ReplaceAll(text, `"`, " ")) + `"`)))
}

// text is the text that is looked for.
func (c *similarCmd) text(in io.Reader) (string, error) {
	if c.Text != "" {
		return c.Text, nil
	}
	var text []byte
	var err error
	if c.File == "-" {
		text, err = io.ReadAll(io.LimitReader(in, maxSimilar+1))
	} else {
		text, err = os.ReadFile(c.File)
	}
	if err != nil {
		return "", fmt.Errorf("read text: %w", err)
	}
	return strings.TrimRight(string(text), "\r\n"), nil
}

// maxSimilar is the longest text that the store takes, in bytes.
const maxSimilar = 1 << 20

// standsFor says how many events there were, as far as one knows.
func standsFor(r *pb.Reach) string {
	switch {
	case r.GetUnknownProbability() == r.GetEvents():
		return pad("unknown", 10)
	case r.GetUnknownProbability() > 0:
		return pad(fmt.Sprintf("%.0f + ?", r.GetWeightedEvents()), 10)
	}
	return pad(fmt.Sprintf("%.0f", r.GetWeightedEvents()), 10)
}

func similarSummary(found *pb.FindSimilarEventsResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d texts in %d events are alike by %.2g or more", found.GetTexts(), found.GetReach().GetEvents(), found.GetThreshold())
	if more := found.GetTexts() - uint64(len(found.GetResults())); more > 0 {
		fmt.Fprintf(&b, "; %d of them are not shown: give --limit", more)
	}
	fmt.Fprintf(&b, "; %d compared by sketch, %d word for word", found.GetCompared(), found.GetVerified())
	if found.GetIncomplete() {
		b.WriteString("; there were too many to look at them all: give a higher --threshold, or --filter, --since, --until")
	}
	return b.String()
}

// clusters prints the clusters of a search.
func (c *similarCmd) clusters(ctx context.Context, store *client.Client, since, until *timestamppb.Timestamp, out io.Writer, style style) error {
	found, err := store.Clusters(ctx, &pb.ClusterEventsRequest{
		Tenant: c.Tenant, Filter: c.Filter, Since: since, Until: until, Field: c.field(), Threshold: c.Threshold, MaxClusters: int32(c.Limit),
	})
	if err != nil {
		return c.explain(err)
	}
	if c.json() {
		return printJSON(out, found)
	}
	for i, of := range found.GetClusters() {
		if i == 0 {
			fmt.Fprintln(out, style.paint(bold, "EVENTS   STANDS FOR  TEXTS    ALIKE  FIRST SEEN           SEQ      TEXT"))
		}
		fmt.Fprintf(out, "%s  %s  %s  %5.2f  %s  %s  %s\n", pad(fmt.Sprint(of.GetReach().GetEvents()), 7), standsFor(of.GetReach()), pad(fmt.Sprint(of.GetTexts()), 7), of.GetLeastSimilarity(),
			of.GetEvent().GetTime().AsTime().Format(time.DateTime), pad(fmt.Sprint(of.GetEvent().GetSeq()), 7), style.content("", oneLine(of.GetText(), 80)))
	}
	fmt.Fprintln(out, style.paint(dim, clusterSummary(found)))
	return nil
}

func clusterSummary(found *pb.ClusterEventsResponse) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d clusters of %d events", found.GetCount(), found.GetReach().GetEvents())
	if n := found.GetWithoutText(); n > 0 {
		fmt.Fprintf(&b, ", %d of which have no such text", n)
	}
	if more := found.GetCount() - uint64(len(found.GetClusters())); more > 0 {
		fmt.Fprintf(&b, "; %d clusters are not shown: give --limit", more)
	}
	if found.GetMore() {
		b.WriteString("; older events were not looked at: give --filter, --since, --until")
	}
	return b.String()
}

// printJSON prints a message as one line.
func printJSON(out io.Writer, m proto.Message) error {
	text, err := compactJSON(m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", text)
	return err
}
