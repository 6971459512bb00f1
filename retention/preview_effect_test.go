package retention_test

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
	"github.com/afterimage/afterimage/retention"
)

// Done when 3: what a preview of a policy, a hold, a release, an erasure or an
// expiry says is what it then does, event for event, class by class and day by day.
// What it does is told by reading every event before and after.
func TestPreviewIsEffect(t *testing.T) {
	rounds := 50 // of four things each
	if testing.Short() || raced {
		rounds = 20
	}
	v := &previewing{year: newYear(t, extent{days: rounds, unit: 24, sessions: 1}, nil), times: map[event.Tenant]map[classDay]time.Time{}}
	for n := range rounds {
		for _, tenant := range tenants {
			v.publish(tenant, v.traffic.next(tenant, v.now, 1+v.rng.IntN(2)))
		}
		v.follow()
		v.pass(time.Duration(1+v.rng.IntN(20)) * time.Hour)
		v.expire() // so that what follows is the effect of the one thing that is done
		for range 4 {
			v.deed()
		}
		if t.Failed() {
			t.Fatalf("round %d", n)
		}
	}
	t.Logf("%v; %d erased or expired events, %d of them when a preview of a policy had said", v.done, v.went, v.foretold)
	for _, what := range []string{"overlapping", "policy", "hold", "extension", "release", "erasure", "now", "earlier", "later", "held", "deferred"} {
		if v.done[what] == 0 {
			t.Errorf("there was no %s", what)
		}
	}
	if v.foretold < rounds/2 {
		t.Errorf("%d events went when a preview of a policy had said: too few to tell", v.foretold)
	}
}

type previewing struct {
	*year
	times    map[event.Tenant]map[classDay]time.Time // when what is there goes, as previews of policies said
	went     int
	foretold int
}

type classDay struct {
	class string
	day   time.Time
}

// A snapshot is where every event is that can be read.
type snapshot map[event.Tenant]map[event.Seq]classDay

func (v *previewing) snapshot() snapshot {
	v.Helper()
	out := snapshot{}
	for _, t := range tenants {
		out[t] = map[event.Seq]classDay{}
	}
	for _, e := range v.model.events {
		if e.gone != "" {
			continue
		}
		_, err := v.log.Read(v.Context(), e.tenant, e.seq)
		if errors.Is(err, eventlog.ErrErased) {
			e.gone = "gone"
			v.went++
			continue
		}
		class, also := v.log.Class(e.tenant, e.seq)
		if err := errors.Join(err, also); err != nil {
			v.Fatal(err)
		}
		out[e.tenant][e.seq] = classDay{class, e.day}
	}
	return out
}

// without returns, counted, what of a tenant was there before and is not after.
func (s snapshot) without(after snapshot, t event.Tenant) map[classDay]uint64 {
	out := map[classDay]uint64{}
	for seq, in := range s[t] {
		if _, still := after[t][seq]; !still {
			out[in]++
		}
	}
	return out
}

// of counts some events as they were.
func (s snapshot) of(t event.Tenant, set map[event.Seq]bool) map[classDay]uint64 {
	out := map[classDay]uint64{}
	for seq := range set {
		if in, is := s[t][seq]; is {
			out[in]++
		}
	}
	return out
}

func counted(lists ...[]*pb.ClassDay) map[classDay]uint64 {
	out := map[classDay]uint64{}
	for _, list := range lists {
		for _, c := range list {
			out[classDay{c.GetClass(), c.GetDay().AsTime()}] += c.GetEvents()
		}
	}
	return out
}

func (v *previewing) same(what string, said, is any) {
	v.Helper()
	if diff := gocmp.Diff(said, is, cmpopts.EquateEmpty()); diff != "" {
		v.Errorf("%s (-said +done):\n%s", what, diff)
	}
}

// nothingElse fails if anything went, of a tenant that is not meant, or at all.
func (v *previewing) nothingElse(what string, before, after snapshot, but event.Tenant) {
	v.Helper()
	for _, t := range tenants {
		if t != but {
			v.same(what+": "+string(t), map[classDay]uint64{}, before.without(after, t))
		}
	}
}

func (v *previewing) held(t event.Tenant) map[event.Seq]bool {
	v.Helper()
	set, err := v.keeper.Held(v.Context(), t)
	if err != nil {
		v.Fatal(err)
	}
	out := map[event.Seq]bool{}
	for it := set.Iterator(); it.HasNext(); {
		out[event.Seq(it.Next())] = true
	}
	return out
}

