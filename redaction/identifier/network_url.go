package identifier

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// maxURL is what browsers and servers agree to take.
const maxURL = 2083

// URL reports whether the whole text is an http, https or ftp URL (RFC 3986)
// of a host with a domain or address; the scheme may be missing. A host is a
// domain with a plausible top-level domain, an IPv4 address or an IPv6 address
// in brackets.
func URL(text string) bool {
	if text == "" || len(text) > maxURL || strings.ContainsFunc(text, notInURL) {
		return false
	}
	rest, ok := withoutScheme(text)
	if !ok {
		return false
	}
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return authority(rest)
}

// notInURL reports whether a rune must be escaped: space, controls and what
// delimits URLs in texts.
func notInURL(r rune) bool {
	return r == '<' || r == '>' || unicode.IsSpace(r) || unicode.IsControl(r)
}

// withoutScheme returns the text behind the scheme; it refuses schemes other
// than those of the web and relative references. Without "//" a name before a
// colon is a scheme unless a port follows.
func withoutScheme(text string) (string, bool) {
	n := 0
	for n < len(text) && (alphanumeric(text[n]) || strings.IndexByte("+-.", text[n]) >= 0) {
		n++
	}
	name, rest := text[:n], text[n:]
	if after, ok := strings.CutPrefix(rest, "://"); ok {
		switch strings.ToLower(name) {
		case "http", "https", "ftp":
			return after, true
		}
		return "", false
	}
	if after, ok := strings.CutPrefix(rest, ":"); ok && name != "" {
		if end := strings.IndexAny(after, "/?#"); end >= 0 {
			after = after[:end]
		}
		return text, port(after)
	}
	return text, !strings.HasPrefix(text, "//")
}

// authority checks [user[:password]@]host[:port].
func authority(s string) bool {
	user, host, ok := strings.Cut(s, "@")
	if !ok {
		host = s
	} else if user == "" || user[0] == ':' && len(user) == 1 || strings.Count(user, ":") > 1 || strings.Contains(host, "@") {
		return false
	}
	if strings.HasPrefix(host, "[") {
		address, after, ok := strings.Cut(host[1:], "]")
		a, err := netip.ParseAddr(address)
		return ok && err == nil && a.Is6() && (after == "" || after[0] == ':' && port(after[1:]))
	}
	host, number, ok := strings.Cut(host, ":")
	if ok && !port(number) {
		return false
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return true
	}
	return domain(host)
}

// port reports whether s is empty or a number from 1 to 65535.
func port(s string) bool {
	if s == "" {
		return true
	}
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && isDigit(s[0])
}

// Limits of RFC 5321 §4.5.3.1, in bytes.
const maxLocalPart = 64

// Email reports whether the text is an address local@domain (RFC 5321 §4.1.2,
// RFC 6531 §3.3): dot-atom or quoted string, and the name of a host.
func Email(text string) bool {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > maxLocalPart {
		return false
	}
	local := text[:at]
	if !domain(text[at+1:]) {
		return false
	}
	if len(local) >= 2 && local[0] == '"' && local[len(local)-1] == '"' {
		return quoted(local[1 : len(local)-1])
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, notInAtom) {
			return false
		}
	}
	return true
}

func notInAtom(r rune) bool {
	if r < 0x80 {
		return !alphanumeric(byte(r)) && !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return r == unicode.ReplacementChar || unicode.IsSpace(r) || unicode.IsControl(r) || r == 0xA0
}

// quoted reports whether s can stand between quotes: quotes and backslashes
// have a backslash before them.
func quoted(s string) bool {
	escaped := false
	for _, r := range s {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"' || r == '\n' || r == '\r' || r == unicode.ReplacementChar:
			return false
		}
	}
	return !escaped
}
