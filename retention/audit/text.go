package audit

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// WriteText writes an audit as tables, for people.
func WriteText(w io.Writer, a *pb.RetentionAudit) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Retention audit of %s\n\n", text(a.GetTenant()))
	for _, line := range head(a) {
		fmt.Fprintln(&b, text(line))
	}
	writeList(&b, "What does not add up", a.GetFindings())
	for _, t := range Tables(a) {
		writeTable(&b, t)
	}
	writeList(&b, "What this audit does not know", a.GetLimits())
	_, err := io.WriteString(w, b.String())
	return err
}

// head is what an audit is of, in words.
func head(a *pb.RetentionAudit) []string {
	lines := []string{
		fmt.Sprintf("From %s to %s (UTC), the end not included.", moment(a.GetSince()), moment(a.GetUntil())),
		fmt.Sprintf("Ledger events that say this: %d, among the first %d positions of the log. Nothing else was looked at.", a.GetLedgerEvents(), a.GetThrough()),
	}
	if n := len(a.GetUncounted()); n > 0 {
		positions := uint64(0)
		for _, r := range a.GetUncounted() {
			positions += r.GetLast() - r.GetFirst() + 1
		}
		lines = append(lines, fmt.Sprintf("Positions that are in no count yet: %d, the first being %d. Evidence that was appended there is not among these figures.",
			positions, a.GetUncounted()[0].GetFirst()))
	}
	return lines
}

func writeList(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "  - %s\n", text(line))
	}
}

func writeTable(b *strings.Builder, t Table) {
	fmt.Fprintf(b, "\n%s\n", t.Title)
	if len(t.Rows) == 0 {
		fmt.Fprintf(b, "  %s\n", t.Empty)
		return
	}
	if t.Note != "" {
		fmt.Fprintf(b, "  %s\n", t.Note)
	}
	names := make([]string, len(t.Columns))
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	rows := append([][]string{names}, t.Rows...)
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if line.WriteString("  "); t.Columns[i].Number {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		fmt.Fprintln(b, strings.TrimRight(line.String(), " "))
	}
}
