package redaction

import (
	"slices"
	"strings"
)

// passwords recognises what is assigned to a password in prose, code and
// configuration.
func passwords() Detector {
	return Detector{
		Type: "PASSWORD", Version: 2,
		Words: []string{"password", "passwd", "passphrase", "passcode", "passwort", "kennwort", "_pass", "dbpass", "pass=", "pass:", "pass =", "-pass ", "pass\"", "pass'",
			"pwd=", "pwd:", "pwd\"", "pwd'", "pwd ", "_pw=", "_pw:", "_pw ", "-pw ", "pword", "contraseña", "contrasena", "mot de passe", "mot_de_passe", "motdepasse", "ароль", "ароля",
			"密码", "密碼", "口令", "パスワード", "비밀번호", "암호", "senha", "wachtwoord", "parola", "parola d'ordine", "lösenord", "adgangskode", "passord", "salasana", "hasło", "heslo", "şifre", "jelszó", "kodeord",
			"identified by ", "psk=", "psk:", "psk\"", "community string", "securestring "},
		Find: func(c *Candidate) {
			end := c.End
			for strings.IndexByte("=:\"' ", c.Text[end-1]) >= 0 {
				end--
			}
			a := assignment(c.Text, c.Start, end)
			if c.Text[end-1]|0x20 == 'y' && hasFold(c.Text[c.Start:], "identified by ") {
				a.operator = "="
				a.read(c.End)
			}
			if a.ok && a.password() {
				c.Add(a.start, a.end)
			} else if a.farther(); a.ok && a.password() && mixed(a.value()) {
				c.Add(a.start, a.end)
			}
			if a := compared(c.Text, c.Start); a.ok && strong(a.value()) && !placeholder(a.value()) {
				c.Add(a.start, a.end)
			}
		},
	}
}

