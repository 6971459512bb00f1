package cases

import "strings"

// categories are the entities that stand for one another: a number that is
// taken for the wrong kind of its category is covered all the same.
var categories = func() map[string]string {
	of := map[string]string{}
	for category, entities := range map[string]string{ //nolint:gosec // names of kinds
		"secret":     "API_KEY GENERIC_SECRET PASSWORD PRIVATE_KEY JWT URL_CREDENTIALS URL_TOKEN WEBHOOK_URL",
		"government": "PASSPORT DRIVER_LICENSE ID_CARD NATIONAL_ID TAX_ID VAT_ID BUSINESS_ID",
		"health":     "US_MBI US_NPI US_DEA_NUMBER UK_NHS AU_MEDICARE DE_HEALTH_INSURANCE DE_DOCTOR_NUMBER DE_PRACTICE_NUMBER",
		"financial":  "CREDIT_CARD IBAN BIC BANK_ACCOUNT US_ABA_ROUTING CRYPTO_ADDRESS",
		"network":    "IP_ADDRESS MAC_ADDRESS IMEI",
		"date":       "DATE DATE_OF_BIRTH",
		"location":   "POSTAL_CODE ADDRESS LOCATION",
		"link":       "URL DOMAIN",
		"person":     "PERSON TITLE",
	} {
		for e := range strings.FieldsSeq(entities) {
			of[e] = category
		}
	}
	return of
}()

// category returns the category of an entity. National numbers are told by
// the country that their names begin with.
func category(entity string) string {
	if c := categories[entity]; c != "" {
		return c
	}
	if len(entity) > 3 && entity[2] == '_' {
		return "government"
	}
	return entity
}

// covers reports whether a span reported as typ counts for one expected as
// entity.
func covers(typ, entity string) bool {
	return typ == entity || category(typ) == category(entity)
}

// isSecret reports whether an entity is one of secrets.
func isSecret(entity string) bool { return category(entity) == "secret" }

// group returns the line of the summary that a case belongs to.
func (c *Case) group(entity, value string) string {
	switch entity {
	case "EMAIL", "US_SSN", "MAC_ADDRESS", "IP_ADDRESS", "JWT", "PRIVATE_KEY", "URL_CREDENTIALS":
		if entity == "US_SSN" && c.Tier == "context" {
			break
		}
		return groupExact
	case "PHONE":
		if strings.HasPrefix(value, "+") {
			return groupPhonePlus
		}
		return groupPhone
	case "KNOWN_VALUE":
		return groupKnown
	}
	switch {
	case isSecret(entity):
		return groupSecret
	case c.Tier == "checksum":
		return groupChecksum
	case c.Tier == "format":
		return groupFormat
	case c.Tier == "context" && c.hasWord():
		return groupContext
	}
	return groupBare
}

// hasWord reports whether a case has a word near its value: it says so, or it
// has other letters than those of the value.
func (c *Case) hasWord() bool { return c.WithContext }

// The lines of the summary.
const (
	groupChecksum  = "checksum-decided"
	groupExact     = "e-mail, SSN, MAC, IP, JWT, private keys, URL credentials"
	groupPhonePlus = "phone with +"
	groupPhone     = "phone, national with region"
	groupFormat    = "other format-decided"
	groupContext   = "context-decided, with a word near"
	groupBare      = "context-decided, without one"
	groupSecret    = "secrets"
	groupKnown     = "known values"
)

var groups = []string{groupChecksum, groupExact, groupPhonePlus, groupPhone, groupFormat, groupContext, groupBare, groupSecret, groupKnown}
