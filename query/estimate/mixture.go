package estimate

import "math"

// mostSeen is up to how many sessions seen of a person the counts tell of the
// people of whom none was seen. Of those who were seen more often hardly any are
// unseen, and how these are distributed would only mislead: the usual abundance
// cut-off (Chao and Lee 1992).
const mostSeen = 30

// Frequencies are how many people were seen in so many sessions; [0] is used only
// where it is known how many were in none.
type frequencies [mostSeen + 1]float64

// total is how many people were seen.
func (f *frequencies) total() (sum float64) {
	for _, people := range f[1:] {
		sum += people
	}
	return sum
}

// A mixture says how often people come: each as a Poisson process of a rate that
// differs from one to the next. Rates are in sessions that are seen.
type mixture struct {
	*family
	at [2]float64 // its parameters
}

// A family is the mixtures of one law. Densities are by the logarithm x of the
// rate.
type family struct {
	starts [2]func(p float64) [2]float64                   // where to begin a search
	clamp  func(at [2]float64, p float64) [2]float64       // to where a change changes what is seen
	least  func(at [2]float64, p float64) float64          // x from which on there is any
	log    func(at [2]float64) func(x, mu float64) float64 // of the density, but for a constant
}

// families are the laws that people may follow.
var families = [...]*family{powers, gammas, normals}

// powers are the rates of a power law with a lower end, ∝ μ^(at[0]-1) from e^at[1]
// on: what people do on networks mostly looks like that, and Zipf's law is the one
// with at[0] = -1. That the number of unseen can be told from a small part under
// such laws, and not without them, is shown by Favaro and Naulet (2023).
var powers = &family{
	starts: [2]func(p float64) [2]float64{
		func(p float64) [2]float64 { return [2]float64{-0.8, math.Log(p / 2)} },
		func(p float64) [2]float64 { return [2]float64{-2, math.Log(p)} },
	},
	clamp: func(at [2]float64, p float64) [2]float64 {
		return [2]float64{within(at[0], -6, 1), within(at[1], rarest(p), math.Log(mostSeen))}
	},
	least: func(at [2]float64, _ float64) float64 { return at[1] },
	log: func(at [2]float64) func(x, mu float64) float64 {
		return func(x, _ float64) float64 { return at[0] * x }
	},
}

// gammas are rates with a gamma distribution of shape at[0] and scale e^at[1], so
// that counts are negative binomial (Fisher, Corbet and Williams 1943); down to
// shape -1 these are extended negative binomial (Engen 1974).
var gammas = &family{
	starts: [2]func(p float64) [2]float64{
		func(float64) [2]float64 { return [2]float64{0.5, 0} },
		func(p float64) [2]float64 { return [2]float64{-0.5, math.Log(10 * p)} },
	},
	clamp: func(at [2]float64, p float64) [2]float64 {
		return [2]float64{within(at[0], -0.95, 30), within(at[1], rarest(p), math.Log(1000*mostSeen))}
	},
	least: func(_ [2]float64, p float64) float64 { return rarest(p) },
	log: func(at [2]float64) func(x, mu float64) float64 {
		scale := math.Exp(-at[1])
		return func(x, mu float64) float64 { return at[0]*x - mu*scale }
	},
}

// normals are rates whose logarithms are normal, with the mean at[0] and the
// standard deviation e^at[1] (Bulmer 1974).
var normals = &family{
	starts: [2]func(p float64) [2]float64{
		func(p float64) [2]float64 { return [2]float64{math.Log(p), 0} },
		func(p float64) [2]float64 { return [2]float64{math.Log(p) - 3, 0.7} },
	},
	clamp: func(at [2]float64, p float64) [2]float64 {
		return [2]float64{within(at[0], math.Log(p)-20, math.Log(mostSeen)), within(at[1], -3, 2)}
	},
	least: func(at [2]float64, p float64) float64 { return max(at[0]-8*math.Exp(at[1]), rarest(p)) },
	log: func(at [2]float64) func(x, mu float64) float64 {
		precision := math.Exp(-2*at[1]) / 2
		return func(x, _ float64) float64 { return -(x - at[0]) * (x - at[0]) * precision }
	},
}

func within(v, low, high float64) float64 { return min(max(v, low), high) }

// rarest is x of who comes once in a thousand times as long: of people with
// smaller rates each has one session, as those with this.
func rarest(p float64) float64 { return math.Log(p / 1000) }

// Cells are the probabilities, but for a common factor, of what is seen of a
// person: nothing of one who came, or so many sessions.
type cells [mostSeen + 1]float64

// seen is the probability of being seen from once to mostSeen times.
func (c *cells) seen() float64 { return (*frequencies)(c).total() }

// The quadrature is over x, in panels of Gauss and Legendre's eight points.
var (
	nodes   = [4]float64{0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363}
	weights = [4]float64{0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763}
)

const (
	panel  = 1.0
	beyond = 60 // the rate of who is not seen as little as mostSeen times
)

// each calls f with rates and the weights that they have.
func (m mixture) each(p float64, f func(mu, w float64)) {
	from, to := m.least(m.at, p), math.Log(beyond)
	panels := max(1, math.Ceil((to-from)/panel))
	half := (to - from) / panels / 2
	log := m.log(m.at)
	for k := range int(panels) {
		center := from + float64(2*k+1)*half
		for i, node := range nodes {
			for _, x := range [2]float64{center - half*node, center + half*node} {
				mu := math.Exp(x)
				f(mu, weights[i]*half*math.Exp(log(x, mu)))
			}
		}
	}
}

// cells computes them where one session is seen with probability p.
func (m mixture) cells(p float64) (c cells) {
	m.each(p, func(mu, w float64) {
		term := w * math.Exp(-mu)
		c[0] += term
		if rate := mu / p; rate < 40 {
			c[0] -= w * math.Exp(-rate)
		}
		for j := 1; j < len(c); j++ {
			term *= mu * inverse[j]
			c[j] += term
		}
	})
	return c
}

// inverse are 1/j.
var inverse = func() (out [mostSeen + 1]float64) {
	for j := 1; j < len(out); j++ {
		out[j] = 1 / float64(j)
	}
	return out
}()
