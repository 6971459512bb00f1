package identifier

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
)

// matching are the forms of the sample's entity and country that match it.
func matching(s sample) []Form {
	return slices.DeleteFunc(nationalForms(), func(f Form) bool {
		return !f.Is(s.entity) || f.Country != s.country || !f.Match(s.text)
	})
}

// TestNationalForms asks that every form is well made and has a sample.
func TestNationalForms(t *testing.T) {
	for _, f := range nationalForms() {
		name := f.Country + " " + f.Entity + ", " + f.Name
		if err := f.check(); err != nil {
			t.Error(err)
		}
		if !slices.ContainsFunc(nationalSamples, func(s sample) bool {
			return f.Is(s.entity) && f.Country == s.country && f.Match(s.text)
		}) {
			t.Errorf("%s: no sample", name)
		}
		for _, w := range f.Written {
			if !slices.ContainsFunc(f.Patterns, func(p string) bool { return len(p) == len(compacted(w, f.Separators+"_")) }) {
				t.Errorf("%s: written %q has the length of no pattern", name, w)
			}
		}
		for _, w := range f.Words {
			if len(w) < 2 || w != strings.ToLower(w) || strings.ContainsFunc(w, func(r rune) bool {
				return r != ' ' && (unicode.IsSpace(r) || unicode.IsPunct(r))
			}) {
				t.Errorf("%s: word %q is not lower case or has punctuation", name, w)
			}
		}
		if f.Apart && f.Separators == "" || len(f.Words) == 0 && f.Entity != "LUHN" {
			t.Errorf("%s: no separators or no words", name)
		}
	}
}

// compacted is the text without the bytes of the second string.
func compacted(text, without string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(without, r) {
			return -1
		}
		return r
	}, text)
}

func TestNationalSamples(t *testing.T) {
	for _, s := range nationalSamples {
		if !Valid(s.entity, s.country, s.text) {
			t.Errorf("%s %s: %q is not valid", s.country, s.entity, s.text)
		}
		if !Valid(s.entity, s.country, " "+strings.ToLower(s.text)+"\n") {
			t.Errorf("%s %s: %q is not valid in lower case", s.country, s.entity, s.text)
		}
		if f := matching(s); slices.ContainsFunc(f, func(f Form) bool { return f.Match(s.text + strings.Repeat("0", MaxLen)) }) {
			t.Errorf("%s %s: %q is valid with forty zeros behind it", s.country, s.entity, s.text)
		}
	}
}

// TestOneDigitWrong changes every digit of every sample to every other. Where
// the scheme is sure to notice, it has to, always; no check may let all pass.
func TestOneDigitWrong(t *testing.T) {
	for _, s := range nationalSamples {
		for _, f := range matching(s) {
			if f.Check == nil {
				continue
			}
			refused := 0
			for i := range len(s.text) {
				for d := byte('0'); d <= '9' && isDigit(s.text[i]); d++ {
					changed := s.text[:i] + string(d) + s.text[i+1:]
					if d == s.text[i] {
						continue
					}
					if !f.Match(changed) {
						refused++
					} else if s.sure {
						t.Errorf("%s %s: %q and %q are both valid (%s)", s.country, s.entity, s.text, changed, f.Name)
					}
				}
			}
			if refused == 0 && !unnoticing[f.Name] {
				t.Errorf("%s %s: no digit of %q matters (%s)", s.country, s.entity, s.text, f.Name)
			}
		}
	}
}

// unnoticing are the forms whose check looks at letters, or refuses only a
// whole of one kind, which changing a digit does not come to.
var unnoticing = map[string]bool{
	"Steuernummer, as the Länder write it":            true,
	"Steuernummer without separators":                 true,
	"Betriebsstättennummer":                           true,
	"National Insurance number":                       true,
	"National Insurance number, suffix unknown":       true,
	"Permanent Account Number":                        true,
	"Taxpayer Identification Number":                  true,
	"Taxpayer Identification Number with branch code": true,
	"National ID number":                              true,
	"National identity number":                        true,
	"Identity card number":                            true,
}

