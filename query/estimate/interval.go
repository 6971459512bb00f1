package estimate

import "math"

// z95 is how many standard errors an interval of 95 % reaches to either side.
const z95 = 1.959963984540054

// score returns the interval of a total of which value is an unbiased estimate
// with a variance that is in proportion to it, as that of counts is: those totals
// from which value is not farther than z of their own standard errors. As Wilson
// (1927) does it with proportions; unlike value ± z·se it is not too narrow, or
// beyond 0, where little was seen.
func score(value, variance, z float64) (low, high float64) {
	if value <= 0 || variance <= 0 {
		return value, value
	}
	half := z * z * variance / value / 2
	root := math.Sqrt(half * (2*value + half))
	return value + half - root, value + half + root
}
