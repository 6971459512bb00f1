package redaction

import (
	"slices"
	"strings"
)

// keyedReach is how many bytes before a run of letters and digits the word
// that makes it a secret may end: "the token for it is …".
const keyedReach = 24

// keyed recognises what looks drawn at random and stands close behind a word
// that names nothing but secrets, without an operator between them.
func keyed() Detector {
	return Detector{
		Type: "GENERIC_SECRET", Name: "keyed_secret", Long: 16,
		Find: func(c *Candidate) {
			if c.End-c.Start > maxNamed {
				return
			}
			c.strip()
			end := c.End
			for end < len(c.Text) && end-c.Start < maxKey && (isBase64(c.Text[end]) || isBase64URL(c.Text[end]) || c.Text[end] == '.' && isAlnum(c.At(end+1))) {
				end++
			}
			v := c.Text[c.Start:end]
			at, weak := strongBefore(c.before(keyedReach + 16))
			if at < 0 || !random(v, 16) || variety(v) < 8 || spelled(v) || ordinary(v) {
				return
			}
			if glue(c.Text[c.Start-at:c.Start]) && !(weak && (hexSum(v) || publicKey(c.Text, c.Start-at-len("key"), "key"))) {
				c.Add(c.Start, end)
			}
		},
	}
}

// ordinary reports whether a value is a date, a version, a file or a path.
func ordinary(v string) bool {
	return strings.HasPrefix(v, "0x") || strings.HasPrefix(v, "20") && strings.Count(v, "-") >= 2 || fileName(v) || strings.Count(v, "/") > 2 || strings.Count(v, "_") > 3 || uuid(v)
}

// uuid reports whether v is a UUID.
func uuid(v string) bool {
	if len(v) != 36 {
		return false
	}
	for i := range len(v) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (v[i] == '-') || !dash && !isHex(v[i]) {
			return false
		}
	}
	return true
}

// hexSum reports whether v has the form of a checksum or of the id of a commit.
func hexSum(v string) bool {
	switch len(v) {
	case 32, 40, 56, 64, 96, 128:
		return !strings.ContainsFunc(v, func(r rune) bool { return r > 0x7F || !isHex(byte(r)) })
	}
	return false
}

// fileName reports whether v ends like the name of a file.
func fileName(v string) bool {
	dot := strings.LastIndexByte(v, '.')
	if dot <= 0 || len(v)-dot > 6 {
		return false
	}
	switch v[dot+1:] {
	case "pem", "key", "crt", "cer", "p12", "pfx", "jks", "json", "yaml", "yml", "txt", "xml", "js", "ts", "py", "go", "rb", "java", "php", "cs", "html", "htm", "css", "md",
		"conf", "cfg", "ini", "env", "toml", "com", "org", "net", "io", "dev", "png", "jpg", "svg", "pdf", "csv", "log", "sh", "sql", "jar", "zip", "gz", "tar", "exe", "dll":
		return true
	}
	return false
}

// strongBefore returns how many bytes before its end s has a word that names
// secrets, -1 if it has none. A key alone is a weak one: databases have keys.
func strongBefore(s string) (at int, weak bool) {
	for i := len(s) - 3; i >= 0; i-- {
		switch s[i] | 0x20 {
		case 's', 't', 'k', 'p', 'c', 'b', 'a':
			for _, w := range [...]string{"secrets", "secret", "tokens", "token", "api keys", "api key", "access key", "private key", "auth key", "key", "passwords", "password", "passwd", "passwort", "credentials", "credential", "bearer"} {
				if end := nameAt(s, i, w); end > 0 && endsWord(s, end) && (startsWord(s, i) || w != "key") {
					return len(s) - end, w == "key"
				}
			}
		}
	}
	return -1, false
}

// gluing are the words that may stand between a word and the value that is
// meant by it.
var gluing = [...]string{"is", "was", "are", "value", "to", "here", "my", "the", "your", "our", "string", "str", "const", "for", "prod", "test", "live", "und", "ist", "lautet", "est", "es", "é", "è",
	"new", "old", "following", "this", "below", "with", "of", "set", "use", "using"}

// glue reports whether what stands between a word and a value lets the value
// be meant by it: few words, none that says otherwise, and no end of sentence.
func glue(s string) bool {
	if strings.Contains(s, ". ") || strings.Contains(s, "\n\n") || strings.ContainsAny(s, "/\\") {
		return false
	}
	for w := range strings.FieldsFuncSeq(s, func(r rune) bool { return r < 0x80 && !isLetter(byte(r)) }) {
		if !slices.ContainsFunc(gluing[:], func(g string) bool { return len(g) == len(w) && hasFold(w, g) }) {
			return false
		}
	}
	return true
}
