package redaction

import (
	"slices"
	"strings"
)

// places recognises coordinates and postcodes. Coordinates lead to a door and
// should be replaced; a postcode alone can be generalised to its first
// characters, or kept.
func places() []Detector {
	return []Detector{
		{Type: "POSTAL_CODE", Name: "postal_code_gb", Source: "Royal Mail PAF, BS 7666", Bytes: " ", Next: digits, Find: ukPostcode},
		{Type: "POSTAL_CODE", Name: "postal_code_us", Source: "USPS Publication 28, appendix B", Digits: Digits{Min: 5, Max: 9, MaxGroups: 2}, Find: zipBehindState},
		{Type: "POSTAL_CODE", Name: "postal_code_near", Source: "UPU S42", Digits: Digits{Min: 3, Max: 9, MaxGroups: 2}, Context: postcodeWords(), Find: postcodeNear},
		{Type: "POSTAL_CODE", Name: "postal_code_named", Source: "UPU S42: ca, gb, nl", Version: 2, Words: postcodeTriggers(), WordStart: true, Find: postcodeNamed},
		{Type: "COORDINATES", Name: "coordinates_decimal", Source: "ISO 6709", Version: 2, Digits: Digits{Min: 3, Max: 18, MinGroups: 2, MaxGroups: 2},
			Context: []string{"coordinates", "coordinate", "coords", "gps", "geolocation", "geo", "latlng", "latlon", "lat", "lon", "lng", "long", "latitude", "longitude", "location", "position",
				"koordinaten", "breitengrad", "längengrad", "coordonnées", "coordenadas", "latitud", "longitud", "coordinate geografiche", "координаты", "坐标", "座標"},
			Find: decimalDegrees},
		{Type: "COORDINATES", Name: "coordinates_dms", Source: "ISO 6709, annex D", Words: degreeSigns(), Find: sexagesimal},
		{Type: "COORDINATES", Name: "coordinates_uri", Source: "RFC 5870", Words: []string{"geo:"}, WordStart: true, Find: geoURI},
	}
}

// postcodeWords say that a postcode follows.
func postcodeWords() []string {
	return []string{"zip code", "zipcode", "zip_code", "zip-code", "zip", "postcode", "post code", "postal code", "postalcode", "postal_code", "postleitzahl", "plz", "code postal",
		"código postal", "codigo postal", "codice postale", "postnummer", "postinumero", "kod pocztowy", "irányítószám", "pincode", "pin code", "почтовый индекс", "郵便番号", "邮编", "우편번호"}
}

// postcodeTriggers are those of them that are long enough to trigger.
func postcodeTriggers() []string {
	return slices.DeleteFunc(append(postcodeWords(), "zip ", "zip:", "plz ", "plz:"), func(w string) bool { return len(w) < minWord })
}

// inward reports whether s[i:] begins with the second half of a British
// postcode: a digit and two letters other than C, I, K, M, O and V.
func inward(s string, i int) bool {
	return isDigit(at(s, i)) && inwardLetter(at(s, i+1)) && inwardLetter(at(s, i+2)) && !beyondWord(s, i+3)
}

func inwardLetter(c byte) bool { return isLetter(c) && strings.IndexByte("CIKMOV", c&^0x20) < 0 }

// ukPostcode is triggered by the space before the second half.
func ukPostcode(c *Candidate) {
	s := c.Text
	if !inward(s, c.End) {
		return
	}
	start := c.Start
	for c.Start-start < 4 && isAlnum(at(s, start-1)) {
		start--
	}
	if ukPostcodeEnd(s, start) == c.End+3 && !measure(s, start, c.End) {
		c.Add(start, c.End+3)
	}
}

// measure reports whether what has the form of a postcode is a chip, a size or
// an ordinal: M2 8GB, e4 5th.
func measure(s string, start, second int) bool {
	unit := s[second+1 : second+3]
	if sameFold(unit, "gb", "tb") && !isLetter(s[start+1]) {
		return true
	}
	return !isUpper(s[start]) && (sameFold(unit, "st", "nd", "rd", "th") || isDigit(s[start+1]))
}

// ukPostcodeEnd returns where the British postcode at i ends, -1 if there is
// none: one of the postcode areas, a district, a space or none, the second
// half.
func ukPostcodeEnd(s string, i int) int {
	if withinWord(s, i) || !isLetter(at(s, i)) {
		return -1
	}
	if hasFold(s[i:], "gir 0aa") && !beyondWord(s, i+7) {
		return i + 7
	}
	area := i + 1
	if isLetter(at(s, area)) {
		area++
	}
	if !ukArea(s[i:area]) || !isDigit(at(s, area)) {
		return -1
	}
	for end := area + 1; end <= min(area+2, len(s)); end++ {
		second := end + skipAny(s[end:], 0, " ", 1)
		if inward(s, second) && (end == area+1 || isDigit(s[end-1]) || districtLetter(s[i:end])) {
			return second + 3
		}
	}
	return -1
}

