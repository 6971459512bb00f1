package query

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// The sizes of a list of neighbours.
const (
	defaultNeighbours = 20
	maxNeighbours     = 100
)

const (
	// maxUsers is of how many of a session's users the other sessions are
	// looked for: of those that its first events name.
	maxUsers = 16
	// maxUserEvents bounds how many events of these users are looked at.
	maxUserEvents = 20_000
	// maxPromptEvents bounds how many events are read for one prompt. They take
	// some 15 µs each and stand in blocks that have all words of the prompt.
	maxPromptEvents = 3_000
	promptBatch     = 256 // are read at a time
	// maxPromptWords is how many words of a prompt blocks are chosen by.
	maxPromptWords = 32
)

// Neighbours returns the sessions that are to be looked at beside one: those of
// its users, and those in which a user wrote what the session begins or ends
// with, each up to size of them, newest first; 0 means 20, the limit is 100. A
// list that may not be all there is says until when it goes back.
//
// What somebody wrote is the text of the last message of role user in a call's
// input; it is the same if it is so to the letter.
//
// Errors: eventlog.ErrNotFound where the session has no events; *RequestError
// for size.
func (e *Engine) Neighbours(ctx context.Context, t event.Tenant, session string, size int) (*pb.ListNeighboursResponse, error) {
	switch {
	case size == 0:
		size = defaultNeighbours
	case size < 0 || size > maxNeighbours:
		return nil, &RequestError{"pageSize", "is not between 1 and 100"}
	}
	if !e.knows(t) || session == "" {
		return nil, eventlog.ErrNotFound
	}
	self, err := e.inside(ctx, t, session)
	if err != nil {
		return nil, err
	}
	n := &nearby{log: e.log, tenant: t, size: size, listed: map[string]bool{session: true}}
	subject, err := n.ofUsers(ctx, self.users)
	if err != nil {
		return nil, err
	}
	prompt, err := n.ofPrompts(ctx, self.prompts)
	if err != nil {
		return nil, err
	}
	if err := n.count(ctx, slices.Concat(subject.found, prompt.found)); err != nil {
		return nil, err
	}
	return &pb.ListNeighboursResponse{
		SameSubject: subject.found, SubjectRest: subject.rest(), SamePrompt: prompt.found, PromptRest: prompt.rest(),
	}, nil
}

// An inside is what a session's neighbours are known by.
type inside struct {
	users   []string
	prompts []string // the first and the last, if there are any
}

func (e *Engine) inside(ctx context.Context, t event.Tenant, session string) (inside, error) {
	var in inside
	var calls []*eventlog.Entry
	found := false
	err := eachMeta(e.log.Scan(ctx, t, ofSessions(eventlog.OldestFirst, session)), func(entry *eventlog.Entry, meta *pb.Event) bool {
		found = true
		if user := meta.GetUser(); user != "" && len(in.users) < maxUsers && !slices.Contains(in.users, user) {
			in.users = append(in.users, user)
		}
		if event.KindOf(meta) == event.Interaction {
			calls = append(calls[:min(len(calls), 1)], entry) // the first and the last
		}
		return true
	})
	if err == nil && !found {
		err = eventlog.ErrNotFound
	}
	if err != nil {
		return in, err
	}
	events, err := load(ctx, calls, nil, nil)
	for _, ev := range events {
		if p := promptOf(ev); p != "" && !slices.Contains(in.prompts, p) {
			in.prompts = append(in.prompts, p)
		}
	}
	return in, err
}

// ofSessions selects what belongs to sessions.
func ofSessions(order eventlog.Order, sessions ...string) eventlog.Selection {
	return eventlog.Selection{Terms: []eventlog.Term{{Field: eventlog.FieldSession, Values: sessions}}, Order: order}
}

// eachMeta calls f with the events of a scan, without their texts, until it
// returns false. What was forgotten meanwhile is left out.
func eachMeta(scan iter.Seq2[*eventlog.Entry, error], f func(*eventlog.Entry, *pb.Event) bool) error {
	for entry, err := range scan {
		if err != nil {
			return err
		}
		meta, err := entry.Meta()
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return err
		}
		if !f(entry, meta) {
			return nil
		}
	}
	return nil
}

// promptOf returns what the user wrote last in a call, "" if nothing.
func promptOf(e *pb.Event) string {
	for _, m := range slices.Backward(e.GetInteraction().GetInput()) {
		if m.GetRole() != roleUser {
			continue
		}
		var text strings.Builder
		for _, part := range m.GetParts() {
			text.WriteString(part.GetText())
		}
		return text.String()
	}
	return ""
}

// A nearby gathers the neighbours of one session.
type nearby struct {
	log    *eventlog.Log
	tenant event.Tenant
	size   int             // of each list
	listed map[string]bool // sessions that are in a list, and the one itself
}

// A list is some neighbours, the newest first.
type list struct {
	found []*pb.Neighbour
	cut   bool
	until time.Time // of the last event that was looked at
}

func (l *list) rest() *pb.ListNeighboursResponse_Rest {
	if !l.cut {
		return nil
	}
	return &pb.ListNeighboursResponse_Rest{Cut: true, Before: timestamppb.New(l.until)}
}

// add adds a session that is not listed yet, and tells whether there was room
// for it.
func (n *nearby) add(l *list, session string) bool {
	if session == "" || n.listed[session] {
		return true
	}
	if len(l.found) == n.size {
		l.cut = true
		return false
	}
	n.listed[session] = true
	l.found = append(l.found, &pb.Neighbour{Session: session})
	return true
}

