package policy

import (
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// A span is the times from since (inclusive) until until (exclusive). Zero
// times are no bounds.
type span struct{ since, until time.Time }

// intersect narrows s to what is in o too.
func (s span) intersect(o span) span {
	if s.since.Before(o.since) {
		s.since = o.since
	}
	if s.until.IsZero() || !o.until.IsZero() && o.until.Before(s.until) {
		s.until = o.until
	}
	return s
}

// between returns the times of the events for which the condition can hold.
func (in *inspector) between() (since, until time.Time) {
	s := in.span(in.ast.Expr())
	return s.since, s.until
}

func (in *inspector) span(e ast.Expr) (s span) {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) < 2 {
		return span{}
	}
	call := e.AsCall()
	if call.FunctionName() == operators.LogicalAnd {
		for _, arg := range call.Args() {
			s = s.intersect(in.span(arg))
		}
		return s
	}
	left, right := call.Args()[0], call.Args()[1]
	if t, ok := in.constantTime(right); ok && in.isTime(left) {
		return bound(call.FunctionName(), t)
	}
	if t, ok := in.constantTime(left); ok && in.isTime(right) {
		return bound(mirrored(call.FunctionName()), t)
	}
	return span{}
}

func (in *inspector) isTime(e ast.Expr) bool {
	path, ok := in.path(e, nil)
	return ok && path == "time"
}

// bound returns the times that `time <operator> t` admits. Times are whole
// nanoseconds.
func bound(operator string, t time.Time) span {
	next := t.Add(time.Nanosecond)
	switch operator {
	case operators.GreaterEquals:
		return span{since: t}
	case operators.Greater:
		return span{since: next}
	case operators.Less:
		return span{until: t}
	case operators.LessEquals:
		return span{until: next}
	case operators.Equals:
		return span{t, next}
	}
	return span{}
}

// mirrored returns the operator with its sides exchanged.
func mirrored(operator string) string {
	switch operator {
	case operators.GreaterEquals:
		return operators.LessEquals
	case operators.Greater:
		return operators.Less
	case operators.Less:
		return operators.Greater
	case operators.LessEquals:
		return operators.GreaterEquals
	}
	return operator
}

// constantTime returns the value of an expression of time that uses no
// variable, such as `timestamp("2026-11-22T03:00:00Z") - duration("1h")`.
func (in *inspector) constantTime(e ast.Expr) (time.Time, bool) {
	if t := in.ast.GetType(e.ID()); t == nil || t.Kind() != types.TimestampKind {
		return time.Time{}, false
	}
	v, ok := in.constantValue(e)
	if !ok {
		return time.Time{}, false
	}
	t, ok := v.(types.Timestamp)
	return t.Time.UTC(), ok
}

func (in *inspector) constant(e ast.Expr) bool {
	is := true
	in.walk(e, nil, func(e ast.Expr, _ *scope) {
		is = is && e.Kind() != ast.IdentKind && e.Kind() != ast.ComprehensionKind
	})
	return is
}
