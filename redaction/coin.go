package redaction

import "github.com/afterimage/afterimage/redaction/identifier"

// coins recognises addresses of cryptocurrencies by their checksums.
func coins() Detector {
	return Detector{Type: "CRYPTO_ADDRESS", Name: "crypto_address", Source: "Base58Check, BIP 173, BIP 350, EIP-55, Monero", Long: 26, Find: func(c *Candidate) {
		if c.End-c.Start <= maxCoin && identifier.CryptoAddress(c.Text[c.Start:c.End]) {
			c.Add(c.Start, c.End)
		}
	}}
}

// maxCoin is longer than any address.
const maxCoin = 128
