package redaction

import (
	"cmp"
	"encoding/json"
	"errors"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	neturl "net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// A surrounding is what may stand about a value in a text. It separates the
// value from what it stands in, so that the value must be found there as it is
// found alone.
type surrounding struct {
	name        string
	left, right string
	write       func(string) string // how the value is written there, nil: as it is
	document    int                 // the whole text is the string of a JSON document, so deep
}

// allSurroundings are the ways in which values stand in texts.
func allSurroundings() []surrounding {
	var all []surrounding
	for _, s := range [][3]string{
		{"spaces", " ", " "}, {"newlines", "\n", "\n"}, {"windows newlines", "\r\n", "\r\n"}, {"tabs", "\t", "\t"},
		{"no-break spaces", "\u00a0", "\u00a0"}, {"ideographic spaces", "\u3000", "\u3000"}, {"thin spaces", "\u2009", "\u2009"}, {"zero-width spaces", "\u200b", "\u200b"},
		{"zero-width joiners", "\u200d", "\u200d"}, {"byte order marks", "\ufeff", "\ufeff"}, {"direction marks", "\u200e", "\u200f"}, {"line separators", "\u2028", "\u2028"},
		{"full stop", " ", ". "}, {"comma", ", ", ", "}, {"semicolon", "; ", "; "}, {"question", " ", "? "}, {"exclamation", " ", "! "}, {"ellipsis", " ", "… "}, {"em dashes", "—", "—"}, {"colon", ": ", " "},
		{"quotes", "\"", "\""}, {"single quotes", "'", "'"}, {"curly quotes", "“", "”"}, {"low quotes", "„", "“"}, {"guillemets", "«", "»"}, {"backquotes", "`", "`"}, {"cjk quotes", "「", "」"},
		{"parentheses", "(", ")"}, {"brackets", "[", "]"}, {"braces", "{", "}"}, {"angles", "<", ">"}, {"full-width parentheses", "（", "）"}, {"pipes", "|", "|"}, {"table", "| ", " |"},
		{"cjk", "是", "的"}, {"kana", "は", "です"}, {"hangul", "는", "입니다"}, {"thai", "คือ", "ครับ"}, {"cjk punctuation", "，", "。"}, {"full-width colon", "：", "；"},
		{"emoji", "📞", "🙂"}, {"emoji family", "👩‍👩‍👧", "👩‍👩‍👧"}, {"flags", "🇩🇪", "🇫🇷"}, {"bullet", "\n• ", "\n"}, {"list", "\n- ", "\n"}, {"quoted line", "\n> ", "\n"}, {"heading", "\n# ", "\n"},
		{"bold", "**", "**"}, {"italic", "*", "*"}, {"underscores", "_", "_"}, {"strike", "~~", "~~"}, {"code block", "\n```\n", "\n```\n"}, {"link text", "[", "](https://example.org)"}, {"cell", "\t|", "|\n"},
		{"html", "<b>", "</b>"}, {"html break", "<br>", "<br/>"}, {"entity", "&quot;", "&quot;"}, {"attribute", "<a title=\"", "\">"}, {"csv", ",", ","}, {"quoted csv", "\",\"", "\",\""}, {"equals", "=", " "}, {"arrow", "->", " "},
		{"python", "{'x': '", "'}"}, {"yaml", "\nx: ", "\n"}, {"xml", "<x>", "</x>"}, {"log", "] x=", " y="}, {"nul", "\x00", "\x00"},
	} {
		all = append(all, surrounding{name: s[0], left: s[1], right: s[2]})
	}
	return append(all, []surrounding{
		{"query", " https://example.org/?q=", "&x=y ", neturl.QueryEscape, 0}, {"path", " https://example.org/", "/x ", neturl.PathEscape, 0},
		{"json", " ", " ", nil, 1}, {"json newlines", "\n", "\n", nil, 1}, {"json in json", " ", " ", nil, 2}, {"json in json newlines", "\n", "\n", nil, 2},
		{"json fragment", "{\"text\":\"", "\"}", jsonEscape, 0}, {"json value", "{\\\"text\\\":\\\"", "\\\"}", func(s string) string { return jsonEscape(jsonEscape(s)) }, 0}, {"escapes", "\\n", "\\n", jsonEscape, 0},
	}...)
}

func jsonEscape(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b[1 : len(b)-1])
}

