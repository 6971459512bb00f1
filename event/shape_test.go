package event

import (
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The shapes are written by hand: a field added to event.proto and forgotten
// here would be refused as unknown.
func TestShapesMatchDescriptors(t *testing.T) {
	seen := make(map[protoreflect.FullName]bool)
	checkShape(t, seen, eventShape, new(pb.Event))
	checkShape(t, seen, sourceShape, new(pb.Source))
	checkShape(t, seen, captureShape, new(pb.Capture))
	checkShape(t, seen, redactionShape, new(pb.Redaction))
	checkShape(t, seen, sealedShape, new(pb.Sealed))
	checkShape(t, seen, traceShape, new(pb.Trace))
	checkShape(t, seen, interactionShape, new(pb.Interaction))
	checkShape(t, seen, modelShape, new(pb.Model))
	checkShape(t, seen, parametersShape, new(pb.Parameters))
	checkShape(t, seen, messageShape, new(pb.Message))
	checkShape(t, seen, partShape, new(pb.Part))
	checkShape(t, seen, toolCallShape, new(pb.ToolCall))
	checkShape(t, seen, toolResultShape, new(pb.ToolResult))
	checkShape(t, seen, blobShape, new(pb.Blob))
	checkShape(t, seen, documentShape, new(pb.Document))
	checkShape(t, seen, deltaShape, new(pb.Delta))
	checkShape(t, seen, verdictShape, new(pb.Verdict))
	checkShape(t, seen, classifierShape, new(pb.Classifier))
	checkShape(t, seen, reportShape, new(pb.Report))
	checkShape(t, seen, actionShape, new(pb.Action))
	checkShape(t, seen, coverageShape, new(pb.Coverage))
	checkShape(t, seen, stratumShape, new(pb.Coverage_Stratum))
	checkShape(t, seen, usageShape, new(pb.Usage))
	checkShape(t, seen, policyAppliedShape, new(pb.PolicyApplied))
	checkShape(t, seen, forgottenShape, new(pb.Forgotten))
	checkShape(t, seen, positionsShape, new(pb.Forgotten_Positions))
	checkShape(t, seen, blockShape, new(pb.Forgotten_Block))
	checkShape(t, seen, epochBeganShape, new(pb.EpochBegan))
	checkShape(t, seen, restoredShape, new(pb.Restored))
	checkShape(t, seen, redactedShape, new(pb.Redacted))
	checkShape(t, seen, replacementShape, new(pb.Redacted_Replacement))
	checkShape(t, seen, exportedShape, new(pb.Exported))
	checkShape(t, seen, classDayShape, new(pb.ClassDay))
	checkShape(t, seen, holdShape, new(pb.Hold))
	checkShape(t, seen, scopeShape, new(pb.Hold_Scope))
	checkShape(t, seen, erasureShape, new(pb.Erasure))
	checkShape(t, seen, deferralShape, new(pb.Erasure_Deferral))
	checkShape(t, seen, countedShape, new(pb.Counted))
	checkShape(t, seen, countedStratumShape, new(pb.Counted_Stratum))
	checkShape(t, seen, gapShape, new(pb.Counted_Gap))
	checkShape(t, seen, promotedShape, new(pb.Promoted))
	checkShape(t, seen, clockJudgedShape, new(pb.ClockJudged))
	for name := range messagesOf(new(pb.Event).ProtoReflect().Descriptor()) {
		if !seen[name] {
			t.Errorf("%s has no shape", name)
		}
	}
}

func checkShape[M any](t *testing.T, seen map[protoreflect.FullName]bool, s *shape[M], m proto.Message) {
	t.Helper()
	md := m.ProtoReflect().Descriptor()
	seen[md.FullName()] = true
	want := make(map[string]int)
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		want[fd.JSONName()], want[fd.TextName()] = i, i
		oneof := fd.ContainingOneof() != nil && !fd.ContainingOneof().IsSynthetic()
		if i < len(s.fields) && s.fields[i].oneof != oneof {
			t.Errorf("%s: oneof is %v", fd.FullName(), !oneof)
		}
		if fd.Number() >= maxNumber {
			t.Errorf("%s: number is %d: the scan of the wire takes numbers below %d", fd.FullName(), fd.Number(), maxNumber)
		}
	}
	if !maps.Equal(s.byName, want) {
		t.Errorf("%s: got fields %v, want %v", md.FullName(), slices.Sorted(maps.Keys(s.byName)), slices.Sorted(maps.Keys(want)))
	}
	if len(s.fields) >= maxNumber {
		t.Errorf("%s has %d fields: a bit set of 64 is too small", md.FullName(), len(s.fields))
	}
	if real := md.Oneofs().Len() - synthetic(md); real > 1 {
		t.Errorf("%s has %d oneofs: the decoders know of one", md.FullName(), real)
	}
}

func synthetic(md protoreflect.MessageDescriptor) (n int) {
	for i := range md.Oneofs().Len() {
		if md.Oneofs().Get(i).IsSynthetic() {
			n++
		}
	}
	return n
}

// messagesOf returns the names of our messages that md reaches.
func messagesOf(md protoreflect.MessageDescriptor) map[protoreflect.FullName]bool {
	names := map[protoreflect.FullName]bool{md.FullName(): true}
	for i := range md.Fields().Len() {
		sub := md.Fields().Get(i).Message()
		if sub != nil && sub.ParentFile().Package() == md.ParentFile().Package() {
			maps.Copy(names, messagesOf(sub))
		}
	}
	return names
}
