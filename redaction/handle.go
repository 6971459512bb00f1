package redaction

import "strings"

// handles recognises names of accounts, with a label or in the address of a
// profile. The default that fits is to replace.
func handles() []Detector {
	d := func(name, source string, words []string, find func(*Candidate)) Detector {
		return Detector{Type: "USERNAME", Name: name, Source: source, Version: 2, Words: words, WordStart: true, Find: find}
	}
	mine := d("username_mine", "forms of introduction", []string{"my id is ", "my handle is ", "my username is ", "my tag is "}, usernameMine)
	mine.Context = networks()
	return []Detector{
		d("username_labelled", "names of fields", []string{"username", "user name", "user_name", "userid", "user id", "login:", "login name", "screen name", "screenname", "nickname", "gamertag",
			"benutzername", "nom d'utilisateur", "nombre de usuario", "nome utente", "gebruikersnaam", "имя пользователя", "логин", "ユーザー名", "用户名"}, usernameLabelled),
		d("username_network", "names of networks", networks(), usernameNetwork),
		mine,
		d("username_profile", "addresses of profiles", []string{"github.com/", "gitlab.com/", "twitter.com/", "linkedin.com/in/", "instagram.com/", "facebook.com/", "tiktok.com/@", "youtube.com/@",
			"reddit.com/user/", "reddit.com/u/", "medium.com/@", "t.me/", "keybase.io/", "twitch.tv/", "snapchat.com/add/", "bsky.app/profile/", "threads.net/@", "steamcommunity.com/id/"}, usernameProfile),
	}
}

// networks name services whose users know one another by handles.
func networks() []string {
	return []string{"skype", "telegram", "discord", "instagram", "twitter", "snapchat", "tiktok", "wechat", "signal", "kik:", "steam id", "psn:", "xbox live", "twitch", "mastodon", "line id"}
}

// maxHandle is the longest name of an account.
const maxHandle = 40

// handleEnd returns where the name of an account at i ends, i if there is
// none: letters, digits, dots, dashes and underscores, a letter among them.
func handleEnd(s string, i int) int {
	end, letters := i, 0
	for end < len(s) && end-i <= maxHandle && (isWord(s[end]) || s[end] == '.' || s[end] == '-') {
		if isLetter(s[end]) {
			letters++
		}
		end++
	}
	for end > i && (s[end-1] == '.' || s[end-1] == '-') {
		end--
	}
	if end-i < 3 || end-i > maxHandle || letters == 0 || beyondWord(s, end) || !isAlnum(s[i]) && s[i] != '_' {
		return i
	}
	return end
}

// telling reports whether a name of an account is more than a word: it has a
// digit, a dot, an underscore or capitals within.
func telling(w string) bool {
	for i := range len(w) {
		if c := w[i]; isDigit(c) || c == '.' || c == '_' || i > 0 && isUpper(c) && isLower(w[i-1]) {
			return true
		}
	}
	return false
}

// usernameLabelled reads the value in username: x, "username": "x", your
// username is x.
func usernameLabelled(c *Candidate) {
	s := c.Text
	i := skipAny(s, c.End, " \"'*`", 3)
	quoted := i > c.End && s[i-1] != ' '
	op := anyFold(s[i:], ":", "=", "is ", "ist ", "est ", "es ", "：", "は")
	if s[c.End-1] == ':' {
		op = 1
		i--
	}
	if op == 0 || withinWord(s, c.Start) && at(s, c.Start-1) != '_' {
		return
	}
	operator := s[i]
	start := skipAny(s, i+op, " *", 2)
	quote := at(s, start)
	if quote == '"' || quote == '\'' || quote == '`' {
		start++
	} else {
		quote = 0
	}
	if at(s, start) == '@' {
		start++
	}
	end := handleEnd(s, start)
	if end == start || !handleValue(s, start, end) {
		return
	}
	word := s[start:end]
	switch {
	case quote != 0:
		if at(s, end) != quote || placeholder(word) {
			return
		}
	case operator == '=' || quoted:
		if !telling(word) || code(word) || strings.IndexByte(word, '.') >= 0 {
			return
		}
	case !telling(word) && !(operator == ':' && endsLine(s, end)):
		return
	}
	c.Add(start, end)
}

// handleValue reports whether s[i:j] can be a value rather than a type, a word
// about accounts, an address or a call.
func handleValue(s string, i, j int) bool {
	if strings.IndexByte("@([/\\:", at(s, j)) >= 0 && j < len(s) {
		return false
	}
	return !sameFold(s[i:j], "string", "str", "int", "integer", "text", "varchar", "null", "none", "nil", "true", "false", "undefined", "required", "optional", "username", "user", "admin",
		"root", "password", "email", "name", "your", "the", "not", "not.null", "unknown", "invalid", "valid", "unique", "value", "this", "that", "available", "taken", "already", "test", "guest",
		"anonymous", "example", "self", "failed", "success", "successful", "yes", "user_name", "usernames", "login", "unavailable", "redacted", "url", "http", "https", "char", "charfield", "stringfield")
}

// usernameNetwork reads the handle near the name of a network: on Skype (x),
// skype: x, x on Skype, Instagram @x.
func usernameNetwork(c *Candidate) {
	s := c.Text
	if beyondWord(s, c.End) || withinWord(s, c.Start) {
		return
	}
	if hasFold(s[max(0, c.Start-4):], " on ") {
		begin := wordStart(s, c.Start-4)
		if end := handleEnd(s, begin); end == c.Start-4 && telling(s[begin:end]) && strings.ContainsAny(s[begin:end], "._0123456789") {
			c.Add(begin, end)
			return
		}
	}
	i := skipAny(s, c.End, " ", 1)
	n := anyFold(s[i:], "(", ": ", ":", "is ", "id: ", "id is ", "id ", "handle: ", "handle is ", "username: ", "= ")
	start := i + n
	mark := at(s, start) == '@'
	if mark {
		start++
	}
	if end := handleEnd(s, start); n+start-i > 0 && end > start && handleValue(s, start, end) && (mark || n > 0 && telling(s[start:end])) && at(s, end) != '=' {
		c.Add(start, end)
	}
}

// usernameMine reads "my ID is x" behind the name of a network.
func usernameMine(c *Candidate) {
	s := c.Text
	start := c.End
	start = skipAny(s, start, "@\"'", 2)
	end := handleEnd(s, start)
	if end > start && handleValue(s, start, end) && (telling(s[start:end]) || c.Near(64) && endsLine(s, end)) && c.Near(96) {
		c.Add(start, end)
	}
}

// usernameProfile reads the name in the address of a profile, not that of a
// repository, page or post.
func usernameProfile(c *Candidate) {
	s := c.Text
	if before := at(s, c.Start-1); isWord(before) || before == '-' || before == '.' && !strings.HasSuffix(s[:c.Start], "www.") {
		return
	}
	end := handleEnd(s, c.End)
	if end == c.End || at(s, end) == '/' && strings.IndexByte(" \n\t\"'.,;)>", at(s, end+1)) < 0 && end+1 < len(s) || strings.Contains(s[c.End:end], ".git") {
		return
	}
	if !sameFold(s[c.End:end], "about", "login", "join", "signup", "features", "explore", "settings", "orgs", "topics", "trending", "marketplace", "sponsors", "search", "share", "intent", "home",
		"hashtag", "privacy", "tos", "watch", "help", "pricing", "sharer", "sharer.php", "groups", "pages", "events", "explore", "accounts", "status", "security", "enterprise", "dialog", "joinchat", "new", "users") {
		c.Add(c.End, end)
	}
}
