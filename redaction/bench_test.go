package redaction

import (
	"testing"

	"google.golang.org/protobuf/proto"
)

// proseSample and codeSample have nothing in them to replace.
const (
	proseSample = "The committee met on 12 March to go over the figures for the past year. Members asked why the cost of the " +
		"northern line had grown by 14 percent, and whether a phone survey of passengers would help; the chair called it " +
		"a fair question. After a break the group turned to the password policy of the new ticket machines: nobody wanted " +
		"customers to have to remember yet another secret. \"We will look at tokens instead,\" she said.\n\n"
	codeSample = "func (t *Tree) Insert(key string, value int) error {\n\tif t.root == nil {\n\t\tt.root = &node{key: key, val: value}\n" +
		"\t\treturn nil\n\t}\n\tfor n := t.root; ; {\n\t\tswitch cmp := strings.Compare(key, n.key); {\n\t\tcase cmp < 0:\n" +
		"\t\t\tn = n.left // version 1.2.3 of this loop had 4096 entries\n\t\t}\n\t}\n}\n\n"
	findSample = "Please write to alice.jones@example.com or call +1 415 555 2671; my card is 4111 1111 1111 1111, " +
		"IBAN DE89 3704 0044 0532 0130 00, and I logged in from 203.0.113.7.\n"
	jsonSample = `{"query": "orders of last week", "limit": 25, "filters": [{"field": "status", "op": "in", "values": ["open", "paid"]}], ` +
		`"note": "first line\nsecond \"line\" of the note", "nested": "{\"a\": [1, 2, 3], \"b\": \"text\"}"}`
)

func benchmarkText(b *testing.B, s string) {
	r := newRedactor(b, Config{})
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := r.Text(b.Context(), s, pseudonym); err != nil {
			b.Fatal(err)
		}
	}
}

func repeat(s string) string {
	out := s
	for len(out) < 3000 {
		out += s
	}
	return out
}

func BenchmarkTextProse(b *testing.B)    { benchmarkText(b, repeat(proseSample)) }
func BenchmarkTextCode(b *testing.B)     { benchmarkText(b, repeat(codeSample)) }
func BenchmarkTextJSON(b *testing.B)     { benchmarkText(b, "["+repeat(jsonSample+",")+"0]") }
func BenchmarkTextFindings(b *testing.B) { benchmarkText(b, repeat(proseSample)+findSample) }

// BenchmarkTextCorpus is redaction of the texts of the shared corpus.
func BenchmarkTextCorpus(b *testing.B) {
	r := newRedactor(b, Config{})
	var all []string
	var n int64
	for _, e := range corpusEvents(b, 100) {
		for _, s := range texts(e) {
			if s != "" {
				all = append(all, s)
				n += int64(len(s))
			}
		}
	}
	b.SetBytes(n)
	b.ReportAllocs()
	for b.Loop() {
		for _, s := range all {
			if _, _, err := r.Text(b.Context(), s, pseudonym); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkEvent is redaction of whole events of the shared corpus, which are
// already redacted but for their users after the first round.
func BenchmarkEvent(b *testing.B) {
	r := newRedactor(b, Config{})
	events := corpusEvents(b, 100)
	n := 0
	for _, e := range events {
		n += proto.Size(e)
	}
	b.SetBytes(int64(n / len(events)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		e := proto.CloneOf(events[i%len(events)])
		b.StartTimer()
		if _, err := r.Event(b.Context(), e, pseudonym); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNew is what a process pays once.
func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		newRedactor(b, Config{})
	}
}

func BenchmarkTextPlain(b *testing.B) {
	benchmarkText(b, repeat("Whan that Aprille with his shoures soote, the droghte of March hath perced to the roote, and bathed every veyne in swich licour. "))
}
