package policy

import (
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Condition is a compiled CEL expression over an event that says yes or no.
// It is immutable and safe for concurrent use.
type Condition struct {
	text  string // as it was written
	ast   *ast.AST
	quick cel.Program // counts no cost; nil where the cost is not bounded beforehand
	full  cel.Program // counts the cost and stops at costLimit

	kinds        []string // of the events that can match; nil: all
	metaOnly     bool
	exact        bool
	terms        []Term
	words        [][]words.Hash
	since, until time.Time
}

// Compile parses and checks a condition of up to 16 KiB; the package
// documentation describes the language. The error is an [*Error].
func Compile(expr string) (*Condition, error) {
	c, err := compile(expr)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// compile compiles expr and makes further checks of it.
func compile(expr string, more ...check) (*Condition, *Error) {
	if len(expr) > maxExpression {
		return nil, &Error{1, 1, fmt.Sprintf("is longer than %d bytes", maxExpression)}
	}
	if !utf8.ValidString(expr) {
		return nil, &Error{1, 1, "is not valid UTF-8"}
	}
	checked, issues := environment().Compile(expr)
	if issues.Err() != nil {
		return nil, firstIssue(issues)
	}
	if checked.OutputType() != cel.BoolType {
		return nil, &Error{1, 1, fmt.Sprintf("is %s, want bool", checked.OutputType())}
	}
	a := checked.NativeRep()
	if err := inspect(a).check(append(more, noMessages, enumNames)...); err != nil {
		return nil, err
	}
	if _, err := estimate(a); err != nil {
		return nil, err
	}
	c, err := plan(a)
	if err != nil {
		return nil, &Error{1, 1, reason(err.Error())}
	}
	c.text = expr
	return c, nil
}

// plan makes the programs of a checked condition and works out what is known
// of its matches.
func plan(a *ast.AST) (*Condition, error) {
	in := inspect(a)
	c := &Condition{ast: a, metaOnly: in.metaOnly(), exact: in.exact(a.Expr())}
	c.terms, c.words = splitWords(in.terms())
	c.since, c.until = in.between()
	if i := slices.IndexFunc(c.terms, func(t Term) bool { return t.Field == "kind" }); i >= 0 {
		c.kinds = c.terms[i].Values
	}
	var err error
	if c.full, err = environment().PlanProgram(a, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(costLimit)); err != nil {
		return nil, fmt.Errorf("plan condition: %w", err)
	}
	if cost, _ := estimate(a); cost.Max > costLimit {
		return c, nil
	}
	if c.quick, err = environment().PlanProgram(a, cel.EvalOptions(cel.OptOptimize)); err != nil {
		return nil, fmt.Errorf("plan condition: %w", err)
	}
	return c, nil
}

// Match reports whether the condition holds for the event. Absent fields read
// as their zero values. The error, an [*Error] with a position in the
// condition, says what could not be computed for this event: an index out of
// range, a division by zero, a cost over the limit.
func (c *Condition) Match(e *pb.Event) (bool, error) {
	if c.kinds != nil && !slices.Contains(c.kinds, string(event.KindOf(e))) {
		return false, nil
	}
	program := c.full
	if c.quick != nil && valid(e) {
		program = c.quick
	}
	v, _, err := program.Eval(vars{e})
	if err != nil {
		return false, c.evalError(e, err)
	}
	return v == types.True, nil
}

// MetaOnly reports whether the condition uses only what is known of an event
// without decrypting its text: everything but messages, retrieved documents,
// deltas, parameters, what redaction did, sealed originals, comments, action
// text, salt and policy documents.
func (c *Condition) MetaOnly() bool { return c.metaOnly }

// A Term says that an indexed field of the event has one of the values.
type Term struct {
	Field  string   // an eventlog.Field: id, session, user, target, kind, …
	Values []string // at least one, none empty, sorted, without duplicates
}

// Terms returns what the condition demands of indexed fields: each term holds
// for every event that matches. The caller must not change them.
func (c *Condition) Terms() []Term { return slices.Clone(c.terms) }

// Exact reports whether every event with the terms matches: the condition says
// nothing more.
func (c *Condition) Exact() bool { return c.exact }

// Between returns what the condition demands of the event's time: every match
// is at or after since and before until. A zero time is no bound.
func (c *Condition) Between() (since, until time.Time) { return c.since, c.until }

// evalError says where and why an evaluation ended. What CEL says may quote
// the event, so only its kind is told, and the event's position if it has one.
func (c *Condition) evalError(e *pb.Event, err error) error {
	line, column := 1, 1
	if at, ok := errors.AsType[*types.Err](err); ok && at.NodeID() != 0 {
		line, column = position(c.ast, at.NodeID())
	}
	why := evalReason(err)
	if e.Seq != nil {
		why += fmt.Sprintf(" (at seq %d)", e.GetSeq())
	}
	return &Error{line, column, why}
}
