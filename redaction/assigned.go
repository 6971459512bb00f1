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
			"pwd=", "pwd:", "pwd\"", "pwd'", "pwd ", "_pw=", "_pw:", "_pw ", "contraseña", "mot de passe", "пароль", "密码", "パスワード"},
		Find: func(c *Candidate) {
			end := c.End
			for strings.IndexByte("=:\"' ", c.Text[end-1]) >= 0 {
				end--
			}
			if a := assignment(c.Text, c.Start, end); a.ok && a.password() {
				c.Add(a.start, a.end)
			}
			if a := compared(c.Text, c.Start); a.ok && strong(a.value()) {
				c.Add(a.start, a.end)
			}
		},
	}
}

// secrets recognises what is assigned to a secret, token or key if it looks
// drawn at random.
func secrets() Detector {
	return Detector{
		Type: "GENERIC_SECRET",
		Words: []string{"secret", "secrete", "token", "apikey", "api_key", "api-key", "api key", "_key", "-key", "accesskey", "secretkey",
			"privatekey", "authkey", "credential", "creds", "cookie", "authorization", "_auth", "_login"},
		Find: func(c *Candidate) {
			word := c.Text[c.Start:c.End]
			if a := assignment(c.Text, c.Start, c.End); a.ok && a.secret(word) {
				c.Add(a.start, a.end)
			}
			if a := compared(c.Text, c.Start); a.ok && a.secret(word) {
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
	at1 := skipAny(s, a.nameEnd, "\"'`\\)[]0123456789", 6)
	at1 = skipAny(s, at1, " \t", 8)
	at1 += typeLen(s[at1:])
	op := operatorLen(s[at1:])
	switch {
	case op > 0:
		a.operator = strings.Trim(s[at1:at1+op], " ")
	case at1 > a.nameEnd && (strings.HasSuffix(flagPrefix(s, i), "--") || at(s, at1) == '"' || at(s, at1) == '\''):
		a.operator = " "
	default:
		return a
	}
	blank := " \t"
	if a.operator == ">" {
		blank = " \t\r\n"
	}
	at1 = skipAny(s, at1+op, blank, 16)
	if isLetter(at(s, at1)) || at(s, at1) == '@' {
		if q := at(s, at1+1); strings.IndexByte("@bfrBFR", s[at1]) >= 0 && (q == '"' || q == '\'') {
			at1++
		}
	}
	a.read(at1)
	return a
}

// flagPrefix returns what stands before the name around i.
func flagPrefix(s string, i int) string {
	begin := i
	for begin > 0 && i-begin < maxName && (isWord(s[begin-1]) || s[begin-1] == '-' && !strings.HasSuffix(s[:begin], "--")) {
		begin--
	}
	return s[max(0, begin-2) : begin+min(1, i-begin)]
}

// typeLen returns the length of a type between name and operator, as in
// "token string = " and "token: str = ".
func typeLen(s string) int {
	for _, typ := range [...]string{"string = ", ": string = ", ": str = ", ":string = ", ":str = "} {
		if strings.HasPrefix(s, typ) {
			return len(typ) - len("= ")
		}
	}
	return 0
}

// compared reads the quoted value in "value" == name, i being within the name.
func compared(s string, i int) assigned {
	var a assigned
	begin := i
	for begin > 0 && i-begin < maxName && isWord(s[begin-1]) {
		begin--
	}
	end := len(strings.TrimRight(s[max(0, begin-4):begin], " ")) + max(0, begin-4)
	if end < 2 || s[end-1] != '=' || s[end-2] != '=' && s[end-2] != '!' {
		return a
	}
	end = max(0, end-6) + len(strings.TrimRight(s[max(0, end-6):end], "=! "))
	if end < 2 || s[end-1] != '"' && s[end-1] != '\'' {
		return a
	}
	from := max(0, end-1-maxAssigned)
	open := strings.LastIndexByte(s[from:end-1], s[end-1])
	if open < 0 || strings.ContainsAny(s[from+open:end], "\n") {
		return a
	}
	return assigned{s: s, name: i, nameEnd: i, start: from + open + 1, end: end - 1, operator: "==", quoted: true, ok: from+open+1 < end-1}
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

// operators are what can stand between a name and its value, longer ones
// before their beginnings.
var operators = [...]string{":::=", "===", "!==", "::=", "||=", "=>", ":=", "?=", ".=", "+=", "==", "!=", "||", "=", ":", ",", "(", ">", "：",
	"value=", "is: ", "is ", "was ", "ist ", "lautet ", "es ", "est ", "は", "是"}

// operatorLen returns the length of the operator or word of assignment or
// comparison that s begins with.
func operatorLen(s string) int {
	if s == "" {
		return 0
	}
	for _, op := range &operators {
		if op[0] == s[0] && strings.HasPrefix(s, op) {
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
	for end > a.start && strings.IndexByte(".:)", s[end-1]) >= 0 {
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
	word := isLetter(a.operator[0]) && a.operator != "value="
	switch {
	case v[0] == ')' || v[0] == '\\':
		return false // the quote before it closed a prompt
	case a.needsQuotes():
		return a.quoted && !strings.Contains(v, " ") && strong(v)
	case a.quoted:
		return !word && strings.Count(v, " ") == 0 || strong(v) && strings.Count(v, " ") < 3
	case code(v):
		return false
	case word:
		return strong(v) && strings.ContainsAny(v, "0123456789") && !encoding(v)
	case strong(v):
		return true
	}
	before := at(a.s, a.name-1)
	return a.operator == "=" && (before == '?' || before == '&' || isUpper(a.s[a.name]) && isUpper(a.s[a.nameEnd-1]))
}

// needsQuotes reports whether only a quoted value can follow the operator: it
// compares, calls or enumerates.
func (a *assigned) needsQuotes() bool {
	switch a.operator {
	case ",", "(", "||", "==", "!=", "===", "!==":
		return true
	case ">": // of an XML element it stands at the name
		return at(a.s, a.nameEnd) != '>'
	}
	return false
}

// encoding reports whether v names how passwords are kept: "the password is
// base64".
func encoding(v string) bool {
	switch strings.ToLower(v) {
	case "base64", "md5", "sha1", "sha256", "sha512", "utf8", "utf-8":
		return true
	}
	return false
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
		if c := v[i]; !isWord(c) && c != '.' {
			return c == '(' || c == '['
		}
	}
	return strings.Contains(v, ".") && !strings.ContainsAny(v, "0123456789")
}

// secret reports whether the value is a secret. word is what triggered.
func (a *assigned) secret(word string) bool {
	v := a.value()
	if isLetter(a.operator[0]) && !random(v, 20) || placeholder(v) || a.needsQuotes() && !a.quoted {
		return false
	}
	if strings.IndexByte("/$<)\\", v[0]) >= 0 || strings.IndexByte(v, '/') >= 0 && !strings.ContainsAny(v, "0123456789") {
		return false
	}
	if strongName(word) && len(v) >= 12 && strings.IndexByte(v, ' ') < 0 && strong(v) && !code(v) && entropy(v) >= 3.5 && !strings.Contains(v, "://") {
		return true
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

// strongName reports whether a word names nothing but secrets.
func strongName(word string) bool {
	switch strings.ToLower(word) {
	case "secret", "secrete", "apikey", "api_key", "api-key", "accesskey", "secretkey", "privatekey", "authkey", "_key":
		return true
	}
	return false
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
	return Detector{Type: "GENERIC_SECRET", Words: []string{"bearer ", "basic "}, WordStart: true, Find: func(c *Candidate) {
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

// curlUser recognises the user and password that curl is given.
func curlUser() Detector {
	return Detector{Type: "URL_CREDENTIALS", Words: []string{"curl "}, Find: func(c *Candidate) {
		line := c.Text[c.End:min(len(c.Text), c.End+maxKey)]
		for _, flag := range [...]string{" -u ", " --user ", " -u", " --user="} {
			i := strings.Index(line, flag)
			if i < 0 {
				continue
			}
			a := assigned{s: c.Text}
			a.read(c.End + i + len(flag))
			user, password, ok := strings.Cut(a.value(), ":")
			if a.ok && ok && !strings.Contains(a.value(), " ") && (strong(password) && !placeholder(password) || strong(user) && password == "") {
				c.Add(a.start, a.end)
			}
			return
		}
	}}
}
