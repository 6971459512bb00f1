package redaction

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"testing"
)

// pseudonym is a stand-in for the keyed function.
func pseudonym(v string) (string, error) {
	h := sha256.Sum256([]byte(v))
	return strings.ToLower(base32.StdEncoding.EncodeToString(h[:])[:tokenLen]), nil
}

func newRedactor(t testing.TB, cfg Config) *Redactor {
	t.Helper()
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEmail(t *testing.T) {
	r := newRedactor(t, Config{})
	got, fs, err := r.Text(t.Context(), "write to Alice@example.com, soon", pseudonym)
	if err != nil {
		t.Fatal(err)
	}
	token, _ := pseudonym("alice@example.com")
	if want := "write to [EMAIL:" + token + "], soon"; got != want || len(fs) != 1 {
		t.Errorf("got %q, %v; want %q", got, fs, want)
	}
}
