package policy

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// indexed returns the index field that has a term for the value at the path,
// or "".
func indexed(path string) string {
	switch path {
	case "id", "session", "user", "kind": // Not the class: a bucket has events of others, that were promoted.
		return path
	case "report.session":
		return "session"
	case "verdict.target", "report.target", "action.target":
		return "target"
	case "interaction.model.name":
		return "model"
	case "interaction.model.provider":
		return "provider"
	case "interaction.verdicts[].category", "verdict.category", "report.category":
		return "category"
	case "source.service":
		return "service"
	case "source.deployment":
		return "deployment"
	}
	return ""
}

func (in *inspector) terms() []Term { return in.implied(in.ast.Expr(), nil) }

// implied returns terms that hold for every event for which e is true.
func (in *inspector) implied(e ast.Expr, s *scope) []Term {
	switch e.Kind() {
	case ast.CallKind:
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case operators.LogicalAnd:
			return in.all(args, s)
		case operators.LogicalOr:
			return in.any(args, s)
		}
		return append(in.compares(e, s), in.says(e, s)...)
	case ast.SelectKind:
		return in.present(e.AsSelect(), s)
	case ast.ComprehensionKind:
		return in.exists(e.AsComprehension(), s)
	}
	return nil
}

// all returns what `a && b` implies: whatever either does.
func (in *inspector) all(args []ast.Expr, s *scope) (terms []Term) {
	for _, arg := range args {
		terms = append(terms, in.implied(arg, s)...)
	}
	return terms
}

// any returns what `a || b` implies: for a field that each side demands, one
// of the values of either.
func (in *inspector) any(args []ast.Expr, s *scope) []Term {
	if len(args) == 0 {
		return nil
	}
	terms := in.implied(args[0], s)
	for _, arg := range args[1:] {
		terms = union(terms, in.implied(arg, s))
	}
	return terms
}

func union(a, b []Term) (terms []Term) {
	for _, t := range a {
		i := slices.IndexFunc(b, func(u Term) bool { return u.Field == t.Field })
		if i >= 0 {
			terms = append(terms, newTerm(t.Field, slices.Concat(t.Values, b[i].Values)))
		}
	}
	return terms
}

func newTerm(field string, values []string) Term {
	slices.Sort(values)
	return Term{field, slices.Compact(values)}
}

// compares returns the term of a comparison with string constants. An event
// has no term for an empty field, so the empty string implies none.
func (in *inspector) compares(e ast.Expr, s *scope) []Term {
	c, ok := comparison(e)
	if !ok || !c.equal {
		return nil
	}
	path, ok := in.path(c.field, s)
	if !ok || indexed(path) == "" {
		return nil
	}
	values := make([]string, len(c.constants))
	for i, constant := range c.constants {
		if values[i], ok = stringOf(constant); !ok || values[i] == "" {
			return nil
		}
	}
	return []Term{newTerm(indexed(path), values)}
}

// exact reports whether e is true for every event that has the terms that it
// implies: it compares indexed fields of which an event has at most one value.
func (in *inspector) exact(e ast.Expr) bool {
	if e.Kind() != ast.CallKind {
		return false
	}
	if e.AsCall().FunctionName() == operators.LogicalAnd {
		return !slices.ContainsFunc(e.AsCall().Args(), func(arg ast.Expr) bool { return !in.exact(arg) })
	}
	c, ok := comparison(e)
	if !ok || len(in.compares(e, nil)) == 0 {
		return false
	}
	switch path, _ := in.path(c.field, nil); path {
	case "user", "kind", "interaction.model.name", "interaction.model.provider", "source.service", "source.deployment":
		return true
	}
	return false // Of sessions, targets and categories an event may have several; by id others are not looked up.
}

// present returns the term of `has(event.verdict)`: the event's kind.
func (in *inspector) present(sel ast.SelectExpr, s *scope) []Term {
	fd := in.field(sel)
	above, ok := in.path(sel.Operand(), s)
	if !sel.IsTestOnly() || !ok || above != "" || fd == nil || fd.ContainingOneof() == nil {
		return nil
	}
	return []Term{{"kind", []string{string(fd.Name())}}}
}

// exists returns what holds for the event if the predicate of an `exists`
// macro holds for one element of its range.
func (in *inspector) exists(c ast.ComprehensionExpr, s *scope) []Term {
	predicate, inner, ok := in.predicate(c, s)
	if !ok {
		return nil
	}
	return in.implied(predicate, inner)
}

func isFalse(e ast.Expr) bool {
	return e.Kind() == ast.LiteralKind && e.AsLiteral() == types.False
}

func isIdent(e ast.Expr, name string) bool {
	return e.Kind() == ast.IdentKind && e.AsIdent() == name
}

// pseudonymPrefix begins what stands for a user in the store.
const pseudonymPrefix = "[USER:"

// Rewrite returns the condition with the users it names replaced: each string
// constant that is compared with `user` by ==, != or `in [...]` becomes what
// pseudonym returns for it. The empty string and what is a pseudonym already
// stay. An error is pseudonym's.
func (c *Condition) Rewrite(pseudonym func(user string) (string, error)) (*Condition, error) {
	in := inspect(ast.Copy(c.ast))
	var failed error
	in.walk(in.ast.Expr(), nil, func(e ast.Expr, s *scope) {
		for _, constant := range in.users(e, s) {
			name, _ := stringOf(constant)
			token, err := pseudonym(name)
			if err != nil {
				failed = err
				return
			}
			constant.SetKindCase(ast.NewExprFactory().NewLiteral(constant.ID(), types.String(token)))
		}
	})
	if failed != nil {
		return nil, failed
	}
	return plan(in.ast)
}

// users returns the string constants in e that name users in clear.
func (in *inspector) users(e ast.Expr, s *scope) (found []ast.Expr) {
	c, ok := comparison(e)
	if !ok {
		return nil
	}
	if path, ok := in.path(c.field, s); !ok || path != "user" {
		return nil
	}
	for _, constant := range c.constants {
		if name, ok := stringOf(constant); ok && name != "" && !strings.HasPrefix(name, pseudonymPrefix) {
			found = append(found, constant)
		}
	}
	return found
}
