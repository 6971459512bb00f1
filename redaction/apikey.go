package redaction

import (
	"maps"
	"slices"
	"strings"
)

// A vendorKey is the form of one vendor's keys: a prefix, case and all, and
// then so many characters of an alphabet.
type vendorKey struct {
	prefix   string
	alphabet func(byte) bool
	min, max int // max 0 is maxKey
}

// maxKey bounds keys whose vendor names no bound.
const maxKey = 512

func isBase64(c byte) bool    { return isAlnum(c) || c == '+' || c == '/' || c == '=' }
func isUpperNum(c byte) bool  { return isUpper(c) || isDigit(c) }
func isDotted(c byte) bool    { return isWord(c) || c == '-' || c == '.' || c == '=' }
func isPathChar(c byte) bool  { return isWord(c) || strings.IndexByte("-/+.@", c) >= 0 }
func isTokenChar(c byte) bool { return isWord(c) || strings.IndexByte("-.~+/=%", c) >= 0 }

// vendorKeys are the forms of keys that vendors document or that the public
// rule sets of gitleaks (MIT) have gathered.
var vendorKeys = []vendorKey{
	// Clouds.
	{"AKIA", isUpperNum, 16, 16}, {"ASIA", isUpperNum, 16, 16}, {"ABIA", isUpperNum, 16, 16}, {"ACCA", isUpperNum, 16, 16},
	{"A3T", isUpperNum, 17, 17}, {"ABSK", isBase64, 109, 272}, {"bedrock-api-key-", isBase64, 20, 0},
	{"AIza", isBase64URL, 35, 35}, {"GOCSPX-", isBase64URL, 20, 40}, {"ya29.", isDotted, 20, 0}, {"1//0", isBase64URL, 30, 0},
	{"LTAI", isAlnum, 12, 24}, {"dop_v1_", isHex, 64, 64}, {"doo_v1_", isHex, 64, 64}, {"dor_v1_", isHex, 64, 64},
	{"HRKU-", isBase64URL, 36, 64}, {"fo1_", isBase64URL, 40, 50}, {"fm1a_", isBase64, 60, 0}, {"fm1r_", isBase64, 60, 0}, {"fm2_", isBase64, 60, 0},
	{"AccountKey=", isBase64, 40, 100}, {"SharedAccessKey=", isBase64, 40, 100}, {"sharedaccesssignature=", isTokenChar, 30, 0},
	{"tk-us-", isBase64URL, 48, 48}, {"dapi", func(c byte) bool { return isHex(c) || c == '-' }, 32, 34},
	{"v1.0-", func(c byte) bool { return isHex(c) || c == '-' }, 171, 171}, {"4b1d", isAlnum, 38, 38}, {"AQVN", isBase64URL, 35, 38},
	{"YCAJ", isBase64URL, 21, 36}, {"t1.9", isDotted, 80, 0}, {"sha256~", isBase64URL, 43, 43}, {"GR1348941", isBase64URL, 20, 25},
	// Code and packages.
	{"ghp_", isAlnum, 36, 36}, {"gho_", isAlnum, 36, 36}, {"ghu_", isAlnum, 36, 36}, {"ghs_", isAlnum, 36, 36}, {"ghr_", isAlnum, 36, 76},
	{"github_pat_", isWord, 60, 90}, {"glpat-", isDotted, 20, 320}, {"glptt-", isHex, 40, 40}, {"gldt-", isBase64URL, 20, 0},
	{"glrt-", isDotted, 20, 320}, {"glcbt-", isBase64URL, 20, 0}, {"glffct-", isBase64URL, 20, 0}, {"glft-", isBase64URL, 20, 0},
	{"glimt-", isBase64URL, 25, 0}, {"glagent-", isBase64URL, 50, 0}, {"gloas-", isBase64URL, 64, 0}, {"glsoat-", isBase64URL, 20, 0},
	{"_gitlab_session=", isAlnum, 32, 32}, {"npm_", isAlnum, 36, 36}, {"pypi-AgE", isBase64URL, 50, 0}, {"rubygems_", isHex, 48, 48},
	{"CLOJARS_", isAlnum, 60, 60}, {"sgp_", isWord, 40, 60}, {"pul-", isHex, 40, 40}, {"pnu_", isAlnum, 36, 36}, {"dckr_pat_", isBase64URL, 20, 0},
	{"PMAK-", func(c byte) bool { return isHex(c) || c == '-' }, 59, 59}, {"AKCp", isAlnum, 10, 80}, {"cmVmd", isAlnum, 59, 59},
	{"API-", isUpperNum, 26, 26}, {"squ_", isAlnum, 40, 40}, {"sqp_", isAlnum, 40, 40}, {"sqa_", isAlnum, 40, 40}, {"ATATT3", isDotted, 100, 250},
	{"ATCTT3", isDotted, 100, 250}, {"ATBB", isAlnum, 32, 40}, {"hvs.", isBase64URL, 24, 200}, {"hvb.", isBase64URL, 100, 0}, {"lin_api_", isAlnum, 40, 40},
	{"sntrys_", isTokenChar, 60, 0}, {"sntryu_", isHex, 64, 64}, {"dt0c01.", isDotted, 88, 90}, {"glc_", isBase64, 32, 0}, {"glsa_", isWord, 41, 41},
	{"eyJrIjoi", isBase64, 60, 0}, {"NRAK-", isAlnum, 27, 27}, {"NRII-", isBase64URL, 32, 32}, {"NRJS-", isHex, 19, 19}, {"ntn_", isAlnum, 40, 50},
	{"secret_", isAlnum, 43, 43}, {"ops_eyJ", isBase64, 100, 1200}, {"A3-", func(c byte) bool { return isUpperNum(c) || c == '-' }, 36, 40},
	{"AGE-SECRET-KEY-1", isUpperNum, 58, 58}, {"pat.", isDotted, 60, 90}, {"sat.", isDotted, 60, 90}, {"dnkey-", isDotted, 70, 90},
	// Models.
	{"sk-proj-", isBase64URL, 40, 0}, {"sk-svcacct-", isBase64URL, 40, 0}, {"sk-admin-", isBase64URL, 40, 0}, {"sk-ant-", isBase64URL, 40, 0},
	{"sk-or-v1-", isHex, 64, 64}, {"sk-lf-", isBase64URL, 30, 50}, {"sk-", isAlnum, 20, 64}, {"hf_", isAlnum, 34, 40}, {"api_org_", isAlnum, 34, 40},
	{"pplx-", isAlnum, 40, 60}, {"gsk_", isAlnum, 40, 60}, {"r8_", isAlnum, 37, 40}, {"xai-", isAlnum, 70, 90}, {"fw_", isAlnum, 20, 30},
	// Money and shops.
	{"sk_live_", isAlnum, 10, 99}, {"sk_test_", isAlnum, 10, 99}, {"sk_prod_", isAlnum, 10, 99}, {"rk_live_", isAlnum, 10, 99},
	{"rk_test_", isAlnum, 10, 99}, {"rk_prod_", isAlnum, 10, 99}, {"whsec_", isBase64, 24, 60}, {"sq0atp-", isBase64URL, 22, 60},
	{"sq0csp-", func(c byte) bool { return isBase64URL(c) || c == '\\' }, 40, 50}, {"EAAA", isBase64URL, 40, 64}, {"shpat_", isHex, 32, 32},
	{"shpca_", isHex, 32, 32}, {"shppa_", isHex, 32, 32}, {"shpss_", isHex, 32, 32}, {"EZAK", isAlnum, 54, 54}, {"EZTK", isAlnum, 54, 54},
	{"FLWSECK_TEST-", isBase64URL, 12, 40}, {"FLWPUBK_TEST-", isBase64URL, 32, 36}, {"duffel_test_", isDotted, 43, 43}, {"duffel_live_", isDotted, 43, 43},
	{"shippo_live_", isHex, 40, 40}, {"shippo_test_", isHex, 40, 40}, {"access_token$production$", isAlnum, 40, 60}, {"EAAM", isAlnum, 100, 0}, {"EAAC", isAlnum, 100, 0},
	{"access-sandbox-", isBase64URL, 36, 36}, {"access-development-", isBase64URL, 36, 36}, {"access-production-", isBase64URL, 36, 36},
	// Messages.
	{"xoxb-", isBase64URL, 18, 0}, {"xoxp-", isBase64URL, 18, 0}, {"xoxa-", isBase64URL, 8, 0}, {"xoxr-", isBase64URL, 8, 0}, {"xoxs-", isBase64URL, 18, 0},
	{"xoxo-", isBase64URL, 18, 0}, {"xoxe-", isBase64URL, 30, 0}, {"xoxe.xox", isBase64URL, 100, 0}, {"xapp-", isBase64URL, 20, 0},
	{"hooks.slack.com/services/", isPathChar, 30, 80}, {"hooks.slack.com/workflows/", isPathChar, 30, 80}, {"hooks.slack.com/triggers/", isPathChar, 30, 80},
	{".webhook.office.com/webhookb2/", isPathChar, 60, 300}, {"discord.com/api/webhooks/", isPathChar, 60, 120}, {"discordapp.com/api/webhooks/", isPathChar, 60, 120},
	{"SG.", isDotted, 60, 70}, {"xkeysib-", isBase64URL, 81, 81}, {"key-", isHex, 32, 32}, {"pubkey-", isHex, 32, 32}, {"fio-u-", isDotted, 64, 64}, {"tfp_", isDotted, 59, 59}, {"rdme_", isAlnum, 70, 70}, {"ico-", isAlnum, 32, 32},
	{"pscale_tkn_", isDotted, 32, 64}, {"pscale_oauth_", isDotted, 32, 64}, {"pscale_pw_", isDotted, 32, 64}, {"sm_aat_", isAlnum, 16, 16},
	{"sm_pat_", isAlnum, 16, 16}, {"sm_sat_", isAlnum, 16, 16}, {"p8e-", isAlnum, 32, 32}, {"s-s4t2ud-", isHex, 64, 64}, {"s-s4t2af-", isHex, 64, 64},
	{"patp", isDotted, 70, 90}, {"doppler.", isDotted, 40, 60}, {"dp.pt.", isAlnum, 43, 43}, {"pk.eyJ", isDotted, 60, 0}, {"sk.eyJ", isDotted, 60, 0},
}

