package identifier

// samples is how many strings Odds draws.
const samples = 256

// Odds returns the share of strings of the form's patterns that it accepts, by
// drawing some: about 0.1 for one check digit, 1 where the pattern is all.
func (f *Form) Odds() float64 {
	var accepted int
	state := uint64(0x9E3779B97F4A7C15)
	draw := func(n int) byte {
		state = state*6364136223846793005 + 1442695040888963407
		return byte((state >> 33) % uint64(n))
	}
	var buf [MaxLen]byte
	for i := range samples {
		pattern := f.Patterns[i%len(f.Patterns)]
		s := buf[:0]
		for j := range len(pattern) {
			switch c := pattern[j]; c {
			case '#':
				s = append(s, '0'+draw(10))
			case '@':
				s = append(s, 'A'+draw(26))
			case '*':
				s = append(s, alphanumerics[draw(len(alphanumerics))])
			default:
				s = append(s, c)
			}
		}
		if f.Check == nil || f.Check(s) {
			accepted++
		}
	}
	return float64(accepted) / samples
}

const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// Telling reports whether a string of this form is believed where its country
// is asked for, without a word near it: a check decides, or it has a
// letter amid its digits or more than one. A run of digits of some length is nothing by itself.
func (f *Form) Telling() bool {
	if f.Self {
		return true
	}
	for _, p := range f.Patterns {
		letters := 0
		for i := range len(p) {
			if p[i] == '@' || p[i] >= 'A' {
				letters++
				if 0 < i && i < len(p)-1 {
					letters++ // amid digits
				}
			}
		}
		if letters < 2 {
			return f.Odds() <= maxOdds
		}
	}
	return true
}

// maxOdds is the share of strings that a check lets pass at most.
const maxOdds = 0.4
