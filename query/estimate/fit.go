package estimate

import "math"

// Counts are frequencies made ready to be fitted.
type counts struct {
	*grid
	f      frequencies
	people float64 // seen
	wanted []int   // the cells that matter
}

func newCounts(f *frequencies, p float64) *counts {
	c := &counts{grid: newGrid(p), f: *f, people: f.total(), wanted: []int{0, anything}}
	for j, people := range f {
		if people > 0 {
			c.wanted = append(c.wanted, j)
		}
	}
	return c
}

// A fit is the mixture of a family that makes counts most likely.
type fit struct {
	*counts
	mixture mixture
	total   float64 // people, but for those who were seen more than mostSeen times
	likely  float64 // the log-likelihood of total and the mixture together
}

// A slope is a log-likelihood, its derivatives, and the information.
type slope struct {
	at          float64
	by          [2]float64
	information [2][2]float64
}

// likelihood returns that of a mixture given what was seen of those who were seen,
// or, where there is a number of people who were not, of all.
func (c *counts) likelihood(m mixture, unseen float64) (out slope) {
	s := m.sums(c.grid, c.wanted)
	among, by := s.of[anything], [2]float64{s.by[0][anything], s.by[1][anything]}
	if unseen > 0 {
		among, by[0], by[1] = among+s.of[0], by[0]+s.by[0][0], by[1]+s.by[1][0]
		out.add(unseen, &s, 0, among, by)
	}
	for _, j := range c.wanted[2:] {
		out.add(c.f[j], &s, j, among, by)
	}
	return out
}

// add adds people of whom the same was seen.
func (out *slope) add(people float64, s *sums, cell int, among float64, amongBy [2]float64) {
	const tiny = 1e-300
	of := max(s.of[cell], tiny)
	out.at += people * math.Log(max(of/among, tiny))
	var score [2]float64
	for a := range score {
		score[a] = s.by[a][cell]/of - amongBy[a]/among
		out.by[a] += people * score[a]
	}
	for a := range score {
		for b := range score {
			out.information[a][b] += people * score[a] * score[b]
		}
	}
}

// climb goes from m to a mixture of the largest likelihood in the family, with the
// steps of Levenberg and Marquardt on the products of the scores.
func (c *counts) climb(m mixture, unseen float64) (mixture, float64) {
	m.at = m.clamp(m.at, c.p)
	here, damp := c.likelihood(m, unseen), 1e-3
	for range 50 {
		gain := 0.0
		for range 12 {
			next, step := m, solve(here.information, here.by, damp)
			for i := range step {
				next.at[i] += within(step[i], -2, 2)
			}
			next.at = m.clamp(next.at, c.p)
			if there := c.likelihood(next, unseen); there.at > here.at {
				gain = there.at - here.at
				m, here, damp = next, there, max(damp/5, 1e-9)
				break
			}
			damp *= 6
		}
		if gain < 1e-6 {
			break
		}
	}
	return m, here.at
}

// solve solves (a + damp·diag a) x = b.
func solve(a [2][2]float64, b [2]float64, damp float64) [2]float64 {
	const nothing = 1e-9 // where a parameter changes nothing
	p, r, q := a[0][0]*(1+damp)+nothing, a[1][1]*(1+damp)+nothing, a[0][1]
	d := p*r - q*q
	return [2]float64{(r*b[0] - q*b[1]) / d, (p*b[1] - q*b[0]) / d}
}

// fit fits a family.
func (c *counts) fit(of *family) *fit {
	x := &fit{counts: c}
	best := math.Inf(-1)
	for _, start := range of.starts {
		m, at := c.climb(mixture{of, start(c.p)}, 0)
		if at > best {
			x.mixture, best = m, at
		}
	}
	cells := x.mixture.cells(c.grid)
	x.total = c.people * (1 + cells[0]/cells[anything])
	x.mixture, x.likely = x.given(x.total, x.mixture)
	return x
}

// given returns the largest likelihood that a number of people has, and the
// mixture that has it.
func (x *fit) given(total float64, start mixture) (mixture, float64) {
	unseen := max(total-x.people, 1e-9)
	m, at := x.climb(start, unseen)
	all, _ := math.Lgamma(total + 1)
	rest, _ := math.Lgamma(unseen + 1)
	return m, at + all - rest
}

// end looks for the number of people, on one side of the most likely, with which
// the likelihood, with the best mixture for it, is z²/2 below its largest, or for
// limit, if that comes first; then with a smaller z. se is about the relative
// standard error. The square root of the fall is about linear in the logarithm of
// the number.
func (x *fit) end(side, z, se, limit float64) (total, at float64) {
	if side*(limit-x.total) <= 0 {
		return limit, 0
	}
	m := x.mixture
	fall := func(log float64) float64 {
		var likely float64
		m, likely = x.given(math.Exp(log), m)
		return math.Sqrt(2 * max(0, x.likely-likely))
	}
	last := math.Log(limit)
	in, inFall := math.Log(x.total), 0.0
	out, outFall := in, 0.0
	for step := within(z*se, 1e-6, 0.5); outFall < z; {
		if out == last {
			return limit, outFall
		}
		in, inFall = out, outFall
		out = side * min(side*(out+side*step), side*last)
		outFall = fall(out)
		step = within(1.1*math.Abs(out-in)*(z-outFall)/max(outFall-inFall, 1e-3), step/4, 1)
	}
	for range 8 {
		log := in + (out-in)*(z-inFall)/(outFall-inFall)
		f := fall(log)
		switch {
		case math.Abs(f-z) < 0.02:
			return math.Exp(log), f
		case f < z:
			in, inFall = log, f
		default:
			out, outFall = log, f
		}
	}
	return math.Exp(out), outFall
}
