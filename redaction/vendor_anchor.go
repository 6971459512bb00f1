package redaction

import "strings"

// An anchored key has no prefix but something within that gives it away, with
// so many of an alphabet before and behind it.
type anchored struct {
	vendor, anchor string
	before, after  string // as in shapes; "" for nothing behind
}

// anchoredKeys are found by their anchors, of which all but those of one or
// two bytes are words that trigger.
var anchoredKeys = []anchored{
	{"Terraform", ".atlasv1.", "a14", "u60-70"},
	{"Azure DevOps", "AZDO", "a76", "a4"},
	{"Azure AI", "JQQJ99", "a52", "a20-30"},
	{"Azure Functions", "AzFu", "u44", "b8"},
	{"Azure Search", "AzSe", "a42", "a6"},
	{"Azure Storage", "+ASt", "b76", "b8"},
	{"Azure Cosmos DB", "ACDb", "b76", "b8"},
	{"Azure Registry", "+ACR", "b42", "a6"},
	{"Azure Batch", "+ABa", "b76", "b8"},
	{"Azure Cache", "AzCa", "b33", "b7"},
	{"Azure Service Bus", "+ASb", "b33", "b7"},
	{"Azure Event Hubs", "+AEh", "b33", "b7"},
	{"Azure IoT", "AIoT", "b33", "b7"},
	{"Azure Relay", "+ARm", "b33", "b7"},
	{"Firebase Cloud Messaging", ":APA91b", "u11-22", "u100-180"},
	{"New Relic", "NRAL", "h36", ""},
	{"MaxMind", "_mmk", "w36", ""},
	{"Mailchimp", "-us1", "h32", "d0-1"}, {"Mailchimp", "-us2", "h32", "d0-1"}, {"Mailchimp", "-us3", "h32", "d0-1"},
	{"Mailchimp", "-us4", "h32", "d0"}, {"Mailchimp", "-us5", "h32", "d0"}, {"Mailchimp", "-us6", "h32", "d0"},
	{"Mailchimp", "-us7", "h32", "d0"}, {"Mailchimp", "-us8", "h32", "d0"}, {"Mailchimp", "-us9", "h32", "d0"},
}

// anchoredKey recognises the keys that a word within gives away.
func anchoredKey() Detector {
	type key struct {
		anchor        string
		before, after part
	}
	var keys []key
	var words []string
	for _, k := range anchoredKeys {
		after := part{in: isAlnum}
		if k.after != "" {
			after = counted(k.after)
		}
		keys = append(keys, key{k.anchor, counted(k.before), after})
		words = append(words, k.anchor)
	}
	return Detector{Type: "API_KEY", Name: "anchored_key", Source: "documentation of the vendors; Microsoft: common annotated security keys", Version: 2, Words: unique(words), Find: func(c *Candidate) {
		for i := range keys {
			k := &keys[i]
			if !strings.HasPrefix(c.Text[c.Start:], k.anchor) {
				continue
			}
			start, end := around(c.Text, c.Start, c.Start+len(k.anchor), k.before, k.after)
			if end > 0 && !filler(c.Text[start:c.Start]) {
				c.Add(start, end)
			}
		}
	}}
}

// around returns the bounds of what stands around s[i:j] if there are as many
// bytes of the kinds before and behind it as are wanted, else 0.
func around(s string, i, j int, before, after part) (start, end int) {
	start, end = i, j
	for start > 0 && i-start <= before.max && before.in(s[start-1]) {
		start--
	}
	for end < len(s) && end-j <= after.max && after.in(s[end]) {
		end++
	}
	for strings.HasPrefix(s[end:], "=") && end-j < after.max+2 {
		end++
	}
	if !within(i-start, before.min, before.max) || end-j < after.min || isAlnum(at(s, end)) || isAlnum(at(s, start-1)) && !afterEscape(s, start) {
		return 0, 0
	}
	return start, end
}

// azureSecret recognises client secrets of Entra ID: …8Q~….
func azureSecret() Detector {
	before, after := part{in: isAzure, min: 5, max: 5}, part{in: isAzure, min: 31, max: 34}
	return Detector{Type: "API_KEY", Name: "azure_client_secret", Bytes: "~", Find: func(c *Candidate) {
		if c.At(c.Start-1) == 'Q' && isDigit(c.At(c.Start-2)) {
			c.addAround(before, after)
		}
	}}
}

func isAzure(c byte) bool { return isWord(c) || c == '.' || c == '~' || c == '-' }

