package main

import (
	"encoding/json"
	"fmt"

	"github.com/afterimage/afterimage/policy"
)

type policyDiffCmd struct {
	Old string `arg:"" help:"The document before; - for standard input."`
	New string `arg:"" help:"The document after; - for standard input."`
	format
}

// Help implements kong's HelpProvider.
func (policyDiffCmd) Help() string {
	return `Says what the new document says otherwise: classes, rules, overrides, sampling, redaction and
reasons, by what they mean. Comments, layout and the spelling of conditions make no difference. Needs no server.
Exit code 0 whether there is a difference or not; 1 if one of them is no policy.

    afterimage policy show | afterimage policy diff - policy.yaml`
}

// Run prints the differences.
func (c *policyDiffCmd) Run(s streams) error {
	if c.Old == "-" && c.New == "-" {
		return usage("only one of the documents can come from standard input")
	}
	old, err := parsePolicy(c.Old, c.json(), s)
	if err != nil {
		return err
	}
	next, err := parsePolicy(c.New, c.json(), s)
	if err != nil {
		return err
	}
	changes := policy.Diff(old, next)
	if c.json() {
		return json.NewEncoder(s.out).Encode(map[string]any{"old": old.Version(), "new": next.Version(), "changes": tellChanges(changes)})
	}
	if len(changes) == 0 {
		fmt.Fprintf(s.out, "%s and %s say the same\n", c.Old, c.New)
	}
	for _, change := range changes {
		fmt.Fprintln(s.out, changeLine(change))
	}
	return nil
}

// A changeTold is a change as scripts are told.
type changeTold struct {
	What string `json:"what"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

func tellChanges(changes []policy.Change) []changeTold {
	told := make([]changeTold, len(changes))
	for i, c := range changes {
		told[i] = changeTold(c)
	}
	return told
}

// changeLine is a change as people are told: + what is new, - what is gone, ~ what
// is otherwise.
func changeLine(c policy.Change) string {
	const columns = 400
	switch before, after := oneLine(c.Old, columns), oneLine(c.New, columns); {
	case c.Old == "":
		return fmt.Sprintf("+ %s: %s", c.What, after)
	case c.New == "":
		return fmt.Sprintf("- %s: %s", c.What, before)
	default:
		return fmt.Sprintf("~ %s: %s -> %s", c.What, before, after)
	}
}
