package redaction

// ssn recognises US social security numbers: AAA-GG-SSSS with dashes by its
// structure, otherwise with a word about it.
func ssn() Detector {
	return Detector{
		Type:    "US_SSN",
		Version: 2,
		Source:  "SSA, randomisation of 2011",
		Digits:  Digits{Min: 9, Max: 9, MaxGroups: 3},
		Context: []string{"ssn", "ssns", "ssid", "social security", "socialsecurity", "social_security", "social-security", "social insurance", "itin", "taxpayer"},
		Normal:  digitsOf,
		Find: func(c *Candidate) {
			if !ssnDashed(c) && !(ssnGrouped(c) && (c.Near(64) || c.Region("US") && !isDecimal(c.Text, c.Groups))) {
				return
			}
			if ssnStructure(c.Digits()) && standsAlone(c) {
				c.Add(c.Start, c.End)
			}
		},
	}
}

// ssnStructure refuses areas, groups and serials that are never issued (SSA,
// randomisation of 2011).
func ssnStructure(d []byte) bool {
	area := string(d[:3])
	return area != "000" && area != "666" && d[0] != '9' && string(d[3:5]) != "00" && string(d[5:]) != "0000"
}

func ssnDashed(c *Candidate) bool {
	g := c.Groups
	return len(g) == 3 && g[0].Len() == 3 && g[1].Len() == 2 && c.Separator(1) == "-" && c.Separator(2) == "-"
}

// ssnGrouped accepts the written forms that a word before them makes likely.
func ssnGrouped(c *Candidate) bool {
	g := c.Groups
	for i := 2; i < len(g); i++ {
		if c.Separator(i) != c.Separator(1) {
			return false
		}
	}
	switch len(g) {
	case 1:
		return true
	case 2:
		return g[0].Len() == 3 || g[0].Len() == 5
	}
	return g[0].Len() == 3 && g[1].Len() == 2
}
