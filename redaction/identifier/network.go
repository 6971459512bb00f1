package identifier

import (
	"strings"
	"sync"
)

// A whole is a kind of value that is no [Form]: its characters or the places
// of its separators say more than a pattern can.
type whole struct {
	entity, country string
	valid           func(text string) bool
}

// wholes returns all of them.
var wholes = sync.OnceValue(func() []whole {
	return []whole{
		{"API_KEY", "", func(s string) bool { return ChecksumToken(s) || AtlassianToken(s) }},
		{"CRYPTO_ADDRESS", "", func(s string) bool { return CryptoAddress(strings.TrimSpace(s)) }},
		{"EMAIL", "", Email},
		{"IP_ADDRESS", "", IPAddress},
		{"JWT", "", JWT},
		{"MAC_ADDRESS", "", MAC},
		{"URL", "", URL},
		{"LICENSE_PLATE", "CZ", czechVanity},
		{"LICENSE_PLATE", "DE", germanUmlautPlate},
		{"LICENSE_PLATE", "PT", portuguesePlate},
		{"LICENSE_PLATE", "SE", swedishVanity},
		{"POSTAL_CODE", "GB", outwardAlone},
		{"VAT_ID", "BY", func(s string) bool { return writtenAs(s, "УНП #########") }},
	}
})
