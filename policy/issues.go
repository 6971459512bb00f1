package policy

import (
	"regexp"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// position returns where in the text of a condition the node with the id
// begins, in characters from 1.
func position(a *ast.AST, id int64) (line, column int) {
	at := a.SourceInfo().GetStartLocation(id)
	return max(at.Line(), 1), max(at.Column()+1, 1)
}

// firstIssue returns what CEL complains about first in the text. What follows
// a syntax error is mostly its consequence.
func firstIssue(issues *cel.Issues) *Error {
	var first *Error
	for _, issue := range issues.Errors() {
		e := &Error{max(issue.Location.Line(), 1), max(issue.Location.Column()+1, 1), reason(issue.Message)}
		if first == nil || byPosition(e, first) < 0 {
			first = e
		}
	}
	if first == nil {
		return &Error{1, 1, oneLine(issues.Err().Error())}
	}
	return first
}

// What CEL says, and what a responder would rather read. String constants,
// which may name a person, are left out.
var (
	undeclared = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	undefined  = regexp.MustCompile(`^undefined field '([^']*)'`)
	overload   = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	quoted     = regexp.MustCompile("`[^`]*`|\"[^\"]*\"")
	unexpected = regexp.MustCompile(`^Syntax error: (?:mismatched|extraneous) input '((?s).*)' expecting`)
)

func reason(message string) string {
	if m := undeclared.FindStringSubmatch(message); m != nil {
		return "unknown name " + m[1]
	}
	if m := undefined.FindStringSubmatch(message); m != nil {
		return "unknown field " + m[1]
	}
	if m := overload.FindStringSubmatch(message); m != nil {
		return operatorName(m[1]) + " does not apply to " + strings.ReplaceAll(m[2], container+".", "")
	}
	if m := unexpected.FindStringSubmatch(message); m != nil {
		return "unexpected " + token(m[1])
	}
	if strings.HasPrefix(message, "invalid argument to has() macro") {
		return "has() wants a field of something, such as has(event.report)"
	}
	if rest, ok := strings.CutPrefix(message, "Syntax error: "); ok {
		return syntax(rest)
	}
	return oneLine(quoted.ReplaceAllString(strings.ReplaceAll(message, container+".", ""), "…"))
}

// syntax tells the kind of a syntax error without the text it is about.
func syntax(message string) string {
	switch {
	case strings.HasPrefix(message, "token recognition error at: '\""),
		strings.HasPrefix(message, "token recognition error at: ''"):
		return "string without an end"
	case strings.HasPrefix(message, "token recognition error at: '="):
		return "= is not an operator: equality is =="
	case strings.HasPrefix(message, "token recognition error"):
		return "unexpected character"
	case strings.HasPrefix(message, "no viable alternative"):
		return "not an expression"
	case strings.HasPrefix(message, "missing "):
		if what, _, ok := strings.Cut(message, " at "); ok {
			return what
		}
	}
	return "syntax error"
}

// token describes a token without quoting strings.
func token(text string) string {
	switch {
	case text == "<EOF>":
		return "end"
	case strings.ContainsAny(text, `"'`), len(text) > 64:
		return "string"
	}
	return oneLine(text)
}

func operatorName(function string) string {
	if symbol, ok := operators.FindReverse(function); ok && symbol != "" {
		return symbol
	}
	return strings.Trim(function, "_")
}

// oneLine replaces line breaks by spaces.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
