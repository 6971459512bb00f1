package event

import (
	"fmt"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// Seq is an event's position in the log, counted from 0: its leaf index in
// the Merkle tree. It is never reused and never moves.
type Seq uint64

// Tenant is the name of an isolation boundary. Make one with [ParseTenant];
// a Tenant that came from there is valid.
type Tenant string

// System is the tenant of what belongs to none: messages whose subject names
// no valid tenant are quarantined under it. No publisher can name it.
const System Tenant = "_system"

// MaxTenant is the longest tenant name in bytes.
const MaxTenant = 64

// ParseTenant returns s as a Tenant: 1 to 64 of A–Z a–z 0–9 _ and -, the
// first a letter or a digit, so that it is one token of a NATS subject.
// The error is a [*ValidationError].
func ParseTenant(s string) (Tenant, error) {
	if s == "" {
		return "", violation("tenant", "is missing")
	}
	if len(s) > MaxTenant {
		return "", violation("tenant", fmt.Sprintf("is longer than %d characters", MaxTenant))
	}
	for i, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case i > 0 && (c == '_' || c == '-'):
		default:
			return "", violation("tenant", fmt.Sprintf(
				"has %q at character %d: only letters, digits, and, after the first, _ and - are allowed", c, i+1))
		}
	}
	return Tenant(s), nil
}

// Kind says which body an event has. Its values are tokens of NATS subjects.
type Kind string

// The kinds. Publishers publish the first five; ledger kinds are written by
// the store alone.
const (
	Interaction   Kind = "interaction"
	Verdict       Kind = "verdict"
	Report        Kind = "report"
	Action        Kind = "action"
	Coverage      Kind = "coverage"
	PolicyApplied Kind = "policy_applied"
	Forgotten     Kind = "forgotten"
	EpochBegan    Kind = "epoch_began"
	Restored      Kind = "restored"
	Redacted      Kind = "redacted"
	Exported      Kind = "exported"
	Hold          Kind = "hold"
	Erasure       Kind = "erasure"
	Counted       Kind = "counted"
	Promoted      Kind = "promoted"
	ClockJudged   Kind = "clock_judged"
)

// Kinds returns all kinds.
func Kinds() []Kind {
	return []Kind{
		Interaction, Verdict, Report, Action, Coverage,
		PolicyApplied, Forgotten, EpochBegan, Restored, Redacted, Exported,
		Hold, Erasure, Counted, Promoted, ClockJudged,
	}
}

// KindOf returns the kind of the event's body, "" if it has none.
func KindOf(e *pb.Event) Kind {
	switch e.GetBody().(type) {
	case *pb.Event_Interaction:
		return Interaction
	case *pb.Event_Verdict:
		return Verdict
	case *pb.Event_Report:
		return Report
	case *pb.Event_Action:
		return Action
	case *pb.Event_Coverage:
		return Coverage
	case *pb.Event_PolicyApplied:
		return PolicyApplied
	case *pb.Event_Forgotten:
		return Forgotten
	case *pb.Event_EpochBegan:
		return EpochBegan
	case *pb.Event_Restored:
		return Restored
	case *pb.Event_Redacted:
		return Redacted
	case *pb.Event_Exported:
		return Exported
	case *pb.Event_Hold:
		return Hold
	case *pb.Event_Erasure:
		return Erasure
	case *pb.Event_Counted:
		return Counted
	case *pb.Event_Promoted:
		return Promoted
	case *pb.Event_ClockJudged:
		return ClockJudged
	}
	return ""
}

// Evidence reports whether publishers may publish events of this kind.
func (k Kind) Evidence() bool {
	switch k {
	case Interaction, Verdict, Report, Action, Coverage:
		return true
	}
	return false
}

// Subjects is the NATS subject that matches all evidence.
const Subjects = "evidence.>"

// PolicyBucket is the JetStream key-value bucket in which the store keeps the
// policy in force of each tenant, by its name: the document byte for byte.
const PolicyBucket = "afterimage-policy"

// Subject returns the NATS subject `evidence.<tenant>.<kind>`.
func Subject(t Tenant, k Kind) string {
	return "evidence." + string(t) + "." + string(k)
}

// ParseSubject is the inverse of [Subject]. Where only the kind is wrong it
// returns the tenant beside the error, which is a [*ValidationError].
func ParseSubject(s string) (Tenant, Kind, error) {
	tokens := strings.Split(s, ".")
	if len(tokens) != 3 || tokens[0] != "evidence" {
		return "", "", violation("subject", "is not evidence.<tenant>.<kind>")
	}
	t, err := ParseTenant(tokens[1])
	if err != nil {
		return "", "", err
	}
	k := Kind(tokens[2])
	if !k.Evidence() {
		return t, "", violation("subject", "names no kind of evidence: want interaction, verdict, report, action or coverage")
	}
	return t, k, nil
}
