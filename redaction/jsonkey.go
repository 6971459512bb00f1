package redaction

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The classes of keys that say that the value is somebody's.
const (
	personKey keyClass = 16 + iota
	birthKey
	addressKey
)

// personalKeys are the ends of such names, as in keyEndings. A name alone says
// too little: things have names, too.
var personalKeys = endings(map[keyClass]string{
	personKey: "firstname lastname surname fullname givenname familyname middlename maidenname forename patientname customername employeename " +
		"contactname holdername cardholder accountholder vorname nachname prénom prenom apellido apellidos cognome achternaam voornaam efternamn förnamn",
	birthKey:   "dateofbirth dob birthdate birthday geburtsdatum datedenaissance fechadenacimiento datadinascita",
	addressKey: "streetaddress homeaddress mailingaddress billingaddress shippingaddress postaladdress deliveryaddress anschrift",
})

func endings(byClass map[keyClass]string) []ending {
	var all []ending
	for class, names := range byClass {
		for name := range strings.FieldsSeq(names) {
			all = append(all, ending{name, class})
		}
	}
	return all
}

// personal returns the type under which a value goes because of its key, ""
// if it does not look like one.
func (k keyClass) personal(value string) string {
	switch {
	case k == personKey && likeName(value):
		return "PERSON"
	case k == birthKey && len(value) <= 40 && strings.ContainsAny(value, digits):
		return "DATE_OF_BIRTH"
	case k == addressKey && len(value) <= 200 && strings.ContainsAny(value, digits) && strings.IndexFunc(value, unicode.IsLetter) >= 0:
		return "ADDRESS"
	}
	return ""
}

// likeName reports whether a value can be a name: up to five words, one of
// which begins with a capital or a letter that has none, and no digits.
func likeName(value string) bool {
	words, capitals := 0, 0
	for w := range strings.FieldsSeq(value) {
		first, _ := utf8.DecodeRuneInString(w)
		if !unicode.IsLetter(first) && first != '\'' {
			return false
		}
		if words++; !unicode.IsLower(first) {
			capitals++
		}
	}
	return capitals > 0 && words <= 5 && len(value) <= 64 && !strings.ContainsAny(value, digits+"_<>{}[]@/\\")
}
