package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// neighbours lists the sessions beside the one.
func (c *replayCmd) neighbours(ctx context.Context, store *client.Client, s streams) error {
	beside, err := store.Neighbours(ctx, event.Tenant(c.Tenant), c.Session, 0)
	if err != nil {
		return c.missing(err)
	}
	out := bufio.NewWriter(s.out)
	if c.json() {
		text, err := compactJSON(beside)
		if err != nil {
			return err
		}
		_, err = out.Write(append(text, '\n'))
		return errors.Join(err, out.Flush())
	}
	style := styleFor(s.out)
	printNeighbours(out, style, "of the same user", beside.GetSameSubject(), beside.GetSubjectRest())
	fmt.Fprintln(out)
	printNeighbours(out, style, "with the same prompt, first or last", beside.GetSamePrompt(), beside.GetPromptRest())
	return out.Flush()
}

const neighbourHeader = "FROM                 TO                   EVENTS  TURNS  FLAGGED  REPORTS  USER                       SESSION"

func printNeighbours(out io.Writer, s style, what string, all []*pb.Neighbour, rest *pb.ListNeighboursResponse_Rest) {
	count := fmt.Sprintf("%d sessions", len(all))
	switch len(all) {
	case 0:
		count = "no session"
	case 1:
		count = "1 session"
	}
	fmt.Fprintln(out, s.paint(bold, count+" "+what))
	if len(all) > 0 {
		fmt.Fprintln(out, s.paint(bold, neighbourHeader))
	}
	for _, n := range all {
		fmt.Fprintf(out, "%s  %s  %6d  %5d  %7d  %7d  %s  %s\n",
			n.GetStart().AsTime().Format(time.DateTime), n.GetEnd().AsTime().Format(time.DateTime),
			n.GetEvents(), n.GetInteractions(), n.GetFlagged(), n.GetReports(),
			s.content("", pad(n.GetUser(), 25)), oneLine(n.GetSession(), 256)) // never cut: it goes into replay
	}
	if rest.GetCut() {
		fmt.Fprintln(out, s.paint(dim, "there may be more: nothing before "+rest.GetBefore().AsTime().Format(time.DateTime)+" was looked at"))
	}
}
