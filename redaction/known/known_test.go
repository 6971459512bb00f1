package known

import (
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A tester is a *testing.T, *testing.B or *rapid.T.
type tester interface {
	Helper()
	Fatal(args ...any)
}

func compile(t tester, values ...Value) *Set {
	t.Helper()
	s, err := Compile(values)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// brackets returns the text with every match in brackets.
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
		{Name, "Dr. Keller", []string{"<Dr. Keller>", "<Keller>", "<keller>", "Dr. No"}},
		{Name, "Dr. Young", []string{"<Dr. Young>", "<Young>", "young", "<dr young>"}},
		{Name, "Mary O'Neil", []string{"<Mary K. O'Neil>", "<Mary K. ONeil>"}},
		{Name, "Anna E.", []string{"<Anna E.>", "<anna e>", "<Anna> eats", "<E. Anna>"}},
		{Name, "Mark Stephen Long", []string{"<Mark Long>", "mark long", "<mark stephen long>", "<Stephen>", "Mark"}},
		{Name, "Anna Maria Berta Clara Dora Emma Frida", []string{"<Anna Maria Berta Clara Dora Emma Frida>", "<Frida>"}},
		{Name, "Bo Bjork", []string{"<Bo Bjork>", "Bo", "<Bjork>"}},
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
		{Phone, "07700 900123", []string{"<+44 7700 900123>", "<07700900123>", "<+44 (0)7700 900123>", "<00447700900123>", "<7700 900 123>", "5 <07700 900123>", "44 <07700 900123>"}},
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

// TestNormal gives spellings of one value.
func TestNormal(t *testing.T) {
	for _, c := range []struct {
		kind  Kind
		texts []string
	}{
		{Name, []string{"Jane Doe", "Doe, Jane", "JANE DOE", "jane.doe", " Mrs. Jane Doe", "Jane\u00a0Doe", "Doe Jane PhD"}},
		{Name, []string{"Jürgen Müller", "Juergen Mueller", "Jurgen Muller", "Ju\u0308rgen MU\u0308LLER"}},
		{Name, []string{"Иван Петров", "Ivan Petrov"}},
		{Email, []string{"Jane@Example.com", "jane@example.com "}},
		{Phone, []string{"+1 (415) 555-0100", "415.555.0100", "+14155550100 ext 12", "4155550100"}},
		{Phone, []string{"4711", "47-11"}},
		{Address, []string{"12 High St., Flat 3", "12 HIGH ST FLAT 3"}},
		{Other, []string{"AB-12 34", "ab1234"}},
		{Other, []string{"***"}},
	} {
		want := Value{Text: c.texts[0], Kind: c.kind}.Normal()
		for _, text := range c.texts {
			if got := (Value{Text: text, Kind: c.kind}).Normal(); got != want || got == "" {
				t.Errorf("%q: %q, want %q", text, got, want)
			}
		}
	}
	if a, b := (Value{Text: "Jane Doe", Kind: Name}).Normal(), (Value{Text: "Jane Roe", Kind: Name}).Normal(); a == b {
		t.Errorf("two people are %q", a)
	}
}

// TestRefused makes sure that values that cannot be found are refused, without
// their text in the error.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"signs alone", "-*secret*-"[:2]}, {"too long", strings.Repeat("secret ", 60)}, {"too long a gap", "secret" + strings.Repeat(" ", 100) + "secret"},
		{"many signs", strings.Repeat("*", 1000)}, {"not UTF-8", "\xff\xfe"},
	} {
		_, err := Compile([]Value{{Text: "fine"}, {Text: c.text}})
		if err == nil || !strings.Contains(err.Error(), "value 1") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s := compile(t, Value{}, Value{Text: "fine"})
	if got := brackets(s, "fine"); got != "<fine>" {
		t.Errorf("with an empty value: %q", got)
	}
	if err := s.Reset([]Value{{Text: "fine"}, {Text: "*"}}); err == nil || brackets(s, "fine") != "fine" {
		t.Errorf("after %v the set finds values", err)
	}
}

// TestReset makes sure that nothing of former values is found, and that memory
// is reused.
func TestReset(t *testing.T) {
	s := new(Set)
	for i, name := range []string{"Jane Doe", "Bernd Binder", "+1 415 555 0100", "王小明"} {
		kind := Name
		if i == 2 {
			kind = Phone
		}
		if err := s.Reset([]Value{{Text: name, Kind: kind}}); err != nil {
			t.Fatal(err)
		}
		text := "Jane Doe, Bernd Binder, +1 415 555 0100, 王小明"
		if got, want := brackets(s, text), strings.Replace(text, name, "<"+name+">", 1); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	values := []Value{{Text: "Jürgen van Müller", Kind: Name}, {Text: "a.b@example.com", Kind: Email}, {Text: "+49 170 1234567", Kind: Phone}}
	for a := 'a'; a <= 'z'; a++ {
		values = append(values, Value{Text: "Jürgen " + string(a) + "xyz " + string(a) + "zyx", Kind: Name})
	}
	if n := testing.AllocsPerRun(100, func() {
		if err := s.Reset(values); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in Reset", n)
	}
	text := strings.Repeat("Jürg van Meer, +49 170 7654321 and 大勢の人. ", 20)
	if n := testing.AllocsPerRun(100, func() {
		for m := range s.All(text) {
			t.Fatal(m)
		}
	}); n != 0 {
		t.Errorf("%v allocations in All", n)
	}
}

// TestFirstWins makes sure that what belongs to several values is the first's.
func TestFirstWins(t *testing.T) {
	s := compile(t, Value{Text: "Jane Doe", Kind: Name}, Value{Text: "Jane Roe", Kind: Name}, Value{Text: "jane roe", Kind: Other},
		Value{Text: "Acme", Kind: Other}, Value{Text: "Acme.", Kind: Other})
	for text, want := range map[string]int{"Jane": 0, "Roe": 1, "Jane Roe": 1, "roe, jane": 1, "Acme": 3, "Acme.": 4} {
		if _, value, ok := s.Match(text, 0); !ok || value != want {
			t.Errorf("%q: value %d, %v; want %d", text, value, ok, want)
		}
	}
	whole := compile(t, Value{Text: "Jane Doe", Kind: Name, Whole: true})
	if got := brackets(whole, "Jane met Doe, Jane"); got != "Jane met <Doe, Jane>" {
		t.Errorf("whole: %q", got)
	}
}

// TestEveryCharacter folds every letter and digit that there is: what it folds
// to folds to itself, finds it, and is noted among the starts. It is found in
// its decomposed form as well.
func TestEveryCharacter(t *testing.T) {
	f, s := foldings(), new(Set)
	for r := range rune(utf8.MaxRune) {
		text := string(r)
		g, size := f.fold(text)
		if size != len(text) && utf8.ValidRune(r) {
			t.Fatalf("%U: size %d", r, size)
		}
		if g.n == 0 || g.class&word == 0 {
			continue
		}
		var folded string
		for _, e := range g.elems[:g.n] {
			folded += string(e)
		}
		if h, _ := f.fold(string(g.elems[0])); h.n != 1 || h.elems[0] != g.elems[0] {
			t.Errorf("%U folds to %q, which folds to %q", r, folded, string(h.elems[:h.n]))
		}
		if err := s.Reset([]Value{{Text: folded}}); err != nil {
			t.Fatal(err)
		}
		for _, spelling := range []string{text, norm.NFD.String(text), norm.NFC.String(text)} {
			if got := brackets(s, spelling); got != "<"+spelling+">" {
				t.Errorf("%U %q for %q: %q", r, spelling, folded, got)
			}
		}
	}
}
