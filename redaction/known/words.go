package known

import (
	"strings"
	"sync"
)

// A role says what a word is in a name.
type role uint8

const (
	none     role = iota
	common        // a word of the language, which says nothing alone
	particle      // part of a family name: van, de, bin
	title         // no part of a name: Dr, Mrs, Jr
	initial       // one letter
)

// maxRole is the length of the longest word in the lists.
const maxRole = 12

// role looks a word of the value up in the lists.
func (s *Set) role(w span) role {
	var buf [maxRole]byte
	n := w.hi - w.lo
	switch {
	case n == 1 && s.raw.elems[w.lo].rune() < 0x0E00:
		return initial
	case n > maxRole:
		return none
	}
	for i, e := range s.raw.elems[w.lo:w.hi] {
		if e.rune() >= 0x80 {
			return none
		}
		buf[i] = byte(e.rune())
	}
	return roles()[string(buf[:n])]
}

var roles = sync.OnceValue(func() map[string]role {
	m := map[string]role{}
	for r, list := range map[role]string{common: commonWords, particle: particles, title: titles} {
		for w := range strings.FieldsSeq(list) {
			m[w] = r
		}
	}
	return m
})

// The lists are folded to ASCII. Of the words of the languages they have those
// that are capitalised at the start of sentences, in headings and as days and
// months, and that are names as well or come near one.
const (
	titles = "mr mrs ms miss mx dr prof professor doctor sir dame lord lady rev fr hon jr sr ii iii iv phd md esq msc bsc mba " +
		"herr frau dipl ing mag hr fru mme mlle m monsieur madame sig signor signora sra srta senor senora don dona dhr mevr"
	particles = "van von der den de da di do du das dos del della dello delle la le les el al bin ibn bint ben abu ap af av zu " +
		"zum zur ter ten te op st san santa saint mac mc y e i und et"
	commonWords = "a about after again all also am an and any are art as asked at be because been before best big black blue bob both " +
		"brown but by call can case cash chance charity chase christian church city come cook could crew dawn day dean dear did do " +
		"does down drew each early earl easy english even every faith far fast few field first fisher flat for forest fox frank french from " +
		"gene general german get give glen go good grace grant gray green grey guy had hall happy hard harmony has have he heath " +
		"hello help her here high hill him his home hope house how hunter i if iris is it its jack joy judge june just justice key " +
		"king know lake lane last law lee let light like lily little long look love low made make man many marine mark marsh may me " +
		"merry mild miles mine more most much my new next no nor norm north not now of off old olive on one only open or order other our out " +
		"over page park pat patience penny people pierce place please pool poor poppy post pray price queen ray read red rich right " +
		"river rob rock rod rose royal ruby rusty said same sandy say school sea see sent she short should show so some sonny south " +
		"spring star start still stone street strong such sue summer sunny take tell than thank thanks that the their them then there " +
		"these they think this those time to today town true two under up us use very victor violet virginia wait walk wall ward was way " +
		"we welcome well west what when where which while white who why wide will wise with wood word work world would year " +
		"yes you young your monday tuesday wednesday thursday friday saturday sunday january february march april may june july " +
		"august september october november december winter autumn " +
		"der die das ein eine einer und oder nicht mit von zu bei auf aus ist sind war wir ihr sie er es ich du man kann wenn wie was " +
		"wer wo hier da dann noch nur auch aber sehr gut gross klein neu alt lang kurz jung weiss schwarz roth braun herz stein berg " +
		"wald feld bach " +
		"les des une dans pour par sur avec sans que qui est sont nous vous ils elle elles mais petit grand bon beau noir blanc " +
		"los las una uno con por para sin como pero mas muy bien rey rico bueno nuevo cruz reyes"
)