// less returns the members of a set that another lacks.
func less(a, b map[event.Seq]bool) map[event.Seq]bool {
	out := map[event.Seq]bool{}
	for seq := range a {
		if !b[seq] {
			out[seq] = true
		}
	}
	return out
}

// deed does one thing. After it there is nothing to expire.
func (v *previewing) deed() {
	v.Helper()
	switch v.rng.IntN(8) {
	case 0, 1:
		v.policy()
	case 2, 3, 4:
		v.hold()
	case 5, 6:
		v.erasure()
	default:
		v.release()
	}
}

// expire expires what is due, of which a dry run says so before, and which goes when
// previews of policies had said.
func (v *previewing) expire() {
	v.Helper()
	said, err := v.keeper.Expire(v.Context(), true, v.progress)
	if err != nil {
		v.Fatal(err)
	}
	before := v.snapshot()
	owed := map[event.Tenant]bool{}
	done, err := v.keeper.Expire(v.Context(), false, v.progress)
	if err != nil {
		v.Fatal(err)
	}
	for _, x := range done {
		owed[event.Tenant(x.GetTenant())] = len(x.GetErasures()) > 0
		x.Request = "" // which a dry run has not
	}
	slices.SortFunc(said, func(a, b *pb.Expiry) int { return cmp.Compare(a.GetTenant(), b.GetTenant()) })
	slices.SortFunc(done, func(a, b *pb.Expiry) int { return cmp.Compare(a.GetTenant(), b.GetTenant()) })
	if !slices.EqualFunc(said, done, func(a, b *pb.Expiry) bool { return proto.Equal(a, b) }) {
		v.Errorf("expiry: a dry run said %v, and it did %v", said, done)
	}
	after := v.snapshot()
	for _, t := range tenants {
		i := slices.IndexFunc(done, func(x *pb.Expiry) bool { return x.GetTenant() == string(t) })
		is := before.without(after, t)
		switch {
		case i < 0:
			v.same("nothing to expire of "+string(t), map[classDay]uint64{}, is)
		case !owed[t]:
			v.same("expiry of "+string(t), counted(done[i].GetGone()), is)
		default:
			v.done["erasures in an expiry"]++
		}
		v.asForetold(t, before, after, owed[t])
	}
}

// asForetold fails if something is there that a preview of a policy said would not
// be, or the other way round.
func (v *previewing) asForetold(t event.Tenant, before, after snapshot, erased bool) {
	v.Helper()
	held := v.held(t)
	for seq, in := range before[t] {
		at, said := v.times[t][in]
		_, still := after[t][seq]
		switch {
		case !said || held[seq]:
		case still && !at.After(v.now):
			v.Errorf("event %d of %s, %v: it is there, and was to go by %v", seq, t, in, at)
		case !still && at.After(v.now) && !erased:
			v.Errorf("event %d of %s, %v: it is gone, and was to stay until %v", seq, t, in, at)
		case !still:
			v.foretold++
		}
	}
}

func (v *previewing) policy() {
	v.Helper()
	t := v.tenant()
	next := v.model.plans[t].next(v.rng, v.of.unit)
	redactor, err := redaction.New(redaction.Config{})
	if err != nil {
		v.Fatal(err)
	}
	preview := &retention.Preview{Policies: v.policies, Tenant: t, Document: v.parse(next), Redactor: redactor, Stays: v.keeper.Stays, Now: v.clock}
	ledger := uint64(0)
	for _, b := range v.log.Buckets() {
		if b.Tenant == t && b.Class == eventlog.LedgerClass {
			ledger += uint64(b.Events)
		}
	}
	said, err := preview.Run(v.Context(), v.progress)
	if err != nil || said.GetRefused() != "" {
		v.Fatalf("%v: %s", err, said.GetRefused())
	}
	before := v.snapshot()
	if err := v.policies.Apply(v.Context(), t, v.change(t, next)); err != nil {
		v.Fatal(err)
	}
	v.model.plans[t] = next
	v.same("a policy that is applied", map[classDay]uint64{}, before.without(v.snapshot(), t))
	if _, err := v.keeper.Expire(v.Context(), false, v.progress); err != nil {
		v.Fatal(err)
	}
	after := v.snapshot()
	v.nothingElse("policy", before, after, t)
	now, stays := map[classDay]uint64{}, map[classDay]uint64{}
	for _, c := range said.GetNow() {
		in := classDay{c.GetClass(), c.GetDay().AsTime()}
		now[in], stays[in] = now[in]+c.GetEvents()-c.GetHeld(), stays[in]+c.GetHeld()
		if now[in] == 0 {
			delete(now, in)
		}
		if c.GetHeld() > 0 {
			v.done["held"]++
		}
	}
	v.same("policy: now", now, before.without(after, t))
	v.counts(t, said, before, ledger)
	v.foretell(t, said, before)
	v.done["policy"]++
}

