package redaction

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// draw returns a key of a shape, drawn at random.
func draw(r *rand.Rand, parts []part) string {
	var b strings.Builder
	for _, p := range parts {
		if p.in == nil {
			b.WriteString(p.literal)
			continue
		}
		n := p.min
		if !p.open && p.max > p.min {
			n += r.IntN(p.max - p.min + 1)
		}
		var alphabet []byte
		for c := byte('!'); c < 0x7F; c++ {
			if p.in(c) && strings.IndexByte("=%/.&?", c) < 0 {
				alphabet = append(alphabet, c)
			}
		}
		if p.in(' ') {
			alphabet = []byte{' '}
		}
		for i := range n {
			c := alphabet[r.IntN(len(alphabet))]
			for (i == 0 || i == n-1) && n > 1 && !isAlnum(c) {
				c = alphabet[r.IntN(len(alphabet))]
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// found reports whether one span of s covers key whole and nothing else.
func found(t *testing.T, r *Redactor, s, key string) bool {
	t.Helper()
	_, findings, err := r.Text(t.Context(), s, pseudonym)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	at := strings.Index(s, key)
	return slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Start == at && f.End == at+len(key) && slices.Contains(secretTypes, f.Type)
	})
}

// keyPlaces are where keys turn up.
var keyPlaces = []string{"%s", "use %s for now", "key: '%s'", `{"a": "%s"}`, "export X=%s\nY=1", "<k>%s</k>", `f("%s", 1)`, "curl -H 'X: %s' https://example.com", "see `%s`."}

// TestVendorKeys draws keys of every shape of every vendor, and finds them with
// exact ends wherever they stand. A wrong row would find nothing, or half.
func TestVendorKeys(t *testing.T) {
	r := newRedactor(t, Config{})
	random := rand.New(rand.NewPCG(1, 2))
	families := slices.Concat(cloudKeys, codeKeys, modelKeys, moneyKeys, messageKeys, operationKeys, dataKeys, []family{webhooks})
	for _, f := range families {
		for _, v := range f.vendors {
			for shape := range strings.FieldsSeq(v.shapes) {
				name, rest, ok := strings.Cut(shape, "^")
				if !ok {
					name, rest = "", shape
				}
				key := draw(random, parseShape(rest))
				name = strings.ReplaceAll(name, "<s1>", " ")
				for _, around := range keyPlaces {
					if f.name == "webhook" {
						key = webhookURL(key)
					}
					if s := fmt.Sprintf(around, name+key); !found(t, r, s, key) {
						t.Errorf("%s %s %s: not found in %q", f.name, v.name, shape, s)
					}
				}
			}
		}
	}
}

// webhookURL completes a webhook's host and path to a URL.
func webhookURL(s string) string {
	if strings.HasPrefix(s, "https://") {
		return s
	}
	if s[0] == '.' {
		s = "acme" + s
	}
	return "https://" + s
}

// TestNamedKeys draws keys of every shape that a vendor's name must give away,
// and finds them behind that name.
func TestNamedKeys(t *testing.T) {
	r := newRedactor(t, Config{})
	random := rand.New(rand.NewPCG(3, 4))
	missed, total := 0, 0
	for _, f := range slices.Concat(namedFamilies, namedServices) {
		for _, v := range f.vendors {
			name := strings.Fields(v.words)[0]
			for shape := range strings.FieldsSeq(v.shapes) {
				parts := parseShape(shape)
				for range 5 {
					key := draw(random, parts)
					if !strings.ContainsAny(key, digits) {
						continue // such keys are found by what they are assigned to
					}
					total++
					if s := name + "_token = '" + key + "'"; !covered(t, r, s, key) {
						missed++
						t.Logf("%s %s %s: not found in %q", f.name, v.words, shape, s)
					}
				}
			}
		}
	}
	if missed*50 > total {
		t.Errorf("missed %d of %d", missed, total)
	}
}

// covered reports whether spans of secrets cover key.
func covered(t *testing.T, r *Redactor, s, key string) bool {
	t.Helper()
	_, findings, err := r.Text(t.Context(), s, pseudonym)
	if err != nil {
		t.Fatalf("%q: %v", s, err)
	}
	at := strings.Index(s, key)
	return slices.ContainsFunc(findings, func(f Finding) bool {
		return f.Start <= at && f.End >= at+len(key) && slices.Contains(secretTypes, f.Type)
	})
}

// TestUnnamedKeys: without a vendor's name or a word the same runs are ids,
// sums and versions, and stay.
func TestUnnamedKeys(t *testing.T) {
	r := newRedactor(t, Config{})
	random := rand.New(rand.NewPCG(5, 6))
	for _, shape := range []string{"<x32>", "<x40>", "<x64>", "<x8>-<x4>-<x4>-<x4>-<x12>", "<l24>", "<u40>"} {
		for _, around := range []string{"commit %s", "%s", "id: %s", "md5(%s)", "the request %s failed", "/objects/%s/view", "sha256:%s", "etag \"%s\"", "trace_id=%s", "GitHub commit %s of main", "https://api.github.com/repos/a/b/commits/%s", `{"sentry": {"event_id": "%s"}}`, "datadog trace %s", "docker image id %s"} {
			s := fmt.Sprintf(around, draw(random, parseShape(shape)))
			_, findings, err := r.Text(t.Context(), s, pseudonym)
			if err != nil {
				t.Fatal(err)
			}
			if i := slices.IndexFunc(findings, func(f Finding) bool { return slices.Contains(secretTypes, f.Type) }); i >= 0 {
				t.Errorf("%q: found %s by %s", s, findings[i].Type, findings[i].Detector)
			}
		}
	}
}

// secretTypes are the types of secrets.
var secretTypes = []string{"API_KEY", "JWT", "PRIVATE_KEY", "URL_CREDENTIALS", "PASSWORD", "GENERIC_SECRET", "WEBHOOK_URL"}

// TestPrivateKeys holds that keys in other armour than PEM's are found.
func TestPrivateKeys(t *testing.T) {
	r := newRedactor(t, Config{})
	random := rand.New(rand.NewPCG(7, 8))
	body := draw(random, parseShape("<a64>")) + "\n" + draw(random, parseShape("<a64>")) + "\n" + draw(random, parseShape("<a20>"))
	ssh2 := "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: \"x\"\n" + body + "\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
	pgp := "-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n" + body + "\n=aB3d\n-----END PGP PRIVATE KEY BLOCK-----"
	for name, c := range map[string]struct{ text, key string }{
		"putty": {"PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 3\n" + body + "\nPrivate-MAC: 00\n", body},
		"ssh2":  {"key:\n" + ssh2 + "\n", ssh2},
		"pgp":   {pgp + "\n", pgp},
	} {
		if !found(t, r, c.text, c.key) {
			t.Errorf("%s: not found in %q", name, c.text)
		}
	}
}
