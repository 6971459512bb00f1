package policy

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// Reads returns the fields that the condition reads, as proto names from the event
// down: `source.service`, `interaction.verdicts[].score`, and `kind` for the kind
// of the body. Events that have the same in all of these match alike. ok is false
// where that cannot be told: it takes a message as a whole, or a field of something
// that is none of the event's.
func (c *Condition) Reads() (paths []string, ok bool) {
	r := reader{inspector: inspect(c.ast), ok: true}
	r.read(c.ast.Expr(), nil)
	slices.Sort(r.paths)
	return slices.Compact(r.paths), r.ok
}

// A reader collects what a condition reads.
type reader struct {
	*inspector
	paths []string
	ok    bool
}

func (r *reader) read(e ast.Expr, s *scope) {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		r.field(e, s)
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		r.list(c.IterRange(), s)
		r.read(c.AccuInit(), s)
		accu := &scope{name: c.AccuVar(), outer: s}
		r.read(c.Result(), accu)
		inner := r.bind(c, accu, s)
		r.read(c.LoopCondition(), inner)
		r.read(c.LoopStep(), inner)
	default:
		for _, child := range children(e) {
			r.read(child, s)
		}
	}
}

// field notes a field that is read or asked for.
func (r *reader) field(e ast.Expr, s *scope) {
	if e.Kind() == ast.IdentKind && s.find(e.AsIdent()) != nil && !s.find(e.AsIdent()).known {
		return // what a comprehension keeps
	}
	path, ok := r.path(e, s)
	whole := r.ast.GetType(e.ID())
	if isHas(e) {
		path, ok = r.selected(e.AsSelect(), s)
		fd := r.inspector.field(e.AsSelect())
		if ok && fd != nil && fd.ContainingOneof() != nil && fd.Message() != nil {
			path = "kind" // of the body
		}
		whole = nil
	}
	r.ok = r.ok && ok && path != "" && !messages(whole)
	r.paths = append(r.paths, path)
}

// list notes a list whose elements are looked at: what of them is read is noted
// where it is.
func (r *reader) list(e ast.Expr, s *scope) {
	if path, ok := r.path(e, s); ok && path != "" {
		r.paths = append(r.paths, path)
		return
	}
	r.read(e, s)
}

// messages tells whether values of a type have messages in them.
func messages(t *types.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case types.StructKind, types.DynKind, types.AnyKind:
		return true
	case types.ListKind, types.MapKind:
		return slices.ContainsFunc(t.Parameters(), messages)
	}
	return false
}
