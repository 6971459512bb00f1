package redaction

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// secrets recognises what is assigned to a secret, token or key if it looks
// drawn at random.
func secrets() Detector {
	return Detector{
		Type: "GENERIC_SECRET", Version: 3,
		Words: []string{"secret", "secrete", "token", "apikey", "api_key", "api-key", "api key", "_key", "-key", "accesskey", "secretkey",
			"privatekey", "authkey", "credential", "creds", "cookie", "authorization", "_auth", "_login", "key=", "key =", "key:", "key\"", "key'", "key>", "sig=", "signature=", "apitoken",
			"session_id", "sessionid", "auth=", "auth:", "_pat=", "_pat:", "_pat ", "bearer=", "bearer:", "密钥", "токен", "ключ:"},
		Find: func(c *Candidate) {
			end := c.End
			for strings.IndexByte("=:\"'> ", c.Text[end-1]) >= 0 {
				end--
			}
			word := c.Text[c.Start:end]
			if a := assignment(c.Text, c.Start, end); a.ok && a.secret(word) {
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
const maxAssigned = 512

// assignment reads the rest of the name of which s[i:j] is a part, an operator
// and a value.
func assignment(s string, i, j int) assigned {
	a := assigned{s: s, name: i, nameEnd: nameEnd(s, j)}
	if a.nameEnd < 0 {
		return a
	}
	at1 := skipAny(s, a.nameEnd, "\"'`\\)[]*_0123456789", 6)
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
	at1 = skipAny(s, skipAny(s, at1+op, "*", 2), blank, 16) // **Password:** in Markdown
	if isLetter(at(s, at1)) || at(s, at1) == '@' {
		if q := at(s, at1+1); strings.IndexByte("@bfrBFR", s[at1]) >= 0 && (q == '"' || q == '\'') {
			at1++
		}
	}
	a.read(skipScheme(s, at1))
	return a
}

// skipScheme steps over the scheme of HTTP authorization that begins at i.
func skipScheme(s string, i int) int {
	quoted := 0
	if c := at(s, i); c == '"' || c == '\'' || c == '`' {
		quoted = 1
	}
	for _, scheme := range [...]string{"token ", "token token=", "apikey ", "key ", "ssws ", "geniekey ", "bot ", "bearer ", "private ", "sso-key ", "apitoken "} {
		if hasFold(s[i+quoted:], scheme) {
			return i + quoted + len(scheme)
		}
	}
	return i
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
	"->", "- ", "– ", "— ", "| ", "value=", "is: ", "is ", "was ", "ist: ", "ist ", "lautet: ", "lautet ", "es: ", "es ", "est: ", "est ", "è: ", "è ", "é: ", "é ", "är ", "er ", "on ", "to: ", "は", "是", "为", "為", "은 ", "는 "}

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
	end := a.bareEnd()
	for end > a.start && strings.IndexByte(".:)", s[end-1]) >= 0 && (s[end-1] != ')' || strings.IndexByte(s[a.start:end], '(') < 0) {
		end--
	}
	a.end = end
	a.ok = end > a.start && end-a.start <= maxAssigned
}

// leastASCII is how long a value is at least that a sign or an ideograph ends.
const leastASCII = 6

// ideographOrSign reports whether a character begins s that no word of an
// alphabet has: punctuation, a symbol, or one of a script without spaces.
func ideographOrSign(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return !unicode.IsLetter(r) && !unicode.IsMark(r) || ideographic(r)
}

// bareEnd returns where the value without quotes that begins at a.start ends.
// An & ends it in a query, a < that begins a tag, a > where a tag is open.
func (a *assigned) bareEnd() int {
	s, end := a.s, a.start
	query := strings.IndexByte("?&", at(s, a.name-1)) >= 0 || a.operator == "="
	for ; end < len(s) && end-a.start <= maxAssigned && s[end] > ' '; end++ {
		switch c := s[end]; {
		case strings.IndexByte("\"'`,;", c) >= 0,
			c >= 0x80 && utf8.RuneStart(c) && (a.operator[0] >= 0x80 || end-a.start >= leastASCII && ideographOrSign(s[end:])),
			c == '&' && query,
			c == '<' && (at(s, end+1) == '/' || end == a.start),
			c == '>' && (a.operator == ">" || at(s, end+1) <= ' ' || at(s, end+1) == '<'),
			c == '\\' && (at(s, end+1) == 'n' || at(s, end+1) == 'r' || at(s, end+1) == '"'):
			return end
		}
	}
	return end
}

func (a *assigned) value() string { return a.s[a.start:a.end] }

// loose reports whether the operator is a word of prose or a sign that means
// much else, too.
func (a *assigned) loose() bool {
	switch a.operator {
	case "value=":
		return false
	case "-", "–", "—", "|", "è", "é", "è:", "é:", "är", "是", "为", "為", "は", "은", "는":
		return true
	}
	return isLetter(a.operator[0])
}

// otherNames end names of what is about a secret and is none.
var otherNames = [...]string{"id", "ids", "name", "names", "url", "uri", "path", "file", "filename", "type", "length", "len", "size", "count", "limit", "expiry", "expires", "ttl", "arn", "version", "format",
	"policy", "hint", "field", "label", "prefix", "pattern", "regex", "usage", "usages", "provider", "endpoint", "algorithm", "alg", "reset", "resets", "ref", "reference", "location", "spec", "class", "ocid", "required",
	"enabled", "variable", "env", "key_name", "keyname", "domain", "host", "model", "encoder", "placeholder", "title", "description", "link", "page", "status", "error", "errors", "message", "text", "input", "output", "logits"}

// otherName reports whether a name says that its value is about a secret and
// is none: token_type, secretName, passwordField.
func otherName(name string) bool {
	for _, w := range &otherNames {
		n := len(name) - len(w)
		if n > 0 && hasFold(name[n:], w) && (!isLetter(name[n-1]) || isUpper(name[n]) && !isUpper(name[n-1])) {
			return !strings.EqualFold(name, "secret_id") && !strings.EqualFold(name, "secretid") && !strings.EqualFold(name, "session_id") && !strings.EqualFold(name, "sessionid")
		}
	}
	return false
}

// needsQuotes reports whether only a quoted value can follow the operator: it
// compares, calls or enumerates.
func (a *assigned) needsQuotes() bool {
	switch a.operator {
	case ",", "(", "||", "==", "!=", "===", "!==", "->":
		return true
	case ">": // of an XML element it stands at the name
		return at(a.s, a.nameEnd) != '>'
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
	if strings.IndexByte("$<{[(%*&/+", v[0]) >= 0 || v[len(v)-1] == '{' {
		return true
	}
	for i := range len(v) {
		if c := v[i]; !isWord(c) && c != '.' && !strings.HasPrefix(v[i:], "::") && (c != ':' || at(v, i-1) != ':') {
			return c == '(' || c == '[' || c == '{' && strings.Contains(v[:i], ".") || strings.HasPrefix(v[i:], "->")
		}
	}
	return strings.Contains(v, ".") && !strings.ContainsAny(v, "0123456789")
}

// secret reports whether the value is a secret. word is what triggered.
func (a *assigned) secret(word string) bool {
	v := a.value()
	if a.loose() && !random(v, 20) && !(a.quoted && random(v, 12)) || placeholder(v) || a.needsQuotes() && !a.quoted || otherName(a.s[a.name:a.nameEnd]) {
		return false
	}
	if strings.IndexByte("$<)", v[0]) >= 0 || v[0] == '/' && (len(v) < 32 || strings.Count(v, "/") > 5) || weakName(word) && publicKey(a.s, a.name, word) || strings.IndexByte(v, '/') >= 0 && !strings.ContainsAny(v, "0123456789") || fileName(v) {
		return false
	}
	if strongName(word) && len(v) >= 12 && strings.IndexByte(v, ' ') < 0 && strong(v) && !code(v) && !(spelled(v) && !a.quoted) && entropy(v) >= 3.5 && !strings.Contains(v, "://") {
		return true
	}
	if digitsEnd(v, 0) == len(v) {
		return serial(v) && (strings.EqualFold(word, "token") || strings.EqualFold(word, "secret"))
	}
	least := 10
	if weakName(word) {
		least = 20
		if uuid(v) {
			return false
		}
	}
	return random(v, least) && (len(v) >= 16 || entropy(v) >= 3.2) && !(spelled(v) && !strings.ContainsAny(v, "+/=")) && !ordinarySecret(v)
}

// weakName reports whether a word names much that is no secret.
func weakName(word string) bool {
	return len(word) > 2 && strings.EqualFold(word[1:], "key") || strings.EqualFold(word, "key") || strings.EqualFold(word, "cookie")
}

// ordinarySecret reports whether v is what is assigned to keys and tokens
// without being one: an address of a contract, a file, a date.
func ordinarySecret(v string) bool {
	return strings.HasPrefix(v, "0x") && len(v) == 42 || !uuid(v) && strings.HasPrefix(v, "20") && strings.Count(v, "-") >= 2
}

// serial reports whether v is a long number, as ids of clients are.
func serial(v string) bool {
	return len(v) >= 15 && len(v) <= 32 && digitsEnd(v, 0) == len(v) && variety(v) > 4
}

// strongName reports whether a word names nothing but secrets.
func strongName(word string) bool {
	switch strings.ToLower(word) {
	case "secret", "secrete", "apikey", "api_key", "api-key", "accesskey", "secretkey", "privatekey", "authkey", "_key":
		return true
	}
	return false
}

// publicKey reports whether the letters before i, with key behind them, name a
// key that is no secret. Where the word that begins at i is key alone, what
// stands before it belongs to it.
func publicKey(s string, i int, word string) bool {
	if strings.EqualFold(word, "key") && (at(s, i-1) == '_' || at(s, i-1) == '-' || at(s, i-1) == ' ') {
		i--
	}
	var buf [maxName + 3]byte
	n := maxName
	copy(buf[n:], "key")
	for i > 0 && n > 0 && isLetter(s[i-1]) {
		i--
		n--
		buf[n] = s[i] | 0x20
	}
	return publicName(buf[n:])
}
