package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type redactStoredCmd struct {
	Filter string   `placeholder:"CEL" help:"Only events that match, as in afterimage search."`
	Since  string   `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until  string   `placeholder:"T" help:"Only events before this."`
	Seq    []uint64 `placeholder:"SEQ" help:"Only the events at these positions; instead of the three above."`
	Apply  bool     `help:"Do it. Without this nothing is changed."`
	Actor  string   `placeholder:"WHO" help:"With --apply: who has it done; a role or an account, no personal data."`
	Reason string   `placeholder:"WHY" help:"With --apply: what for; a ticket, a decision, no personal data."`
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook: a rewrite is on record with who and why.
func (c *redactStoredCmd) Validate() error {
	switch {
	case c.Apply && (c.Actor == "" || c.Reason == ""):
		return errors.New("--apply needs --actor and --reason: both go on record, and stay")
	case !c.Apply && (c.Actor != "" || c.Reason != ""):
		return errors.New("--actor and --reason are for --apply: without it nothing is changed")
	case len(c.Seq) > 0 && (c.Filter != "" || c.Since != "" || c.Until != ""):
		return errors.New("--seq names the events: leave --filter, --since and --until out")
	}
	return nil
}

// Help implements kong's HelpProvider.
func (redactStoredCmd) Help() string {
	return `Runs the redaction of the policy in force over events that are stored already, and prints what it
would replace. With --apply it does: the events get their new content, the ledger says who had it
done and why, the log still verifies, and what the events were is gone, here and in every older
copy of the data. Redacted already is not redacted again, so that after an error, or an
interruption, the same command goes on.

    afterimage redact stored
    afterimage redact stored --filter 'session == "c-17"' --since 30d
    afterimage redact stored --apply --actor privacy-office --reason "ticket 4711: new detectors"
    afterimage backup /mnt/backups

A backup is due afterwards: restoring an older one forgets the events that were redacted since.`
}

// Run asks the store, and prints what it says.
func (c *redactStoredCmd) Run(ctx context.Context, s streams) error {
	r, err := c.request(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	bar := newProgress(s.err, "looked at", "events")
	if c.Apply {
		bar = newProgress(s.err, "redacted", "blocks")
	}
	defer bar.stop()
	summary, err := c.call(ctx, store, r, bar)
	bar.stop()
	if err != nil {
		return err
	}
	if err := c.print(s.out, summary); err != nil {
		return err
	}
	if n := summary.GetFailed(); n > 0 {
		return fmt.Errorf("%d of %d events could not be redacted and are as they were: mend what is said of them, and run it again", n, summary.GetLooked())
	}
	return nil
}

func (c *redactStoredCmd) request(now time.Time) (*pb.RedactEventsRequest, error) {
	r := &pb.RedactEventsRequest{Tenant: c.Tenant, Filter: c.Filter, Seqs: c.Seq, DryRun: new(!c.Apply), Actor: c.Actor, Reason: c.Reason}
	var err error
	r.Since, r.Until, err = parseStamps(c.Since, c.Until, now)
	return r, err
}

// call waits for the summary.
func (c *redactStoredCmd) call(ctx context.Context, store *client.Client, r *pb.RedactEventsRequest, bar *progress) (*pb.RedactionSummary, error) {
	for m, err := range store.Redact(ctx, r) {
		if err != nil {
			return nil, c.interrupted(c.explain(err))
		}
		if m.GetSummary() != nil {
			return m.GetSummary(), nil
		}
		bar.setNote(m.GetDone(), m.GetTotal(), m.GetStep())
	}
	return nil, errors.New("the store ended without saying what it did: run it again")
}

// interrupted says of a rewrite that ended early how to go on.
func (c *redactStoredCmd) interrupted(err error) error {
	if c.Apply && errors.Is(err, context.Canceled) {
		return errors.New("interrupted: what was redacted so far is on record, and the same command goes on")
	}
	return err
}

func (c *redactStoredCmd) print(out io.Writer, m *pb.RedactionSummary) error {
	if c.json() {
		text, err := compactJSON(m)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(out, "%s\n", text)
		return err
	}
	if err := printFindings(out, m); err != nil {
		return err
	}
	for _, f := range m.GetFailures() {
		fmt.Fprintf(out, "seq %d was not redacted: %s\n", f.GetSeq(), visible(f.GetReason()))
	}
	if n := m.GetFailed() - uint64(len(m.GetFailures())); n > 0 {
		fmt.Fprintf(out, "… and %d more were not redacted\n", n)
	}
	if n := m.GetHeld(); n > 0 {
		fmt.Fprintf(out, "%s held and not looked at: afterimage hold list names the holds; redact again when they are released\n", numbered(n, "event is", "events are"))
	}
	if c.Apply {
		return c.done(out, m)
	}
	return c.next(out, m)
}

// printFindings prints what was found, as a table.
func printFindings(out io.Writer, m *pb.RedactionSummary) error {
	tw := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	if len(m.GetFindings()) > 0 {
		fmt.Fprintln(tw, "type\tdetector\toperator\tevents\tfound")
	}
	for _, f := range m.GetFindings() {
		operator := strings.ToLower(f.GetOperator().String())
		fmt.Fprintf(tw, "%s\t%s v%d\t%s\t%d\t%d\n", visible(f.GetType()), visible(f.GetDetector()), f.GetVersion(), operator, f.GetEvents(), f.GetCount())
	}
	if n := m.GetDropped(); n > 0 {
		fmt.Fprintf(tw, "all text\tcontent: drop\tdrop\t%d\t\n", n)
	}
	return tw.Flush()
}

// next prints what a dry run found and what to run next.
func (c *redactStoredCmd) next(out io.Writer, m *pb.RedactionSummary) error {
	if m.GetChanged() == 0 {
		_, err := fmt.Fprintf(out, "looked at %d events with text: none would change by policy %s\n", m.GetLooked(), visible(m.GetPolicyVersion()))
		return err
	}
	fmt.Fprintf(out, "looked at %d events with text: %d would change by policy %s, such as %s\nnothing was changed; to do it:\n",
		m.GetLooked(), m.GetChanged(), visible(m.GetPolicyVersion()), someSeqs(m.GetSeqs()))
	_, err := fmt.Fprintf(out, "  %s --apply --actor WHO --reason WHY\n", visible(c.command()))
	return err
}

// done prints what was done, and what follows from it.
func (c *redactStoredCmd) done(out io.Writer, m *pb.RedactionSummary) error {
	if m.GetChanged() == 0 {
		_, err := fmt.Fprintf(out, "looked at %d events with text: nothing had to change, and nothing did\n", m.GetLooked())
		return err
	}
	style := styleFor(out)
	fmt.Fprintf(out, "%s %d of %d events with text, such as %s; on record at %s\n", style.paint(bold+";"+green, "redacted"),
		m.GetChanged(), m.GetLooked(), someSeqs(m.GetSeqs()), someSeqs(m.GetLedger()))
	fmt.Fprintln(out, "what they were is gone: no older copy of the data opens with the keys of now")
	_, err := fmt.Fprintf(out, "%s a new backup is due: an older one still has the events as they were, to whoever holds it and the\nkey-encryption key, and restoring it forgets them; make one with afterimage backup, and delete the older\n", style.paint(bold+";"+yellow, "BACKUP:"))
	return err
}

// someSeqs names the first few positions.
func someSeqs(seqs []uint64) string {
	const few = 5
	var words []string
	for _, seq := range seqs[:min(len(seqs), few)] {
		words = append(words, fmt.Sprint(seq))
	}
	text := "seq " + strings.Join(words, ", ")
	if len(seqs) > few {
		text += ", …"
	}
	return text
}

// command is the command as it was given, with arguments quoted for a shell.
func (c *redactStoredCmd) command() string {
	words := []string{"afterimage redact stored"}
	for _, f := range []struct{ flag, value string }{{"--filter", c.Filter}, {"--since", c.Since}, {"--until", c.Until}} {
		if f.value != "" {
			words = append(words, f.flag, quoted(f.value))
		}
	}
	for _, seq := range c.Seq {
		words = append(words, fmt.Sprintf("--seq %d", seq))
	}
	if c.Tenant != "default" {
		words = append(words, "--tenant", quoted(c.Tenant))
	}
	return strings.Join(words, " ")
}

// quoted puts a word in single quotes, as a shell takes them.
func quoted(word string) string {
	if !slices.ContainsFunc([]rune(word), func(r rune) bool { return !strings.ContainsRune("-_.:/=", r) && !isPlain(r) }) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func isPlain(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
}
