package redaction

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// contextualRedactor returns a redactor that masks what the contextual
// detectors of one type find, of all of them if it is "".
func contextualRedactor(t testing.TB, typ string) *Redactor {
	t.Helper()
	ds := slices.DeleteFunc(contextual(), func(d Detector) bool { return typ != "" && d.Type != typ })
	ops := map[string]Operator{}
	for _, d := range ds {
		ops[d.Type] = Mask
	}
	return newRedactor(t, Config{Detectors: ds, Operators: ops})
}

func contextualTypes() []string {
	types := map[string]bool{}
	for _, d := range contextual() {
		types[d.Type] = true
	}
	return slices.Sorted(maps.Keys(types))
}

// contextualExamples have what the detectors of a type must find between ‹ and
// ›, and nothing else that they may find.
var contextualExamples = map[string][]string{
	"DATE": {
		"due ‹2023-11-30›", "at ‹2023-11-30T08:15:00.25+02:00›, sharp", "log ‹2023-11-30 08:15:07› start", "stamp ‹20231130T081500Z›", "on ‹30.11.2023›.", "‹11/30/2023›", "‹30/11/23›",
		"‹3 March 2019›", "‹March 3rd, 2019›", "since ‹May 2019›", "le ‹14 juillet 1998›", "am ‹3. Oktober 1990› in", "el ‹5 de mayo de 2020›", "‹07-Jun-2011›", "‹6/2019›",
		"‹2019年3月4日›に", "‹2019년 3월 4일›", "founded in ‹1987›.", "today is ‹4/17›",
		"on 31/02/2020", "2023-13-01", "version 1.10.22", "v2.11.20", "10.0.0.12", "you may 5 times", "3 may be enough", "$3.20.25", "1/2/3", "call 555-12-2020-1", "in 2000 cases", "9. Set up 3 hosts",
		"may-21x", "drwx root 4096 ‹May 28 20:28› dir", "0123-4567-2020-10-10",
	},
	"DATE_OF_BIRTH": {
		"born on ‹4/12/1971› in", "DOB: ‹1971-12-04›", "Geburtsdatum: ‹04.12.1971›", "née le ‹4 décembre 1971›", "nacida el ‹4 de diciembre de 1971›", "‹1971-12-04› is her date of birth", "生年月日：‹1971年12月4日›",
		"The meeting was on 4/12/2021.", "She was born in Oslo. The invoice of 4/12/2021 is due.", "birthday cake, 3 for 20",
	},
	"AGE": {
		"I am ‹34› years old", "a ‹34›-year-old man", "aged ‹71›, of Leeds", "Age: ‹8›", "she is ‹34›, he said", "‹34› yo male", "J'ai ‹34› ans", "tengo ‹34› años", "ich bin ‹34› Jahre alt", "‹34›歳です", "she turned ‹40› last week",
		"I am 100% sure", "a 200 years old text", "he is 5 minutes late", "a 30-year-old building", "version 34 years", "I'm 1.80 m", "page: 34", "turned 180 degrees",
	},
	"ADDRESS": {
		"at ‹12 Oak Street, Springfield, IL 62704› now", "‹12B Old Mill Rd.›", "to ‹Flat 3, 22 Cedar Road, London N1 9GU›", "in der ‹Lindenstraße 5a, 10969 Berlin› wohnt", "‹Berliner Allee 12›", "‹12 rue de la Gare, 69003 Lyon›",
		"‹Calle Mayor 5›", "‹Via Garibaldi 10›", "‹Kerkstraat 77, 1017 GC Amsterdam›", "‹P.O. Box 1234, Dayton, OH 45401›", "‹PSC 3, Box 4120\nAPO AE 09021›", "‹100 N 44th Ave Apt. 5B\nPhoenix, AZ 85008›",
		"my address is ‹77 Rosehill, Bray›", "‹ul. Długa 5›",
		"the street was empty", "a 5 minute drive", "10 people in the street", "Wall Street", "At 5 PM Main Street closes", "via Chrome 12", "version 2 Road map", "the 3rd place", "IP address is 10.0.0.1", "Box 12", "a suite 5 stars",
		"Chapter 3 The Long Road", "email address is 5 Abc",
	},
	"PERSON": {
		"My name is ‹Ada Lovelock›.", "my name is ‹ada› and i code", "Hello, I'm ‹Tomás›, nice to meet you", "I'm ‹Karen van der Berg›, from Utrecht", "This is ‹Omar Haddad› speaking", "Dear Ms. ‹Ruth›,", "Hello ‹Bob› and ‹Alice›,\nhow are you", "Hi ‹Bob›,\nhow are you", "\nHi ‹Bob›, how are you",
		"Kind regards,\n‹Lena O'Hara›", "spoke to Mrs. ‹Okafor› today", "Herr Dr. ‹Jürgen Groß› kommt", "Patient: ‹J. Müller-Lüdenscheidt›\n", "First name: ‹Zoë›", "Name: ‹Ivo Petrov›\nPhone: 1", "mein Name ist ‹Jana›", "je m'appelle ‹Élodie›",
		"me llamo ‹Iñigo›.", "私の名前は‹山田太郎›です", "我叫‹王小明›，", "my wife ‹Sarah› and I", "contact ‹Ann Lee› at 555-0101", "What's your last name? ‹Nakamura›", "Prof. ‹Al-Khwarizmi›",
		"Dear Sir or Madam,", "Dear Hiring Manager,", "Hi there,", "Hello World!", "I'm Sorry, but", "I'm American.", "My name is not important", "my name is on the list", "Regards,\nThe Support Team", "Thanks,\nCustomer Service",
		"Name: Grand Hotel\nRating: 5", "File name: Quarterly Report", "My friend I told", "Mr. President", "12 Oak Dr. Springfield", "in DR Congo", "contact Customer Service at 555-0101", "this is Great news", "call me Maybe", "Dr. No", "miss You",
	},
	"COORDINATES": {
		"at ‹48°51'24\"N 2°21'03\"E›", "geo ‹geo:48.2010,16.3695;u=35›", "‹40.7128° N, 74.0060° W›", "location: ‹40.7128, -74.0060›", "latitude: ‹40.7128›\n", "\"lng\": ‹-74.0060›",
		"0.1234, 0.5678", "costs 12.50, 13.75", "(12.3456, 45.6789)", "version 1.2345", "90, 180", "5°30",
	},
	"POSTAL_CODE": {
		"in ‹SW1A 2AB›", "zip code ‹94110›", "ZIP: ‹94110-1234›", "PLZ ‹10969›", "postcode: ‹K1A 0B1›", "postcode ‹1017 GC›", "Springfield, IL ‹62704›", "IL ‹62704-1234›",
		"zip file 94110123456", "an M2 8GB chip", "QA1 1AA", "e4 5th", "the 94110 case", "zipped 94110", "OK 12345",
	},
	"USERNAME": {
		"username: ‹jdoe_77›", "\"username\": \"‹jdoe›\"", "on Skype (‹j.doe›)", "skype: ‹j.doe77›\n", "I'm ‹j.doe› on Telegram", "instagram @‹foo.bar›", "https://github.com/‹octo-cat›", "linkedin.com/in/‹jane-doe-123›", "You're on Discord. My ID is ‹jdoe›",
		"username: string", "username = request.args", "the username is required", "username=None", "@mention", "github.com/golang/go", "twitter.com/share", "on Instagram today", "login: failed()", "username: {{ user }}",
	},
	"URL": {
		"see ‹https://example.org/a(b)?q=1#x›.", "(‹http://example.org›)", "‹www.example.org/path›, and", "‹ftp://example.org/x›", "<‹https://example.org/é›>", "www.example", "a://", "std::vector", "http://",
	},
	"DOMAIN": {
		"at ‹example.com›.", "‹shop.example.co.uk› and", "‹example.de› ist", "a@example.com", "ASP.NET", "console.info(x)", "https.", "user.org", "a..com", "x.common",
	},
	"MAC_ADDRESS": {
		"mac ‹00:1a:2B:3c:4d:5e›", "‹00-1A-2B-3C-4D-5E›", "‹001a.2b3c.4d5e›", "‹02:00:5e:10:00:00:00:01›", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "00:1a:2b:3c:4d", "00:1a:2b:3c:4d:5e:6f", "12:34:56", "1234.5678.9012",
		"00:1a:2b:3c:4d:5e:00:1a:2b:3c:4d:5e:00:1a:2b:3c", "00:1a-2b:3c:4d:5e",
	},
	"BANK_ACCOUNT": {
		"account number: ‹123456789›", "Kontonummer ‹0532013000›", "sort code ‹20-00-00›", "bank account is ‹1234-5678-90›", "the account has 123456789 users", "account number on 2024-05-06", "account number: $1234567",
	},
	"DEVICE_ID": {
		"serial number: ‹C02XG2JMJG5H›", "IDFA: ‹6D92078A-8246-4BA4-AE5B-76104861E7DC›", "serial number is unknown", "serial number: XXXX", "device id: none",
	},
}

