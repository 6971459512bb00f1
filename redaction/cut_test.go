package redaction

import (
	"strings"
	"testing"
)

// TestJSONCutAnywhere holds that JSON which ends at any byte is redacted as far
// as it goes, each value once, also within the strings of other JSON.
func TestJSONCutAnywhere(t *testing.T) {
	r := newRedactor(t, Config{})
	const whole = `{"bob@example.com" : "ann@example.com" , "card" : [ 4111111111111111 , "x 4111111111111111" , {"password" : "hunter2hunter2" } ] }`
	for n := range len(whole) + 1 {
		cut := whole[:n]
		for _, s := range []string{cut, `["` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(cut) + `" `} {
			out, _, err := r.Text(t.Context(), s, pseudonym)
			if err != nil {
				t.Errorf("%q: %v", s, err)
				continue
			}
			for _, v := range []string{"bob@example.com", "ann@example.com", "4111111111111111", "hunter2hunter2"} {
				if strings.Contains(out, v) {
					t.Errorf("%q became %q", s, out)
				}
			}
			if again, _, err := r.Text(t.Context(), out, pseudonym); err != nil || again != out {
				t.Errorf("%q became %q, then %q: %v", s, out, again, err)
			}
		}
	}
}
