package redaction

import (
	"encoding/base64"
	"strings"
)

// passwords recognises what is assigned to a password in prose, code and
// configuration.
func passwords() Detector {
	return Detector{
		Type: "PASSWORD",
		Words: []string{"password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "_pass", "dbpass", "pass=", "pass:",
			"pwd=", "pwd:", "pwd\"", "pwd'", "pwd ", "contraseña", "mot de passe", "пароль", "密码", "パスワード"},
		Find: func(c *Candidate) {
			if c.At(c.End-1) == '=' || c.At(c.End-1) == ':' || c.At(c.End-1) == '"' || c.At(c.End-1) == '\'' || c.At(c.End-1) == ' ' {
				c.End--
			}
			a := assignment(c.Text, c.Start, c.End)
			if a.ok && a.password() {
				c.Add(a.start, a.end)
			}
		},
	}
}

// secrets recognises what is assigned to a secret, token or key if it looks
// drawn at random.
func secrets() Detector {
	return Detector{
		Type: "SECRET",
		Words: []string{"secret", "token", "apikey", "api_key", "api-key", "api key", "_key", "-key", "accesskey", "secretkey",
			"privatekey", "authkey", "credential", "creds", "cookie", "authorization", "_auth", "_login"},
		Find: func(c *Candidate) {
			a := assignment(c.Text, c.Start, c.End)
			if a.ok && a.secret(c.Text[c.Start:c.End]) {
				c.Add(a.start, a.end)
			}
		},
	}
}

// An assigned is a value that stands behind a name.
type assigned struct {
	s          string
	name       int // where the name begins
	nameEnd    int
	start, end int // of the value
	operator   string
	quoted, ok bool
}

// maxAssigned bounds the values that are looked at.
const maxAssigned = 256

// assignment reads the rest of the name of which s[i:j] is a part, an operator
// and a value.
func assignment(s string, i, j int) assigned {
	a := assigned{s: s, name: i, nameEnd: nameEnd(s, j)}
	if a.nameEnd < 0 {
		return a
	}
	at1 := skipAny(s, a.nameEnd, "\"'`\\)]", 3)
	at1 = skipAny(s, at1, " \t", 8)
	op := operatorLen(s[at1:])
	if op == 0 {
		return a
	}
	a.operator = strings.Trim(s[at1:at1+op], " ")
	at1 = skipAny(s, at1+op, " \t", 8)
	for at1 < len(s) && strings.IndexByte("@bfr", s[at1]) >= 0 && strings.IndexByte("\"'", at(s, at1+1)) >= 0 && at(s, at1+1) != 0 {
		at1++
	}
	a.read(at1)
	return a
}

// nameEnd returns where the name that goes on at i ends, -1 if the word before
// i is only the beginning of another, as in tokenizer.
func nameEnd(s string, i int) int {
	if isLower(at(s, i)) && !(s[i] == 's' && !isLower(at(s, i+1))) {
		return -1
	}
	end := i
	for end < len(s) && end-i < maxName && (isWord(s[end]) || s[end] == '-' || s[end] == '.' && isWord(at(s, end+1))) {
		end++
	}
	return end
}

// skipAny steps over at most n bytes of set.
func skipAny(s string, i int, set string, n int) int {
	for ; n > 0 && i < len(s) && strings.IndexByte(set, s[i]) >= 0; n-- {
		i++
	}
	return i
}

// operatorLen returns the length of the operator or word of assignment or
// comparison that s begins with.
func operatorLen(s string) int {
	for _, op := range [...]string{":::=", "===", "!==", "::=", "||=", "=>", ":=", "?=", ".=", "+=", "==", "!=", "||", "=", ":", ",", "(", ">", "：",
		"is: ", "is ", "was ", "ist ", "lautet ", "es ", "est ", "は", "是"} {
		if strings.HasPrefix(s, op) {
			return len(op)
		}
	}
	return 0
}

