package retention_test

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A model is what must be readable of a store, and what must not be: plain maps
// that follow what the documentation says, and nothing of the code that does it.
type model struct {
	events    []*evidence // in the order of the log
	bySeq     map[event.Seq]*evidence
	byID      map[string]*evidence // tenant/id
	plans     map[event.Tenant]*plan
	holds     []*claim
	erasures  []*owed
	messages  []*message
	waiting   map[string]string       // tenant/id of what is not there yet → the class that is wanted for it
	caught    map[event.Tenant]caught // see catchUp
	forgotten map[string]int          // how many went, by why: for the counters
	moved     int                     // to where what is held is kept
	promoted  int
}

// caught is what a store that runs has looked at of what was said.
type caught struct {
	events  int // how many of the model's
	waiting map[string]string
}

// Evidence is an event that was acknowledged.
type evidence struct {
	tenant event.Tenant
	seq    event.Seq
	stored *pb.Event // as it was acknowledged
	day    time.Time // of appending
	user   string    // as known outside
	class  string    // in which it is kept now
	gone   string    // why; "": it is there
}

// A claim is a hold.
type claim struct {
	id       string
	tenant   event.Tenant
	owners   []string
	scopes   []scope
	released bool
	covers   map[event.Seq]bool
}

// A scope is what a hold is asked to find: all of it.
type scope struct {
	sessions, users []string // users as they are stored
	filter          *policy.Condition
	word            string
	since, until    time.Time
}

// An owed is an erasure.
type owed struct {
	id       string
	tenant   event.Tenant
	about    []*evidence
	messages []*message
	deferred bool // something had to wait
	done     bool
}

// A message is one that was quarantined.
type message struct {
	id      string
	tenant  event.Tenant
	day     time.Time
	payload string
	user    string // that an event in it names; "" where it cannot be read
	gone    bool
	unsure  bool // see restored
}

func newModel() *model {
	return &model{
		bySeq: map[event.Seq]*evidence{}, byID: map[string]*evidence{}, plans: map[event.Tenant]*plan{},
		waiting: map[string]string{}, caught: map[event.Tenant]caught{}, forgotten: map[string]int{},
	}
}

func key(t event.Tenant, id string) string { return string(t) + "/" + id }

// add takes in an event as it was acknowledged.
func (m *model) add(e *evidence) {
	m.events = append(m.events, e)
	m.bySeq[e.seq], m.byID[key(e.tenant, e.stored.GetId())] = e, e
}

// alive yields what must be readable of a tenant.
func (m *model) alive(t event.Tenant) func(func(*evidence) bool) {
	return func(yield func(*evidence) bool) {
		for _, e := range m.events {
			if e.tenant == t && e.gone == "" && !yield(e) {
				return
			}
		}
	}
}

// about returns what an event speaks of.
func about(e *pb.Event) (id, session string) {
	switch body := e.GetBody().(type) {
	case *pb.Event_Verdict:
		return body.Verdict.GetTarget(), ""
	case *pb.Event_Report:
		return body.Report.GetTarget(), body.Report.GetSession()
	case *pb.Event_Action:
		return body.Action.GetTarget(), ""
	}
	return "", ""
}

// said moves what new events are about to where these are kept, if that is for
// longer, and new events to where those that spoke of them before are.
func (m *model) said(fresh []*evidence) {
	for _, e := range fresh {
		k := key(e.tenant, e.stored.GetId())
		if class, waited := m.waiting[k]; waited && e.stored.GetInteraction() != nil {
			delete(m.waiting, k)
			m.want(e, class)
		}
		if class, waited := m.waiting[whole(e.tenant, e.stored.GetSession())]; waited && e.stored.GetInteraction() != nil {
			m.want(e, class)
		}
		m.says(e, m.waiting)
	}
}

// says moves what an event is about, if that is there; otherwise it waits.
func (m *model) says(e *evidence, waiting map[string]string) {
	id, session := about(e.stored)
	switch {
	case id != "":
		if target := m.byID[key(e.tenant, id)]; target != nil {
			m.want(target, e.stored.GetClass())
		} else {
			m.await(e.tenant, key(e.tenant, id), e.stored.GetClass(), waiting)
		}
	case session != "":
		m.await(e.tenant, whole(e.tenant, session), e.stored.GetClass(), waiting)
		for other := range m.alive(e.tenant) {
			if other.stored.GetInteraction() != nil && other.stored.GetSession() == session {
				m.want(other, e.stored.GetClass())
			}
		}
	}
}

