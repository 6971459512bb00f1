package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog/block"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// termsOf is the reference for what the log indexes of an event.
func termsOf(e *pb.Event) map[string][]string {
	i, v, r := e.GetInteraction(), e.GetVerdict(), e.GetReport()
	terms := map[string][]string{
		"id":         {e.GetId()},
		"session":    {e.GetSession(), r.GetSession()},
		"user":       {e.GetUser()},
		"target":     {v.GetTarget(), r.GetTarget(), e.GetAction().GetTarget()},
		"kind":       {string(event.KindOf(e))},
		"model":      {i.GetModel().GetName()},
		"provider":   {i.GetModel().GetProvider()},
		"category":   {v.GetCategory(), r.GetCategory()},
		"service":    {e.GetSource().GetService()},
		"deployment": {e.GetSource().GetDeployment()},
		"class":      {e.GetClass()},
	}
	for _, verdict := range i.GetVerdicts() {
		terms["category"] = append(terms["category"], verdict.GetCategory())
	}
	for field, values := range terms {
		terms[field] = slices.DeleteFunc(values, func(s string) bool { return s == "" })
	}
	return terms
}

// alphabet is small, so that conditions often match.
var alphabet = rapid.SampledFrom([]string{"", "a", "b", "c"})

// phrases are texts and parts of texts, with words in common.
var phrases = rapid.SampledFrom([]string{"", "a", "a b", "b a c", "xa b cx", " a ", "A, B; c", "東京", "東京都a", "ä b\u0301 c"})

// instant draws one of five adjacent nanoseconds.
func instant(t *rapid.T) time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, rapid.IntRange(0, 4).Draw(t, "ns"), time.UTC)
}

func drawVerdict(t *rapid.T) *pb.Verdict {
	v := &pb.Verdict{
		Target:   alphabet.Draw(t, "target"),
		Category: alphabet.Draw(t, "category"),
		Score:    rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(t, "score"),
		Action:   pb.Verdict_Action(rapid.IntRange(0, 4).Draw(t, "action")),
	}
	if rapid.Bool().Draw(t, "threshold") {
		v.Threshold = new(0.5)
	}
	return v
}

func drawMessages(t *rapid.T) (ms []*pb.Message) {
	for range rapid.IntRange(0, 2).Draw(t, "messages") {
		ms = append(ms, &pb.Message{Role: alphabet.Draw(t, "role"), Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: phrases.Draw(t, "text")}}}})
	}
	return ms
}

func drawEvent(t *rapid.T) *pb.Event {
	e := &pb.Event{
		Id: alphabet.Draw(t, "id"), Session: alphabet.Draw(t, "session"), User: alphabet.Draw(t, "user"),
		Class: alphabet.Draw(t, "class"), Turn: uint32(rapid.IntRange(0, 2).Draw(t, "turn")),
		Time:   timestamppb.New(instant(t)),
		Source: &pb.Source{Service: alphabet.Draw(t, "service"), Deployment: alphabet.Draw(t, "deployment")},
		Seq:    new(rapid.Uint64Range(0, 3).Draw(t, "seq")),
	}
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0, 1:
		i := &pb.Interaction{
			Model: &pb.Model{Name: alphabet.Draw(t, "model"), Provider: alphabet.Draw(t, "provider")},
			Input: drawMessages(t), Output: drawMessages(t),
		}
		for range rapid.IntRange(0, 2).Draw(t, "verdicts") {
			i.Verdicts = append(i.Verdicts, drawVerdict(t))
		}
		e.Body = &pb.Event_Interaction{Interaction: i}
	case 2:
		e.Body = &pb.Event_Verdict{Verdict: drawVerdict(t)}
	case 3:
		e.Body = &pb.Event_Report{Report: &pb.Report{Target: alphabet.Draw(t, "target"), Session: alphabet.Draw(t, "of"),
			Category: alphabet.Draw(t, "category"), Comment: phrases.Draw(t, "comment")}}
	case 4:
		e.Body = &pb.Event_Action{Action: &pb.Action{Target: alphabet.Draw(t, "target"), Text: phrases.Draw(t, "text")}}
	}
	return e
}

