package known

import (
	"strings"
	"sync"
)

// systems are common ways to write Cyrillic and Greek names in Latin letters
// other than the one of the tables: as in passports (ICAO Doc 9303-3,
// section 6), as most people do, as libraries do (ISO 9 without diacritics),
// and as in German.
var systems = sync.OnceValue(func() []*strings.Replacer {
	return []*strings.Replacer{
		replacer("ю iu я ia є ie щ shch χ ch ου ou υ y β v η i"),
		replacer("ий y ый y ия ia ья ia ью iu ьё yo ье ye й y ю yu я ya ё yo є ye ї yi μπ b ντ d γγ ng γκ g αυ af ευ ef χ h ου ou"),
		replacer("х h ж z ч c ш s щ sc ц c ю ju я ja й j ё e є je ї ji ου ou φ ph χ ch η e β b"),
		replacer("х ch ж sch ч tsch ш sch щ schtsch ц z ю ju я ja й j в w з s ё jo ου u"),
	}
})

// replacer makes a replacer of lower and title case.
func replacer(list string) *strings.Replacer {
	var all []string
	fields := strings.Fields(list)
	for i := 0; i < len(fields); i += 2 {
		from, to := fields[i], fields[i+1]
		all = append(all, from, to)
		upper := strings.ToUpper(from)
		all = append(all, upper, strings.ToUpper(to[:1])+to[1:], firstUpper(from), strings.ToUpper(to[:1])+to[1:])
	}
	return strings.NewReplacer(all...)
}

func firstUpper(s string) string {
	for i := range s {
		if i > 0 {
			return strings.ToUpper(s[:i]) + s[i:]
		}
	}
	return strings.ToUpper(s)
}