// counts fails unless a preview has every event, once.
func (v *previewing) counts(t event.Tenant, said *pb.PolicyPreview, before snapshot, ledger uint64) {
	v.Helper()
	all, is := map[classDay]uint64{}, map[classDay]uint64{}
	same := said.GetSame()
	for what, list := range map[string][]*pb.PolicyPreview_Change{"now": said.GetNow(), "earlier": said.GetEarlier(), "later": said.GetLater()} {
		for _, c := range list {
			all[classDay{c.GetClass(), c.GetDay().AsTime()}] += c.GetEvents()
			v.done[what]++
		}
	}
	for _, in := range before[t] {
		is[in]++
	}
	var rest uint64
	for in, n := range is {
		if all[in] == 0 {
			rest += n
		} else if all[in] != n {
			v.Errorf("policy: %v has %d events, the preview said %d", in, n, all[in])
		}
	}
	if same != rest+ledger {
		v.Errorf("policy: the time of %d events stays, and of %d of the ledger; the preview said %d", rest, ledger, same)
	}
}

// foretell notes when what a preview speaks of goes. It does not speak of what there
// is nothing of yet.
func (v *previewing) foretell(t event.Tenant, said *pb.PolicyPreview, before snapshot) {
	there, known := map[classDay]bool{}, v.times[t]
	for _, in := range before[t] {
		there[in] = true
	}
	v.times[t] = map[classDay]time.Time{}
	for in, at := range known {
		if there[in] {
			v.times[t][in] = at
		}
	}
	for _, list := range [][]*pb.PolicyPreview_Change{said.GetNow(), said.GetEarlier(), said.GetLater()} {
		for _, c := range list {
			v.times[t][classDay{c.GetClass(), c.GetDay().AsTime()}] = c.GetTo().AsTime()
		}
	}
}

func positionsOf(h *pb.HoldState) map[event.Seq]bool {
	out := map[event.Seq]bool{}
	for _, r := range h.GetPositions() {
		for seq := r.GetFirst(); seq <= r.GetLast(); seq++ {
			out[event.Seq(seq)] = true
		}
	}
	return out
}

func (v *previewing) hold() {
	v.Helper()
	t := v.tenant()
	if v.some(t) == nil {
		return
	}
	asked, _ := v.scope(t)
	if c := v.active(); c != nil && v.rng.IntN(2) == 0 && v.some(c.tenant) != nil {
		v.extension(c)
		return
	}
	r := &pb.PlaceHoldRequest{Tenant: string(t), Scope: asked, CaseId: "c", Reason: "r", Authority: "a", Actor: "ada", DryRun: true}
	said, err := v.keeper.PlaceHold(v.Context(), t, proto.CloneOf(r))
	if err != nil {
		v.Fatal(err)
	}
	held, before := v.held(t), v.snapshot()
	r.DryRun = false
	done, err := v.keeper.PlaceHold(v.Context(), t, r)
	if err != nil {
		v.Fatal(err)
	}
	v.model.holds = append(v.model.holds, &claim{id: done.GetHold().GetHold(), tenant: t, owners: []string{"ada"}})
	v.claimed("hold", t, said, done, held, before)
	v.done["hold"]++
}

// claimed fails unless a hold that was placed or extended covers what was said.
func (v *previewing) claimed(what string, t event.Tenant, said, done *pb.PlaceHoldResponse, held map[event.Seq]bool, before snapshot) {
	v.Helper()
	is := positionsOf(done.GetHold())
	v.same(what+": positions", positionsOf(said.GetHold()), is)
	v.same(what+": covers", counted(said.GetHold().GetCovers()), before.of(t, is))
	v.same(what+": newly", counted(said.GetNewly()), before.of(t, less(v.held(t), held)))
	if len(less(is, held)) < len(is) {
		v.done["overlapping"]++
	}
	v.nothingElse(what, before, v.snapshot(), "")
}

