package policy

import (
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/overloads"

	"github.com/afterimage/afterimage/event/words"
)

// Words returns what the condition demands of the event's texts (see
// event.Texts): every match has one of each of these in them. The caller must
// not change them.
func (c *Condition) Words() [][]words.Hash { return c.words }

// searched reports whether event.Texts has what stands at the path.
func searched(path string) bool {
	switch path {
	case "interaction.retrieved[].title", "interaction.retrieved[].text", "report.comment", "action.name", "action.text":
		return true
	}
	for _, messages := range []string{"input", "output", "shown"} {
		if part, ok := strings.CutPrefix(path, "interaction."+messages+"[].parts[]."); ok {
			switch part {
			case "text", "reasoning", "tool_call.name", "tool_call.arguments", "tool_result.result", "tool_result.error":
				return true
			}
		}
	}
	return false
}

// wordField is the field of terms that stand for words until the condition is
// planned. No index has it.
const wordField = "\x00word"

// says returns a term for each word that a comparison demands of a text:
// `text == c`, `text in [c]`, and `text.contains(c)`, `text.startsWith(c)` and
// `text.endsWith(c)`, where the words at the open ends of c are left out.
func (in *inspector) says(e ast.Expr, s *scope) (terms []Term) {
	text, constant, ends, ok := about(e)
	if !ok {
		return nil
	}
	path, ok := in.path(text, s)
	if !ok || !searched(path) {
		return nil
	}
	for _, h := range words.Within(ends[0] + constant + ends[1]) {
		terms = append(terms, Term{wordField, []string{strconv.FormatUint(uint64(h), 16)}})
	}
	return terms
}

// about returns what a comparison of a text with one string is about, and what
// is known to stand before and behind that string: a space for the end of the
// text, or nothing.
func about(e ast.Expr) (text ast.Expr, constant string, ends [2]string, ok bool) {
	if c, is := comparison(e); is && c.equal && len(c.constants) == 1 {
		constant, ok = stringOf(c.constants[0])
		return c.field, constant, [2]string{" ", " "}, ok
	}
	if e.Kind() != ast.CallKind || !e.AsCall().IsMemberFunction() || len(e.AsCall().Args()) != 1 {
		return nil, "", ends, false
	}
	call := e.AsCall()
	switch call.FunctionName() {
	case overloads.StartsWith:
		ends[0] = " "
	case overloads.EndsWith:
		ends[1] = " "
	case overloads.Contains:
	default:
		return nil, "", ends, false
	}
	constant, ok = stringOf(call.Args()[0])
	return call.Target(), constant, ends, ok
}

// splitWords takes the words out of terms.
func splitWords(terms []Term) (rest []Term, demanded [][]words.Hash) {
	for _, t := range terms {
		if t.Field != wordField {
			rest = append(rest, t)
			continue
		}
		anyOf := make([]words.Hash, len(t.Values))
		for i, v := range t.Values {
			h, err := strconv.ParseUint(v, 16, 64)
			if err != nil {
				panic("internal error: word " + err.Error())
			}
			anyOf[i] = words.Hash(h)
		}
		if !slices.ContainsFunc(demanded, func(d []words.Hash) bool { return slices.Equal(d, anyOf) }) {
			demanded = append(demanded, anyOf)
		}
	}
	return rest, demanded
}
