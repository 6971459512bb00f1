package certificate

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html"
	"html/template"
	"strconv"
	"time"

	"github.com/afterimage/afterimage/eventlog"
)

var (
	//go:embed page.css
	style string
	//go:embed page.html
	source string

	// page is part of format 1: certificates that were issued are rendered again to be
	// verified.
	page = template.Must(template.New("page").Funcs(template.FuncMap{
		"deferral": deferral, "events": events, "hex": hex.EncodeToString, "moment": moment, "outstanding": outstanding,
		"scope": scope, "span": span, "why": why,
	}).Parse(source))
)

// shownRanges is up to how many ranges of positions stand in the page itself.
const shownRanges = 200

// render makes the page of a certificate, with the document in it.
func render(f *file, text []byte) ([]byte, error) {
	sum := sha256.Sum256([]byte(style))
	about := struct {
		*Statement
		Signature, JSON string
		Shown           []Range
		Style           template.CSS
		StyleHash       string
	}{
		Statement: &f.Certificate, Signature: f.Signature, JSON: string(text),
		Style: template.CSS(style), StyleHash: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]), //nolint:gosec // it is ours
	}
	if len(f.Certificate.Deleted.Positions) <= shownRanges {
		about.Shown = f.Certificate.Deleted.Positions
	}
	var b bytes.Buffer
	if err := page.Execute(&b, about); err != nil {
		return nil, fmt.Errorf("make the page: %w", err)
	}
	return b.Bytes(), nil
}

// embedded returns the document in a page.
func embedded(data []byte) ([]byte, error) {
	_, rest, found := bytes.Cut(data, []byte("<pre id=\"certificate\">\n"))
	escaped, _, ended := bytes.Cut(rest, []byte("</pre>"))
	if !found || !ended {
		return nil, fmt.Errorf("%w: it is a page without a certificate in it, or was cut short", eventlog.ErrTampered)
	}
	return []byte(html.UnescapeString(string(escaped))), nil
}

func moment(t any) string {
	switch t := t.(type) {
	case time.Time:
		return t.Format(time.RFC3339)
	case *time.Time:
		return t.Format(time.RFC3339)
	}
	return ""
}

func events(n uint64) string {
	if n == 1 {
		return "1 event"
	}
	return strconv.FormatUint(n, 10) + " events"
}

func span(r Range) string {
	if r.First == r.Last {
		return strconv.FormatUint(r.First, 10)
	}
	return fmt.Sprintf("%d–%d", r.First, r.Last)
}

func why(k Kind) string {
	switch k {
	case Expiry:
		return "Expiry: the time had passed for which policy keeps it"
	case Erasure:
		return "Erasure: somebody had a right to it"
	case Restore:
		return "Restore: it had been deleted after the backup that the store was restored from"
	}
	return string(k)
}

func scope(s string) string {
	switch s {
	case "PERSON":
		return "a person's evidence"
	case "TENANT":
		return "all of the tenant's evidence"
	}
	return s
}

func deferral(cause string) string {
	switch cause {
	case "HELD":
		return "held by"
	case "PROMISED":
		return "the policy promises to keep them"
	}
	return cause
}

func outstanding(o Outstanding) string {
	switch o {
	case EventsOwed:
		return "some of what was asked for is still to be deleted"
	case KeysRemain:
		return "the keys that opened it are still to be destroyed"
	}
	return string(o)
}
