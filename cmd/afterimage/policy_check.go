package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
)

type policyCheckCmd struct {
	File   string `arg:"" help:"The document; - for standard input."`
	Tenant string `placeholder:"NAME" help:"Show the classes as they are for this tenant."`
	Strict bool   `help:"Exit with code 1 if there are warnings."`
	format
}

// Help implements kong's HelpProvider.
func (policyCheckCmd) Help() string {
	return `Checks syntax, classes, overrides, the conditions of the rules and what is said of redaction, and
names line and column of whatever is wrong. Warns of what is allowed and hardly meant: a rule that no event reaches, a
class that promises nothing, a review that is overdue. Needs no server, asks no analyser, and so does not know what the
policy in force promises (min): that is checked when it is put in force. Exit code 1 if something is wrong.

    afterimage policy check policy.yaml
    afterimage policy check policy.yaml --tenant clinic    its classes, with the overrides for it
    afterimage policy template gdpr > policy.yaml          something to start from`
}

// Run checks the document.
func (c *policyCheckCmd) Run(s streams) error {
	var tenant event.Tenant
	if c.Tenant != "" {
		var err error
		if tenant, err = event.ParseTenant(c.Tenant); err != nil {
			return usage("--%w", err)
		}
	}
	doc, err := parsePolicy(c.File, c.json(), s)
	if err != nil {
		return err
	}
	warnings := places(doc.Warnings(time.Now()))
	if err := c.tell(s, doc, tenant, warnings); err != nil {
		return err
	}
	if c.Strict && len(warnings) > 0 {
		return fmt.Errorf("%s has %s, and --strict allows none", c.File, count(len(warnings), "warning"))
	}
	return nil
}

// tell prints what the document comes to.
func (c *policyCheckCmd) tell(s streams, doc *policy.Document, tenant event.Tenant, warnings []problem) error {
	told := tellRedaction(doc.Redaction())
	if c.json() {
		answer := map[string]any{"valid": true, "version": doc.Version(), "redaction": told, "warnings": warnings}
		if tenant != "" {
			answer["tenant"], answer["classes"] = tenant, tellClasses(doc.For(tenant).Classes())
		}
		return json.NewEncoder(s.out).Encode(answer)
	}
	printPlaces(s.err, c.File, "warning: ", warnings)
	fmt.Fprintf(s.out, "%s is valid: version %s, %d classes\n", c.File, doc.Version(), len(doc.Classes()))
	if tenant != "" {
		if err := printClasses(s.out, tellClasses(doc.For(tenant).Classes())); err != nil {
			return err
		}
	}
	told.print(s.out)
	return nil
}

// A problem is something at a place of a document.
type problem struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Reason string `json:"reason"`
}

func places(warnings []policy.Warning) []problem {
	list := make([]problem, len(warnings))
	for i, w := range warnings {
		list[i] = problem(w)
	}
	return list
}

// printPlaces prints each as an editor understands it: file:line:column.
func printPlaces(out io.Writer, file, what string, list []problem) {
	for _, p := range list {
		fmt.Fprintf(out, "%s:%d:%d: %s%s\n", file, p.Line, p.Column, what, visible(p.Reason))
	}
}

// parsePolicy reads a policy from a file and prints every problem that it has: as
// JSON to the output, or else each on a line of its own.
func parsePolicy(file string, asJSON bool, s streams) (*policy.Document, error) {
	source, err := readDocument(file, s.in)
	if err != nil {
		return nil, err
	}
	doc, err := policy.Parse(source)
	problems, ok := errors.AsType[policy.Errors](err)
	if !ok && err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if err == nil {
		return doc, nil
	}
	list := make([]problem, len(problems))
	for i, p := range problems {
		list[i] = problem(*p)
	}
	if !asJSON {
		printPlaces(s.err, file, "", list)
	} else if err := json.NewEncoder(s.out).Encode(map[string]any{"valid": false, "problems": list}); err != nil {
		return nil, err
	}
	return nil, fmt.Errorf("%s is not a valid policy: %s", file, count(len(list), "problem"))
}

// count is so many of something.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// A classTold is a class as people and scripts are told. Durations are as a policy
// writes them; an empty min promises nothing.
type classTold struct {
	Name       string `json:"name"`
	Keep       string `json:"keep"`
	Min        string `json:"min,omitempty"`
	Purpose    string `json:"purpose,omitempty"`
	LegalBasis string `json:"legalBasis,omitempty"`
}

func tellClasses(classes []policy.Class) []classTold {
	told := make([]classTold, len(classes))
	for i, c := range classes {
		told[i] = classTold{Name: c.Name, Keep: policy.Span(c.Keep), Purpose: c.Purpose, LegalBasis: c.LegalBasis}
		if c.Min > 0 {
			told[i].Min = policy.Span(c.Min)
		}
	}
	return told
}

func printClasses(out io.Writer, classes []classTold) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CLASS\tKEEP\tMIN\tPURPOSE\tLEGAL BASIS")
	for _, c := range classes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Name, c.Keep, c.Min, oneLine(c.Purpose, 40), oneLine(c.LegalBasis, 40))
	}
	return w.Flush()
}
