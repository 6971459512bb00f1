package identifier

import (
	"cmp"
	"fmt"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// vatNumbers are numbers whose check digits are right, most of them on the
// invoices and web sites of their holders: entity, country, valid and invalid.
const vatNumbers = `VAT_ID AT ; ATU13585627|ATU 13585627|U13585627 ; AT13585627|ATU1358562
VAT_ID AU ; AU83914571673|83 914 571 673 ; AU83914571674|03914571673
VAT_ID BE ; BE0428759497|BE 0428.759.497|0428.759.497 ; BE042875949
VAT_ID BG ; BG175074752|BG7523169263 ; BG17507475
VAT_ID CH ; CHE-107.787.577 IVA|CHE107787577MWST|107787577 ; CHE107787578|CHE107787577XYZ
VAT_ID CY ; CY10259033P ; CY1025903P
VAT_ID CZ ; CZ47003171|CZ7103192745|CZ640903926 ; CZ4700317
VAT_ID DE ; DE 111 222 339|DE-111-222-339|DE111222339|131222333 ; DE111222330|DE011222332
VAT_ID DK ; DK13585628|DK 13 58 56 28 ; DK1358562
VAT_ID EE ; EE100931558 ; EE10093155
VAT_ID EL ; EL094259216|EL 094 259 216 ; EL09425921
VAT_ID GR ; GR094259216|EL094259216 ; GR09425921
VAT_ID ES ; ESA13585625|ES54362315K|ESX2482300W|ESJ99216582 ; ES1358562A
VAT_ID FI ; FI20774740|FI 2077474-0 ; FI2077474
VAT_ID FR ; FR40303265045|FR 40 303 265 045|FRK7399859412|FR4Z123456782|40303265045 ; fr4z12345678|FR4030326504
VAT_ID GB ; GB980780684|GB 980 7806 84|GB980780684001|980780684|GB123 4567 89|GB123456789 012|GBGD123|GBHA567|XI980780684 ; GB980780685|GB98078068|GBGD567|GBHA123
VAT_ID HR ; HR33392005961 ; HR3339200596
VAT_ID HU ; HU12892312 ; HU1289231
VAT_ID IE ; IE6433435F|IE6433435OA|IE8D79739I ; IE643343F
VAT_ID IT ; IT00743110157|IT 00743110157 ; IT0074311015
VAT_ID LT ; LT119511515|LT100001919017 ; LT11951151
VAT_ID LU ; LU15027442 ; LU1502744
VAT_ID LV ; LV40003521600|LV16117519997 ; LV4000352160
VAT_ID MT ; MT11679112 ; MT1167911
VAT_ID NL ; NL004495445B01|NL123456789B13|004495445B01 ; NL00449544B01
VAT_ID NO ; NO995525828MVA|NO 995 525 828 MVA|995525828 MVA|NO995525828 ; NO995525829|995525828
VAT_ID NZ ; 49098576|NZ490985769 ; 49098577
VAT_ID PL ; PL8567346215|PL 856-734-62-15|856-734-62-15 ; PL856734621
VAT_ID PT ; PT501964843|501964843|PT 501 964 843 ; PT501964844|501964844
VAT_ID RO ; RO18547290|RO 18547290|18547290 ; RO1
VAT_ID SE ; SE556188840401|SE 556188-8404 01 ; SE55618884040
VAT_ID SI ; SI50223054 ; SI5022305
VAT_ID SK ; SK2022749619 ; SK202274961
VAT_ID IN ; 27AAPFU0939F1ZV|272345678901234 ; 27AAPFU0939F1ZO|27AAPFU0939F1Z
VAT_ID AL ; J91402501L|ALJ91402501L ; J9140250L
VAT_ID AR ; 20267565393 ; 2026756539
VAT_ID BO ; 1020703023 ; 10207030234567
VAT_ID BR ; 11.444.777/0001-61|BR390.533.447-05 ; 11444777000161|39053344705|390-533-447-05
VAT_ID BY ; 200988541|BY200988541|УНП 200988541 ; 20098854|УНН 200988541
VAT_ID CA ; 860422331|860422331RT0001 ; 86042233
VAT_ID CL ; 76086428-5|CL76086428-5|12531909-K ; 760864285-1|76.086.428-5-1
VAT_ID CO ; 2131234321 ; 213123432
VAT_ID CR ; 3101999999 ; 31019999
VAT_ID DO ; 1-01-85004-3|131246796|022-1000112-3 ; 1018500433|10-1-85004-3
VAT_ID EC ; 1792060346001 ; 179206034600
VAT_ID GT ; 5769043-K|3952550-3 ; 576904
VAT_ID ID ; 02.415.766.4-222.000|024157664222000|0241576642220001 ; 02-415-766-4-222-000
VAT_ID IL ; 516179157 ; 51617915
VAT_ID IS ; 00621|IS006215 ; 0062
VAT_ID KZ ; 961140000017 ; 96114000001
VAT_ID MK ; MK4057009501106 ; MK405700950110
VAT_ID MX ; GODE561231GR8|MAB9307148T4 ; GODE5612GR8
VAT_ID NG ; 01234567-0001 ; 01234567-001
VAT_ID NI ; 281-230989-0002J ; 281-2309-890002J
VAT_ID PE ; 20512333797 ; 2051233379
VAT_ID PH ; 239 718 463 000|239718463000 ; 239 7184 63000
VAT_ID PY ; 80028061-0|9991603-4 ; 800-280610
VAT_ID RS ; 101134702 ; 10113470
VAT_ID RU ; 7707083893|500100732259 ; 77070838931
VAT_ID SA ; 300075588700003 ; 30007558870000
VAT_ID SM ; 24165 ; 2416
VAT_ID SV ; 0614-050707-104-8 ; 0614-05070-7104-8
VAT_ID TR ; 4540536920 ; 454053692
VAT_ID UA ; 200408726544 ; 20040872654
VAT_ID UY ; 211003420017 ; 21100342001
VAT_ID UZ ; 306350099 ; 30635009
VAT_ID VE ; J-30711098-4|V-114702834 ; J-3071109-84|X-30711098-4
VAT_ID KR ; 1138600917 ; 113860091
VAT_ID TH ; 1234545678781 ; 12345456787
VAT_ID VN ; 0100233488|0100233488001 ; 010023348
VAT_ID GE ; 404476205 ; 40447620
VAT_ID MD ; 1008600 ; 100860
VAT_ID ME ; 02655284 ; 0265528
VAT_ID BA ; 200762520001 ; 20076252000
VAT_ID AM ; 00803426 ; 0080342
VAT_ID AZ ; 1400057421 ; 140005742
VAT_ID KE ; P051365947M ; P05136594M
VAT_ID ZA ; 4100101234 ; 5100101234`

type valueRow struct {
	entity, country string
	valid, invalid  []string
}

func valueRows(t *testing.T) []valueRow {
	t.Helper()
	var rows []valueRow
	for line := range strings.SplitSeq(documentValues+"\n"+vatNumbers, "\n") {
		parts := strings.Split(line, " ; ")
		entity, country, ok := strings.Cut(parts[0], " ")
		if len(parts) != 3 || !ok {
			t.Fatalf("malformed row %q", line)
		}
		rows = append(rows, valueRow{entity, strings.TrimPrefix(country, "-"), strings.Split(parts[1], "|"), strings.Split(parts[2], "|")})
	}
	return rows
}

func TestDocumentValues(t *testing.T) {
	forms := documentForms()
	matched := make([]bool, len(forms))
	for _, row := range valueRows(t) {
		for _, v := range row.valid {
			if !Valid(row.entity, row.country, v) {
				t.Errorf("%s %s: %q is refused", row.entity, row.country, v)
			}
			for i, f := range forms {
				if f.Is(row.entity) && f.Country == row.country && f.Match(v) {
					matched[i] = true
				}
			}
		}
		for _, v := range row.invalid {
			if Valid(row.entity, row.country, v) {
				t.Errorf("%s %s: %q is accepted", row.entity, row.country, v)
			}
		}
	}
	for i, f := range forms {
		if err := f.check(); err != nil {
			t.Error(err)
		}
		if !matched[i] {
			t.Errorf("%s %s %v: no value of the tables in document_test.go and document_values_test.go matches", f.Entity, f.Country, f.Patterns)
		}
		if !f.Self && f.Country == "" && len(f.Words) == 0 && f.Entity != "LUHN" {
			t.Errorf("%s %s: without a country, words or Self nothing makes it believed", f.Entity, f.Name)
		}
	}
}

// TestPatterns compares forms without check with regular expressions made of
// their patterns, on values near the patterns.
func TestPatterns(t *testing.T) {
	classes := strings.NewReplacer("#", "[0-9]", "@", "[A-Z]", "*", "[0-9A-Z]")
	forms := slices.DeleteFunc(documentForms(), func(f Form) bool { return f.Check != nil })
	oracles := make([]*regexp.Regexp, len(forms))
	for i, f := range forms {
		oracles[i] = regexp.MustCompile("^(?:" + classes.Replace(strings.Join(f.Patterns, "|")) + ")$")
	}
	rapid.Check(t, func(t *rapid.T) {
		i := rapid.IntRange(0, len(forms)-1).Draw(t, "form")
		s := []byte(rapid.StringMatching(oracles[i].String()).Draw(t, "value"))
		if !forms[i].Compact(s) {
			t.Fatalf("%s %s refuses %q", forms[i].Entity, forms[i].Country, s)
		}
		at := rapid.IntRange(0, len(s)-1).Draw(t, "at")
		s[at] = "0A9Z5M"[rapid.IntRange(0, 5).Draw(t, "with")]
		if rapid.Bool().Draw(t, "longer") {
			s = append(s, s[at])
		}
		if got, want := forms[i].Compact(s), oracles[i].Match(s); got != want {
			t.Fatalf("%s %s: %q is %v, want %v", forms[i].Entity, forms[i].Country, s, got, want)
		}
	})
}

// TestSingleDigit changes every digit of numbers whose scheme catches all
// single errors to every other.
func TestSingleDigit(t *testing.T) {
	for _, tt := range []struct {
		entity, country, value string
		from                   int // the first place that is changed
		to                     int // behind the last one, 0 for the end
	}{
		{"VAT_ID", "AT", "ATU13585627", 3, 0},
		{"VAT_ID", "AU", "AU83914571673", 2, 0},
		{"VAT_ID", "BE", "BE0428759497", 2, 0},
		{"VAT_ID", "CH", "CHE107787577", 3, 0},
		{"VAT_ID", "DE", "DE111222339", 2, 0},
		{"VAT_ID", "DK", "DK13585628", 2, 0},
		{"VAT_ID", "EE", "EE100931558", 2, 0},
		{"VAT_ID", "FI", "FI20774740", 2, 0},
		{"VAT_ID", "HR", "HR33392005961", 2, 0},
		{"VAT_ID", "HU", "HU12892312", 2, 0},
		{"VAT_ID", "IE", "IE6433435F", 2, 0},
		{"VAT_ID", "IT", "IT00743110157", 2, 0},
		{"VAT_ID", "LU", "LU15027442", 2, 0},
		{"VAT_ID", "MT", "MT11679112", 2, 0},
		{"VAT_ID", "NO", "NO995525828MVA", 2, 0},
		{"VAT_ID", "PL", "PL8567346215", 2, 0},
		{"VAT_ID", "SE", "SE556188840401", 2, 12},
		{"VAT_ID", "SI", "SI50223054", 2, 0},
		{"VAT_ID", "SK", "SK2022749619", 2, 0},
		{"VAT_ID", "IN", "27AAPFU0939F1ZV", 0, 0},
		{"IBAN", "", "NO7112345678903", 2, 0},
		{"IBAN", "", "GB33BUKB20201555555555", 2, 0},
		{"CREDIT_CARD", "", "4012998877665540", 1, 0},
		{"IMEI", "", "352167009988776", 0, 0},
		{"US_ABA_ROUTING", "US", "021000021", 2, 0},
		{"VEHICLE_ID", "", "1M8GDM9AXKP042788", 1, 0},
		{"ID_CARD", "PL", "ABS123456", 3, 0},
		{"ID_CARD", "PT", "000000000ZZ4", 0, 0},
		{"ID_CARD", "DE", "2408071327", 0, 0},
		{"PASSPORT", "DE", "CH7K2L9R36", 1, 0},
	} {
		forms := slices.DeleteFunc(documentForms(), func(f Form) bool {
			return f.Entity != tt.entity || f.Country != tt.country || f.Check == nil || !f.Compact([]byte(tt.value))
		})
		if len(forms) == 0 {
			t.Errorf("%s %s: %s is refused", tt.entity, tt.country, tt.value)
		}
		for i := tt.from; i < cmp.Or(tt.to, len(tt.value)); i++ {
			for d := byte('0'); d <= '9' && isDigit(tt.value[i]); d++ {
				s := []byte(tt.value)
				s[i] = d
				if d != tt.value[i] && slices.ContainsFunc(forms, func(f Form) bool { return f.Compact(s) }) {
					t.Errorf("%s %s: %s is accepted like %s", tt.entity, tt.country, s, tt.value)
				}
			}
		}
	}
}

// TestIBANGenerated makes IBANs of every country and computes their check
// digits with long arithmetic.
func TestIBANGenerated(t *testing.T) {
	countries := strings.Split(ibanBBAN, "|")
	rapid.Check(t, func(t *rapid.T) {
		country, structure, _ := strings.Cut(rapid.SampledFrom(countries).Draw(t, "country"), " ")
		expression := regexp.MustCompile(`(\d+)([nac])`).ReplaceAllStringFunc(structure, func(s string) string {
			class := map[byte]string{'n': "[0-9]", 'a': "[A-Z]", 'c': "[0-9A-Z]"}[s[len(s)-1]]
			return class + "{" + s[:len(s)-1] + "}"
		})
		bban := rapid.StringMatching("^"+expression+"$").Draw(t, "bban")
		digits := ""
		for _, c := range bban + country + "00" {
			n := int(c - '0')
			if c >= 'A' {
				n = int(c-'A') + 10
			}
			digits += fmt.Sprint(n)
		}
		n, _ := new(big.Int).SetString(digits, 10)
		check := 98 - new(big.Int).Mod(n, big.NewInt(97)).Int64()
		right := fmt.Sprintf("%s%02d%s", country, check, bban)
		if !IBAN([]byte(right)) || !Valid("IBAN", "", strings.ToLower(right)) {
			t.Fatalf("%s is refused", right)
		}
		other := (check + rapid.Int64Range(1, 96).Draw(t, "by")) % 97
		if wrong := fmt.Sprintf("%s%02d%s", country, other, bban); other != check%97 && IBAN([]byte(wrong)) {
			t.Fatalf("%s is accepted like %s", wrong, right)
		}
		if IBAN([]byte(right[:len(right)-1])) {
			t.Fatalf("%s without its end is accepted", right)
		}
	})
}

// TestIBANCountries holds the lengths to those of the registry that are known
// best.
func TestIBANCountries(t *testing.T) {
	lengths := map[string]int{"AT": 20, "BE": 16, "CH": 21, "DE": 22, "ES": 24, "FR": 27, "GB": 22, "IT": 27, "LC": 32, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "RU": 33, "SE": 24}
	seen := 0
	for _, p := range ibanPatterns() {
		if want, ok := lengths[p[:2]]; ok {
			seen++
			if len(p) != want {
				t.Errorf("%s has %d characters, want %d", p[:2], len(p), want)
			}
		}
		if !isCountry(p[:2]) {
			t.Errorf("%s is no country", p[:2])
		}
	}
	if seen != len(lengths) {
		t.Errorf("%d of %d countries are there", seen, len(lengths))
	}
}

func TestCardIssuers(t *testing.T) {
	for _, tt := range []struct{ number, issuer string }{
		{"4012998877665540", "visa"},
		{"5555555555554444", "mastercard"},
		{"2223003122003222", "mastercard"},
		{"378299887766550", "american express"},
		{"30569988776652", "diners club"},
		{"6011000990139424", "discover"},
		{"3566111111111113", "jcb"},
		{"6200000000000005", "unionpay"},
		{"2204111122223337", "mir"},
		{"9792030394440796", "troy"},
		{"6759988776655447", "maestro"},
		{"401299887766554", ""},
		{"4012998877665541", ""},
	} {
		issuer, ok := Card([]byte(tt.number))
		if issuer != tt.issuer || ok != (tt.issuer != "") {
			t.Errorf("%s is of %q, %v; want %q", tt.number, issuer, ok, tt.issuer)
		}
	}
}

// TestSelfIsRare draws tokens as logs are full of them: forms that need no
// word near them accept fewer than one in a thousand.
func TestSelfIsRare(t *testing.T) {
	const tokens = 5000
	random := rand.New(rand.NewPCG(1, 2))
	forms := slices.DeleteFunc(documentForms(), func(f Form) bool { return !f.Self })
	for _, alphabet := range []string{"0123456789", "0123456789ABCDEF", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"} {
		for length := 6; length <= 34; length++ {
			hits := make([]int, len(forms))
			token := make([]byte, length)
			for range tokens {
				for i := range token {
					token[i] = alphabet[random.IntN(len(alphabet))]
				}
				for i := range forms {
					if forms[i].Compact(token) {
						hits[i]++
					}
				}
			}
			for i, n := range hits {
				if n*1000 > tokens {
					t.Errorf("%s %s accepts %d of %d tokens of %d characters of %q", forms[i].Entity, forms[i].Country, n, tokens, length, alphabet)
				}
			}
		}
	}
}
