package query_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// vocabulary are the words that random events say: few, so that much matches, in
// several scripts, with what is between them.
var vocabulary = []string{"wire", "Transfer", "bomb", "bombay", "the", "of", "ÉCOLE", "e\u0301cole", "東京都", "京", "2026", "٣", "!", ", ", "’", "\u200b"}

// A world is a log with random events, on which everything happens that moves
// them or changes what they say.
type world struct {
	*rapid.T
	log *eventlog.Log
	now time.Time
	n   int // events and requests so far, for their ids
}

func newWorld(t *testing.T, r *rapid.T) *world {
	w := &world{T: r, now: morning}
	// In memory: of a hundred logs on disk each keeps its write-ahead logs.
	var err error
	if w.log, err = eventlog.Open(context.Background(), eventlog.Config{
		Dir: "data", KeysDir: filepath.Join(t.TempDir(), "keys"), FS: vfs.NewMem(), MinFree: 1, CacheBytes: 16 << 20, Now: func() time.Time { return w.now },
	}); err != nil {
		r.Fatal(err)
	}
	return w
}

func (w *world) text(label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 1, 6).Draw(w.T, label), " ")
}

func (w *world) message(role string) *pb.Message {
	parts := []*pb.Part{{Kind: &pb.Part_Text{Text: w.text("text")}}}
	switch rapid.IntRange(0, 4).Draw(w.T, "part") {
	case 0:
		parts = append(parts, &pb.Part{Kind: &pb.Part_ToolCall{ToolCall: &pb.ToolCall{Name: "pay", Arguments: w.text("arguments")}}})
	case 1:
		parts = append(parts, &pb.Part{Kind: &pb.Part_Reasoning{Reasoning: w.text("reasoning")}})
	}
	return &pb.Message{Role: role, Parts: parts}
}

func (w *world) event() *pb.Event {
	w.n++
	e := &pb.Event{
		Id: fmt.Sprintf("e%d", w.n), Session: fmt.Sprintf("c-%d", rapid.IntRange(0, 3).Draw(w.T, "session")),
		Time:   timestamppb.New(w.now.Add(time.Duration(rapid.IntRange(-300, 300).Draw(w.T, "seconds")) * time.Second)),
		Source: &pb.Source{Service: rapid.SampledFrom([]string{"", "chat", "agent"}).Draw(w.T, "service")},
	}
	if rapid.IntRange(0, 5).Draw(w.T, "kind") == 0 {
		e.Body = &pb.Event_Report{Report: &pb.Report{Session: e.GetSession(), Category: "harm", Comment: w.text("comment")}}
		return e
	}
	in := &pb.Interaction{
		Model:  &pb.Model{Name: rapid.SampledFrom([]string{"m1", "m2"}).Draw(w.T, "model")},
		Input:  []*pb.Message{w.message("user")},
		Output: []*pb.Message{w.message("assistant")},
	}
	switch rapid.IntRange(0, 4).Draw(w.T, "shown") {
	case 0:
		in.Shown = []*pb.Message{w.message("assistant")}
		in.Verdicts = []*pb.Verdict{{Category: "harm", Score: 0.9, Action: pb.Verdict_REPLACED}}
	case 1:
		in.Verdicts = []*pb.Verdict{{Category: "spam", Score: rapid.SampledFrom([]float64{0.1, 0.5, 0.8}).Draw(w.T, "score"), Scope: pb.Verdict_OUTPUT, Action: pb.Verdict_BLOCKED}}
	case 2:
		in.Retrieved = []*pb.Document{{Title: w.text("title"), Text: w.text("document")}}
	}
	e.Body = &pb.Event_Interaction{Interaction: in}
	return e
}

