package identifier

import (
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"strconv"
	"strings"
)

// JWT reports whether the text is a JSON Web Token in compact form: a header
// that is an object with "alg", a payload that is an object and a signature
// (RFC 7515 §7.1, RFC 7519 §7.2), or five parts whose header has "enc" too
// (RFC 7516 §7.1).
func JWT(text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 3 && len(parts) != 5 {
		return false
	}
	for _, p := range parts {
		if _, err := base64.RawURLEncoding.DecodeString(p); err != nil {
			return false
		}
	}
	header, ok := object(parts[0])
	if !ok || header["alg"] == nil {
		return false
	}
	if len(parts) == 5 {
		return header["enc"] != nil
	}
	_, ok = object(parts[1])
	return ok && parts[2] != ""
}

// object decodes a JSON object in base64url.
func object(part string) (map[string]json.RawMessage, bool) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	var o map[string]json.RawMessage
	return o, err == nil && json.Unmarshal(b, &o) == nil && o != nil
}

// The tokens that GitHub gives out since April 2021 begin with one of these
// (https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/).
const gitHubPrefixes = "ghp_ gho_ ghu_ ghs_ ghr_"

// GitHubToken reports whether the text is a token of GitHub's with the right
// checksum.
func GitHubToken(text string) bool {
	return len(text) == 40 && strings.Contains(gitHubPrefixes, text[:4]) && text[3] == '_' && tokenChecksum(text[4:])
}

// ChecksumToken reports whether the text is a token of the design that GitHub
// published and others, such as npm, follow: a prefix, an underscore, 30
// random characters and six of checksum.
func ChecksumToken(text string) bool {
	i := strings.LastIndexByte(text, '_')
	return i > 0 && len(text)-i-1 == 36 && tokenChecksum(text[i+1:])
}

// tokenChecksum reports whether the last six characters are the CRC-32 of the
// others in base 62, with zeros before it.
func tokenChecksum(s string) bool {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body, check := s[:len(s)-6], s[len(s)-6:]
	if strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 || !alphanumeric(byte(r)) }) {
		return false
	}
	sum := crc32.ChecksumIEEE([]byte(body))
	for i := len(check) - 1; i >= 0; i-- {
		if check[i] != alphabet[sum%62] {
			return false
		}
		sum /= 62
	}
	return sum == 0
}

// AtlassianToken reports whether the text is an API token of Atlassian's: ATATT
// or ATCTT, base64url, and eight hexadecimal digits of CRC-32 over all
// before them, the equals sign that ends the base64 included.
func AtlassianToken(text string) bool {
	i := strings.LastIndexByte(text, '=') + 1
	if i < 20 || len(text)-i != 8 || !strings.HasPrefix(text, "ATATT") && !strings.HasPrefix(text, "ATCTT") {
		return false
	}
	sum, err := strconv.ParseUint(text[i:], 16, 32)
	return err == nil && uint32(sum) == crc32.ChecksumIEEE([]byte(text[:i]))
}
