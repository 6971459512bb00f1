package query_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// said returns an interaction in which a user wrote something.
func said(n int, session, user, text string) *pb.Event {
	e := chat(n)
	e.Session, e.User = session, user
	e.GetInteraction().Input = []*pb.Message{
		{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "history of " + session}}}},
		{Role: "assistant", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: "answer"}}}},
		{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}},
	}
	return e
}

// names returns the sessions of neighbours.
func sessionNames(all []*pb.Neighbour) string {
	var names []string
	for _, n := range all {
		names = append(names, n.GetSession())
	}
	return strings.Join(names, " ")
}

// Beside a session lie those of its users and those in which somebody wrote the
// same, newest first, each once, with what they hold.
func TestNeighbours(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme",
		said(1, "self", "a", "how many pills?"), said(2, "self", "b", "what is safe"), said(3, "self", "a", "thanks!"),
		said(4, "of-a", "a", "hello"), said(5, "of-a", "a", "how many pills?"), said(6, "of-b", "b", "hello"),
		said(7, "same-first", "c", "how many pills?"), said(8, "same-last", "d", "thanks!"),
		said(9, "same-middle", "e", "what is safe"), said(10, "longer", "e", "how many pills? please"),
		said(11, "other case", "e", "How many pills?"), said(12, "", "a", "thanks!"),
	)
	flagged := said(13, "same-first", "c", "more")
	flagged.GetInteraction().Verdicts = []*pb.Verdict{{Category: "x", Action: pb.Verdict_FLAGGED}}
	add(t, log, "acme", flagged, parse(t, 14, `{"report":{"session":"same-first","category":"x"}}`))
	add(t, log, "other", said(15, "elsewhere", "a", "thanks!"))
	engine := query.New(query.Config{Log: log})
	got, err := engine.Neighbours(t.Context(), "acme", "self", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sessionNames(got.GetSameSubject()), "of-b of-a"; got != want {
		t.Errorf("same subject: %s, want %s", got, want)
	}
	if got, want := sessionNames(got.GetSamePrompt()), "same-last same-first"; got != want {
		t.Errorf("same prompt: %s, want %s", got, want)
	}
	if got.GetSubjectRest().GetCut() || got.GetPromptRest().GetCut() {
		t.Error("a list says that it was cut")
	}
	first := got.GetSamePrompt()[1]
	have := fmt.Sprint(first.GetEvents(), first.GetInteractions(), first.GetReports(), first.GetFlagged(),
		first.GetStart().AsTime().Sub(morning), first.GetEnd().AsTime().Sub(morning), strings.HasPrefix(first.GetUser(), "[USER:"))
	if want := "3 2 1 1 7s 14s true"; have != want {
		t.Errorf("it holds %s, want %s", have, want)
	}
}

// A list is no longer than asked for, has the newest, and says that there may
// be more.
func TestNeighboursAreBounded(t *testing.T) {
	log := newLog(t)
	add(t, log, "acme", said(0, "self", "a", "hello"))
	for n := 1; n < 30; n++ {
		add(t, log, "acme", said(2*n, fmt.Sprintf("a%d", n), "a", "x"), said(2*n+1, fmt.Sprintf("p%d", n), "b", "hello"))
	}
	got, err := query.New(query.Config{Log: log}).Neighbours(t.Context(), "acme", "self", 2)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a29 a28", "p29 p28"}, []string{sessionNames(got.GetSameSubject()), sessionNames(got.GetSamePrompt())}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for what, rest := range map[string]*pb.ListNeighboursResponse_Rest{"subject": got.GetSubjectRest(), "prompt": got.GetPromptRest()} {
		if !rest.GetCut() || rest.GetBefore().AsTime().After(got.GetSamePrompt()[0].GetEnd().AsTime()) {
			t.Errorf("%s: rest %v, want that it was cut, and where", what, rest)
		}
	}
}

func TestNeighboursRefuses(t *testing.T) {
	engine := session(t)
	for _, size := range []int{-1, 101} {
		if _, err := engine.Neighbours(t.Context(), "acme", "c/17", size); !isRequestError(err) {
			t.Errorf("size %d: error %v, want a request error", size, err)
		}
	}
	for _, name := range []string{"", "c/18"} {
		if _, err := engine.Neighbours(t.Context(), "acme", name, 0); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("session %q: error %v, want not found", name, err)
		}
	}
	if _, err := engine.Neighbours(t.Context(), "nobody", "c/17", 0); !errors.Is(err, eventlog.ErrNotFound) {
		t.Errorf("another tenant: error %v, want not found", err)
	}
}

func isRequestError(err error) bool {
	_, is := errors.AsType[*query.RequestError](err)
	return is
}

// Whatever a log holds, neighbours are those that reading all of it finds.
func TestNeighboursAreAll(t *testing.T) {
	log, logs := newLog(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		logs++
		tenant := event.Tenant(fmt.Sprintf("t%d", logs))
		var all []*pb.Event
		for n := range rapid.IntRange(1, 25).Draw(rt, "events") {
			e := said(n, rapid.SampledFrom([]string{"s0", "s1", "s2", "s3", "s4", ""}).Draw(rt, "session"),
				rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(rt, "user"),
				rapid.SampledFrom([]string{"hello", "Hello", "hello there", "?", "漢字", ""}).Draw(rt, "prompt"))
			all = append(all, e)
		}
		add(t, log, tenant, all...)
		engine := query.New(query.Config{Log: log})
		for _, session := range []string{"s0", "s1", "s2", "s3", "s4"} {
			subject, prompt, found := nearby(all, session)
			got, err := engine.Neighbours(t.Context(), tenant, session, 0)
			if !found {
				if !errors.Is(err, eventlog.ErrNotFound) {
					rt.Fatalf("%s: error %v, want not found", session, err)
				}
				continue
			}
			if err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff([]string{subject, prompt}, []string{sessionNames(got.GetSameSubject()), sessionNames(got.GetSamePrompt())}); diff != "" {
				rt.Fatalf("beside %s (-want +got):\n%s", session, diff)
			}
		}
	})
}

// nearby finds the neighbours of a session by looking at all events, which are
// in the order of their times.
func nearby(all []*pb.Event, session string) (subject, prompt string, found bool) {
	users, prompts := map[string]bool{}, map[string]bool{}
	var own []string
	for _, e := range all {
		if e.GetSession() == session {
			users[e.GetUser()] = e.GetUser() != ""
			own = append(own, promptText(e))
		}
	}
	if len(own) == 0 {
		return "", "", false
	}
	prompts[own[0]], prompts[own[len(own)-1]] = true, true
	listed := map[string]bool{session: true, "": true}
	list := func(is func(*pb.Event) bool) string {
		var names []string
		for _, e := range slices.Backward(all) {
			if name := e.GetSession(); !listed[name] && is(e) {
				listed[name] = true
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	subject = list(func(e *pb.Event) bool { return users[e.GetUser()] })
	prompt = list(func(e *pb.Event) bool { return promptText(e) != "" && prompts[promptText(e)] })
	return subject, prompt, true
}

func promptText(e *pb.Event) string {
	input := e.GetInteraction().GetInput()
	return input[len(input)-1].GetParts()[0].GetText()
}
