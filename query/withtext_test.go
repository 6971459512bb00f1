package query

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// fill sets every field of a message, lists to one element, and of a oneof the
// first that is a message.
func fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() && m.WhichOneof(o) != nil {
			continue
		}
		switch {
		case fd.IsList():
			list := m.Mutable(fd).List()
			if fd.Message() != nil {
				fill(list.AppendMutable().Message(), depth+1)
			} else {
				list.Append(scalar(fd))
			}
		case fd.Message() != nil:
			if depth < 8 {
				fill(m.Mutable(fd).Message(), depth+1)
			}
		default:
			m.Set(fd, scalar(fd))
		}
	}
}

func scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	switch fd.Kind() {
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("bytes"))
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("word")
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(0.5)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(0.5)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(7)
	case protoreflect.Uint32Kind:
		return protoreflect.ValueOfUint32(7)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(7)
	default:
		return protoreflect.ValueOfInt32(7)
	}
}

// Whatever is asked for of an event, the answer is what the whole event has:
// a field that meta data does not hold must not read as absent. The paths are
// all fields of an event and all of those that these have.
func TestMasksReadWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	}()
	bodies := (&pb.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
	var batch []eventlog.Prepared
	for i := range bodies.Len() {
		e := new(pb.Event)
		fill(e.ProtoReflect().Mutable(bodies.Get(i)).Message(), 0)
		fill(e.ProtoReflect(), 0)
		e.Id, e.Seq, e.Time, e.Received = fmt.Sprint("e", i), nil, timestamppb.Now(), nil
		p, err := log.Prepare("acme", e)
		if err != nil {
			t.Fatalf("%s: %v", bodies.Get(i).Name(), err)
		}
		batch = append(batch, p)
	}
	if _, err := log.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	read := 0
	for entry, err := range log.Scan(t.Context(), "acme", eventlog.Selection{Order: eventlog.LogOrder}) {
		if err != nil {
			t.Fatal(err)
		}
		whole, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths(whole.ProtoReflect()) {
			m, err := newMask(&fieldmaskpb.FieldMask{Paths: []string{path}})
			if err != nil {
				t.Fatal(err)
			}
			got, err := m.read(entry)
			if err != nil {
				t.Fatal(err)
			}
			want := proto.CloneOf(whole)
			m.fields.keep(want.ProtoReflect())
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
			read++
		}
	}
	if read < 100 {
		t.Errorf("only %d paths were read", read)
	}
}

// paths returns the fields that are set in the message, and in those that are
// messages.
func paths(m protoreflect.Message) (all []string) {
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		all = append(all, string(fd.Name()))
		if fd.Message() == nil || fd.IsList() || fd.Message().FullName().Parent() != m.Descriptor().FullName().Parent() {
			return true
		}
		v.Message().Range(func(below protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			all = append(all, string(fd.Name()+"."+below.Name()))
			return true
		})
		return true
	})
	return all
}