// districtLetter reports whether the last letter of a first half may stand
// there: in London alone, A–H, J, K, M, N, P–Y as the position allows.
func districtLetter(w string) bool {
	last := w[len(w)-1] &^ 0x20
	if len(w) == 3 {
		return strings.IndexByte("ABCDEFGHJKPSTUW", last) >= 0 && strings.IndexByte("ENSW", w[0]&^0x20) >= 0
	}
	return strings.IndexByte("ABEHMNPRVWXY", last) >= 0 && anyFold(w, "ec", "se", "sw", "wc", "nw") > 0
}

// areas are the postcode areas of two letters.
const areas = "AB AL BA BB BD BF BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY EC EH EN EX FK FY GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV " +
	"JE KA KT KW KY LA LD LE LL LN LS LU ME MK ML NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB WA WC WD WF " +
	"WN WR WS WV YO ZE"

func ukArea(w string) bool {
	a := w[0] &^ 0x20
	if len(w) == 1 {
		return strings.IndexByte("BEGLMNSW", a) >= 0
	}
	b := w[1] &^ 0x20
	for i := 0; i < len(areas); i += 3 {
		if areas[i] == a && areas[i+1] == b {
			return true
		}
	}
	return false
}

// canadianPostcodeEnd returns where the Canadian postcode at i ends, -1 if
// there is none: A1A 1A1 without D, F, I, O, Q and U, the first no W or Z.
func canadianPostcodeEnd(s string, i int) int {
	second := i + 3 + skipAny(s[min(len(s), i+3):], 0, " -", 1)
	for k, at1 := range [...]int{i, i + 1, i + 2, second, second + 1, second + 2} {
		c := at(s, at1)
		if k%2 == 0 != isUpper(c) && k < 3 || k >= 3 && k%2 == 1 != isDigit(c) || !isAlnum(c) || strings.IndexByte("DFIOQU", c) >= 0 {
			return -1
		}
	}
	if withinWord(s, i) || s[i] == 'W' || s[i] == 'Z' || beyondWord(s, second+3) {
		return -1
	}
	return second + 3
}

// zipBehindState reads ZIP+4 behind the two letters of a state and five digits
// alone where a comma stands before these.
func zipBehindState(c *Candidate) {
	s, g := c.Text, c.Groups
	if g[0].Len() != 5 || len(g) == 2 && (g[1].Len() != 4 || c.Separator(1) != "-") || at(s, c.Start-1) != ' ' || isWord(at(s, c.End)) {
		return
	}
	if len(g) == 1 && at(s, c.End) == '-' && isDigit(at(s, c.End+1)) {
		return
	}
	state := c.Start - 3
	if state < 0 || !usState(s[state:c.Start-1]) || withinWord(s, state) {
		return
	}
	if len(g) == 2 || strings.HasSuffix(s[:state], ", ") {
		c.Add(c.Start, c.End)
	}
}

func usState(w string) bool {
	const states = "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA PR RI SC SD TN TX UT VT VA WA WV WI WY"
	return len(w) == 2 && isUpper(w[0]) && isUpper(w[1]) && strings.Contains(states, w)
}

// postcodeNear reads the digits after a word for postcodes.
func postcodeNear(c *Candidate) {
	before, after := c.At(c.Start-1), c.At(c.End)
	if !c.Near(8) || isWord(before) || isWord(after) || strings.IndexByte(".,-/", after) >= 0 && isDigit(c.At(c.End+1)) {
		return
	}
	if len(c.Groups) == 2 {
		sep := c.Separator(1)
		if sep != "-" && sep != " " || c.Groups[0].Len() == 2 && c.Groups[1].Len() != 3 {
			return
		}
	} else if c.Groups[0].Len() > 7 {
		return
	}
	c.Add(c.Start, c.End)
}

// postcodeNamed reads postcodes with letters after a word for them.
func postcodeNamed(c *Candidate) {
	s := c.Text
	i := skipAny(s, c.End, " :=\"'*(", 5)
	i += anyFold(s[i:], "is ", "ist ", "est ", "es ", "è ", "code ")
	i = skipAny(s, i, " :\"'", 3)
	end := ukPostcodeEnd(s, i)
	if end < 0 {
		end = canadianPostcodeEnd(s, i)
	}
	if end < 0 && digitsWithin(s, i, 4, 4) > 0 {
		if end = postcodeEnd(s, i); end < i+6 {
			return
		}
	}
	if end > 0 {
		c.Add(i, end)
	}
}
