package redaction

import (
	"fmt"
	"strings"
)

// A Pseudonym returns the token for a value in normal form: 12 characters of
// a–z and 2–7, from a keyed pseudorandom function. It must be safe for
// concurrent use. An error makes redaction fail closed.
type Pseudonym func(value string) (string, error)

// tokenLen is the length of a pseudonym's token.
const tokenLen = 12

// maxType is the longest name of a type.
const maxType = 32

// token calls p and checks what it returns.
func (p Pseudonym) token(value string) (string, error) {
	if p == nil {
		return "", fmt.Errorf("%w: there is none to make them", ErrPseudonym)
	}
	t, err := p(value)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrPseudonym, err)
	}
	if len(t) != tokenLen || !isToken(t) {
		return "", fmt.Errorf("%w: not %d characters of a–z and 2–7", ErrPseudonym, tokenLen)
	}
	return t, nil
}

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if !('a' <= c && c <= 'z' || '2' <= c && c <= '7') {
			return false
		}
	}
	return true
}

// replacement returns the length of the replacement that s begins with, such as
// [EMAIL:k7m2qa5d3hx4] and [AGE:~30-39]; 0 if there is none. A mask such as
// [EMAIL] is text: there is nothing to find in it.
func replacement(s string) int {
	if len(s) < len("[AB]") || s[0] != '[' || !isUpper(s[1]) {
		return 0
	}
	n := 2
	for n < len(s) && n <= maxType && (isUpper(s[n]) || isDigit(s[n]) || s[n] == '_') {
		n++
	}
	if at(s, n) != ':' {
		return 0
	}
	if at(s, n+1) == '~' {
		return generalLen(s, n+2)
	}
	if end := n + 1 + tokenLen; end < len(s) && s[end] == ']' && isToken(s[n+1:end]) {
		return end + 1
	}
	return 0
}

// generalLen returns where the replacement whose general value begins at i
// ends, 0 if it does not.
func generalLen(s string, i int) int {
	for end := i; end < len(s) && end-i <= maxGeneral; end++ {
		if s[end] == ']' && end > i {
			return end + 1
		}
		if !isGeneral(s[end : end+1]) {
			return 0
		}
	}
	return 0
}

// isType reports whether s can be a type: 1 to 32 of A–Z, 0–9 and _, the
// first a letter.
func isType(s string) bool {
	for i, c := range []byte(s) {
		if !('A' <= c && c <= 'Z' || i > 0 && ('0' <= c && c <= '9' || c == '_')) {
			return false
		}
	}
	return s != "" && len(s) <= maxType
}

// UserType is the type of the pseudonym that stands for an event's user.
const UserType = "USER"

// User returns the pseudonym, [USER:…], of a user id as the publisher gives
// it. An id that is a pseudonym already, and the empty id, pass through. An
// id that is an e-mail address is normalised as one, so that it carries the
// token that the address has in text.
func User(id string, p Pseudonym) (string, error) {
	if id == "" || strings.HasPrefix(id, "["+UserType+":") && replacement(id) == len(id) {
		return id, nil
	}
	t, err := p.token(normalUser(id))
	if err != nil {
		return "", err
	}
	return "[" + UserType + ":" + t + "]", nil
}

func normalUser(id string) string {
	trimmed := strings.TrimSpace(id)
	if at := strings.IndexByte(trimmed, '@'); at > 0 {
		if start, end, ok := emailAt(trimmed, at, 1); ok && start == 0 && end == len(trimmed) {
			return normalEmail(trimmed)
		}
	}
	return trimmed
}