// TestContextualExamples holds every type to its examples, alone.
func TestContextualExamples(t *testing.T) {
	for _, typ := range contextualTypes() {
		r := contextualRedactor(t, typ)
		if len(contextualExamples[typ]) == 0 {
			t.Errorf("%s has no examples", typ)
		}
		for _, want := range contextualExamples[typ] {
			text := strings.NewReplacer("‹", "", "›", "").Replace(want)
			_, found, err := r.Text(t.Context(), text, pseudonym)
			if err != nil {
				t.Fatal(err)
			}
			if got := marked(text, found); got != want {
				t.Errorf("%s:\n got %q\nwant %q", typ, got, want)
			}
		}
	}
}

// marked returns s with what was found between ‹ and ›.
func marked(s string, found []Finding) string {
	for _, f := range slices.Backward(found) {
		s = s[:f.Start] + "‹" + s[f.Start:f.End] + "›" + s[f.End:]
	}
	return s
}

// TestContextualSources holds that every detector says who it is.
func TestContextualSources(t *testing.T) {
	names := map[string]bool{}
	for _, d := range contextual() {
		if d.Source == "" || d.Name == "" || names[d.Name] {
			t.Errorf("%s %q: no source, or a name twice", d.Type, d.Name)
		}
		names[d.Name] = true
	}
}

