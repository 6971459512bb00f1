package event

import (
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// outlined are the fields that Outline reads.
var outlined = func() map[protoreflect.FieldNumber]bool {
	fields := new(pb.Event).ProtoReflect().Descriptor().Fields()
	numbers := map[protoreflect.FieldNumber]bool{}
	for _, name := range []protoreflect.Name{"source", "capture", "received", "class", "policy_version"} {
		numbers[fields.ByName(name).Number()] = true
	}
	return numbers
}()

// Outline reads of an event that [Marshal] wrote where it came from, how it was
// captured and how it was classified (source, capture, received, class and
// policy_version), and passes over all else: of what is mostly text that takes a
// fraction of [Unmarshal]. b is not kept.
func Outline(b []byte) (*pb.Event, error) {
	var kept []byte
	for len(b) > 0 {
		number, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("read an outline: %w", protowire.ParseError(n))
		}
		m := protowire.ConsumeFieldValue(number, typ, b[n:])
		if m < 0 {
			return nil, fmt.Errorf("read an outline: %w", protowire.ParseError(m))
		}
		if outlined[number] {
			kept = append(kept, b[:n+m]...)
		}
		b = b[n+m:]
	}
	e := new(pb.Event)
	if err := proto.Unmarshal(kept, e); err != nil {
		return nil, fmt.Errorf("read an outline: %w", err)
	}
	return e, nil
}
