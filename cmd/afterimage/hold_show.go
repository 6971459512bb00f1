package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type holdShowCmd struct {
	Hold string `arg:"" help:"The hold's id, from afterimage hold list."`
	format
	storeFlag
	tenantFlag
}

// Help implements kong's HelpProvider.
func (holdShowCmd) Help() string {
	return `Prints a hold: what it claims, what it covers by class and day, by position, and the ledger events
that say so, which afterimage prove proves to be in the log.

    afterimage hold show 019ac0de-…
    afterimage hold show 019ac0de-… -o json`
}

// Run prints the hold.
func (c *holdShowCmd) Run(ctx context.Context, s streams) error {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	h, err := store.Hold(ctx, event.Tenant(c.Tenant), c.Hold)
	if err != nil {
		return explainHold(c.storeFlag, err)
	}
	if c.json() {
		return printJSON(s.out, h)
	}
	return printHold(s.out, h)
}

func printHold(out io.Writer, h *pb.HoldState) error {
	state := "holds since " + stampOf(h.GetPlaced(), "-")
	if h.GetReleased() != nil {
		state = fmt.Sprintf("held from %s until %s, when %s released it: %s", stampOf(h.GetPlaced(), "-"), stampOf(h.GetReleased(), "-"),
			visible(h.GetReleasedBy()), visible(h.GetReleaseReason()))
	}
	rows := [][]string{
		{"hold", visible(h.GetHold())}, {"state", state}, {"case", visible(h.GetCaseId())}, {"reason", visible(h.GetReason())},
		{"authority", visible(h.GetAuthority())}, {"placed by", visible(h.GetActor())}, {"owners", ownerList(h)},
	}
	for _, scope := range h.GetScopes() {
		rows = append(rows, []string{"claims", scopeText(scope)})
	}
	rows = append(rows, []string{"covers", fmt.Sprintf("%s, as of position %d", numbered(h.GetEvents(), "event", "events"), h.GetThrough())})
	if len(h.GetPositions()) > 0 {
		rows = append(rows, []string{"positions", rangeText(h.GetPositions())})
	}
	for _, step := range h.GetSteps() {
		rows = append(rows, []string{strings.ToLower(step.GetStage().String()),
			fmt.Sprintf("%s by %s, seq %d: %s", stampOf(step.GetTime(), "-"), visible(step.GetActor()), step.GetSeq(), visible(step.GetReason()))})
	}
	rows = append(rows, []string{"on record", someSeqs(h.GetLedger())})
	if err := printRows(out, rows); err != nil {
		return err
	}
	return printDays(out, "by class and day:", h.GetCovers())
}

// rangeText names the first few ranges.
func rangeText(ranges []*pb.SeqRange) string {
	const few = 10
	var words []string
	for _, r := range ranges[:min(len(ranges), few)] {
		if r.GetFirst() == r.GetLast() {
			words = append(words, fmt.Sprint(r.GetFirst()))
		} else {
			words = append(words, fmt.Sprintf("%d–%d", r.GetFirst(), r.GetLast()))
		}
	}
	text := strings.Join(words, ", ")
	if len(ranges) > few {
		text += fmt.Sprintf(", … (%d ranges: -o json has them)", len(ranges))
	}
	return text
}
