package policy

import (
	"fmt"
	"strconv"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// container is where constants such as Verdict.Action.REPLACED are found.
const container = "afterimage.v1"

// eventName is the full name of the event's message.
const eventName = container + ".Event"

// Limits of the text of a condition. They bound what compiling costs.
const (
	maxExpression = 16 << 10 // bytes
	maxDepth      = 64       // nesting
	maxRegexp     = 4096     // instructions of a compiled regular expression
)

// environment returns the one CEL environment in which all conditions are
// compiled. It is made once and never changes.
var environment = sync.OnceValue(func() *cel.Env {
	s := newSchema()
	options := []cel.EnvOption{
		cel.CustomTypeAdapter(s),
		cel.CustomTypeProvider(s),
		cel.Container(container),
		cel.CrossTypeNumericComparisons(true),
		cel.HomogeneousAggregateLiterals(),
		cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(maxExpression),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserErrorRecoveryLimit(0),
		cel.RegexProgramSizeLimit(maxRegexp),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals()),
	}
	env, err := cel.NewEnv(append(options, s.declarations()...)...)
	if err != nil {
		panic("internal error: condition environment: " + err.Error())
	}
	return env
})

// schema tells CEL what an event looks like. It is the registry of the
// event's proto with the values of the event's JSON: enums are strings, whole
// numbers are ints, and fields have their JSON names too.
type schema struct {
	*types.Registry
	messages map[string]protoreflect.MessageDescriptor // by full name
}

func newSchema() *schema {
	r, err := types.NewRegistry(new(pb.Event))
	if err != nil {
		panic("internal error: event types: " + err.Error())
	}
	s := &schema{Registry: r, messages: make(map[string]protoreflect.MessageDescriptor)}
	s.add(new(pb.Event).ProtoReflect().Descriptor())
	return s
}

// add enters the message and all it can contain.
func (s *schema) add(m protoreflect.MessageDescriptor) {
	name := string(m.FullName())
	if _, ok := s.messages[name]; ok || m.ParentFile().Package() != container {
		return
	}
	s.messages[name] = m
	for i := range m.Fields().Len() {
		if sub := m.Fields().Get(i).Message(); sub != nil {
			s.add(sub)
		}
	}
}

// field returns the field of the message with the given proto or JSON name,
// or nil.
func (s *schema) field(message, name string) protoreflect.FieldDescriptor {
	m := s.messages[message]
	if m == nil {
		return nil
	}
	if fd := m.Fields().ByName(protoreflect.Name(name)); fd != nil {
		return fd
	}
	return m.Fields().ByJSONName(name)
}

// declarations declares the event, its fields as variables, and the names of
// its enums as constants.
func (s *schema) declarations() []cel.EnvOption {
	options := []cel.EnvOption{
		cel.Variable("event", cel.ObjectType(eventName)),
		cel.Variable("kind", cel.StringType),
	}
	fields := s.messages[eventName].Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		options = append(options, cel.Variable(string(fd.Name()), celType(fd)))
		if fd.JSONName() != string(fd.Name()) {
			options = append(options, cel.Variable(fd.JSONName(), celType(fd)))
		}
	}
	for _, m := range s.messages {
		options = append(options, constants(m)...)
	}
	return options
}

func constants(m protoreflect.MessageDescriptor) (options []cel.EnvOption) {
	for i := range m.Enums().Len() {
		enum := m.Enums().Get(i)
		for j := range enum.Values().Len() {
			name := enum.Values().Get(j).Name()
			options = append(options, cel.Constant(
				fmt.Sprintf("%s.%s", enum.FullName(), name), cel.StringType, types.String(name)))
		}
	}
	return options
}

// FindStructFieldType returns the type of a field and how to read it.
func (s *schema) FindStructFieldType(message, name string) (*types.FieldType, bool) {
	fd := s.field(message, name)
	if fd == nil {
		return nil, false
	}
	return &types.FieldType{Type: celType(fd), IsSet: tester(fd), GetFrom: getter(fd)}, true
}

// FindStructFieldNames returns the names of the message's fields.
func (s *schema) FindStructFieldNames(message string) ([]string, bool) {
	m := s.messages[message]
	if m == nil {
		return nil, false
	}
	names := make([]string, m.Fields().Len())
	for i := range names {
		names[i] = string(m.Fields().Get(i).Name())
	}
	return names, true
}

// EnumValue knows none: enums are strings, declared as constants.
func (s *schema) EnumValue(string) ref.Val { return types.NewErr("no such enum value") }

// FindIdent finds types; enums are declared as constants.
func (s *schema) FindIdent(name string) (ref.Val, bool) {
	v, ok := s.Registry.FindIdent(name)
	if _, isInt := v.(types.Int); isInt {
		return nil, false
	}
	return v, ok
}

func celType(fd protoreflect.FieldDescriptor) *cel.Type {
	if fd.IsList() {
		return cel.ListType(scalarType(fd))
	}
	return scalarType(fd)
}

func scalarType(fd protoreflect.FieldDescriptor) *cel.Type {
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return cel.BoolType
	case protoreflect.StringKind, protoreflect.EnumKind:
		return cel.StringType
	case protoreflect.BytesKind:
		return cel.BytesType
	case protoreflect.DoubleKind:
		return cel.DoubleType
	case protoreflect.Int32Kind, protoreflect.Int64Kind, protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return cel.IntType
	case protoreflect.MessageKind:
		switch name := fd.Message().FullName(); name {
		case "google.protobuf.Timestamp":
			return cel.TimestampType
		case "google.protobuf.Duration":
			return cel.DurationType
		default:
			return cel.ObjectType(string(name))
		}
	}
	panic(fmt.Sprintf("internal error: field %s has no type in conditions", fd.FullName()))
}

// reflected returns the message that CEL reads a field of; it hands over list
// elements as their reflection.
func reflected(target any) (protoreflect.Message, bool) {
	switch m := target.(type) {
	case proto.Message:
		return m.ProtoReflect(), true
	case protoreflect.Message:
		return m, true
	}
	return nil, false
}

func tester(fd protoreflect.FieldDescriptor) ref.FieldTester {
	return func(target any) bool {
		m, ok := reflected(target)
		return ok && m.Has(fd)
	}
}

func getter(fd protoreflect.FieldDescriptor) ref.FieldGetter {
	return func(target any) (any, error) {
		m, ok := reflected(target)
		if !ok {
			return nil, fmt.Errorf("no field %s here", fd.Name())
		}
		return value(fd, m.Get(fd)), nil
	}
}

// value returns v as conditions see it.
func value(fd protoreflect.FieldDescriptor, v protoreflect.Value) any {
	if fd.IsList() {
		return v.List()
	}
	switch fd.Kind() {
	case protoreflect.EnumKind:
		return enumName(fd.Enum(), v.Enum())
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind:
		return types.Int(v.Uint())
	case protoreflect.MessageKind:
		switch m := v.Message().Interface().(type) {
		case *timestamppb.Timestamp:
			return types.Timestamp{Time: m.AsTime()}
		case *durationpb.Duration:
			return types.Duration{Duration: m.AsDuration()}
		default:
			return m
		}
	}
	return v.Interface()
}

func enumName(enum protoreflect.EnumDescriptor, n protoreflect.EnumNumber) types.String {
	if v := enum.Values().ByNumber(n); v != nil {
		return types.String(v.Name())
	}
	return types.String(strconv.Itoa(int(n)))
}
