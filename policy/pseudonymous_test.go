package policy

import (
	"errors"
	"strings"
	"testing"
)

// What is put on record of a condition must not name the person it is about,
// wherever and however the condition does, and must still mean the same.
func TestPseudonymous(t *testing.T) {
	token := func(user string) (string, error) { return "[USER:" + strings.ToLower(user[:2]) + "]", nil }
	for expr, want := range map[string]string{
		`true`:                        `true`,
		`user == "alice@example.com"`: `user == "[USER:al]"`,
		`'alice@example.com' != event.user && turn > 3u`:   `"[USER:al]" != event.user && turn > 3u`,
		`"é😀" != session && user in [ "alice",'bob' ]`:     `"é😀" != session && user in [ "[USER:al]","[USER:bo]" ]`,
		`user == r"al\x" || user == """bob"""`:             `user == "[USER:al]" || user == "[USER:bo]"`,
		`user == "[USER:k7m2qa5d3hx4]" || user == ""`:      `user == "[USER:k7m2qa5d3hx4]" || user == ""`,
		`["x"].exists(s, user == "alice" && session == s)`: `["x"].exists(s, user == "[USER:al]" && session == s)`,
		`session == "alice@example.com"`:                   `session == "alice@example.com"`,
	} {
		got, err := Pseudonymous(expr, token)
		if err != nil || got != want {
			t.Errorf("%s: got %s, error %v, want %s", expr, got, err, want)
		}
		if _, err := Compile(got); err != nil {
			t.Errorf("%s became %s: %v", expr, got, err)
		}
	}
	if _, err := Pseudonymous(`user == `, token); err == nil {
		t.Error("a malformed condition was taken")
	}
	broken := errors.New("no keys")
	if _, err := Pseudonymous(`user == "alice"`, func(string) (string, error) { return "", broken }); !errors.Is(err, broken) {
		t.Errorf("got error %v, want %v", err, broken)
	}
}
