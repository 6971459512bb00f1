package estimate

// people estimates how many there are from those who were seen.
//
// Somebody with a session that was kept with certainty is sure to be seen, so
// these are counted and the others, who are people of their own, estimated.
func people(subjects []subject) Estimate {
	e := Estimate{Observed: uint64(len(subjects)), Method: Exact}
	var c chance
	for i := range subjects {
		if !subjects[i].certain {
			c.add(&subjects[i])
		}
	}
	certain := float64(len(subjects)) - c.seen
	e.AtLeast, e.AtMost = c.bounds()
	switch {
	case c.seen == 0:
	case !c.rare:
		e.Method = GoodToulmin
		e.Value, e.Low, e.High = c.unbiased()
		e.AtLeast, e.AtMost = e.Low, e.High
	default:
		e.Method = Model
		var ok bool
		if e.Value, e.Low, e.High, ok = c.modelled(e.AtMost); !ok {
			e.Method, e.Value, e.Low, e.High = Bounds, nothing, e.AtLeast, e.AtMost
		}
	}
	for _, v := range []*float64{&e.Value, &e.Low, &e.High, &e.AtLeast, &e.AtMost} {
		*v += certain
	}
	return e
}

// A chance is what was seen of people of whom nothing was certain to be.
type chance struct {
	seen  float64 // people
	often float64 // of these, seen more than mostSeen times
	rare  bool    // a session had a probability of less than one half

	frequencies frequencies // of the others, by how often

	sessions, inverse, square float64 // and the sums of 1/p and 1/p² over these

	// Of those seen once and twice: the product of (1-p)/p, and its square.
	once, onceSquare, twice, twiceSquare float64
	singles, singleSquare                float64 // the sums of 1/p and 1/p² over those seen once

	signed, signedSquare float64 // Good and Toulmin's weights
}

func (c *chance) add(s *subject) {
	c.seen++
	c.rare = c.rare || s.rare
	c.sessions += float64(s.sessions)
	c.inverse += s.inverse
	c.square += s.square
	if s.sessions > mostSeen {
		c.often++
	} else {
		c.frequencies[s.sessions]++
	}
	switch s.sessions {
	case 1:
		c.once += s.missed
		c.onceSquare += s.missed * s.missed
		c.singles += s.inverse
		c.singleSquare += s.square
	case 2:
		c.twice += s.missed
		c.twiceSquare += s.missed * s.missed
	}
	w := weight(s)
	c.signed += w
	c.signedSquare += w * w
}

// weight is how many people somebody who was seen stands for without bias: over
// all samples, the weight of a person is 1, as that of ∏ -(1-p)/p over the
// sessions seen is 0 (Good and Toulmin 1956 for one probability). It is of use
// where no (1-p)/p is above 1: beyond, its variance grows without bounds with the
// number of sessions.
func weight(s *subject) float64 {
	if s.sessions%2 == 0 {
		return 1 - s.missed
	}
	return 1 + s.missed
}

func (c *chance) unbiased() (value, low, high float64) {
	variance := max(0, c.signedSquare-c.signed) // Each person's weight has the mean 1.
	low, high = score(c.signed, variance, z95)
	return c.signed, max(low, c.seen), max(high, c.seen)
}

// bounds returns how many people there are at least and at most.
//
// At least: Chao's bound (1987), from Cauchy and Schwarz's inequality, for
// sessions with probabilities of their own: of people unseen there are at least
// A²/(2B+A), where A and B are the sums of ∏ (1-p)/p over people who were seen
// once and twice; with A at the lower end of its interval and B at the upper end.
//
// At most: somebody who was seen once stands for 1/p people, whoever was seen
// more often for one. That is too many: with k sessions that all have the
// probability p, by (k-1)(1-p)^k.
func (c *chance) bounds() (least, most float64) {
	if c.seen == 0 {
		return 0, 0
	}
	once, _ := score(c.once, c.onceSquare, z95)
	_, twice := score(c.twice, c.twiceSquare, z95)
	if c.frequencies[2] == 0 && c.frequencies[1] > 0 { // what the weight of one would have been
		weight := c.once / c.frequencies[1]
		twice = z95 * z95 * weight * weight
	}
	least = c.seen
	if once > 0 {
		least += once * once / (2*twice + once)
	}
	_, most = score(c.singles, c.singleSquare, z95)
	return least, most + c.seen - c.frequencies[1]
}
