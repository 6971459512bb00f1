package phone

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
)

// maxNational bounds the digits of a national significant number. ITU-T E.164
// says 15 with the country code; Germany has longer ones.
const maxNational = 17

// automaton is a minimal deterministic automaton over digits. State 0 is dead.
// It has no cycle: every word is at most maxNational digits long.
type automaton struct {
	start  uint16
	states []state
}

// state says what a word that ends here is (0: nothing) and where each digit
// leads.
type state struct {
	verdict uint16
	next    [10]uint16
}

// judge returns the verdict on a word, 0 where no pattern accepts it.
func (a *automaton) judge(digits []byte) uint16 {
	s := a.start
	for _, d := range digits {
		s = a.states[s].next[d-'0']
		if s == 0 {
			return 0
		}
	}
	return a.states[s].verdict
}

// longest returns the verdict on the longest accepted beginning of digits and
// its length.
func (a *automaton) longest(digits []byte) (verdict uint16, n int) {
	s := a.start
	for i, d := range digits {
		s = a.states[s].next[d-'0']
		if s == 0 {
			break
		}
		if v := a.states[s].verdict; v != 0 {
			verdict, n = v, i+1
		}
	}
	return verdict, n
}

// tagged marks a position that is not a digit to read but the end of a pattern.
const tagged = 1 << 15

// position is a place in a pattern (Glushkov): which digits can be read there
// and which positions follow.
type position struct {
	digits uint16 // bit d: the digit d can be read
	follow []uint16
}

// builder makes an automaton of patterns: the subset construction, each state
// minimised when all that follow it are known (as in Revuz's algorithm for
// acyclic automata).
type builder struct {
	positions []position
	patterns  map[string]uint16                      // pattern: its place in tags
	tags      [][]uint16                             // pattern: what it was added as
	first     []uint16                               // the positions all patterns begin at
	verdict   func(tags []uint16, length int) uint16 // of a word on which the tagged patterns end
	known     map[string]uint16                      // set of positions and length: state
	minimal   map[state]uint16
	states    []state
	key       []byte
	seen      []uint16 // position: the round it was last reached in
	round     uint16
}

var errTooLarge = errors.New("too many states")

// add adds a pattern. tag names it to the verdict function. Many descriptions
// share a pattern, which is then followed once.
func (b *builder) add(pattern string, tag uint16) error {
	id, ok := b.patterns[pattern]
	if ok {
		b.tags[id] = append(b.tags[id], tag)
		return nil
	}
	if b.patterns == nil {
		b.patterns = map[string]uint16{}
	}
	id = uint16(len(b.tags))
	b.patterns[pattern], b.tags = id, append(b.tags, []uint16{tag})
	return b.follow(pattern, id)
}

// follow adds the positions of a pattern.
func (b *builder) follow(pattern string, id uint16) error {
	prog, err := compile(pattern)
	if err != nil {
		return err
	}
	at, base := make([]int, len(prog.Inst)), len(b.positions)
	for i, in := range prog.Inst {
		at[i] = -1
		if mask := digitMask(&in); mask != 0 {
			at[i] = len(b.positions)
			b.positions = append(b.positions, position{digits: mask})
		}
	}
	if len(b.positions) >= tagged {
		return errTooLarge
	}
	c := closure{prog: prog, at: at, tag: tagged | id, visited: make([]int, len(prog.Inst))}
	for i, in := range prog.Inst {
		if p := at[i]; p >= base {
			if b.positions[p].follow, err = c.from(in.Out, nil); err != nil {
				return err
			}
		}
	}
	b.first, err = c.from(uint32(prog.Start), b.first)
	return err
}

func compile(pattern string) (*syntax.Prog, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("parsing %q: %w", pattern, err)
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return nil, fmt.Errorf("compiling %q: %w", pattern, err)
	}
	return prog, nil
}