func (v *previewing) extension(c *claim) {
	v.Helper()
	asked, _ := v.scope(c.tenant)
	r := &pb.ExtendHoldRequest{Tenant: string(c.tenant), Hold: c.id, Scope: asked, Actor: "ada", Reason: "r", DryRun: true}
	said, err := v.keeper.ExtendHold(v.Context(), c.tenant, proto.CloneOf(r))
	if err != nil {
		v.Fatal(err)
	}
	held, before := v.held(c.tenant), v.snapshot()
	r.DryRun = false
	done, err := v.keeper.ExtendHold(v.Context(), c.tenant, r)
	if err != nil {
		v.Fatal(err)
	}
	v.claimed("extension", c.tenant, said, done, held, before)
	v.done["extension"]++
}

func (v *previewing) release() {
	v.Helper()
	c := v.active()
	if c == nil {
		return
	}
	r := &pb.ReleaseHoldRequest{Tenant: string(c.tenant), Hold: c.id, Actor: "ada", Reason: "r", DryRun: true}
	said, err := v.keeper.ReleaseHold(v.Context(), c.tenant, proto.CloneOf(r))
	if err != nil {
		v.Fatal(err)
	}
	held, before := v.held(c.tenant), v.snapshot()
	r.DryRun = false
	if _, err := v.keeper.ReleaseHold(v.Context(), c.tenant, r); err != nil {
		v.Fatal(err)
	}
	c.released = true
	after := v.snapshot()
	v.nothingElse("release", before, after, c.tenant)
	v.same("release: released", counted(said.GetReleased()), before.of(c.tenant, less(held, v.held(c.tenant))))
	v.same("release: gone", counted(said.GetExpiring(), said.GetErasing()), before.without(after, c.tenant))
	v.done["release"]++
	if len(said.GetExpiring())+len(said.GetErasing()) > 0 {
		v.done["released into nothing"]++
	}
}

func (v *previewing) erasure() {
	v.Helper()
	t := v.tenant()
	e := v.some(t)
	if e == nil {
		return
	}
	r := &pb.EraseEventsRequest{Tenant: string(t), User: e.user, Actor: "ada", Reason: "r"}
	if e.user == "" || v.rng.IntN(6) == 0 {
		at := e.stored.GetTime().AsTime()
		r.User, r.Everything = "", true
		r.Since, r.Until = timestamppb.New(at.Add(-time.Hour)), timestamppb.New(at.Add(time.Hour))
	}
	said, err := v.keeper.Erase(v.Context(), t, proto.CloneOf(r), v.progress)
	if err != nil {
		v.Fatal(err)
	}
	before := v.snapshot()
	r.DryRun = new(bool)
	done, err := v.keeper.Erase(v.Context(), t, r, v.progress)
	if err != nil {
		v.Fatal(err)
	}
	after := v.snapshot()
	v.nothingElse("erasure", before, after, t)
	v.same("erasure: gone", counted(said.GetGone()), before.without(after, t))
	v.same("erasure: gone, as it says itself", counted(said.GetGone()), counted(done.GetGone()))
	for _, n := range [][2]uint64{{said.GetEvents(), done.GetEvents()}, {said.GetErased(), done.GetErased()}, {said.GetMentions(), done.GetMentions()}, {said.GetQuarantined(), done.GetQuarantined()}} {
		if n[0] != n[1] {
			v.Errorf("erasure: said %v, did %v", said, done)
		}
	}
	if fmt.Sprint(reasons(said)) != fmt.Sprint(reasons(done)) {
		v.Errorf("erasure: deferred %v, said %v", done.GetDeferred(), said.GetDeferred())
	}
	if len(said.GetDeferred()) > 0 {
		v.done["deferred"]++
	}
	v.done["erasure"]++
}

// reasons are why an erasure is deferred, and how much of it.
func reasons(s *pb.ErasureState) (out []string) {
	for _, d := range s.GetDeferred() {
		out = append(out, fmt.Sprint(d.GetCause(), strings.Join(d.GetHolds(), ","), d.GetClass(), d.GetUntil().AsTime(), d.GetEvents()))
	}
	return out
}