// Append adds events, some to another tenant.
func (w *world) Append(r *rapid.T) {
	w.T = r
	var batch []eventlog.Prepared
	tenant := rapid.SampledFrom([]event.Tenant{"acme", "acme", "acme", "other"}).Draw(r, "tenant")
	for range rapid.IntRange(1, 12).Draw(r, "events") {
		e := w.event()
		e.Class, e.PolicyVersion = "routine", "test"
		p, err := w.log.Prepare(tenant, e)
		if err != nil {
			r.Fatal(err)
		}
		batch = append(batch, p)
	}
	if _, err := w.log.Append(context.Background(), batch); err != nil {
		r.Fatal(err)
	}
}

// Merge lets a day pass and merges what it had.
func (w *world) Merge(r *rapid.T) {
	w.now = w.now.Add(25 * time.Hour)
	for {
		more, err := w.log.Merge(context.Background())
		if err != nil {
			r.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// some are positions of the tenant's evidence.
func (w *world) some(r *rapid.T) (seqs []event.Seq) {
	for _, e := range w.all("acme") {
		if !event.KindOf(e).Evidence() {
			continue
		}
		if rapid.IntRange(0, 9).Draw(r, "chosen") == 0 {
			seqs = append(seqs, event.Seq(e.GetSeq()))
		}
	}
	return seqs
}

// Promote moves events to another class.
func (w *world) Promote(r *rapid.T) {
	if seqs := w.some(r); len(seqs) > 0 {
		if err := w.log.Promote(context.Background(), "acme", seqs, "flagged"); err != nil {
			r.Fatal(err)
		}
	}
}

// Erase forgets events.
func (w *world) Erase(r *rapid.T) {
	seqs := w.some(r)
	if len(seqs) == 0 {
		return
	}
	w.n++
	what := eventlog.Forgetting{Tenant: "acme", Seqs: seqs, Ledger: &pb.Event{
		Id: fmt.Sprintf("erasure-%d", w.n), Time: timestamppb.New(w.now), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "r"}},
	}}
	if err := w.log.Forget(context.Background(), []eventlog.Forgetting{what}, func(eventlog.ForgetProgress) {}); err != nil {
		r.Fatal(err)
	}
}

// Redact replaces a word wherever events say it.
func (w *world) Redact(r *rapid.T) {
	seqs := w.some(r)
	if len(seqs) == 0 {
		return
	}
	w.n++
	word := rapid.SampledFrom(vocabulary[:4]).Draw(r, "word")
	what := eventlog.Redaction{Tenant: "acme", Seqs: seqs, Ledger: &pb.Event{
		Id: fmt.Sprintf("redaction-%d", w.n), Time: timestamppb.New(w.now), Class: eventlog.LedgerClass,
		Body: &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "officer", Reason: "r", Detectors: []string{"hide 1"}}},
	}, Apply: func(_ context.Context, e *pb.Event) error {
		for _, m := range e.GetInteraction().GetInput() {
			for _, p := range m.GetParts() {
				if text, is := p.GetKind().(*pb.Part_Text); is {
					text.Text = strings.ReplaceAll(text.Text, word, "[WORD]")
				}
			}
		}
		return nil
	}}
	if _, err := w.log.Redact(context.Background(), what, func(eventlog.ForgetProgress) {}); err != nil {
		r.Fatal(err)
	}
}