// TestContextualLinear holds that texts made of nothing but a detector's
// triggers take work in proportion, and that nothing is found within
// characters.
func TestContextualLinear(t *testing.T) {
	calls := 0
	ops := map[string]Operator{}
	for _, typ := range contextualTypes() {
		ops[typ] = Mask
	}
	r := newRedactor(t, Config{Detectors: counting(contextual(), &calls), Operators: ops, Timeout: noTimeout})
	for _, d := range contextual() {
		for _, w := range append(slices.Clone(d.Words), d.Bytes+" 1A", "1.1-1 ") {
			a := repeated(fmt.Sprintf("%s, %q", d.Name, w), w)
			holdsLinear(t, r, &calls, a, 1<<12)
			out, _, err := r.Text(t.Context(), a.text(1<<16), pseudonym)
			if err != nil || !utf8.ValidString(out) {
				t.Errorf("%s: %v", a.name, err)
			}
		}
	}
}

// FuzzContextual holds that spans end on characters and a second pass changes
// nothing, whatever the text.
func FuzzContextual(f *testing.F) {
	for _, examples := range contextualExamples {
		for _, e := range examples {
			f.Add(strings.NewReplacer("‹", "", "›", "").Replace(e))
		}
	}
	r := contextualRedactor(f, "")
	f.Fuzz(func(t *testing.T, s string) {
		if !utf8.ValidString(s) {
			return
		}
		out, _, err := r.Text(t.Context(), s, pseudonym)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.ValidString(out) {
			t.Fatalf("%q became %q", s, out)
		}
		if again, _, err := r.Text(t.Context(), out, pseudonym); err != nil || again != out {
			t.Fatalf("%q became %q, then %q: %v", s, out, again, err)
		}
	})
}

