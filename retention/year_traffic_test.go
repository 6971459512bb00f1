package retention_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

var tenants = []event.Tenant{"alpha", "beta", "gamma"}

// Traffic is what publishers publish in the year: sessions of people, and what is
// said of them later, or before they came.
type traffic struct {
	rng     *rand.Rand
	corpus  []*pb.Event // whose content interactions have; none: made up
	numbers map[event.Tenant]int
	ids     map[event.Tenant][]string // of interactions that came
	ahead   map[event.Tenant][]string // of such as are spoken of already
	said    map[event.Tenant][]string // sessions
}

func newTraffic(rng *rand.Rand, corpus []*pb.Event) *traffic {
	return &traffic{rng, corpus, map[event.Tenant]int{}, map[event.Tenant][]string{}, map[event.Tenant][]string{}, map[event.Tenant][]string{}}
}

// words are what sessions are about; a hold may ask for one.
func word(n int) string { return fmt.Sprintf("zebrafinch%02d", n) }

const (
	manyWords = 40
	manyUsers = 60
)

// next returns what a tenant's publishers publish in some hours before now. Users
// are as they are known outside.
func (tr *traffic) next(t event.Tenant, now time.Time, sessions int) (out []*pb.Event) {
	for range sessions {
		out = append(out, tr.session(t, now)...)
	}
	for range sessions {
		if e := tr.late(t, now); e != nil {
			out = append(out, e)
		}
	}
	tr.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (tr *traffic) id(t event.Tenant) string {
	if ahead := tr.ahead[t]; len(ahead) > 0 && tr.rng.IntN(3) == 0 {
		tr.ahead[t] = ahead[1:]
		return ahead[0]
	}
	return tr.number(t)
}

func (tr *traffic) number(t event.Tenant) string {
	tr.numbers[t]++
	return fmt.Sprintf("%s-%06d", t, tr.numbers[t])
}

func (tr *traffic) at(now time.Time) *timestamppb.Timestamp {
	return timestamppb.New(now.Add(-time.Duration(tr.rng.IntN(30)) * time.Hour / 2)) // some were under way for long
}

func (tr *traffic) user() string {
	return fmt.Sprintf("person-%03d", min(tr.rng.IntN(manyUsers), tr.rng.IntN(manyUsers)))
}

// session is a conversation: mostly of one person, sometimes of two, and not every
// event of it says whose it is.
func (tr *traffic) session(t event.Tenant, now time.Time) (out []*pb.Event) {
	name, user, about := fmt.Sprintf("%s-s-%d", t, tr.numbers[t]), tr.user(), word(tr.rng.IntN(manyWords))
	deployment := []string{"web", clinic, triage}[tr.rng.IntN(3)]
	if old := tr.said[t]; len(old) > 0 && tr.rng.IntN(6) == 0 {
		name = old[max(0, len(old)-1-tr.rng.IntN(20))] // It goes on another day, perhaps with somebody else.
	}
	tr.said[t] = append(tr.said[t], name)
	for range 1 + tr.rng.IntN(3) {
		e := &pb.Event{
			Id: tr.id(t), Time: tr.at(now), Session: name, User: user, Source: &pb.Source{Service: "chat", Instance: "one", Deployment: deployment},
			Body: &pb.Event_Interaction{Interaction: tr.interaction(about)},
		}
		if tr.rng.IntN(4) == 0 {
			e.User = ""
		}
		if tr.rng.IntN(12) == 0 {
			e.User = tr.user()
		}
		e.GetInteraction().Output = append(e.GetInteraction().Output, said("assistant", "nobody reads of "+e.GetId()+" when it went"))
		tr.ids[t] = append(tr.ids[t], e.GetId())
		out = append(out, e)
	}
	return out
}

func (tr *traffic) interaction(about string) *pb.Interaction {
	if len(tr.corpus) > 0 {
		x := proto.CloneOf(tr.corpus[tr.rng.IntN(len(tr.corpus))].GetInteraction())
		x.Input = append(x.Input, said("user", about))
		return x
	}
	x := &pb.Interaction{Input: []*pb.Message{said("user", "what of the "+about+"?")}}
	if tr.rng.IntN(2) == 0 {
		x.Verdicts = []*pb.Verdict{{Category: "harm", Score: tr.score()}}
	}
	return x
}

func said(role, text string) *pb.Message {
	return &pb.Message{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}
}

func (tr *traffic) score() float64 { return float64(tr.rng.IntN(9)) / 8 }

// late is a verdict, a report or an action on something that came before, or that
// has not come yet, or on a session.
func (tr *traffic) late(t event.Tenant, now time.Time) *pb.Event {
	target := tr.target(t)
	e := &pb.Event{Id: tr.number(t), Time: tr.at(now), Source: &pb.Source{Service: "trust", Instance: "two", Deployment: []string{"web", clinic}[tr.rng.IntN(2)]}}
	switch tr.rng.IntN(8) {
	case 0, 1, 2:
		e.Body = &pb.Event_Verdict{Verdict: &pb.Verdict{Target: target, Category: "harm", Score: tr.score()}}
	case 3, 4:
		e.User = tr.user() // who complained
		e.Body = &pb.Event_Report{Report: &pb.Report{Target: target, Category: "harm", Comment: "this was wrong"}}
	case 5:
		if len(tr.said[t]) == 0 {
			return nil
		}
		session := tr.said[t][max(0, len(tr.said[t])-1-tr.rng.IntN(30))]
		e.Body = &pb.Event_Report{Report: &pb.Report{Session: session, Category: "harm"}}
	case 6:
		e.Body = &pb.Event_Action{Action: &pb.Action{Target: target, Kind: pb.Action_NOTICE, Name: "notice", Text: "be careful"}}
	default:
		at := e.GetTime().AsTime()
		e.Body = &pb.Event_Coverage{Coverage: &pb.Coverage{Start: timestamppb.New(at.Add(-time.Hour)), End: timestamppb.New(at)}}
	}
	return e
}

func (tr *traffic) target(t event.Tenant) string {
	ids := tr.ids[t]
	if len(ids) == 0 || tr.rng.IntN(6) == 0 {
		id := tr.number(t)
		tr.ahead[t] = append(tr.ahead[t], id)
		return id
	}
	return ids[max(0, len(ids)-1-tr.rng.IntN(60))]
}
