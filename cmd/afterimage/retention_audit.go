package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/audit"
)

type retentionAuditCmd struct {
	Day    string `placeholder:"D" help:"Of this day alone: 2026-11-22, or an age such as 3d." xor:"range"`
	Since  string `placeholder:"D" help:"From this day on (default: the first that is on record)." xor:"range"`
	Until  string `placeholder:"D" help:"Up to this day, which is not part of it (default: now)."`
	Record bool   `help:"Print a record of processing activities as of the end instead, in the form of GDPR Art. 30(1)."`
	Output string `short:"o" enum:"table,json,html" default:"table" help:"How to print: table, for people, json, for programs, or html, with charts, to be kept and printed."`
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (retentionAuditCmd) Help() string {
	return `Answers from the events of the ledger alone, so that every figure can be checked against the log;
docs/audit.md says how. Days are in UTC.

    afterimage retention audit --day 2026-11-22
    afterimage retention audit --since 2026-01-01 --until 2027-01-01 -o html > audit.html
    afterimage retention audit --since 30d -o json
    afterimage retention audit --record > record.md
    afterimage retention audit --record -o html > record.html`
}

// Run asks the store, and prints what it says.
func (c *retentionAuditCmd) Run(ctx context.Context, s streams) error {
	r, err := c.request(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	a, err := store.Audit(ctx, r)
	if err != nil {
		return c.explain(err)
	}
	return c.print(s.out, a)
}

// request is what is asked for. Ages are rounded down to whole days.
func (c *retentionAuditCmd) request(now time.Time) (*pb.AuditRetentionRequest, error) {
	if c.Record && c.Output == "json" {
		return nil, usage("--record is for people: print it as table or html; -o json without it has all that it says")
	}
	if c.Day != "" && c.Until != "" {
		return nil, usage("--day and --until: a day has its own end")
	}
	r := &pb.AuditRetentionRequest{Tenant: c.Tenant}
	since, until, err := parseTimes(c.Day+c.Since, c.Until, now)
	if err != nil {
		return nil, err
	}
	if since = since.UTC().Truncate(24 * time.Hour); !since.IsZero() {
		r.Since = timestamppb.New(since)
	}
	if until = until.UTC().Truncate(24 * time.Hour); !until.IsZero() {
		r.Until = timestamppb.New(until)
	}
	if c.Day != "" {
		r.Until = timestamppb.New(since.AddDate(0, 0, 1))
	}
	return r, nil
}

func (c *retentionAuditCmd) print(out io.Writer, a *pb.RetentionAudit) error {
	switch {
	case c.Output == "json":
		text, err := compactJSON(a)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", text)
		return err
	case c.Record && c.Output == "html":
		return audit.WriteRecord(out, a)
	case c.Record:
		return audit.WriteRecordText(out, a)
	case c.Output == "html":
		return audit.WriteHTML(out, a)
	default:
		return audit.WriteText(out, a)
	}
}
