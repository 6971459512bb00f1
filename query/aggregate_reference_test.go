package query_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/estimate"
)

// A countingWorld is a world whose events have all that is counted by.
type countingWorld struct{ *world }

// Append adds events of all kinds.
func (w countingWorld) Append(r *rapid.T) {
	w.T = r
	var batch []eventlog.Prepared
	for range rapid.IntRange(1, 30).Draw(r, "events") {
		p, err := w.log.Prepare("acme", w.event())
		if err != nil {
			r.Fatal(err)
		}
		batch = append(batch, p)
	}
	if _, err := w.log.Append(context.Background(), batch); err != nil {
		r.Fatal(err)
	}
}

func (w countingWorld) one(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(w.T, label)
}

func (w countingWorld) event() *pb.Event {
	e := w.world.event()
	e.Class, e.PolicyVersion = w.one("class", "routine", "flagged"), "test"
	e.Session = w.one("session", "", "c-1", "c-2", "c-3", "c-4")
	e.User = w.one("user", "", "[USER:aaaaaaaaaaaa]", "[USER:bbbbbbbbbbbb]", "[USER:cccccccccccc]")
	e.Source = &pb.Source{
		Service: w.one("service", "", "chat"), Version: w.one("version", "", "1", "2"), Instance: w.one("instance", "", "a", "b"),
		Deployment: w.one("deployment", "", "d", "e"), Region: w.one("region", "", "eu"), Environment: w.one("environment", "", "prod"),
	}
	if rapid.Bool().Draw(w.T, "captured") {
		e.Capture = &pb.Capture{Rule: w.one("rule", "", "base"), Sequence: rapid.Uint64Range(0, 9).Draw(w.T, "sequence")}
		if p := rapid.SampledFrom([]float64{0, 0.01, 0.5, 1}).Draw(w.T, "probability"); p > 0 {
			e.Capture.Probability = &p
		}
	}
	switch rapid.IntRange(0, 7).Draw(w.T, "other") {
	case 0:
		e.Body = &pb.Event_Verdict{Verdict: w.verdict("e1")}
	case 1:
		e.Body = &pb.Event_Action{Action: &pb.Action{Kind: pb.Action_NOTICE, Text: "x"}}
	case 2:
		e.Body = &pb.Event_Coverage{Coverage: &pb.Coverage{
			Start: timestamppb.New(w.now.Add(-time.Hour)), End: timestamppb.New(w.now.Add(time.Hour)),
			Strata: []*pb.Coverage_Stratum{{Seen: 7, Captured: 3}},
		}}
	}
	if in := e.GetInteraction(); in != nil {
		in.Model.Version = w.one("model version", "", "v1", "v2")
		in.Verdicts = nil
		for range rapid.IntRange(0, 3).Draw(w.T, "verdicts") {
			in.Verdicts = append(in.Verdicts, w.verdict(""))
		}
	}
	return e
}

func (w countingWorld) verdict(target string) *pb.Verdict {
	v := &pb.Verdict{
		Scope: rapid.SampledFrom([]pb.Verdict_Scope{pb.Verdict_INPUT, pb.Verdict_OUTPUT}).Draw(w.T, "scope"), Target: target, Category: w.one("category", "harm", "spam"), Classifier: &pb.Classifier{Name: w.one("classifier", "", "shield")},
		Score:  rapid.SampledFrom([]float64{0, 0.25, 0.5, 1}).Draw(w.T, "score"),
		Action: rapid.SampledFrom([]pb.Verdict_Action{pb.Verdict_ACTION_UNSPECIFIED, pb.Verdict_FLAGGED}).Draw(w.T, "verdict action"),
	}
	if t := rapid.SampledFrom([]float64{-1, 0.25, 0.75}).Draw(w.T, "threshold"); t > 0 {
		v.Threshold = &t
	}
	return v
}

