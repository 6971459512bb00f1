package server

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/afterimage/afterimage/query"
)

// openAPI is the description of the HTTP API, generated from the protos.
//
//go:embed openapi.json
var openAPI []byte

// parameters holds the query parameters of each route, by `METHOD path`. The
// gateway ignores what it does not know, so that a misspelt filter would find
// everything; here it is refused.
type parameters map[string][]string

// parametersOf reads the routes' parameters from their description.
func parametersOf(openAPI []byte) (parameters, error) {
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("read the API's description: %w", err)
	}
	all := make(parameters)
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			names := []string{}
			for _, p := range operation.Parameters {
				if p.In == "query" {
					names = append(names, p.Name, snake(p.Name))
				}
			}
			all[strings.ToUpper(method)+" "+path] = names
		}
	}
	return all, nil
}

// check is a middleware of the gateway that refuses unknown parameters.
func (p parameters) check(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		pattern, _ := runtime.HTTPPattern(r.Context())
		known := p[r.Method+" "+route(pattern)]
		if field := garbled(path, r.URL.Query()); field != "" {
			st, _ := statusOf(&query.RequestError{Field: field, Reason: "is not UTF-8"})
			writeStatus(w, r, st)
			return
		}
		for _, name := range slices.Sorted(maps.Keys(r.URL.Query())) {
			if !slices.Contains(known, name) {
				st, _ := statusOf(&query.RequestError{Field: fmt.Sprintf("%.64s", name), Reason: "is not a parameter of this request"})
				writeStatus(w, r, st)
				return
			}
		}
		next(w, r, path)
	}
}

// garbled returns a part of the path or a parameter that is not UTF-8, as no
// text in a message may be.
func garbled(path map[string]string, parameters url.Values) string {
	for field, value := range path {
		if !utf8.ValidString(value) {
			return field
		}
	}
	for name, values := range parameters {
		if !utf8.ValidString(name) {
			return "query"
		}
		if slices.ContainsFunc(values, func(v string) bool { return !utf8.ValidString(v) }) {
			return name
		}
	}
	return ""
}

// route spells a pattern as the description does.
func route(pattern runtime.Pattern) string {
	return captures.ReplaceAllString(pattern.String(), "{$1}")
}

var captures = regexp.MustCompile(`\{(\w+)=[^}]*\}`)

// snake turns `pageToken` into `page_token`.
func snake(camel string) string {
	var b strings.Builder
	for _, c := range camel {
		if 'A' <= c && c <= 'Z' {
			b.WriteByte('_')
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// camel turns `page_token` into `pageToken`.
func camel(snake string) string {
	first, rest, more := strings.Cut(snake, "_")
	if !more || rest == "" {
		return snake
	}
	return first + strings.ToUpper(rest[:1]) + camel(rest[1:])
}