var (
	stringFields = rapid.SampledFrom([]string{"id", "session", "user", "class", "source.service", "source.deployment",
		"interaction.model.name", "interaction.model.provider", "verdict.target", "verdict.category", "report.target",
		"report.session", "report.category", "report.comment", "action.target", "action.text", "source.version"})
	equality  = rapid.SampledFrom([]string{"==", "==", "==", "!="})
	order     = rapid.SampledFrom([]string{"<", "<=", "==", ">=", ">", "!="})
	variables = rapid.SampledFrom([]string{"v", "id", "user", "verdict", "category"})
	macros    = rapid.SampledFrom([]string{"exists", "exists", "exists", "all", "exists_one"})
	kinds     = rapid.SampledFrom([]string{"interaction", "verdict", "report", "action"})
)

// spelt returns f in one of its spellings.
func spelt(t *rapid.T, f string) string {
	return rapid.SampledFrom([]string{f, "event." + f}).Draw(t, "spelling")
}

func literals(t *rapid.T) string {
	var out []string
	for _, w := range rapid.SliceOfN(alphabet, 0, 3).Draw(t, "list") {
		out = append(out, fmt.Sprintf("%q", w))
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// aboutString draws a condition on the string that expr reads.
func aboutString(t *rapid.T, expr string) string {
	w := fmt.Sprintf("%q", alphabet.Draw(t, "word"))
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		return w + " " + equality.Draw(t, "op") + " " + expr
	case 1:
		return expr + " in " + literals(t)
	case 2:
		return expr + ".startsWith(" + w + ")"
	}
	return expr + " " + equality.Draw(t, "op") + " " + w
}

// aboutText draws a condition on a text that search looks into.
func aboutText(t *rapid.T) string {
	compare := func(text string) string {
		part := fmt.Sprintf("%q", phrases.Draw(t, "part"))
		switch method := rapid.SampledFrom([]string{"contains", "contains", "startsWith", "endsWith", "==", "in"}).Draw(t, "method"); method {
		case "==":
			return text + " == " + part
		case "in":
			return text + " in [" + part + "]"
		default:
			return text + "." + method + "(" + part + ")"
		}
	}
	if field := rapid.SampledFrom([]string{"", "report.comment", "action.text"}).Draw(t, "field"); field != "" {
		return compare(field)
	}
	messages := rapid.SampledFrom([]string{"input", "output"}).Draw(t, "messages")
	return fmt.Sprintf("interaction.%s.exists(m, m.parts.exists(p, %s))", messages, compare("p.text"))
}

func aboutTime(t *rapid.T) string {
	at := fmt.Sprintf("timestamp(%q)", instant(t).Format(time.RFC3339Nano))
	if rapid.Bool().Draw(t, "mirrored") {
		return at + " " + order.Draw(t, "op") + " " + spelt(t, "time")
	}
	return spelt(t, "time") + " " + order.Draw(t, "op") + " " + at
}

func aboutVerdicts(t *rapid.T, depth int) string {
	v := variables.Draw(t, "variable")
	predicate := aboutString(t, v+".category")
	switch rapid.IntRange(0, 3).Draw(t, "more") {
	case 0:
		predicate += fmt.Sprintf(" && %s.score >= %s.threshold", v, v)
	case 1:
		predicate = fmt.Sprintf("(%s) || %s", predicate, aboutString(t, v+".category"))
	case 2:
		if depth > 0 {
			predicate = fmt.Sprintf("(%s) && (%s)", predicate, drawInner(t, depth-1, v))
		}
	}
	return fmt.Sprintf("%s.%s(%s, %s)", spelt(t, "interaction.verdicts"), macros.Draw(t, "macro"), v, predicate)
}

// drawInner draws a condition for a place where hidden is a local variable.
func drawInner(t *rapid.T, depth int, hidden string) string {
	if hidden == "v" || hidden == "category" {
		return drawCondition(t, depth)
	}
	return aboutString(t, "event.session")
}

func drawAtom(t *rapid.T, depth int) string {
	switch rapid.IntRange(0, 12).Draw(t, "atom") {
	case 0:
		return aboutTime(t)
	case 1, 2:
		return aboutVerdicts(t, depth)
	case 3:
		return fmt.Sprintf("has(event.%s)", kinds.Draw(t, "kind"))
	case 4:
		return fmt.Sprintf("kind %s %q", equality.Draw(t, "op"), kinds.Draw(t, "kind"))
	case 5:
		return fmt.Sprintf("seq %s %d", order.Draw(t, "op"), rapid.IntRange(0, 3).Draw(t, "n"))
	case 6:
		return spelt(t, "interaction") + `.input.exists(m, m.role == "a")`
	case 7:
		local := variables.Draw(t, "variable")
		return fmt.Sprintf("%s.%s(%s, %s)", literals(t), macros.Draw(t, "macro"), local, aboutString(t, local))
	case 8, 9, 10:
		return aboutText(t)
	}
	return aboutString(t, spelt(t, stringFields.Draw(t, "field")))
}

func drawCondition(t *rapid.T, depth int) string {
	if depth == 0 {
		return drawAtom(t, depth)
	}
	switch rapid.IntRange(0, 7).Draw(t, "shape") {
	case 0, 1, 2:
		return fmt.Sprintf("(%s) && (%s)", drawCondition(t, depth-1), drawCondition(t, depth-1))
	case 3, 4:
		return fmt.Sprintf("(%s) || (%s)", drawCondition(t, depth-1), drawCondition(t, depth-1))
	case 5:
		return fmt.Sprintf("!(%s)", drawCondition(t, depth-1))
	case 6:
		return fmt.Sprintf("(%s) ? (%s) : (%s)", drawCondition(t, depth-1), drawCondition(t, depth-1), drawCondition(t, depth-1))
	}
	return drawAtom(t, depth)
}

// Selecting by Terms, Words and Between never loses a match, and a condition that
// says that it needs no text gives the same answer without it.
func TestPushdownLosesNothing(t *testing.T) {
	matched, exact := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		expr := drawCondition(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		if rapid.IntRange(0, 3).Draw(t, "simple") == 0 { // Of these few are drawn.
			expr = fmt.Sprintf("user == %q && source.service in [%q, %q]", alphabet.Draw(t, "user"), alphabet.Draw(t, "one"), alphabet.Draw(t, "other"))
		}
		c, err := Compile(expr)
		if err != nil {
			t.Fatalf("Compile(%s): %v", expr, err)
		}
		for range 20 {
			e := drawEvent(t)
			got, err := c.Match(e)
			if err != nil {
				t.Fatalf("%s: %v", expr, err)
			}
			if v, _, err := c.full.Eval(vars{e}); v != types.Bool(got) || err != nil {
				t.Fatalf("%s: got %v by a shortcut, %v, %v without", expr, got, v, err)
			}
			checkMeta(t, expr, c, e, got)
			if c.Exact() {
				exact++
				if want := hasTerms(c, e); got != want {
					t.Fatalf("%s: got %v for %v, whose terms say %v", expr, got, e, want)
				}
			}
			if got {
				matched++
				checkImplied(t, expr, c, e)
			}
		}
	})
	if exact == 0 {
		t.Error("no drawn condition was one that terms decide")
	}
	if matched == 0 {
		t.Error("no drawn condition matched a drawn event: nothing was tested")
	}
}

