package identifier

// nationalForms are the numbers of people and companies in the registers of
// states: national, tax, social security, health and business identifiers.
func nationalForms() []Form { return nil }