// secrets recognises what is assigned to a secret, token or key if it looks
// drawn at random.
func secrets() Detector {
	return Detector{
		Type: "GENERIC_SECRET", Version: 2,
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

// belonging are the words by which a name goes on to say what a password is for.
var belonging = [...]string{"for ", "to ", "of ", "on ", "at ", "in ", "für ", "zum ", "zur ", "vom ", "de ", "del ", "della ", "du ", "pour ", "para ", "do ", "da ", "di ", "per ", "voor ", "van ", "для ", "от "}

// farther reads the value of "the password for the server is …": the name
// goes on for a few words of the same sentence.
func (a *assigned) farther() {
	s := a.s
	a.ok = false
	if a.nameEnd < 0 || at(s, a.nameEnd) != ' ' || !slices.ContainsFunc(belonging[:], func(w string) bool { return strings.HasPrefix(s[a.nameEnd+1:], w) }) {
		return
	}
	for i, limit := a.nameEnd, min(len(s), a.nameEnd+maxName); i < limit; i++ {
		switch c := s[i]; {
		case c == ':' && at(s, i+1) == ' ' || c == '=':
			a.operator = "is "
			a.read(skipAny(s, i+1, " ", 2))
			return
		case c == ' ' && strings.IndexByte("iwletv\xc3", at(s, i+1)) >= 0:
			for _, verb := range [...]string{"is ", "was ", "ist ", "lautet ", "es ", "est ", "è ", "é ", "to ", "war ", "era ", "var "} {
				if strings.HasPrefix(s[i+1:], verb) {
					a.operator = "is "
					a.read(skipAny(s, i+1+len(verb), " :", 2))
					if verb != "to " || a.ok && a.password() && mixed(a.value()) {
						return
					}
				}
			}
		case c < ' ' || strings.IndexByte(".;!?()[]{}\"<>|", c) >= 0:
			return
		}
	}
}

// mixed reports whether v has both letters and digits, or signs and letters,
// as only passwords do among what a sentence may say.
func mixed(v string) bool {
	letters, numbers, signs := false, false, false
	for i := range len(v) {
		switch c := v[i]; {
		case isLetter(c):
			letters = true
		case isDigit(c):
			numbers = true
		case strings.IndexByte("!@#$%^&*+=?~", c) >= 0:
			signs = true
		}
	}
	return len(v) >= 6 && letters && (numbers || signs) && !strings.HasPrefix(v, "$") && !ordinary(v)
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

// bareEnd returns where the value without quotes that begins at a.start ends.
// An & ends it in a query, a < that begins a tag, a > where a tag is open.
func (a *assigned) bareEnd() int {
	s, end := a.s, a.start
	query := strings.IndexByte("?&", at(s, a.name-1)) >= 0 || a.operator == "="
	for ; end < len(s) && end-a.start <= maxAssigned && s[end] > ' '; end++ {
		switch c := s[end]; {
		case strings.IndexByte("\"'`,;", c) >= 0,
			c >= 0x80 && a.operator[0] >= 0x80,
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

// password reports whether the value is a password. A quoted value is one
// unless it reads like prose; one without quotes must have a digit or a sign
// in it and must not be code, or stand in a query or in configuration.
func (a *assigned) password() bool {
	v := a.value()
	if len(v) < 4 || placeholder(v) || len(v) > 128 || strings.Contains(v, "://") || otherName(a.s[a.name:a.nameEnd]) {
		return false
	}
	switch {
	case v[0] == ')' || v[0] == '\\':
		return false // the quote before it closed a prompt
	case strings.HasPrefix(a.s[a.name:], "PASS:") && at(a.s, a.name-1) <= ' ':
		return false // a test passed
	case a.needsQuotes():
		return a.quoted && !strings.Contains(v, " ") && strong(v) && (a.operator != "->" || mixed(v))
	case a.quoted:
		return !a.loose() && strings.Count(v, " ") == 0 || strong(v) && strings.Count(v, " ") < 3
	case code(v):
		return false
	case a.loose():
		return strong(v) && (strings.ContainsAny(v, "0123456789") || mixed(v)) && !encoding(v) && !ordinary(v) || a.confessed()
	case strong(v):
		return true
	}
	before := at(a.s, a.name-1)
	return a.operator == "=" && (before == '?' || before == '&' || isUpper(a.s[a.name]) && isUpper(a.s[a.nameEnd-1])) || a.soleOnLine()
}

// soleOnLine reports whether a line has nothing but the name, its operator and
// one lower-case word that is none of schemas and forms: "password: swordfish".
func (a *assigned) soleOnLine() bool {
	if a.operator != ":" && (a.operator != "=" || at(a.s, a.start-1) != '=') || !plainWord(a.value()) || at(a.s, a.end) > ' ' {
		return false
	}
	rest := a.s[a.end:min(len(a.s), a.end+8)]
	if rest = strings.TrimLeft(rest, " \t\r"); rest != "" && rest[0] != '\n' {
		return false
	}
	begin := a.name
	for begin > 0 && a.name-begin < maxName && (isWord(a.s[begin-1]) || a.s[begin-1] == '-' || a.s[begin-1] == '.') {
		begin--
	}
	line := strings.TrimRight(a.s[max(0, begin-maxName):begin], " \t")
	return (line == "" || line[len(line)-1] == '\n') && isLower(a.s[a.name])
}

// confessed reports whether somebody tells a password that is a word: "my
// password is swordfish."
func (a *assigned) confessed() bool {
	before := a.s[max(0, a.name-8):a.name]
	return a.operator == "is" && len(before) >= 3 && hasFold(before[len(before)-3:], "my ") && plainWord(a.value()) && strings.IndexByte("\x00\n.,;!", at(a.s, a.end)) >= 0
}

// plainWord reports whether v is a word that can be a password: none that
// schemas, forms and complaints have in its place.
func plainWord(v string) bool {
	if len(v) < 5 || len(v) > 32 {
		return false
	}
	for i := range len(v) {
		if !isLetter(v[i]) && v[i] != '_' && v[i] != '-' {
			return false
		}
	}
	switch strings.ToLower(v) {
	case "required", "optional", "string", "varchar", "hidden", "invalid", "incorrect", "wrong", "correct", "missing", "expired", "empty", "blank", "enter", "input", "value", "values", "field",
		"never", "always", "secret", "secure", "strong", "safe", "unknown", "number", "integer", "boolean", "object", "array", "plain", "plaintext", "encrypted", "hashed", "masked", "redacted",
		"default", "disabled", "enabled", "forgotten", "compromised", "stolen", "leaked", "valid", "valuable", "private", "confidential", "changed", "reset", "gone", "known", "stored", "false", "undefined",
		"insecure", "unique", "simple", "complex", "there", "below", "above", "personal", "sensitive", "exposed", "accepted", "rejected", "ready", "needed", "protected", "public", "weak", "short", "longer", "inputs":
		return false
	}
	return true
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