// apiKeys makes a detector of the vendors' forms. Prefixes shorter than a
// trigger are completed by what can follow them.
func apiKeys() Detector {
	var words []string
	forms := map[string][]vendorKey{} // by first two bytes
	for _, k := range vendorKeys {
		forms[k.prefix[:2]] = append(forms[k.prefix[:2]], k)
		words = append(words, completed(k.prefix)...)
	}
	return Detector{Type: "API_KEY", Words: unique(words), WordStart: true, Find: func(c *Candidate) {
		if isAlnum(c.At(c.Start-1)) && isAlnum(c.At(c.Start)) && !afterEscape(c.Text, c.Start) {
			return
		}
		for _, k := range forms[c.Text[c.Start:c.Start+2]] {
			if n := k.match(c.Text[c.Start:]); n > 0 {
				c.Add(urlStart(c.Text, c.Start), c.Start+n)
			}
		}
	}}
}

// match returns the length of the key that s begins with, 0 if there is none.
func (k *vendorKey) match(s string) int {
	if !strings.HasPrefix(s, k.prefix) {
		return 0
	}
	limit := k.max
	if limit == 0 {
		limit = maxKey
	}
	n := len(k.prefix)
	for n < len(s) && n-len(k.prefix) <= limit && k.alphabet(s[n]) {
		n++
	}
	for n > len(k.prefix) && (s[n-1] == '.' || s[n-1] == '%') {
		n--
	}
	switch length := n - len(k.prefix); {
	case length < k.min, length > limit && k.max > 0, variety(s[len(k.prefix):n]) < 5:
		return 0
	}
	return n
}

