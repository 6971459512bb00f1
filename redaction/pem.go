package redaction

import "strings"

const (
	pemBegin = "-----BEGIN "
	pemEnd   = "-----END "
	// maxPEM bounds a private key with its armour. Dashes end it, so every byte
	// is looked at once, however many keys begin.
	maxPEM = 1 << 20
	// minKey is the least base64 that makes armour hold a key.
	minKey = 24
)

// privateKey recognises armoured private keys, with line breaks as they are
// or as \n, and keys that were cut off before their end.
func privateKey() Detector {
	return Detector{Type: "PRIVATE_KEY", Source: "RFC 7468; RFC 4716; RFC 9580; PuTTY: appendix C", Version: 2, Words: []string{"-----begin ", "---- begin ssh2 ", "private-lines: "}, Find: func(c *Candidate) {
		if c.At(c.Start) != '-' {
			c.addPutty()
			return
		}
		if c.At(c.Start+4) == ' ' {
			c.addSSH2()
			return
		}
		s := c.Text[c.Start:min(len(c.Text), c.Start+maxPEM)]
		label, _, ok := strings.Cut(s[len(pemBegin):min(len(s), len(pemBegin)+80)], "-----")
		if !ok || !strings.Contains(label, "PRIVATE KEY") {
			return
		}
		body := len(pemBegin) + len(label) + len("-----")
		end := keyEnd(s, body)
		if next := strings.Index(s[body:], "-----"); next >= 0 && strings.HasPrefix(s[body+next:], pemEnd) {
			end = max(end, body+next)
			if rest := strings.Index(s[body+next+5:min(len(s), body+next+100)], "-----"); rest >= 0 {
				end = body + next + 5 + rest + 5
			}
			if base64Chars(s[body:body+next]) < minKey {
				return
			}
		}
		if base64Chars(s[body:end]) >= minKey {
			c.Add(c.Start, c.Start+end)
		}
	}}
}

// keyEnd returns where the headers and base64 that begin at i end.
func keyEnd(s string, i int) int {
	end := i
	for i < len(s) {
		c := s[i]
		switch {
		case isAlnum(c) || c == '+' || c == '/' || c == '=':
			run := i
			for i < len(s) && (isAlnum(s[i]) || s[i] == '+' || s[i] == '/' || s[i] == '=') {
				i++
			}
			if i-run < 16 && i < len(s) && s[i] != '\n' && s[i] != '\r' && s[i] != '\\' && !headerAt(s, run) {
				return end
			}
			end = i
		case c == '\\' && (at(s, i+1) == 'n' || at(s, i+1) == 'r'):
			i += 2
		case c <= ' ' || c == '-' || c == ':' || c == ',' || c == '.' || c == '\\':
			i++
		default:
			return end
		}
	}
	return end
}

// headerAt reports whether a line of armour headers such as "DEK-Info: " is
// where the run that begins at i stands.
func headerAt(s string, i int) bool {
	begin := max(0, i-len("Proc-Type: 4,"))
	line := s[begin+strings.LastIndexByte(s[begin:i], '\n')+1:]
	for _, h := range [...]string{"Proc-Type:", "DEK-Info:", "Version:", "Comment:", "Hash:"} {
		if strings.HasPrefix(line, h) {
			return true
		}
	}
	return false
}

func base64Chars(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if isAlnum(c) || c == '+' || c == '/' {
			n++
		}
	}
	return n
}

// addPutty adds the private lines of a key file of PuTTY.
func (c *Candidate) addPutty() {
	i := lineEnd(c.Text, c.End, min(len(c.Text), c.End+8)) + 1
	if i >= len(c.Text) || !isDigit(c.At(c.End)) {
		return
	}
	start := i
	for i < len(c.Text) && isBase64(c.Text[i]) {
		for i < len(c.Text) && isBase64(c.Text[i]) {
			i++
		}
		end := i
		i = skipAny(c.Text, i, "\r\n", 2)
		if end == i || c.At(i) == 'P' && strings.HasPrefix(c.Text[i:], "Private-") {
			i = end
			break
		}
	}
	if i = start + len(strings.TrimRight(c.Text[start:i], "\r\n")); base64Chars(c.Text[start:i]) >= minKey {
		c.Add(start, i)
	}
}

// addSSH2 adds a private key between the marks of SSH2.
func (c *Candidate) addSSH2() {
	const mark = " PRIVATE KEY ----"
	s := c.Text[c.Start:min(len(c.Text), c.Start+maxPEM)]
	head := strings.Index(s[:min(len(s), 80)], mark)
	if head < 0 {
		return
	}
	body := head + len(mark)
	if end := strings.Index(s[body:], "----"); end >= 0 {
		end = lineEnd(s, body+end, len(s))
		c.Add(c.Start, c.Start+end)
	}
}
