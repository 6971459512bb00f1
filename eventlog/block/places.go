package block

// Places are the events' places in a dictionary, in as few bytes as they take.
type Places struct {
	all  uint32 // of every event, where the others are nil
	one  []uint8
	two  []uint16
	four []uint32
}

// Place returns that of the i-th event.
func (p *Places) Place(i int) uint32 {
	switch {
	case p.one != nil:
		return uint32(p.one[i])
	case p.two != nil:
		return uint32(p.two[i])
	case p.four != nil:
		return p.four[i]
	}
	return p.all
}

func (c *Columns) places(r *reader, n, size int) Places {
	p := places(r, n, size)
	c.size += len(p.one) + 2*len(p.two) + 4*len(p.four)
	return p
}

// places reads the places of n events in a dictionary of some size.
func places(r *reader, n, size int) Places {
	if size == 1 || n == 0 { // all are ""
		for range n {
			if r.uvarint() != 0 {
				r.fail("dictionary")
			}
		}
		return Places{}
	}
	var p Places
	switch {
	case size <= 1<<8:
		p.one = readPlaces[uint8](r, n, size)
	case size <= 1<<16:
		p.two = readPlaces[uint16](r, n, size)
	default:
		p.four = readPlaces[uint32](r, n, size)
	}
	if size == 2 && r.err == nil { // mostly one value
		for _, place := range p.one {
			if place != p.one[0] {
				return p
			}
		}
		return Places{all: uint32(p.one[0])}
	}
	return p
}

func readPlaces[T uint8 | uint16 | uint32](r *reader, n, size int) []T {
	out := make([]T, n)
	if b := r.b; size <= 1<<7 && len(b) >= n { // one byte each
		for i := range out {
			if int(b[i]) >= size {
				r.fail("dictionary")
				return out
			}
			out[i] = T(b[i])
		}
		r.b = b[n:]
		return out
	}
	for i := range out {
		place := r.uvarint()
		if place >= uint64(size) {
			r.fail("dictionary")
			return out
		}
		out[i] = T(place)
	}
	return out
}

// dictionary reads the different strings of a column, "" first.
func (r *reader) dictionary() []string {
	dict := make([]string, 1+r.count())
	again := reader{b: r.b}
	for range dict[1:] {
		r.bytes()
	}
	all := string(again.b[:len(again.b)-len(r.b)]) // one allocation for all of them
	for i, whole := 1, len(again.b); i < len(dict); i++ {
		size := len(again.bytes())
		end := whole - len(again.b)
		dict[i] = all[end-size : end]
	}
	return dict
}

// bytesDictionary is dictionary without copies: they are parts of the section.
func (r *reader) bytesDictionary() [][]byte {
	dict := make([][]byte, 1+r.count())
	for i := 1; i < len(dict); i++ {
		dict[i] = r.bytes()
	}
	return dict
}
