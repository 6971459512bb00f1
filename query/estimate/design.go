package estimate

import "math"

// The likelihood takes people as drawn from the mixture: the interval that it
// gives is for whoever might have come. Asked for are those who did, and of them
// only which sessions were kept is a matter of chance. As Rao and Scott (1984) do
// with tests under a sampling design, the interval is made narrower by the ratio
// of the two standard errors.

// An effect is by how much one person who was seen so often changes the estimated
// number of people.
type effect [mostSeen + 1]float64

// spread returns the standard error of the number of people drawn from the
// mixture, relative to it, and by which part of it the number of those who came
// varies.
func (x *fit) spread() (se, ratio float64) {
	of := x.effect()
	drawn := -x.total // The mean of the effects is 1.
	for j, people := range x.f {
		drawn += people * of[j] * of[j]
	}
	fixed := x.fixed(&of)
	if !(drawn > 0 && fixed > 0) {
		return 0.1, 1
	}
	return math.Sqrt(drawn) / x.total, math.Sqrt(min(1, fixed/drawn))
}

func (x *fit) effect() (of effect) {
	all := make([]int, len(cells{}))
	for k := range all {
		all[k] = k
	}
	s := x.mixture.sums(x.grid, all)
	seen, unseen := s.of[anything], s.of[0]
	// The number is that of those seen times 1 + unseen/seen.
	var by [2]float64
	for a := range by {
		by[a] = (s.by[a][0] - s.by[a][anything]*unseen/seen) / (seen + unseen)
	}
	toward := solve(x.likelihood(x.mixture, 0).information, by, 0)
	for j := 1; j < len(of); j++ {
		sum := 1 / x.people
		for a := range toward {
			sum += toward[a] * (s.by[a][j]/max(s.of[j], 1e-300) - s.by[a][anything]/seen)
		}
		of[j] = x.total * sum
	}
	return of
}

// fewSessions is up to how many sessions of a person are told apart.
const fewSessions = 40

// fixed is the variance of the number of people over samples of their sessions.
func (x *fit) fixed(of *effect) float64 {
	var few [fewSessions + 1]float64 // the variance by one with so many sessions
	for k := 1; k < len(few); k++ {
		few[k] = of.variance(binomial(k, x.p))
	}
	sum, people := 0.0, 0.0
	x.mixture.each(x.grid, func(n *node, w float64, _ [2]float64) {
		people += w * (n.cells[0] + n.cells[anything])
		rate := n.mu / x.p
		if rate > fewSessions/4 {
			seen := n.cells
			seen[0] = math.Exp(-n.mu)
			sum += w * (1 - x.p) * of.variance(seen)
			return
		}
		term := w * math.Exp(-rate)
		for k := 1; k < len(few); k++ {
			term *= rate / float64(k)
			sum += term * few[k]
		}
	})
	return sum * x.total / people
}

// variance is that of the effect of a person who is seen so often with these
// probabilities. Whoever is seen more often counts as one.
func (of *effect) variance(seen cells) float64 {
	mean, square, rest := 0.0, 0.0, 1-seen[0]
	for j := 1; j < len(of); j++ {
		mean += seen[j] * of[j]
		square += seen[j] * of[j] * of[j]
		rest -= seen[j]
	}
	rest = max(0, rest)
	return max(0, square+rest-(mean+rest)*(mean+rest))
}

// binomial are the probabilities of seeing so many of n.
func binomial(n int, p float64) (c cells) {
	c[0] = math.Pow(1-p, float64(n))
	for j := 1; j <= min(mostSeen, n); j++ {
		c[j] = c[j-1] * float64(n-j+1) * inverse[j] * p / (1 - p)
	}
	return c
}
