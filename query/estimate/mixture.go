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
	starts [2]func(p float64) [2]float64             // where to begin a search
	clamp  func(at [2]float64, p float64) [2]float64 // to where a change changes what is seen
	begins bool                                      // there are no rates below that of at[1]
	// density returns the logarithm of the density, but for a constant, and its
	// derivatives by the parameters.
	density func(at [2]float64, x, mu float64) (log float64, by [2]float64)
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
	begins:  true,
	density: func(at [2]float64, x, _ float64) (float64, [2]float64) { return at[0] * x, [2]float64{x, 0} },
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
	density: func(at [2]float64, x, mu float64) (float64, [2]float64) {
		scaled := mu * math.Exp(-at[1])
		return at[0]*x - scaled, [2]float64{x, scaled}
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
		return [2]float64{within(at[0], math.Log(p)-20, math.Log(mostSeen)), within(at[1], -1.5, 2)}
	},
	density: func(at [2]float64, x, _ float64) (float64, [2]float64) {
		precision := math.Exp(-2 * at[1])
		d := x - at[0]
		return -d * d * precision / 2, [2]float64{d * precision, d * d * precision}
	},
}

func within(v, low, high float64) float64 { return min(max(v, low), high) }

// rarest is x of who comes once in a thousand times as long: of people with
// smaller rates each has one session, as those with this.
func rarest(p float64) float64 { return math.Log(p / 1000) }

// Cells are the probabilities, but for a common factor, of what is seen of a
// person: [0] nothing of one who came, or so many sessions; and last, anything from
// once to mostSeen times.
type cells [mostSeen + 2]float64

const anything = mostSeen + 1

// cellsOf are those of a person who comes with a rate.
func cellsOf(mu, p float64) (c cells) {
	none := math.Exp(-mu)
	term := none
	for j := 1; j <= mostSeen; j++ {
		term *= mu * inverse[j]
		c[j] = term
		c[anything] += term
	}
	c[0] = none - math.Exp(-mu/p)
	return c
}

// inverse are 1/j.
var inverse = func() (out [mostSeen + 1]float64) {
	for j := 1; j < len(out); j++ {
		out[j] = 1 / float64(j)
	}
	return out
}()

// The quadrature is over x, in panels of Gauss and Legendre's eight points.
var (
	nodes   = [4]float64{0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363}
	weights = [4]float64{0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763}
)

const (
	panel  = 1.0
	beyond = 60 // the rate of who is not seen as little as mostSeen times
)

// A node is a rate of the quadrature.
type node struct {
	x, mu, weight float64
	cells         cells
}

// panelOf returns the nodes of one panel.
func panelOf(from, to, p float64) (out [2 * len(nodes)]node) {
	center, half := (from+to)/2, (to-from)/2
	for i, at := range nodes {
		for k, x := range [2]float64{center - half*at, center + half*at} {
			mu := math.Exp(x)
			out[2*i+k] = node{x, mu, weights[i] * half, cellsOf(mu, p)}
		}
	}
	return out
}

// A grid is the panels for one probability with which sessions are seen, from the
// largest rates to the smallest.
type grid struct {
	p      float64
	panels [][2 * len(nodes)]node
}

func newGrid(p float64) *grid {
	g := &grid{p: p}
	for to := math.Log(beyond); to > rarest(p); to -= panel {
		g.panels = append(g.panels, panelOf(to-panel, to, p))
	}
	return g
}

// sums are cells of a mixture, and their derivatives by its parameters.
type sums struct {
	of cells
	by [2]cells
}

// each calls f with the rates of a mixture and their weights, and the logarithm's
// derivatives of these.
func (m mixture) each(g *grid, f func(n *node, w float64, by [2]float64)) {
	for i := range g.panels {
		panel := &g.panels[i]
		to := math.Log(beyond) - float64(i)*1
		if m.begins && to-1 < m.at[1] {
			if to <= m.at[1] {
				return
			}
			rest := panelOf(m.at[1], to, g.p)
			panel = &rest
		}
		for k := range panel {
			log, by := m.density(m.at, panel[k].x, panel[k].mu)
			f(&panel[k], panel[k].weight*math.Exp(log), by)
		}
	}
}

// sums adds up the cells that are wanted.
func (m mixture) sums(g *grid, wanted []int) (s sums) {
	m.each(g, func(n *node, w float64, by [2]float64) {
		for _, k := range wanted {
			c := w * n.cells[k]
			s.of[k] += c
			s.by[0][k] += c * by[0]
			s.by[1][k] += c * by[1]
		}
	})
	if m.begins {
		log, _ := m.density(m.at, m.at[1], math.Exp(m.at[1]))
		w, edge := math.Exp(log), cellsOf(math.Exp(m.at[1]), g.p)
		for _, k := range wanted {
			s.by[1][k] -= w * edge[k]
		}
	}
	return s
}

// cells returns all of them.
func (m mixture) cells(g *grid) (c cells) {
	m.each(g, func(n *node, w float64, _ [2]float64) {
		for k, v := range n.cells {
			c[k] += w * v
		}
	})
	return c
}
