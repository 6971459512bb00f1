package redaction

import "strings"

// maxAuthority bounds the authority of a URL that is looked at.
const maxAuthority = 512

// credentials recognises user and password in scheme://user:password@host, and
// a token alone in the place of the user. Scheme and host stay.
func credentials() Detector {
	return Detector{Type: "URL_CREDENTIALS", Bytes: ":", Next: "/", Find: func(c *Candidate) {
		if !strings.HasPrefix(c.Text[c.Start:], "://") || !isAlnum(c.At(c.Start-1)) {
			return
		}
		start := c.Start + len("://")
		end := userinfoEnd(c.Text, start)
		if end < 0 {
			return
		}
		user, password, ok := strings.Cut(c.Text[start:end], ":")
		if ok && strings.Trim(password, "*") != "" && !template(password) && !template(user) && !variable(password) || !ok && random(user, 16) {
			c.Add(start, end)
		}
	}}
}

// userinfoEnd returns where the last @ of the authority that begins at i
// stands, -1 if there is none.
func userinfoEnd(s string, i int) int {
	at := -1
	for j := i; j < len(s) && j-i < maxAuthority; j++ {
		switch c := s[j]; {
		case c == '@':
			at = j
		case c <= ' ' || strings.IndexByte("/?#\"'<>`\\", c) >= 0:
			return at
		}
	}
	return at
}
