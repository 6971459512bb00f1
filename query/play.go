package query

import (
	"iter"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A Moment is an event of a session, for Play.
type Moment struct {
	Seq  event.Seq
	Time time.Time // of the event
	ID   string    // of the event
	Turn uint32    // likewise
	// Target is the id of the event that it is about, as TargetOf says; "": none.
	Target string
	Read   func() (*pb.Event, error) // the event with its `seq`
}

// TargetOf returns the id of the event that a verdict, report or action is
// about; "" where it is about none.
func TargetOf(e *pb.Event) string { return late(e) }

// Withholds tells whether a verdict kept what was generated from the user.
func Withholds(v *pb.Verdict) bool { return withholds(v) }

// Play is Replay of just these events, wherever they are kept: as Replay orders
// and shows them. Each is read when its turn comes. A yielded error ends it.
func Play(view pb.View, moments []Moment) iter.Seq2[*pb.Frame, error] {
	return func(yield func(*pb.Frame, error) bool) {
		if len(moments) == 0 {
			return
		}
		c := cast{bySeq: make(map[event.Seq]*scene), byID: make(map[string]*scene)}
		read := make(map[event.Seq]func() (*pb.Event, error), len(moments))
		for _, m := range moments {
			s := &scene{entry: &eventlog.Entry{Seq: m.Seq, Time: m.Time}, turn: m.Turn, at: m.Time}
			c.bySeq[m.Seq], c.byID[m.ID], read[m.Seq] = s, s, m.Read
			if m.Target != "" {
				c.late = append(c.late, about{s, m.Target})
			}
		}
		c.settle()
		scenes := c.scenes()
		p := newPlayer(view, scenes[0].at, c.about)
		for _, s := range scenes {
			ev, err := read[s.entry.Seq]()
			if err != nil {
				yield(nil, err)
				return
			}
			for _, frame := range p.play(ev, s.at) {
				if !yield(frame, nil) {
					return
				}
			}
		}
	}
}