// ofUsers lists the sessions of users.
func (n *nearby) ofUsers(ctx context.Context, users []string) (*list, error) {
	l := &list{}
	if len(users) == 0 {
		return l, nil
	}
	events := 0
	selection := eventlog.Selection{Terms: []eventlog.Term{{Field: eventlog.FieldUser, Values: users}}}
	err := eachMeta(n.log.Scan(ctx, n.tenant, selection), func(entry *eventlog.Entry, meta *pb.Event) bool {
		if events++; events > maxUserEvents {
			l.cut = true
			return false
		}
		l.until = entry.Time
		return !slices.Contains(users, meta.GetUser()) || n.add(l, sessionOf(meta))
	})
	return l, err
}

// sessionOf returns the session that an event belongs to: of a report, the one
// that it is about.
func sessionOf(meta *pb.Event) string {
	return cmp.Or(meta.GetReport().GetSession(), meta.GetSession())
}

// ofPrompts lists the sessions in which somebody wrote one of the prompts.
func (n *nearby) ofPrompts(ctx context.Context, prompts []string) (*list, error) {
	l := &list{}
	var hits []hit
	for _, prompt := range prompts {
		found, err := n.wrote(ctx, l, prompt)
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
	}
	slices.SortStableFunc(hits, func(a, b hit) int { return b.time.Compare(a.time) })
	for _, h := range hits {
		if !n.add(l, h.session) {
			l.until = later(l.until, h.time)
			break
		}
	}
	return l, nil
}

// A hit is an event with a prompt.
type hit struct {
	time    time.Time
	session string
}

// wrote returns the newest events with a prompt, of no more sessions than may
// be listed. Where it ends early it says so in l.
func (n *nearby) wrote(ctx context.Context, l *list, prompt string) ([]hit, error) {
	var hits []hit
	sessions := map[string]bool{}
	batch := make([]*eventlog.Entry, 0, promptBatch)
	match := func() error {
		found, err := withPrompt(ctx, batch, prompt)
		for _, h := range found {
			if !n.listed[h.session] {
				hits, sessions[h.session] = append(hits, h), true
			}
		}
		batch = batch[:0]
		return err
	}
	read := 0
	for entry, err := range n.log.Scan(ctx, n.tenant, eventlog.Selection{Words: wordsOf(prompt)}) {
		if err != nil {
			return nil, err
		}
		if batch = append(batch, entry); len(batch) < promptBatch {
			continue
		}
		if err := match(); err != nil {
			return nil, err
		}
		if read += promptBatch; read >= maxPromptEvents || len(sessions) > n.size {
			l.cut, l.until = true, later(l.until, entry.Time)
			return hits, nil
		}
	}
	return hits, match()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// wordsOf returns the words that a text with the prompt has.
func wordsOf(prompt string) (wanted [][]words.Hash) {
	for _, h := range words.Of(prompt) {
		if len(wanted) == maxPromptWords {
			break
		}
		if !slices.ContainsFunc(wanted, func(other []words.Hash) bool { return other[0] == h }) {
			wanted = append(wanted, []words.Hash{h})
		}
	}
	return wanted
}

// withPrompt returns those entries, in their order, in which the prompt was
// written.
func withPrompt(ctx context.Context, entries []*eventlog.Entry, prompt string) ([]hit, error) {
	sessions := make([]string, len(entries))
	err := shared(ctx, entries, func(i int) error {
		ev, err := entries[i].Event()
		if errors.Is(err, eventlog.ErrErased) {
			return nil
		}
		if err == nil && promptOf(ev) == prompt {
			sessions[i] = ev.GetSession()
		}
		return err
	})
	var hits []hit
	for i, session := range sessions {
		if session != "" {
			hits = append(hits, hit{entries[i].Time, session})
		}
	}
	return hits, err
}

// count says of neighbours when they were and what they hold.
func (n *nearby) count(ctx context.Context, all []*pb.Neighbour) error {
	if len(all) == 0 {
		return nil
	}
	bySession := make(map[string]*pb.Neighbour, len(all))
	names := make([]string, len(all))
	for i, b := range all {
		bySession[b.GetSession()], names[i] = b, b.GetSession()
	}
	return eachMeta(n.log.Scan(ctx, n.tenant, ofSessions(eventlog.OldestFirst, names...)), func(_ *eventlog.Entry, meta *pb.Event) bool {
		if b := bySession[sessionOf(meta)]; b != nil {
			reckon(b, meta)
		}
		return true
	})
}

// reckon counts an event of a neighbour, the next by time.
func reckon(b *pb.Neighbour, meta *pb.Event) {
	if b.Events++; b.Events == 1 {
		b.Start = meta.GetTime()
	}
	b.End = meta.GetTime()
	b.User = cmp.Or(meta.GetUser(), b.GetUser())
	switch event.KindOf(meta) {
	case event.Interaction:
		b.Interactions++
		if slices.ContainsFunc(meta.GetInteraction().GetVerdicts(), caught) {
			b.Flagged++
		}
	case event.Report:
		b.Reports++
	}
}

// caught tells whether a classifier did not let something pass.
func caught(v *pb.Verdict) bool { return intervenes(v) || v.GetAction() == pb.Verdict_FLAGGED }
