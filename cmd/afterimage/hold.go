package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type holdCmd struct {
	Place   holdPlaceCmd   `cmd:"" help:"Place a hold: what it covers, now and later, is kept until it is released."`
	Extend  holdExtendCmd  `cmd:"" help:"Have a hold claim more, or give it further owners."`
	Release holdReleaseCmd `cmd:"" help:"Release a hold: what it covered goes when its own time says."`
	List    holdListCmd    `cmd:"" help:"List the holds of a tenant."`
	Show    holdShowCmd    `cmd:"" help:"Print a hold with what it covers."`
}

// A holdScope is what a hold is to claim, as flags.
type holdScope struct {
	Filter  string   `placeholder:"CEL" help:"Events that match, as in afterimage search; true for all of the tenant's evidence."`
	Text    *string  `placeholder:"TEXT" help:"Only events that have these words."`
	Session []string `sep:"none" placeholder:"S" help:"Only events of this session, and what is about them; may be given again."`
	User    []string `sep:"none" placeholder:"U" help:"Only events of this person, as known outside or as a pseudonym; may be given again."`
	Since   string   `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until   string   `placeholder:"T" help:"Only events before this."`
}

// empty tells whether nothing is claimed.
func (s *holdScope) empty() bool {
	return s.Filter == "" && s.Text == nil && len(s.Session) == 0 && len(s.User) == 0 && s.Since == "" && s.Until == ""
}

// scope returns what is claimed; nil: nothing.
func (s *holdScope) scope(now time.Time) (*pb.Hold_Scope, error) {
	if s.empty() {
		return nil, nil
	}
	text, err := given("--text", s.Text)
	if err != nil {
		return nil, err
	}
	out := &pb.Hold_Scope{Filter: s.Filter, Text: text, Sessions: s.Session, Users: s.User}
	out.Since, out.Until, err = parseStamps(s.Since, s.Until, now)
	return out, err
}

// typed adds a scope to a command as it could be typed. Ages are written as times,
// so that it is the same whenever it is run.
func typedScope(w *typed, s *pb.Hold_Scope) {
	w.flag("--filter", s.GetFilter())
	w.flag("--text", s.GetText())
	w.flag("--session", s.GetSessions()...)
	w.flag("--user", s.GetUsers()...)
	w.stamp("--since", s.GetSince())
	w.stamp("--until", s.GetUntil())
}

// whoAndWhy is who has something done and what for, as flags.
type whoAndWhy struct {
	Actor  string `placeholder:"WHO" help:"Who has it done; a role or an account, no personal data. Goes on record."`
	Reason string `placeholder:"WHY" help:"What for; a case, a ticket, a decision, no personal data. Goes on record."`
}

// needed refuses what is to be done without a name and a reason.
func (w *whoAndWhy) needed(preview bool) error {
	if !preview && (strings.TrimSpace(w.Actor) == "" || strings.TrimSpace(w.Reason) == "") {
		return errors.New("give --actor and --reason: both go on record, and stay; or --preview, which changes nothing")
	}
	return nil
}

// typed adds who and why to a command, or what stands for them.
func (w *whoAndWhy) typed(t *typed) {
	t.needed("--actor", w.Actor, "WHO")
	t.needed("--reason", w.Reason, "WHY")
}

// explainHold is explain for what was asked of one hold.
func explainHold(f storeFlag, err error) error {
	if errors.Is(err, client.ErrNotFound) {
		return fmt.Errorf("%w: afterimage hold list names those that there are", f.explain(err))
	}
	return f.explain(err)
}

// printCovered prints what a hold covers, or would, and what of it no other does.
func printCovered(out io.Writer, h *pb.HoldState, newly []*pb.ClassDay) error {
	if h.GetEvents() == 0 {
		return nil
	}
	own := map[string]uint64{}
	for _, d := range newly {
		own[dayKey(d)] += d.GetEvents()
	}
	rows := [][]string{{"CLASS", "DAY", "EVENTS", "HELD BY NO OTHER"}}
	for _, d := range h.GetCovers() {
		rows = append(rows, []string{visible(d.GetClass()), dayOf(d.GetDay()), fmt.Sprint(d.GetEvents()), fmt.Sprint(own[dayKey(d)])})
	}
	return printRows(out, rows)
}

// scopeText is a scope in one line.
func scopeText(s *pb.Hold_Scope) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if s.GetFilter() != "" {
		add("filter %s", s.GetFilter())
	}
	if s.GetText() != "" {
		add("text %s", s.GetText())
	}
	if len(s.GetSessions()) > 0 {
		add("sessions %s", strings.Join(s.GetSessions(), ", "))
	}
	if len(s.GetUsers()) > 0 {
		add("users %s", strings.Join(s.GetUsers(), ", "))
	}
	if s.GetSince() != nil {
		add("since %s", s.GetSince().AsTime().Format(time.RFC3339))
	}
	if s.GetUntil() != nil {
		add("until %s", s.GetUntil().AsTime().Format(time.RFC3339))
	}
	return visible(strings.Join(parts, "; "))
}
