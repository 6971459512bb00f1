package analyzer

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// What a zero Config means.
const (
	defaultLanguage = "en"
	defaultTimeout  = 500 * time.Millisecond
	defaultMaxBytes = 8 << 20
	defaultFailures = 5
	defaultCooldown = 10 * time.Second
)

// Config says where the analyser is and what is asked of it.
type Config struct {
	// URL is the address to which /analyze is appended, https, or http where
	// the host is localhost or a loopback address. It has no user, query or
	// fragment: what authenticates goes into Client.
	URL string
	// Language of the texts, as the server's models name it; "" is en.
	Language string
	// Entities are what to look for, by the server's names, for instance
	// PERSON or PHONE_NUMBER; none means all that it knows.
	Entities []string
	// Threshold is the lowest score to report, in [0, 1]; 0 leaves it to the
	// server, whose own default is 0.
	Threshold float64
	// Batch says how several texts are asked about.
	Batch Batch
	// Timeout bounds a call of Analyze or Check from beginning to end; 0 is
	// 500 ms.
	Timeout time.Duration
	// MaxBytes bounds the texts of a call together, and apart from that the
	// body of each answer, where a span takes about 100 bytes; 0 is 8 MiB.
	MaxBytes int
	// Client does the requests, for instance with a client certificate; nil
	// is one that verifies by the system's roots, uses the proxy of the
	// environment for https and never leaves the machine for http. Where the
	// connections of another one go is its Transport's affair; its
	// CheckRedirect is not used.
	Client *http.Client
	// Breaker says when a failing analyser is left alone.
	Breaker Breaker
	// Now is the clock of the breaker; nil is time.Now.
	Now func() time.Time
}

// Batch says how several texts are asked about.
type Batch int

const (
	// BatchAuto sends a list and, to a server that refuses it but then
	// answers about each text, one text a request, for ten minutes or until
	// the breaker opens, after which a list is tried again.
	BatchAuto Batch = iota
	// BatchList always sends several as a list: Presidio 2.2.361 and later.
	BatchList
	// BatchSingle sends one text a request, four at a time.
	BatchSingle
)

// Breaker says when a failing analyser is left alone: after Failures calls
// that failed in a row, every call is refused with ErrUnavailable at once,
// for Cooldown. Then one call is let through as a probe. If it succeeds all
// is as before, if it fails the next probe is a Cooldown away. A call that
// its caller cancelled is no failure; one whose deadline passed is.
type Breaker struct {
	Failures int           // 0 is 5
	Cooldown time.Duration // 0 is 10 s
}

// withDefaults returns c with its zero values replaced.
func (c Config) withDefaults() Config {
	c.Language = orDefault(c.Language, defaultLanguage)
	c.Timeout = orDefault(c.Timeout, defaultTimeout)
	c.MaxBytes = orDefault(c.MaxBytes, defaultMaxBytes)
	c.Breaker.Failures = orDefault(c.Breaker.Failures, defaultFailures)
	c.Breaker.Cooldown = orDefault(c.Breaker.Cooldown, defaultCooldown)
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the default of Config.Now
	}
	return c
}

func orDefault[T comparable](v, d T) T {
	var zero T
	if v == zero {
		return d
	}
	return v
}

// check names the first field that cannot be used.
func (c Config) check() error {
	switch {
	case !isWord(c.Language):
		return errors.New("Config.Language: want letters, digits, - and _")
	case !(c.Threshold >= 0 && c.Threshold <= 1): // also NaN
		return errors.New("Config.Threshold: want a number from 0 to 1")
	case c.Batch < BatchAuto || c.Batch > BatchSingle:
		return errors.New("Config.Batch: unknown")
	case c.Timeout < 0:
		return errors.New("Config.Timeout: negative")
	case c.MaxBytes < 0:
		return errors.New("Config.MaxBytes: negative")
	case c.Breaker.Failures < 0:
		return errors.New("Config.Breaker.Failures: negative")
	case c.Breaker.Cooldown < 0:
		return errors.New("Config.Breaker.Cooldown: negative")
	}
	for i, e := range c.Entities {
		if !isWord(e) {
			return fmt.Errorf("Config.Entities[%d]: want letters, digits, - and _", i)
		}
	}
	return nil
}

// isWord reports whether s can be the name of a language or an entity.
func isWord(s string) bool {
	for _, c := range []byte(s) {
		if !(isLetter(c) || isDigit(c) || c == '-' || c == '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// parseURL returns the base address of the server. Its errors do not quote
// raw, in which an operator may have put a password.
func parseURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("Config.URL: not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("Config.URL: want https, or http to this machine")
	case u.Hostname() == "":
		return nil, errors.New("Config.URL: no host")
	case u.User != nil:
		return nil, errors.New("Config.URL: no user wanted, authenticate in Client")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("Config.URL: no query or fragment wanted")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, errors.New("Config.URL: texts do not leave this machine without TLS: want https")
	}
	return u, nil
}

// isLoopback reports whether host is localhost or a loopback address. Other
// names are not resolved: they may mean another machine tomorrow.
func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
