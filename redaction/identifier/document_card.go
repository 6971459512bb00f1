package identifier

import (
	"cmp"
	"strings"
)

// cardForms are the numbers of national identity cards, not of their holders.
func cardForms() []Form {
	german := "personalausweis|ausweis|ausweisnummer|personalausweisnummer|personalausweis nr|ausweis nr|perso"
	return []Form{
		idCard("DE", german, "Personalausweisverordnung, annex 3; ICAO Doc 9303-3", "", germanSerial, "@********", "@********D"),
		idCard("DE", german, "Personalausweisverordnung, annex 3; ICAO Doc 9303-3", "", germanNumber, "@*********", "@*********D"),
		idCard("DE", german, "Personalausweisgesetz of 1987, section 3 (number of digits alone)", "", oldGermanCard, "##########", "##########D"),
		idCard("IT", "carta d identita|carta d identità|carta di identita|carta di identità|carta identita|cie", "DM 8 novembre 2007 and DM 23 dicembre 2015 (CIE 3.0)", " ", nil,
			"@@#####@@", "@@#######", "#######@@"),
		idCard("BE", "identiteitskaart|carte d identite|carte d identité|personalausweis", "Arrêté royal of 25 March 2003", "- .", belgianCard, "############"),
		idCard("ES", "dni|soporte|numero de soporte|número de soporte|idesp", "Orden INT/738/2006 (support number)", "", nil, "@@@######"),
		idCard("FR", "carte d identite|carte d identité|carte nationale d identite|carte nationale d identité|cni", "Décret 55-1397; arrêté of 2 August 2021", "", frenchCard, "############"),
		idCard("PL", "dowod|dowód|dowod osobisty|dowód osobisty|dowodu osobistego|numer dowodu", "Dz.U. 2015 poz. 212", " ", polishCard, "@@@######"),
		idCard("PT", "cartao de cidadao|cartão de cidadão|cc|bilhete de identidade", "Portaria 202/2007 (Luhn over letters and digits)", " ", portugueseCard, "#########@@#"),
		idCard("HU", "szemelyi|személyi|szemelyi igazolvany|személyi igazolvány|igazolvanyszam", "168/1999. (XI. 24.) Korm. rendelet", " -", nil, "######@@"),
		idCard("RO", "carte de identitate|buletin|ci seria|seria", "OUG 97/2005", " ", nil, "@@######"),
		idCard("SK", "obciansky preukaz|občiansky preukaz", "zákon 395/2019 Z. z.", " ", nil, "@@######"),
		idCard("EE", "id kaart|isikutunnistus", "Isikut tõendavate dokumentide seadus", " ", nil, "@@#######"),
		idCard("LV", "personas aplieciba|personas apliecība", "Personu apliecinošu dokumentu likums", " ", nil, "@@#######"),
		idCard("NL", "identiteitskaart|id kaart|documentnummer", "Paspoortuitvoeringsregeling", "", dutchPassport, "@@******#"),
	}
}

func idCard(country, native, source, separators string, check func([]byte) bool, patterns ...string) Form {
	words := append([]string{"id card", "identity card", "id number", "national id", "identification card", "id no"}, strings.Split(native, "|")...)
	return Form{
		Entity: "ID_CARD", Country: country, Name: "identity card number", Source: source,
		Patterns: patterns, Separators: separators, Check: check, Words: words,
	}
}

// oldGermanCard checks the number of a card issued before November 2010.
func oldGermanCard(s []byte) bool { return icao(s[:9]) == s[9] && !allSame(s[:9]) }

// belgianCard has the remainder of the first ten digits by 97 at its end, 97
// for none.
func belgianCard(s []byte) bool {
	r := number(s[:10]) % 97
	return number(s[10:]) == cmp.Or(r, 97) && number(s[:10]) > 0
}

// frenchCard reads year and month of issue and the department behind them.
func frenchCard(s []byte) bool {
	month := number(s[2:4])
	return 1 <= month && month <= 12 && number(s[4:6]) <= 98
}

// polishCard has its check digit in fourth place, first of the digits.
func polishCard(s []byte) bool { return weighted(s, 7, 3, 1, 9, 7, 3, 1, 7, 3)%10 == 0 }

// portugueseCard doubles every second of its twelve characters.
func portugueseCard(s []byte) bool {
	sum := 0
	for i, c := range s {
		v := value(c)
		if i%2 == 0 {
			if v *= 2; v > 9 {
				v -= 9
			}
		}
		sum += v
	}
	return sum%10 == 0
}
