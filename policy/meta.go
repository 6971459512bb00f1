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
		return fd.Name() == "redactions"
	case "PolicyApplied":
		return fd.Name() == "document"
	}
	return false
}

// metaOnly reports whether meta data is enough to evaluate the condition: it
// reads no field beyond it, and passes no message that has one to a function
// or an operator as a whole.
func (in *inspector) metaOnly() bool {
	only := true
	in.walk(in.ast.Expr(), nil, func(e ast.Expr, s *scope) {
		if fd := in.source(e, s); fd != nil && beyondMeta(fd) {
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
