package redaction

import (
	"encoding/base64"
	"strings"
)

// maxHeader bounds the JOSE header that is decoded. maxParts is how many parts
// an encrypted token has, RFC 7516 section 3.1: with more, each of many headers
// in a row would be read with all behind it.
const (
	maxHeader = 4096
	maxParts  = 5
)

// jwt recognises JSON web tokens, signed or encrypted, whose header decodes
// to an object with "alg" or "enc", also once more in base64.
func jwt() Detector {
	return Detector{Type: "JWT", Source: "RFC 7519, RFC 7515, RFC 7516", Version: 2, Prefixes: []string{"eyJ", "ZXlK"}, Find: func(c *Candidate) {
		if !isBase64URL(c.At(c.Start-1)) || urlEscape(c.Text, c.Start) || c.At(c.Start-1) == '_' {
			jwtAt(c, c.Start)
		}
	}}
}

// jwtAt adds the token that begins at i, if one does.
func jwtAt(c *Candidate, i int) {
	s := c.Text
	end := base64End(s, i)
	if strings.HasPrefix(s[i:], "ZXlK") {
		if end-i < 40 || !strings.HasPrefix(decode(s[i:i+40]), "eyJ") {
			return
		}
		c.Add(i, end+strings.Count(s[end:min(end+2, len(s))], "="))
		return
	}
	if !strings.HasPrefix(s[i:], "eyJ") || at(s, end) != '.' || end-i > maxHeader || !joseHeader(decode(s[i:end])) {
		return
	}
	payload := base64End(s, end+1)
	if payload-end < 4 {
		return
	}
	end = payload
	for parts := 2; parts < maxParts && at(s, end) == '.' && isBase64URL(at(s, end+1)); parts++ {
		end = base64End(s, end+1)
	}
	c.Add(i, end)
}

// urlEscape reports whether an escape such as %3D stands right before i.
func urlEscape(s string, i int) bool {
	return at(s, i-3) == '%' && isHex(at(s, i-2)) && isHex(at(s, i-1))
}

const base64URL = "abcdefghijklmnopqrstuvwxyz0123456789-_"

func isBase64URL(c byte) bool { return isWord(c) || c == '-' }

func base64End(s string, i int) int {
	for i < len(s) && isBase64URL(s[i]) {
		i++
	}
	return i
}

func decode(s string) string {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return ""
	}
	return string(b)
}

func joseHeader(s string) bool {
	return strings.HasPrefix(s, "{") && (strings.Contains(s, `"alg"`) || strings.Contains(s, `"enc"`))
}

// following returns the words that prefix and one more character make: for
// prefixes too short to trigger by themselves.
func following(prefix, alphabet string) []string {
	words := make([]string, 0, len(alphabet))
	for _, c := range alphabet {
		words = append(words, prefix+string(c))
	}
	return words
}
