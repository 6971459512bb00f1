package retention_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention"
)

func (y *year) tenant() event.Tenant { return tenants[y.rng.IntN(len(tenants))] }

// some returns an event that is there; nil: there is none.
func (y *year) some(t event.Tenant) *evidence {
	var all []*evidence
	for e := range y.model.alive(t) {
		all = append(all, e)
	}
	if len(all) == 0 {
		return nil
	}
	return all[y.rng.IntN(len(all))]
}

func (y *year) changePolicy() {
	t := y.tenant()
	next := y.model.plans[t].next(y.rng, y.of.unit)
	if y.rng.IntN(4) > 0 {
		y.apply(t, next)
		return
	}
	if !y.crashed("apply", 3, func(ctx context.Context) error { return y.policies.Apply(ctx, t, y.change(t, next)) }) {
		y.applied(t, next)
		return
	}
	if current, _, _, _ := y.policies.Current(t); current.Version() != y.parse(next).Version() {
		y.apply(t, next)
		return
	}
	y.applied(t, next)
}

func (y *year) parse(p *plan) *policy.Document {
	y.Helper()
	document, err := policy.Parse(p.yaml())
	if err != nil {
		y.Fatalf("%v\n%s", err, p.yaml())
	}
	return document
}

func (y *year) change(t event.Tenant, p *plan) retention.Change {
	y.Helper()
	c := retention.Change{Document: y.parse(p), Actor: "ada", Reason: "the law changed"}
	if current, _, _, ok := y.policies.Current(t); ok {
		c.Replaces = current.Version()
	}
	return c
}

func (y *year) apply(t event.Tenant, p *plan) {
	y.Helper()
	if err := y.policies.Apply(y.Context(), t, y.change(t, p)); err != nil {
		y.Fatalf("%v\n%s", err, p.yaml())
	}
	y.applied(t, p)
}

func (y *year) applied(t event.Tenant, p *plan) {
	y.model.plans[t] = p
	y.done["policies"]++
}

// scope returns something that a hold may claim, as it is asked for and as the
// model understands it.
func (y *year) scope(t event.Tenant) (*pb.Hold_Scope, scope) {
	e := y.some(t)
	if e == nil {
		y.Fatalf("tenant %s has nothing left", t)
	}
	asked, is := &pb.Hold_Scope{}, scope{}
	at := e.stored.GetTime().AsTime()
	kinds := 1 << y.rng.IntN(5)
	if y.rng.IntN(4) == 0 {
		kinds |= 1 << y.rng.IntN(5)
	}
	if kinds&1 != 0 {
		asked.Sessions = y.sessionsNear(t)
		is.sessions = asked.GetSessions()
	}
	if kinds&2 != 0 {
		user := cmp.Or(e.user, y.traffic.user())
		asked.Users, is.users = []string{user, y.pseudonym(t, y.traffic.user())}, []string{y.pseudonym(t, user)}
		is.users = append(is.users, asked.GetUsers()[1])
	}
	if kinds&4 != 0 {
		asked.Filter = []string{
			`kind == "report"`, `interaction.verdicts.exists(v, v.score > 0.8)`, `has(event.verdict) && event.verdict.score > 0.6`,
			fmt.Sprintf(`session == %q`, e.stored.GetSession()), `source.deployment == "triage"`,
		}[y.rng.IntN(5)]
		var err error
		if is.filter, err = policy.Compile(asked.GetFilter()); err != nil {
			y.Fatal(err)
		}
	}
	if kinds&8 != 0 {
		asked.Text = word(y.rng.IntN(manyWords))
		is.word = asked.GetText()
	}
	if kinds&16 != 0 {
		is.since = at.Add(-time.Duration(y.rng.IntN(20)) * time.Hour)
		is.until = is.since.Add(time.Duration(1+y.rng.IntN(72)) * time.Hour)
		asked.Since, asked.Until = timestamppb.New(is.since), timestamppb.New(is.until)
	}
	return asked, is
}

