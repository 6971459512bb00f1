package redaction

// Default returns the detectors of this package in order of priority. region
// is the ISO 3166 code of the country whose national telephone numbers are
// recognised by their form; with "" only North American ones are, and others
// after a word such as "phone".
func Default(region string) []Detector {
	return []Detector{
		privateKey(), credentials(), jwt(), apiKeys(), azureKeys(), facebookKeys(), telegramKeys(), mailchimpKeys(), email(), iban(), card(), ssn(), ipv4(), ipv6(),
		internationalPhone(), nationalPhone(region), headers(), curlUser(), passwords(), secrets(),
	}
}
