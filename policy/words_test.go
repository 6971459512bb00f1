package policy

import (
	"slices"
	"testing"

	"github.com/afterimage/afterimage/event/words"
)

// A search for a phrase opens only blocks with its words: what a condition
// demands must be found in it, or every search in text reads everything.
func TestWords(t *testing.T) {
	const said = "interaction.output.exists(m, m.parts.exists(p, p.text."
	for expr, want := range map[string][]string{
		said + `contains("the lethal dose of")))`:                                       {"lethal", "dose"},
		said + `contains(" lethal ")))`:                                                 {"lethal"},
		said + `contains("lethal")))`:                                                   nil, // of nonlethal, too
		said + `startsWith("Take two")))`:                                               {"take"},
		said + `endsWith("in doubt")))`:                                                 {"doubt"},
		said + `contains("東京都")))`:                                                      {"東京", "京都"},
		`report.comment == "It lied"`:                                                   {"it", "lied"},
		`"It lied" == report.comment && turn > 1`:                                       {"it", "lied"},
		`action.text in ["Call a doctor"]`:                                              {"call", "a", "doctor"},
		`interaction.retrieved.exists(d, d.text == "x y" || d.title == "x y")`:          {"x"}, // or more than one: y
		`report.comment != "It lied"`:                                                   nil,
		`!(report.comment == "It lied")`:                                                nil,
		`report.comment == "It lied" || turn > 1`:                                       nil,
		`interaction.model.name == "gpt four"`:                                          nil, // is no text
		`interaction.output.all(m, m.parts.all(p, p.text == "x y"))`:                    nil, // holds where there is none
		`interaction.input.exists(m, m.parts.exists(p, p.text.matches("the dose of")))`: nil,
	} {
		got := mustCompile(t, expr).Words()
		for _, w := range want {
			if !slices.ContainsFunc(got, func(any []words.Hash) bool { return slices.Contains(any, words.Of(w)[0]) }) {
				t.Errorf("%s: %x lacks %q", expr, got, w)
			}
		}
		if len(want) == 0 && len(got) > 0 {
			t.Errorf("%s: got %x, want nothing", expr, got)
		}
	}
}
