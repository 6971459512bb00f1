package redaction

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/redaction/known"
)

// settings are configurations under which what must hold for every text is
// held: what is found may stay, be masked or made general.
func settings() map[string]Config {
	masked := map[string]Operator{}
	for _, d := range Default() {
		masked[d.Type] = Mask
	}
	return map[string]Config{
		"default":  {Timeout: noTimeout},
		"regions":  {Timeout: noTimeout, Regions: []string{"US", "GB", "DE"}, ReportKept: true},
		"all mask": {Timeout: noTimeout, Operators: masked, Regions: []string{"US"}},
		"general":  {Timeout: noTimeout, Operators: map[string]Operator{"AGE": Generalise, "DATE": Generalise, "POSTAL_CODE": Generalise, "IP_ADDRESS": Generalise}},
	}
}

// TestTurns holds for turns of the shared corpus and for the texts of the
// shared cases what must hold for every text, and that they settle.
func TestTurns(t *testing.T) {
	turns := corpusTurns(t)
	for i, c := range readCases(t) {
		if !sampled(t, i, 4) && c.Text != "" {
			turns = append(turns, c.Text)
		}
	}
	for name, cfg := range settings() {
		t.Run(name, func(t *testing.T) {
			r := newRedactor(t, cfg)
			for _, s := range turns {
				if _, _, err := r.Text(t.Context(), s, pseudonym); errors.Is(err, ErrUnsettled) {
					t.Errorf("%q does not settle", s)
					continue
				}
				checkText(t.Context(), t, r, s)
			}
		})
	}
}

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
// on; what else looks for the same is beside it in tools/redactbench.
func BenchmarkTurns(b *testing.B) {
	key, err := RandomPseudonymKey()
	if err != nil {
		b.Fatal(err)
	}
	clean := newRedactor(b, Config{})
	kinds := map[string][]string{"prose": proseTurns(b, clean), "dense": denseTurns(b)}
	for name, cfg := range map[string]Config{"default": {}, "known": {Known: ofOneUser()}, "kept": {ReportKept: true, Regions: []string{"US"}}} {
		r := newRedactor(b, cfg)
		for kind, turns := range kinds {
			b.Run(kind+"/"+name, func(b *testing.B) { benchmarkTurns(b, r, turns, key.For("", "")) })
		}
	}
}

// ofOneUser are ten values of one made-up user.
func ofOneUser() []known.Value {
	return []known.Value{
		{Text: "Marguerite Delacroix-Whitfield", Kind: known.Name, Type: "PERSON"},
		{Text: "Maggie Whitfield", Kind: known.Name, Type: "PERSON"},
		{Text: "maggie.whitfield@example.com", Kind: known.Email, Type: "EMAIL"},
		{Text: "m.delacroix@work.example", Kind: known.Email, Type: "EMAIL"},
		{Text: "+1 415 555 0132", Kind: known.Phone, Type: "PHONE"},
		{Text: "+44 20 7946 0871", Kind: known.Phone, Type: "PHONE"},
		{Text: "12 High Street, Flat 3, Leeds", Kind: known.Address, Type: "ADDRESS"},
		{Text: "CUST-0048-7731", Kind: known.Other, Type: "CUSTOMER"},
		{Text: "maggie_w_77", Kind: known.Other, Type: "USERNAME"},
		{Text: "Ottoline Delacroix", Kind: known.Name, Type: "PERSON"},
	}
}

// packed returns the texts side by side in memory: a text that is redacted was
// just written or received, and misses of the cache are not what is measured.
func packed(texts []string) []string {
	all, out := strings.Join(texts, ""), make([]string, len(texts))
	for i, s := range texts {
		out[i], all = all[:len(s)], all[len(s):]
	}
	return out
}

func benchmarkTurns(b *testing.B, r *Redactor, turns []string, p Pseudonym) {
	turns = packed(turns)
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
}