// hasTerms reports whether the event has every term of the condition.
func hasTerms(c *Condition, e *pb.Event) bool {
	has := termsOf(e)
	return !slices.ContainsFunc(c.Terms(), func(term Term) bool {
		return !slices.ContainsFunc(term.Values, func(v string) bool { return slices.Contains(has[term.Field], v) })
	})
}

func checkImplied(t *rapid.T, expr string, c *Condition, e *pb.Event) {
	has := termsOf(e)
	for _, term := range c.Terms() {
		if !slices.ContainsFunc(term.Values, func(v string) bool { return slices.Contains(has[term.Field], v) }) {
			t.Fatalf("%s matches %v, which has no %s in %q", expr, e, term.Field, term.Values)
		}
	}
	var said []words.Hash
	event.Texts(e, func(text string) { said = append(said, words.Of(text)...) })
	for _, any := range c.Words() {
		if !slices.ContainsFunc(any, func(h words.Hash) bool { return slices.Contains(said, h) }) {
			t.Fatalf("%s matches %v, which has none of the words %x", expr, e, any)
		}
	}
	since, until := c.Between()
	if at := e.GetTime().AsTime(); at.Before(since) || !until.IsZero() && !at.Before(until) {
		t.Fatalf("%s matches an event at %v, outside of %v to %v", expr, at, since, until)
	}
}

func checkMeta(t *rapid.T, expr string, c *Condition, e *pb.Event, want bool) {
	if !c.MetaOnly() {
		return
	}
	section, err := block.DecodeMeta(block.EncodeMeta([]block.Item{{Seq: e.GetSeq(), Event: e}}))
	if err != nil {
		t.Fatal(err)
	}
	meta, err := section.Event(0)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Match(meta); got != want || err != nil {
		t.Fatalf("%s: got %v, %v without text, %v with it", expr, got, err, want)
	}
}