// countingFilters are conditions that need no text.
var countingFilters = []string{
	"", `kind == "interaction"`, `source.deployment == "d" || class == "flagged"`, `interaction.verdicts.exists(v, v.score >= 0.5)`,
	`session == "c-1" && turn == 0`, `user != ""`, `has(event.verdict) || action.kind == "NOTICE"`, `capture.probability < 1.0`,
	`interaction.verdicts.exists(v, v.score >= v.threshold && v.classifier.name != "shield")`, `interaction.model.version == "v1" && source.region == ""`,
	`interaction.verdicts.all(v, v.scope == "OUTPUT" || v.action == "FLAGGED")`, `report.category == "harm" || verdict.score > 0.2 || capture.rule == "base"`,
	`interaction.verdicts.size() > 1`,
}

// population draws which events to count.
func (w countingWorld) population(r *rapid.T) query.Population {
	p := query.Population{
		Filter:  rapid.SampledFrom(countingFilters).Draw(r, "filter"),
		GroupBy: rapid.SliceOfNDistinct(rapid.SampledFrom(query.GroupBy()), 0, 4, rapid.ID).Draw(r, "group by"),
		Limit:   rapid.SampledFrom([]int{0, 1, 3}).Draw(r, "limit"),
	}
	times := []string{"hour", "day", "interval"}
	n := 0
	p.GroupBy = slices.DeleteFunc(p.GroupBy, func(name string) bool {
		if slices.Contains(times, name) {
			n++
		}
		return n > 1 && slices.Contains(times, name)
	})
	if slices.Contains(p.GroupBy, "interval") {
		p.Interval = rapid.SampledFrom([]time.Duration{time.Second, 7 * time.Minute, 36 * time.Hour}).Draw(r, "interval")
	}
	if rapid.IntRange(0, 3).Draw(r, "range") == 0 {
		p.Since = w.now.Add(-time.Duration(rapid.IntRange(0, 40).Draw(r, "hours")) * time.Hour)
		p.Until = p.Since.Add(26 * time.Hour)
	}
	return p
}

// matching are the events that a population has, found by looking at everything.
func (w countingWorld) matching(r *rapid.T, p query.Population) (out []*pb.Event) {
	c := compiled(r, p.Filter)
	for _, e := range w.all("acme") {
		at := e.GetTime().AsTime()
		if at.Before(p.Since) || !p.Until.IsZero() && !at.Before(p.Until) {
			continue
		}
		if c != nil {
			if ok, err := c.Match(e); err != nil {
				r.Fatal(err)
			} else if !ok {
				continue
			}
		}
		out = append(out, e)
	}
	return out
}

// verdictsOf are what is said in or by an event.
func verdictsOf(e *pb.Event) []*pb.Verdict {
	if v := e.GetVerdict(); v != nil {
		return []*pb.Verdict{v}
	}
	return e.GetInteraction().GetVerdicts()
}

// keysOf are the groups that an event is in, and the scores that it has in each.
func keysOf(e *pb.Event, p query.Population) (keys []map[string]string, scores [][]float64) {
	base := map[string]string{}
	judged := false
	start := func(every time.Duration) string {
		return e.GetTime().AsTime().Truncate(every).Format(time.RFC3339)
	}
	for _, name := range p.GroupBy {
		switch name {
		case "model":
			base[name] = e.GetInteraction().GetModel().GetName()
		case "version":
			base[name] = e.GetInteraction().GetModel().GetVersion()
		case "service":
			base[name] = e.GetSource().GetService()
		case "service_version":
			base[name] = e.GetSource().GetVersion()
		case "instance":
			base[name] = e.GetSource().GetInstance()
		case "deployment":
			base[name] = e.GetSource().GetDeployment()
		case "environment":
			base[name] = e.GetSource().GetEnvironment()
		case "region":
			base[name] = e.GetSource().GetRegion()
		case "rule":
			base[name] = e.GetCapture().GetRule()
		case "kind":
			base[name] = string(event.KindOf(e))
		case "class":
			base[name] = e.GetClass()
		case "hour":
			base[name] = start(time.Hour)
		case "day":
			base[name] = start(24 * time.Hour)
		case "interval": // which Truncate counts from the year 1
			at := e.GetTime().AsTime().UnixNano()
			base[name] = time.Unix(0, at-at%int64(p.Interval)).UTC().Format(time.RFC3339)
		case "category", "action", "classifier":
			judged = true
		}
	}
	add := func(category, action, classifier string, score ...float64) {
		k := maps.Clone(base)
		for name, value := range map[string]string{"category": category, "action": action, "classifier": classifier} {
			if slices.Contains(p.GroupBy, name) {
				k[name] = value
			}
		}
		i := slices.IndexFunc(keys, func(have map[string]string) bool { return maps.Equal(have, k) })
		if i < 0 {
			i = len(keys)
			keys, scores = append(keys, k), append(scores, nil)
		}
		scores[i] = append(scores[i], score...)
	}
	for _, v := range verdictsOf(e) {
		if judged {
			add(v.GetCategory(), v.GetAction().String(), v.GetClassifier().GetName(), v.GetScore())
		} else {
			add("", "", "", v.GetScore())
		}
	}
	switch {
	case judged && e.GetReport() != nil:
		add(e.GetReport().GetCategory(), "", "")
	case judged && e.GetAction() != nil:
		add("", e.GetAction().GetKind().String(), "")
	case len(keys) == 0:
		add("", "", "")
	}
	return keys, scores
}