// TestNationalRefusals has what looks like an identifier and is none.
func TestNationalRefusals(t *testing.T) {
	for _, tt := range []struct{ entity, country, text, why string }{
		{"DE_TAX_ID", "DE", "07036892816", "begins with zero"},
		{"DE_TAX_ID", "DE", "47036892817", "check digit"},
		{"DE_TAX_ID", "DE", "47-036892816-", "dash at the end"},
		{"DE_SOCIAL_SECURITY", "DE", "12320788M046", "day 32"},
		{"DE_SOCIAL_SECURITY", "DE", "12251388M046", "month 13"},
		{"DE_HEALTH_INSURANCE", "DE", "4458720135", "no letter"},
		{"DE_TAX_NUMBER", "DE", "1781508152345", "no Land 17"},
		{"DE_PRACTICE_NUMBER", "DE", "007654300", "no association"},
		{"AT_SSN", "AT", "4783 310671", "31 June"},
		{"AT_SSN", "AT", "0783 230571", "serial with zero in front"},
		{"NATIONAL_ID", "CH", "757.9217.0769.85", "not Switzerland"},
		{"BE_NRN", "BE", "91.13.05-331.03", "month 13"},
		{"BE_NRN", "BE", "91.04.05-331.04", "check digits"},
		{"NL_BSN", "NL", "111222334", "eleven test"},
		{"LU_NIN", "LU", "1975022914232", "29 February of an ordinary year"},
		{"FR_NIR", "FR", "2 95 13 99 126 111 93", "month 13"},
		{"FR_NIR", "FR", "2 95 10 2C 126 111 93", "no 2C"},
		{"FR_NIF", "FR", "48 73 920 465 172", "begins with 4"},
		{"ES_NIF", "ES", "54362315A", "letter"},
		{"ES_NIE", "ES", "W2482300W", "no W in front"},
		{"BUSINESS_ID", "ES", "A58818502", "check digit"},
		{"BUSINESS_ID", "ES", "P99216582", "kind P has a letter"},
		{"PT_NIF", "PT", "401964843", "begins with 40"},
		{"IT_FISCAL_CODE", "IT", "RSSMRA85T32A562S", "day 32"},
		{"IT_FISCAL_CODE", "IT", "RSSMRA85F10A562S", "no month F"},
		{"IT_FISCAL_CODE", "IT", "RSSMRA85T10N562S", "no place N"},
		{"UK_NINO", "GB", "BG103759A", "prefix never given out"},
		{"UK_NINO", "GB", "JO103759A", "O second"},
		{"UK_NINO", "GB", "JG103759E", "suffix E"},
		{"UK_NHS", "GB", "4857773456", "check digit"},
		{"UK_UTR", "GB", "2738201946", "check digit"},
		{"IE_PPS", "IE", "7046281G", "check letter"},
		{"FI_PERSONAL_IDENTITY_CODE", "FI", "2902961232", "no sign"},
		{"FI_PERSONAL_IDENTITY_CODE", "FI", "290295-1232", "29 February of an ordinary year"},
		{"FI_PERSONAL_IDENTITY_CODE", "FI", "290296/1232", "slash for a sign"},
		{"FI_PERSONAL_IDENTITY_CODE", "FI", "290296G1232", "no sign G"},
		{"NATIONAL_ID", "NO", "151386 95088", "month 13"},
		{"NATIONAL_ID", "DK", "310211-5629", "31 February"},
		{"TAX_ID", "DK", "211062-5628", "check digit"},
		{"SE_PERSONNUMMER", "SE", "880332-0016", "day 32"},
		{"SE_PERSONNUMMER", "SE", "701063-2391", "a coordination number"},
		{"SE_COORDINATION_NUMBER", "SE", "880320-0016", "a personal number"},
		{"BUSINESS_ID", "SE", "551036-0793", "a month for the third digit"},
		{"EE_PERSONAL_CODE", "EE", "36802300109", "30 February"},
		{"LV_PERSONAL_CODE", "LV", "310275-19997", "31 February"},
		{"PL_PESEL", "PL", "44051401358", "check digit"},
		{"PL_PESEL", "PL", "04223012345", "30 February"},
		{"PL_NIP", "PL", "8567346216", "check digit"},
		{"CZ_RODNE_CISLO", "CZ", "715519/2745", "month 5 and not the check digit"},
		{"CZ_RODNE_CISLO", "CZ", "711319/274", "nine digits after 1953"},
		{"TAX_ID", "HU", "1459012379", "does not begin with 8"},
		{"RO_CNP", "RO", "1630615543457", "county 54"},
		{"RO_CNP", "RO", "1630631123457", "31 June"},
		{"BG_EGN", "BG", "7813145123", "month 13"},
		{"SI_TIN", "SI", "00223054", "begins with zero"},
		{"SI_EMSO", "SI", "3205991450046", "day 32"},
		{"GR_TIN", "GR", "594259216", "begins with 5"},
		{"GR_AMKA", "GR", "32118043213", "day 32"},
		{"TAX_ID", "CY", "12451267N", "begins with 12"},
		{"US_SSN", "US", "000-90-4399", "area 000"},
		{"US_SSN", "US", "666-90-4399", "area 666"},
		{"US_SSN", "US", "936-90-4399", "area of ITINs"},
		{"US_SSN", "US", "536-00-4399", "group 00"},
		{"US_SSN", "US", "536-90-0000", "serial 0000"},
		{"US_SSN", "US", "219-09-9999", "known from a pamphlet"},
		{"US_SSN", "US", "536-90.4399", "two separators"},
		{"US_ITIN", "US", "912-69-3456", "group 69"},
		{"US_ITIN", "US", "912-93-3456", "group 93"},
		{"TAX_ID", "US", "96-1144442", "prefix"},
		{"TAX_ID", "US", "9-11144442", "place of the dash"},
		{"US_MBI", "US", "3ST7-WF2-RA59", "letter S"},
		{"US_MBI", "US", "0KT7-WF2-RA59", "begins with zero"},
		{"US_NPI", "US", "1982736451", "check digit"},
		{"US_DEA_NUMBER", "US", "NB4829137", "no registrant N"},
		{"CA_SIN", "CA", "830 129 418", "begins with 8"},
		{"CA_SIN", "CA", "730-129 418", "two separators"},
		{"BR_CPF", "BR", "777.777.777-77", "one digit"},
		{"BR_CPF", "BR", "390.533.447-06", "check digit"},
		{"BR_CNPJ", "BR", "7K.4M0.B2P/0001-76", "check digit"},
		{"CN_RESIDENT_ID", "CN", "170105194912310029", "no province 17"},
		{"CN_RESIDENT_ID", "CN", "110105194902300029", "30 February"},
		{"NATIONAL_ID", "CN", "440306960231301", "31 February"},
		{"NATIONAL_ID", "HK", "G123456(9)", "check digit"},
		{"NATIONAL_ID", "HK", "G123456(A]", "brackets"},
		{"NATIONAL_ID", "TW", "F234801752", "check digit"},
		{"KR_RRN", "KR", "790332-2074516", "day 32"},
		{"KR_RRN", "KR", "790314-6074516", "a foreigner"},
		{"KR_FRN", "KR", "790314-2074516", "a citizen"},
		{"KR_BRN", "KR", "116-82-00277", "check digit"},
		{"IN_AADHAAR", "IN", "1738 2946 1053", "begins with 1"},
		{"IN_AADHAAR", "IN", "5738-29461053-", "dash at the end"},
		{"TAX_ID", "IN", "AAPMS4857M", "no holder M"},
		{"IN_GSTIN", "IN", "38AAPCS4857M1ZD", "check character"},
		{"IN_GSTIN", "IN", "00AAPCS4857M1ZC", "no state 00"},
		{"NATIONAL_ID", "PK", "84201-0891231-8", "no province 8"},
		{"NATIONAL_ID", "LK", "198586700937", "day 867"},
		{"SG_NRIC_FIN", "SG", "S7301824A", "check letter"},
		{"SG_NRIC_FIN", "SG", "A7301824B", "no series A"},
		{"PH_TIN", "PH", "318-000-000", "nothing but the first group"},
		{"TH_TNIN", "TH", "3-2824-00123-45-0", "no province 28"},
		{"TH_TNIN", "TH", "0-1024-00123-45-8", "begins with zero"},
		{"TR_NATIONAL_ID", "TR", "07291716060", "begins with zero"},
		{"NATIONAL_ID", "IR", "4720000001", "serial zero"},
		{"ZA_ID_NUMBER", "ZA", "8502305123087", "30 February"},
		{"ZA_ID_NUMBER", "ZA", "8502235123387", "no citizenship 3"},
		{"NATIONAL_ID", "EG", "29002301234567", "30 February"},
		{"AU_TFN", "AU", "412 608 591", "check digit"},
		{"BUSINESS_ID", "AU", "83 914 571 674", "check digits"},
		{"AU_MEDICARE", "AU", "7428 77813 2", "begins with 7"},
		{"TAX_ID", "NZ", "9-098-575", "too small"},
	} {
		if Valid(tt.entity, tt.country, tt.text) {
			t.Errorf("%s %s: %q is valid: %s", tt.country, tt.entity, tt.text, tt.why)
		}
	}
}

