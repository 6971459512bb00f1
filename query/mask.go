package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// withText are the fields that only the whole event has; see
// eventlog.Entry.Meta.
var withText = []string{
	"salt", "capture.redactions", "capture.escrow", "capture.content", "interaction.parameters", "interaction.input", "interaction.retrieved",
	"interaction.output", "interaction.shown", "interaction.deltas", "report.comment", "action.text",
	"policy_applied.document", "policy_applied.actor", "policy_applied.reason", "policy_applied.approvals", "policy_applied.replaces",
	"forgotten.positions", "forgotten.blocks", "forgotten.kept", "forgotten.quarantined", "redacted.events",
	"exported.positions", "hold.positions", "erasure.positions", "erasure.quarantined", "promoted.positions", "promoted.from",
	"counted.strata", "counted.redactions", "counted.gaps", "counted.other_missing", "counted.quarantined",
}

// A mask says which fields of an event are wanted. The nil mask wants all.
type mask struct {
	fields fields
	text   bool // some are only in the whole event
}

// fields are those wanted of a message, by name; a nil value wants the whole
// field.
type fields map[protoreflect.Name]fields

// newMask reads a mask. Its paths may be spelt as the protos or as JSON spell
// them; "*" wants all. The error is a *RequestError.
func newMask(m *fieldmaskpb.FieldMask) (*mask, error) {
	if len(m.GetPaths()) == 0 || slices.Contains(m.GetPaths(), "*") {
		return nil, nil
	}
	out := &mask{fields: fields{"seq": nil}}
	for _, spelt := range m.GetPaths() {
		names, err := fieldPath((*pb.Event)(nil).ProtoReflect().Descriptor(), spelt)
		if err != nil {
			return nil, err
		}
		out.fields.add(names)
		path := strings.Join(names, ".")
		for _, text := range withText {
			out.text = out.text || within(path, text) || within(text, path)
		}
	}
	return out, nil
}

// fieldPath returns the names of the fields that a path leads through.
func fieldPath(in protoreflect.MessageDescriptor, path string) ([]string, error) {
	var names []string
	for name := range strings.SplitSeq(path, ".") {
		if in == nil {
			return nil, &RequestError{"readMask", fmt.Sprintf("%q: %s has no fields to choose from", path, strings.Join(names, "."))}
		}
		fd := in.Fields().ByName(protoreflect.Name(name))
		if fd == nil {
			fd = in.Fields().ByJSONName(name)
		}
		if fd == nil {
			return nil, &RequestError{"readMask", fmt.Sprintf("%q is not a field of an event", path)}
		}
		names = append(names, string(fd.Name()))
		if in = fd.Message(); fd.Cardinality() == protoreflect.Repeated {
			in = nil
		}
	}
	return names, nil
}

// Keep clears everything of an event that a mask does not want; nil wants all.
// The error is a *RequestError.
func Keep(e *pb.Event, m *fieldmaskpb.FieldMask) error {
	wanted, err := newMask(m)
	if err == nil && wanted != nil {
		wanted.fields.keep(e.ProtoReflect())
	}
	return err
}

// within reports whether path is the other or leads below it.
func within(path, other string) bool {
	return path == other || strings.HasPrefix(path, other+".")
}

func (f fields) add(path []string) {
	name := protoreflect.Name(path[0])
	below, known := f[name]
	switch {
	case len(path) == 1:
		f[name] = nil
	case known && below == nil: // The whole field is wanted already.
	default:
		if below == nil {
			below = fields{}
			f[name] = below
		}
		below.add(path[1:])
	}
}

// keep clears everything of m that is not wanted.
func (f fields) keep(m protoreflect.Message) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		below, wanted := f[fd.Name()]
		switch {
		case !wanted:
			m.Clear(fd)
		case below != nil:
			below.keep(v.Message())
		}
		return true
	})
}

// metaOnly tells whether no text is wanted.
func (m *mask) metaOnly() bool { return m != nil && !m.text }

// read returns what is wanted of an entry, nil if it was forgotten.
func (m *mask) read(entry *eventlog.Entry) (*pb.Event, error) {
	e, err := m.least(entry)
	return m.cut(e), err
}

// least returns an entry with at least what is wanted of it, nil if it was
// forgotten.
func (m *mask) least(entry *eventlog.Entry) (*pb.Event, error) {
	read := entry.Event
	if m.metaOnly() {
		read = entry.Meta
	}
	e, err := read()
	if errors.Is(err, eventlog.ErrErased) {
		return nil, nil
	}
	return e, err
}

// cut clears what is not wanted of an event.
func (m *mask) cut(e *pb.Event) *pb.Event {
	if m != nil && e != nil {
		m.fields.keep(e.ProtoReflect())
	}
	return e
}
