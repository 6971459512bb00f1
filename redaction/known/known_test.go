package known

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func compile(t testing.TB, values ...Value) *Set {
	t.Helper()
	s, err := Compile(values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// marked returns the text with every match in brackets.
func brackets(s *Set, text string) string {
	var b strings.Builder
	last := 0
	for m := range s.All(text) {
		b.WriteString(text[last:m.Start] + "<" + text[m.Start:m.End] + ">")
		last = m.End
	}
	return b.String() + text[last:]
}

// TestSpellings gives values and texts in which what is found stands in
// brackets; the cases are ours.
func TestSpellings(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		value string
		texts []string
	}{
		{Name, "Jane Doe", []string{
			"<Jane Doe>", "ask <Jane Doe>, please", "<JANE DOE>", "<jane doe>", "<Doe, Jane>", "<DOE Jane>", "<Jane M. Doe>", "<jane m doe>",
			"<Jane M. K. Doe>", "<jane.doe>@example.com", "<janeDoe>", "<JaneDoe>", "<jane_doe>", "<doe_jane>_42", "<jane-doe>", "<janedoe>",
			"<Jane Doe>'s", "<Jane>’s", "<Jane>", "<Doe>", "jane", "doe", "<J. Doe>", "J <Doe>", "<Jane\u00a0Doe>", "<Jane\u200bDoe>", "<Ja\u00adne D\u200coe>",
			"<Jane\tDoe>", "<Jane\nDoe>", "<Jane    Doe>", "userId=<janeDoe>42", "<JANE_DOE>", "x<JaneDoe>", "<J a n e D o e>", "Mrs. <Doe>", "Janet Doerr",
			"janedoes", "Jane2 <Doe>", "<Jané Doë>", "<Ｊａｎｅ Ｄｏｅ>", "<Jane%20Doe>", `<Jane\nDoe>`, "<Jane M Doe>", "<Jane/Doe>",
			"Mary-<Jane>", "<Jane> M. Smith", "<Jane> Smith", "HTTP<JaneDoe>", "getJaneDoerr", `C:\n<Jane Doe>`, "<Jane> do it", "<Jane> and <Doe>",
		}},
		{Name, "Jürgen Müller", []string{
			"<Jürgen Müller>", "<Juergen Mueller>", "<Jurgen Muller>", "<JUERGEN MÜLLER>", "<Ju\u0308rgen Mu\u0308ller>", "<Müller, Jürgen>", "<muellerJuergen>",
			"<Mueller>", "<Muller>", "Mull", "<Jürgen> X. Schmidt", "<juergen.mueller>@x.de", "Müllers", "Mü-ller", "<Mül-\nler>", "<Jürgen-Müller>",
		}},
		{Name, "Mueller", []string{"<Müller>", "<Muller>", "<MUELLER>", "<müller>"}},
		{Name, "Muller", []string{"<Müller>", "<Mueller>"}},
		{Name, "Joe Poe", []string{"<Joe>", "<Poe>", "Jo", "Po", "<Joe Poe>", "Jo <Poe>", "<Joë>"}},
		{Name, "Maria Eriksson", []string{"<mariaeriksson>", "<Maria Eriksson>", "<MariaEriksson>", "<Maria K. Eriksson>", "<Eriksson Maria>"}},
		{Name, "Strauß", []string{"<Strauss>", "<STRAUSS>", "<strauß>", "<STRAUẞ>"}},
		{Name, "Søren Ångström", []string{"<Soren Angstrom>", "<Soeren Aangstroem>", "<SØREN ÅNGSTRÖM>", "<Ångström>", "<A\u030angstro\u0308m>"}},
		{Name, "Łukasz Muñoz", []string{"<Lukasz Munoz>", "<łukasz muñoz>", "<Munoz>"}},
		{Name, "François Æbelø", []string{"<Francois Aebeloe>", "<francois.abelo>", "<FRANÇOIS ÆBELØ>"}},
		{Name, "Sean O'Neil", []string{"<Sean O'Neil>", "<Sean ONeil>", "<Sean O’Neil>", "<O'Neil>", "<ONeil>", "Neil", "<sean.oneil>"}},
		{Name, "Dr. Anna Lee Smith", []string{"<Dr. Anna Lee Smith>", "Prof. <Anna Lee Smith>", "<Smith, Anna Lee>", "<Anna Smith>", "<Anna L. Smith>", "<Smith, Anna>", "Dr. No", "Lee", "<Smith>"}},
		{Name, "Will May", []string{"Will you? In May.", "<Will May>", "<May, Will>", "<will.may>"}},
		{Name, "Mark", []string{"<Mark> said", "mark it", "<MARK>", "Marks"}},
		{Name, "Ludwig van Gogh", []string{"van <Gogh>", "<Ludwig van Gogh>", "<van Gogh, Ludwig>", "<Ludwig Gogh>", "<Gogh, Ludwig van>"}},
		{Name, "James", []string{"<James>'", "<James>' car", "<James>'s", "<james>"}},
		{Name, "王小明", []string{"我叫<王小明>。", "<王小明>", "王小", "和<王小明>說話"}},
		{Name, "สมชาย", []string{"คุณ<สมชาย>ไป", "สมชายี"}},
		{Name, "김철수", []string{"<김철수>는", "<\u1100\u1175\u11b7\u110e\u1165\u11af\u1109\u116e>", "김철순"}},
		{Name, "Юлия Щербакова", []string{"<Юлия Щербакова>", "<Yuliya Shcherbakova>", "<Iuliia Shcherbakova>", "<Yulia Shcherbakova>", "<Julija Scerbakova>", "<ЩЕРБАКОВА Юлия>"}},
		{Name, "Dmitrii Ivanov", []string{"<Дмитрий Иванов>", "<Иванов>"}},
		{Name, "Γιώργος Παπαδόπουλος", []string{"<ΓΙΩΡΓΟΣ ΠΑΠΑΔΟΠΟΥΛΟΣ>", "<Giorgos Papadopoulos>"}},
		{Email, "jane.doe@example.com", []string{
			"<jane.doe@example.com>", "<JANE.DOE@EXAMPLE.COM>", "<jane dot doe at example dot com>", "<janedoe@example.com>",
			"<jane.doe%40example.com>", "mailto:<jane.doe@example.com>.", "jane.doe@example.org", "<jane.doe @ example.com>",
		}},
		{Phone, "+1 (415) 555-0100", []string{
			"<415.555.0100>", "<+1 415 555 0100>", "<(415) 555-0100>", "<4155550100>", "<14155550100>", "<555-0100>", "<+1 (415) 555-0100>.", "<0014155550100>",
			"1 212 555 0100", "415 555 0101", "tel:<+1-415-555-0100>;ext=2", "24155550100123", "555 01", "7 <4155550100>", "<+14155550100>", "<４１５ ５５５ ０１００>",
		}},
		{Phone, "07700 900123", []string{"<+44 7700 900123>", "<07700900123>", "<+44 (0)7700 900123>", "<00447700900123>", "<7700 900 123>"}},
		{Phone, "+46 (0)8 928 571 38", []string{"<+46 8 928 571 38>", "<08-928 571 38>"}},
		{Phone, "4711", []string{"<4711>", "<47 11>", "14711", "47112"}},
		{Address, "12 High St., Flat 3", []string{"<12 high st flat 3>", "<12 High St.\nFlat 3>", "12 High St., Flat 31", "112 High St Flat 3", "<12, HIGH ST, FLAT 3>", "1 2 High St Flat 3"}},
		{Other, "AB-1234-56", []string{"<AB123456>", "<ab 1234 56>", "<AB-1234-56>", "AB-1234-567", "<A B 1 2 3 4 5 6>", "no.<AB1234 56>"}},
		{Other, "Mr.", []string{"<Mr.> X", "..<Mr.>..", "Mrs."}},
		{Other, "IT", []string{"<IT> department", "it is", "is it"}},
		{Other, "450", []string{"<450>", "1,450", "450.00", "450,000", "(<450>)", "<450>.", "4 50"}},
	} {
		s := compile(t, Value{Text: c.value, Kind: c.kind})
		for _, want := range c.texts {
			text := strings.NewReplacer("<", "", ">", "").Replace(want)
			if got := brackets(s, text); got != want {
				t.Errorf("%q: got %q, want %q", c.value, got, want)
			}
		}
	}
}

var _ = fmt.Sprint
var _ = slices.Sort[[]int]
var _ = utf8.RuneError
var _ = norm.NFC
