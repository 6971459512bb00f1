package redaction

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"unicode"
)

// A keyClass says what the name of a field or variable makes of its value.
type keyClass uint8

const (
	noKey       keyClass = iota
	passwordKey          // the value is a password, whatever it looks like
	secretKey            // the value is a secret, whatever it looks like
	weakKey              // the value is a secret if it looks like one
	passKey              // the value is a password if it has letters and digits or signs
)

type ending struct {
	ending string
	class  keyClass
}

// keyEndings says what names that end so, without separators and in lower
// case, make of their values.
var keyEndings = []ending{
	{"password", passwordKey}, {"passwd", passwordKey}, {"passphrase", passwordKey}, {"passcode", passwordKey},
	{"pwd", passwordKey}, {"passwort", passwordKey}, {"contraseña", passwordKey}, {"motdepasse", passwordKey}, {"senha", passwordKey},
	{"wachtwoord", passwordKey}, {"пароль", passwordKey}, {"密码", passwordKey}, {"密碼", passwordKey}, {"パスワード", passwordKey}, {"비밀번호", passwordKey}, {"lösenord", passwordKey},
	{"kennwort", passwordKey}, {"passwords", passwordKey},
	{"apikey", secretKey}, {"apikeys", secretKey}, {"secret", secretKey}, {"secretkey", secretKey}, {"secretaccesskey", secretKey},
	{"privatekey", secretKey}, {"accesstoken", secretKey}, {"refreshtoken", secretKey}, {"authtoken", secretKey},
	{"bearertoken", secretKey}, {"sessiontoken", secretKey}, {"idtoken", secretKey}, {"apitoken", secretKey},
	{"authorization", secretKey}, {"encryptionkey", secretKey}, {"signingkey", secretKey}, {"accountkey", secretKey},
	{"setcookie", secretKey}, {"connectionstring", secretKey}, {"clientkey", weakKey}, {"accesskey", weakKey},
	{"token", weakKey}, {"tokens", weakKey}, {"secrets", weakKey}, {"credential", weakKey}, {"credentials", weakKey},
	{"creds", weakKey}, {"cookie", weakKey}, {"auth", weakKey}, {"key", weakKey}, {"pass", passKey}, {"pw", passKey},
}

// maxName bounds the end of a name that is looked at.
const maxName = 40

// classify says what the name of a field makes of its value.
func classify(name string) keyClass {
	var buf [maxName]byte
	n := len(buf)
	for i := len(name) - 1; i >= 0 && n > 0; i-- {
		c := name[i]
		if c == '_' || c == '-' || c == '.' || c == ' ' {
			continue
		}
		if isUpper(c) {
			c |= 0x20
		}
		n--
		buf[n] = c
	}
	if n == len(buf) {
		return noKey
	}
	return classifyFolded(bareName(buf[n:]))
}

// bareName cuts what stands behind password in the names of fields that hold
// one all the same: numbers, and which of several it is.
func bareName(name []byte) []byte {
	for len(name) > 1 && isDigit(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	for _, which := range [...]string{"confirmation", "confirm", "again", "repeat", "new", "old", "prod", "dev", "test", "staging", "value", "plain"} {
		if cut, ok := bytes.CutSuffix(name, []byte(which)); ok && (bytes.HasSuffix(cut, []byte("password")) || bytes.HasSuffix(cut, []byte("passwd"))) {
			return cut
		}
	}
	return name
}

// endingsBy has keyEndings by their last letter.
var endingsBy = func() (by [256][]ending) {
	for _, e := range slices.Concat(keyEndings, personalKeys) {
		last := e.ending[len(e.ending)-1]
		by[last] = append(by[last], e)
	}
	return by
}()

func classifyFolded(name []byte) keyClass {
	for _, e := range endingsBy[name[len(name)-1]] {
		if len(name) < len(e.ending) || string(name[len(name)-len(e.ending):]) != e.ending {
			continue
		}
		if e.ending == "key" && publicName(name) {
			return noKey
		}
		return e.class
	}
	return noKey
}

// publicName reports whether a key is one that is no secret.
func publicName(name []byte) bool {
	for _, w := range [...]string{"public", "primary", "foreign", "sort", "partition", "cache", "storage", "object", "row", "hot"} {
		if strings.HasPrefix(string(name), w) {
			return true
		}
	}
	return len(name) == len("key")
}

// secret returns the type under which a value goes as a whole because of its
// key, "" if it stays.
func (k keyClass) secret(value string) string {
	switch {
	case k == noKey || strings.HasPrefix(value, pemBegin) && strings.Contains(value, "PRIVATE KEY"):
		return "" // a private key is found by itself
	case (k == passwordKey || k == secretKey) && vacant(value), k != passwordKey && k != secretKey && placeholder(value):
		return ""
	case k >= personKey:
		return k.personal(value)
	case k == passwordKey:
		return "PASSWORD"
	case k == passKey:
		if mixed(value) {
			return "PASSWORD"
		}
		return ""
	case k == secretKey || random(value, 16):
		return "GENERIC_SECRET"
	}
	return ""
}

// vacant reports whether a value under a key that says password or secret is
// none: nothing, what redaction put there, filling, exactly a template, or a
// word of schemas. Where the key is so plain, what only looks like a
// placeholder goes.
func vacant(v string) bool {
	v = strings.TrimSpace(v)
	if v == "" || v[0] == '[' && (replacement(v) == len(v) || v[len(v)-1] == ']' && isType(v[1:len(v)-1])) || strings.Trim(v, "*•.xX#-_?…0") == "" {
		return true
	}
	for _, t := range [...]struct{ begin, end string }{{"${", "}"}, {"{{", "}}"}, {"$(", ")"}, {"<", ">"}, {"%(", ")s"}} {
		if name, ok := strings.CutPrefix(v, t.begin); ok {
			if name, ok = strings.CutSuffix(name, t.end); ok && plainName(name) {
				return true
			}
		}
	}
	switch strings.ToLower(v) {
	case "null", "none", "nil", "true", "false", "undefined", "string", "str", "text", "number", "boolean", "required", "optional", "redacted", "hidden", "password", "secret", "token":
		return true
	}
	return false
}

// plainName reports whether a template names a variable: letters, signs of
// names, spaces.
func plainName(s string) bool {
	return len(s) > 0 && len(s) <= 48 && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !strings.ContainsRune("_-. ", r) }) < 0
}