// all are the events of a tenant as they are, by position.
func (w *world) all(tenant event.Tenant) (all []*pb.Event) {
	for seq := range w.log.Size() {
		e, err := w.log.Read(context.Background(), tenant, seq)
		if errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			w.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

// A wish is what a search may ask of texts, and what it means.
type wish struct {
	not, prefix bool
	phrase      string
}

func (w wish) String() string {
	s := `"` + w.phrase + `"`
	if w.prefix {
		s += "*"
	}
	if w.not {
		s = "-" + s
	}
	return s
}

// in tells slowly whether a text has what is wished for.
func (w wish) in(text string) bool {
	form, want := " "+string(words.AppendCanonical(nil, text))+" ", string(words.AppendCanonical(nil, w.phrase))
	runes := []rune(want)
	if !words.Spaceless(runes[0]) {
		want = " " + want
	}
	if !words.Spaceless(runes[len(runes)-1]) && !w.prefix {
		want += " "
	}
	return strings.Contains(form, want)
}

// textsOf returns the texts of an event that a search in some kinds of text looks
// into.
func textsOf(e *pb.Event, kinds event.TextKind) (all []string) {
	part := func(kind event.TextKind, p *pb.Part) {
		switch k := p.GetKind().(type) {
		case *pb.Part_ToolCall:
			if kinds&event.TextTool != 0 {
				all = append(all, k.ToolCall.GetName(), k.ToolCall.GetArguments())
			}
		case *pb.Part_Text:
			if kinds&kind != 0 {
				all = append(all, k.Text)
			}
		case *pb.Part_Reasoning:
			if kind &^= event.TextShown; kind == 0 {
				kind = event.TextOutput
			}
			if kinds&kind != 0 {
				all = append(all, k.Reasoning)
			}
		}
	}
	in := e.GetInteraction()
	output := event.TextOutput
	if len(in.GetShown()) == 0 && !slices.ContainsFunc(in.GetVerdicts(), func(v *pb.Verdict) bool {
		return v.GetScope() != pb.Verdict_INPUT && (v.GetAction() == pb.Verdict_BLOCKED || v.GetAction() == pb.Verdict_REPLACED)
	}) {
		output |= event.TextShown
	}
	for kind, messages := range map[event.TextKind][]*pb.Message{event.TextInput: in.GetInput(), output: in.GetOutput(), event.TextShown: in.GetShown()} {
		for _, m := range messages {
			for _, p := range m.GetParts() {
				part(kind, p)
			}
		}
	}
	if kinds&event.TextRetrieved != 0 {
		for _, d := range in.GetRetrieved() {
			all = append(all, d.GetTitle(), d.GetText())
		}
	}
	if kinds&event.TextComment != 0 && e.GetReport() != nil {
		all = append(all, e.GetReport().GetComment())
	}
	return all
}

// filters are what searches ask of events beside their texts.
var filters = []string{
	"", `interaction.model.name == "m1"`, `source.service in ["chat", "agent"]`, `kind == "report"`, `session == "c-1" || session == "c-2"`,
	`interaction.verdicts.exists(v, v.category == "harm" && v.score >= 0.5)`, `class == "flagged"`, `class == "routine"`, `class != "routine"`,
	`interaction.output.exists(m, m.parts.exists(p, p.text.contains("wire")))`, `turn == 7`, `source.service == ""`,
	`interaction.retrieved.size() > 0 && interaction.model.name != "m2"`, `report.category == "harm"`,
}

// Ask compares what a random search finds, by page, streamed and counted, with
// what reading and evaluating everything finds.
func (w *world) Ask(r *rapid.T) {
	q := query.Request{
		Filter: rapid.SampledFrom(filters).Draw(r, "filter"), OrderBy: rapid.SampledFrom([]string{"", "time", "seq", "seq desc"}).Draw(r, "order"),
		PageSize: rapid.SampledFrom([]int{1, 3, 1000}).Draw(r, "page"),
	}
	if rapid.IntRange(0, 3).Draw(r, "range") == 0 {
		q.Since = w.now.Add(-time.Duration(rapid.IntRange(0, 40).Draw(r, "hours")) * time.Hour)
		q.Until = q.Since.Add(26 * time.Hour)
	}
	var wishes []wish
	for i := range rapid.IntRange(0, 3).Draw(r, "wishes") {
		phrase := strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary[:12]), 1, 3).Draw(r, "phrase"), " ")
		wishes = append(wishes, wish{not: i > 0 && rapid.Bool().Draw(r, "not"), prefix: rapid.IntRange(0, 3).Draw(r, "prefix") == 0, phrase: phrase})
		q.Text += wishes[i].String() + " "
	}
	if q.Text != "" {
		q.TextKinds = rapid.SampledFrom([]event.TextKind{0, event.TextInput, event.TextOutput, event.TextShown, event.TextTool | event.TextRetrieved, event.TextComment}).Draw(r, "kinds")
	}

	want := w.matching(r, q, wishes)
	engine := query.New(query.Config{Log: w.log})
	check := func(how string, got []string) {
		if !slices.Equal(got, want) {
			r.Fatalf("%s, filter %q, text %q in %d, order %q, %v to %v: got %v, want %v", how, q.Filter, q.Text, q.TextKinds, q.OrderBy, q.Since, q.Until, got, want)
		}
	}
	got := []string(nil)
	for page := q; ; {
		if rapid.IntRange(0, 3).Draw(r, "hurry") == 0 {
			page.Timeout = query.MinTimeout // It may end anywhere.
		}
		p, err := engine.Search(context.Background(), "acme", page)
		if err != nil {
			r.Fatal(err)
		}
		for _, e := range p.Events {
			got = append(got, e.GetId())
		}
		if page.PageToken = p.Next; p.Next == "" {
			break
		}
	}
	check("paged", got)
	all := q
	all.PageSize, got = 0, nil
	if _, err := engine.Stream(context.Background(), "acme", all, func(f query.Found) error {
		got = append(got, f.Event.GetId())
		return nil
	}); err != nil {
		r.Fatal(err)
	}
	check("streamed", got)
	all.OrderBy = ""
	n, err := engine.Count(context.Background(), "acme", all, func(query.Count) error { return nil })
	if err != nil || n.Count != int64(len(want)) {
		r.Fatalf("counted %d, error %v, want %d", n.Count, err, len(want))
	}
}

