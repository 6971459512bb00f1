package redaction

import (
	"slices"
	"strings"
)

// passwords recognises what is assigned to a password in prose, code and
// configuration.
func passwords() Detector {
	return Detector{
		Type: "PASSWORD", Version: 3,
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

// encoding reports whether v names how passwords are kept: "the password is
// base64".
func encoding(v string) bool {
	switch strings.ToLower(v) {
	case "base64", "md5", "sha1", "sha256", "sha512", "utf8", "utf-8":
		return true
	}
	return false
}
