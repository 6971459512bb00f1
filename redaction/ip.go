package redaction

import (
	"net/netip"
	"strings"
)

// ipv4 recognises dotted quads but version and section numbers and addresses
// that identify nobody.
func ipv4() Detector {
	return Detector{
		Type:   "IP_ADDRESS",
		Digits: Digits{Min: 4, Max: 12, MinGroups: 4, MaxGroups: 4},
		Context: []string{"version", "versions", "ver.", "release", "firmware", "build", "revision", "section", "sections",
			"chapter", "clause", "paragraph", "figure", "table", "step", "article", "appendix"},
		Normal: normalIP,
		Find: func(c *Candidate) {
			for i := 1; i < 4; i++ {
				if c.Separator(i) != "." {
					return
				}
			}
			if partOfNumber(c) || c.Near(3) || userAgent(c) {
				return
			}
			if a, err := netip.ParseAddr(c.Text[c.Start:c.End]); err == nil && identifies(a) {
				c.Add(c.Start, c.End)
			}
		},
	}
}

// partOfNumber reports whether digits, letters or dots go on around the quad.
func partOfNumber(c *Candidate) bool {
	before, after := c.At(c.Start-1), c.At(c.End)
	return isWord(before) || isWord(after) ||
		before == '.' && isWord(c.At(c.Start-2)) || after == '.' && isDigit(c.At(c.End+1))
}

// userAgent reports whether the quad is a product's version, as in
// Chrome/120.0.0.0: a slash after a letter before, two zeros at the end.
func userAgent(c *Candidate) bool {
	return c.At(c.Start-1) == '/' && isLetter(c.At(c.Start-2)) && strings.HasSuffix(c.Text[c.Start:c.End], ".0.0")
}

// identifies reports whether an address can lead to somebody: loopback,
// unspecified and broadcast addresses are the same for all.
func identifies(a netip.Addr) bool {
	a = a.Unmap()
	return !a.IsLoopback() && !a.IsUnspecified() && a != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

func normalIP(s string) string {
	a, err := netip.ParseAddr(s)
	if err != nil {
		return s
	}
	return a.Unmap().String()
}

// maxIPv6 is the longest text form of an address.
const maxIPv6 = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// ipv6 is triggered by the first colon of an address.
func ipv6() Detector {
	return Detector{Type: "IP_ADDRESS", Bytes: ":", Next: ":" + hexDigits, Normal: normalIP, Find: func(c *Candidate) {
		if next := c.At(c.Start + 1); next != ':' && !isHex(next) {
			return
		}
		start := c.Start
		for isHex(c.At(start-1)) && c.Start-start < 5 {
			start--
		}
		if b := c.At(start - 1); isWord(b) || b == ':' || b == '.' {
			return
		}
		if start == c.Start && c.At(c.Start+1) != ':' {
			return
		}
		if end := ipv6End(c.Text, start); end > 0 {
			c.Add(start, end)
		}
	}}
}

// ipv6End returns where the address that begins at start ends, 0 if there is
// none.
func ipv6End(s string, start int) int {
	end := start
	for end < len(s) && end-start <= maxIPv6 && (isHex(s[end]) || s[end] == ':' || s[end] == '.') {
		end++
	}
	if isWord(at(s, end)) {
		return 0
	}
	for end > start && (s[end-1] == '.' || s[end-1] == ':' && !strings.HasSuffix(s[start:end], "::")) {
		end--
	}
	text := s[start:end]
	if strings.Count(text, ":") < 2 || !plausibleIPv6(text) {
		return 0
	}
	if a, err := netip.ParseAddr(text); err != nil || !identifies(a) {
		return 0
	}
	return end
}

// plausibleIPv6 refuses what code and clocks write with double colons: an
// abbreviated address must have a group of three digits or an IPv4 tail.
func plausibleIPv6(s string) bool {
	if !strings.Contains(s, "::") || strings.Contains(s, ".") {
		return true
	}
	digits := strings.ContainsAny(s, "0123456789")
	for group := range strings.SplitSeq(s, ":") {
		if len(group) >= 3 && digits {
			return true
		}
	}
	return false
}
