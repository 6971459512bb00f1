package redaction

import (
	"encoding/base64"
	"strings"
)

// genericSecrets returns the detectors of secrets that no vendor's form gives
// away.
func genericSecrets() []Detector {
	return []Detector{headers(), curlUser(), commandPassword(), loginCall(), seedPhrase(), loginFile(), manifest(), passwordHash(), passwords(), secrets(), keyed()}
}

// headers recognises what follows Bearer and Basic.
func headers() Detector {
	return Detector{Type: "GENERIC_SECRET", Name: "authorization", Source: "RFC 6750; RFC 7617", Version: 2, Words: []string{"bearer ", "basic "}, WordStart: true, Find: func(c *Candidate) {
		if isWord(c.At(c.Start - 1)) {
			return
		}
		end := c.End
		for end < len(c.Text) && end-c.End <= maxKey && isTokenChar(c.Text[end]) {
			end++
		}
		for end > c.End && c.Text[end-1] == '.' {
			end--
		}
		v := c.Text[c.End:end]
		if c.End-c.Start == len("bearer ") && random(v, 12) || c.End-c.Start == len("basic ") && basic(v) {
			c.Add(c.End, end)
		}
	}}
}

// basic reports whether v is the base64 of user:password.
func basic(v string) bool {
	b, err := base64.StdEncoding.DecodeString(v)
	if err != nil {
		b, err = base64.RawStdEncoding.DecodeString(v)
	}
	if err != nil || strings.IndexByte(string(b), ':') < 0 {
		return false
	}
	odd := 0
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			odd++
		}
	}
	return odd*8 <= len(b)
}