// catchUp is what precedes expiry: what was said since the last time, or ever
// where the store was started since, is looked at by the policy of now.
func (m *model) catchUp(t event.Tenant) {
	c := m.caught[t]
	if c.waiting == nil {
		c.waiting = map[string]string{}
	}
	for _, e := range m.events[c.events:] {
		if e.tenant == t && e.gone == "" {
			m.says(e, c.waiting)
		}
	}
	for id, class := range c.waiting {
		if target := m.byID[id]; target != nil {
			delete(c.waiting, id)
			m.want(target, class)
		}
	}
	c.events = len(m.events)
	m.caught[t] = c
}

func (m *model) await(t event.Tenant, of, class string, waiting map[string]string) {
	switch before, waited := waiting[of]; {
	case !waited:
		waiting[of] = class
	case m.longer(t, class, before):
		waiting[of] = m.both(t, class, before)
	}
}

// whole names a session as what is waited for: more of it may always come.
func whole(t event.Tenant, session string) string { return key(t, "session "+session) }

func (m *model) longer(t event.Tenant, class, than string) bool {
	keep, promise := m.plans[t].span(t, class)
	had, promised := m.plans[t].span(t, than)
	same := !slices.ContainsFunc(strings.Split(class, "+"), func(part string) bool {
		return !slices.Contains(strings.Split(strings.TrimPrefix(than, "hold:"), "+"), part)
	})
	return !same && (keep > had || promise > promised || keep == had && promise == promised)
}

// both is the class that says what a class does, and another where that says more.
func (m *model) both(t event.Tenant, class, other string) string {
	keep, promise := m.plans[t].span(t, class)
	if had, promised := m.plans[t].span(t, other); had > keep || promised > promise || had == keep && promised == promise {
		return joined(other, class)
	}
	return class
}

func (m *model) want(e *evidence, class string) {
	if e.gone != "" || !m.longer(e.tenant, class, e.class) {
		return
	}
	e.class = m.both(e.tenant, class, e.class)
	m.promoted++
}

// restarted does what a store does that begins to follow the log anew: of what was
// said before that which it is about came it makes sure; and it waits again.
func (m *model) restarted() {
	clear(m.waiting)
	clear(m.caught)
	for _, e := range m.events {
		if e.gone != "" {
			continue
		}
		id, session := about(e.stored)
		target := m.byID[key(e.tenant, id)]
		switch {
		case id != "" && target == nil:
			m.await(e.tenant, key(e.tenant, id), e.stored.GetClass(), m.waiting)
		case id != "" && target.seq > e.seq:
			m.want(target, e.stored.GetClass())
		case id == "" && session != "":
			m.await(e.tenant, whole(e.tenant, session), e.stored.GetClass(), m.waiting)
			for other := range m.alive(e.tenant) {
				if other.seq > e.seq && other.stored.GetInteraction() != nil && other.stored.GetSession() == session {
					m.want(other, e.stored.GetClass())
				}
			}
		}
	}
}

// cover has the holds of a tenant claim what has come.
func (m *model) cover(t event.Tenant) {
	for _, c := range m.holds {
		if c.tenant == t && !c.released {
			m.covering(c, c.scopes)
		}
	}
}

// covering has a hold claim what some scopes find, and what is said of that.
func (m *model) covering(c *claim, scopes []scope) {
	for e := range m.alive(c.tenant) {
		for _, s := range scopes {
			if m.matches(s, e) {
				c.covers[e.seq] = true
			}
		}
	}
	for grown := true; grown; {
		grown = false
		for e := range m.alive(c.tenant) {
			id, _ := about(e.stored)
			if target := m.byID[key(c.tenant, id)]; id != "" && target != nil && c.covers[target.seq] && !c.covers[e.seq] {
				c.covers[e.seq], grown = true, true
			}
		}
	}
}

func (m *model) matches(s scope, e *evidence) bool {
	at := e.stored.GetTime().AsTime()
	switch {
	case len(s.users) > 0 && !slices.Contains(s.users, e.stored.GetUser()),
		len(s.sessions) > 0 && !m.inSession(s.sessions, e),
		!s.since.IsZero() && at.Before(s.since), !s.until.IsZero() && !at.Before(s.until):
		return false
	case s.word != "" && !strings.Contains(textOf(e.stored), s.word):
		return false
	case s.filter != nil:
		ok, err := s.filter.Match(e.stored)
		return ok && err == nil
	}
	return true
}

