package eventlog

import (
	"container/list"
	"sync"

	"github.com/afterimage/afterimage/eventlog/block"
)

// sized is a section of a block in memory.
type sized interface{ Size() int } // in bytes

// cache keeps the sections used last, up to a number of bytes. Safe for
// concurrent use.
type cache[S sized] struct {
	mu    sync.Mutex
	room  int64
	order *list.List // of *cached[S], the one used last in front
	byID  map[block.ID]*list.Element
}

type cached[S sized] struct {
	id      block.ID
	section S
}

func newCache[S sized](room int64) *cache[S] {
	return &cache[S]{room: room, order: list.New(), byID: map[block.ID]*list.Element{}}
}

func (c *cache[S]) get(id block.ID) (section S, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return section, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached[S]).section, true
}

func (c *cache[S]) put(id block.ID, section S) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[id]; ok {
		return
	}
	c.byID[id] = c.order.PushFront(&cached[S]{id, section})
	c.room -= int64(section.Size())
	for c.room < 0 && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached[S])
		delete(c.byID, last.id)
		c.room += int64(last.section.Size())
	}
}
