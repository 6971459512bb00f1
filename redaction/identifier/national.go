package identifier

import (
	"slices"
	"strings"
)

// nationalForms are the numbers of people and companies in the registers of
// states: national, tax, social security, health and business identifiers.
func nationalForms() []Form {
	return slices.Concat(
		[]Form{luhnForm()},
		germanForms(), germanHealthForms(), alpineForms(), beneluxForms(), frenchForms(),
		iberianForms(), italianForms(), britishForms(), irishForms(),
		nordicForms(), swedishForms(), balticForms(), polishForms(), czechForms(),
		danubeForms(), balkanForms(), greekForms(), easternForms(),
		usForms(), usHealthForms(), canadianForms(), brazilianForms(), latinForms(),
		chineseForms(), koreanForms(), indianForms(), southAsianForms(), southEastAsianForms(),
		middleEasternForms(), africanForms(), oceanianForms(),
	)
}

// list splits a line of words, patterns or entities at its commas.
func list(s string) []string { return strings.Split(s, ", ") }

// luhnForm is no identifier but the arithmetic of many: it belongs to no
// country and has no words, so nothing is found by it that is not asked for.
func luhnForm() Form {
	patterns := []string{}
	for n := 2; n <= MaxLen; n++ {
		patterns = append(patterns, strings.Repeat("#", n))
	}
	return Form{
		Entity: "LUHN", Name: "Luhn number", Source: "ISO/IEC 7812-1, annex B",
		Patterns: patterns, Separators: " -", Check: luhn,
	}
}

// every returns a check that asks for all of the given ones.
func every(checks ...func([]byte) bool) func([]byte) bool {
	return func(s []byte) bool {
		return !slices.ContainsFunc(checks, func(c func([]byte) bool) bool { return !c(s) })
	}
}

// differing refuses one digit repeated, which many schemes would let pass and
// no register gives out.
func differing(s []byte) bool { return !allSame(s) }

// weightedMod11 reports the remainder of the weighted sum that runs from
// len(s) down to 1 and so takes the last digit, the check digit, once.
func weightedMod11(s []byte) int {
	sum := 0
	for i, c := range s {
		sum += value(c) * (len(s) - i)
	}
	return sum % 11
}

// oneOf reports whether the two leading digits or letters are among those of
// the line, which separates them by spaces.
func oneOf(s []byte, pairs string) bool {
	for i := 0; i+2 <= len(pairs); i += 3 {
		if pairs[i] == s[0] && pairs[i+1] == s[1] {
			return true
		}
	}
	return false
}
