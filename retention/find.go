package retention

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// pseudonymForm is how a user is stored.
var pseudonymForm = regexp.MustCompile(`^\[USER:([a-z2-7]{12})\]$`)

// typedForm is a pseudonym of a value in a text, which is the same as that of a
// user of the same name.
var typedForm = regexp.MustCompile(`^\[[A-Z][A-Z0-9_]*:([a-z2-7]{12})\]$`)

// pseudonym returns a user as stored: of a name as it is known outside, or of a
// pseudonym. One that was cut in copying is refused: it would be taken for the name
// of somebody who is not there.
func (k *Keeper) pseudonym(t event.Tenant, user string) (string, error) {
	if m := typedForm.FindStringSubmatch(user); m != nil {
		return "[" + redaction.UserType + ":" + m[1] + "]", nil
	}
	if bare := strings.TrimPrefix(user, "["); strings.HasPrefix(bare, redaction.UserType+":") {
		return "", &RequestError{"user", "is no whole pseudonym: want [USER: and 12 letters or digits, and ]"}
	}
	return redaction.User(user, func(value string) (string, error) { return k.cfg.Log.Pseudonym(t, value) })
}

// lateKinds are the kinds of events that say something of another.
func lateKinds() []string {
	return []string{string(event.Verdict), string(event.Report), string(event.Action)}
}

// lookedUp is up to how many events what is said of them is looked up; of more,
// all that is said of anything is gone through.
const lookedUp = 2048

// lateAbout returns the late verdicts, reports and actions at positions in
// [from, before) that are about events of a set, or about those.
func (k *Keeper) lateAbout(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, from, before event.Seq) (*roaring64.Bitmap, error) {
	found := roaring64.New()
	if set.IsEmpty() {
		return found, nil
	}
	if from == 0 && set.GetCardinality() <= lookedUp {
		return found, k.lookUpAbout(ctx, t, set, before, found)
	}
	known, waiting := set.Clone(), map[uint64][]uint64{} // by what came after what is said of it
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: lateKinds()}}, Order: eventlog.LogOrder, Before: &before,
	}
	if from > 0 {
		selection.After = &eventlog.Position{Seq: from - 1}
	}
	return found, k.eachMeta(ctx, t, selection, func(seq event.Seq, e *pb.Event) error {
		id, _ := about(e)
		if id == "" {
			return nil
		}
		target, err := k.cfg.Log.Lookup(ctx, t, id)
		if errors.Is(err, eventlog.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !known.Contains(uint64(target)) {
			if target > seq {
				waiting[uint64(target)] = append(waiting[uint64(target)], uint64(seq))
			}
			return nil
		}
		for next := []uint64{uint64(seq)}; len(next) > 0; {
			at := next[0]
			found.Add(at)
			known.Add(at)
			next = append(next[1:], waiting[at]...)
			delete(waiting, at)
		}
		return nil
	})
}

// lookUpAbout adds to found what is said of a few events, and of that.
func (k *Keeper) lookUpAbout(ctx context.Context, t event.Tenant, set *roaring64.Bitmap, before event.Seq, found *roaring64.Bitmap) error {
	for next := set.Clone(); !next.IsEmpty(); {
		var ids []string
		for it := next.Iterator(); it.HasNext(); {
			e, err := k.cfg.Log.Read(ctx, t, event.Seq(it.Next()))
			if errors.Is(err, eventlog.ErrErased) {
				continue
			}
			if err != nil {
				return err
			}
			ids = append(ids, e.GetId())
		}
		if len(ids) == 0 {
			return nil
		}
		selection := eventlog.Selection{
			Terms: []eventlog.Term{{Field: eventlog.FieldTarget, Values: ids}}, Order: eventlog.LogOrder, Before: &before,
		}
		next = roaring64.New()
		for entry, err := range k.cfg.Log.Scan(ctx, t, selection) {
			if err != nil {
				return err
			}
			if !set.Contains(uint64(entry.Seq)) && found.CheckedAdd(uint64(entry.Seq)) {
				next.Add(uint64(entry.Seq))
			}
		}
	}
	return nil
}

