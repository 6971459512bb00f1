package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// scriptClock is the clock of a store that a script runs: real time, moved by the
// duration in the file that $CLOCK names, as it is there now.
func scriptClock() time.Time {
	now := time.Now()
	name := os.Getenv("CLOCK")
	if name == "" {
		return now
	}
	text, err := os.ReadFile(name)
	if err != nil {
		panic(err)
	}
	moved, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		panic(err)
	}
	return now.Add(moved)
}

// clock DURATION: moves the clock of the stores that the script runs to so long
// after noon of tomorrow, in UTC, so that it is never within hours of the end of a
// day; 7d is seven days.
func scriptMove(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: clock DURATION")
	}
	if ts.Getenv("NOON") == "" { // The script may run past midnight.
		ts.Setenv("NOON", time.Now().UTC().Truncate(24*time.Hour).Add(36*time.Hour).Format(time.RFC3339))
	}
	noon, err := time.Parse(time.RFC3339, ts.Getenv("NOON"))
	ts.Check(err)
	after, err := sinceNoon(args[0])
	ts.Check(err)
	file := ts.MkAbs("clock")
	ts.Check(os.WriteFile(file+".tmp", []byte((time.Until(noon) + after).String()), 0o600))
	ts.Check(os.Rename(file+".tmp", file)) // at once: a store may be reading it
	ts.Setenv("CLOCK", file)
}

func sinceNoon(s string) (time.Duration, error) {
	days, ok := strings.CutSuffix(s, "d")
	if !ok {
		return time.ParseDuration(s)
	}
	n, err := strconv.Atoi(days)
	return time.Duration(n) * 24 * time.Hour, err
}

// grab NAME REGEXP: sets $NAME to what the group matches in what was printed last.
func scriptGrab(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: grab NAME REGEXP")
	}
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("nothing matches %s with one group", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// backup DIR N: sets $BACKUP to the N-th backup in DIR, counted from 1, of
// which there must be no more.
func scriptBackup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: backup DIR N")
	}
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[0]), "*", "backup.json"))
	ts.Check(err)
	slices.Sort(found)
	if n := int(args[1][0] - '0'); len(found) != n {
		ts.Fatalf("there are %d backups, want %d", len(found), n)
	}
	ts.Setenv("BACKUP", filepath.Dir(found[len(found)-1]))
}

// forget TENANT ID…: erases events from the store in data and keys, which
// nothing serves.
func scriptForget(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: forget TENANT ID…")
	}
	ctx := context.Background()
	log, err := eventlog.Open(ctx, eventlog.Config{Dir: logDir(ts.MkAbs("data")), KeysDir: ts.MkAbs("keys")})
	ts.Check(err)
	defer func() { ts.Check(log.Close()) }()
	f := eventlog.Forgetting{Tenant: event.Tenant(args[0]), Ledger: &pb.Event{
		Id: "request", Time: timestamppb.Now(), Class: eventlog.LedgerClass,
		Body: &pb.Event_Forgotten{Forgotten: &pb.Forgotten{Cause: pb.Forgotten_ERASED, Request: "request"}},
	}}
	for _, id := range args[1:] {
		seq, err := log.Lookup(ctx, f.Tenant, id)
		ts.Check(err)
		f.Seqs = append(f.Seqs, seq)
	}
	ts.Check(log.Forget(ctx, []eventlog.Forgetting{f}, func(eventlog.ForgetProgress) {}))
}

// unindex [unfinished]: removes locations, index and tiles from the store in
// data, which nothing serves; unfinished: as a rebuild that was killed leaves it.
func scriptUnindex(ts *testscript.TestScript, neg bool, args []string) {
	db, err := pebble.Open(filepath.Join(ts.MkAbs("data"), "log"), &pebble.Options{FormatMajorVersion: pebble.FormatNewest, Logger: quiet{}})
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	for _, space := range []byte("lin") { // docs/format.md, "The keyspace"
		ts.Check(db.DeleteRange([]byte{space}, []byte{space + 1}, pebble.Sync))
	}
	if slices.Contains(args, "unfinished") {
		ts.Check(db.Set([]byte{3}, nil, pebble.Sync))
	}
}

type quiet struct{}

func (quiet) Infof(string, ...any)      {}
func (quiet) Errorf(string, ...any)     {}
func (quiet) Fatalf(f string, _ ...any) { panic(f) }

// key: sets $KEY to the verifier key of the server that runs.
func scriptKey(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: key")
	}
	store := &remote{base: ts.Getenv("HTTP")}
	key, err := store.ownKey(context.Background())
	ts.Check(err)
	ts.Setenv("KEY", key)
}

// bend FILE OLD NEW: replaces a word in a file that must have it.
func scriptBend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: bend FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %s", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}
