package redaction

import (
	"strings"

	"github.com/afterimage/afterimage/redaction/identifier"
)

// bic recognises bank identifiers behind a word that says so: most have no
// digit, and look like words.
func bic() Detector {
	return Detector{Type: "BIC", Name: "bic_labelled", Source: "ISO 9362", Words: []string{"bic:", "bic ", "bic-", "bic/", "swift"}, WordStart: true, Find: func(c *Candidate) {
		i := c.End
		for range 3 {
			i = skipAny(c.Text, i, " \t:=/-()\"'", 4)
			end := alnumEnd(c.Text, i)
			word := c.Text[i:end]
			if (len(word) == 8 || len(word) == 11) && word == strings.ToUpper(word) && identifier.Valid("BIC", "", word) {
				c.Add(i, end)
				return
			}
			if n := anyFold(word, "code", "bic", "number", "nr", "is", "lautet", "ist"); n == 0 || n != len(word) {
				return
			}
			i = end
		}
	}}
}