// A slow group is counted event by event.
type slowGroup struct {
	query.Group
	sessions, subjects map[string]bool
	sum                float64
	events             []*pb.Event
}

func (g *slowGroup) add(e *pb.Event, scores []float64) {
	if g.sessions == nil {
		g.sessions, g.subjects = map[string]bool{}, map[string]bool{}
		g.Scores = &query.Scores{Histogram: make([]uint64, 4)}
	}
	g.Events++
	g.events = append(g.events, e)
	if e.GetSession() == "" {
		g.NoSession++
	} else {
		g.sessions[e.GetSession()] = true
	}
	if e.GetUser() == "" {
		g.NoSubject++
	} else {
		g.subjects[e.GetUser()] = true
	}
	for _, s := range scores {
		g.Scores.Count++
		g.sum += s
		g.Scores.Histogram[min(3, int(s*4))]++
	}
}

func (g *slowGroup) end() query.Group {
	g.Sessions.Count, g.Subjects.Count = uint64(len(g.sessions)), uint64(len(g.subjects))
	if g.Scores == nil {
		g.Scores = &query.Scores{Histogram: make([]uint64, 4)}
	}
	g.Scores.Mean = g.sum / math.Max(1, float64(g.Scores.Count))
	return g.Group
}

// slowly groups events one by one.
func (w countingWorld) slowly(r *rapid.T, p query.Population) (total *slowGroup, groups map[string]*slowGroup) {
	total, groups = new(slowGroup), map[string]*slowGroup{}
	for _, e := range w.matching(r, p) {
		var all []float64
		for _, v := range verdictsOf(e) {
			all = append(all, v.GetScore())
		}
		total.add(e, all)
		if len(p.GroupBy) == 0 {
			continue
		}
		keys, scores := keysOf(e, p)
		for i, k := range keys {
			name := fmt.Sprint(k) // maps print sorted
			if groups[name] == nil {
				groups[name] = &slowGroup{Group: query.Group{Key: k}}
			}
			groups[name].add(e, scores[i])
		}
	}
	return total, groups
}

// Aggregate compares a random count with one by reading every event.
func (w countingWorld) Aggregate(r *rapid.T) {
	p := w.population(r)
	got, err := query.New(query.Config{Log: w.log}).Aggregate(context.Background(), "acme", query.AggregateRequest{
		Population: p, HistogramBins: 4,
	})
	if err != nil {
		r.Fatal(err)
	}
	total, groups := w.slowly(r, p)
	want := map[string]query.Group{}
	left := query.Omitted{Groups: uint64(len(groups) - len(got.Groups))}
	for name, g := range groups {
		want[name] = g.end()
		left.Events += want[name].Events
	}
	approx := cmpopts.EquateApprox(1e-12, 1e-12)
	check := func(what string, got, want any) {
		if diff := cmp.Diff(want, got, approx); diff != "" {
			r.Fatalf("%+v: %s (-want +got):\n%s", p, what, diff)
		}
	}
	check("total", got.Total, total.end())
	last := uint64(math.MaxUint64)
	for _, g := range got.Groups {
		check("group", g, want[fmt.Sprint(g.Key)])
		if g.Events > last {
			r.Fatalf("%+v: a group of %d events after one of %d", p, g.Events, last)
		}
		last, left.Events = g.Events, left.Events-g.Events
	}
	check("omitted", got.Omitted, left)
	limit := p.Limit
	if limit == 0 {
		limit = query.DefaultGroups
	}
	if len(got.Groups) != min(limit, len(groups)) {
		r.Fatalf("%+v: %d groups of %d", p, len(got.Groups), len(groups))
	}
}

