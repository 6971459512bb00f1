package event

import (
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The shapes of all messages of an event, fields in the order of event.proto.

var eventShape = shapeOf("an event",
	textField("id", func(m *pb.Event) *string { return &m.Id }),
	timeField("time", func(m *pb.Event) **timestamppb.Timestamp { return &m.Time }),
	textField("session", func(m *pb.Event) *string { return &m.Session }),
	uint32Field("turn", func(m *pb.Event) *uint32 { return &m.Turn }),
	textField("user", func(m *pb.Event) *string { return &m.User }),
	messageField("source", sourceShape, func(m *pb.Event) **pb.Source { return &m.Source }),
	messageField("capture", captureShape, func(m *pb.Event) **pb.Capture { return &m.Capture }),
	messageField("trace", traceShape, func(m *pb.Event) **pb.Trace { return &m.Trace }),
	bytesField("salt", func(m *pb.Event) *[]byte { return &m.Salt }),
	timeField("received", func(m *pb.Event) **timestamppb.Timestamp { return &m.Received }),
	textField("class", func(m *pb.Event) *string { return &m.Class }),
	textField("policyVersion", func(m *pb.Event) *string { return &m.PolicyVersion }),
	maybeUint64Field("seq", func(m *pb.Event) **uint64 { return &m.Seq }),
	choice("interaction", interactionShape, func(m *pb.Event, b *pb.Interaction) {
		m.Body = &pb.Event_Interaction{Interaction: b}
	}),
	choice("verdict", verdictShape, func(m *pb.Event, b *pb.Verdict) { m.Body = &pb.Event_Verdict{Verdict: b} }),
	choice("report", reportShape, func(m *pb.Event, b *pb.Report) { m.Body = &pb.Event_Report{Report: b} }),
	choice("action", actionShape, func(m *pb.Event, b *pb.Action) { m.Body = &pb.Event_Action{Action: b} }),
	choice("coverage", coverageShape, func(m *pb.Event, b *pb.Coverage) { m.Body = &pb.Event_Coverage{Coverage: b} }),
	choice("policyApplied", policyAppliedShape, func(m *pb.Event, b *pb.PolicyApplied) {
		m.Body = &pb.Event_PolicyApplied{PolicyApplied: b}
	}),
	choice("forgotten", forgottenShape, func(m *pb.Event, b *pb.Forgotten) { m.Body = &pb.Event_Forgotten{Forgotten: b} }),
	choice("epochBegan", epochBeganShape, func(m *pb.Event, b *pb.EpochBegan) { m.Body = &pb.Event_EpochBegan{EpochBegan: b} }),
	choice("restored", restoredShape, func(m *pb.Event, b *pb.Restored) { m.Body = &pb.Event_Restored{Restored: b} }),
	choice("redacted", redactedShape, func(m *pb.Event, b *pb.Redacted) { m.Body = &pb.Event_Redacted{Redacted: b} }),
	choice("exported", exportedShape, func(m *pb.Event, b *pb.Exported) { m.Body = &pb.Event_Exported{Exported: b} }),
	choice("hold", holdShape, func(m *pb.Event, b *pb.Hold) { m.Body = &pb.Event_Hold{Hold: b} }),
	choice("erasure", erasureShape, func(m *pb.Event, b *pb.Erasure) { m.Body = &pb.Event_Erasure{Erasure: b} }),
	choice("counted", countedShape, func(m *pb.Event, b *pb.Counted) { m.Body = &pb.Event_Counted{Counted: b} }),
	choice("promoted", promotedShape, func(m *pb.Event, b *pb.Promoted) { m.Body = &pb.Event_Promoted{Promoted: b} }),
	choice("clockJudged", clockJudgedShape, func(m *pb.Event, b *pb.ClockJudged) { m.Body = &pb.Event_ClockJudged{ClockJudged: b} }),
)

var sourceShape = shapeOf("a source",
	textField("service", func(m *pb.Source) *string { return &m.Service }),
	textField("version", func(m *pb.Source) *string { return &m.Version }),
	textField("instance", func(m *pb.Source) *string { return &m.Instance }),
	textField("deployment", func(m *pb.Source) *string { return &m.Deployment }),
	textField("environment", func(m *pb.Source) *string { return &m.Environment }),
	textField("region", func(m *pb.Source) *string { return &m.Region }),
)

var captureShape = shapeOf("a capture",
	maybeFloatField("probability", func(m *pb.Capture) **float64 { return &m.Probability }),
	textField("rule", func(m *pb.Capture) *string { return &m.Rule }),
	textField("trigger", func(m *pb.Capture) *string { return &m.Trigger }),
	uint64Field("sequence", func(m *pb.Capture) *uint64 { return &m.Sequence }),
	messagesField("redactions", redactionShape, MaxRedactions, func(m *pb.Capture) *[]*pb.Redaction { return &m.Redactions }),
	enumField("content", pb.Capture_Content_value, func(m *pb.Capture) *pb.Capture_Content { return &m.Content }),
	messagesField("escrow", sealedShape, MaxEscrow, func(m *pb.Capture) *[]*pb.Sealed { return &m.Escrow }),
)

var sealedShape = shapeOf("a sealed original",
	textField("type", func(m *pb.Sealed) *string { return &m.Type }),
	textField("token", func(m *pb.Sealed) *string { return &m.Token }),
	bytesField("ciphertext", func(m *pb.Sealed) *[]byte { return &m.Ciphertext }),
)

var redactionShape = shapeOf("a redaction",
	textField("type", func(m *pb.Redaction) *string { return &m.Type }),
	uint32Field("count", func(m *pb.Redaction) *uint32 { return &m.Count }),
	textField("detector", func(m *pb.Redaction) *string { return &m.Detector }),
	uint32Field("version", func(m *pb.Redaction) *uint32 { return &m.Version }),
	enumField("operator", pb.Redaction_Operator_value, func(m *pb.Redaction) *pb.Redaction_Operator { return &m.Operator }),
)

var traceShape = shapeOf("a trace",
	textField("traceId", func(m *pb.Trace) *string { return &m.TraceId }),
	textField("spanId", func(m *pb.Trace) *string { return &m.SpanId }),
)

var interactionShape = shapeOf("an interaction",
	messageField("model", modelShape, func(m *pb.Interaction) **pb.Model { return &m.Model }),
	messageField("parameters", parametersShape, func(m *pb.Interaction) **pb.Parameters { return &m.Parameters }),
	messagesField("input", messageShape, MaxMessages, func(m *pb.Interaction) *[]*pb.Message { return &m.Input }),
	messagesField("retrieved", documentShape, MaxDocuments, func(m *pb.Interaction) *[]*pb.Document { return &m.Retrieved }),
	messagesField("output", messageShape, MaxMessages, func(m *pb.Interaction) *[]*pb.Message { return &m.Output }),
	messagesField("shown", messageShape, MaxMessages, func(m *pb.Interaction) *[]*pb.Message { return &m.Shown }),
	messagesField("deltas", deltaShape, MaxDeltas, func(m *pb.Interaction) *[]*pb.Delta { return &m.Deltas }),
	messagesField("verdicts", verdictShape, MaxVerdicts, func(m *pb.Interaction) *[]*pb.Verdict { return &m.Verdicts }),
	textField("finishReason", func(m *pb.Interaction) *string { return &m.FinishReason }),
	messageField("usage", usageShape, func(m *pb.Interaction) **pb.Usage { return &m.Usage }),
	durationField("timeToFirstToken", func(m *pb.Interaction) **durationpb.Duration { return &m.TimeToFirstToken }),
	durationField("duration", func(m *pb.Interaction) **durationpb.Duration { return &m.Duration }),
)

var modelShape = shapeOf("a model",
	textField("provider", func(m *pb.Model) *string { return &m.Provider }),
	textField("name", func(m *pb.Model) *string { return &m.Name }),
	textField("version", func(m *pb.Model) *string { return &m.Version }),
	textField("fingerprint", func(m *pb.Model) *string { return &m.Fingerprint }),
)

var parametersShape = shapeOf("a set of parameters",
	maybeFloatField("temperature", func(m *pb.Parameters) **float64 { return &m.Temperature }),
	maybeFloatField("topP", func(m *pb.Parameters) **float64 { return &m.TopP }),
	maybeInt32Field("topK", func(m *pb.Parameters) **int32 { return &m.TopK }),
	maybeInt32Field("maxTokens", func(m *pb.Parameters) **int32 { return &m.MaxTokens }),
	maybeInt64Field("seed", func(m *pb.Parameters) **int64 { return &m.Seed }),
	textsField("stop", MaxStop, func(m *pb.Parameters) *[]string { return &m.Stop }),
)

var messageShape = shapeOf("a message",
	textField("role", func(m *pb.Message) *string { return &m.Role }),
	messagesField("parts", partShape, MaxParts, func(m *pb.Message) *[]*pb.Part { return &m.Parts }),
)

var partShape = shapeOf("a part",
	choiceText("text", func(m *pb.Part, s string) { m.Kind = &pb.Part_Text{Text: s} }),
	choice("toolCall", toolCallShape, func(m *pb.Part, k *pb.ToolCall) { m.Kind = &pb.Part_ToolCall{ToolCall: k} }),
	choice("toolResult", toolResultShape, func(m *pb.Part, k *pb.ToolResult) { m.Kind = &pb.Part_ToolResult{ToolResult: k} }),
	choiceText("reasoning", func(m *pb.Part, s string) { m.Kind = &pb.Part_Reasoning{Reasoning: s} }),
	choice("blob", blobShape, func(m *pb.Part, k *pb.Blob) { m.Kind = &pb.Part_Blob{Blob: k} }),
)

var toolCallShape = shapeOf("a tool call",
	textField("id", func(m *pb.ToolCall) *string { return &m.Id }),
	textField("name", func(m *pb.ToolCall) *string { return &m.Name }),
	textField("arguments", func(m *pb.ToolCall) *string { return &m.Arguments }),
)

var toolResultShape = shapeOf("a tool result",
	textField("id", func(m *pb.ToolResult) *string { return &m.Id }),
	textField("result", func(m *pb.ToolResult) *string { return &m.Result }),
	textField("error", func(m *pb.ToolResult) *string { return &m.Error }),
)

var blobShape = shapeOf("a blob",
	textField("mediaType", func(m *pb.Blob) *string { return &m.MediaType }),
	bytesField("sha256", func(m *pb.Blob) *[]byte { return &m.Sha256 }),
	uint64Field("size", func(m *pb.Blob) *uint64 { return &m.Size }),
	textField("uri", func(m *pb.Blob) *string { return &m.Uri }),
)

var documentShape = shapeOf("a document",
	textField("id", func(m *pb.Document) *string { return &m.Id }),
	textField("uri", func(m *pb.Document) *string { return &m.Uri }),
	textField("title", func(m *pb.Document) *string { return &m.Title }),
	textField("text", func(m *pb.Document) *string { return &m.Text }),
	maybeFloatField("score", func(m *pb.Document) **float64 { return &m.Score }),
)

var deltaShape = shapeOf("a delta",
	uint32Field("offsetMs", func(m *pb.Delta) *uint32 { return &m.OffsetMs }),
	uint32Field("bytes", func(m *pb.Delta) *uint32 { return &m.Bytes }),
)

var verdictShape = shapeOf("a verdict",
	textField("target", func(m *pb.Verdict) *string { return &m.Target }),
	enumField("scope", pb.Verdict_Scope_value, func(m *pb.Verdict) *pb.Verdict_Scope { return &m.Scope }),
	messageField("classifier", classifierShape, func(m *pb.Verdict) **pb.Classifier { return &m.Classifier }),
	textField("category", func(m *pb.Verdict) *string { return &m.Category }),
	floatField("score", func(m *pb.Verdict) *float64 { return &m.Score }),
	maybeFloatField("threshold", func(m *pb.Verdict) **float64 { return &m.Threshold }),
	enumField("action", pb.Verdict_Action_value, func(m *pb.Verdict) *pb.Verdict_Action { return &m.Action }),
)

var classifierShape = shapeOf("a classifier",
	textField("name", func(m *pb.Classifier) *string { return &m.Name }),
	textField("version", func(m *pb.Classifier) *string { return &m.Version }),
)

var reportShape = shapeOf("a report",
	textField("target", func(m *pb.Report) *string { return &m.Target }),
	textField("session", func(m *pb.Report) *string { return &m.Session }),
	enumField("reporter", pb.Report_Reporter_value, func(m *pb.Report) *pb.Report_Reporter { return &m.Reporter }),
	textField("category", func(m *pb.Report) *string { return &m.Category }),
	textField("comment", func(m *pb.Report) *string { return &m.Comment }),
)

var actionShape = shapeOf("an action",
	textField("target", func(m *pb.Action) *string { return &m.Target }),
	enumField("kind", pb.Action_Kind_value, func(m *pb.Action) *pb.Action_Kind { return &m.Kind }),
	textField("name", func(m *pb.Action) *string { return &m.Name }),
	textField("text", func(m *pb.Action) *string { return &m.Text }),
)

var coverageShape = shapeOf("a coverage",
	timeField("start", func(m *pb.Coverage) **timestamppb.Timestamp { return &m.Start }),
	timeField("end", func(m *pb.Coverage) **timestamppb.Timestamp { return &m.End }),
	messagesField("strata", stratumShape, MaxStrata, func(m *pb.Coverage) *[]*pb.Coverage_Stratum { return &m.Strata }),
)

var stratumShape = shapeOf("a stratum",
	textField("rule", func(m *pb.Coverage_Stratum) *string { return &m.Rule }),
	textField("model", func(m *pb.Coverage_Stratum) *string { return &m.Model }),
	textField("deployment", func(m *pb.Coverage_Stratum) *string { return &m.Deployment }),
	maybeFloatField("probability", func(m *pb.Coverage_Stratum) **float64 { return &m.Probability }),
	uint64Field("seen", func(m *pb.Coverage_Stratum) *uint64 { return &m.Seen }),
	uint64Field("captured", func(m *pb.Coverage_Stratum) *uint64 { return &m.Captured }),
)

var usageShape = shapeOf("a usage",
	uint64Field("inputTokens", func(m *pb.Usage) *uint64 { return &m.InputTokens }),
	uint64Field("outputTokens", func(m *pb.Usage) *uint64 { return &m.OutputTokens }),
)

var policyAppliedShape = shapeOf("a policy",
	textField("version", func(m *pb.PolicyApplied) *string { return &m.Version }),
	textField("document", func(m *pb.PolicyApplied) *string { return &m.Document }),
	textField("actor", func(m *pb.PolicyApplied) *string { return &m.Actor }),
	textField("reason", func(m *pb.PolicyApplied) *string { return &m.Reason }),
	textsField("approvals", MaxOwners, func(m *pb.PolicyApplied) *[]string { return &m.Approvals }),
	textField("replaces", func(m *pb.PolicyApplied) *string { return &m.Replaces }),
)

var forgottenShape = shapeOf("what was forgotten",
	enumField("cause", pb.Forgotten_Cause_value, func(m *pb.Forgotten) *pb.Forgotten_Cause { return &m.Cause }),
	textField("request", func(m *pb.Forgotten) *string { return &m.Request }),
	messagesField("positions", positionsShape, MaxPositions, func(m *pb.Forgotten) *[]*pb.Forgotten_Positions { return &m.Positions }),
	messagesField("blocks", blockShape, MaxBlocks, func(m *pb.Forgotten) *[]*pb.Forgotten_Block { return &m.Blocks }),
	messagesField("kept", classDayShape, MaxKept, func(m *pb.Forgotten) *[]*pb.ClassDay { return &m.Kept }),
	textsField("quarantined", MaxQuarantined, func(m *pb.Forgotten) *[]string { return &m.Quarantined }),
)

var positionsShape = shapeOf("positions",
	uint64Field("first", func(m *pb.Forgotten_Positions) *uint64 { return &m.First }),
	uint64Field("last", func(m *pb.Forgotten_Positions) *uint64 { return &m.Last }),
)

var blockShape = shapeOf("a block",
	uint64Field("number", func(m *pb.Forgotten_Block) *uint64 { return &m.Number }),
	uint64Field("first", func(m *pb.Forgotten_Block) *uint64 { return &m.First }),
	uint64Field("last", func(m *pb.Forgotten_Block) *uint64 { return &m.Last }),
	uint32Field("events", func(m *pb.Forgotten_Block) *uint32 { return &m.Events }),
)

var epochBeganShape = shapeOf("an epoch",
	uint64Field("epoch", func(m *pb.EpochBegan) *uint64 { return &m.Epoch }),
)

var restoredShape = shapeOf("a restore",
	uint64Field("size", func(m *pb.Restored) *uint64 { return &m.Size }),
	uint64Field("epoch", func(m *pb.Restored) *uint64 { return &m.Epoch }),
	uint64Field("lost", func(m *pb.Restored) *uint64 { return &m.Lost }),
)

var redactedShape = shapeOf("what was redacted",
	textField("actor", func(m *pb.Redacted) *string { return &m.Actor }),
	textField("reason", func(m *pb.Redacted) *string { return &m.Reason }),
	textsField("detectors", MaxDetectors, func(m *pb.Redacted) *[]string { return &m.Detectors }),
	messagesField("events", replacementShape, MaxReplaced, func(m *pb.Redacted) *[]*pb.Redacted_Replacement { return &m.Events }),
)

var replacementShape = shapeOf("a replacement",
	uint64Field("seq", func(m *pb.Redacted_Replacement) *uint64 { return &m.Seq }),
	bytesField("old", func(m *pb.Redacted_Replacement) *[]byte { return &m.Old }),
	bytesField("new", func(m *pb.Redacted_Replacement) *[]byte { return &m.New }),
	messagesField("redactions", redactionShape, MaxRedactions, func(m *pb.Redacted_Replacement) *[]*pb.Redaction { return &m.Redactions }),
)

var exportedShape = shapeOf("an export",
	enumField("stage", pb.Exported_Stage_value, func(m *pb.Exported) *pb.Exported_Stage { return &m.Stage }),
	textField("operation", func(m *pb.Exported) *string { return &m.Operation }),
	textField("actor", func(m *pb.Exported) *string { return &m.Actor }),
	textField("reason", func(m *pb.Exported) *string { return &m.Reason }),
	enumField("format", pb.Exported_Format_value, func(m *pb.Exported) *pb.Exported_Format { return &m.Format }),
	textField("filter", func(m *pb.Exported) *string { return &m.Filter }),
	textField("text", func(m *pb.Exported) *string { return &m.Text }),
	textsField("sessions", MaxExportedSessions, func(m *pb.Exported) *[]string { return &m.Sessions }),
	timeField("since", func(m *pb.Exported) **timestamppb.Timestamp { return &m.Since }),
	timeField("until", func(m *pb.Exported) **timestamppb.Timestamp { return &m.Until }),
	textField("incident", func(m *pb.Exported) *string { return &m.Incident }),
	uint64Field("events", func(m *pb.Exported) *uint64 { return &m.Events }),
	uint64Field("before", func(m *pb.Exported) *uint64 { return &m.Before }),
	bytesField("digest", func(m *pb.Exported) *[]byte { return &m.Digest }),
	uint64Field("bytes", func(m *pb.Exported) *uint64 { return &m.Bytes }),
	bytesField("sha256", func(m *pb.Exported) *[]byte { return &m.Sha256 }),
	textField("failure", func(m *pb.Exported) *string { return &m.Failure }),
	messagesField("positions", positionsShape, MaxPositions, func(m *pb.Exported) *[]*pb.Forgotten_Positions { return &m.Positions }),
)

var classDayShape = shapeOf("a class and day",
	textField("class", func(m *pb.ClassDay) *string { return &m.Class }),
	timeField("day", func(m *pb.ClassDay) **timestamppb.Timestamp { return &m.Day }),
	uint64Field("events", func(m *pb.ClassDay) *uint64 { return &m.Events }),
)

var holdShape = shapeOf("a hold",
	enumField("stage", pb.Hold_Stage_value, func(m *pb.Hold) *pb.Hold_Stage { return &m.Stage }),
	textField("hold", func(m *pb.Hold) *string { return &m.Hold }),
	textField("actor", func(m *pb.Hold) *string { return &m.Actor }),
	textField("reason", func(m *pb.Hold) *string { return &m.Reason }),
	textField("caseId", func(m *pb.Hold) *string { return &m.CaseId }),
	textField("authority", func(m *pb.Hold) *string { return &m.Authority }),
	messageField("scope", scopeShape, func(m *pb.Hold) **pb.Hold_Scope { return &m.Scope }),
	textsField("owners", MaxOwners, func(m *pb.Hold) *[]string { return &m.Owners }),
	uint64Field("through", func(m *pb.Hold) *uint64 { return &m.Through }),
	messagesField("positions", positionsShape, MaxPositions, func(m *pb.Hold) *[]*pb.Forgotten_Positions { return &m.Positions }),
)

var scopeShape = shapeOf("a scope",
	textField("filter", func(m *pb.Hold_Scope) *string { return &m.Filter }),
	textField("text", func(m *pb.Hold_Scope) *string { return &m.Text }),
	textsField("sessions", MaxNamed, func(m *pb.Hold_Scope) *[]string { return &m.Sessions }),
	textsField("users", MaxNamed, func(m *pb.Hold_Scope) *[]string { return &m.Users }),
	timeField("since", func(m *pb.Hold_Scope) **timestamppb.Timestamp { return &m.Since }),
	timeField("until", func(m *pb.Hold_Scope) **timestamppb.Timestamp { return &m.Until }),
)

var erasureShape = shapeOf("an erasure",
	enumField("stage", pb.Erasure_Stage_value, func(m *pb.Erasure) *pb.Erasure_Stage { return &m.Stage }),
	textField("request", func(m *pb.Erasure) *string { return &m.Request }),
	textField("actor", func(m *pb.Erasure) *string { return &m.Actor }),
	textField("reason", func(m *pb.Erasure) *string { return &m.Reason }),
	enumField("scope", pb.Erasure_Scope_value, func(m *pb.Erasure) *pb.Erasure_Scope { return &m.Scope }),
	timeField("since", func(m *pb.Erasure) **timestamppb.Timestamp { return &m.Since }),
	timeField("until", func(m *pb.Erasure) **timestamppb.Timestamp { return &m.Until }),
	messagesField("positions", positionsShape, MaxPositions, func(m *pb.Erasure) *[]*pb.Forgotten_Positions { return &m.Positions }),
	textsField("quarantined", MaxQuarantined, func(m *pb.Erasure) *[]string { return &m.Quarantined }),
	messagesField("deferred", deferralShape, MaxDeferrals, func(m *pb.Erasure) *[]*pb.Erasure_Deferral { return &m.Deferred }),
	uint64Field("events", func(m *pb.Erasure) *uint64 { return &m.Events }),
	textsField("exports", MaxClaims, func(m *pb.Erasure) *[]string { return &m.Exports }),
)

var deferralShape = shapeOf("a deferral",
	enumField("cause", pb.Erasure_Deferral_Cause_value, func(m *pb.Erasure_Deferral) *pb.Erasure_Deferral_Cause { return &m.Cause }),
	textsField("holds", MaxClaims, func(m *pb.Erasure_Deferral) *[]string { return &m.Holds }),
	textField("class", func(m *pb.Erasure_Deferral) *string { return &m.Class }),
	timeField("until", func(m *pb.Erasure_Deferral) **timestamppb.Timestamp { return &m.Until }),
	uint64Field("events", func(m *pb.Erasure_Deferral) *uint64 { return &m.Events }),
)

var countedShape = shapeOf("a count",
	uint64Field("from", func(m *pb.Counted) *uint64 { return &m.From }),
	uint64Field("through", func(m *pb.Counted) *uint64 { return &m.Through }),
	messagesField("strata", countedStratumShape, MaxKept, func(m *pb.Counted) *[]*pb.Counted_Stratum { return &m.Strata }),
	messagesField("redactions", redactionShape, MaxRedactions, func(m *pb.Counted) *[]*pb.Redaction { return &m.Redactions }),
	messagesField("gaps", gapShape, MaxGaps, func(m *pb.Counted) *[]*pb.Counted_Gap { return &m.Gaps }),
	uint64Field("otherMissing", func(m *pb.Counted) *uint64 { return &m.OtherMissing }),
	uint64Field("quarantined", func(m *pb.Counted) *uint64 { return &m.Quarantined }),
)

var countedStratumShape = shapeOf("a stratum",
	timeField("day", func(m *pb.Counted_Stratum) **timestamppb.Timestamp { return &m.Day }),
	textField("class", func(m *pb.Counted_Stratum) *string { return &m.Class }),
	textField("policyVersion", func(m *pb.Counted_Stratum) *string { return &m.PolicyVersion }),
	uint64Field("events", func(m *pb.Counted_Stratum) *uint64 { return &m.Events }),
	uint64Field("redacted", func(m *pb.Counted_Stratum) *uint64 { return &m.Redacted }),
	uint64Field("dropped", func(m *pb.Counted_Stratum) *uint64 { return &m.Dropped }),
)

var gapShape = shapeOf("a gap",
	textField("service", func(m *pb.Counted_Gap) *string { return &m.Service }),
	textField("instance", func(m *pb.Counted_Gap) *string { return &m.Instance }),
	uint64Field("missing", func(m *pb.Counted_Gap) *uint64 { return &m.Missing }),
	uint64Field("first", func(m *pb.Counted_Gap) *uint64 { return &m.First }),
	uint64Field("last", func(m *pb.Counted_Gap) *uint64 { return &m.Last }),
)

var promotedShape = shapeOf("a promotion",
	textField("class", func(m *pb.Promoted) *string { return &m.Class }),
	messagesField("positions", positionsShape, MaxPositions, func(m *pb.Promoted) *[]*pb.Forgotten_Positions { return &m.Positions }),
	messagesField("from", classDayShape, MaxKept, func(m *pb.Promoted) *[]*pb.ClassDay { return &m.From }),
)

var clockJudgedShape = shapeOf("a judgement of the clock",
	enumField("verdict", pb.ClockJudged_Verdict_value, func(m *pb.ClockJudged) *pb.ClockJudged_Verdict { return &m.Verdict }),
	timeField("clock", func(m *pb.ClockJudged) **timestamppb.Timestamp { return &m.Clock }),
	timeField("last", func(m *pb.ClockJudged) **timestamppb.Timestamp { return &m.Last }),
	textField("actor", func(m *pb.ClockJudged) *string { return &m.Actor }),
	textField("reason", func(m *pb.ClockJudged) *string { return &m.Reason }),
)
