package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/speakeasy-api/openapi/openapi"
	"github.com/speakeasy-api/openapi/references"
	"github.com/speakeasy-api/openapi/sequencedmap"
	"github.com/speakeasy-api/openapi/swagger"
	"github.com/speakeasy-api/openapi/yml"
	"gopkg.in/yaml.v3"
)

// version is what the document says it is: 3.0, since it says all that the API
// has and is what the most programs read.
const version = "3.0.3"

// The media types of answers and of streams of them.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// convert writes to out the description in the Swagger 2.0 file from, with the
// examples and the routes in two files of YAML, where these are named.
func convert(ctx context.Context, from, examples, routes, out string) error {
	m := maker{shared: sequencedmap.New[string, *openapi.ReferencedResponse]()}
	if err := m.read(examples); err != nil {
		return err
	}
	doc, err := upgrade(ctx, from)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := m.finish(doc); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	if err := add(ctx, doc, routes); err != nil {
		return fmt.Errorf("%s: %w", routes, err)
	}
	if err := openapi.Clean(ctx, doc); err != nil {
		return err
	}
	var b bytes.Buffer
	if err := openapi.Marshal(asJSON(ctx), doc, &b); err != nil {
		return err
	}
	return os.WriteFile(out, append(bytes.TrimSpace(b.Bytes()), '\n'), 0o644) //nolint:gosec // A description is for all to read.
}

func asJSON(ctx context.Context) context.Context {
	config := *yml.GetDefaultConfig()
	config.OutputFormat, config.OriginalFormat = yml.OutputFormatJSON, yml.OutputFormatJSON
	return yml.ContextWithConfig(ctx, &config)
}

// upgrade reads Swagger 2.0 as OpenAPI 3.
func upgrade(ctx context.Context, from string) (*openapi.OpenAPI, error) {
	f, err := os.Open(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	old, invalid, err := swagger.Unmarshal(ctx, f)
	if err := errors.Join(append(invalid, err)...); err != nil {
		return nil, err
	}
	return swagger.Upgrade(ctx, old)
}

// A maker adds to a description what Swagger 2.0 cannot say.
type maker struct {
	examples map[string]yaml.Node // by operation; those that were used are taken out
	shared   *sequencedmap.Map[string, *openapi.ReferencedResponse]
}

func (m *maker) read(examples string) error {
	if examples == "" {
		return nil
	}
	text, err := os.ReadFile(examples)
	if err != nil {
		return err
	}
	return yaml.Unmarshal(text, &m.examples)
}

func (m *maker) finish(doc *openapi.OpenAPI) error {
	doc.OpenAPI = version
	doc.Servers = []*openapi.Server{{URL: "/", Description: new("The store that serves this description.")}}
	// Nobody is asked who they are: to say nothing would leave it open.
	doc.Security = []*openapi.SecurityRequirement{openapi.NewSecurityRequirement()}
	doc.Components.Responses = m.shared
	for _, path := range doc.Paths.All() {
		for _, operation := range path.Object.All() {
			require(doc, operation)
			if err := m.operation(operation); err != nil {
				return fmt.Errorf("%s: %w", operation.GetOperationID(), err)
			}
		}
	}
	for name := range m.examples {
		return fmt.Errorf("there is an example for %s, which takes no body", name)
	}
	return nil
}

func (m *maker) operation(o *openapi.Operation) error {
	summarize(o)
	if o.RequestBody != nil {
		m.example(o)
	}
	for code, response := range o.Responses.All() {
		if code == "200" {
			stream(response.Object)
		} else if err := m.share(code, response); err != nil {
			return err
		}
	}
	return m.share("default", o.Responses.Default)
}

// summarize makes the first sentence of a comment the summary.
func summarize(o *openapi.Operation) {
	all := strings.TrimSpace(o.GetSummary() + "\n\n" + o.GetDescription())
	first, _, _ := strings.Cut(strings.Join(strings.Fields(all), " "), ". ")
	o.Summary, o.Description = new(strings.TrimSuffix(first, ".")), &all
}

// require takes a comment at its word that says "Required.": of parameters, and of
// fields of a body.
func require(doc *openapi.OpenAPI, o *openapi.Operation) {
	for _, p := range o.Parameters {
		if required(p.Object.GetDescription()) {
			p.Object.Required = new(true)
		}
	}
	if o.RequestBody == nil {
		return
	}
	for _, media := range o.RequestBody.Object.Content.All() {
		reference := media.Schema.GetReference()
		body, ok := doc.Components.Schemas.Get(string(reference[strings.LastIndexByte(string(reference), '/')+1:]))
		if !ok {
			continue
		}
		schema := body.GetSchema()
		for name, property := range schema.Properties.All() {
			if required(property.GetSchema().GetDescription()) && !slices.Contains(schema.Required, name) {
				schema.Required = append(schema.Required, name)
			}
		}
	}
}

func required(comment string) bool { return slices.Contains(strings.Fields(comment), "Required.") }

// example shows a body with a request that has one.
func (m *maker) example(o *openapi.Operation) {
	// The second binding of a method has a number behind its name.
	name := strings.TrimRight(o.GetOperationID(), "0123456789")
	node, ok := m.examples[name]
	if !ok {
		return
	}
	delete(m.examples, name)
	for _, media := range o.RequestBody.Object.Content.All() {
		media.Example = &node
	}
}

// stream says of an answer in many messages what it comes as.
func stream(r *openapi.Response) {
	description, streams := strings.CutSuffix(r.Description, "(streaming responses)")
	if !streams {
		return
	}
	r.Description = strings.TrimSuffix(description, ".") + ": a line for each message, as they come."
	media, _ := r.Content.Get(typeJSON)
	r.Content = sequencedmap.New(sequencedmap.NewElem(typeNDJSON, media))
}

// share moves what an operation says of an error to the components: a code
// means the same wherever it comes.
func (m *maker) share(code string, r *openapi.ReferencedResponse) error {
	name := "Error"
	if n, err := strconv.Atoi(code); err == nil {
		name = strings.ReplaceAll(http.StatusText(n), " ", "")
	}
	if known, ok := m.shared.Get(name); !ok {
		m.shared.Set(name, openapi.NewReferencedResponseFromResponse(r.Object))
	} else if known.Object.Description != r.Object.Description {
		return fmt.Errorf("code %s: %q here, and %q elsewhere", code, r.Object.Description, known.Object.Description)
	}
	r.Object, r.Reference = nil, new(references.Reference("#/components/responses/"+name))
	return nil
}

// add adds the paths and tags of a description in a file.
func add(ctx context.Context, doc *openapi.OpenAPI, file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	// Its references lead into doc, so that it is not valid alone.
	more, _, err := openapi.Unmarshal(ctx, bytes.NewReader(text), openapi.WithSkipValidation())
	if err != nil {
		return err
	}
	for path, item := range more.Paths.All() {
		if doc.Paths.Has(path) {
			return fmt.Errorf("%s is a route of a service", path)
		}
		doc.Paths.Set(path, item)
	}
	doc.Tags = append(doc.Tags, more.Tags...)
	return nil
}
