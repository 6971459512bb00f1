package redaction

import "strings"

// devices recognises what tells devices and bank accounts apart. The default
// that fits is to replace.
func devices() []Detector {
	return []Detector{
		{Type: "MAC_ADDRESS", Name: "mac_colons", Source: "IEEE 802-2014 §8.2, RFC 7042", Bytes: ":", Next: hexDigits, Normal: normalMAC, Find: macPairs},
		{Type: "MAC_ADDRESS", Name: "mac_dashes", Source: "IEEE 802-2014 §8.1", Bytes: "-", Next: hexDigits, Normal: normalMAC, Find: macPairs},
		{Type: "MAC_ADDRESS", Name: "mac_dots", Source: "Cisco IOS notation", Bytes: ".", Next: hexDigits, Normal: normalMAC, Find: macQuads},
		{Type: "BANK_ACCOUNT", Name: "bank_account", Source: "national account numbers, by the words before them", Digits: Digits{Min: 6, Max: 20, MaxGroups: 5},
			Context: []string{"account number", "account no", "account num", "acct", "acct no", "bank account", "banking account",
				"checking account", "savings account", "a/c no", "sort code", "kontonummer", "konto-nr", "kontonr", "konto nr", "numéro de compte", "compte bancaire", "número de cuenta", "cuenta bancaria",
				"numero di conto", "conto corrente", "rekeningnummer", "conta bancária", "conta corrente", "numer konta", "номер счета", "расчетный счет", "口座番号", "银行账号", "银行卡号", "계좌번호"},
			Normal: digitsOf, Find: bankAccount},
		{Type: "DEVICE_ID", Name: "device_id", Source: "names that systems give to identifiers of devices", Version: 2, WordStart: true,
			Words: []string{"serial number", "serial no", "serialnumber", "serial_number", "serial #", "device id", "device_id", "deviceid", "udid", "android id", "android_id", "advertising id", "idfa", "gaid",
				"imsi", "iccid", "seriennummer", "numéro de série", "número de serie", "numero di serie", "序列号"},
			Find: deviceID},
	}
}

func normalMAC(s string) string {
	b := make([]byte, 0, 16)
	for i := range len(s) {
		if isHex(s[i]) {
			b = append(b, s[i]|0x20)
		}
	}
	return string(b)
}

// macPairs is triggered by the first separator of 00:00:5E:00:53:01. Six
// groups or eight, no more, or it is a fingerprint.
func macPairs(c *Candidate) {
	s, sep, start := c.Text, c.Text[c.Start], c.Start-2
	if c.At(c.Start+3) != sep || start < 0 || !isHex(s[start]) || !isHex(s[start+1]) || isWord(at(s, start-1)) || at(s, start-1) == sep {
		return
	}
	end, groups := c.Start, 1
	for at(s, end) == sep && isHex(at(s, end+1)) && isHex(at(s, end+2)) && groups < 9 {
		end += 3
		groups++
	}
	if groups != 6 && groups != 8 || isWord(at(s, end)) || (at(s, end) == sep || at(s, end) == '.') && isWord(at(s, end+1)) {
		return
	}
	if named(s[start:end]) {
		c.Add(start, end)
	}
}

// macQuads is triggered by the first dot of 001a.2b3c.4d5e.
func macQuads(c *Candidate) {
	s, start := c.Text, c.Start-4
	if c.At(c.Start+5) != '.' || start < 0 || isWord(at(s, start-1)) || at(s, start-1) == '.' {
		return
	}
	letters := 0
	end := start + len("001a.2b3c.4d5e")
	if end > len(s) || isWord(at(s, end)) || at(s, end) == '.' && isWord(at(s, end+1)) {
		return
	}
	for i := start; i < end; i++ {
		if i == c.Start || i == c.Start+5 {
			continue
		}
		if !isHex(s[i]) {
			return
		}
		letters += int(s[i] >> 6)
	}
	if letters > 0 && named(s[start:end]) {
		c.Add(start, end)
	}
}

// named reports whether an address belongs to one device: that of all zeros
// and that of all ones are the same for everybody.
func named(mac string) bool {
	for i := range len(mac) {
		if c := mac[i]; isHex(c) && c != mac[0] {
			return true
		}
	}
	return mac[0] != '0' && mac[0]|0x20 != 'f'
}

// bankAccount reads the number after a word about accounts.
func bankAccount(c *Candidate) {
	before, after := c.At(c.Start-1), c.At(c.End)
	if !c.Near(24) || isWord(before) || isWord(after) || before == '$' || money(c.Text[:c.Start], c.Text[c.End:]) {
		return
	}
	if strings.IndexByte("-.,:/", before) >= 0 && isDigit(c.At(c.Start-2)) || isDigit(c.At(c.End+separator(c.Text[c.End:]))) {
		return
	}
	if (after == ':' || after == ',' || after == '.') && isDigit(c.At(c.End+1)) {
		return
	}
	for i := 1; i < len(c.Groups); i++ {
		if sep := c.Separator(i); sep != "-" && sep != " " && sep != "/" {
			return
		}
	}
	if start, end, ok := numericDateOf(c); ok && start < end {
		return
	}
	c.Add(c.Start, c.End)
}

// numericDateOf reads the number as a date where its groups can be one.
func numericDateOf(c *Candidate) (start, end int, ok bool) {
	if len(c.Groups) != 3 {
		return 0, 0, false
	}
	return numericDate(c)
}

// deviceID reads a value of eight characters or more with digits in it after a
// name of identifiers.
func deviceID(c *Candidate) {
	s := c.Text
	i := skipAny(s, c.End, " .\"'*", 3)
	op := i
	i += anyFold(s[i:], ":", "=", "is ", "#", "：")
	if op == i || withinWord(s, c.Start) {
		return
	}
	start := skipAny(s, i, " \"'*`", 4)
	end, numerals := start, 0
	for end < len(s) && end-start <= 64 && (isAlnum(s[end]) || s[end] == '-') {
		if isDigit(s[end]) {
			numerals++
		}
		end++
	}
	if n := end - start; n >= 8 && n <= 64 && numerals >= 3 && !isLower(at(s, start-1)) && !beyondWord(s, end) {
		c.Add(start, end)
	}
}
