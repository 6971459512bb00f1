package estimate

import "math"

// A fit is the mixture of a family that makes frequencies most likely.
type fit struct {
	f       *frequencies
	p       float64 // with which a session is seen
	mixture mixture
	people  float64 // in all, but for those who were seen more than mostSeen times
	likely  float64 // the log-likelihood of people and the mixture together
}

// A view is the logarithms of the probabilities of what is seen of a person who
// was seen, or, with [0], of anybody who came.
type view [mostSeen + 1]float64

func (m mixture) view(p float64, anybody bool) (v view) {
	const tiny = 1e-300
	c := m.cells(p)
	among := c.seen()
	if anybody {
		among += c[0]
		v[0] = math.Log(max(c[0]/among, tiny))
	}
	for j := 1; j < len(v); j++ {
		v[j] = math.Log(max(c[j]/among, tiny))
	}
	return v
}

func (v *view) likelihood(f *frequencies) (sum float64) {
	for j, people := range f {
		if people > 0 {
			sum += people * v[j]
		}
	}
	return sum
}

// newFit fits a family.
func newFit(of *family, f *frequencies, p float64) fit {
	x := fit{f: f, p: p}
	best := math.Inf(-1)
	for _, start := range of.starts {
		m, at := mixture{of, start(p)}.climb(f, p, false)
		if at > best {
			x.mixture, best = m, at
		}
	}
	c := x.mixture.cells(p)
	x.people = f.total() * (1 + c[0]/c.seen())
	x.mixture, x.likely = x.given(x.people, x.mixture)
	return x
}

// given returns the largest likelihood that so many people have, and the mixture
// that has it.
func (x *fit) given(people float64, start mixture) (mixture, float64) {
	f := *x.f
	f[0] = people - x.f.total()
	m, at := start.climb(&f, x.p, true)
	all, _ := math.Lgamma(people + 1)
	unseen, _ := math.Lgamma(f[0] + 1)
	return m, at + all - unseen
}

// climb goes from m to a mixture of the largest likelihood in the family, with the
// steps of Levenberg and Marquardt on the products of the scores.
func (m mixture) climb(f *frequencies, p float64, anybody bool) (mixture, float64) {
	m.at = m.clamp(m.at, p)
	v := m.view(p, anybody)
	at, damp := v.likelihood(f), 1e-3
	for range 50 {
		slope, information := m.slope(f, p, anybody)
		gain := 0.0
		for range 12 {
			next, step := m, solve(information, slope, damp)
			for i := range step {
				next.at[i] += within(step[i], -2, 2)
			}
			next.at = m.clamp(next.at, p)
			v := next.view(p, anybody)
			if l := v.likelihood(f); l > at {
				m, at, gain, damp = next, l, l-at, max(damp/5, 1e-9)
				break
			}
			damp *= 6
		}
		if gain < 1e-6 {
			break
		}
	}
	return m, at
}

// slope returns the gradient of the likelihood, and the information.
func (m mixture) slope(f *frequencies, p float64, anybody bool) (slope [2]float64, information [2][2]float64) {
	scores := m.scores(p, anybody)
	for j, people := range f {
		for a, s := range scores[j] {
			slope[a] += people * s
			for b, r := range scores[j] {
				information[a][b] += people * s * r
			}
		}
	}
	return slope, information
}

// scores are the derivatives of a view by the parameters.
func (m mixture) scores(p float64, anybody bool) (out [mostSeen + 1][2]float64) {
	const h = 1e-4
	for a := range m.at {
		up, down := m, m
		up.at[a] += h
		down.at[a] -= h
		high, low := up.view(p, anybody), down.view(p, anybody)
		for j := range out {
			out[j][a] = (high[j] - low[j]) / (2 * h)
		}
	}
	return out
}

// solve solves (a + damp·diag a) x = b.
func solve(a [2][2]float64, b [2]float64, damp float64) [2]float64 {
	const nothing = 1e-9 // where a parameter changes nothing
	p, r, q := a[0][0]*(1+damp)+nothing, a[1][1]*(1+damp)+nothing, a[0][1]
	d := p*r - q*q
	return [2]float64{(r*b[0] - q*b[1]) / d, (p*b[1] - q*b[0]) / d}
}

// end looks for the number of people, on one side of the most likely, with which
// the likelihood, with the best mixture for it, is z²/2 below its largest, or for
// limit, if that comes first; then with a smaller z. se is about the relative
// standard error. The square root of the fall is about linear in the logarithm of
// the number.
func (x *fit) end(side, z, se, limit float64) (people, at float64) {
	if side*(limit-x.people) <= 0 {
		return limit, 0
	}
	m := x.mixture
	fall := func(log float64) float64 {
		var likely float64
		m, likely = x.given(math.Exp(log), m)
		return math.Sqrt(2 * max(0, x.likely-likely))
	}
	last := math.Log(limit)
	in, inFall := math.Log(x.people), 0.0
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
