package estimate

import "math"

// negligible is the likelihood, relative to the best law's, of one that does not
// count any more.
const negligible = 0.01

// How much must have been seen for laws to be told from.
const (
	fewestPeople = 30 // seen at all
	fewestOften  = 5  // seen more than once
)

// modelled estimates the number of people under each of the laws and averages what
// these say, each with the weight of its likelihood (Hoeting, Madigan, Raftery and
// Volinsky 1999): the interval is wide where laws that explain what was seen
// equally well disagree. There is none if too little was seen, or if no law
// describes it.
//
// Sessions of a person may have different probabilities. With p their mean over
// all sessions, kept or not, the number that is seen of a Poisson process is one
// of p times its rate, as long as the mean is the same for all people.
func (c *chance) modelled(most float64) (value, low, high float64, ok bool) {
	f := &c.frequencies
	if f.total() < fewestPeople || c.seen-f[1] < fewestOften {
		return 0, 0, 0, false
	}
	p, error := c.mean()
	fits, best := newCounts(f, p).fitAll()
	wider, ok := best.agrees()
	if !ok {
		return 0, 0, 0, false
	}
	var all beliefs
	for _, x := range fits {
		if weight := math.Exp(x.likely - best.likely); weight > negligible {
			all = append(all, x.belief(weight, wider, error, most-c.often))
		}
	}
	low, high = all.interval()
	return all.quantile(0.5) + c.often, low + c.often, high + c.often, true
}

func (c *counts) fitAll() (fits []*fit, best *fit) {
	for _, of := range families {
		x := c.fit(of)
		if best == nil || x.likely > best.likely {
			best = x
		}
		fits = append(fits, x)
	}
	return fits, best
}

// mean returns the mean probability of all sessions, those that were not kept
// included, and its relative standard error.
func (c *chance) mean() (p, error float64) {
	mean := c.inverse / c.sessions
	return 1 / mean, math.Sqrt(max(0, c.square/c.sessions-mean*mean)/c.sessions) / mean
}

// A belief is what a law says of the number of people: with which confidence it is
// below a number. Its logarithm is normal, with one standard deviation below the
// middle and one above. The weight is relative to the best law's.
type belief struct{ weight, middle, below, above float64 }

// anchor is at how many standard errors the standard deviations are taken from the
// profile likelihood.
const anchor = 1.8

// belief returns what a fit says. wider is by how much wider it is than the
// likelihood has it, error that of p, and most is where it ends.
func (x *fit) belief(weight, wider, error, most float64) belief {
	se, ratio := x.spread()
	middle := math.Log(x.total)
	b := belief{weight: weight, middle: middle}
	more := 0.0
	if error > 0 {
		more = x.elasticity() * error
	}
	for _, end := range []struct {
		side, limit float64
		deviation   *float64
	}{{-1, x.people, &b.below}, {1, max(most, x.total), &b.above}} {
		at, z := x.end(end.side, anchor*ratio, se, end.limit)
		*end.deviation = math.Hypot(math.Abs(math.Log(at)-middle)/max(z, 0.05)*ratio*wider, more)
	}
	return b
}

// elasticity is by how much, relatively, the number of people changes with p.
func (x *fit) elasticity() float64 {
	const h = 1e-3
	at := func(p float64) float64 {
		c := x.mixture.cells(newGrid(p))
		return math.Log(1 + c[0]/c[anything])
	}
	return (at(x.p*(1+h)) - at(x.p*(1-h))) / (2 * h)
}

// beliefs are averaged.
type beliefs []belief

// below is the confidence that the number is below one with this logarithm.
func (all beliefs) below(x float64) float64 {
	sum, weights := 0.0, 0.0
	for _, b := range all {
		deviation := b.below
		if x > b.middle {
			deviation = b.above
		}
		if deviation > 0 {
			sum += b.weight * normal((x-b.middle)/deviation)
		} else if x >= b.middle {
			sum += b.weight
		}
		weights += b.weight
	}
	return sum / weights
}

// interval is the middle 95 %, and reaches at least as far as the middle 90 % of each
// law that is half as likely as the best: were that the true one, the number would
// not be missed to either side more often than once in twenty (Imbens and Manski
// 2004 on intervals of what is between two ends).
func (all beliefs) interval() (low, high float64) {
	low, high = all.quantile(0.025), all.quantile(0.975)
	for _, b := range all {
		if b.weight > 0.5 {
			one := beliefs{b}
			low, high = min(low, one.quantile(0.05)), max(high, one.quantile(0.95))
		}
	}
	return low, high
}

// quantile returns the number below which it is with a confidence.
func (all beliefs) quantile(confidence float64) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, b := range all {
		low, high = min(low, b.middle-9*b.below), max(high, b.middle+9*b.above)
	}
	for range 60 {
		x := (low + high) / 2
		if all.below(x) < confidence {
			low = x
		} else {
			high = x
		}
	}
	return math.Exp(high)
}

// normal is the standard normal distribution function.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// agrees compares what was seen with what the fit expects, by Pearson's χ² over
// cells of five people and more, but for the last. A fit that is a little wrong, which shows where
// there are many people, has a wider interval by the root of χ² over the degrees
// of freedom (McCullagh and Nelder 1989); one that is wrong does not count.
func (x *fit) agrees() (wider float64, ok bool) {
	c := x.mixture.cells(x.grid)
	chi, cells, seen, expected := 0.0, 0, 0.0, 0.0
	for j := 1; j <= mostSeen; j++ {
		seen += x.f[j]
		expected += x.people * c[j] / c[anything]
		if expected >= 5 || j == mostSeen && expected >= 1 {
			chi += (seen - expected) * (seen - expected) / expected
			cells, seen, expected = cells+1, 0, 0
		}
	}
	freedom := max(1, float64(cells-1-len(x.mixture.at)))
	excess := chi - freedom - 4*math.Sqrt(2*freedom)
	if excess <= 0 {
		return 1, true
	}
	return math.Sqrt(chi / freedom), excess < 0.002*x.people
}
