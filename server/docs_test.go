package server

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// rows returns the lines of docs/api.md that match, and what is in the groups.
func rows(t *testing.T, pattern string) [][]string {
	t.Helper()
	text, err := os.ReadFile("../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?m)"+pattern).FindAllStringSubmatch(string(text), -1)
	if found == nil {
		t.Fatalf("docs/api.md has nothing like %s", pattern)
	}
	return found
}

// Clients decide on the reasons that docs/api.md names: it must name those that
// there are, with their codes.
func TestReasonsOfDocs(t *testing.T) {
	want := map[string]string{}
	tell := func(reason string, code codes.Code) {
		status := runtime.HTTPStatusFromCode(code)
		switch {
		case reason == reasonTooLarge:
			status = 413
		case code == codes.Unimplemented:
			status = 405
		}
		row := fmt.Sprintf("%v %d", code, status)
		if before, known := want[reason]; known && before != row {
			t.Errorf("%s is %s and %s", reason, before, row)
		}
		want[reason] = row
	}
	for _, r := range rules {
		tell(r.reason, r.code)
	}
	for code, reason := range webReasons {
		tell(reason, code)
	}
	tell(reasonInternal, codes.Internal)

	got := map[string]string{}
	for _, row := range rows(t, "^\\| `([A-Z_]+)` \\| (\\w+) \\| (\\d+) \\|") {
		got[row[1]] = row[2] + " " + row[3]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("reasons in docs/api.md (-want +got):\n%s", diff)
	}
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	for reason := range want {
		if !strings.Contains(string(doc), "//\t"+reason+" ") {
			t.Errorf("the package's documentation does not name %s", reason)
		}
	}
}

// A method or route that docs/api.md does not name is not found, and one that
// it names and that does not exist is looked for in vain.
func TestMethodsOfDocs(t *testing.T) {
	methods := map[string][]string{} // by Service.Method
	protoregistry.GlobalFiles.RangeFilesByPackage("afterimage.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for i := range service.Methods().Len() {
				methods[string(service.Name())+"."+string(service.Methods().Get(i).Name())] = []string{}
			}
		}
		return true
	})
	var others []string
	for _, route := range described(t) {
		if known, is := methods[route.method]; is {
			methods[route.method] = append(known, route.path)
		} else {
			others = append(others, route.path)
		}
	}
	for _, routes := range methods {
		slices.Sort(routes)
	}
	got := map[string][]string{}
	for _, row := range rows(t, "^\\| (\\w+\\.\\w+) \\| ([^|]*) \\|") {
		got[row[1]] = routesOf(row[2])
	}
	if diff := cmp.Diff(methods, got); diff != "" {
		t.Errorf("methods in docs/api.md (-want +got):\n%s", diff)
	}
	var rest []string
	for _, row := range rows(t, "^\\| (`GET /[^|]*) \\|") {
		rest = append(rest, routesOf(row[1])...)
	}
	slices.Sort(others)
	slices.Sort(rest)
	if diff := cmp.Diff(others, rest); diff != "" {
		t.Errorf("other routes in docs/api.md (-want +got):\n%s", diff)
	}
}

// routesOf reads "`GET` or `POST /path`" and "`GET /one`, `GET /two`".
func routesOf(cell string) []string {
	routes, verbs := []string{}, []string{}
	for _, code := range regexp.MustCompile("`([A-Z]+)( /[^`]*)?`").FindAllStringSubmatch(cell, -1) {
		verbs = append(verbs, code[1])
		if code[2] == "" {
			continue
		}
		for _, verb := range verbs {
			routes = append(routes, verb+code[2])
		}
		verbs = nil
	}
	return routes
}

// A describedRoute is one of the description of the API.
type describedRoute struct{ method, path string } // Service.Method, VERB /path

func described(t *testing.T) (all []describedRoute) {
	t.Helper()
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
			Tags        []string
		}
	}
	if err := json.Unmarshal(openAPI, &doc); err != nil {
		t.Fatal(err)
	}
	for path, verbs := range doc.Paths {
		for verb, operation := range verbs {
			name := strings.TrimRight(operation.OperationID, "0123456789")
			all = append(all, describedRoute{operation.Tags[0] + "." + name, strings.ToUpper(verb) + " " + path})
		}
	}
	return all
}
