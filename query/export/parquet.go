package export

import (
	"io"
	"slices"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// A parquetRow is one event as analysts want it: flat, typed, and with its texts
// in columns that can be left unread. A column that an event has no value for is
// null, or empty where that means the same.
type parquetRow struct {
	Seq           uint64    `parquet:"seq,delta"`
	ID            string    `parquet:"id"`
	Kind          string    `parquet:"kind,dict"`
	Time          time.Time `parquet:"time,timestamp(microsecond)"`
	Received      time.Time `parquet:"received,timestamp(microsecond)"`
	Session       string    `parquet:"session,dict"`
	Turn          uint32    `parquet:"turn"`
	User          string    `parquet:"user,dict"`
	Class         string    `parquet:"class,dict"`
	PolicyVersion string    `parquet:"policy_version,dict"`

	Service     string `parquet:"source_service,dict"`
	Version     string `parquet:"source_version,dict"`
	Instance    string `parquet:"source_instance,dict"`
	Deployment  string `parquet:"source_deployment,dict"`
	Environment string `parquet:"source_environment,dict"`
	Region      string `parquet:"source_region,dict"`
	TraceID     string `parquet:"trace_id"`
	SpanID      string `parquet:"span_id"`

	Probability *float64 `parquet:"capture_probability,optional"`
	Rule        string   `parquet:"capture_rule,dict"`
	Trigger     string   `parquet:"capture_trigger,dict"`
	Sequence    uint64   `parquet:"capture_sequence"`
	Content     string   `parquet:"capture_content,dict"`
	Redactions  uint64   `parquet:"capture_redactions"` // values that were replaced

	Provider     string   `parquet:"model_provider,dict"`
	Model        string   `parquet:"model_name,dict"`
	ModelVersion string   `parquet:"model_version,dict"`
	FinishReason string   `parquet:"finish_reason,dict"`
	InputTokens  *uint64  `parquet:"input_tokens,optional"`
	OutputTokens *uint64  `parquet:"output_tokens,optional"`
	FirstTokenMS *float64 `parquet:"time_to_first_token_ms,optional"`
	DurationMS   *float64 `parquet:"duration_ms,optional"`

	// Of verdicts, within an interaction or late: place by place.
	Categories []string  `parquet:"verdict_categories,list"`
	Scores     []float64 `parquet:"verdict_scores,list"`
	Actions    []string  `parquet:"verdict_actions,list"`

	Target     string `parquet:"target,dict"`   // the id of the event that it is about
	Category   string `parquet:"category,dict"` // of a report
	Reporter   string `parquet:"reporter,dict"`
	ActionKind string `parquet:"action_kind,dict"`
	ActionName string `parquet:"action_name,dict"`

	Input     *string `parquet:"input_text,optional"`  // every message, oldest first
	Prompt    *string `parquet:"prompt_text,optional"` // the last message of the user
	Output    *string `parquet:"output_text,optional"` // what was generated
	Shown     *string `parquet:"shown_text,optional"`  // what the user was shown
	Retrieved *string `parquet:"retrieved_text,optional"`
	Comment   *string `parquet:"comment_text,optional"` // of a report
	Action    *string `parquet:"action_text,optional"`
}

// parquetTexts are the columns that may be long.
var parquetTexts = []string{"input_text", "prompt_text", "output_text", "shown_text", "retrieved_text", "comment_text", "action_text"}

// A parquetWriter writes events as rows, in groups that fit into memory.
type parquetWriter struct {
	out  *parquet.GenericWriter[parquetRow]
	rows int // of the group
	text int // bytes of the group's texts
}

// The sizes of a group of rows.
const (
	groupRows = 16 << 10
	groupText = 32 << 20
)

func newParquet(w io.Writer) *parquetWriter {
	options := []parquet.WriterOption{parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest}), parquet.CreatedBy("afterimage", "", "")}
	for _, text := range parquetTexts { // The least and the greatest text of a page would stand in full beside it.
		options = append(options, parquet.SkipPageStatistics(text), parquet.SkipPageBounds(text))
	}
	return &parquetWriter{out: parquet.NewGenericWriter[parquetRow](w, options...)}
}

func (p *parquetWriter) row(e *pb.Event) error {
	row := rowOf(e)
	if _, err := p.out.Write([]parquetRow{row}); err != nil {
		return err
	}
	p.rows++
	for _, text := range []*string{row.Input, row.Prompt, row.Output, row.Shown, row.Retrieved, row.Comment, row.Action} {
		if text != nil {
			p.text += len(*text)
		}
	}
	if p.rows < groupRows && p.text < groupText {
		return nil
	}
	p.rows, p.text = 0, 0
	return p.out.Flush()
}

