package query

import (
	"errors"
	"fmt"
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
	"policy_applied.document", "forgotten.positions", "forgotten.blocks", "redacted.events",
}

// A mask says which fields of an event are wanted. The nil mask wants all.
type mask struct {
	fields fields
	text   bool // some are only in the whole event
}

// fields are those wanted of a message, by name; a nil value wants the whole
// field.
type fields map[protoreflect.Name]fields

func newMask(m *fieldmaskpb.FieldMask) (*mask, error) {
	if len(m.GetPaths()) == 0 {
		return nil, nil
	}
	out := &mask{fields: fields{"seq": nil}}
	for _, path := range m.GetPaths() {
		if !(&fieldmaskpb.FieldMask{Paths: []string{path}}).IsValid(&pb.Event{}) {
			return nil, &RequestError{"readMask", fmt.Sprintf("%q is not a field of an event", path)}
		}
		out.fields.add(strings.Split(path, "."))
		for _, text := range withText {
			out.text = out.text || within(path, text) || within(text, path)
		}
	}
	return out, nil
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
