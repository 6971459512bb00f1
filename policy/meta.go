package policy

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// beyondMeta reports whether the field is left out of an event's meta data.
func beyondMeta(fd protoreflect.FieldDescriptor) bool {
	switch fd.ContainingMessage().Name() {
	case "Event":
		return fd.Name() == "salt"
	case "Interaction":
		switch fd.Name() {
		case "input", "output", "shown", "retrieved", "deltas", "parameters":
			return true
		}
	case "Report":
		return fd.Name() == "comment"
	case "Action":
		return fd.Name() == "text"
	case "Capture":
		return fd.Name() == "redactions" || fd.Name() == "content" || fd.Name() == "escrow"
	case "PolicyApplied":
		return fd.Name() != "version"
	case "Forgotten":
		return fd.Name() != "cause" && fd.Name() != "request"
	case "Counted":
		return fd.Name() != "from" && fd.Name() != "through"
	case "Promoted":
		return fd.Name() != "class"
	case "Exported", "Hold":
		return fd.Name() == "positions"
	case "Erasure":
		return fd.Name() == "positions" || fd.Name() == "quarantined"
	case "Redacted":
		return fd.Name() == "events"
	}
	return false
}

// unmarkedInMeta reports whether meta data does not tell a message that is
// there with nothing in it, or nothing but what is left out, from one that is
// absent.
func unmarkedInMeta(fd protoreflect.FieldDescriptor) bool {
	if fd.Message() == nil {
		return false
	}
	switch fd.Message().Name() {
	case "Source", "Capture", "Trace", "Model", "Usage", "Classifier":
		return true
	}
	return false
}

// metaOnly reports whether meta data is enough to evaluate the condition: it
// reads no field beyond it, asks for the presence of no message that it does
// not mark, and passes no message that has a field beyond it to a function or
// an operator as a whole.
func (in *inspector) metaOnly() bool {
	only := true
	in.walk(in.ast.Expr(), nil, func(e ast.Expr, s *scope) {
		if fd := in.source(e, s); fd != nil && (beyondMeta(fd) || isHas(e) && unmarkedInMeta(fd)) {
			only = false
		}
		if e.Kind() == ast.SelectKind || e.Kind() == ast.ComprehensionKind {
			return
		}
		for _, child := range children(e) {
			only = only && !in.whole(in.ast.GetType(child.ID()))
		}
	})
	return only
}

// isHas reports whether e is has(…).
func isHas(e ast.Expr) bool { return e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly() }

// whole reports whether a value of type t can hold a message that meta data
// does not hold as a whole.
func (in *inspector) whole(t *types.Type) bool {
	if t == nil {
		return false
	}
	switch t.Kind() {
	case types.StructKind:
		return in.textBelow(in.schema.messages[t.TypeName()])
	case types.ListKind, types.MapKind:
		return slices.ContainsFunc(t.Parameters(), in.whole)
	}
	return false
}

func (in *inspector) textBelow(m protoreflect.MessageDescriptor) bool {
	if m == nil {
		return false
	}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		if beyondMeta(fd) || fd.Message() != nil && in.textBelow(fd.Message()) {
			return true
		}
	}
	return false
}