// Estimate compares what a random estimate is made from with the events.
func (w countingWorld) Estimate(r *rapid.T) {
	p := w.population(r)
	got, err := query.New(query.Config{Log: w.log}).Estimate(context.Background(), "acme", query.EstimateRequest{Population: p})
	if err != nil {
		r.Fatal(err)
	}
	total, groups := w.slowly(r, p)
	w.compare(r, p, got.Total, total)
	for _, g := range got.Groups {
		w.compare(r, p, g, groups[fmt.Sprint(g.Key)])
	}
}

// compare compares an estimated group with one from a sample made by the book.
func (w countingWorld) compare(r *rapid.T, p query.Population, got query.EstimatedGroup, of *slowGroup) {
	sample, unknown := bookSample(of.events)
	if got.Unknown != unknown {
		r.Fatalf("%+v: got unknown %+v, want %+v", p, got.Unknown, unknown)
	}
	if got.Events.Observed+unknown.Events == 0 {
		return // What is said of nothing is another test's.
	}
	want := sample.Result()
	if diff := cmp.Diff(want, got.Result, cmpopts.EquateApprox(1e-9, 1e-9), cmpopts.EquateNaNs()); diff != "" {
		r.Fatalf("%+v: (-want +got):\n%s", p, diff)
	}
}

// bookSample makes a sample of the evidence among events, session by session.
func bookSample(events []*pb.Event) (*estimate.Sample, query.Unknown) {
	sample, unknown := estimate.New(), query.Unknown{}
	bySession, people, unsure := map[string][]*pb.Event{}, map[string]bool{}, map[string]bool{}
	for i, e := range events {
		switch event.KindOf(e) {
		case event.Interaction, event.Verdict, event.Report, event.Action:
		default:
			continue
		}
		name := e.GetSession()
		if name == "" {
			name = fmt.Sprintf("\x00%d", i)
		}
		bySession[name] = append(bySession[name], e)
	}
	for name, session := range bySession {
		kept, persons := map[float64]uint64{}, map[string]float64{}
		for _, e := range session {
			if e.GetCapture().GetProbability() == 0 {
				unknown.Events++
				unsure[e.GetUser()] = true
				continue
			}
			probability := e.GetCapture().GetProbability()
			kept[probability]++
			persons[e.GetUser()] = max(persons[e.GetUser()], probability)
			people[e.GetUser()] = true
		}
		unnamed := name[0] == 0
		if len(kept) == 0 {
			if !unnamed {
				unknown.Sessions++
			}
			continue
		}
		s := estimate.Session{Unnamed: unnamed}
		for _, probability := range slices.Sorted(maps.Keys(kept)) {
			s.Kept = append(s.Kept, estimate.Kept{Probability: probability, Events: kept[probability]})
		}
		for user, probability := range persons {
			if user != "" {
				s.People = append(s.People, estimate.Person{ID: uint64(user[6]), Probability: probability})
			}
		}
		sample.Add(s)
	}
	for user := range unsure {
		if user != "" && !people[user] {
			unknown.Subjects++
		}
	}
	return sample, unknown
}

// Done when 4, of counts and estimates: they are those of somebody who reads every
// event, whatever was appended, merged, promoted, erased and redacted before.
func TestCountsAreThoseOfAReader(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := countingWorld{newWorld(t, r)}
		defer func() {
			if err := w.log.Close(); err != nil {
				r.Error(err)
			}
		}()
		w.Append(r)
		r.Repeat(map[string]func(*rapid.T){
			"append": w.Append, "append more": w.Append, "merge": w.Merge, "promote": w.Promote, "erase": w.Erase, "redact": w.Redact,
			"aggregate": w.Aggregate, "aggregate again": w.Aggregate, "estimate": w.Estimate, "estimate again": w.Estimate,
		})
	})
}
