package redaction

import "strings"

// passwordHash recognises hashes of passwords as crypt(3), htpasswd and the
// Password Hashing Competition's strings write them.
func passwordHash() Detector {
	var shapes [][]part
	for shape := range strings.FieldsSeq("$1$<k1-8>$<k22> $apr1$<k1-8>$<k22> $2a$<d2>$<k53> $2b$<d2>$<k53> $2y$<d2>$<k53> $2x$<d2>$<k53> " +
		"$5$<k1-16>$<k43> $5$rounds=<d4-9>$<k1-16>$<k43> $6$<k1-16>$<k86> $6$rounds=<d4-9>$<k1-16>$<k86> " +
		"$7$<k20-60>$<k43> $y$<k1-8>$<k1-64>$<k43> $gy$<k1-8>$<k1-64>$<k43> $P$<k31> $H$<k31> $sha1$<d1-9>$<k4-64>$<k28>") {
		shapes = append(shapes, parseShape(shape))
	}
	return Detector{Type: "PASSWORD", Name: "password_hash", Source: "crypt(5); PHC string format", Version: 2, Bytes: "$", Next: "12567yagPHs", Find: func(c *Candidate) {
		for _, parts := range shapes {
			if end := matchShape(parts, c.Text, c.Start); end > 0 {
				c.Add(c.Start, end)
				return
			}
		}
		if end := phcEnd(c.Text, c.Start); end > 0 {
			c.Add(c.Start, end)
		}
	}}
}

// phcEnd returns where the hash in the PHC string format that begins at i
// ends, 0 if none does.
func phcEnd(s string, i int) int {
	for _, name := range [...]string{"$argon2id$", "$argon2i$", "$argon2d$", "$scrypt$", "$pbkdf2-sha256$", "$pbkdf2-sha512$", "$pbkdf2$"} {
		if !strings.HasPrefix(s[i:], name) {
			continue
		}
		end := i + len(name)
		for end < len(s) && end-i < maxKey && (isTokenChar(s[end]) || s[end] == '$' || s[end] == ',') {
			end++
		}
		if strings.Count(s[i:end], "$") >= 4 && end-i >= 50 {
			return end
		}
	}
	return 0
}