func (p *parquetWriter) end() error { return p.out.Close() }

func rowOf(e *pb.Event) parquetRow {
	s, c := e.GetSource(), e.GetCapture()
	row := parquetRow{
		Seq: e.GetSeq(), ID: e.GetId(), Kind: string(event.KindOf(e)), Time: e.GetTime().AsTime(), Received: e.GetReceived().AsTime(),
		Session: e.GetSession(), Turn: e.GetTurn(), User: e.GetUser(), Class: e.GetClass(), PolicyVersion: e.GetPolicyVersion(),
		Service: s.GetService(), Version: s.GetVersion(), Instance: s.GetInstance(),
		Deployment: s.GetDeployment(), Environment: s.GetEnvironment(), Region: s.GetRegion(),
		TraceID: e.GetTrace().GetTraceId(), SpanID: e.GetTrace().GetSpanId(),
		Rule: c.GetRule(), Trigger: c.GetTrigger(), Sequence: c.GetSequence(),
	}
	if c != nil {
		row.Probability = c.Probability
	}
	if c.GetContent() != pb.Capture_CONTENT_UNSPECIFIED {
		row.Content = c.GetContent().String()
	}
	for _, r := range c.GetRedactions() {
		row.Redactions += uint64(r.GetCount())
	}
	row.body(e)
	return row
}

func (row *parquetRow) body(e *pb.Event) {
	switch body := e.GetBody().(type) {
	case *pb.Event_Interaction:
		row.interaction(body.Interaction)
	case *pb.Event_Verdict:
		row.Target = body.Verdict.GetTarget()
		row.verdicts([]*pb.Verdict{body.Verdict})
	case *pb.Event_Report:
		r := body.Report
		row.Target, row.Category, row.Reporter, row.Comment = r.GetTarget(), r.GetCategory(), r.GetReporter().String(), text(r.GetComment())
		if row.Session == "" {
			row.Session = r.GetSession()
		}
	case *pb.Event_Action:
		a := body.Action
		row.Target, row.ActionKind, row.ActionName, row.Action = a.GetTarget(), a.GetKind().String(), a.GetName(), text(a.GetText())
	}
}

func (row *parquetRow) interaction(in *pb.Interaction) {
	m := in.GetModel()
	row.Provider, row.Model, row.ModelVersion, row.FinishReason = m.GetProvider(), m.GetName(), m.GetVersion(), in.GetFinishReason()
	if u := in.GetUsage(); u != nil {
		row.InputTokens, row.OutputTokens = new(u.GetInputTokens()), new(u.GetOutputTokens())
	}
	if d := in.GetTimeToFirstToken(); d != nil {
		row.FirstTokenMS = new(float64(d.AsDuration()) / float64(time.Millisecond))
	}
	if d := in.GetDuration(); d != nil {
		row.DurationMS = new(float64(d.AsDuration()) / float64(time.Millisecond))
	}
	row.verdicts(in.GetVerdicts())
	row.Input, row.Output, row.Shown = textOf(in.GetInput(), true), textOf(in.GetOutput(), false), textOf(in.GetShown(), false)
	if row.Shown == nil && !slices.ContainsFunc(in.GetVerdicts(), query.Withholds) {
		row.Shown = row.Output
	}
	for _, m := range in.GetInput() {
		if m.GetRole() == "user" {
			row.Prompt = textOf([]*pb.Message{m}, false)
		}
	}
	var documents []string
	for _, d := range in.GetRetrieved() {
		documents = append(documents, join("\n", d.GetTitle(), d.GetText()))
	}
	row.Retrieved = text(strings.Join(documents, "\n\n"))
}

func (row *parquetRow) verdicts(verdicts []*pb.Verdict) {
	for _, v := range verdicts {
		row.Categories = append(row.Categories, v.GetCategory())
		row.Scores = append(row.Scores, v.GetScore())
		row.Actions = append(row.Actions, v.GetAction().String())
	}
}

// textOf is the text of messages, with who said it if roles are wanted.
func textOf(messages []*pb.Message, roles bool) *string {
	var out []string
	for _, m := range messages {
		var parts []string
		for _, p := range m.GetParts() {
			if p.GetText() != "" {
				parts = append(parts, p.GetText())
			}
		}
		words := strings.Join(parts, "\n")
		if roles && words != "" {
			words = m.GetRole() + ": " + words
		}
		if words != "" {
			out = append(out, words)
		}
	}
	return text(strings.Join(out, "\n\n"))
}

// text is nil where there is none.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