// A planted value is a value, what stands about it where it needs words to be
// known, and the case that it is of.
type planted struct {
	c                   detectCase
	before, value, rest string
}

// plantedIn returns what to plant of a case: where words are what decides, all
// of the text that they stand in, else the value alone.
func plantedIn(c detectCase) []planted {
	var all []planted
	for _, sp := range c.Spans {
		p := planted{c: c, value: c.Text[sp.Start:sp.End]}
		if c.Tier == "context" {
			p.before, p.rest = c.Text[:sp.Start], c.Text[sp.End:]
		}
		all = append(all, p)
	}
	return all
}

// plantedTypes are the entities whose values are planted: those that the
// redactor takes out by default.
func plantedTypes() map[string]bool {
	types := map[string]bool{}
	for _, d := range Default() {
		if DefaultOperators()[d.Type] != Keep {
			types[d.Type] = true
		}
	}
	types["WEBHOOK_URL"] = true
	return types
}

// in returns the value as it stands in a surrounding within a text of the
// corpus, and where it does. before and after are of the corpus.
func (p planted) in(s surrounding, before, after string) (text string, start, end int) {
	write, outside := s.write, func(s string) string { return s }
	for range s.document {
		inner := outside
		outside = func(s string) string { return jsonEscape(inner(s)) }
	}
	if write == nil {
		write = outside
	}
	text, tail := frame(s.document)
	text += outside(before+s.left) + write(p.before)
	start = len(text)
	text += write(p.value)
	end = len(text)
	return text + write(p.rest) + outside(s.right+after) + tail, start, end
}

// frame returns what stands about the string of a JSON document, so deep.
func frame(deep int) (left, right string) {
	for n := range deep {
		if n == 0 {
			left, right = `{"text":"`, `"}`
			continue
		}
		left, right = `{"json":"`+jsonEscape(left), jsonEscape(right)+`"}`
	}
	return left, right
}

// A leak is how much of a value stays.
type leak uint8

const (
	leaksNothing leak = iota
	leaksPart         // more than its rim
	leaksAll
)

// leaks redacts a text and tells what is left of text[start:end].
func leaks(t testing.TB, r *Redactor, text string, start, end int) leak {
	t.Helper()
	_, found, err := r.Text(t.Context(), text, pseudonym)
	if errors.Is(err, ErrUnsettled) {
		return leaksNothing // fails closed
	}
	if err != nil {
		t.Fatal(err)
	}
	left := end - start
	for _, f := range found {
		left -= max(0, min(end, f.End)-max(start, f.Start))
	}
	switch {
	case left == end-start:
		return leaksAll
	case left > (end-start)/4:
		return leaksPart
	}
	return leaksNothing
}

// excerpt draws a piece of a turn, cut between characters.
func excerpt(rnd *rand.Rand, turns []string) string {
	s := turns[rnd.IntN(len(turns))]
	from := rnd.IntN(len(s))
	to := min(len(s), from+rnd.IntN(300))
	for from > 0 && !utf8.RuneStart(s[from]) {
		from--
	}
	for to < len(s) && !utf8.RuneStart(s[to]) {
		to++
	}
	return s[from:to]
}

// leakBars is how many of a hundred plants may leak, by surrounding: what the
// detectors reached when it was set, and a little for the sample. Those that
// leak much join a letter or a sign to the value that may be part of it, or
// write its spaces otherwise. What is not named is held to leakBar: most of that
// is values that are assigned without quotes and end where no space does.
var leakBars = map[string]float64{"underscores": 12, "path": 7, "csv": 5}

const leakBar = 3.0