// afterEscape reports whether an escaped line break or a percent escape stands
// right before i.
func afterEscape(s string, i int) bool {
	return at(s, i-2) == '\\' && strings.IndexByte("nrt", at(s, i-1)) >= 0 || urlEscape(s, i)
}

// urlStart returns where the URL in which a key begins at i does, or i.
func urlStart(s string, i int) int {
	start := i
	for i-start < 64 && start > 0 && (isAlnum(s[start-1]) || strings.IndexByte("-.", s[start-1]) >= 0) {
		start--
	}
	for _, scheme := range [...]string{"https://", "http://"} {
		if strings.HasSuffix(s[:start], scheme) {
			return start - len(scheme)
		}
	}
	return i
}

// completed returns prefix, or the words that make it long enough to trigger.
func completed(prefix string) []string {
	switch len(prefix) {
	case 3:
		return following(prefix, "abcdefghijklmnopqrstuvwxyz0123456789")
	}
	return []string{prefix}
}

// unique drops words that begin with another of words, ASCII case ignored:
// the shorter triggers for both.
func unique(words []string) []string {
	have := map[string]bool{}
	for _, w := range words {
		have[strings.ToLower(w)] = true
	}
	return slices.DeleteFunc(slices.Sorted(maps.Keys(have)), func(w string) bool {
		for n := minWord; n < len(w); n++ {
			if have[w[:n]] {
				return true
			}
		}
		return false
	})
}

