package redaction

import (
	"strings"

	"github.com/afterimage/afterimage/redaction/identifier"
	"github.com/afterimage/afterimage/redaction/phone"
)

// Valid reports whether the whole text is a valid value of a kind of
// identifier, such as IBAN, PL_PESEL or PHONE, for a country by its ISO 3166
// code; "" accepts any country's. Whether a value was ever issued it cannot
// know. For an unknown kind the answer is false.
func Valid(entity, country, text string) bool {
	if entity != "PHONE" {
		return identifier.Valid(entity, country, text)
	}
	if strings.TrimSpace(text) != text {
		return false
	}
	_, ok := phone.Parse(text, country)
	return ok
}
