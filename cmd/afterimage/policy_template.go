package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/afterimage/afterimage/policy"
)

type policyTemplateCmd struct {
	Name string `arg:"" optional:"" help:"Which one; without, they are listed."`
	format
}

// Help implements kong's HelpProvider.
func (policyTemplateCmd) Help() string {
	return `Prints a policy to start from, with where its numbers come from in comments. Who reviewed it and when
it is reviewed again is yours to fill in.

    afterimage policy template
    afterimage policy template gdpr > policy.yaml`
}

// A templateTold is a template as scripts are told.
type templateTold struct {
	Name    string `json:"name"`
	Summary string `json:"summary"`
	Source  string `json:"source"`
}

// Run prints the template, or which there are.
func (c *policyTemplateCmd) Run(s streams) error {
	templates := policy.Templates()
	if c.Name == "" {
		return c.list(s.out, templates)
	}
	i := slices.IndexFunc(templates, func(t policy.Template) bool { return t.Name == c.Name })
	if i < 0 {
		names := make([]string, len(templates))
		for i, t := range templates {
			names[i] = t.Name
		}
		return usage("there is no template %s: want %s", oneLine(c.Name, 64), strings.Join(names, ", "))
	}
	if c.json() {
		return json.NewEncoder(s.out).Encode(templateTold(templates[i]))
	}
	_, err := io.WriteString(s.out, templates[i].Source)
	return err
}

func (c *policyTemplateCmd) list(out io.Writer, templates []policy.Template) error {
	if c.json() {
		told := make([]templateTold, len(templates))
		for i, t := range templates {
			told[i] = templateTold(t)
		}
		return json.NewEncoder(out).Encode(told)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, t := range templates {
		fmt.Fprintf(w, "%s\t%s\n", t.Name, t.Summary)
	}
	return w.Flush()
}
