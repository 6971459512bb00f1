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
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"

	"github.com/afterimage/afterimage/query"
)

// openAPI is the description of the HTTP API, generated from the protos.
//
//go:embed openapi.json
var openAPI []byte

// parameters holds the query parameters of each route, by `METHOD path`, each with
// the names of its values if it is an enum. The gateway ignores what it does not
// know, so that a misspelt filter would find everything; here it is refused.
type parameters map[string]map[string][]string

// parametersOf reads the routes' parameters from their description.
func parametersOf(openAPI []byte) (parameters, error) {
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Schema   struct {
					Enum  []string
					Items struct{ Enum []string }
				}
			}
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		return nil, fmt.Errorf("read the API's description: %w", err)
	}
	all := make(parameters)
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			known := map[string][]string{}
			for _, p := range operation.Parameters {
				if p.In == "query" {
					values := append(p.Schema.Enum, p.Schema.Items.Enum...)
					known[p.Name], known[snake(p.Name)] = values, values
				}
			}
			all[strings.ToUpper(method)+" "+path] = known
		}
	}
	return all, nil
}

// check is a middleware of the gateway that refuses unknown parameters and values.
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
			values, is := known[name]
			bad := &query.RequestError{Field: fmt.Sprintf("%.64s", name), Reason: "is not a parameter of this request"}
			if is {
				bad = unnamed(camel(name), r.URL.Query()[name], values)
			}
			if bad != nil {
				st, _ := statusOf(bad)
				writeStatus(w, r, st)
				return
			}
		}
		next(w, r, path)
	}
}

// unnamed returns what is wrong with the values of a parameter that is an enum, which
// has these names; nil if nothing is. Numbers are the gateway's to read.
func unnamed(field string, given, names []string) *query.RequestError {
	for _, value := range given {
		if _, err := strconv.Atoi(value); err != nil && len(names) > 0 && !slices.Contains(names, value) {
			return noneOf(field, names)
		}
	}
	return nil
}

// noneOf says that a field has none of the values that it may have.
func noneOf(field string, names []string) *query.RequestError {
	names = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.HasSuffix(name, "_UNSPECIFIED") })
	return &query.RequestError{Field: field, Reason: "is none of " + strings.Join(names, ", ")}
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
