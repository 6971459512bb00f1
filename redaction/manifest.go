package redaction

import "strings"

// manifestReach bounds how far about "kind: Secret" the values of a manifest
// of Kubernetes are looked for.
const manifestReach = 4 << 10

// manifest recognises the values in manifests of Kubernetes secrets: what
// stands indented under data and stringData, in base64 or plain.
func manifest() Detector {
	return Detector{
		Type: "GENERIC_SECRET", Name: "kubernetes_secret", Source: "Kubernetes API: Secret v1",
		Words: []string{"kind: secret", `kind: "secret"`, "kind: 'secret'"}, WordStart: true,
		Find: func(c *Candidate) {
			if isLower(c.At(c.End)) {
				return
			}
			from, to := documentAround(c.Text, c.Start)
			under := false
			for i := from; i < to; {
				end := lineEnd(c.Text, i, to)
				line := c.Text[i:end]
				switch {
				case strings.HasPrefix(line, "data:") || strings.HasPrefix(line, "stringData:"):
					under = true
				case line != "" && line[0] > ' ' && line[0] != '#':
					under = false
				case under:
					c.addEntry(i, end)
				}
				i = end + 1
			}
		},
	}
}

// documentAround returns the bounds of the YAML document about i.
func documentAround(s string, i int) (from, to int) {
	from, to = max(0, i-manifestReach), min(len(s), i+manifestReach)
	if n := strings.LastIndex(s[from:i], "\n---"); n >= 0 {
		from += n + 1
	}
	if n := strings.Index(s[i:to], "\n---"); n >= 0 {
		to = i + n
	}
	return from, to
}

func lineEnd(s string, i, to int) int {
	if n := strings.IndexByte(s[i:to], '\n'); n >= 0 {
		return i + n
	}
	return to
}

// addEntry adds the value of "key: value" in s[i:end].
func (c *Candidate) addEntry(i, end int) {
	colon := strings.Index(c.Text[i:end], ": ")
	if colon < 0 || strings.HasPrefix(strings.TrimLeft(c.Text[i:end], " \t"), "#") {
		return
	}
	from, to := i+colon+2, end
	for from < to && strings.IndexByte(" \t\"'", c.Text[from]) >= 0 {
		from++
	}
	for to > from && strings.IndexByte(" \t\r\"'", c.Text[to-1]) >= 0 {
		to--
	}
	v := c.Text[from:to]
	if openEntry(strings.Trim(c.Text[i:i+colon], " \t\"'")) {
		return
	}
	if len(v) >= 4 && !placeholder(v) && strings.IndexByte("|>{&*", v[0]) < 0 && strings.IndexByte(v, ' ') < 0 {
		c.Add(from, to)
	}
}

// openEntry reports whether the key of an entry says that it is no secret.
func openEntry(key string) bool {
	switch strings.ToLower(key) {
	case "username", "user", "host", "hostname", "port", "namespace", "database", "dbname", "type", "ca.crt", "tls.crt", "url", "endpoint", "region", "bucket":
		return true
	}
	return false
}
