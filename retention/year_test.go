package retention_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/klauspost/compress/zstd"
	"google.golang.org/protobuf/proto"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/certificate"
)

// Done when 1: after every day of a year with policies that change, holds that
// overlap, erasures, backups, restores and crashes, exactly what the model says is
// readable, and the log verifies. AFTERIMAGE_YEAR=1 has the year be one, and
// AFTERIMAGE_YEAR_SEED has it be the same again.
func TestYear(t *testing.T) { simulate(t, nil) }

// The same with what people said to models.
func TestYearCorpus(t *testing.T) {
	if raced {
		t.Skip("TestYear does the same: a simulated day takes ten times as long with the race detector")
	}
	simulate(t, corpus(t, 30))
}

// An extent is how much there is of a year, and how much of what must happen in it.
type extent struct {
	days, unit, sessions                                              int // unit in hours; sessions of a tenant, three times a day
	policies, holds, erasures, backups, restores, crashes, quarantine int
}

func extentOf(t testing.TB) extent {
	switch {
	case os.Getenv("AFTERIMAGE_YEAR") != "":
		return extent{days: 365, unit: 9 * 24, sessions: 2, policies: 40, holds: 30, erasures: 500, backups: 36, restores: 6, crashes: 60, quarantine: 180}
	case testing.Short() || raced:
		return extent{days: 25, unit: 18, sessions: 1, policies: 10, holds: 14, erasures: 30, backups: 5, restores: 2, crashes: 8, quarantine: 25}
	}
	return extent{days: 90, unit: 3 * 24, sessions: 1, policies: 18, holds: 24, erasures: 90, backups: 12, restores: 3, crashes: 20, quarantine: 60}
}

