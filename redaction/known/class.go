package known

import "unicode"

// classify says what a character is.
func classify(r rune) class {
	switch {
	case isHidden(r):
		return hidden
	case isDropped(r):
		return mark
	case unicode.Is(unicode.M, r):
		return letter | joins | scriptOf(r)
	case r >= 0x02B9 && r <= 0x02CF, r == 0x0374: // modifier apostrophes and the like, as in Oʼneil
		return 0
	case unicode.Is(unicode.Nd, r):
		return digit
	case !unicode.IsLetter(r):
		return 0
	case r >= jamoTrailFirst && r <= jamoTrailLast:
		return letter | hangul | joins
	case unicode.IsUpper(r), unicode.IsTitle(r):
		return letter | upper
	case unicode.IsLower(r):
		return letter | lower
	}
	return letter | scriptOf(r)
}

// isHidden reports characters that are not seen: default ignorable code
// points (The Unicode Standard, 5.21) that occur in text.
func isHidden(r rune) bool {
	switch {
	case r < 0xAD:
		return false
	case r == 0xAD, r == 0x034F, r == 0x061C, r == 0x180E, r == 0xFEFF:
		return true
	case r >= 0x200B && r <= 0x200F, r >= 0x202A && r <= 0x202E, r >= 0x2060 && r <= 0x206F:
		return true
	}
	return r >= 0x180B && r <= 0x180D || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0000 && r <= 0xE0FFF
}

// isDropped reports marks without which a name is still written: the
// diacritics of the European alphabets and the points of Hebrew and Arabic.
func isDropped(r rune) bool {
	switch {
	case r < 0x0300:
		return false
	case r <= 0x036F, r >= 0x0483 && r <= 0x0489:
		return true
	case r >= 0x0591 && r <= 0x05C7:
		return unicode.Is(unicode.Mn, r)
	case r >= 0x0610 && r <= 0x061A, r >= 0x064B && r <= 0x065F, r == 0x0640, r == 0x0670, r >= 0x06D6 && r <= 0x06ED:
		return unicode.Is(unicode.Mn, r) || r == 0x0640
	}
	return r >= 0x1AB0 && r <= 0x1AFF || r >= 0x1DC0 && r <= 0x1DFF || r >= 0x20D0 && r <= 0x20FF || r >= 0xFE20 && r <= 0xFE2F
}

// scriptOf tells the scripts whose words are not set apart by spaces, and the
// one whose are but with what belongs to them.
func scriptOf(r rune) class {
	switch {
	case r < 0x0E00:
		return 0
	case r <= 0x0EFF, // Thai, Lao
		r >= 0x1000 && r <= 0x109F, r >= 0x1780 && r <= 0x17FF, r >= 0xA9E0 && r <= 0xA9FF, r >= 0xAA60 && r <= 0xAA7F, // Myanmar, Khmer
		r >= 0x2E80 && r <= 0x312F, r >= 0x31A0 && r <= 0x31FF, r >= 0x3400 && r <= 0x9FFF, // Han, kana, bopomofo
		r >= 0xF900 && r <= 0xFAFF, r >= 0xFF66 && r <= 0xFF9F, r >= 0x1AFF0 && r <= 0x1B16F, r >= 0x20000 && r <= 0x3FFFF:
		return unspaced
	case r >= 0x1100 && r <= 0x11FF, r >= 0x3130 && r <= 0x318F, r >= 0xA960 && r <= 0xA97F, r >= 0xAC00 && r <= 0xD7FF, r >= 0xFFA0 && r <= 0xFFDC:
		return hangul
	}
	return 0
}

// spelled returns how a letter, in lower case, is written in ASCII where
// Unicode does not decompose it to that; * stands for a diacritic.
func spelled(r rune) (string, bool) {
	switch {
	case r >= 'a' && r <= 'z':
		return ascii[r-'a' : r-'a'+1], true
	case r >= 0x0430 && r <= 0x045F:
		return cyrillic[r-0x0430], true
	case r >= 0x03B1 && r <= 0x03C9:
		return greek[r-0x03B1], true
	}
	switch r {
	case 'ä', 'å', 'æ', 'ǽ', 'ǣ':
		return "a*", true
	case 'ö', 'ø', 'œ', 'ǿ':
		return "o*", true
	case 'ü':
		return "u*", true
	case 'ß', 'ẞ':
		return "ss", true
	case 'þ':
		return "th", true
	case 'ð', 'đ', 'ɖ':
		return "d", true
	case 'ł', 'ƚ':
		return "l", true
	case 'ħ':
		return "h", true
	case 'ı', 'і':
		return "i", true
	case 'ŧ':
		return "t", true
	case 'ŋ', 'ɲ', 'ƞ':
		return "n", true
	case 'ĸ', 'ƙ':
		return "k", true
	case 'ƀ', 'ɓ':
		return "b", true
	case 'ƒ':
		return "f", true
	case 'ɗ':
		return "d", true
	case 'ɨ':
		return "i", true
	case 'ʉ':
		return "u", true
	case 'ƴ':
		return "y", true
	case 'ґ':
		return "g", true
	}
	return "", false
}

const ascii = "abcdefghijklmnopqrstuvwxyz"

// cyrillic spells а to џ so that a letter and its base letter agree where the
// diacritic is often left out, or written apart: ё and е, й and и.
var cyrillic = [...]string{
	"a", "b", "v", "g", "d", "e", "zh", "z", "i", "i", "k", "l", "m", "n", "o", "p",
	"r", "s", "t", "u", "f", "kh", "ts", "ch", "sh", "shch", "", "y", "", "e", "yu", "ya",
	"e", "e", "d", "g", "ie", "dz", "i", "i", "j", "lj", "nj", "c", "k", "i", "u", "dz",
}

// greek spells α to ω.
var greek = [...]string{
	"a", "v", "g", "d", "e", "z", "i", "th", "i", "k", "l", "m", "n", "x", "o", "p",
	"r", "s", "s", "t", "y", "f", "ch", "ps", "o",
}
