package redaction

import "strings"

// decimalDegrees reads 48.8566, 2.3522 after a word about coordinates, and
// without one where degrees or directions say so; after latitude or longitude
// one number will do.
func decimalDegrees(c *Candidate) {
	s, g := c.Text, c.Groups
	if c.Separator(1) != "." || g[0].Len() > 3 || isWord(c.At(c.End)) && strings.IndexByte("NSEWnsew", c.At(c.End)) < 0 {
		return
	}
	start := skipBack(s, c.Start, "-+", 1)
	if b := at(s, start-1); isWord(b) || b == '.' || b == '$' {
		return
	}
	end, sign := directionEnd(s, c.End)
	if next := pairEnd(s, end); next > 0 && g[1].Len() >= 2 && number(s[g[0].Start:g[0].End]) <= 90 {
		second, signed := directionEnd(s, next)
		if sign && signed || g[1].Len() >= 3 && c.Near(32) {
			c.Add(start, second)
		}
		return
	}
	if g[1].Len() >= 3 && number(s[g[0].Start:g[0].End]) <= 180 && axisBefore(s, start) {
		c.Add(start, end)
	}
}

// directionEnd steps over ° and N, S, E or W and reports whether one stands
// there.
func directionEnd(s string, i int) (end int, found bool) {
	end = i + anyFold(s[i:], "°", " °")
	letter := skipAny(s, end, " ", 1)
	if strings.IndexByte("NSEW", at(s, letter)) >= 0 && letter < len(s) && !beyondWord(s, letter+1) {
		return letter + 1, true
	}
	return end, end > i
}

// pairEnd returns where the second number of a pair that goes on at i ends, 0
// if there is none.
func pairEnd(s string, i int) int {
	first := skipAny(s, i, ",; /", 3)
	first += anyFold(s[first:], "lon: ", "lng: ", "longitude: ", "long: ", "lon=", "lng=", "long=", "longitude=", "longitude ", "long ", "lon ", "lng ")
	if first == i {
		return 0
	}
	first = skipAny(s, first, "-+", 1)
	point := digitsWithin(s, first, 1, 3)
	if point < 0 || at(s, point) != '.' || number(s[first:point]) > 180 {
		return 0
	}
	return max(0, digitsWithin(s, point+1, 2, 15))
}

// axisBefore reports whether latitude or longitude is named right before i.
func axisBefore(s string, i int) bool {
	end := skipBack(s, i, " :=\"'*>", 5)
	return sameFold(lastWordBefore(s, end), "lat", "lon", "lng", "latitude", "longitude", "latitud", "longitud", "breitengrad")
}

// degreeSigns are degree signs with minutes behind.
func degreeSigns() []string {
	words := make([]string, 0, 80)
	for _, tens := range "012345" {
		for _, ones := range digits {
			words = append(words, "°"+string(tens)+string(ones))
		}
		words = append(words, "° "+string(tens))
	}
	for _, ones := range digits {
		words = append(words, "°"+string(ones)+"'", "°"+string(ones)+"′")
	}
	return words
}

// sexagesimal reads 48°51'24"N 2°21'03"E, or one half of it.
func sexagesimal(c *Candidate) {
	s := c.Text
	start := digitsStart(s[max(0, c.Start-4):c.Start], min(4, c.Start)) + max(0, c.Start-4)
	end := angleEnd(s, start)
	if end < 0 || withinWord(s, start) {
		return
	}
	second := skipAny(s, end, ", ", 2)
	if next := angleEnd(s, second); next > 0 {
		end = next
	}
	c.Add(start, end)
}

// angleEnd returns where the angle with a direction that begins at i ends, -1
// if there is none.
func angleEnd(s string, i int) int {
	end := digitsWithin(s, i, 1, 3)
	if end < 0 || !strings.HasPrefix(s[end:], "°") || number(s[i:end]) > 180 {
		return -1
	}
	end = skipAny(s, end+len("°"), " ", 1)
	for range 2 {
		part := digitsWithin(s, end, 1, 2)
		if part < 0 {
			break
		}
		if at(s, part) == '.' {
			part = max(part, digitsWithin(s, part+1, 1, 6))
		}
		mark := anyFold(s[part:], "''", "'", "\"", "′", "″", "’", "”", "\\\"")
		if mark == 0 {
			return -1
		}
		end = skipAny(s, part+mark, " ", 1)
	}
	if strings.IndexByte("NSEWO", at(s, end)) < 0 || end == len(s) || beyondWord(s, end+1) {
		return -1
	}
	return end + 1
}

// geoURI reads geo:48.2010,16.3695 with its parameters.
func geoURI(c *Candidate) {
	s := c.Text
	i := skipAny(s, c.End, "-", 1)
	point := digitsWithin(s, i, 1, 2)
	if point < 0 || withinWord(s, c.Start) {
		return
	}
	end := point
	for end < len(s) && end-i < 80 && (isAlnum(s[end]) || strings.IndexByte(".,-;=", s[end]) >= 0) {
		end++
	}
	end = skipBack(s, end, ".,;-", 3)
	if strings.IndexByte(s[point:end], ',') >= 0 {
		c.Add(c.Start, end)
	}
}
