package redaction

type keyClass uint8

const (
	noKey keyClass = iota
	passwordKey
	secretKey
	weakKey
)

func classify(key string) keyClass { return noKey }

func (k keyClass) secret(value string) string { return "" }
