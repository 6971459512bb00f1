package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"github.com/afterimage/afterimage/redaction/cases"
)

type redactBenchCmd struct {
	Cases  []string `arg:"" placeholder:"CASES" help:"Files of labelled cases, one JSON object a line, also gzip or zstd."`
	Misses bool     `help:"Print each miss and each false alarm, too, with its text."`
	format
}

// Help implements kong's HelpProvider.
func (redactBenchCmd) Help() string {
	return `Runs the default detectors over labelled cases and prints recall (an expected span is covered by a
reported one of its entity or category), exactness (with both ends) and precision, by entity, tier
and source, and by group. The country of a case is its only region.

    afterimage redact bench detect.jsonl.gz validate.jsonl.gz document.jsonl.gz

A case is {"id","source","entity","text","spans":[{"start","end","type"}],"expect":"match"|"no_match",
"locale","tier"}, spans in bytes; docs/redaction.md says more. Cases whose whole text is a value to judge
have "task":"validate", or stand in a file with "validate" in its name.`
}

// Run scores all files as one set.
func (c *redactBenchCmd) Run(ctx context.Context, s streams) error {
	if c.Misses && c.json() {
		return usage("--misses is for people: give it without -o json")
	}
	var all []cases.Case
	for _, name := range c.Cases {
		some, err := cases.Read(name)
		if err != nil {
			return usage("%w", err)
		}
		if len(some) == 0 {
			return usage("%s has no cases", name)
		}
		all = append(all, some...)
	}
	report, err := cases.Score(ctx, all)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	if c.json() {
		if err := json.NewEncoder(out).Encode(report.Summary()); err != nil {
			return err
		}
		return out.Flush()
	}
	if c.Misses {
		for _, m := range report.Misses {
			fmt.Fprintln(out, m)
		}
		fmt.Fprintln(out)
	}
	report.Print(out)
	return out.Flush()
}
