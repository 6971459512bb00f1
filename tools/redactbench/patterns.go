package redactbench

import "regexp"

// patterns are what one would write for the same kinds of values without check
// digits, numbering plans and words near them: some thirty expressions, in the
// syntax of RE2.
func patterns() []*regexp.Regexp {
	var all []*regexp.Regexp
	for _, p := range []string{
		`[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`,                                        // addresses of mail
		`\+\d{1,3}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,4}(?:[ .-]?\d{2,4}){1,4}`,                    // international telephone numbers
		`(?i)\b(?:phone|tel|call|mobile|fax)\b[^\n\d]{0,20}\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}\b`, // national ones
		`\b(?:4\d{3}|5[1-5]\d{2}|3[47]\d{2}|6011)(?:[ -]?\d{4}){2}[ -]?\d{2,4}\b`,               // cards
		`\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b`,                           // IBAN
		`\b\d{3}-\d{2}-\d{4}\b`,    // US social security numbers
		`\b9\d{2}-[5-9]\d-\d{4}\b`, // US ITIN
		`\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b`,                          // IPv4
		`\b(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){1,6}\b`,                                      // IPv6
		`\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b`,                                                    // MAC addresses
		`\b(?:bc1|[13])[a-km-zA-HJ-NP-Z1-9]{25,39}\b`,                                                    // bitcoin addresses
		`\b0x[0-9a-fA-F]{40}\b`,                                                                          // ethereum addresses
		`\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b`,                            // UK national insurance
		`\b[A-Z]{5}\d{4}[A-Z]\b`,                                                                         // Indian PAN
		`\b\d{4} ?\d{4} ?\d{4}\b`,                                                                        // Aadhaar
		`\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b`,                                                     // Italian fiscal codes
		`\b[XYZ]?\d{7,8}[A-Z]\b`,                                                                         // Spanish NIF and NIE
		`\b[STFGM]\d{7}[A-Z]\b`,                                                                          // Singapore NRIC
		`\b(?:AT|BE|BG|DE|DK|EE|ES|FI|FR|GB|IT|NL|PL|SE|SI)[A-Z0-9]{8,12}\b`,                             // VAT
		`(?i)\bpassport\b[^\n]{0,20}\b[A-Z]{0,2}\d{6,9}\b`,                                               // passports
		`\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?`,                                // JSON web tokens
		`-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----[\s\S]*?-----END`,                                        // private keys
		`\b[a-z][a-z0-9+.-]*://[^\s/:@]+:[^\s/@]+@`,                                                      // credentials in URLs
		`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`,                                                                  // AWS
		`\bgh[pousr]_[A-Za-z0-9]{36}\b`,                                                                  // GitHub
		`\bsk-[A-Za-z0-9_-]{20,}`,                                                                        // OpenAI and others
		`\bxox[abpors]-[A-Za-z0-9-]{10,}`,                                                                // Slack
		`\bAIza[A-Za-z0-9_-]{35}\b`,                                                                      // Google
		`(?i)(?:password|passwd|pwd)["']?\s*[:=]\s*["']?[^\s"']{4,}`,                                     // passwords
		`(?i)(?:secret|token|api[_-]?key)["']?\s*[:=]\s*["']?[A-Za-z0-9_/+.-]{16,}`,                      // secrets
		`(?i)\bbearer\s+[A-Za-z0-9._~+/-]{16,}`,                                                          // bearer tokens
		`(?i)\b(?:my name is|i am|dear|mr\.?|mrs\.?|ms\.?) [A-Z][a-z]+(?: [A-Z][a-z]+)?`,                 // names
		`\b\d{1,5} (?:[A-Z][a-z]+ ){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Drive|Dr|Boulevard|Blvd)\b`, // streets
	} {
		all = append(all, regexp.MustCompile(p))
	}
	return all
}
