package phone

import (
	"regexp/syntax"
)

// prefix matches what is dialled before a number: the international prefix, a
// trunk prefix, a carrier code. Such patterns are short, the first alternative
// that matches wins and groups are captured, so they are run by backtracking
// rather than made deterministic.
type prefix struct {
	code   []step
	start  uint16
	groups int
	first  uint16 // bit d: a match can begin with d; all bits: or be empty
}

// step is an instruction of a compiled pattern.
type step struct {
	op       stepOp
	digits   uint16
	out, alt uint16 // alt is the slot of a capture
}

type stepOp uint8

const (
	stepFail stepOp = iota
	stepDigit
	stepAlt
	stepCapture
	stepEnd // only at the end of the digits
	stepMatch
)

// maxGroups bounds the capturing groups. Prefixes have two at most, formats six.
const maxGroups = 6

// groups are the places of groups from the first on, in slots 2 and up, -1
// where a group took no part.
type groups [2 * (maxGroups + 1)]int8

var noGroups = groups{-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1}

// newPrefix compiles a pattern; nil for the empty one, which matches nothing.
func newPrefix(pattern string) (*prefix, error) {
	if pattern == "" {
		return nil, nil
	}
	prog, err := compile(pattern)
	if err != nil {
		return nil, err
	}
	p := &prefix{start: uint16(prog.Start), groups: prog.NumCap/2 - 1}
	if p.groups > maxGroups || len(prog.Inst) > 1<<15 {
		return nil, errTooLarge
	}
	for _, in := range prog.Inst {
		p.code = append(p.code, newStep(&in))
	}
	p.first = p.firsts(p.start)
	return p, nil
}

func newStep(in *syntax.Inst) step {
	s := step{digits: digitMask(in), out: uint16(in.Out), alt: uint16(in.Arg)}
	switch in.Op {
	case syntax.InstAlt, syntax.InstAltMatch:
		s.op = stepAlt
	case syntax.InstCapture:
		s.op = stepCapture
	case syntax.InstNop:
		s.op, s.alt = stepCapture, 0 // the slot of the whole match, set anyway
	case syntax.InstMatch:
		s.op = stepMatch
	case syntax.InstEmptyWidth:
		s.op = stepEnd // of the assertions the plans use $ alone
	default:
		if s.digits != 0 {
			s.op = stepDigit
		}
	}
	return s
}

// firsts returns the digits a match from pc on can begin with.
func (p *prefix) firsts(pc uint16) uint16 {
	switch s := p.code[pc]; s.op {
	case stepDigit:
		return s.digits
	case stepAlt:
		return p.firsts(s.out) | p.firsts(s.alt)
	case stepCapture:
		return p.firsts(s.out)
	case stepEnd, stepMatch:
		return 1<<10 - 1
	}
	return 0
}

// begins reports whether a match can begin with the digit d.
func (p *prefix) begins(d byte) bool { return p != nil && p.first>>(d-'0')&1 != 0 }

// match returns the length of the match that digits begin with, -1 where there
// is none, and the places of the groups, if there are any.
func (p *prefix) match(digits []byte, g *groups) int {
	if len(digits) == 0 || !p.begins(digits[0]) {
		return -1
	}
	if p.groups > 0 {
		*g = noGroups
	}
	return p.run(p.start, digits, 0, g)
}

// run returns the end of the match from pc and position i on, or -1.
func (p *prefix) run(pc uint16, digits []byte, i int, g *groups) int {
	for {
		switch s := &p.code[pc]; s.op {
		case stepMatch:
			return i
		case stepDigit:
			if i == len(digits) || s.digits>>(digits[i]-'0')&1 == 0 {
				return -1
			}
			i++
		case stepEnd:
			if i != len(digits) {
				return -1
			}
		case stepAlt:
			if end := p.run(s.out, digits, i, g); end >= 0 {
				return end
			}
			pc = s.alt
			continue
		case stepCapture:
			return p.capture(s, digits, i, g)
		default:
			return -1
		}
		pc = p.code[pc].out
	}
}

// capture sets a group's place, and sets it back where the rest does not match.
func (p *prefix) capture(s *step, digits []byte, i int, g *groups) int {
	before := g[s.alt]
	g[s.alt] = int8(i)
	end := p.run(s.out, digits, i, g)
	if end < 0 {
		g[s.alt] = before
	}
	return end
}

// template is a transform rule such as 9$1, cut at its groups.
type template []piece

type piece struct {
	text  string
	group int // 0: none, only text
}

func newTemplate(rule string) template {
	var t template
	start := 0
	for i := 0; i+1 < len(rule); i++ {
		if rule[i] == '$' {
			t = append(t, piece{rule[start:i], int(rule[i+1] - '0')})
			start, i = i+2, i+1
		}
	}
	if rest := rule[start:]; rest != "" {
		t = append(t, piece{rest, 0})
	}
	return t
}

// expand appends the rule with the groups of a match in digits filled in.
func (t template) expand(dst, digits []byte, g *groups) []byte {
	for _, p := range t {
		dst = append(dst, p.text...)
		if p.group > 0 && g[2*p.group] >= 0 {
			dst = append(dst, digits[g[2*p.group]:g[2*p.group+1]]...)
		}
	}
	return dst
}
