package policy

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// An inspector answers questions about a checked condition.
type inspector struct {
	ast    *ast.AST
	schema *schema
}

func inspect(a *ast.AST) *inspector {
	return &inspector{ast: a, schema: environment().CELTypeProvider().(*schema)}
}

// A scope is the local variables at a place in a condition, innermost first.
type scope struct {
	name  string
	path  string // of the field whose elements the variable takes, with [] after it
	known bool   // whether path is
	outer *scope
}

func (s *scope) find(name string) *scope {
	for ; s != nil; s = s.outer {
		if s.name == name {
			return s
		}
	}
	return nil
}

// walk calls visit for e and all below it, parents first.
func (in *inspector) walk(e ast.Expr, s *scope, visit func(ast.Expr, *scope)) {
	visit(e, s)
	if e.Kind() != ast.ComprehensionKind {
		for _, child := range children(e) {
			in.walk(child, s, visit)
		}
		return
	}
	c := e.AsComprehension()
	in.walk(c.IterRange(), s, visit)
	in.walk(c.AccuInit(), s, visit)
	accu := &scope{name: c.AccuVar(), outer: s}
	in.walk(c.Result(), accu, visit)
	inner := in.bind(c, accu, s)
	in.walk(c.LoopCondition(), inner, visit)
	in.walk(c.LoopStep(), inner, visit)
}

// bind returns the scope within a comprehension whose range is in the scope
// outside.
func (in *inspector) bind(c ast.ComprehensionExpr, accu, outside *scope) *scope {
	path, known := in.path(c.IterRange(), outside)
	return &scope{name: c.IterVar(), path: path + "[]", known: known, outer: accu}
}

func children(e ast.Expr) []ast.Expr {
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			return append([]ast.Expr{c.Target()}, c.Args()...)
		}
		return c.Args()
	case ast.ListKind:
		return e.AsList().Elements()
	case ast.SelectKind:
		return []ast.Expr{e.AsSelect().Operand()}
	case ast.MapKind:
		var out []ast.Expr
		for _, entry := range e.AsMap().Entries() {
			out = append(out, entry.AsMapEntry().Key(), entry.AsMapEntry().Value())
		}
		return out
	}
	return nil
}

// path returns the field that e reads, as proto names from the event down:
// `interaction.model.name`, and `interaction.verdicts[].category` for a field
// of a variable that takes the elements of a list. The event itself is "".
func (in *inspector) path(e ast.Expr, s *scope) (path string, ok bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return in.variable(e.AsIdent(), s)
	case ast.SelectKind:
		sel := e.AsSelect()
		if sel.IsTestOnly() {
			return "", false
		}
		return in.selected(sel, s)
	}
	return "", false
}

func (in *inspector) variable(name string, s *scope) (string, bool) {
	global, isGlobal := strings.CutPrefix(name, ".")
	if local := s.find(name); local != nil && !isGlobal {
		return local.path, local.known
	}
	switch global {
	case "event":
		return "", true
	case "kind":
		return "kind", true
	}
	if fd := in.schema.field(eventName, global); fd != nil {
		return string(fd.Name()), true
	}
	return "", false
}

// selected returns the path of a field selection, whether it reads the field
// or asks for its presence.
func (in *inspector) selected(sel ast.SelectExpr, s *scope) (string, bool) {
	fd := in.field(sel)
	above, ok := in.path(sel.Operand(), s)
	if fd == nil || !ok {
		return "", false
	}
	if above == "" {
		return string(fd.Name()), true
	}
	return above + "." + string(fd.Name()), true
}

// field returns the field of the message that sel selects, or nil.
func (in *inspector) field(sel ast.SelectExpr) protoreflect.FieldDescriptor {
	t := in.ast.GetType(sel.Operand().ID())
	if t == nil || t.Kind() != types.StructKind {
		return nil
	}
	return in.schema.field(t.TypeName(), sel.FieldName())
}

// source returns the field that e reads, whatever it is a field of, or nil.
func (in *inspector) source(e ast.Expr, s *scope) protoreflect.FieldDescriptor {
	switch e.Kind() {
	case ast.SelectKind:
		return in.field(e.AsSelect())
	case ast.IdentKind:
		if s.find(e.AsIdent()) == nil {
			return in.schema.field(eventName, strings.TrimPrefix(e.AsIdent(), "."))
		}
	}
	return nil
}

// fail is an error at e.
func (in *inspector) fail(e ast.Expr, format string, args ...any) *Error {
	line, column := position(in.ast, e.ID())
	return &Error{line, column, fmt.Sprintf(format, args...)}
}

// A check looks at one node of a condition; nil means nothing is wrong.
type check func(in *inspector, e ast.Expr, s *scope) *Error

// check applies the checks to every node and returns the first complaint in
// the order of the text.
func (in *inspector) check(checks ...check) *Error {
	var found []*Error
	in.walk(in.ast.Expr(), nil, func(e ast.Expr, s *scope) {
		for _, c := range checks {
			if err := c(in, e, s); err != nil {
				found = append(found, err)
			}
		}
	})
	if len(found) == 0 {
		return nil
	}
	return slices.MinFunc(found, byPosition)
}

// noMessages refuses to make messages and to read fields of what has no
// type: neither is of use in a condition.
func noMessages(in *inspector, e ast.Expr, _ *scope) *Error {
	switch e.Kind() {
	case ast.StructKind:
		return in.fail(e, "a condition cannot make a message")
	case ast.SelectKind:
		t := in.ast.GetType(e.AsSelect().Operand().ID())
		if t != nil && t.Kind() == types.DynKind {
			return in.fail(e, "the type of what has field %s is not known", e.AsSelect().FieldName())
		}
	}
	return nil
}

// enumNames refuses to compare an enum with a string that is none of its
// names, which could never be equal.
func enumNames(in *inspector, e ast.Expr, s *scope) *Error {
	c, ok := comparison(e)
	if !ok {
		return nil
	}
	fd := in.source(c.field, s)
	if fd == nil || fd.Enum() == nil {
		return nil
	}
	for _, name := range c.constants {
		if v, ok := stringOf(name); ok && fd.Enum().Values().ByName(protoreflect.Name(v)) == nil {
			return in.fail(name, "is no %s: want one of %s", fd.Name(), strings.Join(names(fd.Enum()), ", "))
		}
	}
	return nil
}

func names(enum protoreflect.EnumDescriptor) []string {
	out := make([]string, enum.Values().Len())
	for i := range out {
		out[i] = string(enum.Values().Get(i).Name())
	}
	return out
}

// A compared is a field and the constants with which it is compared.
type compared struct {
	field     ast.Expr
	constants []ast.Expr // literals, at least one
	equal     bool       // == or in; otherwise !=
}

// comparison recognises `f == c`, `c == f`, `f != c`, `c != f` and
// `f in [c, …]` with literals for c.
func comparison(e ast.Expr) (compared, bool) {
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return compared{}, false
	}
	call := e.AsCall()
	left, right := call.Args()[0], call.Args()[1]
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		if left.Kind() == ast.LiteralKind {
			left, right = right, left
		}
		return compared{left, []ast.Expr{right}, call.FunctionName() == operators.Equals},
			right.Kind() == ast.LiteralKind
	case operators.In:
		if right.Kind() != ast.ListKind || right.AsList().Size() == 0 {
			return compared{}, false
		}
		elements := right.AsList().Elements()
		literals := !slices.ContainsFunc(elements, func(x ast.Expr) bool { return x.Kind() != ast.LiteralKind })
		return compared{left, elements, true}, literals
	}
	return compared{}, false
}

// stringOf returns the value of a string literal.
func stringOf(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}