// TestPlanted plants values of the shared cases into turns of the shared
// corpus, each in every surrounding between pieces of turns, and counts what
// comes through. Values that are not found between two spaces are not planted:
// to find them is for TestCases.
func TestPlanted(t *testing.T) {
	n := 300
	if os.Getenv("AFTERIMAGE_CORPUS") != "" {
		n = math.MaxInt
	}
	turns := corpusTurns(t)
	values, redactors := plantedValues(t, n)
	whole, part, byEntity := map[string]int{}, map[string]int{}, map[string]int{}
	for _, p := range values {
		for i, s := range allSurroundings() {
			rnd := rand.New(rand.NewPCG(p.seed(), uint64(i))) // whatever else is planted
			text, start, end := p.in(s, excerpt(rnd, turns), excerpt(rnd, turns))
			switch leaks(t, redactors.of(t, p.c), text, start, end) {
			case leaksNothing:
				continue
			case leaksAll:
				whole[s.name]++
			case leaksPart:
				part[s.name]++
			}
			byEntity[p.c.Entity+"/"+p.c.Tier+" in "+s.name]++
		}
	}
	reportLeaks(t, len(values), whole, part, byEntity)
}

// seed is a number by which the plants of a case are drawn.
func (p planted) seed() uint64 {
	h := fnv.New64a()
	h.Write([]byte(p.c.ID))
	return h.Sum64()
}

func reportLeaks(t *testing.T, n int, whole, part, byEntity map[string]int) {
	t.Logf("%d values in %d surroundings", n, len(allSurroundings()))
	for _, s := range allSurroundings() {
		leaked := whole[s.name] + part[s.name]
		if leaked == 0 {
			continue
		}
		rate, bar := 100*float64(leaked)/float64(n), leakBar
		if b, ok := leakBars[s.name]; ok {
			bar = b
		}
		t.Logf("%s: %d whole, %d in part: %.1f %%", s.name, whole[s.name], part[s.name], rate)
		if rate > bar {
			t.Errorf("%s: %.1f of a hundred leak; want at most %.1f", s.name, rate, bar)
		}
	}
	names := slices.SortedFunc(maps.Keys(byEntity), func(a, b string) int { return byEntity[b] - byEntity[a] })
	for _, name := range names[:min(40, len(names))] {
		t.Logf("%4d %s", byEntity[name], name)
	}
}

// redactorsBy are redactors by region.
type redactorsBy map[string]*Redactor

// of returns the redactor for a case: national numbers of its country count.
func (rs redactorsBy) of(t testing.TB, c detectCase) *Redactor {
	region, regions := "", []string(nil)
	if len(c.Locale) == 2 && c.Locale != "ZZ" {
		region, regions = c.Locale, []string{c.Locale}
	}
	if rs[region] == nil {
		rs[region] = newRedactor(t, Config{Regions: regions, Timeout: noTimeout})
	}
	return rs[region]
}

// plantedValues draws n values that are found between two spaces, the same
// whatever others are found.
func plantedValues(t *testing.T, n int) ([]planted, redactorsBy) {
	redactors := redactorsBy{}
	types := plantedTypes()
	var all []planted
	for _, c := range readCases(t) {
		if c.Expect != "match" || !types[c.Entity] {
			continue
		}
		for _, p := range plantedIn(c) {
			text, start, end := p.in(surrounding{left: " ", right: " "}, "", "")
			if leaks(t, redactors.of(t, c), text, start, end) == leaksNothing {
				all = append(all, p)
			}
		}
	}
	t.Logf("%d values are found", len(all))
	slices.SortStableFunc(all, func(a, b planted) int { return cmp.Compare(a.seed(), b.seed()) })
	return all[:min(n, len(all))], redactors
}

// fuzzValues are found wherever they stand on a line by themselves.
var fuzzValues = []string{"alice@example.com", "4111 1111 1111 1111", "GB29NWBK60161331926819", "DE89 3704 0044 0532 0130 00"}

// FuzzPlanted holds that a value on a line by itself never comes through,
// whatever stands above it and below.
func FuzzPlanted(f *testing.F) {
	for i, p := range pieces {
		f.Add(p, pieces[len(pieces)-1-i], uint8(i))
	}
	r := newRedactor(f, Config{})
	f.Fuzz(func(t *testing.T, above, below string, which uint8) {
		value := fuzzValues[int(which)%len(fuzzValues)]
		text := above + "\n" + value + "\n" + below
		out, _, err := r.Text(t.Context(), text, pseudonym)
		if errors.Is(err, ErrUnsettled) || errors.Is(err, ErrTimeout) {
			return // fails closed
		}
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(out, value) > strings.Count(above, value)+strings.Count(below, value) {
			t.Errorf("%q became %q", text, out)
		}
	})
}
