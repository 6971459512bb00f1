package identifier

// swedishForms are those of Sweden.
func swedishForms() []Form {
	const source = "Skatteverket: SKV 704 Personnummer, SKV 707 Samordningsnummer"
	const words = "personnummer, personnr, pnr, pers nr, samordningsnummer, samordningsnr, födelsenummer, personal identity number, personal number"
	personal := Form{
		Entity: "SE_PERSONNUMMER", Also: list("NATIONAL_ID, TAX_ID"), Country: "SE", Name: "Personnummer", Source: source,
		Patterns: list("##########, ############"), Separators: "-+", Written: list("######_####, ########_####"),
		Check: sePersonal, Words: list(words),
	}
	coordination := personal
	coordination.Entity, coordination.Name, coordination.Check = "SE_COORDINATION_NUMBER", "Samordningsnummer", seCoordination
	return []Form{personal, coordination, {
		// The check digit is over ten digits, but software computes it over
		// twelve as well; what tax forms are filled with has either.
		Entity: "TAX_ID", Country: "SE", Name: "Personnummer or samordningsnummer, check digit over twelve digits",
		Source: source, Patterns: list("############"), Separators: "-", Written: list("########-####"),
		Check: func(s []byte) bool {
			return (seDate(s, 0) || seDate(s, 60)) && luhn(s)
		},
		Words: list(words + ", skattenummer, tin"),
	}, {
		Entity: "BUSINESS_ID", Also: list("TAX_ID"), Country: "SE", Name: "Organisationsnummer",
		Source: "Lag (1974:174) om identitetsbeteckning för juridiska personer; SKV 709", Patterns: list("##########, 16##########"),
		Separators: "-", Written: list("######-####, 16######-####"), Check: seOrganisation,
		Words: list("organisationsnummer, orgnr, org nr, organisationsnr, bolagsverket, company registration number, organisation number"),
	}}
}

// seDate reports whether the digits begin with a day, whatever is added to it:
// of twelve digits four are the year.
func seDate(s []byte, added int) bool {
	if len(s) == 12 {
		year := number(s[:4])
		return 1800 <= year && year <= 2099 && seDay(year, number(s[4:6]), number(s[6:8]), added)
	}
	year, month, day := number(s[:2]), number(s[2:4]), number(s[4:6])
	return seDay(1900+year, month, day, added) || seDay(2000+year, month, day, added)
}

// seDay: in coordination numbers, which have 60 added, month and day may be
// zero where they are unknown.
func seDay(year, month, day, added int) bool {
	day -= added
	return isDate(year, month, day) || added > 0 && (month == 0 && 0 <= day && day <= 31 || day == 0 && month <= 12)
}

func sePersonal(s []byte) bool { return seDate(s, 0) && luhn(s[len(s)-10:]) }

func seCoordination(s []byte) bool { return seDate(s, 60) && luhn(s[len(s)-10:]) }

// seOrganisation: the third digit is two or more, so no month stands there.
func seOrganisation(s []byte) bool {
	s = s[len(s)-10:]
	return s[0] != '0' && s[0] != '4' && s[2] >= '2' && luhn(s)
}
