package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/afterimage/afterimage/redaction"
)

type redactTypesCmd struct{ format }

// Help implements kong's HelpProvider.
func (redactTypesCmd) Help() string {
	return `Lists the default detectors: the type that stands in replacements, name and version as they stand in
the record of an event, the country if it has one, what must be there beside the form, and what is done
where the policy says nothing. With -o json a detector a line.

    afterimage redact types | grep -w DE`
}

// Run prints the list.
func (c *redactTypesCmd) Run(_ context.Context, s streams) error {
	out := bufio.NewWriter(s.out)
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if !c.json() {
		fmt.Fprintln(tw, "type\tdetector\tcountry\tneeds\toperator\tsource")
	}
	for _, d := range redaction.Describe() {
		if c.json() {
			if err := json.NewEncoder(out).Encode(d); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(tw, "%s\t%s v%d\t%s\t%s\t%s\t%s\n", d.Type, d.Detector, d.Version, d.Country, d.Needs, d.Operator, d.Source)
	}
	tw.Flush()
	return out.Flush()
}
