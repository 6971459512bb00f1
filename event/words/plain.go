package words

import (
	"encoding/binary"
	"unicode/utf8"
)

// What stands, in what Plain returns, for a byte of what is no ASCII.
const (
	Strange   = 0xff // a letter or digit: it belongs to a word
	Unspaced  = 0xfe // of a script that is written without spaces: it is a word of its own
	Separates = ' '  // anything else: it is between words
)

// Plain returns the text in lower case as words of ASCII see it: with what is no ASCII
// replaced, byte by byte, as above, but for characters that fold to ASCII, in whose
// place that stands. What is no UTF-8 separates. It is written over b where that has
// room. pure tells whether no word has anything but ASCII.
func Plain(b, text []byte) (plain []byte, pure bool) {
	if cap(b) < len(text)+8 {
		b = make([]byte, 2*len(text)+8)
	}
	b = b[:len(text)+8]
	pure = true
	var fold *folding
	n := 0 // of b
	for i := 0; i < len(text); {
		for i+8 <= len(text) {
			v := binary.LittleEndian.Uint64(text[i:])
			if v&high != 0 {
				break
			}
			// Of each byte the highest bit: set in a where it is 'A' or more, in z
			// where it is more than 'Z'.
			a := v + (0x80-'A')*ones
			z := v + (0x80-'Z'-1)*ones
			binary.LittleEndian.PutUint64(b[n:], v|(a&^z&high)>>2)
			i, n = i+8, n+8
		}
		for i < len(text) && text[i] < utf8.RuneSelf {
			c := text[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			b[n] = c
			i, n = i+1, n+1
		}
		if i < len(text) && fold == nil {
			fold = theFolding()
		}
		for i < len(text) && text[i] >= utf8.RuneSelf {
			r, size := decode(text[i:])
			i += size
			as := byte(Strange)
			switch c := fold.class(r); {
			case c == ignored:
				continue
			case c == separates:
				as = Separates
			case c&pairs != 0:
				as, pure = Unspaced, false
			case c < utf8.RuneSelf:
				as, size = byte(c), 1
			default:
				pure = false
			}
			for range size {
				b[n] = as
				n++
			}
		}
	}
	return b[:n], pure
}

// decode is utf8.DecodeRune for text that begins with no ASCII. Most of it is
// characters of two or three bytes from the middle of their ranges.
func decode(text []byte) (r rune, size int) {
	if len(text) >= 3 {
		a, b, c := text[0], text[1], text[2]
		switch {
		case 0xc2 <= a && a < 0xe0 && b&0xc0 == 0x80:
			return rune(a&0x1f)<<6 | rune(b&0x3f), 2
		case (0xe1 <= a && a < 0xed || a == 0xef) && b&0xc0 == 0x80 && c&0xc0 == 0x80:
			return rune(a&0xf)<<12 | rune(b&0x3f)<<6 | rune(c&0x3f), 3
		}
	}
	return utf8.DecodeRune(text)
}

const (
	ones = 0x0101010101010101
	high = 0x8080808080808080
)
