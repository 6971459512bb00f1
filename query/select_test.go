package query_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// selected returns what is yielded, and the first error.
func selected(t *testing.T, e *query.Engine, tenant event.Tenant, r query.TextRequest) ([]event.Seq, error) {
	t.Helper()
	found, err := e.Texts(t.Context(), tenant, r)
	if err != nil {
		return nil, err
	}
	var seqs []event.Seq
	for seq, err := range found {
		if err != nil {
			return seqs, err
		}
		seqs = append(seqs, seq)
	}
	return seqs, nil
}

// Just the events with text are selected that match, all of them however many, and
// one tenant's.
func TestTexts(t *testing.T) {
	log := newLog(t)
	const n = 9000 // more than are matched at a time
	for from := 0; from < n; from += 1000 {
		add(t, log, "acme", chats(from, from+1000)...)
	}
	at := timestamppb.New(morning)
	add(t, log, "acme",
		&pb.Event{Id: "v", Time: at, Session: "c-1", Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "e1", Category: "harm"}}},
		&pb.Event{Id: "r", Time: at, Session: "c-1", Body: &pb.Event_Report{Report: &pb.Report{Session: "c-1", Category: "harm"}}},
		&pb.Event{Id: "a", Time: at, Session: "c-1", Body: &pb.Event_Action{Action: &pb.Action{Name: "n"}}},
	)
	add(t, log, "globex", chats(0, 3)...)
	e := query.New(query.Config{Log: log})
	var every, first []event.Seq
	for i := range event.Seq(n + 3) {
		if i != n {
			every = append(every, i)
		}
		if i < n && i%10 == 1 || i > n {
			first = append(first, i)
		}
	}
	for _, tt := range []struct {
		name string
		r    query.TextRequest
		want []event.Seq
	}{
		{"everything", query.TextRequest{}, every},
		{"a session", query.TextRequest{Filter: `session == "c-1"`}, first},
		{"a text", query.TextRequest{Filter: `interaction.input.exists(m, m.parts.exists(p, p.text == "question 17"))`}, []event.Seq{17}},
		{"a kind", query.TextRequest{Filter: `kind == "report"`}, []event.Seq{n + 1}},
		{"an id of what has no text", query.TextRequest{Filter: `id == "v"`}, nil},
		{"an id of what has text", query.TextRequest{Filter: `id == "r"`}, []event.Seq{n + 1}},
		{"a kind without text", query.TextRequest{Filter: `kind == "verdict"`}, nil},
		{"a time", query.TextRequest{Since: morning.Add(5 * time.Second), Until: morning.Add(7 * time.Second)}, []event.Seq{5, 6}},
		{"positions", query.TextRequest{Seqs: []event.Seq{9, 3, 9}}, []event.Seq{3, 9}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := selected(t, e, "acme", tt.r)
			if err != nil || !slices.Equal(got, tt.want) {
				t.Errorf("got %d events, %v; want %d", len(got), err, len(tt.want))
			}
		})
	}
}

// What is forgotten is passed over; what is not there, somebody else's or without
// text is an error, not nothing.
func TestTextsRefuses(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme", chats(0, 4)...)
	add(t, log, "acme", &pb.Event{Id: "v", Time: timestamppb.New(morning), Body: &pb.Event_Verdict{Verdict: &pb.Verdict{Target: "e1", Category: "harm"}}})
	add(t, log, "globex", chats(0, 1)...)
	forgetting := eventlog.Forgetting{Tenant: "acme", Seqs: []event.Seq{2}, Ledger: &pb.Event{
		Id: "f", Time: timestamppb.New(morning), Class: eventlog.LedgerClass, Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED}},
	}}
	if err := log.Forget(t.Context(), []eventlog.Forgetting{forgetting}, func(eventlog.ForgetProgress) {}); err != nil {
		t.Fatal(err)
	}
	e := query.New(query.Config{Log: log})
	for _, r := range []query.TextRequest{{}, {Seqs: []event.Seq{0, 1, 2, 3}}} {
		if got, err := selected(t, e, "acme", r); err != nil || !slices.Equal(got, []event.Seq{0, 1, 3}) {
			t.Errorf("got %v, %v; want 0, 1 and 3", got, err)
		}
	}
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	field := func(err error) bool {
		r, is := errors.AsType[*query.RequestError](err)
		return is && r.Field == "seqs"
	}
	for i, tt := range []struct {
		tenant event.Tenant
		r      query.TextRequest
		want   func(error) bool
	}{
		{"nobody", query.TextRequest{}, is(eventlog.ErrNotFound)},
		{"acme", query.TextRequest{Seqs: []event.Seq{5}}, is(eventlog.ErrNotFound)},
		{"acme", query.TextRequest{Seqs: []event.Seq{1 << 40}}, is(eventlog.ErrNotFound)},
		{"acme", query.TextRequest{Seqs: []event.Seq{4}}, field},
		{"acme", query.TextRequest{Seqs: []event.Seq{0}, Filter: "true"}, field},
		{"acme", query.TextRequest{Seqs: []event.Seq{0}, Since: morning}, field},
		{"acme", query.TextRequest{Seqs: make([]event.Seq, query.MaxSeqs+1)}, field},
		{"acme", query.TextRequest{Filter: "user =="}, func(err error) bool { _, is := errors.AsType[*policy.Error](err); return is }},
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			if got, err := selected(t, e, tt.tenant, tt.r); !tt.want(err) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