// digitMask returns which digits an instruction reads.
func digitMask(in *syntax.Inst) (mask uint16) {
	switch in.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
	default:
		return 0
	}
	for d := range 10 {
		if in.MatchRune(rune('0' + d)) {
			mask |= 1 << d
		}
	}
	return mask
}

// closure follows a program's instructions that read nothing.
type closure struct {
	prog    *syntax.Prog
	at      []int // instruction: its position, or -1
	tag     uint16
	visited []int // instruction: the round it was last visited in
	round   int
}

func (c *closure) from(pc uint32, to []uint16) ([]uint16, error) {
	c.round++
	return c.visit(pc, to)
}

func (c *closure) visit(pc uint32, to []uint16) (_ []uint16, err error) {
	if c.visited[pc] == c.round {
		return to, nil
	}
	c.visited[pc] = c.round
	switch in := &c.prog.Inst[pc]; in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		if to, err = c.visit(in.Out, to); err != nil {
			return nil, err
		}
		return c.visit(in.Arg, to)
	case syntax.InstCapture, syntax.InstNop:
		return c.visit(in.Out, to)
	case syntax.InstMatch:
		return append(to, c.tag), nil
	case syntax.InstEmptyWidth:
		return nil, errors.New("a numbering plan's pattern with an assertion")
	}
	if p := c.at[pc]; p >= 0 {
		to = append(to, uint16(p))
	}
	return to, nil
}

// build returns the automaton of the patterns added.
func (b *builder) build() (*automaton, error) {
	b.known, b.minimal = map[string]uint16{}, map[state]uint16{}
	b.seen = make([]uint16, len(b.positions))
	b.states = make([]state, 1)
	slices.Sort(b.first)
	start, err := b.state(b.first, 0)
	if err != nil {
		return nil, err
	}
	return &automaton{start, slices.Clip(b.states)}, nil
}

// state returns the minimal state for a set of positions, reached by words of
// one length. Sets of different lengths are kept apart, because what a number
// may be depends on its length as well.
func (b *builder) state(set []uint16, length int) (uint16, error) {
	if len(set) == 0 || length > maxNational {
		return 0, nil
	}
	b.key = append(b.key[:0], byte(length))
	for _, p := range set {
		b.key = binary.LittleEndian.AppendUint16(b.key, p)
	}
	if s, ok := b.known[string(b.key)]; ok {
		return s, nil
	}
	key := string(b.key)
	var s state
	n, _ := slices.BinarySearch(set, tagged)
	if n < len(set) {
		var tags []uint16
		for _, id := range set[n:] {
			tags = append(tags, b.tags[id&^tagged]...)
		}
		s.verdict = b.verdict(tags, length)
	}
	to := make([]uint16, 0, 2*len(set)+8)
	for d := range s.next {
		to = b.move(set[:n], d, to[:0])
		next, err := b.state(to, length+1)
		if err != nil {
			return 0, err
		}
		s.next[d] = next
	}
	id, err := b.minimise(s)
	b.known[key] = id
	return id, err
}

// move appends, in order, the positions that follow those that read d.
func (b *builder) move(set []uint16, d int, to []uint16) []uint16 {
	if b.round++; b.round == 0 {
		clear(b.seen)
		b.round = 1
	}
	for _, p := range set {
		if b.positions[p].digits>>d&1 == 0 {
			continue
		}
		for _, f := range b.positions[p].follow {
			if f < tagged {
				if b.seen[f] == b.round {
					continue
				}
				b.seen[f] = b.round
			}
			to = append(to, f)
		}
	}
	slices.Sort(to)
	return slices.Compact(to)
}

// minimise returns the number of a state equal to s, 0 where nothing can be
// accepted from it.
func (b *builder) minimise(s state) (uint16, error) {
	if s == (state{}) {
		return 0, nil
	}
	if id, ok := b.minimal[s]; ok {
		return id, nil
	}
	if len(b.states) > 1<<16-1 {
		return 0, errTooLarge
	}
	id := uint16(len(b.states))
	b.states = append(b.states, s)
	b.minimal[s] = id
	return id, nil
}
