package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type quarantineCmd struct {
	List quarantineListCmd `cmd:"" default:"withargs" help:"List what could not be stored as it came, without its content."`
	Show quarantineShowCmd `cmd:"" help:"Print one entry with its content, unredacted."`
}

type quarantineListCmd struct {
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (quarantineListCmd) Help() string {
	return `Lists messages that were refused, with the reason. Messages whose tenant could not be told
are under the tenant _system.

    afterimage quarantine list
    afterimage quarantine list --tenant _system -o json      an entry a line`
}

// Run lists all entries.
func (c *quarantineListCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	out := bufio.NewWriter(s.out)
	n := 0
	for q, err := range store.Quarantine(ctx, event.Tenant(c.Tenant)) {
		if err != nil {
			return c.explain(err)
		}
		n++
		if err := c.print(out, q, n); err != nil {
			return err
		}
	}
	if n == 0 && !c.json() {
		fmt.Fprintln(out, "nothing is quarantined")
	}
	return out.Flush()
}

func (c *quarantineListCmd) print(out io.Writer, q *pb.Quarantined, n int) error {
	if c.json() {
		text, err := compactJSON(q)
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return err
	}
	if n == 1 {
		fmt.Fprintln(out, "ID                                TIME                 CAUSE      BYTES     REASON")
	}
	_, err := fmt.Fprintf(out, "%s  %s  %s  %s  %s\n", widen(oneLine(q.GetId(), 256), 32), q.GetTime().AsTime().Format(time.DateTime),
		pad(q.GetCause().String(), 9), pad(fmt.Sprint(q.GetSize()), 8), oneLine(q.GetReason(), 200))
	return err
}

type quarantineShowCmd struct {
	ID  string `arg:"" help:"The entry's id, from the list."`
	Raw bool   `help:"Print only the payload, byte for byte (not to a terminal)."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (quarantineShowCmd) Help() string {
	return `Prints one refused message. Its content was never redacted: look at it only if you must.

    afterimage quarantine show 3f9a0c52d1e84b7760ac1d9e5b2f8840
    afterimage quarantine show 3f9a0c52d1e84b7760ac1d9e5b2f8840 --raw > message.bin`
}

// Run prints the entry.
func (c *quarantineShowCmd) Run(ctx context.Context, s streams) error {
	if _, ok := terminal(s.out); ok && c.Raw {
		return usage("--raw writes bytes that may take over your terminal: send them to a file")
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	q, err := store.Quarantined(ctx, event.Tenant(c.Tenant), c.ID)
	if err != nil {
		return c.explain(err)
	}
	switch {
	case c.Raw:
		_, err = s.out.Write(q.GetPayload())
	case c.json():
		var text []byte
		if text, err = compactJSON(q); err == nil {
			_, err = s.out.Write(append(text, '\n'))
		}
	default:
		_, err = fmt.Fprintf(s.out, "id        %s\ntime      %s\ncause     %s\nreason    %s\nsubject   %s\ntype      %s %s\nbytes     %d\npayload   %s\n",
			visible(q.GetId()), q.GetTime().AsTime().Format(time.RFC3339), q.GetCause(), visible(q.GetReason()), visible(q.GetSubject()),
			visible(q.GetContentType()), visible(q.GetContentEncoding()), q.GetSize(), visible(string(q.GetPayload())))
	}
	return err
}
