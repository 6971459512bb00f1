package identifier

import (
	"slices"
	"strings"
)

// documentForms are passports, driving licences, identity cards, VAT numbers,
// postal codes, licence plates, accounts, devices and vehicles.
func documentForms() []Form {
	return slices.Concat(accountForms(), vatForms(), passportForms(), cardForms(), licenceForms(), postalForms(), plateForms())
}

// prefixed returns a check that accepts what begins with one of the prefixes,
// which are separated by spaces.
func prefixed(prefixes string) func([]byte) bool {
	list := strings.Fields(prefixes)
	return func(s []byte) bool {
		return slices.ContainsFunc(list, func(p string) bool { return strings.HasPrefix(string(s), p) })
	}
}

// between returns a check that accepts what begins with a number of n digits
// from low to high.
func between(n, low, high int) func([]byte) bool {
	return func(s []byte) bool { p := number(s[:n]); return low <= p && p <= high }
}

// parted returns the ways to write a pattern with a space or dash between its
// leading letters and the digits behind them.
func parted(patterns ...string) []string {
	written := []string{}
	for _, p := range patterns {
		i := strings.IndexByte(p, '#')
		if i > 0 {
			written = append(written, p[:i]+" "+p[i:], p[:i]+"-"+p[i:])
		}
	}
	return written
}

// icao computes the check digit of machine-readable travel documents: weights
// 7, 3, 1 (ICAO Doc 9303-3, clause 4.9).
func icao(s []byte) byte {
	sum := 0
	for i, c := range s {
		sum += value(c) * [3]int{7, 3, 1}[i%3]
	}
	return byte('0' + sum%10)
}
