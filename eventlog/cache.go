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
//
// Nothing stays in it of a block that was removed, though the block be removed
// while its section is opened: who removes it makes gone true first, and calls
// remove then; who adds a section asks gone afterwards.
type cache[S sized] struct {
	gone    func(block.ID) bool // whether the block was removed; called without mu
	recycle func(S)             // takes sections that nobody uses any more; nil: nobody does

	mu      sync.Mutex // guards what follows
	room    int64
	spurned int        // offers
	order   *list.List // of *cached[S], the one used last in front
	byID    map[block.ID]*list.Element
}

// cached is a section in the cache, or one that was in it.
type cached[S sized] struct {
	id      block.ID
	section S
	users   int  // guarded by cache.mu
	evicted bool // likewise
}

func newCache[S sized](room int64, gone func(block.ID) bool, recycle func(S)) *cache[S] {
	return &cache[S]{gone: gone, recycle: recycle, room: room, order: list.New(), byID: map[block.ID]*list.Element{}}
}

// get returns a block's section, which open makes where the cache has none.
// The caller passes it to done after its last use.
func (c *cache[S]) get(id block.ID, open func(block.ID) (S, error)) (*cached[S], error) {
	if e := c.use(id); e != nil {
		return e, nil
	}
	section, err := open(id)
	if err != nil {
		return nil, err
	}
	e := &cached[S]{id: id, section: section, users: 1}
	c.add(e)
	return e, nil
}

// reluctance is how many sections are not taken of those that are offered to a
// full cache, for each that is. Whoever reads everything again and again would
// otherwise find what was read last, and never what comes next.
const reluctance = 7

// offer adds a section that is free to use by anybody, if there is room, and
// otherwise seldom.
func (c *cache[S]) offer(id block.ID, section S) {
	c.mu.Lock()
	full := c.room < int64(section.Size())
	if full {
		c.spurned++
	}
	take := !full || c.spurned%(reluctance+1) == 0
	c.mu.Unlock()
	if take {
		c.add(&cached[S]{id: id, section: section})
	}
}

// add is put that leaves nothing of a block that was removed meanwhile.
func (c *cache[S]) add(e *cached[S]) {
	c.settle(c.put(e))
	if c.gone(e.id) {
		c.remove(e.id)
	}
}

// use returns the section if the cache has it.
func (c *cache[S]) use(id block.ID) *cached[S] {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.byID[id]
	if !ok {
		return nil
	}
	c.order.MoveToFront(at)
	e := at.Value.(*cached[S])
	e.users++
	return e
}

// has reports whether the cache has a block's section.
func (c *cache[S]) has(id block.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id] != nil
}

// put adds a section and returns those it displaced that nobody uses. A
// section that another reader put meanwhile stays, and e is only its user's.
func (c *cache[S]) put(e *cached[S]) (unused []S) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[e.id]; ok {
		e.evicted = true
		return nil
	}
	c.byID[e.id] = c.order.PushFront(e)
	c.room -= int64(e.section.Size())
	for c.room < 0 && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(*cached[S])
		delete(c.byID, last.id)
		c.room += int64(last.section.Size())
		last.evicted = true
		if last.users == 0 {
			unused = append(unused, last.section)
		}
	}
	return unused
}

// replace is get where what the cache has will not do: it makes another.
func (c *cache[S]) replace(old *cached[S], open func(block.ID) (S, error)) (*cached[S], error) {
	id := old.id
	c.mu.Lock()
	if at, ok := c.byID[id]; ok && at.Value.(*cached[S]) == old {
		c.order.Remove(at)
		delete(c.byID, id)
		c.room += int64(old.section.Size())
		old.evicted = true
	}
	c.mu.Unlock()
	c.done(old)
	return c.get(id, open)
}

// remove forgets a block's section.
func (c *cache[S]) remove(id block.ID) {
	c.mu.Lock()
	at, ok := c.byID[id]
	if !ok {
		c.mu.Unlock()
		return
	}
	e := c.order.Remove(at).(*cached[S])
	delete(c.byID, id)
	c.room += int64(e.section.Size())
	e.evicted = true
	unused := e.users == 0
	c.mu.Unlock()
	if unused {
		c.settle([]S{e.section})
	}
}

// done ends one use of a section.
func (c *cache[S]) done(e *cached[S]) {
	c.mu.Lock()
	e.users--
	last := e.evicted && e.users == 0
	c.mu.Unlock()
	if last {
		c.settle([]S{e.section})
	}
}

func (c *cache[S]) settle(unused []S) {
	if c.recycle == nil {
		return
	}
	for _, section := range unused {
		c.recycle(section)
	}
}
