package identifier

import (
	"net/netip"
	"strings"
	"unicode"
)

// IPAddress reports whether the text is an IPv4 or IPv6 address, the latter
// with or without a zone (RFC 4291 §2.2, RFC 4007 §11.2, RFC 6943 §3.1.1: four
// decimal numbers without leading zeros).
func IPAddress(text string) bool {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return false
	}
	return !strings.ContainsFunc(a.Zone(), func(r rune) bool {
		return r >= 0x80 || !alphanumeric(byte(r)) && !strings.ContainsRune("-._~", r)
	})
}

// MAC reports whether the text is an EUI-48 or EUI-64: pairs of hexadecimal
// digits with colons, dashes or spaces between all, groups of four with dots
// (IEEE 802, RFC 7042 §2.1), or hexadecimal digits alone.
func MAC(text string) bool {
	hex := func(r rune) bool { return r < 0x80 && isHex(byte(r)) }
	for _, form := range [...]struct {
		separator string
		group     int
	}{{":", 2}, {"-", 2}, {" ", 2}, {".", 4}, {"", 0}} {
		groups := []string{text}
		if form.separator != "" {
			groups = strings.Split(text, form.separator)
		}
		total := 0
		for _, g := range groups {
			if form.group != 0 && len(g) != form.group || strings.ContainsFunc(g, func(r rune) bool { return !hex(r) }) {
				total = -1 << 10
			}
			total += len(g)
		}
		if total == 12 || total == 16 {
			return true
		}
	}
	return false
}

func isHex(c byte) bool { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// domain reports whether the text is the name of a host on the Internet: two
// labels or more of letters, digits and inner dashes (RFC 1123 §2.1), also of
// other scripts (RFC 5890), 63 bytes at most in ASCII, and a top-level domain
// of at least two letters.
func domain(name string) bool {
	labels := strings.Split(name, ".")
	if len(labels) < 2 || len(name) > 254 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return topLevel(labels[len(labels)-1])
}

// notInLabel reports whether a rune cannot stand in a label. Full-width forms
// are refused: IDNA maps them to others.
func notInLabel(r rune) bool {
	if r < 0x80 {
		return r != '-' && !alphanumeric(byte(r))
	}
	return 0xFF01 <= r && r <= 0xFF5E || r == unicode.ReplacementChar || !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.So, unicode.Pd, unicode.Po)
}

// topLevel reports whether a label is letters alone or one in the encoding of
// RFC 5891.
func topLevel(label string) bool {
	if len(label) > len("xn--") && strings.EqualFold(label[:4], "xn--") {
		return true
	}
	letters := 0
	for _, r := range label {
		if !unicode.In(r, unicode.L, unicode.M) || r < 0x80 && isDigit(byte(r)) {
			return false
		}
		letters++
	}
	return letters >= 2
}
