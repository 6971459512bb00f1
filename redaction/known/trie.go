package known

import "slices"

// A trie leads from elements to patterns. It is one hash table of edges, and
// only as deep as patterns share a beginning: the rest of a pattern is
// compared where its edge leads to it.
type trie struct {
	edges  []edge  // open addressing; len is a power of two
	spare  []edge  // memory for the next growth
	count  int     // of edges
	accept []int32 // by node: the first of the patterns that end there, or -1
	ascii  [128]int32
}

// An edge leads from a node, by an element, to another node, or to patterns:
// then to is ^ the index of the first.
type edge struct {
	key uint64 // 0: none
	to  int32
}

const (
	root     = 0 // no edge leads there
	noEdge   = root
	minEdges = 256
)

func (t *trie) reset() {
	if cap(t.edges) < minEdges {
		t.edges = make([]edge, minEdges)
	}
	t.edges = t.edges[:minEdges]
	clear(t.edges)
	t.count = 0
	t.accept = append(t.accept[:0], -1)
	t.ascii = [128]int32{}
}

func (t *trie) node() int32 {
	t.accept = append(t.accept, -1)
	return int32(len(t.accept) - 1)
}

// key is never 0.
func key(node int32, e rune) uint64 { return 1<<63 | uint64(node)<<21 | uint64(e) }

// spread mixes a key (Fibonacci hashing: Knuth, TAOCP 6.4).
func spread(k uint64) uint64 {
	k *= 0x9E3779B97F4A7C15
	return k ^ k>>32
}

// slot returns where the edge with a key is or would be.
func (t *trie) slot(k uint64) *edge {
	mask := uint64(len(t.edges) - 1)
	for i := spread(k) & mask; ; i = (i + 1) & mask {
		if got := &t.edges[i]; got.key == k || got.key == 0 {
			return got
		}
	}
}

// step returns where the edge by e leads, noEdge if nowhere.
func (t *trie) step(node int32, e rune) int32 {
	if node == root && e < int32(len(t.ascii)) {
		return t.ascii[e]
	}
	return t.slot(key(node, e)).to
}

// set makes the edge by e lead to a place.
func (t *trie) set(node int32, e rune, to int32) {
	if node == root && e < int32(len(t.ascii)) {
		t.ascii[e] = to
		return
	}
	t.put(key(node, e), to)
}

func (t *trie) put(k uint64, to int32) {
	at := t.slot(k)
	if at.key == 0 {
		if t.count++; t.count*2 > len(t.edges) {
			t.grow()
			at = t.slot(k)
		}
		at.key = k
	}
	at.to = to
}

// grow doubles the table.
func (t *trie) grow() {
	old, size := t.edges, 2*len(t.edges)
	if t.edges = t.spare; cap(t.edges) < size {
		t.edges = make([]edge, size)
	}
	t.edges = t.edges[:size]
	clear(t.edges)
	mask := uint64(size - 1)
	for _, e := range old {
		if e.key == 0 {
			continue
		}
		i := spread(e.key) & mask
		for t.edges[i].key != 0 {
			i = (i + 1) & mask
		}
		t.edges[i] = e
	}
	t.spare = old
}

// insert makes pattern p findable.
func (s *Set) insert(p int32) {
	t, word := &s.trie, s.word(p)
	node := int32(root)
	for depth, e := range word {
		to := t.step(node, e.rune())
		switch {
		case to == noEdge:
			t.set(node, e.rune(), ^p)
			return
		case to < 0:
			if to = s.split(node, e.rune(), ^to, p, depth+1); to < 0 {
				return
			}
		}
		node = to
	}
	s.chain(&t.accept[node], p)
}

// split puts a node where an edge leads to the pattern q, unless p is the
// same elements; then p is chained to q.
func (s *Set) split(node int32, e rune, q, p int32, depth int) int32 {
	t, word := &s.trie, s.word(q)
	if equal(word[depth:], s.word(p)[depth:]) {
		first := q
		s.chain(&first, p)
		return -1
	}
	n := t.node()
	if depth == len(word) {
		t.accept[n] = q
	} else {
		t.set(n, word[depth].rune(), ^q)
	}
	t.set(node, e, n)
	return n
}

// chain puts p at the end of a list of patterns, unless one of it finds
// whatever p finds: the value handed in first wins.
func (s *Set) chain(first *int32, p int32) {
	for *first >= 0 {
		q := &s.patterns[*first]
		if q.flags == s.patterns[p].flags && slices.Equal(s.word(*first), s.word(p)) && s.signs(q) == s.signs(&s.patterns[p]) {
			return
		}
		first = &q.next
	}
	*first = p
}

// equal reports whether two words are the same but for breaks and the like.
func equal(a, b []elem) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].rune() != b[i].rune() {
			return false
		}
	}
	return true
}
