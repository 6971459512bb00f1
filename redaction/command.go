package redaction

import "strings"

// A command is given passwords behind some of its flags.
type command struct {
	name  string
	flags []string
	glued bool // the value may stand right behind the flag
}

// commands are given passwords by flags too short to say so.
var commands = []command{
	{"mysql ", []string{" -p"}, true}, {"mysqldump ", []string{" -p"}, true}, {"mysqladmin ", []string{" -p"}, true}, {"mariadb ", []string{" -p"}, true},
	{"sshpass ", []string{" -p"}, true}, {"redis-cli ", []string{" -a "}, false}, {"psexec", []string{" -p "}, false}, {"docker login", []string{" -p "}, false},
	{"podman login", []string{" -p "}, false}, {"mongosh ", []string{" -p "}, false}, {"mongodump ", []string{" -p "}, false}, {"mongo ", []string{" -p "}, false},
	{"sqlcmd ", []string{" -P "}, true}, {"ldapsearch ", []string{" -w "}, false}, {"mosquitto_pub ", []string{" -P "}, false}, {"mosquitto_sub ", []string{" -P "}, false},
	{"smbclient ", []string{"%"}, true}, {"xfreerdp ", []string{" /p:"}, true}, {"keytool ", []string{" -storepass ", " -keypass "}, false}, {"net use ", []string{" /user:"}, false},
	{"cqlsh ", []string{" -p "}, false}, {"ansible-vault ", []string{" -p "}, false}, {"snowsql ", []string{" -p "}, false},
}

// commandPassword recognises the passwords that commands are given.
func commandPassword() Detector {
	words := make([]string, len(commands))
	for i := range commands {
		words[i] = commands[i].name
	}
	return Detector{Type: "PASSWORD", Name: "command_password", Source: "manuals of the commands", Words: words, WordStart: true, Find: func(c *Candidate) {
		for i := range commands {
			if hasFold(c.Text[c.Start:c.End], commands[i].name) && c.End-c.Start == len(commands[i].name) {
				c.addFlags(&commands[i])
			}
		}
	}}
}

// addFlags adds what stands behind the flags of a command on the same line.
func (c *Candidate) addFlags(cmd *command) {
	line := commandLine(c.Text, c.End-1)
	for _, flag := range cmd.flags {
		i := strings.Index(line, flag)
		if i < 0 {
			continue
		}
		from := c.End - 1 + i + len(flag)
		if !cmd.glued || c.At(from) == ' ' {
			from = skipAny(c.Text, from, " ", 2)
		}
		a := assigned{s: c.Text, operator: "="}
		if a.read(from); a.ok && mixed(a.value()) && !placeholder(a.value()) {
			c.Add(a.start, a.end)
		}
	}
}

// commandLine returns the rest of the command whose line goes on at i: to the
// next line that no backslash announces.
func commandLine(s string, i int) string {
	rest := s[i:min(len(s), i+maxKey)]
	for n := 0; n < len(rest); n++ {
		if rest[n] == '\n' && (n == 0 || rest[n-1] != '\\') {
			return rest[:n]
		}
	}
	return rest
}

// curlUser recognises the user and password that curl and wget are given.
func curlUser() Detector {
	return Detector{Type: "URL_CREDENTIALS", Name: "curl_user", Source: "curl(1)", Version: 2, Words: []string{"curl "}, Find: func(c *Candidate) {
		line := commandLine(c.Text, c.End-1)
		for _, flag := range [...]string{" -u ", " --user ", " -u", " --user=", " --proxy-user ", " -U "} {
			i := strings.Index(line, flag)
			if i < 0 {
				continue
			}
			a := assigned{s: c.Text, operator: "="}
			a.read(c.End - 1 + i + len(flag))
			if a.ok && a.quoted && c.At(a.end+1) == ':' {
				a.start, a.end = a.start-1, shellWordEnd(c.Text, a.start-1)
			}
			if a.ok && userPassword(a.value()) {
				c.Add(a.start, a.end)
			}
			return
		}
	}}
}

// shellWordEnd returns where the word of a shell that begins at i ends, quoted
// or not, or quoted in parts.
func shellWordEnd(s string, i int) int {
	quote := byte(0)
	for from := i; i < len(s) && i-from < maxAssigned; i++ {
		switch c := s[i]; {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c <= ' ':
			return i
		}
	}
	return i
}

