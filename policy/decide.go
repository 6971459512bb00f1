package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/afterimage/afterimage/event"
)

// decide returns what e is for every event of evidence, as far as that can be told
// without one; known is false where it cannot. What is known to be true is true or
// cannot be computed.
func (in *inspector) decide(e ast.Expr, s *scope) (value, known bool) {
	if v, ok := in.constantValue(e); ok {
		b, is := v.(types.Bool)
		return bool(b), is
	}
	switch e.Kind() {
	case ast.CallKind:
		value, known = in.decideCall(e.AsCall(), s)
	case ast.ComprehensionKind:
		if predicate, inner, ok := in.predicate(e.AsComprehension(), s); ok {
			value, known = in.decide(predicate, inner)
			known = known && !value // of an empty list none is
		}
	}
	if !known && contradictory(in.demands(e, s)) {
		return false, true
	}
	return value, known
}

func (in *inspector) decideCall(c ast.CallExpr, s *scope) (value, known bool) {
	args := c.Args()
	switch c.FunctionName() {
	case operators.LogicalAnd:
		return in.decideAll(args, s, true)
	case operators.LogicalOr:
		return in.decideAll(args, s, false)
	case operators.LogicalNot:
		value, known = in.decide(args[0], s)
		return !value, known
	case operators.Conditional:
		return in.decideEither(args, s)
	case operators.NotEquals:
		return true, in.otherKind(c, s)
	}
	return false, false
}

// decideAll decides an && (unit true) or an || (unit false).
func (in *inspector) decideAll(args []ast.Expr, s *scope, unit bool) (value, known bool) {
	known = true
	for _, arg := range args {
		v, ok := in.decide(arg, s)
		if ok && v != unit {
			return v, true
		}
		known = known && ok
	}
	return unit, known
}

// decideEither decides a ?:.
func (in *inspector) decideEither(args []ast.Expr, s *scope) (value, known bool) {
	yes, isYes := in.decide(args[1], s)
	no, isNo := in.decide(args[2], s)
	if which, ok := in.decide(args[0], s); ok && which {
		return yes, isYes
	} else if ok {
		return no, isNo
	}
	return yes, isYes && isNo && yes == no
}

// otherKind reports whether a != compares the kind with what is none of evidence.
func (in *inspector) otherKind(c ast.CallExpr, s *scope) bool {
	for i, arg := range c.Args() {
		name, ok := stringOf(c.Args()[1-i])
		if path, is := in.path(arg, s); is && path == "kind" && ok && !event.Kind(name).Evidence() {
			return true
		}
	}
	return false
}

// predicate returns what an `exists` macro asks of each element, and the scope of
// it. The macro expands to a loop from false with the step `accumulator ||
// predicate`.
func (in *inspector) predicate(c ast.ComprehensionExpr, s *scope) (predicate ast.Expr, inner *scope, ok bool) {
	step := c.LoopStep()
	if !isFalse(c.AccuInit()) || !isIdent(c.Result(), c.AccuVar()) || step.Kind() != ast.CallKind ||
		step.AsCall().FunctionName() != operators.LogicalOr {
		return nil, nil, false
	}
	args := step.AsCall().Args()
	if len(args) != 2 || !isIdent(args[0], c.AccuVar()) {
		return nil, nil, false
	}
	return args[1], in.bind(c, &scope{name: c.AccuVar(), outer: s}, s), true
}

// demands is what is implied by e, and the kind of the events whose body it finds
// something in.
func (in *inspector) demands(e ast.Expr, s *scope) []Term {
	terms := in.implied(e, s)
	for _, part := range operands(e, operators.LogicalAnd) {
		if kind := in.bodyOf(part, s); kind != "" {
			terms = append(terms, Term{"kind", []string{kind}})
		}
	}
	return terms
}

// bodyOf returns the kind of the body that must not be empty for e to be true: it
// compares a field of it with what is not zero, or finds an element of a list of
// it. "" for none.
func (in *inspector) bodyOf(e ast.Expr, s *scope) string {
	of, ok := in.found(e, s)
	if !ok {
		return ""
	}
	path, ok := in.path(of, s)
	body, _, below := strings.Cut(path, ".")
	if fd := in.schema.field(eventName, body); !ok || !below || fd == nil || fd.ContainingOneof() == nil {
		return ""
	}
	return body
}

// found returns what e finds something in: a field that is not zero, or a list that
// is not empty.
func (in *inspector) found(e ast.Expr, s *scope) (of ast.Expr, ok bool) {
	if e.Kind() == ast.ComprehensionKind {
		_, _, ok := in.predicate(e.AsComprehension(), s)
		return e.AsComprehension().IterRange(), ok
	}
	c, ok := comparison(e)
	if !ok || !c.equal || slices.ContainsFunc(c.constants, func(x ast.Expr) bool { return in.zero(c.field, x, s) }) {
		return nil, false
	}
	return c.field, true
}

// zero reports whether a field that is absent compares as equal to the literal.
func (in *inspector) zero(field, literal ast.Expr, s *scope) bool {
	if fd := in.source(field, s); fd != nil && fd.Enum() != nil {
		name, _ := stringOf(literal)
		return name == string(fd.Enum().Values().ByNumber(0).Name())
	}
	switch v := literal.AsLiteral().(type) {
	case types.String:
		return v == ""
	case types.Int:
		return v == 0
	case types.Double:
		return v == 0
	case types.Bool:
		return v == types.False
	}
	return true // not looked into
}