// read reads the value at i, with quotes about it or up to a delimiter.
func (a *assigned) read(i int) {
	s := a.s
	escaped := at(s, i) == '\\' && (at(s, i+1) == '"' || at(s, i+1) == '\'')
	if escaped {
		i++
	}
	quote := at(s, i)
	if quote == '"' || quote == '\'' || quote == '`' {
		a.start = i + 1
		for end := a.start; end < len(s) && end-a.start <= maxAssigned && s[end] != '\n'; end++ {
			if s[end] == '\\' && !escaped && end+1 < len(s) && s[end+1] != '\n' {
				end++
				continue
			}
			if s[end] == quote || escaped && s[end] == '\\' {
				a.end, a.quoted, a.ok = end, true, end > a.start
				return
			}
		}
	} else {
		a.start = i
	}
	end := a.start
	for end < len(s) && end-a.start <= maxAssigned && s[end] > ' ' && strings.IndexByte("\"'`,;&<>", s[end]) < 0 {
		end++
	}
	for end > a.start && strings.IndexByte(".:!?)", s[end-1]) >= 0 {
		end--
	}
	a.end = end
	a.ok = end > a.start && end-a.start <= maxAssigned
}

func (a *assigned) value() string { return a.s[a.start:a.end] }

// password reports whether the value is a password. A quoted value is one
// unless it reads like prose; one without quotes must have a digit or a sign
// in it and must not be code, or stand in a query or in configuration.
func (a *assigned) password() bool {
	v := a.value()
	if len(v) < 4 || placeholder(v) || len(v) > 128 || strings.Contains(v, "://") {
		return false
	}
	word := a.operator == "" || isLetter(a.operator[0])
	switch {
	case a.operator == "," || a.operator == "(" || a.operator == ">" || a.operator == "||":
		return a.quoted && !strings.Contains(v, " ") && strong(v)
	case a.quoted:
		return !word && strings.Count(v, " ") == 0 || strong(v) && strings.Count(v, " ") < 3
	case code(v):
		return false
	case word:
		return strong(v) && strings.ContainsAny(v, "0123456789")
	case strong(v):
		return true
	}
	before := at(a.s, a.name-1)
	return a.operator == "=" && (before == '?' || before == '&' || isUpper(a.s[a.name]) && isUpper(a.s[a.nameEnd-1]))
}

// strong reports whether v is more than a word: it has a digit or a sign.
func strong(v string) bool {
	letters := 0
	for i := range len(v) {
		if !isLetter(v[i]) && v[i] < 0x80 && strings.IndexByte("_-.' ", v[i]) < 0 {
			return len(v)-letters > 0
		}
		letters++
	}
	return false
}

// code reports whether v is an expression rather than a value: a call, an
// index, a member, a variable of a shell or template.
func code(v string) bool {
	if strings.IndexByte("$<{[(%*&/", v[0]) >= 0 {
		return true
	}
	for i := range len(v) {
		c := v[i]
		if c == '(' || c == '[' {
			return true
		}
		if !isWord(c) && c != '.' {
			return false
		}
	}
	return strings.Contains(v, ".") && !strings.ContainsAny(v, "0123456789")
}

// secret reports whether the value is a secret. word is what triggered.
func (a *assigned) secret(word string) bool {
	v := a.value()
	if a.operator != "" && isLetter(a.operator[0]) && !random(v, 20) {
		return false
	}
	if strings.HasPrefix(v, "/") || strings.HasPrefix(v, "$") || placeholder(v) || a.operator == "(" && !a.quoted {
		return false
	}
	least := 10
	if strings.EqualFold(word[1:], "key") {
		least = 20
		if publicName(lastWord(a.s, a.name)) {
			return false
		}
	}
	return random(v, least) && (len(v) >= 16 || entropy(v) >= 3.2)
}

// lastWord returns the letters before i.
func lastWord(s string, i int) []byte {
	begin := i
	for begin > 0 && isLetter(s[begin-1]) && i-begin < maxName {
		begin--
	}
	return []byte(strings.ToLower(s[begin:i]) + "key")
}

// headers recognises what follows Bearer and Basic.
func headers() Detector {
	return Detector{Type: "SECRET", Words: []string{"bearer ", "basic "}, Find: func(c *Candidate) {
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
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