// facebookApp recognises app tokens of Facebook: id|….
func facebookApp() Detector {
	before, after := counted("d15-16"), counted("u27-40")
	return Detector{Type: "API_KEY", Name: "facebook_app_token", Bytes: "|", Next: lowerCase + upperCase + digits + "-_", Find: func(c *Candidate) {
		if isDigit(c.At(c.Start - 1)) {
			c.addAround(before, after)
		}
	}}
}

// telegramBot recognises tokens of Telegram: id:A….
func telegramBot() Detector {
	before, after := counted("d8-16"), counted("u34-35")
	return Detector{Type: "API_KEY", Name: "telegram_bot_token", Source: "Telegram Bot API: authorizing your bot", Bytes: ":", Next: "A", Find: func(c *Candidate) {
		if strings.HasSuffix(c.Text[:c.Start], "bot") {
			return
		}
		if isDigit(c.At(c.Start - 1)) {
			start, end := around(c.Text, c.Start, c.Start+1, before, after)
			if end == 0 && afterBot(c.Text, c.Start) {
				start, end = aroundBot(c.Text, c.Start, after)
			}
			if end > 0 {
				c.Add(start, end)
			}
		}
	}}
}

// afterBot reports whether the digits before i follow "bot", as in the URL of
// the Bot API.
func afterBot(s string, i int) bool {
	for n := 0; n < 16 && isDigit(at(s, i-1)); n++ {
		i--
	}
	return strings.HasSuffix(s[:i], "/bot")
}

func aroundBot(s string, i int, after part) (start, end int) {
	start = i
	for isDigit(at(s, start-1)) && i-start < 16 {
		start--
	}
	for end = i + 1; end < len(s) && after.in(s[end]); end++ {
	}
	if n := end - i - 1; i-start < 8 || !within(n, after.min, after.max) {
		return 0, 0
	}
	return start, end
}

// addAround adds what stands around the candidate's first byte if it has the
// shape.
func (c *Candidate) addAround(before, after part) {
	if start, end := around(c.Text, c.Start, c.Start+1, before, after); end > 0 {
		c.Add(start, end)
	}
}

// bareKeys are shapes that nothing but keys have, seen at long runs.
var bareKeys = []vendor{
	{"Twilio", "SK<x32> AC<x32>"},
	{"Discord", "M<u23-27>.<u6>.<u27> N<u23-27>.<u6>.<u27> O<u23-27>.<u6>.<u27>"},
	{"Discord", "M<u23-27>.<u6>.<u38> N<u23-27>.<u6>.<u38> O<u23-27>.<u6>.<u38>"},
}

// bareKey recognises keys by their shape alone.
func bareKey() Detector {
	var shapes [][]part
	for _, v := range bareKeys {
		for shape := range strings.FieldsSeq(v.shapes) {
			shapes = append(shapes, parseShape(shape))
		}
	}
	return Detector{Type: "API_KEY", Name: "bare_key", Source: "Twilio: API keys; Discord: bot tokens", Version: 2, Long: 24, Find: func(c *Candidate) {
		c.strip()
		for _, parts := range shapes {
			if end := matchShape(parts, c.Text, c.Start); end >= c.End {
				c.Add(c.Start, end)
				return
			}
		}
		if run := c.Text[c.Start:c.End]; mailgun(run) || rapidKey(run) {
			c.Add(c.Start, c.End)
		}
	}}
}

// mailgun reports whether a run is a key of Mailgun: 32, 8 and 8 digits,
// hexadecimal.
func mailgun(run string) bool {
	if len(run) != 50 || run[32] != '-' || run[41] != '-' {
		return false
	}
	for i := range len(run) {
		if i != 32 && i != 41 && !isLowerHex(run[i]) {
			return false
		}
	}
	return true
}

// rapidKey reports whether a run is a key of RapidAPI.
func rapidKey(run string) bool {
	return len(run) == 50 && run[10:13] == "msh" && strings.Contains(run[25:], "jsn") && alnumEnd(run, 0) == 50
}

// bundleKey recognises the credentials with which Bundler fetches Sidekiq.
func bundleKey() Detector {
	shape := parseShape("<h8>:<h8>")
	return Detector{Type: "API_KEY", Name: "sidekiq_key", Source: "Sidekiq: commercial installation", Version: 2, Words: []string{"contribsys__com"}, Find: func(c *Candidate) {
		if a := assignment(c.Text, c.Start, c.End); a.ok && matchShape(shape, c.Text, a.start) == a.end {
			c.Add(a.start, a.end)
		}
	}}
}
