package query

import (
	"math"

	"github.com/afterimage/afterimage/eventlog"
)

var noScore = math.NaN()

// A groupTally counts the events of one group.
type groupTally struct {
	events, noSession, noSubject uint64
	sessions, subjects           distinct
	scores                       *scores // nil: not wanted
}

func (t *groupTally) add(session, subject uint64) {
	t.events++
	if session == 0 {
		t.noSession++
	} else {
		t.sessions.add(session)
	}
	if subject == 0 {
		t.noSubject++
	} else {
		t.subjects.add(subject)
	}
}

func (t *groupTally) merge(o *groupTally) {
	t.events += o.events
	t.noSession += o.noSession
	t.noSubject += o.noSubject
	t.sessions.merge(&o.sessions)
	t.subjects.merge(&o.subjects)
	if t.scores != nil {
		t.scores.merge(o.scores)
	}
}

// A counter counts the events of one worker's blocks by group.
type counter struct {
	*grouper
	request *AggregateRequest
	memory  *memory
	room    *memory // for sketches
	total   *groupTally
	groups  map[key]*groupTally
}

func (r *AggregateRequest) counter(by []dimension, m, room *memory) *counter {
	c := &counter{grouper: newGrouper(by), request: r, memory: m, room: room, groups: map[key]*groupTally{}}
	c.total = c.newGroupTally()
	return c
}

func (c *counter) newGroupTally() *groupTally {
	t := &groupTally{sessions: distinct{memory: c.memory, room: c.room}, subjects: distinct{memory: c.memory, room: c.room}}
	if c.request.scores() {
		t.scores = newScores(len(c.request.Quantiles) > 0, c.request.HistogramBins, c.room)
	}
	return t
}

// block counts the rows of a block.
func (c *counter) block(columns *eventlog.Columns, rows []uint32) error {
	c.begin(columns)
	sessions, users := columns.Sessions(), columns.Users()
	for _, row := range rows {
		i := int(row)
		session, subject := sessions.Hashes[sessions.Place(i)], users.Hashes[users.Place(i)]
		c.total.add(session, subject)
		if len(c.by) > 0 {
			for _, k := range c.of(columns, i) {
				t, err := c.group(k)
				if err != nil {
					return err
				}
				t.add(session, subject)
			}
		}
		if c.request.scores() {
			c.score(columns, i)
		}
	}
	return c.bounded()
}

// bounded returns an error where sketches take more room than there is.
func (c *counter) bounded() error {
	if c.room.overspent() {
		return errSketches
	}
	return nil
}

// score counts the scores of an event, each in the group of its verdict.
func (c *counter) score(columns *eventlog.Columns, i int) {
	base := key{}
	if len(c.by) > 0 {
		base = c.keys[0]
	}
	eachSaid(columns, i, func(j statement, score float64) {
		c.total.scores.add(score)
		if len(c.by) > 0 {
			c.groups[c.judge(base, j)].scores.add(score)
		}
	})
}

// maxGroups is how many groups an answer may be made from.
const maxGroups = 10_000

var errGroups = &RequestError{"groupBy", "makes more than 10000 groups: group by less, or narrow filter, since and until"}

func (c *counter) group(k key) (*groupTally, error) {
	t := c.groups[k]
	if t == nil {
		if len(c.groups) == maxGroups {
			return nil, errGroups
		}
		t = c.newGroupTally()
		c.groups[k] = t
	}
	return t, nil
}

// merge adds what another worker counted.
func (c *counter) merge(o *counter) error {
	c.total.merge(o.total)
	for k, t := range o.groups {
		k = c.translate(o.grouper, k)
		if have := c.groups[k]; have != nil {
			have.merge(t)
		} else if len(c.groups) == maxGroups {
			return errGroups
		} else {
			c.groups[k] = t
		}
	}
	return c.bounded()
}
