package redaction

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"testing"
)

// proseTurns are the turns of the shared corpus, a sample, that are no JSON
// and have nothing in them to replace, nor many numbers.
func proseTurns(b *testing.B, r *Redactor) []string {
	var turns []string
	for _, e := range corpusEvents(b, 40) {
		for _, s := range texts(e) {
			if _, found, err := r.Text(b.Context(), s, pseudonym); s == "" || mayBeJSON(s, prose) || numerous(s) || err != nil || len(found) > 0 {
				continue
			}
			turns = append(turns, s)
		}
	}
	return turns
}

// numerous reports whether more than one byte in thirty is a digit: tables,
// sums and ciphers.
func numerous(s string) bool { return len(digitsOf(s))*30 > len(s) }

// denseTurns are the texts of the shared cases that have personal data in
// them: a value in every 60 bytes or so.
func denseTurns(b *testing.B) []string {
	zr, err := gzip.NewReader(shared(b, "redaction-cases/document.jsonl.gz"))
	if err != nil {
		b.Fatal(err)
	}
	var turns []string
	for lines := bufio.NewScanner(zr); lines.Scan(); {
		var c struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			b.Fatal(err)
		}
		turns = append(turns, c.Text)
	}
	return turns
}

// BenchmarkTurns is redaction turn by turn, on one core, with every detector
// on.
func BenchmarkTurns(b *testing.B) {
	r := newRedactor(b, Config{})
	key, err := RandomPseudonymKey()
	if err != nil {
		b.Fatal(err)
	}
	p := key.For("", "")
	for name, turns := range map[string][]string{"prose": proseTurns(b, r), "dense": denseTurns(b)} {
		b.Run(name, func(b *testing.B) {
			n := 0
			for _, s := range turns {
				n += len(s)
			}
			b.SetBytes(int64(n))
			b.ReportAllocs()
			begin := processorTime(b)
			for b.Loop() {
				for _, s := range turns {
					if _, _, err := r.Text(b.Context(), s, p); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.N*n)/1e6/(processorTime(b)-begin).Seconds(), "MB/cpu-s")
			b.ReportMetric(float64(n)/float64(len(turns)), "B/turn")
		})
	}
}
