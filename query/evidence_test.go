package query_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/redaction"
)

// evidence returns what is asked for.
func evidence(t *testing.T, e *query.Engine, r query.EvidenceRequest) []event.Seq {
	t.Helper()
	found, err := e.Evidence(t.Context(), "acme", r)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []event.Seq
	for seq, err := range found {
		if err != nil {
			t.Fatal(err)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

// Just the evidence is found for which all of it holds, whichever way it is found:
// by the index, by id, by session. A hold that claims more, or less, than it says
// would keep what must go, or lose what was to be kept.
func TestEvidence(t *testing.T) {
	log := newLog(t)
	at := func(minute int) *timestamppb.Timestamp {
		return timestamppb.New(morning.Add(time.Duration(minute) * time.Minute))
	}
	said := func(id, session, user, service string, minute int) *pb.Event {
		return &pb.Event{Id: id, Time: at(minute), Session: session, User: user, Source: &pb.Source{Service: service}, Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Input: []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "hello from " + id}}}}},
		}}}
	}
	add(t, log, "acme",
		said("e0", "s-1", "alice@example.com", "chat", 0),
		said("e1", "s-1", "bob", "chat", 1),
		said("e2", "s-2", "alice@example.com", "mail", 2),
		&pb.Event{Id: "e3", Time: at(3), User: "bob", Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "e0", Category: "harm"}}},
		&pb.Event{Id: "e4", Time: at(4), Class: "ledger", Body: &pb.Event_PolicyApplied{PolicyApplied: &pb.PolicyApplied{}}},
		said("e5", "s-3", "carol", "chat", 5),
		said("e6", "s-1", "alice@example.com", "mail", 6))
	e := query.New(query.Config{Log: log})
	pseudonym := func(user string) string {
		p, err := redaction.User(user, func(v string) (string, error) { return log.Pseudonym("acme", v) })
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	alice, bob := pseudonym("alice@example.com"), pseudonym("bob")
	for _, tt := range []struct {
		name string
		r    query.EvidenceRequest
		want []event.Seq
	}{
		{"everything", query.EvidenceRequest{Before: 7}, []event.Seq{0, 1, 2, 3, 5, 6}},
		{"positions", query.EvidenceRequest{From: 1, Before: 6}, []event.Seq{1, 2, 3, 5}},
		{"no positions", query.EvidenceRequest{From: 7, Before: 7}, nil},
		{"a person", query.EvidenceRequest{Users: []string{alice}, Before: 7}, []event.Seq{0, 2, 6}},
		{"people from a position on", query.EvidenceRequest{Users: []string{alice, bob}, From: 2, Before: 6}, []event.Seq{2, 3}},
		{"a person as known outside, who is not stored so", query.EvidenceRequest{Users: []string{"bob"}, Before: 7}, nil},
		{"a person and a condition", query.EvidenceRequest{Users: []string{alice}, Filter: `source.service == "mail"`, Before: 7}, []event.Seq{2, 6}},
		{"a person and two ids", query.EvidenceRequest{Users: []string{alice}, Filter: `id in ["e0", "e1"]`, Before: 7}, []event.Seq{0}},
		{"a person and words", query.EvidenceRequest{Users: []string{alice}, Text: "e2", Before: 7}, []event.Seq{2}},
		{"a person and times", query.EvidenceRequest{Users: []string{alice}, Since: morning.Add(time.Minute), Until: morning.Add(6 * time.Minute), Before: 7}, []event.Seq{2}},
		{"a session, with what is about it", query.EvidenceRequest{Sessions: []string{"s-1"}, Before: 7}, []event.Seq{0, 1, 3, 6}},
		{"a session from a position on", query.EvidenceRequest{Sessions: []string{"s-1"}, From: 1, Before: 6}, []event.Seq{1, 3}},
		{"a session and a person", query.EvidenceRequest{Sessions: []string{"s-1"}, Users: []string{bob}, Before: 7}, []event.Seq{1, 3}},
		{"a session and a condition that the index decides", query.EvidenceRequest{Sessions: []string{"s-1"}, Filter: `source.service == "mail"`, Before: 7}, []event.Seq{6}},
		{"a session and another's id", query.EvidenceRequest{Sessions: []string{"s-1"}, Filter: `id == "e2"`, Before: 7}, nil},
		{"a session and another condition", query.EvidenceRequest{Sessions: []string{"s-1"}, Filter: `source.service.startsWith("ma")`, Before: 7}, []event.Seq{6}},
		{"a person and a condition that cannot be computed", query.EvidenceRequest{Users: []string{alice}, Filter: `int(session) > 5`, Unsure: true, Before: 7}, []event.Seq{0, 2, 6}},
		{"a session and a kind that is no evidence", query.EvidenceRequest{Sessions: []string{"s-1"}, Filter: `kind == "policy_applied"`, Before: 7}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := evidence(t, e, tt.r); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