// seedOf returns what a year is drawn from: the same for each run, as a short year may
// have too little of something to tell, but for long ones.
func seedOf(t testing.TB) uint64 {
	seed := uint64(33)
	if os.Getenv("AFTERIMAGE_YEAR") != "" {
		seed = rand.Uint64() >> 32
	}
	if asked := os.Getenv("AFTERIMAGE_YEAR_SEED"); asked != "" {
		var err error
		if seed, err = strconv.ParseUint(asked, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("AFTERIMAGE_YEAR_SEED=%d", seed)
	return seed
}

// A year is the store, what must be true of it, and what happened.
type year struct {
	*store
	of      extent
	rng     *rand.Rand
	traffic *traffic
	model   *model
	fresh   []*evidence // that nothing follows yet
	backups []backup
	copies  []oldCopy
	gone    map[string]bool // tenant/id, of whatever went for good
	done    map[string]int  // by what
	stream  uint64          // of the last message that was quarantined

	certificates []*certificate.Certificate
	certified    *roaring64.Bitmap // what they say is gone
	certifiedTo  map[event.Tenant]event.Seq
}

// A backup is one, and what must be true of what is restored from it.
type backup struct {
	dir   string
	model *model
}

func newYear(t testing.TB, of extent, corpus []*pb.Event) *year {
	rng := rand.New(rand.NewPCG(seedOf(t), 6))
	y := &year{
		store: newStore(t, time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC)), of: of,
		rng: rng, traffic: newTraffic(rng, corpus), model: newModel(), done: map[string]int{}, gone: map[string]bool{},
		certified: roaring64.New(), certifiedTo: map[event.Tenant]event.Seq{},
	}
	for _, tenant := range tenants {
		y.apply(tenant, firstPlan(of.unit))
	}
	return y
}

func simulate(t *testing.T, corpus []*pb.Event) {
	y := newYear(t, extentOf(t), corpus)
	for day := range y.of.days {
		y.day(day)
		if t.Failed() {
			t.Fatalf("on day %d", day)
		}
	}
	if err := y.keeper.Count(y.Context()); err != nil { // What came last is in no count else.
		y.Fatal(err)
	}
	y.audit()
	y.fsck()
	y.attackCopies()
	y.forgeCertificates()
	y.happened()
}

// day is one day: traffic, what people have the store do, and at its end what is
// due.
func (y *year) day(n int) {
	deeds := y.deeds(n)
	for part := range 3 {
		for _, tenant := range tenants {
			y.publish(tenant, y.traffic.next(tenant, y.now, y.of.sessions+y.rng.IntN(2)))
		}
		y.follow()
		for _, do := range deeds[len(deeds)*part/3 : len(deeds)*(part+1)/3] {
			do()
			if y.Failed() {
				return
			}
			y.pass(time.Duration(y.rng.IntN(10)) * time.Minute)
		}
		y.pass(4 * time.Hour)
	}
	if n%10 == 5 {
		y.keepCopy(n)
	}
	y.expire()
	y.check()
	y.certify()
	if n%30 == 29 {
		y.fsck()
	}
	y.pass(y.now.Truncate(24 * time.Hour).Add(24*time.Hour + 30*time.Minute).Sub(y.now))
}

// deeds returns what is to be done on a day, in any order, so that in the end all
// of it was.
func (y *year) deeds(day int) (out []func()) {
	for _, d := range []struct {
		total int
		do    func()
	}{
		{y.of.policies, y.changePolicy}, {y.of.holds, y.placeHold}, {y.of.holds / 2, y.extendHold}, {y.of.holds * 2 / 3, y.releaseHold},
		{y.of.erasures, y.erase}, {y.of.backups, y.backUp}, {y.of.crashes, y.crashSomehow}, {y.of.quarantine, y.quarantineMessage}, {y.of.days / 5, y.merge},
		{y.of.restores, y.restoreBackup},
	} {
		for range d.total*(day+1)/y.of.days - d.total*day/y.of.days {
			out = append(out, d.do)
		}
	}
	y.rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// publish appends events as ingestion does, and notes them when they are
// acknowledged.
func (y *year) publish(t event.Tenant, events []*pb.Event) {
	y.Helper()
	if len(events) == 0 {
		return
	}
	var batch []eventlog.Prepared
	var given []*evidence
	for _, e := range events {
		one := &evidence{tenant: t, user: e.GetUser(), day: y.now.Truncate(24 * time.Hour)}
		if e.User != "" {
			e.User = y.pseudonym(t, e.GetUser())
		}
		if err := y.policies.Classify(t, e); err != nil {
			y.Fatal(err)
		}
		one.class = y.model.plans[t].class(e)
		if e.GetClass() != one.class {
			y.Errorf("%s has class %s, want %s", e.GetId(), e.GetClass(), one.class)
		}
		one.stored = proto.CloneOf(e)
		given = append(given, one)
		p, err := y.log.Prepare(t, e)
		if err != nil {
			y.Fatal(err)
		}
		batch = append(batch, p)
	}
	results, err := y.log.Append(y.Context(), batch)
	if err != nil {
		y.Fatal(err)
	}
	for i, r := range results {
		one := given[i]
		if r.Outcome != eventlog.Appended {
			y.Fatalf("%s: outcome %d", one.stored.GetId(), r.Outcome)
		}
		one.seq = r.Seq
		stored, err := y.log.Read(y.Context(), t, r.Seq)
		if err != nil {
			y.Fatal(err)
		}
		one.stored.Seq, one.stored.Received = stored.Seq, stored.Received
		one.stored.Salt = stored.Salt
		if !proto.Equal(one.stored, stored) {
			y.Errorf("event %d is not stored as it was given", r.Seq)
		}
		y.model.add(one)
		y.fresh = append(y.fresh, one)
	}
}

// follow has what is said of events take effect.
func (y *year) follow() {
	y.Helper()
	if err := y.promote(y.Context()); err != nil {
		y.Fatal(err)
	}
	y.model.said(y.fresh)
	y.fresh = nil
}

func (y *year) pseudonym(t event.Tenant, user string) string {
	y.Helper()
	token, err := y.log.Pseudonym(t, user)
	if err != nil {
		y.Fatal(err)
	}
	return "[USER:" + token + "]"
}

// expire has go what must by now, in half of the cases with a crash in between.
func (y *year) expire() {
	y.Helper()
	do := func(ctx context.Context) error {
		_, err := y.keeper.Expire(ctx, false, y.progress)
		return err
	}
	if y.rng.IntN(y.of.days) < y.of.crashes && y.crashed("expire", 40, do) {
		y.goOn()
		return
	}
	if err := do(y.Context()); err != nil {
		y.Fatal(err)
	}
	y.model.expire(y.now)
}

// goOn has what a crash interrupted go on. After that the store is started once
// more: at the start before, it may have looked at what was half gone.
func (y *year) goOn() {
	y.Helper()
	if _, err := y.keeper.Expire(y.Context(), false, y.progress); err != nil {
		y.Fatal(err)
	}
	y.model.expire(y.now)
	y.restart()
	y.model.restarted()
}

// crashed has the store crash in the middle of something, after at most so many
// steps, if it has them. It reports whether it did.
func (y *year) crashed(what string, steps int, do func(context.Context) error) bool {
	y.Helper()
	y.restart() // So that what a start does is done, whether or not it crashes.
	y.model.restarted()
	crashed, err := y.crashing(1+y.rng.IntN(steps), do)
	if err != nil {
		y.Fatalf("%s: %v", what, err)
	}
	if crashed {
		y.done["crash in "+what]++
		y.model.restarted()
	}
	return crashed
}

// check fails unless exactly what must be is readable, by position and through the
// index, and the log verifies.
func (y *year) check() {
	y.Helper()
	for _, e := range y.model.events {
		got, err := y.log.Read(y.Context(), e.tenant, e.seq)
		switch {
		case e.gone != "":
			if !errors.Is(err, eventlog.ErrErased) {
				y.Errorf("event %d of %s, %s, of %s, class %s: got %v, want ErrErased", e.seq, e.tenant, e.gone, e.day.Format(time.DateOnly), e.class, err)
			}
			continue
		case err != nil:
			y.Errorf("event %d of %s, of %s, class %s: %v", e.seq, e.tenant, e.day.Format(time.DateOnly), e.class, err)
			continue
		case !proto.Equal(got, e.stored):
			y.Errorf("event %d of %s is not what was acknowledged", e.seq, e.tenant)
		}
		if class, err := y.log.Class(e.tenant, e.seq); err != nil || class != e.class {
			y.Errorf("event %d of %s is kept as %s, %v, want %s", e.seq, e.tenant, class, err, e.class)
		}
	}
	for _, t := range tenants {
		y.checkIndex(t)
		y.checkHolds(t)
		y.checkQuarantine(t)
	}
	findings := func(f eventlog.Finding) { y.Errorf("finding: %+v", f) }
	if _, err := y.log.Verify(y.Context(), findings, func(eventlog.Progress) {}); err != nil {
		y.Error(err)
	}
}

func (y *year) checkIndex(t event.Tenant) {
	y.Helper()
	user := y.traffic.user()
	for _, term := range []eventlog.Term{
		{Field: eventlog.FieldKind, Values: []string{"interaction", "verdict", "report", "action", "coverage"}},
		{Field: eventlog.FieldUser, Values: []string{y.pseudonym(t, user)}},
	} {
		got, want := []event.Seq{}, []event.Seq{}
		for entry, err := range y.log.Scan(y.Context(), t, eventlog.Selection{Terms: []eventlog.Term{term}, Order: eventlog.LogOrder}) {
			if err != nil {
				y.Fatal(err)
			}
			got = append(got, entry.Seq)
		}
		for e := range y.model.alive(t) {
			if term.Field == eventlog.FieldKind || e.user == user {
				want = append(want, e.seq)
			}
		}
		if !slices.Equal(got, want) {
			y.Errorf("by %s the index of %s has %v, want %v", term.Field, t, got, want)
		}
	}
}

func (y *year) checkHolds(t event.Tenant) {
	y.Helper()
	got, err := y.keeper.Held(y.Context(), t)
	if err != nil {
		y.Fatal(err)
	}
	y.model.cover(t)
	var want []uint64
	for _, seq := range slices.Sorted(maps.Keys(y.model.held(t))) {
		want = append(want, uint64(seq))
	}
	if !slices.Equal(got.ToArray(), want) {
		y.Errorf("held of %s: got %v, want %v", t, got.ToArray(), want)
	}
}

func (y *year) checkQuarantine(t event.Tenant) {
	y.Helper()
	got := map[string]bool{}
	for q, err := range y.log.QuarantineList(y.Context(), t, "") {
		if err != nil {
			y.Fatal(err)
		}
		got[q.GetId()] = true
	}
	for _, m := range y.model.messages {
		if m.tenant != t {
			continue
		}
		q, err := y.log.Quarantined(y.Context(), t, m.id)
		switch gone := errors.Is(err, eventlog.ErrNotFound) || errors.Is(err, eventlog.ErrErased); {
		case gone != m.gone, got[m.id] == m.gone:
			y.Errorf("quarantined message %s of %s: %v, listed %t, want it gone: %t", m.id, t, err, got[m.id], m.gone)
		case !gone && (err != nil || string(q.GetPayload()) != m.payload):
			y.Errorf("quarantined message %s of %s is not what was acknowledged: %v", m.id, t, err)
		}
	}
}

// happened fails if the year was too quiet to tell.
func (y *year) happened() {
	maps.Copy(y.done, y.model.forgotten)
	y.done["events"], y.done["promoted"], y.done["moved for holds"] = len(y.model.events), y.model.promoted, y.model.moved
	var all []string
	for _, what := range slices.Sorted(maps.Keys(y.done)) {
		all = append(all, fmt.Sprintf("%s: %d", what, y.done[what]))
	}
	y.Logf("%s", strings.Join(all, "; "))
	for what, least := range map[string]int{
		"policies": y.of.policies, "holds": y.of.holds, "erasures": y.of.erasures, "backups": y.of.backups / 2, "restores": y.of.restores / 2,
		"erased": y.of.erasures, "expired": 20 * y.of.days / 10, "promoted": y.of.days / 5, "moved for holds": y.of.holds / 4,
		"erasures deferred": y.of.erasures / 20, "deferred erasures completed": 1, "releases": y.of.holds / 4, "crashes": y.of.crashes,
		"certificates": y.of.days / 2, "fscks": 1, "messages expired": 1, "messages erased": 1, "held as it is about what is held": y.of.holds / 10, "nobody": 1, "crash in expire": 1,
	} {
		if y.done[what] < least {
			y.Errorf("%s: %d are too few to tell, want %d", what, y.done[what], least)
		}
	}
}

// corpus returns some interactions of each file of the shared corpus.
func corpus(t testing.TB, perFile int) (out []*pb.Event) {
	t.Helper()
	dir := filepath.Join(cmp.Or(os.Getenv("AFTERIMAGE_SHARED"), filepath.Join("..", "..", "shared")), "corpus")
	files, err := filepath.Glob(filepath.Join(dir, "*.ndjson.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("the shared corpus is not at hand: no %s", dir)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := zstd.NewReader(bytes.NewReader(raw), zstd.WithDecoderConcurrency(1))
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(d)
		lines.Buffer(nil, 4<<20)
		for range perFile {
			if !lines.Scan() {
				break
			}
			e, err := event.DecodeJSON(lines.Bytes(), event.Limits{})
			if err != nil {
				t.Fatalf("%s: %v", filepath.Base(file), err)
			}
			out = append(out, e)
		}
		d.Close()
	}
	return out
}