// compiled is a filter; nil where there is none.
func compiled(r *rapid.T, filter string) *policy.Condition {
	if filter == "" {
		return nil
	}
	c, err := policy.Compile(filter)
	if err != nil {
		r.Fatal(err)
	}
	return c
}

// matching are the ids of what matches, in order, found by looking at everything.
func (w *world) matching(r *rapid.T, q query.Request, wishes []wish) (ids []string) {
	var matches []*pb.Event
	c := compiled(r, q.Filter)
	for _, e := range w.all("acme") {
		at := e.GetTime().AsTime()
		if at.Before(q.Since) || !q.Until.IsZero() && !at.Before(q.Until) {
			continue
		}
		if c != nil {
			whole := proto.CloneOf(e)
			if ok, err := c.Match(whole); err != nil {
				r.Fatal(err)
			} else if !ok {
				continue
			}
		}
		kinds := q.TextKinds
		if kinds == 0 {
			kinds = event.AllTexts
		}
		if !slices.ContainsFunc(wishes, func(wish wish) bool {
			return slices.ContainsFunc(textsOf(e, kinds), wish.in) == wish.not
		}) {
			matches = append(matches, e)
		}
	}
	slices.SortStableFunc(matches, func(a, b *pb.Event) int {
		time, seq := a.GetTime().AsTime().Compare(b.GetTime().AsTime()), int(a.GetSeq())-int(b.GetSeq())
		switch {
		case q.OrderBy == "seq":
			return seq
		case q.OrderBy == "seq desc":
			return -seq
		case time == 0:
			time = seq
		}
		if q.OrderBy == "" {
			return -time
		}
		return time
	})
	for _, e := range matches {
		ids = append(ids, e.GetId())
	}
	return ids
}

// Done when 4: every answer is that of a reader who looks at everything, whatever
// was appended, merged, promoted and erased before.
func TestAnswersAreThoseOfAReader(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, r)
		defer func() {
			if err := w.log.Close(); err != nil {
				r.Error(err)
			}
		}()
		w.Append(r)
		r.Repeat(map[string]func(*rapid.T){
			"append": w.Append, "append more": w.Append, "merge": w.Merge, "promote": w.Promote, "erase": w.Erase, "redact": w.Redact,
			"ask": w.Ask, "ask again": w.Ask, "ask once more": w.Ask,
		})
	})
}
