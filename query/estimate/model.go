package estimate

import "math"

// How much must have been seen for laws to be told from.
const (
	fewestPeople = 30 // seen at all
	fewestOften  = 5  // seen more than once
)

// refuted is how much less likely than another, as the logarithm, a law is that
// does not count any more: 20 times.
const refuted = 3.0

// modelled estimates the number of people under the laws that are not refuted.
// There is none if there was too little seen, or no law describes it. The
// interval covers those of all of them. As the number is in one of these if it is
// in any, and can be missed to one side only where they are apart, each reaches
// less far than one alone would (Imbens and Manski 2004).
//
// Sessions of a person may have different probabilities. With p their mean over
// all sessions, kept or not, the number that is seen of a Poisson process is one
// of p times its rate, as long as the mean is the same for all people.
func (c *chance) modelled(most float64) (value, low, high float64, ok bool) {
	f := &c.frequencies
	if f.total() < fewestPeople || c.seen-f[1] < fewestOften {
		return 0, 0, 0, false
	}
	p := c.sessions / c.inverse
	fits, best := plausible(f, p)
	wider, ok := best.agrees()
	if !ok {
		return 0, 0, 0, false
	}
	least, largest := best.people, best.people
	for _, x := range fits {
		least, largest = min(least, x.people), max(largest, x.people)
	}
	se, ratio := best.spread()
	z := apart(math.Log(largest/least) / (se * ratio * wider))
	low, high = math.Inf(1), 0
	for _, x := range fits {
		se, ratio := x.spread()
		l, h := x.interval(z*ratio*wider, se, max(most-c.often, largest))
		low, high = min(low, l), max(high, h)
	}
	return best.people + c.often, low + c.often, high + c.often, true
}

// plausible fits the laws and returns those that are not refuted, and the best.
func plausible(f *frequencies, p float64) (fits []fit, best *fit) {
	all := make([]fit, len(families))
	for i, of := range families {
		all[i] = newFit(of, f, p)
		if best == nil || all[i].likely > best.likely {
			best = &all[i]
		}
	}
	for _, x := range all {
		if x.likely > best.likely-refuted {
			fits = append(fits, x)
		}
	}
	return fits, best
}

// apart returns how many standard errors the interval of each law reaches to
// either side for a 95 % one, where the laws are d standard errors apart: 1.96 at
// 0, 1.64 far apart.
func apart(d float64) float64 {
	low, high := 1.6, z95
	for range 30 {
		z := (low + high) / 2
		if normal(z+d)-normal(-z) < 0.95 {
			low = z
		} else {
			high = z
		}
	}
	return high
}

// normal is the standard normal distribution function.
func normal(x float64) float64 { return math.Erfc(-x/math.Sqrt2) / 2 }

// agrees compares what was seen with what the fit expects, by Pearson's χ² over
// cells of five people and more, but for the last. A fit that is a little wrong, which shows where
// there are many people, has a wider interval by the root of χ² over the degrees
// of freedom (McCullagh and Nelder 1989); one that is wrong does not count.
func (x *fit) agrees() (wider float64, ok bool) {
	v := x.mixture.view(x.p, false)
	total := x.f.total()
	chi, cells, seen, expected := 0.0, 0, 0.0, 0.0
	for j := 1; j < len(v); j++ {
		seen += x.f[j]
		expected += total * math.Exp(v[j])
		if expected >= 5 || j == len(v)-1 && expected >= 1 {
			chi += (seen - expected) * (seen - expected) / expected
			cells, seen, expected = cells+1, 0, 0
		}
	}
	freedom := max(1, float64(cells-1-len(x.mixture.at)))
	excess := chi - freedom - 4*math.Sqrt(2*freedom)
	if excess <= 0 {
		return 1, true
	}
	return math.Sqrt(chi / freedom), excess < 0.002*total
}