// inSession reports whether an event is of a session, or about one that is.
func (m *model) inSession(sessions []string, e *evidence) bool {
	id, session := about(e.stored)
	if slices.Contains(sessions, e.stored.GetSession()) || session != "" && slices.Contains(sessions, session) {
		return true
	}
	target := m.byID[key(e.tenant, id)]
	return id != "" && target != nil && target != e && target.gone == "" && m.inSession(sessions, target)
}

// textOf is all that is said in an event.
func textOf(e *pb.Event) string {
	var b strings.Builder
	for _, list := range [][]*pb.Message{e.GetInteraction().GetInput(), e.GetInteraction().GetOutput()} {
		for _, msg := range list {
			for _, part := range msg.GetParts() {
				b.WriteString(part.GetText() + "\n")
			}
		}
	}
	b.WriteString(e.GetReport().GetComment() + "\n" + e.GetAction().GetText())
	return b.String()
}

// held returns what the holds of a tenant claim.
func (m *model) held(t event.Tenant) map[event.Seq]bool {
	out := map[event.Seq]bool{}
	for _, c := range m.holds {
		if c.tenant == t && !c.released {
			maps.Copy(out, c.covers)
		}
	}
	return out
}

func (e *evidence) dayEnd() time.Time { return e.day.Add(24 * time.Hour) }

// due reports whether the time of an event has passed.
func (m *model) due(e *evidence, now time.Time) bool {
	keep, _ := m.plans[e.tenant].span(e.tenant, e.class)
	return !e.dayEnd().Add(keep).After(now)
}

// promised reports whether an event must be there still.
func (m *model) promised(e *evidence, now time.Time) bool {
	_, floor := m.plans[e.tenant].span(e.tenant, e.class)
	return floor > 0 && e.dayEnd().Add(floor).After(now)
}

// expire has everything go that must by now: by time, and what is owed.
func (m *model) expire(now time.Time) {
	for t, p := range m.plans {
		m.catchUp(t)
		m.cover(t)
		held := m.held(t)
		for e := range m.alive(t) {
			switch {
			case !m.due(e, now):
			case !held[e.seq]:
				m.gone(e, "expired")
			case !strings.HasPrefix(e.class, "hold:"):
				e.class = "hold:" + e.class
				m.moved++
			}
		}
		for _, msg := range m.messages {
			if msg.tenant == t && !msg.gone && !msg.day.Add(24*time.Hour+hours(p.quarantine)).After(now) {
				msg.gone = true
				m.forgotten["messages expired"]++
			}
		}
		m.settle(t, now)
	}
}

func (m *model) gone(e *evidence, why string) {
	e.gone = why
	m.forgotten[why]++
}

// settle has everything go that is owed to somebody and may.
func (m *model) settle(t event.Tenant, now time.Time) {
	held := m.held(t)
	for _, x := range m.erasures {
		if x.tenant != t || x.done {
			continue
		}
		x.done = true
		for _, e := range x.about {
			switch {
			case e.gone != "":
			case held[e.seq] || m.promised(e, now):
				x.done = false
				if !x.deferred {
					x.deferred = true
					m.forgotten["erasures deferred"]++
				}
			default:
				m.gone(e, "erased")
			}
		}
		for _, msg := range x.messages {
			if !msg.gone {
				msg.gone = true
				m.forgotten["messages erased"]++
			}
		}
		if x.done && x.deferred {
			m.forgotten["deferred erasures completed"]++
		}
	}
}

// person returns what an erasure of a user is about: the events of the user in a
// range, what else is in sessions of nobody else, and what is said of these.
func (m *model) person(t event.Tenant, user string, since, until time.Time) (out []*evidence) {
	in := func(e *evidence) bool {
		at := e.stored.GetTime().AsTime()
		return (since.IsZero() || !at.Before(since)) && (until.IsZero() || at.Before(until))
	}
	of, sessions, shared := map[event.Seq]bool{}, map[string]bool{}, map[string]bool{}
	for e := range m.alive(t) {
		switch {
		case e.user == user && in(e):
			of[e.seq] = true
			sessions[e.stored.GetSession()] = true
		case e.user != "" && e.user != user:
			for _, s := range sessionsOf(e) {
				shared[s] = true
			}
		}
	}
	delete(sessions, "")
	for e := range m.alive(t) {
		for _, s := range sessionsOf(e) {
			if e.user == "" && in(e) && sessions[s] && !shared[s] {
				of[e.seq] = true
			}
		}
	}
	for grown := true; grown; {
		grown = false
		for e := range m.alive(t) {
			id, _ := about(e.stored)
			if target := m.byID[key(t, id)]; id != "" && target != nil && of[target.seq] && !of[e.seq] {
				of[e.seq], grown = true, true
			}
		}
	}
	for e := range m.alive(t) {
		if of[e.seq] {
			out = append(out, e)
		}
	}
	return out
}