// eachMeta calls f with what a scan finds, without texts; what is forgotten
// meanwhile is left out.
func (k *Keeper) eachMeta(ctx context.Context, t event.Tenant, selection eventlog.Selection, f func(event.Seq, *pb.Event) error) error {
	for entry, err := range k.cfg.Log.Scan(ctx, t, selection) {
		var e *pb.Event
		if err == nil {
			e, err = entry.Meta()
		}
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err == nil {
			err = f(entry.Seq, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// ofPerson returns the evidence of a person: the events that name the user, what
// is said of these, and what else there is in sessions that nobody else was in.
func (k *Keeper) ofPerson(ctx context.Context, t event.Tenant, user string, since, until time.Time, before event.Seq) (*roaring64.Bitmap, error) {
	own, sessions := roaring64.New(), map[string]bool{}
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldUser, Values: []string{user}}}, Order: eventlog.LogOrder,
		Since: since, Until: until, Before: &before,
	}
	err := k.eachMeta(ctx, t, selection, func(seq event.Seq, e *pb.Event) error {
		if event.KindOf(e).Evidence() {
			own.Add(uint64(seq))
			sessions[e.GetSession()] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	delete(sessions, "")
	for session := range sessions {
		alone, err := k.aloneIn(ctx, t, user, session, since, until, before)
		if err != nil {
			return nil, err
		}
		own.Or(alone)
	}
	late, err := k.lateAbout(ctx, t, own, 0, before)
	if err != nil {
		return nil, err
	}
	own.Or(late)
	return own, nil
}

// aloneIn returns the events of a session that name no user, if all others name
// the one.
func (k *Keeper) aloneIn(ctx context.Context, t event.Tenant, user, session string, since, until time.Time, before event.Seq) (*roaring64.Bitmap, error) {
	nameless, shared := roaring64.New(), false
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldSession, Values: []string{session}}}, Order: eventlog.LogOrder, Before: &before,
	}
	err := k.eachMeta(ctx, t, selection, func(seq event.Seq, e *pb.Event) error {
		at := e.GetTime().AsTime()
		switch {
		case !event.KindOf(e).Evidence():
		case e.GetUser() != "":
			shared = shared || e.GetUser() != user
		case (since.IsZero() || !at.Before(since)) && (until.IsZero() || at.Before(until)):
			nameless.Add(uint64(seq))
		}
		return nil
	})
	if shared {
		return roaring64.New(), err
	}
	return nameless, err
}

// ofTenant returns all of a tenant's evidence in a range of time.
func (k *Keeper) ofTenant(ctx context.Context, t event.Tenant, since, until time.Time, before event.Seq) (*roaring64.Bitmap, error) {
	all := roaring64.New()
	selection := eventlog.Selection{
		Terms: []eventlog.Term{{Field: eventlog.FieldKind, Values: evidenceKinds()}}, Order: eventlog.LogOrder,
		Since: since, Until: until, Before: &before,
	}
	for entry, err := range k.cfg.Log.Scan(ctx, t, selection) {
		if err != nil {
			return nil, err
		}
		all.Add(uint64(entry.Seq))
	}
	return all, nil
}

// mentions counts the events beside a set whose texts name a pseudonym.
func (k *Keeper) mentions(ctx context.Context, t event.Tenant, user string, own *roaring64.Bitmap, before event.Seq) (n uint64, err error) {
	m := pseudonymForm.FindStringSubmatch(user)
	if m == nil {
		return 0, nil
	}
	seqs, err := k.cfg.Select(ctx, t, Scope{Hold_Scope: &pb.Hold_Scope{Text: m[1]}, Before: before})
	if err != nil {
		return 0, err
	}
	for seq, err := range seqs {
		if err != nil {
			return 0, err
		}
		if !own.Contains(uint64(seq)) {
			n++
		}
	}
	return n, nil
}

// quarantinedOf returns the quarantined messages that a person's events are in:
// those that hold what the person is known by, or events of the user. With no user
// and no name: all.
func (k *Keeper) quarantinedOf(ctx context.Context, t event.Tenant, name, user string) (ids []string, err error) {
	for entry, err := range k.cfg.Log.QuarantineList(ctx, t, "") {
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return nil, err
		}
		of := user == ""
		if !of {
			if of, err = k.quarantinedIs(ctx, t, entry.GetId(), name, user); err != nil {
				return nil, err
			}
		}
		if of {
			ids = append(ids, entry.GetId())
		}
	}
	return ids, nil
}

// quarantinedIs reports whether a quarantined message is of a person.
func (k *Keeper) quarantinedIs(ctx context.Context, t event.Tenant, id, name, user string) (bool, error) {
	e, err := k.cfg.Log.Quarantined(ctx, t, id)
	if errors.Is(err, eventlog.ErrErased) || errors.Is(err, eventlog.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	events, err := event.Decode(e.GetContentType(), e.GetContentEncoding(), e.GetPayload(), event.Limits{})
	if err != nil { // What cannot be read may still say whose it is.
		plain, err := event.Decompress(e.GetContentEncoding(), e.GetPayload(), event.Limits{})
		return err == nil && namesIn(plain, name), nil
	}
	return slices.ContainsFunc(events, func(one *pb.Event) bool {
		token, err := k.pseudonym(t, one.GetUser())
		return err == nil && one.GetUser() != "" && token == user
	}), nil
}

// namesIn reports whether a message that cannot be read has a name, as a word of
// its own or as a string of a protobuf, which its length comes before.
func namesIn(payload []byte, name string) bool {
	if pseudonymForm.MatchString(name) {
		return bytes.Contains(payload, []byte(name))
	}
	part := func(c byte) bool {
		return c >= utf8.RuneSelf || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-.@+", c) >= 0
	}
	for at := 0; name != ""; at++ {
		i := bytes.Index(payload[at:], []byte(name))
		if i < 0 {
			return false
		}
		at += i
		end := at + len(name)
		counted := at > 0 && int(payload[at-1]) == len(name)
		if counted || (at == 0 || !part(payload[at-1])) && (end == len(payload) || !part(payload[end])) {
			return true
		}
	}
	return false
}

// required refuses a field that is empty.
func required(field, value string) error {
	if strings.TrimSpace(value) == "" {
		return &RequestError{field, "is missing: it is on record who has this done, and why"}
	}
	return nil
}

// few refuses a list that is too long.
func few(field string, n, limit int) error {
	if n > limit {
		return &RequestError{field, fmt.Sprintf("are %d, the limit is %d", n, limit)}
	}
	return nil
}
