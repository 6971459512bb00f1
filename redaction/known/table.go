package known

// A table has what the flags of two bytes say together: half as many loads as
// with flags, but it takes longer to make than an event to search, so that only
// sets that are compiled once have one.
//
// Of two pairs of bytes that stand side by side it tells whether a match may
// begin at the second byte of the first pair or at the first byte of the second
// one: for the one the first pair has its groups in bits 0 to 6 and the second
// pair in bits 8 to 14, for the other in 16 to 22 and 24 to 30. An escape in the
// second pair has bit 15.
type table [1 << 16]uint32

const (
	atSecond   = 0x0000007F
	atFirst    = 0x007F0000
	escapePair = 0x00000080
)

// tabulate makes the table.
func (s *starts) tabulate() {
	s.table = new(table)
	for a := range 256 {
		for b := range 256 {
			f, g := s.flags[a], s.flags[b]
			t := fold(f>>ofBefore&g) | fold(f>>ofSecond&(g>>ofThird))<<8 | fold(g>>ofBefore)<<16 | fold(f&(g>>ofSecond))<<24 | escapePair
			if isEscaping(byte(a)) || isEscaping(byte(b)) {
				t |= escapePair << 8
			}
			s.table[a|b<<8] = t
		}
	}
}

// fold makes sixteen groups seven: four that begin in lower case, three of
// others.
func fold(groups uint64) uint32 {
	l, o := groups&lowerOnes, groups&upperOnes>>8
	return uint32((l|l>>4)&0xF | ((o|o>>3|o>>6)&0x7)<<4)
}

// nextByPairs does what next does, with the table.
func (s *starts) nextByPairs(text string, i int) int {
	if i == 0 {
		if s.within(text, 0, min(1, len(text))) == 0 {
			return 0
		}
		i = 1
	}
	t := s.table
	for i+9 <= len(text) {
		if isEscaping(text[i]) || isEscaping(text[i-1]) || i > 1 && isEscaping(text[i-2]) || i > 2 && isEscaping(text[i-3]) {
			if at := s.within(text, i, i+8); at < i+8 {
				return at
			}
			i += 8
			continue
		}
		before := t[uint16(text[i-1])|uint16(text[i])<<8]
		for ; i+9 <= len(text); i += 8 {
			x := load8(text[i+1 : i+9])
			f0, f1, f2, f3 := t[uint16(x)], t[uint16(x>>16)], t[uint16(x>>32)], t[uint16(x>>48)]
			m := before&(f0>>8) | f0&(f1>>8) | f1&(f2>>8) | f2&(f3>>8)
			before = f3
			if m&(atFirst|atSecond|escapePair) == 0 {
				continue
			}
			if at := s.within(text, i, i+8); at < i+8 {
				return at
			}
			if m&escapePair != 0 {
				i += 8
				break
			}
		}
	}
	return s.within(text, i, len(text))
}

// isEscaping reports whether c is a byte behind which letters may be no letters:
// \n, %2F.
func isEscaping(c byte) bool { return c == '\\' || c == '%' }