// sessionsOf returns the sessions that an event is of, or about.
func sessionsOf(e *evidence) (out []string) {
	_, about := about(e.stored)
	for _, s := range []string{e.stored.GetSession(), about} {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// everything returns what an erasure of all of a tenant is about in a range.
func (m *model) everything(t event.Tenant, since, until time.Time) (out []*evidence) {
	for e := range m.alive(t) {
		at := e.stored.GetTime().AsTime()
		if (since.IsZero() || !at.Before(since)) && (until.IsZero() || at.Before(until)) {
			out = append(out, e)
		}
	}
	return out
}

// messagesOf returns the quarantined messages that name a user, or all.
func (m *model) messagesOf(t event.Tenant, name, user string) (out []*message) {
	for _, msg := range m.messages {
		if msg.tenant == t && !msg.gone && (user == "" || strings.Contains(msg.payload, name) || msg.user == user) {
			out = append(out, msg)
		}
	}
	return out
}

// clone returns a copy that nothing done to the model changes.
func (m *model) clone() *model {
	c := newModel()
	for _, e := range m.events {
		one := *e
		c.add(&one)
	}
	messages := map[*message]*message{}
	for _, msg := range m.messages {
		one := *msg
		messages[msg] = &one
		c.messages = append(c.messages, &one)
	}
	for _, h := range m.holds {
		one := *h
		one.covers = maps.Clone(h.covers)
		c.holds = append(c.holds, &one)
	}
	for _, x := range m.erasures {
		one := *x
		one.about, one.messages = nil, nil
		for _, e := range x.about {
			one.about = append(one.about, c.bySeq[e.seq])
		}
		for _, msg := range x.messages {
			one.messages = append(one.messages, messages[msg])
		}
		c.erasures = append(c.erasures, &one)
	}
	c.plans, c.waiting, c.forgotten, c.moved, c.promoted = maps.Clone(m.plans), maps.Clone(m.waiting), m.forgotten, m.moved, m.promoted
	return c
}

// restored returns what a restore makes of a backup of the model as it was then: all
// of it, but what was forgotten since; with the holds, the erasures and the policies
// of now.
func (m *model) restored(then *model) *model {
	c := then.clone()
	c.moved, c.promoted = m.moved, m.promoted
	for _, e := range c.events {
		if why := m.bySeq[e.seq].gone; e.gone == "" && why != "" {
			e.gone = why
		}
	}
	gone, parted, messages := map[string]bool{}, map[string]bool{}, map[string]*message{}
	for _, msg := range m.messages {
		gone[key(msg.tenant, msg.id)] = msg.gone
	}
	for _, msg := range c.messages {
		if gone[key(msg.tenant, msg.id)] && !msg.gone {
			msg.gone = true
			parted[key(msg.tenant, msg.day.String())] = true
		}
	}
	// TODO(#6): what was quarantined on the same day as a message that was erased
	// since the backup goes with it when that is restored, as the records beside the
	// keys say only which bucket went.
	for _, msg := range c.messages {
		messages[key(msg.tenant, msg.id)] = msg
		msg.unsure = !msg.gone && parted[key(msg.tenant, msg.day.String())]
	}
	found := map[string]map[event.Seq]bool{}
	for _, h := range c.holds {
		found[h.id] = h.covers
	}
	c.holds, c.erasures, c.plans = nil, nil, maps.Clone(m.plans)
	for _, h := range m.holds {
		one := *h
		if one.covers = found[h.id]; one.covers == nil {
			one.covers = map[event.Seq]bool{}
		}
		c.holds = append(c.holds, &one)
	}
	for _, x := range m.erasures {
		one := *x
		one.about, one.messages = nil, nil
		for _, e := range x.about {
			if is := c.bySeq[e.seq]; is != nil {
				one.about = append(one.about, is)
			}
		}
		for _, msg := range x.messages {
			if is := messages[key(msg.tenant, msg.id)]; is != nil {
				one.messages = append(one.messages, is)
			}
		}
		c.erasures = append(c.erasures, &one)
	}
	return c
}
