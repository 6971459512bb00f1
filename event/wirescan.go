package event

import (
	"math"
	"math/bits"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Before protobuf is decoded it is looked through: what the decoder would
// drop (unknown fields, all but the last of a field given twice, the upper
// half of a number that does not fit) is refused, and nested messages are
// counted before memory is allocated for them.

// maxNumber is above every field number of an event; a bit of a uint64 stands
// for each.
const maxNumber = 64

// A wireShape says which fields a message may have on the wire.
type wireShape struct {
	fields [maxNumber]*wireField // by number
	choice uint64                // the numbers of which at most one may be set
}

type wireField struct {
	name string // in JSON
	typ  protowire.Type
	kind protoreflect.Kind
	list bool
	sub  *wireShape // of a nested message
}

var eventWire = wireShapeOf((*pb.Event)(nil).ProtoReflect().Descriptor())

func wireShapeOf(md protoreflect.MessageDescriptor) *wireShape {
	s := new(wireShape)
	fields := md.Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		f := &wireField{name: fd.JSONName(), typ: wireType(fd.Kind()), kind: fd.Kind(), list: fd.IsList()}
		if fd.Message() != nil {
			f.sub = wireShapeOf(fd.Message())
		}
		s.fields[fd.Number()] = f
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() {
			s.choice |= 1 << fd.Number()
		}
	}
	return s
}

func wireType(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.DoubleKind:
		return protowire.Fixed64Type
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return protowire.BytesType
	}
	return protowire.VarintType
}

// A wireScan looks through one event.
type wireScan struct {
	elements int  // nested messages so far
	limit    int  // the most there may be
	texts    bool // check that strings are UTF-8
}

func (w *wireScan) message(b []byte, s *wireShape) error {
	var seen uint64
	for rest := b; len(rest) > 0; {
		number, typ, n := protowire.ConsumeTag(rest)
		if n < 0 {
			return wrong("is malformed protobuf")
		}
		if number >= maxNumber || s.fields[number] == nil {
			return wrong("has unknown field %d", number)
		}
		f := s.fields[number]
		size, err := w.value(rest[n:], typ, f)
		if err != nil {
			return w.at(err, f, b[:len(b)-len(rest)], number)
		}
		rest = rest[n+size:]
		bit := uint64(1) << number
		if !f.list && seen&bit != 0 {
			return within(wrong("is given twice"), f.name, -1)
		}
		seen |= bit
		if bits.OnesCount64(seen&s.choice) > 1 {
			return within(wrong("is a second choice: only one can be given"), f.name, -1)
		}
	}
	return nil
}

// at puts a field before the path of err; for an element of a list it counts
// which, in what came before it.
func (w *wireScan) at(err error, f *wireField, before []byte, number protowire.Number) error {
	index := -1
	if f.list {
		index = 0
		for len(before) > 0 {
			n, _, size := protowire.ConsumeField(before)
			if n == number {
				index++
			}
			before = before[size:]
		}
	}
	return within(err, f.name, index)
}

// value checks one value and returns its size.
func (w *wireScan) value(b []byte, typ protowire.Type, f *wireField) (int, error) {
	if typ != f.typ {
		return 0, wrong("has wire type %d, want %d", typ, f.typ)
	}
	switch typ {
	case protowire.Fixed64Type:
		if len(b) < 8 {
			return 0, wrong("is cut off")
		}
		return 8, nil
	case protowire.VarintType:
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return 0, wrong("is cut off or too long")
		}
		if !fits(v, f.kind) {
			return 0, wrong("does not fit into 32 bits")
		}
		return n, nil
	}
	content, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return 0, wrong("is cut off")
	}
	if f.sub != nil {
		if w.elements++; w.elements > w.limit {
			return 0, wrong("has more than %d nested messages before it", w.limit)
		}
		return n, w.message(content, f.sub)
	}
	if w.texts && f.kind == protoreflect.StringKind && !utf8.Valid(content) {
		return 0, wrong("is not valid UTF-8")
	}
	return n, nil
}

// fits reports whether a varint is a value of the kind.
func fits(v uint64, k protoreflect.Kind) bool {
	switch k {
	case protoreflect.Uint32Kind:
		return v <= math.MaxUint32
	case protoreflect.Int32Kind, protoreflect.EnumKind:
		return int64(v) == int64(int32(v))
	}
	return true
}
