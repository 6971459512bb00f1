package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// printRows prints a table whose first row says what is in its columns.
func printRows(out io.Writer, rows [][]string) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// printDays prints a line that says what happens to events, and their classes and
// days; nothing where there are none.
func printDays(out io.Writer, what string, days []*pb.ClassDay) error {
	if sumDays(days) == 0 {
		return nil
	}
	fmt.Fprintln(out, what)
	rows := [][]string{{"  CLASS", "DAY", "EVENTS"}}
	for _, d := range days {
		rows = append(rows, []string{"  " + visible(d.GetClass()), dayOf(d.GetDay()), fmt.Sprint(d.GetEvents())})
	}
	return printRows(out, rows)
}

// sumDays is how many events there are of all classes and days.
func sumDays(days []*pb.ClassDay) (n uint64) {
	for _, d := range days {
		n += d.GetEvents()
	}
	return n
}

func dayOf(t *timestamppb.Timestamp) string { return t.AsTime().Format(time.DateOnly) }

func dayKey(d *pb.ClassDay) string { return d.GetClass() + " " + dayOf(d.GetDay()) }

// stampOf is a time, or what stands for none.
func stampOf(t *timestamppb.Timestamp, none string) string {
	if t == nil {
		return none
	}
	return t.AsTime().Format(time.RFC3339)
}

// numbered is a number of things, with their name in the singular or plural.
func numbered(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// warnRetention says loudly what keeps the store from expiring and what is overdue.
// Whoever looks at holds is to see it too: that nothing goes is not their doing.
func warnRetention(ctx context.Context, f storeFlag, store *client.Client, out io.Writer) error {
	state, err := store.Retention(ctx)
	if err != nil {
		return f.explain(err)
	}
	return printWarnings(out, state)
}

func printWarnings(out io.Writer, state *pb.RetentionState) error {
	style := styleFor(out)
	if state.GetStopped() != "" {
		if _, err := fmt.Fprintf(out, "%s nothing expires: %s\n", style.paint(bold+";"+red, "STOPPED:"), visible(state.GetStopped())); err != nil {
			return err
		}
	}
	for _, w := range state.GetWarnings() {
		if _, err := fmt.Fprintf(out, "%s %s\n", style.paint(bold+";"+yellow, "WARNING:"), visible(w)); err != nil {
			return err
		}
	}
	return nil
}