// ordinary are strings of texts and code that are no identifiers, by kind.
func ordinary() map[string][]string {
	all := map[string][]string{}
	start := time.Date(2019, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 6000 {
		now := start.Add(time.Duration(i) * 11 * time.Hour).Add(time.Duration(i*i) * time.Millisecond)
		sum := sha256.Sum256([]byte(strconv.Itoa(i)))
		number := new(big.Int).SetBytes(sum[:]).String()
		all["milliseconds"] = append(all["milliseconds"], strconv.FormatInt(now.UnixMilli(), 10))
		all["microseconds"] = append(all["microseconds"], strconv.FormatInt(now.UnixMicro(), 10))
		all["nanoseconds"] = append(all["nanoseconds"], strconv.FormatInt(now.UnixNano(), 10))
		for _, layout := range []string{"20060102150405", "20060102-150405", "060102-150405", "060102150405", "200601021504", "2006010215"} {
			all[layout] = append(all[layout], now.Format(layout))
		}
		for _, n := range []int{8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20} {
			hexes, numbers := fmt.Sprintf("%d hex digits", n), fmt.Sprintf("%d digits", n)
			all[hexes] = append(all[hexes], hex.EncodeToString(sum[:])[:n])
			all[numbers] = append(all[numbers], number[:n])
			base36 := fmt.Sprintf("%d of base 36", n)
			all[base36] = append(all[base36], new(big.Int).SetBytes(sum[:]).Text(36)[:n])
		}
	}
	return all
}

// TestNationalSelfIsRare holds forms that need no word near them to less than one hit
// in a thousand ordinary strings of any kind.
func TestNationalSelfIsRare(t *testing.T) {
	for kind, texts := range ordinary() {
		for _, f := range nationalForms() {
			if !f.Self {
				continue
			}
			hits := 0
			for _, s := range texts {
				if f.Match(s) {
					hits++
				}
			}
			if hits*1000 >= len(texts) {
				t.Errorf("%s %s: %d of %d strings match, %s", f.Country, f.Entity, hits, len(texts), kind)
			}
		}
	}
}

// TestValidAlso finds forms under their further names, and only there.
func TestValidAlso(t *testing.T) {
	for _, tt := range []struct {
		entity, country, text string
		want                  bool
	}{
		{"TAX_ID", "PL", "44051401359", true},
		{"TAX_ID", "", "44051401359", true},
		{"NATIONAL_ID", "GB", "JG103759A", true},
		{"NATIONAL_ID", "DE", "47036892816", false},
		{"TAX_ID", "FR", "44051401359", false},
		{"NO_SUCH_KIND", "PL", "44051401359", false},
		{"LUHN", "PL", "7992 7398 713", true},
	} {
		if got := Valid(tt.entity, tt.country, tt.text); got != tt.want {
			t.Errorf("Valid(%q, %q, %q) = %v", tt.entity, tt.country, tt.text, got)
		}
	}
}