func (y *year) sessionsNear(t event.Tenant) (out []string) {
	all := y.traffic.said[t]
	for range 1 + y.rng.IntN(3) {
		out = append(out, all[max(0, len(all)-1-y.rng.IntN(40))])
	}
	return out
}

func (y *year) placeHold() {
	t := y.tenant()
	asked, is := y.scope(t)
	request := &pb.PlaceHoldRequest{
		Tenant: string(t), Scope: asked, CaseId: fmt.Sprint("case-", y.done["holds"]), Reason: "a complaint", Authority: "court", Actor: "ada", Owners: []string{"bob"},
	}
	got, err := y.keeper.PlaceHold(y.Context(), t, request)
	if err != nil {
		y.Fatal(err)
	}
	y.model.cover(t)
	c := &claim{id: got.GetHold().GetHold(), tenant: t, owners: []string{"ada", "bob"}, scopes: []scope{is}, covers: map[event.Seq]bool{}}
	y.model.covering(c, c.scopes)
	y.model.holds = append(y.model.holds, c)
	y.done["holds"]++
	y.covers("placed", got.GetHold(), c)
	for seq := range c.covers {
		if !y.model.matches(is, y.model.bySeq[seq]) {
			y.done["held as it is about what is held"]++
		}
	}
}

// covers fails unless a hold covers what the model says.
func (y *year) covers(what string, got *pb.HoldState, c *claim) {
	y.Helper()
	var is []event.Seq
	for _, r := range got.GetPositions() {
		for seq := r.GetFirst(); seq <= r.GetLast(); seq++ {
			is = append(is, event.Seq(seq))
		}
	}
	if want := slices.Sorted(maps.Keys(c.covers)); !slices.Equal(is, want) {
		y.Errorf("%s, %v: the hold covers %v, want %v", what, got.GetScopes(), is, want)
	}
}