// userPassword reports whether v is user:password, or a key with a colon
// before or behind it.
func userPassword(v string) bool {
	user, password, ok := strings.Cut(v, ":")
	if !ok || strings.Contains(v, " ") || placeholder(v) || user != "" && variable(user) {
		return false
	}
	if password == "" {
		return strong(user) && !placeholder(user)
	}
	return len(password) >= 4 && !placeholder(password) && !strings.HasPrefix(password, "$") && !strings.HasPrefix(password, "//")
}

// loginFile recognises passwords in .netrc and .pgpass.
func loginFile() Detector {
	return Detector{Type: "PASSWORD", Name: "login_file", Source: "netrc(5); PostgreSQL: the password file", Words: []string{"machine ", ":5432:", ":3306:", ":1433:"}, Find: func(c *Candidate) {
		if c.At(c.Start) == ':' {
			c.addPgpass()
			return
		}
		c.addNetrc()
	}}
}

// addNetrc adds the password of "machine host login user password …".
func (c *Candidate) addNetrc() {
	i := c.End
	for n, want := range [...]string{"", "login", "", "password", ""} {
		end := i
		for end < len(c.Text) && end-i < maxAssigned && c.Text[end] > ' ' {
			end++
		}
		if end == i || want != "" && c.Text[i:end] != want {
			return
		}
		if v := c.Text[i:end]; n == 4 && len(v) >= 4 && !placeholder(v) {
			c.Add(i, end)
			return
		}
		i = skipAny(c.Text, end, " \t\r\n", 16)
	}
}

// addPgpass adds the last field of host:port:database:user:password.
func (c *Candidate) addPgpass() {
	line := c.Text[c.End:lineEnd(c.Text, c.End, min(len(c.Text), c.End+maxAssigned))]
	line = strings.TrimRight(line, "\r ")
	fields := strings.SplitN(line, ":", 3)
	if len(fields) == 3 && len(fields[2]) >= 4 && !strings.ContainsAny(line, " \t/") && !placeholder(fields[2]) {
		c.Add(c.End+len(line)-len(fields[2]), c.End+len(line))
	}
}

// loginCall recognises the password in a call with user and password, such as
// auth=("user", "password") and login("user", "password").
func loginCall() Detector {
	return Detector{Type: "PASSWORD", Name: "login_call", Words: []string{"auth=(", "auth = (", "basicauth(", "login("}, Find: func(c *Candidate) {
		a := assigned{s: c.Text, operator: "="}
		a.read(skipAny(c.Text, c.End, " \t\r\n", 16))
		if !a.quoted || a.end-a.start > maxName {
			return
		}
		comma := skipAny(c.Text, a.end+1, " ", 2)
		if c.At(comma) != ',' {
			return
		}
		a.read(skipAny(c.Text, comma+1, " \t\r\n", 16))
		if v := a.value(); a.ok && a.quoted && strong(v) && !placeholder(v) && !strings.Contains(v, " ") && !strings.Contains(v, "://") {
			c.Add(a.start, a.end)
		}
	}}
}

// seedPhrase recognises the words that a wallet is recovered by.
func seedPhrase() Detector {
	return Detector{Type: "GENERIC_SECRET", Name: "seed_phrase", Source: "BIP 39: 12, 15, 18, 21 or 24 words", Words: []string{"seed phrase", "seed words", "recovery phrase", "mnemonic", "seed_phrase", "seedphrase"}, Find: func(c *Candidate) {
		i := skipAny(c.Text, c.End, " :=\"'`\n\t", 16)
		if hasFold(c.Text[i:], "is") {
			i = skipAny(c.Text, i+2, " :=\"'`\n\t", 16)
		}
		start, end, words := i, i, 0
		for words < 25 {
			n := i
			for n-i <= 8 && isLower(c.At(n)) {
				n++
			}
			if !within(n-i, 3, 8) {
				break
			}
			words++
			end = n
			if c.At(n) != ' ' {
				break
			}
			i = n + 1
		}
		if words >= 12 && words <= 24 && words%3 == 0 && !isAlnum(c.At(end)) {
			c.Add(start, end)
		}
	}}
}