// contradictory reports whether no event of evidence has all of the terms.
func contradictory(terms []Term) bool {
	left := map[string][]string{}
	for _, t := range terms {
		switch t.Field {
		case "kind", "user", "model", "provider", "service", "deployment": // an event has one at most
		default:
			continue
		}
		values := slices.DeleteFunc(slices.Clone(t.Values), func(v string) bool {
			before, constrained := left[t.Field]
			return constrained && !slices.Contains(before, v) || t.Field == "kind" && !event.Kind(v).Evidence()
		})
		if len(values) == 0 {
			return true
		}
		left[t.Field] = values
	}
	return false
}

// never reports whether the condition matches no event of evidence.
func (c *Condition) never() bool {
	if !c.since.IsZero() && !c.until.IsZero() && !c.since.Before(c.until) {
		return true
	}
	in := inspect(c.ast)
	value, known := in.decide(c.ast.Expr(), nil)
	return known && !value
}

// conjuncts returns what an event must fulfil for the condition to match, in a form
// that is the same for what is written in another order or spelling; none for a
// condition that matches everything.
func (c *Condition) conjuncts() []string {
	in := inspect(c.ast)
	parts := map[string]bool{}
	for _, part := range operands(c.ast.Expr(), operators.LogicalAnd) {
		if value, known := in.decide(part, nil); !known || !value {
			parts[in.canonical(part, nil)] = true
		}
	}
	return slices.Sorted(maps.Keys(parts))
}

// operands returns what e connects by the operator, or e itself.
func operands(e ast.Expr, operator string) (out []ast.Expr) {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != operator {
		return []ast.Expr{e}
	}
	for _, arg := range e.AsCall().Args() {
		out = append(out, operands(arg, operator)...)
	}
	return out
}

// canonical returns a text that is the same only for expressions of the same
// meaning, whatever their local variables are called, in which order && and ||
// connect, and whether fields go by proto or JSON name.
func (in *inspector) canonical(e ast.Expr, s *scope) string {
	switch e.Kind() {
	case ast.LiteralKind:
		return literalText(e.AsLiteral())
	case ast.IdentKind:
		return in.canonicalName(e.AsIdent(), s)
	case ast.SelectKind:
		return in.canonicalField(e.AsSelect(), s)
	case ast.CallKind:
		return in.canonicalCall(e, s)
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		accu := &scope{name: c.AccuVar(), outer: s}
		inner := in.bind(c, accu, s)
		return fmt.Sprintf("loop(%s; %s; %s; %s; %s)", in.canonical(c.IterRange(), s), in.canonical(c.AccuInit(), s),
			in.canonical(c.LoopCondition(), inner), in.canonical(c.LoopStep(), inner), in.canonical(c.Result(), accu))
	}
	parts := make([]string, 0, len(children(e)))
	for _, child := range children(e) {
		parts = append(parts, in.canonical(child, s))
	}
	return fmt.Sprintf("%d[%s]", e.Kind(), strings.Join(parts, ", "))
}

func literalText(v ref.Val) string {
	return v.Type().TypeName() + strconv.Quote(fmt.Sprint(v.Value()))
}

// canonicalName names a local variable by how deep it was bound.
func (in *inspector) canonicalName(name string, s *scope) string {
	global, isGlobal := strings.CutPrefix(name, ".")
	if local := s.find(name); local != nil && !isGlobal {
		depth := 0
		for ; local != nil; local = local.outer {
			depth++
		}
		return "%" + strconv.Itoa(depth)
	}
	if fd := in.schema.field(eventName, global); fd != nil {
		return "event." + string(fd.Name())
	}
	return global
}

func (in *inspector) canonicalField(sel ast.SelectExpr, s *scope) string {
	name := sel.FieldName()
	if fd := in.field(sel); fd != nil {
		name = string(fd.Name())
	}
	text := in.canonical(sel.Operand(), s) + "." + name
	if sel.IsTestOnly() {
		return "has(" + text + ")"
	}
	return text
}

func (in *inspector) canonicalCall(e ast.Expr, s *scope) string {
	call, args := e.AsCall(), children(e)
	function, unordered := call.FunctionName(), false
	switch function {
	case operators.LogicalAnd, operators.LogicalOr:
		args, unordered = operands(e, function), true
	case operators.Equals, operators.NotEquals:
		unordered = true
	}
	texts := make([]string, len(args))
	for i, arg := range args {
		texts[i] = in.canonical(arg, s)
	}
	if unordered {
		slices.Sort(texts)
		texts = slices.Compact(texts)
	}
	return function + "(" + strings.Join(texts, ", ") + ")"
}

// constantValue returns the value of an expression that uses no variable.
func (in *inspector) constantValue(e ast.Expr) (ref.Val, bool) {
	if !in.constant(e) {
		return nil, false
	}
	part := ast.NewCheckedAST(ast.NewAST(e, in.ast.SourceInfo()), in.ast.TypeMap(), in.ast.ReferenceMap())
	program, err := environment().PlanProgram(part, cel.CostLimit(costLimit))
	if err != nil {
		return nil, false
	}
	v, _, err := program.Eval(cel.NoVars())
	return v, err == nil
}