// The keys that have no prefix but a shape: what stands before and after a
// byte.

// twilioKeys recognises keys and account ids of Twilio: SK… and AC….
func twilioKeys() Detector {
	return Detector{Type: "API_KEY", Name: "twilio", Long: 34, Find: func(c *Candidate) {
		for _, k := range [...]vendorKey{{"SK", isHex, 32, 32}, {"AC", isHex, 32, 32}} {
			if c.End-c.Start == 34 && k.match(c.Text[c.Start:c.End]) > 0 {
				c.Add(c.Start, c.End)
			}
		}
	}}
}

// azureKeys recognises client secrets of Azure AD: …8Q~….
func azureKeys() Detector {
	return Detector{Type: "API_KEY", Bytes: "~", Find: func(c *Candidate) {
		if c.At(c.Start-1) == 'Q' && isDigit(c.At(c.Start-2)) {
			c.addAround(isAzure, 5, 5, isAzure, 31, 34)
		}
	}}
}

// facebookKeys recognises tokens of Facebook: id|….
func facebookKeys() Detector {
	return Detector{Type: "API_KEY", Bytes: "|", Next: lowerCase + upperCase + digits + "-_", Find: func(c *Candidate) {
		if isDigit(c.At(c.Start - 1)) {
			c.addAround(isDigit, 15, 16, isBase64URL, 27, 40)
		}
	}}
}

// telegramKeys recognises tokens of Telegram: id:A….
func telegramKeys() Detector {
	return Detector{Type: "API_KEY", Bytes: ":", Next: "A", Find: func(c *Candidate) {
		c.addAround(isDigit, 8, 16, isBase64URL, 35, 35)
	}}
}

// mailchimpKeys recognises keys of Mailchimp: …-us1.
func mailchimpKeys() Detector {
	return Detector{Type: "API_KEY", Words: following("-us", "123456789"), Find: func(c *Candidate) {
		c.addAround(isHex, 32, 32, isAlnum, 3, 4)
	}}
}

// addAround adds what stands around the candidate's first byte if it has the
// shape.
func (c *Candidate) addAround(before func(byte) bool, minBefore, maxBefore int, after func(byte) bool, minAfter, maxAfter int) {
	if start, end := around(c.Text, c.Start, before, minBefore, maxBefore, after, minAfter, maxAfter); end > 0 {
		c.Add(start, end)
	}
}

func isAzure(c byte) bool { return isWord(c) || c == '.' || c == '~' || c == '-' }

// around returns the bounds of what stands around i if there are as many
// bytes of the kinds before and after it as are wanted, else 0.
func around(s string, i int, before func(byte) bool, minBefore, maxBefore int, after func(byte) bool, minAfter, maxAfter int) (start, end int) {
	start, end = i, i+1
	for start > 0 && i-start <= maxBefore && before(s[start-1]) {
		start--
	}
	for end < len(s) && end-i-1 <= maxAfter && after(s[end]) {
		end++
	}
	if !within(i-start, minBefore, maxBefore) || !within(end-i-1, minAfter, maxAfter) || isWord(at(s, start-1)) {
		return 0, 0
	}
	return start, end
}

// variety returns how many different bytes s has: filling such as xxxx is no
// key.
func variety(s string) int {
	var seen [4]uint64
	n := 0
	for _, c := range []byte(s) {
		if bit := uint64(1) << (c & 63); seen[c>>6]&bit == 0 {
			seen[c>>6] |= bit
			n++
		}
	}
	return n
}