// placeholder reports whether a value stands for a secret without being one:
// nothing, a pseudonym, a mask, a template, a word of schemas and forms.
func placeholder(v string) bool {
	v = strings.Trim(v, " \t\r\n")
	if v == "" || v[0] == '[' && (replacement(v) == len(v) || v[len(v)-1] == ']' && isType(v[1:len(v)-1])) || strings.Trim(v, "*•.xX#-_?…0") == "" {
		return true
	}
	if template(v) || variable(v) {
		return true
	}
	if len(v) > maxPlaceholder {
		return false
	}
	lower := strings.ToLower(v)
	switch lower {
	case "null", "none", "nil", "true", "false", "undefined", "string", "str", "text", "required", "optional", "redacted", "hidden", "[redacted]", "[hidden]", "masked", "encrypted", "base64", "varchar",
		"password", "passwd", "secret", "token", "your_password", "yourpassword", "your-password", "%s", "%v", "%d", "%q", "%r", "optional[str]", "void", "number", "boolean", "todo", "tbd", "n/a", "empty", "<nil>":
		return true
	}
	for _, begin := range [...]string{"your_", "your-", "your ", "<your", "yourpass", "yournew", "yoursecret", "yourtoken", "yourkey", "yourapi", "required|", "nullable", "insert_", "insert-", "enter_", "replace_", "replace-", "put_your", "my_secret_", "path/to", "/path/to", "example_", "example-", "os.", "process.", "env.", "config.", "settings.", "secrets.", "vars."} {
		if strings.HasPrefix(lower, begin) {
			return true
		}
	}
	for _, within := range [...]string{"your_", "your-", "_here", "-here", "placeholder", "xxxxxx", "<redacted>", "put_your", "change_me", "change-me", "******", "environ[", "getenv(", "os.environ", "process.env", "redacted"} {
		if strings.Contains(lower, within) {
			return true
		}
	}
	return false
}

// maxPlaceholder bounds the values that are taken for words that stand for a
// secret.
const maxPlaceholder = 96

// variable reports whether v is $NAME, $name, $1 and the like.
func variable(v string) bool {
	if v[0] != '$' || len(v) > 64 {
		return false
	}
	for i := 1; i < len(v); i++ {
		if !isWord(v[i]) && v[i] != ':' {
			return false
		}
	}
	return len(v) > 1 && (isUpper(v[1]) && strings.ToUpper(v) == v || isLower(v[1]) || v[1] == '_' || len(v) == 2)
}

// template reports whether v is a place to put a value in: ${X}, {{x}}, <x>,
// [x], %x%, $(x) and the like.
func template(v string) bool {
	for _, t := range [...]struct{ begin, end string }{{"${", "}"}, {"{", "}"}, {"<", ">"}, {"%(", ")s"}, {"$(", ")"}, {"[", "]"}, {"%", "%"}, {"${{", "}}"}, {"{{", "}}"}, {"#{", "}"}, {"@{", "}"}, {"__", "__"}, {"«", "»"}} {
		if len(v) < 64 && strings.HasPrefix(v, t.begin) && strings.HasSuffix(v, t.end) {
			return true
		}
	}
	return false
}

// random reports whether a value of at least n bytes looks drawn rather than
// written: one word with letters and digits of enough entropy, or with letters
// in both cases that turn often.
func random(v string, n int) bool {
	if len(v) < n || len(v) > 4*maxKey {
		return false
	}
	letters, digits := 0, 0
	for _, c := range []byte(v) {
		switch {
		case isLetter(c):
			letters++
		case isDigit(c):
			digits++
		case c <= ' ' || c >= 0x7f || strings.IndexByte("\"'<>()[]{}|`", c) >= 0:
			return false
		}
	}
	if letters+digits < len(v)*3/4 || strings.Contains(v, "://") {
		return false
	}
	if digits < 2 {
		return len(v) >= 16 && turns(v)*100 >= (42-12*digits)*len(v) && entropy(v) >= 3.5 && !spelled(v)
	}
	return entropy(v) >= 3
}

// turns counts the places of v where the case of letters turns: many where
// they are drawn at random, few in names such as camelCase.
func turns(v string) int {
	n := 0
	for i := 1; i < len(v); i++ {
		if isUpper(v[i]) && isLower(v[i-1]) || isLower(v[i]) && isUpper(v[i-1]) {
			n++
		}
	}
	return n
}

// entropy returns the Shannon entropy of the bytes of s in bits a byte.
func entropy(s string) float64 {
	var count [256]int
	for _, c := range []byte(s) {
		count[c]++
	}
	h := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(s))
			h -= p * math.Log2(p)
		}
	}
	return h
}
