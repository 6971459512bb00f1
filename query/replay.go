package query

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

const (
	// maxSession bounds the events of one replay. What is kept of each until
	// its turn comes is small, but not nothing.
	maxSession = 100_000
	// maxTargets is how many event ids one scan for what targets them names.
	maxTargets = 1_000
	// maxChain bounds how far targets of targets are followed.
	maxChain = 8
)

// Options says how a session is replayed. The zero value shows what the user
// saw as it is known now.
type Options struct {
	View pb.View    // whose eyes; VIEW_UNSPECIFIED: the user's
	AsOf *event.Seq // only events before this position of the log; nil: all
}

// Replay yields the frames of a session in the order in which they happened:
// those of its events by time, then position, and in between those of
// verdicts, reports and actions that target one of its events, wherever they
// were filed.
//
// What a call's input repeats is not shown again, and an answer that was shown
// as it was generated is one frame: GENERATED, seen. Where it was withheld or
// replaced, the generated frames are not seen, an INTERVENTION follows, and
// then what was SHOWN instead. offset_ms counts from the first frame.
//
// The user's view has what the user wrote and saw, interventions, actions and
// reports; the model's has everything but what was shown instead, actions and
// reports; both has all.
//
// A yielded error ends the replay: eventlog.ErrNotFound where the session has
// no events, event.ErrTooLarge where it has more than 100,000.
func (e *Engine) Replay(ctx context.Context, t event.Tenant, session string, o Options) iter.Seq2[*pb.Frame, error] {
	return func(yield func(*pb.Frame, error) bool) {
		cast, err := e.gather(ctx, t, session, o.AsOf)
		if err != nil {
			yield(nil, err)
			return
		}
		scenes := cast.scenes()
		p := newPlayer(o.View, scenes[0].at, cast.about)
		for n := firstStretch; len(scenes) > 0; {
			n = min(n, len(scenes))
			on, bytes := perform(ctx, p, scenes[:n], yield)
			if !on {
				return
			}
			scenes, n = scenes[n:], next(n, bytes)
		}
	}
}

const (
	// firstStretch is how many events of a session are read at first: it may
	// be played for hours, and meanwhile they are in memory.
	firstStretch = 16
	// stretchBytes is how much may be read at a time, about, once it is known
	// how large the events of the session are.
	stretchBytes = 1 << 20
)

// next returns how many events to read after n that had so many bytes.
func next(n, bytes int) int {
	if bytes > stretchBytes {
		return max(1, n*stretchBytes/bytes)
	}
	return min(2*n, stretch)
}

// perform yields the frames of some scenes and tells whether to go on, and how
// large their events are, encoded.
func perform(ctx context.Context, p *player, scenes []*scene, yield func(*pb.Frame, error) bool) (on bool, bytes int) {
	entries := make([]*eventlog.Entry, len(scenes))
	for i, s := range scenes {
		entries[i] = s.entry
	}
	events, err := load(ctx, entries, nil, nil)
	if err != nil {
		yield(nil, err)
		return false, 0
	}
	for i, ev := range events {
		if ev == nil {
			continue
		}
		events[i] = nil // Its frames are what is left of it.
		bytes += proto.Size(ev)
		for _, frame := range p.play(ev, scenes[i].at) {
			if !yield(frame, nil) {
				return false, 0
			}
		}
	}
	return true, bytes
}

// A scene is an event of a session and its place in it.
type scene struct {
	entry *eventlog.Entry
	turn  uint32
	at    time.Time // when it is shown: never before what it is about
	depth int       // targets between it and an event of the session itself
}