// A document is a text in which every personal detail is marked.
type document struct {
	Text  string
	Spans []documentSpan
}

type documentSpan struct {
	Start, End int
	Type       string
}

func (s documentSpan) meets(f Finding) bool { return f.Start < s.End && s.Start < f.End }

func readDocuments(t *testing.T) []document {
	zr, err := gzip.NewReader(shared(t, "redaction-cases/document.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	var all []document
	lines := bufio.NewScanner(zr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var d document
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// documentBars say for a type which marked types it looks for, which others a
// span of it may meet rightly, how many it found when the bar was set and how
// many of its spans met none.
var documentBars = map[string]struct {
	want, others []string
	found, wrong int
}{
	"PERSON":      {[]string{"PERSON"}, nil, 143, 0},
	"ADDRESS":     {[]string{"ADDRESS"}, []string{"LOCATION", "POSTAL_CODE"}, 185, 0},
	"DATE":        {[]string{"DATE"}, nil, 64, 1},
	"AGE":         {[]string{"AGE"}, nil, 41, 0},
	"URL":         {[]string{"DOMAIN"}, nil, 10, 0},
	"POSTAL_CODE": {[]string{"POSTAL_CODE"}, []string{"ADDRESS"}, 18, 1},
}

// TestContextualDocuments measures the heuristics on texts with all personal
// details marked: what is found is right nearly always, and far from all is.
func TestContextualDocuments(t *testing.T) {
	docs := readDocuments(t)
	for typ, bar := range documentBars {
		r := contextualRedactor(t, typ)
		want, found, reported, wrong := 0, 0, 0, 0
		for _, d := range docs {
			_, spans, err := r.Text(t.Context(), d.Text, pseudonym)
			if err != nil {
				t.Fatal(err)
			}
			reported += len(spans)
			for _, s := range d.Spans {
				if slices.Contains(bar.want, s.Type) {
					want++
					if slices.ContainsFunc(spans, func(f Finding) bool { return f.Start <= s.Start && s.End <= f.End }) {
						found++
					}
				}
			}
			for _, f := range spans {
				if !slices.ContainsFunc(d.Spans, func(s documentSpan) bool {
					return s.meets(f) && (slices.Contains(bar.want, s.Type) || slices.Contains(bar.others, s.Type))
				}) {
					wrong++
				}
			}
		}
		t.Logf("%s: found %d of %d; %d of %d reported are wrong", typ, found, want, wrong, reported)
		if found < bar.found || wrong > bar.wrong {
			t.Errorf("%s: found %d, wrong %d; want at least %d, at most %d", typ, found, wrong, bar.found, bar.wrong)
		}
	}
}

// TestContextualCorpus counts what is found in a sample of real events, and
// holds that a second pass changes nothing.
func TestContextualCorpus(t *testing.T) {
	r := contextualRedactor(t, "")
	counts := map[string]int{}
	for _, e := range corpusEvents(t, 50) {
		for _, s := range texts(e) {
			out, found, err := r.Text(t.Context(), s, pseudonym)
			if err != nil {
				t.Fatalf("%s: %v", e.Id, err)
			}
			for _, f := range found {
				counts[f.Detector]++
			}
			if again, _, err := r.Text(t.Context(), out, pseudonym); err != nil || again != out {
				t.Errorf("%s: a second pass changed the text: %v", e.Id, err)
			}
		}
	}
	t.Logf("found: %v", counts)
}

// BenchmarkContextual is what the contextual detectors cost on prose in which
// they find nothing but dates: those that run by default, and all.
func BenchmarkContextual(b *testing.B) {
	text := repeat(proseSample)
	for name, kept := range map[string]bool{"default": false, "kept": true} {
		b.Run(name, func(b *testing.B) {
			r := newRedactor(b, Config{Detectors: contextual(), ReportKept: kept})
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := r.Text(b.Context(), text, pseudonym); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
