package redaction

import "strings"

// ages recognises ages of people. What is reported is the number alone, so
// that it can be generalised to a range: the default that fits.
func ages() []Detector {
	return []Detector{
		{Type: "AGE", Name: "age_before", Source: "written forms of ages", Version: 2, Words: ageUnits(), Find: ageBefore},
		{Type: "AGE", Name: "age_after", Source: "written forms of ages", Version: 2, Words: ageLabels(), WordStart: true, Find: ageAfter},
	}
}

// ageUnits stand behind an age.
func ageUnits() []string {
	return []string{" years old", "years old", "-years-old", " year old", "-year-old", "-year old", " year-old", " years of age", " yrs old", " yr old", "yrs old",
		" y/o", "y/o ", " y.o", " yo ", " yo,", " yo.", "yo male", "yo female", "yo man", "yo woman",
		" jahre alt", "-jährig", "jährige", " ans et ", " años de edad", " años y ", " anos de idade", " anni e ", " jaar oud", " år gammal", " år gammel", " lat i ",
		" лет", "歳の", "歳で", "歳に", "歳、", "歳。", "歳と", "歳女", "歳男", "歳 ", "岁的", "岁，", "岁。", "岁了", "岁女", "岁男", "岁 "}
}

// ageLabels stand before an age.
func ageLabels() []string {
	return []string{"aged ", "age: ", "age:", "age is ", "age of ", "age = ", "my age ", "i'm ", "i’m ", "i am ", "she's ", "he's ", "she is ", "he is ",
		"turned ", "turning ", "i'll turn ", "i’ll turn ", "he'll turn ", "she'll turn ", "will turn ", "alter: ", "alter von ", "edad: ", "j'ai ", "j’ai ", "âgé de ", "âgée de ", "tengo ", "tiene ", "ho compiuto ",
		"ich bin ", "edad de ", "leeftijd: ", "età: ", "мне "}
}

// ageBefore reads the number before a unit.
func ageBefore(c *Candidate) {
	s := c.Text
	end := skipBack(s, c.Start, "- ", 1)
	if isDigit(s[c.Start]) || beyondWord(s, c.End) && isLetter(s[c.End-1]) && s[c.End-1] != 'g' && s[c.End-1] != 'e' {
		return
	}
	start := end
	for start > 0 && end-start < 4 && isDigit(s[start-1]) {
		start--
	}
	if ageNumber(s, start, end) && !oldThing(s, c.End) {
		c.Add(start, end)
	}
}

// ageNumber reports whether s[start:end] is a number of years that people
// reach and no part of another number.
func ageNumber(s string, start, end int) bool {
	if start == end || end-start > 3 || withinWord(s, start) || s[start] == '0' {
		return false
	}
	if b := at(s, start-1); strings.IndexByte(".,:-/$€£", b) >= 0 && b != 0 && (b != '-' && b != '/' || isDigit(at(s, start-2))) && (isDigit(at(s, start-2)) || b == '$') {
		return false
	}
	n := number(s[start:end])
	return 1 <= n && n <= 120
}

// oldThing reports whether what is so old is named behind and is no person.
func oldThing(s string, i int) bool {
	i = skipAny(s, i, " ", 1)
	return anyFold(s[i:], "car", "house", "home", "building", "company", "firm", "tree", "scotch", "whisk", "wine", "bug", "problem", "tradition",
		"institution", "business", "tech", "software", "system", "code", "computer", "laptop", "phone", "child's", "dog", "cat ", "horse", "bridge",
		"church", "franchise", "record", "startup", "law", "rule", "fossil", "mystery", "secret", "war") > 0
}

// ageAfter reads the number after a label. Where the label says little, what
// follows must not make a quantity of it.
func ageAfter(c *Candidate) {
	s := c.Text
	start := skipAny(s, c.End, " \"'*", 3)
	end := digitsWithin(s, start, 1, 3)
	if end < 0 || !ageNumber(s, start, end) || withinWord(s, c.Start) {
		return
	}
	label := s[c.Start:c.End]
	switch {
	case hasFold(label, "age of "):
		return // of consent, of majority: no one's
	case sure(label):
		if beyondWord(s, end) || at(s, end) == '%' || strings.IndexByte(".-:/", at(s, end)) >= 0 && isDigit(at(s, end+1)) {
			return
		}
	case yearsAfter(s, end):
	case number(s[start:end]) < 5 || !closes(s, end):
		return
	}
	c.Add(start, end)
}

// sure reports whether a label is about age and nothing else.
func sure(label string) bool {
	return anyFold(label, "age", "my age", "alter", "edad", "leeftijd", "âg", "età") > 0
}

// yearsAfter reports whether the number that ends at i is one of years of a
// person: the labels before it are those of languages where one has years.
func yearsAfter(s string, i int) bool {
	i = skipAny(s, i, " ", 1)
	n := anyFold(s[i:], "ans", "años", "anni", "anos", "jahre alt", "лет", "год", "years old")
	return n > 0 && !beyondWord(s, i+n) && anyFold(s[i+n:], " d'", " de exp", " d’", " di ", " experience") == 0
}

// closes reports whether the clause ends at i, so that the number before has
// no noun.
func closes(s string, i int) bool {
	if i == len(s) {
		return true
	}
	switch s[i] {
	case '!', ';', '\n', ')':
		return true
	case '.', ',', '?':
		return !isWord(at(s, i+1))
	}
	return anyFold(s[i:], " and i", " now", " today", " this year", " next ", " last ", " in june", " und ", " male", " female", " with ") > 0
}
