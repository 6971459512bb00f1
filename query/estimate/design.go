package estimate

import "math"

// The likelihood takes people as drawn from the mixture: the interval that it
// gives is for whoever might have come. Asked for are those who did, and of them
// only which sessions were kept is a matter of chance. As Rao and Scott (1984) do
// with tests under a sampling design, the interval is made narrower by the ratio
// of the two standard errors.

// spread returns the standard error of the number of people drawn from the
// mixture, relative to it, and by which part of it the number of those who came
// varies.
func (x *fit) spread() (se, ratio float64) {
	effect := x.effects()
	drawn := -x.people // The mean of the effects is 1.
	for j, people := range x.f {
		drawn += people * effect[j] * effect[j]
	}
	fixed := x.fixed(effect)
	if !(drawn > 0 && fixed > 0) {
		return 0.1, 1
	}
	return math.Sqrt(drawn) / x.people, math.Sqrt(min(1, fixed/drawn))
}

// effects are by how much one person who was seen so often changes the estimated
// number.
func (x *fit) effects() (effect view) {
	c := x.mixture.cells(x.p)
	unseen := c[0] / c.seen()
	anybody := x.mixture.scores(x.p, true)
	_, information := x.mixture.slope(x.f, x.p, false)
	toward := solve(information, [2]float64{unseen * anybody[0][0], unseen * anybody[0][1]}, 0)
	scores := x.mixture.scores(x.p, false)
	for j := 1; j < len(effect); j++ {
		effect[j] = x.people * (1/x.f.total() + toward[0]*scores[j][0] + toward[1]*scores[j][1])
	}
	return effect
}

// fewSessions is up to how many sessions of a person are told apart.
const fewSessions = 40

// fixed is the variance of the number of people over samples of their sessions.
func (x *fit) fixed(effect view) float64 {
	var few [fewSessions + 1]float64 // the variance by one with so many sessions
	for k := 1; k < len(few); k++ {
		few[k] = variance(effect, binomial(k, x.p))
	}
	sum := 0.0
	x.mixture.each(x.p, func(mu, w float64) {
		rate := mu / x.p
		if rate > fewSessions/4 {
			sum += w * (1 - x.p) * variance(effect, poisson(mu))
			return
		}
		term := w * math.Exp(-rate)
		for k := 1; k < len(few); k++ {
			term *= rate / float64(k)
			sum += term * few[k]
		}
	})
	c := x.mixture.cells(x.p)
	return sum * x.people / (c.seen() + c[0])
}

// variance is that of the effect of a person who is seen so often with these
// probabilities. Whoever is seen more often counts as one.
func variance(effect view, seen cells) float64 {
	mean, square, rest := 0.0, 0.0, 1-seen[0]
	for j := 1; j < len(effect); j++ {
		mean += seen[j] * effect[j]
		square += seen[j] * effect[j] * effect[j]
		rest -= seen[j]
	}
	rest = max(0, rest)
	return max(0, square+rest-(mean+rest)*(mean+rest))
}

func binomial(n int, p float64) (c cells) {
	c[0] = math.Pow(1-p, float64(n))
	for j := 1; j < len(c) && j <= n; j++ {
		c[j] = c[j-1] * float64(n-j+1) * inverse[j] * p / (1 - p)
	}
	return c
}

func poisson(mu float64) (c cells) {
	c[0] = math.Exp(-mu)
	for j := 1; j < len(c); j++ {
		c[j] = c[j-1] * mu * inverse[j]
	}
	return c
}