// gather returns the session's events; at least one.
func (e *Engine) gather(ctx context.Context, t event.Tenant, session string, asOf *event.Seq) (*cast, error) {
	cast := &cast{log: e.log, tenant: t, asOf: asOf, bySeq: make(map[event.Seq]*scene), byID: make(map[string]*scene)}
	if !e.knows(t) || session == "" {
		return nil, eventlog.ErrNotFound
	}
	ids, err := cast.gather(ctx, eventlog.Term{Field: eventlog.FieldSession, Values: []string{session}})
	if err != nil {
		return nil, err
	}
	if len(cast.bySeq) == 0 {
		return nil, eventlog.ErrNotFound
	}
	for depth := 1; len(ids) > 0 && depth <= maxChain; depth++ {
		if ids, err = cast.followers(ctx, ids); err != nil {
			return nil, err
		}
	}
	cast.settle()
	return cast, nil
}

// scenes returns the events in the order of the replay.
func (c *cast) scenes() []*scene { return slices.SortedFunc(maps.Values(c.bySeq), inOrder) }

// about returns what an event is about that names another by its id; nil if it
// names none.
func (c *cast) about(id string) *pb.Frame_About {
	if id == "" {
		return nil
	}
	about := &pb.Frame_About{Event: id}
	if s := c.byID[id]; s != nil {
		about.Seq, about.Turn, about.Time = new(uint64(s.entry.Seq)), s.turn, timestamppb.New(s.entry.Time)
	}
	return about
}

func inOrder(a, b *scene) int {
	return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.depth, b.depth), cmp.Compare(a.entry.Seq, b.entry.Seq))
}

// A cast gathers the events of one session.
type cast struct {
	log    *eventlog.Log
	tenant event.Tenant
	asOf   *event.Seq
	bySeq  map[event.Seq]*scene
	byID   map[string]*scene
	late   []about // those that are about another event
}

// An about is a scene and the id of the event it is about.
type about struct {
	scene  *scene
	target string
}

// gather adds the events that have the terms and returns the ids of those that
// are new.
func (c *cast) gather(ctx context.Context, terms ...eventlog.Term) ([]string, error) {
	selection := eventlog.Selection{Terms: terms, Before: c.asOf, Order: eventlog.LogOrder}
	var ids []string
	for entry, err := range c.log.Scan(ctx, c.tenant, selection) {
		if err != nil {
			return nil, err
		}
		if c.bySeq[entry.Seq] != nil {
			continue
		}
		id, err := c.add(entry)
		if err != nil {
			return nil, err
		}
		if id != "" {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// add adds one event and returns its id, "" if it was forgotten meanwhile.
func (c *cast) add(entry *eventlog.Entry) (string, error) {
	if len(c.bySeq) == maxSession {
		return "", fmt.Errorf("session has more than %d events: %w", maxSession, event.ErrTooLarge)
	}
	meta, err := entry.Meta()
	if errors.Is(err, eventlog.ErrErased) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	s := &scene{entry: entry, turn: meta.GetTurn(), at: entry.Time}
	c.bySeq[entry.Seq], c.byID[meta.GetId()] = s, s
	if target := late(meta); target != "" {
		c.late = append(c.late, about{s, target})
	}
	return meta.GetId(), nil
}

// ofLateKinds are the kinds of events that may be about another. Most buckets
// have none of them, and need not be asked for each target then.
var ofLateKinds = eventlog.Term{Field: eventlog.FieldKind, Values: []string{string(event.Verdict), string(event.Report), string(event.Action)}}

// followers adds what is about the events with the given ids and returns the
// ids of that.
func (c *cast) followers(ctx context.Context, ids []string) ([]string, error) {
	var found []string
	for part := range slices.Chunk(ids, maxTargets) {
		more, err := c.gather(ctx, ofLateKinds, eventlog.Term{Field: eventlog.FieldTarget, Values: part})
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// settle puts what is about an event behind it, whatever the clocks said.
// Chains of targets are at most maxChain long; a ring ends with the rounds.
func (c *cast) settle() {
	for range maxChain {
		moved := false
		for _, l := range c.late {
			target := c.byID[l.target]
			if target == nil || inOrder(target, l.scene) < 0 {
				continue
			}
			l.scene.at, l.scene.depth = target.at, target.depth+1
			moved = true
		}
		if !moved {
			return
		}
	}
}
