package redaction

import (
	"net/netip"
	"strconv"
	"strings"
)

// addresses4and6 recognises IPv4 and IPv6 addresses, with port or prefix length. In
// detectors of their own, whose operator is to keep by default, those that are
// the same for all: loopback and unspecified addresses, broadcast and masks.
func addresses4and6() []Detector {
	return []Detector{ipv4("ipv4", identifies), ipv4(localName, identifiesNobody), ipv6("ipv6", identifies), ipv6(localName, identifiesNobody)}
}

// localName is the detectors' of addresses that lead to nobody.
const localName = "ip_local"

// ipv4 recognises dotted quads but version and section numbers.
func ipv4(name string, wanted func(netip.Addr) bool) Detector {
	return Detector{
		Type: "IP_ADDRESS", Name: name, Source: "RFC 791, RFC 4632",
		Digits: Digits{Min: 4, Max: 12, MinGroups: 4, MaxGroups: 4},
		Context: []string{"version", "versions", "ver", "release", "firmware", "build", "revision", "section", "sections",
			"chapter", "clause", "paragraph", "figure", "table", "step", "article", "appendix"},
		Normal: normalIP,
		Find: func(c *Candidate) {
			for i := 1; i < 4; i++ {
				if c.Separator(i) != "." {
					return
				}
			}
			if partOfNumber(c) || userAgent(c) || c.Near(3) {
				return
			}
			if a, err := netip.ParseAddr(c.Text[c.Start:c.End]); err == nil && wanted(a) {
				c.Add(c.Start, withPort(c.Text, withPrefix(c.Text, c.End, 32)))
			}
		},
	}
}

// withPrefix returns end or, where a prefix length of at most longest bits
// follows, its end.
func withPrefix(s string, end, longest int) int {
	if at(s, end) != '/' {
		return end
	}
	to := digitsEnd(s, end+1)
	if bits, err := strconv.Atoi(s[end+1 : to]); err != nil || bits > longest || isWord(at(s, to)) || at(s, to) == '/' {
		return end
	}
	return to
}

// withPort returns end or, where a port follows, its end.
func withPort(s string, end int) int {
	if at(s, end) != ':' {
		return end
	}
	to := digitsEnd(s, end+1)
	if port, err := strconv.Atoi(s[end+1 : to]); err != nil || port > 65535 || isWord(at(s, to)) || at(s, to) == ':' {
		return end
	}
	return to
}

// partOfNumber reports whether digits, letters or dots go on around the quad.
func partOfNumber(c *Candidate) bool {
	before, after := c.At(c.Start-1), c.At(c.End)
	return isAlnum(before) || isAlnum(after) ||
		before == '.' && isWord(c.At(c.Start-2)) || after == '.' && isDigit(c.At(c.End+1))
}

// userAgent reports whether the quad is a product's version, as in
// Chrome/120.0.0.0: a slash after a letter before, two zeros at the end.
func userAgent(c *Candidate) bool {
	return c.At(c.Start-1) == '/' && isLetter(c.At(c.Start-2)) && strings.HasSuffix(c.Text[c.Start:c.End], ".0.0")
}

// identifies reports whether an address can lead to somebody.
func identifies(a netip.Addr) bool { return !identifiesNobody(a) }

func identifiesNobody(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsLoopback() || a.IsUnspecified() || a.Is4() && a.As4()[0] == 255
}

// normalIP returns the address alone, in its short form.
func normalIP(s string) string {
	if i := strings.IndexByte(s, '/'); i >= 0 {
		s = s[:i]
	} else if i := strings.IndexByte(s, ':'); i >= 0 && strings.Count(s, ":") == 1 {
		s = s[:i]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return s
	}
	return a.Unmap().WithZone("").String()
}

// maxIPv6 is the longest text form of an address.
const maxIPv6 = len("ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255")

// ipv6 is triggered by the first colon of an address.
func ipv6(name string, wanted func(netip.Addr) bool) Detector {
	return Detector{Type: "IP_ADDRESS", Name: name, Source: "RFC 4291, RFC 5952", Bytes: ":", Next: ":" + hexDigits, Normal: normalIP, Find: func(c *Candidate) {
		start := c.Start
		for isHex(c.At(start-1)) && c.Start-start < 5 {
			start--
		}
		if b := c.At(start - 1); isAlnum(b) || b == ':' || b == '.' {
			return
		}
		if start == c.Start && c.At(c.Start+1) != ':' {
			return
		}
		if end := ipv6End(c.Text, start, wanted); end > 0 {
			c.Add(start, withPrefix(c.Text, end, 128))
		}
	}}
}

// ipv6End returns where the address that begins at start ends, 0 if there is
// none.
func ipv6End(s string, start int, wanted func(netip.Addr) bool) int {
	end := start
	for end < len(s) && end-start <= maxIPv6 && (isHex(s[end]) || s[end] == ':' || s[end] == '.') {
		end++
	}
	if isAlnum(at(s, end)) {
		return 0
	}
	for end > start && (s[end-1] == '.' || s[end-1] == ':' && !strings.HasSuffix(s[start:end], "::")) {
		end--
	}
	text := s[start:end]
	if strings.Count(text, ":") < 2 {
		return 0
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !wanted(a) || !plausibleIPv6(text) && !(identifiesNobody(a) && bare(s, start, end)) {
		return 0
	}
	return withZone(s, end)
}

// withZone returns end or, where a zone such as %eth0 follows, its end.
func withZone(s string, end int) int {
	if at(s, end) != '%' {
		return end
	}
	to := end + 1
	for to-end < 16 && isAlnum(at(s, to)) {
		to++
	}
	if to == end+1 || isHex(s[end+1]) && isHex(at(s, end+2)) && to == end+3 {
		return end // nothing, or an escape such as %20
	}
	return to
}

// bare reports whether s[i:j], which code writes too, stands between spaces,
// at an end of the text or behind a sign of assignment, or has a prefix length.
func bare(s string, i, j int) bool {
	before, after := at(s, i-1), at(s, j)
	return (before == 0 || before == ' ' || before == '=' || before == '"') && (after == 0 || after == ' ' || after == '"' || after == '.' || withPrefix(s, j, 128) > j)
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
