package phone

import (
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// types are the library's names of the types.
var types = map[Type]phonenumbers.PhoneNumberType{
	FixedLine: phonenumbers.FIXED_LINE, Mobile: phonenumbers.MOBILE, FixedLineOrMobile: phonenumbers.FIXED_LINE_OR_MOBILE,
	TollFree: phonenumbers.TOLL_FREE, PremiumRate: phonenumbers.PREMIUM_RATE, SharedCost: phonenumbers.SHARED_COST,
	VoIP: phonenumbers.VOIP, PersonalNumber: phonenumbers.PERSONAL_NUMBER, Pager: phonenumbers.PAGER,
	UAN: phonenumbers.UAN, Voicemail: phonenumbers.VOICEMAIL,
}

// reference is what the library says of a number.
type reference struct {
	number          *phonenumbers.PhoneNumber
	valid, possible bool
}

func ask(text, region string) (r reference) {
	n, err := phonenumbers.Parse(text, region)
	if err != nil {
		return r
	}
	return reference{n, phonenumbers.IsValidNumber(n), phonenumbers.IsPossibleNumber(n)}
}

// askAbroad asks as well for what 00, which dials abroad in most countries,
// says everywhere (doc.go has this difference).
func askAbroad(text, region string) reference {
	r := ask(text, region)
	var d dialled
	if r.valid || !d.read(text) || !d.abroad() {
		return r
	}
	again := ask("+"+string(d.digits[:d.n]), region)
	again.possible = again.possible || r.possible
	return again
}

// compare fails the test where Parse and the library differ, and returns
// whether the number is valid.
func compare(t *testing.T, text, region string) bool {
	t.Helper()
	want := askAbroad(text, region)
	got, ok := Parse(text, region)
	if p := Possible(text, region); p != want.possible {
		t.Errorf("Possible(%q, %q) = %v, the library says %v", text, region, p, want.possible)
	}
	if ok != want.valid {
		t.Errorf("Parse(%q, %q) valid: %v, the library says %v", text, region, ok, want.valid)
	}
	if !ok || !want.valid {
		return want.valid
	}
	if e164 := phonenumbers.Format(want.number, phonenumbers.E164); got.String() != e164 {
		t.Errorf("Parse(%q, %q) = %s, the library says %s", text, region, got, e164)
	}
	if of := phonenumbers.GetRegionCodeForNumber(want.number); got.Country != of {
		t.Errorf("Parse(%q, %q) is of %s, the library says %s", text, region, got.Country, of)
	}
	if typ := phonenumbers.GetNumberType(want.number); types[got.Type] != typ {
		t.Errorf("Parse(%q, %q) is of type %d, the library says %d", text, region, got.Type, typ)
	}
	return true
}