// active returns a hold that is not released; nil: there is none.
func (y *year) active() *claim {
	var all []*claim
	for _, c := range y.model.holds {
		if !c.released {
			all = append(all, c)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[y.rng.IntN(len(all))]
}

func (y *year) extendHold() {
	c := y.active()
	if c == nil {
		return
	}
	asked, is := y.scope(c.tenant)
	owner := fmt.Sprint("owner-", y.rng.IntN(5))
	got, err := y.keeper.ExtendHold(y.Context(), c.tenant, &pb.ExtendHoldRequest{
		Tenant: string(c.tenant), Hold: c.id, Scope: asked, Owners: []string{owner}, Actor: c.owners[y.rng.IntN(len(c.owners))], Reason: "more came to light",
	})
	if err != nil {
		y.Fatal(err)
	}
	y.model.cover(c.tenant)
	c.scopes, c.owners = append(slices.Clip(c.scopes), is), append(slices.Clip(c.owners), owner)
	y.model.covering(c, c.scopes[len(c.scopes)-1:])
	y.done["extensions"]++
	y.covers("extended", got.GetHold(), c)
}

func (y *year) releaseHold() {
	c := y.active()
	if c == nil {
		return
	}
	r := &pb.ReleaseHoldRequest{Tenant: string(c.tenant), Hold: c.id, Actor: "mallory", Reason: "the case is closed"}
	if _, err := y.keeper.ReleaseHold(y.Context(), c.tenant, r); !errors.Is(err, retention.ErrNotOwner) {
		y.Errorf("release somebody else's hold: got %v, want ErrNotOwner", err)
	}
	r.Actor = c.owners[y.rng.IntN(len(c.owners))]
	release := func(ctx context.Context) error {
		_, err := y.keeper.ReleaseHold(ctx, c.tenant, r)
		return err
	}
	crashed := y.rng.IntN(4) == 0 && y.crashed("release", 40, release)
	h, err := y.keeper.Hold(y.Context(), c.tenant, c.id)
	if err != nil {
		y.Fatal(err)
	}
	y.model.cover(c.tenant)
	if h.GetReleased() == nil {
		if crashed {
			return // It did not come so far.
		}
		if err := release(y.Context()); err != nil {
			y.Fatal(err)
		}
	}
	c.released = true
	y.done["releases"]++
	if crashed {
		y.goOn()
		return
	}
	y.model.expire(y.now)
}

func (y *year) erase() {
	for range 10 { // until there is somebody of whom there is something
		if y.eraseSomebody() {
			return
		}
	}
}

// eraseSomebody erases somebody's evidence, or all of some hours. It reports
// whether there was any.
func (y *year) eraseSomebody() bool {
	t := y.tenant()
	r := &pb.EraseEventsRequest{Tenant: string(t), Actor: "ada", Reason: "article 17", DryRun: new(bool)}
	var since, until time.Time
	e := y.some(t)
	everything := e != nil && y.rng.IntN(12) == 0
	if e != nil && (everything || y.rng.IntN(4) == 0) {
		since = e.stored.GetTime().AsTime().Add(-time.Duration(y.rng.IntN(3)) * time.Hour)
		until = since.Add(time.Duration(1+y.rng.IntN(8)) * time.Hour)
		r.Since, r.Until = timestamppb.New(since), timestamppb.New(until)
	}
	x := &owed{tenant: t}
	if everything {
		r.Everything = true
		x.about = y.model.everything(t, since, until)
	} else {
		user := y.person(t, e)
		r.User = user
		if y.rng.IntN(3) == 0 {
			r.User = y.pseudonym(t, user)
		}
		x.about = y.model.person(t, user, since, until)
		if since.IsZero() {
			x.messages = y.model.messagesOf(t, r.GetUser(), user)
		}
	}
	y.model.cover(t)
	if len(x.about)+len(x.messages) > 0 {
		y.erasing(x, r)
		return true
	}
	want := retention.ErrUnknownPerson
	if everything {
		want = eventlog.ErrNotFound
	}
	if _, err := y.keeper.Erase(y.Context(), t, r, y.progress); !errors.Is(err, want) {
		y.Errorf("erase what there is nothing of: got %v, want %v", err, want)
	}
	y.done["nobody"]++
	return false
}

// person returns somebody whose evidence is to be erased: mostly the user of an
// event that is there, or of a message.
func (y *year) person(t event.Tenant, e *evidence) string {
	switch n := y.rng.IntN(10); {
	case n == 0:
		return "nobody-000"
	case n < 3:
		for _, m := range y.model.messages {
			if m.tenant == t && !m.gone && m.user != "" {
				return m.user
			}
		}
	case e != nil && e.user != "":
		return e.user
	}
	return y.traffic.user()
}

// erasing erases, sometimes with a crash in between.
func (y *year) erasing(x *owed, r *pb.EraseEventsRequest) {
	known, err := y.keeper.Erasures(y.Context(), x.tenant)
	if err != nil {
		y.Fatal(err)
	}
	var state *pb.ErasureState
	erase := func(ctx context.Context) (err error) {
		state, err = y.keeper.Erase(ctx, x.tenant, r, y.progress)
		return err
	}
	again := true
	if y.rng.IntN(8) == 0 {
		crashed := y.crashed("erase", 40, erase)
		now, err := y.keeper.Erasures(y.Context(), x.tenant)
		if err != nil {
			y.Fatal(err)
		}
		if again = len(now) == len(known); !again && crashed {
			x.id = now[0].GetRequest()
			y.model.erasures = append(y.model.erasures, x)
			y.done["erasures"]++
			y.goOn()
			return
		}
	}
	if again {
		if err := erase(y.Context()); err != nil {
			y.Fatal(err)
		}
	}
	x.id = state.GetRequest()
	if state.GetEvents() != uint64(len(x.about)) || state.GetQuarantined() != uint64(len(x.messages)) {
		y.Errorf("erasure of %v is about %d events and %d messages, want %d and %d", r, state.GetEvents(), state.GetQuarantined(), len(x.about), len(x.messages))
	}
	y.model.erasures = append(y.model.erasures, x)
	y.done["erasures"]++
	y.model.settle(x.tenant, y.now)
	if done := state.GetCompleted() != nil; done != x.done {
		y.Errorf("erasure %s is done: %t, want %t", x.id, done, x.done)
	}
}

func (y *year) backUp() {
	if err := y.keeper.Count(y.Context()); err != nil {
		y.Fatal(err)
	}
	got, err := y.log.Backup(y.Context(), filepath.Join(y.root, "backups"), func(eventlog.BackupProgress) {})
	if err != nil {
		y.Fatal(err)
	}
	y.backups = append(y.backups, backup{got.Dir, y.model.clone()})
	y.done["backups"]++
}

// restoreBackup goes back to one of the newest backups. What was placed, released,
// asked for and applied since is as it was.
func (y *year) restoreBackup() {
	if len(y.backups) == 0 {
		return
	}
	i := max(0, len(y.backups)-1-y.rng.IntN(2))
	b := y.backups[i]
	y.backups = y.backups[:i+1] // What was backed up later is of a time that never was.
	y.goes()
	before := y.stands()
	restored := y.restore(b.dir)
	y.stand(before)
	y.model = y.model.restored(b.model)
	for _, t := range tenants { // What these spoke of did not come, or comes again.
		y.certifiedTo[t] = min(y.certifiedTo[t], restored.Backup)
	}
	y.certified.RemoveRange(uint64(restored.Backup), math.MaxUint64)
	for _, m := range y.model.messages {
		if m.unsure {
			_, err := y.log.Quarantined(y.Context(), m.tenant, m.id)
			m.gone, m.unsure = errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrErased), false
		}
	}
	y.model.restarted()
	y.done["restores"]++
	if restored.Lost > 0 {
		y.done["restores that lost something"]++
	}
	y.check()
}

func (y *year) crashSomehow() {
	y.done["crashes"]++
	if y.rng.IntN(3) > 0 {
		y.crash()
		y.model.restarted()
		return
	}
	t := y.tenant()
	y.publish(t, y.traffic.next(t, y.now, 3))
	y.crashed("promote", 3, func(ctx context.Context) error { return y.promote(ctx) })
	y.publish(t, y.traffic.next(t, y.now, 1)) // so that there is something to follow
	y.follow()
}

func (y *year) merge() {
	for {
		more, err := y.log.Merge(y.Context())
		if err != nil {
			y.Fatal(err)
		}
		if !more {
			return
		}
	}
}

// quarantineMessage quarantines a message: of an event that names a person, or one
// that cannot be read, with a name in it or none.
func (y *year) quarantineMessage() {
	t, user := y.tenant(), y.traffic.user()
	y.stream++
	m := &message{tenant: t, day: y.now.Truncate(24 * time.Hour)}
	switch y.rng.IntN(3) {
	case 0:
		e := &pb.Event{Id: fmt.Sprint("q-", y.stream), Time: timestamppb.New(y.now), User: user, Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{said("user", "x")}}}}
		text, err := protojson.Marshal(e)
		if err != nil {
			y.Fatal(err)
		}
		m.payload, m.user = string(text), user
	case 1:
		m.payload = "{not json, of " + user
	default:
		m.payload = "{not json"
	}
	q := &pb.Quarantined{
		Time: timestamppb.New(y.now), Cause: pb.Quarantined_INVALID, Reason: "made up", Subject: "x", ContentType: event.ContentTypeJSON,
		Size: uint64(len(m.payload)), Payload: []byte(m.payload), StreamSequence: y.stream,
	}
	if err := y.log.Quarantine(y.Context(), t, []*pb.Quarantined{q}); err != nil {
		y.Fatal(err)
	}
	m.id = q.GetId()
	y.model.messages = append(y.model.messages, m)
}
