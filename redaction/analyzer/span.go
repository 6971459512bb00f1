package analyzer

import (
	"cmp"
	"slices"
)

// A Span is what the analyser found in a text.
type Span struct {
	// Type is our name of what it is: 1 to 32 of A–Z, 0–9 and _, the first a
	// letter.
	Type string
	// Start and End delimit it in bytes, End exclusive: text[Start:End].
	Start, End int
	// Score is how sure the analyser is, from 0 to 1.
	Score float64
}

// maxType is the longest name of a type, as in package redaction.
const maxType = 32

// types are our names of Presidio's entities (docs/supported_entities.md and
// the recognisers' sources) where they differ: national forms of one kind of
// document share a name. What is not here keeps its name.
var types = map[string]string{
	"EMAIL_ADDRESS":           "EMAIL",
	"PHONE_NUMBER":            "PHONE",
	"PH_MOBILE_NUMBER":        "PHONE",
	"TR_PHONE_NUMBER":         "PHONE",
	"DATE_TIME":               "DATE",
	"IBAN_CODE":               "IBAN",
	"CRYPTO":                  "CRYPTO_ADDRESS",
	"US_BANK_NUMBER":          "BANK_ACCOUNT",
	"ABA_ROUTING_NUMBER":      "US_ABA_ROUTING",
	"MEDICAL_LICENSE":         "US_DEA_NUMBER",
	"DE_LANR":                 "DE_DOCTOR_NUMBER",
	"DE_BSNR":                 "DE_PRACTICE_NUMBER",
	"FIN":                     "SG_NRIC_FIN",
	"AU_ABN":                  "BUSINESS_ID",
	"AU_ACN":                  "BUSINESS_ID",
	"DE_HANDELSREGISTER":      "BUSINESS_ID",
	"SE_ORGANISATIONSNUMMER":  "BUSINESS_ID",
	"DE_VAT_ID":               "VAT_ID",
	"IT_VAT_CODE":             "VAT_ID",
	"DE_ID_CARD":              "ID_CARD",
	"IT_IDENTITY_CARD":        "ID_CARD",
	"DE_FUEHRERSCHEIN":        "DRIVER_LICENSE",
	"IT_DRIVER_LICENSE":       "DRIVER_LICENSE",
	"KR_DRIVER_LICENSE":       "DRIVER_LICENSE",
	"UK_DRIVING_LICENCE":      "DRIVER_LICENSE",
	"US_DRIVER_LICENSE":       "DRIVER_LICENSE",
	"DE_PASSPORT":             "PASSPORT",
	"ES_PASSPORT":             "PASSPORT",
	"IN_PASSPORT":             "PASSPORT",
	"IT_PASSPORT":             "PASSPORT",
	"KR_PASSPORT":             "PASSPORT",
	"UK_PASSPORT":             "PASSPORT",
	"US_PASSPORT":             "PASSPORT",
	"DE_PLZ":                  "POSTAL_CODE",
	"UK_POSTCODE":             "POSTAL_CODE",
	"DE_KFZ":                  "LICENSE_PLATE",
	"IN_VEHICLE_REGISTRATION": "LICENSE_PLATE",
	"NG_VEHICLE_REGISTRATION": "LICENSE_PLATE",
	"TR_LICENSE_PLATE":        "LICENSE_PLATE",
	"UK_VEHICLE_REGISTRATION": "LICENSE_PLATE",
}

// ourType returns our name of an entity, and whether it is one at all.
func ourType(entity string) (string, bool) {
	// Bytes, not strings.ToUpper, which makes ASCII of some other letters.
	name := []byte(entity)
	for i, c := range name {
		if 'a' <= c && c <= 'z' {
			name[i] = c - 'a' + 'A'
		}
	}
	if !isType(name) {
		return "", false
	}
	if t, ok := types[string(name)]; ok {
		return t, true
	}
	return string(name), true
}

func isType(s []byte) bool {
	for i, c := range s {
		if !('A' <= c && c <= 'Z' || i > 0 && (isDigit(c) || c == '_')) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxType
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// toBytes turns the offsets of spans from code points of text into bytes and
// reports whether all of them were inside. An invalid byte is a code point of
// its own: encoding/json sends U+FFFD for each.
func toBytes(text string, spans []Span) bool {
	borders := make([]*int, 0, 2*len(spans))
	for i := range spans {
		borders = append(borders, &spans[i].Start, &spans[i].End)
	}
	slices.SortFunc(borders, func(a, b *int) int { return cmp.Compare(*a, *b) })
	next, point := 0, 0
	for at := range text {
		for ; next < len(borders) && *borders[next] == point; next++ {
			*borders[next] = at
		}
		point++
	}
	for ; next < len(borders) && *borders[next] == point; next++ {
		*borders[next] = len(text)
	}
	return next == len(borders)
}

// order sorts spans by place, the longer first, and leaves of those alike in
// place and type the surest.
func order(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int {
		return cmp.Or(
			cmp.Compare(a.Start, b.Start),
			cmp.Compare(b.End, a.End),
			cmp.Compare(a.Type, b.Type),
			cmp.Compare(b.Score, a.Score))
	})
	return slices.CompactFunc(spans, func(a, b Span) bool {
		return a.Start == b.Start && a.End == b.End && a.Type == b.Type
	})
}
