package redaction

import "strings"

// links recognises addresses of the web and names of hosts. They are public
// more often than not and texts are hard to follow without them: the default
// that fits is to keep them. What is kept must not hide what stands within: a
// URL can hold a password, an address or a name.
func links() []Detector {
	return []Detector{
		{Type: "URL", Name: "url", Source: "RFC 3986", Bytes: ":", Next: "/", Find: url},
		{Type: "URL", Name: "url_www", Source: "RFC 3986 without a scheme", Words: []string{"www."}, WordStart: true, Find: urlWithoutScheme},
		{Type: "DOMAIN", Name: "domain", Source: "RFC 1035; IANA root zone", Words: topLevelDomains(), Find: domainName},
	}
}

// maxURL bounds what is read of a URL; one that is longer is none: it would be
// found piece by piece, round after round.
const maxURL = 2048

// url is triggered by the colon of scheme://.
func url(c *Candidate) {
	s := c.Text
	if !strings.HasPrefix(s[c.Start:], "://") {
		return
	}
	start := c.Start
	for start > 0 && c.Start-start < 16 && (isAlnum(s[start-1]) || strings.IndexByte("+-.", s[start-1]) >= 0) {
		start--
	}
	for start < c.Start && !isLetter(s[start]) {
		start++
	}
	if at(s, start-1) == '\\' && strings.IndexByte("nrt", s[start]) >= 0 {
		start++ // the n of an escaped line break
	}
	host := c.Start + len("://")
	if c.Start-start < 2 || !(isAlnum(at(s, host)) || at(s, host) == '[' || at(s, host) == '/' || at(s, host) >= 0x80 && letterAt(s, host)) {
		return
	}
	if end := urlEnd(s, host); end > host+1 {
		c.Add(start, end)
	}
}

// urlEnd returns where the URL that has got to i ends: before space, quotes
// and angle brackets, without punctuation of the sentence and with closing
// brackets only where they were opened.
func urlEnd(s string, i int) int {
	end, open := i, 0
	for end < len(s) && end-i < maxURL {
		c := s[end]
		if c <= ' ' || c == 0x7f || strings.IndexByte("\"<>`^{}|\\", c) >= 0 || c >= 0x80 && !letterAt(s, end) {
			break
		}
		if c == '(' {
			open++
		}
		if c == ')' {
			if open--; open < 0 {
				break
			}
		}
		if end++; c >= 0x80 {
			end = lettersEnd(s, end-1, 4)
		}
	}
	if end-i >= maxURL {
		return i
	}
	for end > i && strings.IndexByte(".,;:!?'*_]", s[end-1]) >= 0 && !(s[end-1] == ']' && strings.IndexByte(s[i:end], '[') >= 0) {
		end--
	}
	return end
}

// urlWithoutScheme reads www.example.com/path.
func urlWithoutScheme(c *Candidate) {
	s := c.Text
	if b := at(s, c.Start-1); isWord(b) || b == '.' || b == '/' || b == '@' || b == '-' {
		return
	}
	if host := domainEnd(s, c.Start); host > c.End && strings.IndexByte(s[c.End:host], '.') > 0 {
		c.Add(c.Start, pathEnd(s, host))
	}
}

// pathEnd returns where the path, query or port behind a host ends.
func pathEnd(s string, host int) int {
	switch at(s, host) {
	case '/', '?', '#':
		return urlEnd(s, host)
	case ':':
		if port := digitsWithin(s, host+1, 2, 5); port > 0 {
			return pathEnd(s, port)
		}
	}
	return host
}

// topLevelDomains are those by which a name of a host is found without a
// scheme: frequent ones of three letters and more, second levels of countries,
// and countries whose letters are no ending of files, where the name ends.
func topLevelDomains() []string {
	words := []string{".com", ".org", ".net", ".edu", ".gov", ".info", ".biz", ".mil", ".dev", ".app", ".cloud", ".online", ".site", ".store", ".shop", ".xyz", ".tech",
		".co.uk", ".org.uk", ".ac.uk", ".gov.uk", ".co.jp", ".ac.jp", ".co.il", ".co.nz", ".co.za", ".co.in", ".co.kr"}
	for _, country := range [...]string{"de", "fr", "nl", "eu", "ch", "se", "dk", "uk", "ru", "jp", "pl", "cz", "es"} {
		for _, after := range [...]string{" ", "/", ",", "\n", ")", "\""} {
			words = append(words, "."+country+after)
		}
	}
	return words
}

// domainName reads the name of a host whose last label is the trigger, and
// what follows it of a URL.
func domainName(c *Candidate) {
	s, end := c.Text, c.End
	if strings.IndexByte(" /,\n)\"", s[end-1]) >= 0 {
		end--
	}
	if after := at(s, end); isWord(after) || after == '-' || after == '(' || after == '=' || after == '.' && isAlnum(at(s, end+1)) || after == '@' || beyondWord(s, end) {
		return
	}
	start := c.Start
	for start > 0 && c.Start-start <= maxDomain && (isAlnum(s[start-1]) || s[start-1] == '-' || s[start-1] == '.' || s[start-1] >= 0x80 && withinWord(s, start) && alphabeticBefore(s, start)) {
		start -= charBefore(s, start)
	}
	if c.Start-start >= maxDomain {
		return // no name is so long
	}
	for start < c.Start && (s[start] == '-' || s[start] == '.') {
		start++
	}
	b := at(s, start-1)
	if c.Start-start < 2 || strings.IndexByte("@/_%$\\&=", b) >= 0 && b != 0 || strings.Contains(s[start:end], "..") || platform(s[start:c.Start], s[c.Start:end]) || hasFold(s[start:], "www.") {
		return
	}
	c.Add(start, pathEnd(s, end))
}

// platform reports whether host and ending are code or the name of a library:
// ASP.NET, console.info, self.app.
func platform(host, ending string) bool {
	if i := strings.LastIndexByte(host, '.'); i >= 0 {
		host = host[i+1:]
	}
	if ending == ".NET" || sameFold(ending, ".net") && sameFold(host, "asp", "vb", "ado", "ml") {
		return true
	}
	return sameFold(host, "self", "this", "log", "logger", "logging", "console", "data", "obj", "req", "res", "user", "item", "event", "args", "e", "system", "java", "org", "com", "require", "window", "torch", "model")
}

func alphabeticBefore(s string, i int) bool {
	return charBefore(s, i) > 0 && domainRune(s[i-charBefore(s, i):]) > 0
}

// charBefore returns the length of the character that ends at i.
func charBefore(s string, i int) int {
	n := 1
	for n < 4 && i > n && s[i-n]&0xC0 == 0x80 {
		n++
	}
	return n
}
