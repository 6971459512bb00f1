package eventlog

import (
	"sync/atomic"

	"github.com/afterimage/afterimage/eventlog/block"
)

// Stats counts what scans looked into. The zero value is ready; safe for
// concurrent use.
type Stats struct {
	blocks, skipped, excluded, metas, texts, bytes atomic.Int64
}

// Counts are what Stats has counted.
type Counts struct {
	Blocks   int64 // of the tenant when the scans began
	Skipped  int64 // of these, left out for their time, class or indexed terms
	Filtered int64 // of these, left out for the words of their texts
	Metas    int64 // meta sections, or the times in them, that were opened: not those in memory already
	Texts    int64 // text sections, likewise
	Bytes    int64 // of all sections that were opened, after decompression
}

// Counts returns what was counted so far.
func (s *Stats) Counts() Counts {
	return Counts{
		Blocks: s.blocks.Load(), Skipped: s.skipped.Load(), Filtered: s.excluded.Load(),
		Metas: s.metas.Load(), Texts: s.texts.Load(), Bytes: s.bytes.Load(),
	}
}

// planned counts the blocks of a scan: those it may look into, of all.
func (s *Stats) planned(units, blocks int) {
	if s != nil {
		s.blocks.Add(int64(blocks))
		s.skipped.Add(int64(blocks - units))
	}
}

// skippedMore counts blocks that turned out to have none of the indexed terms.
func (s *Stats) skippedMore(n int) {
	if s != nil {
		s.skipped.Add(int64(n))
	}
}

// filtered counts a block that was left out for its words.
func (s *Stats) filtered() {
	if s != nil {
		s.excluded.Add(1)
	}
}

// opened counts a section.
func (s *Stats) opened(section sized) {
	if s == nil {
		return
	}
	size := section.Size()
	switch section := section.(type) {
	case *block.Meta, timeline:
		s.metas.Add(1)
	case *block.Text:
		s.texts.Add(1)
		size = section.Decompressed()
	}
	s.bytes.Add(int64(size))
}

// blocks returns how many blocks a tenant has.
func (s *store) blocks(t *tenant) (n int) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range t.buckets {
		n += len(s.buckets[id].ids)
	}
	return n
}

// counting returns open with what it opens counted.
func counting[S sized](stats *Stats, open func(block.ID) (S, error)) func(block.ID) (S, error) {
	if stats == nil {
		return open
	}
	return func(id block.ID) (S, error) {
		section, err := open(id)
		if err == nil {
			stats.opened(section)
		}
		return section, err
	}
}
