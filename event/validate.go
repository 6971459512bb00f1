package event

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// earliest is the first time an event may have; maxAhead is how far a
// publisher's clock may be ahead of the store's.
var earliest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const maxAhead = time.Hour

// Validate checks an event as a publisher may send it, at the time now. It
// returns nil or a [*ValidationError] with every violation, in document order.
func Validate(e *pb.Event, now time.Time) error {
	v := validator{now: now}
	v.event(e)
	return v.err()
}

// ValidateBatch checks events as [Validate] does; paths begin with events[i].
func ValidateBatch(events []*pb.Event, now time.Time) error {
	v := validator{now: now}
	for i, e := range events {
		v.enter("events", i)
		v.event(e)
		v.leave()
	}
	return v.err()
}

// A validator walks one event and gathers violations. The path is kept as
// steps and spelled out only for a violation.
type validator struct {
	now        time.Time
	path       []step
	violations []Violation
	more       int // violations not listed
}

// A step is one field on the way to a value; index is -1 where the field is
// not repeated. A step without a name is an element of the field before it.
type step struct {
	name  string
	index int
}

func (v *validator) enter(name string, index int) { v.path = append(v.path, step{name, index}) }

func (v *validator) leave() { v.path = v.path[:len(v.path)-1] }

func (v *validator) err() error {
	if len(v.violations) == 0 {
		return nil
	}
	if v.more > 0 {
		v.violations = append(v.violations, Violation{Reason: fmt.Sprintf("and %d more", v.more)})
	}
	return &ValidationError{Violations: v.violations}
}

// add reports a violation at the named field of the current message; an empty
// name means the message itself.
func (v *validator) add(name, format string, args ...any) {
	if len(v.violations) == maxViolations {
		v.more++
		return
	}
	path := v.path
	if name != "" {
		path = append(slices.Clip(path), step{name, -1})
	}
	v.violations = append(v.violations, Violation{Path: pathString(path), Reason: fmt.Sprintf(format, args...)})
}

func pathString(path []step) string {
	var b []byte
	for _, s := range path {
		if len(b) > 0 && s.name != "" {
			b = append(b, '.')
		}
		b = append(b, s.name...)
		if s.index >= 0 {
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(s.index), 10)
			b = append(b, ']')
		}
	}
	return string(b)
}

// unknown refuses fields that the decoder of another caller has kept aside.
func (v *validator) unknown(m proto.Message) {
	raw := m.ProtoReflect().GetUnknown()
	for len(raw) > 0 {
		number, _, n := protowire.ConsumeField(raw)
		if n < 0 {
			v.add("", "has malformed unknown fields")
			return
		}
		v.add("", "has unknown field %d", number)
		raw = raw[n:]
	}
}

func (v *validator) event(e *pb.Event) {
	if e == nil {
		v.add("", "is missing")
		return
	}
	v.unknown(e)
	v.id("id", e.Id, required)
	v.time("time", e.Time)
	v.label("session", e.Session)
	v.name("user", e.User, optional)
	if e.Source != nil {
		v.source(e.Source)
	}
	if e.Capture != nil {
		v.capture(e.Capture)
	}
	if e.Trace != nil {
		v.trace(e.Trace)
	}
	v.storeFields(e)
	v.body(e)
}

// storeFields refuses what the store sets itself.
func (v *validator) storeFields(e *pb.Event) {
	const reason = "is set by the store"
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"salt", len(e.Salt) > 0},
		{"received", e.Received != nil},
		{"class", e.Class != ""},
		{"policyVersion", e.PolicyVersion != ""},
		{"seq", e.Seq != nil},
	} {
		if f.set {
			v.add(f.name, reason)
		}
	}
}

func (v *validator) body(e *pb.Event) {
	switch b := e.Body.(type) {
	case nil:
		v.add("", "has no body: want one of interaction, verdict, report, action, coverage")
	case *pb.Event_Interaction:
		v.enter("interaction", -1)
		v.interaction(b.Interaction)
		v.leave()
	case *pb.Event_Verdict:
		v.enter("verdict", -1)
		v.id("target", b.Verdict.GetTarget(), required)
		v.verdict(b.Verdict)
		v.leave()
	case *pb.Event_Report:
		v.enter("report", -1)
		v.report(b.Report)
		v.leave()
	case *pb.Event_Action:
		v.enter("action", -1)
		v.action(b.Action)
		v.leave()
	case *pb.Event_Coverage:
		v.enter("coverage", -1)
		v.coverage(b.Coverage)
		v.leave()
	default:
		v.add(jsonName(KindOf(e)), "is written by the store alone")
	}
}

// jsonName returns the JSON name of a kind's field in an event.
func jsonName(k Kind) string {
	switch k {
	case PolicyApplied:
		return "policyApplied"
	case EpochBegan:
		return "epochBegan"
	case ClockJudged:
		return "clockJudged"
	}
	return string(k)
}

func (v *validator) source(s *pb.Source) {
	v.enter("source", -1)
	defer v.leave()
	v.unknown(s)
	v.label("service", s.Service)
	v.label("version", s.Version)
	v.label("instance", s.Instance)
	v.label("deployment", s.Deployment)
	v.label("environment", s.Environment)
	v.label("region", s.Region)
}

func (v *validator) capture(c *pb.Capture) {
	v.enter("capture", -1)
	defer v.leave()
	v.unknown(c)
	v.probability("probability", c.Probability)
	v.name("rule", c.Rule, optional)
	v.name("trigger", c.Trigger, optional)
	v.count("redactions", len(c.Redactions), MaxRedactions)
	for i, r := range c.Redactions {
		v.enter("redactions", i)
		v.unknown(r)
		v.name("type", r.GetType(), required)
		if r.GetCount() == 0 {
			v.add("count", "is missing")
		}
		v.name("detector", r.GetDetector(), optional)
		v.enum("operator", r.GetOperator())
		v.leave()
	}
	v.enum("content", c.Content)
	v.escrow(c.Escrow)
}

// escrow accepts one original for each type and token: who opens them must not
// have to choose.
func (v *validator) escrow(escrow []*pb.Sealed) {
	v.count("escrow", len(escrow), MaxEscrow)
	type place struct{ typ, token string }
	var seen map[place]int
	for i, s := range escrow {
		v.enter("escrow", i)
		v.unknown(s)
		v.name("type", s.GetType(), required)
		v.name("token", s.GetToken(), required)
		v.printable("token", s.GetToken())
		v.ciphertext("ciphertext", s.GetCiphertext())
		at := place{s.GetType(), s.GetToken()}
		if first, twice := seen[at]; twice {
			v.add("token", "is also that of escrow[%d], with the same type", first)
		} else {
			if seen == nil {
				seen = make(map[place]int, len(escrow))
			}
			seen[at] = i
		}
		v.leave()
	}
}

func (v *validator) ciphertext(name string, b []byte) {
	switch {
	case len(b) == 0:
		v.add(name, "is missing")
	case len(b) > MaxCiphertext:
		v.add(name, "has %d bytes: the limit is %d", len(b), MaxCiphertext)
	}
}

func (v *validator) trace(t *pb.Trace) {
	v.enter("trace", -1)
	defer v.leave()
	v.unknown(t)
	v.hex("traceId", t.TraceId, 32)
	v.hex("spanId", t.SpanId, 16)
}
