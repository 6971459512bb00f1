package retention

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/keyring"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func (r *keeperRig) backUp() (dir string) {
	r.t.Helper()
	b, err := r.log.Backup(r.t.Context(), r.t.TempDir(), func(eventlog.BackupProgress) {})
	if err != nil {
		r.t.Fatal(err)
	}
	return b.Dir
}

// restore puts a backup in the place of the log, which is lost, and opens that.
func (r *keeperRig) restore(backup string) {
	r.t.Helper()
	if err := r.restoring(backup); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

func (r *keeperRig) restoring(backup string) error {
	r.t.Helper()
	if err := errors.Join(r.log.Close(), os.RemoveAll(r.cfg.Dir)); err != nil && !errors.Is(err, eventlog.ErrClosed) {
		r.t.Fatal(err)
	}
	restored, err := eventlog.Restore(r.t.Context(), r.cfg, backup, func(eventlog.BackupProgress) {})
	if err == nil && restored.Lost == 0 {
		r.t.Error("the backup lacks nothing: there is nothing to lose")
	}
	return err
}

// holds returns all holds, without what nobody knows after a restore: how far was
// looked, and what one that was released covered.
func (r *keeperRig) holds() []*pb.HoldState {
	r.t.Helper()
	holds, err := r.Holds(r.t.Context(), acme, false)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range holds {
		if h.Through = 0; h.GetReleased() != nil {
			h.Events = 0
		}
	}
	return holds
}

// A hold that was placed after the backup holds, its extension too, and one that was
// released does not; and expiry does not wait for anybody.
func TestHoldsOutliveRestore(t *testing.T) {
	r := keeping10(t)
	said := map[string]event.Seq{}
	for _, s := range []string{"placed", "extended", "added", "released", "both", "nobody"} {
		said[s] = r.say(s, "s-"+s, "ann", "chat")
	}
	claims := func(s string) *pb.Hold_Scope { return &pb.Hold_Scope{Sessions: []string{"s-" + s}} }
	extended, released := r.place(claims("extended"), "ruth"), r.place(claims("released"), "ruth")
	backup := r.backUp()
	placed, both := r.place(claims("placed"), "sam"), r.place(claims("both"), "sam")
	_, err := r.ExtendHold(t.Context(), acme, &pb.ExtendHoldRequest{Hold: extended, Scope: claims("added"), Owners: []string{"tom"}, Actor: "ruth", Reason: "more"})
	if err != nil {
		t.Fatal(err)
	}
	r.release(released, "ruth")
	r.release(both, "sam")
	before := r.holds()
	for range 2 { // The second time the first restore is what is lost.
		r.restore(backup)
		if diff := cmp.Diff(before, r.holds(), protocmp.Transform()); diff != "" {
			t.Errorf("the holds (-before +after the restore):\n%s", diff)
		}
	}
	r.pass(12 * 24 * time.Hour)
	r.expireNow()
	r.there(map[event.Seq]bool{
		said["placed"]: true, said["extended"]: true, said["added"]: true, said["released"]: false, said["both"]: false, said["nobody"]: false,
	})
	r.release(placed, "sam")
	r.release(extended, "tom")
	r.there(map[event.Seq]bool{said["placed"]: false, said["extended"]: false, said["added"]: false})
	verified(t, r.log)
}

// What was owed after the backup is owed, of the events that the backup has, and is
// done when it may; others that have come to positions of what is lost stay. What
// was done is done.
func TestErasuresOutliveRestore(t *testing.T) {
	r := keeping10(t)
	a, b := r.say("a", "s-1", "ann", "chat"), r.say("b", "s-2", "bob", "chat")
	hold := r.place(&pb.Hold_Scope{Users: []string{"ann"}}, "ruth")
	backup := r.backUp()
	var lost event.Seq
	for i := range 20 {
		lost = r.say(fmt.Sprint("lost", i), "s-1", "ann", "chat")
	}
	owed, done := r.erase("ann"), r.erase("bob")
	if owed.GetEvents() != 21 || owed.GetCompleted() != nil || done.GetCompleted() == nil {
		t.Fatalf("got %v and %v, want what is owed and what is done", owed, done)
	}
	r.pass(time.Hour)

	r.restore(backup)
	r.there(map[event.Seq]bool{a: true, b: false})
	var others []event.Seq
	for i := 0; r.log.Size() <= lost+10; i++ {
		others = append(others, r.say(fmt.Sprint("o", i), "s-3", "cy", "chat"))
	}
	if others[0] > lost {
		t.Fatalf("no event of another came to position %d: they begin at %d", lost, others[0])
	}
	list, err := r.Erasures(t.Context(), acme)
	if err != nil || len(list) != 2 || list[0].GetRequest() != done.GetRequest() || !proto.Equal(list[0].GetCompleted(), done.GetCompleted()) ||
		list[1].GetCompleted() != nil || len(list[1].GetDeferred()) != 1 {
		t.Errorf("erasures after the restore: %v, %v", list, err)
	}
	r.release(hold, "ruth")
	r.there(map[event.Seq]bool{a: false})
	for _, seq := range others {
		r.there(map[event.Seq]bool{seq: true})
	}
	if x, err := r.Erasure(t.Context(), acme, owed.GetRequest()); err != nil || x.GetCompleted() == nil {
		t.Errorf("what was owed: %v, %v, want it completed", x, err)
	}
	verified(t, r.log)
}

// The policy in force after the backup is in force, with what it promises, and so are
// the classes that those before it declared.
func TestPoliciesOutliveRestore(t *testing.T) {
	r := keeping10(t)
	apply := func(edit ...string) error {
		d, err := policy.Parse([]byte(strings.NewReplacer(edit...).Replace(keptRules)))
		if err != nil {
			t.Fatal(err)
		}
		return put(t.Context(), r.policies, acme, d)
	}
	backup := r.backUp()
	for _, rules := range [][]string{
		{"routine: {keep: 10d}", "routine: {keep: 50d, min: 30d}, trial: {keep: 33d}"},
		{"routine: {keep: 10d}", "routine: {keep: 40d, min: 31d}"},
	} {
		if err := apply(rules...); err != nil {
			t.Fatal(err)
		}
	}
	want, _ := r.policies.InForce(acme)
	r.restore(backup)
	got, _ := r.policies.InForce(acme)
	if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreFields(&pb.Policy{}, "seq")); diff != "" {
		t.Errorf("in force (-before +after the restore):\n%s", diff)
	}
	if trial, ok := r.policies.Kept(acme, "trial"); !ok || trial.Keep != 33*24*time.Hour {
		t.Errorf("a class that was dropped: got %v, %t, want it kept for 33 days", trial, ok)
	}
	if err := apply("routine: {keep: 10d}", "routine: {keep: 40d, min: 30d}"); !errors.Is(err, ErrPromised) {
		t.Errorf("a policy that promises less: got %v, want ErrPromised", err)
	}
}

// Where nothing is beside the keys, as with keys of an older version, what was lost
// is lost, and nothing expires until somebody says that it was placed again; a start
// does not say so.
func TestRestoreOfOlderKeys(t *testing.T) {
	r := keeping10(t)
	a := r.say("a", "s-1", "ann", "chat")
	backup := r.backUp()
	r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	for _, name := range []string{"beside", "beside.json"} {
		if err := os.RemoveAll(filepath.Join(r.cfg.KeysDir, name)); err != nil {
			t.Fatal(err)
		}
	}
	r.restore(backup)
	for range 2 {
		if _, err := r.Expire(t.Context(), false, silent); !errors.Is(err, ErrStopped) {
			t.Errorf("expire: got %v, want ErrStopped", err)
		}
		r.reopen()
	}
	r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	r.expireConfirmed()
	r.pass(12 * 24 * time.Hour)
	r.expireNow()
	r.there(map[event.Seq]bool{a: true})

	r.restore(backup) // By now there is.
	if holds, err := r.Holds(t.Context(), acme, true); err != nil || len(holds) != 1 {
		t.Errorf("holds after a restore: %v, %v, want one", holds, err)
	}
	r.expireNow()
}

// A crash between the ledger and what is beside the keys, in either order, loses
// nothing, nor does an error.
func TestDeedsAfterCrash(t *testing.T) {
	for name, crash := range map[string]func(t *testing.T, r *keeperRig, place func()){
		"ledger alone": func(t *testing.T, r *keeperRig, place func()) {
			beside := filepath.Join(r.cfg.KeysDir, "beside", besideName)
			before, err := os.ReadFile(beside)
			if err != nil {
				t.Fatal(err)
			}
			place()
			if err := errors.Join(r.log.Close(), os.WriteFile(beside, before, 0o600)); err != nil {
				t.Fatal(err)
			}
			r.open()
		},
		"beside the keys alone": func(t *testing.T, r *keeperRig, place func()) {
			then := filepath.Join(t.TempDir(), "data")
			if err := errors.Join(r.log.Close(), os.CopyFS(then, os.DirFS(r.cfg.Dir))); err != nil {
				t.Fatal(err)
			}
			r.open()
			place()
			if err := errors.Join(r.log.Close(), os.RemoveAll(r.cfg.Dir), os.Rename(then, r.cfg.Dir), os.Remove(filepath.Join(r.cfg.KeysDir, "anchor"))); err != nil {
				t.Fatal(err)
			}
			r.open()
		},
		"an error": func(t *testing.T, r *keeperRig, _ func()) {
			dir := filepath.Join(r.cfg.KeysDir, "beside")
			if err := errors.Join(os.Rename(dir, dir+"2"), os.WriteFile(dir, nil, 0o600)); err != nil { // no directory
				t.Fatal(err)
			}
			_, err := r.PlaceHold(t.Context(), acme, &pb.PlaceHoldRequest{Scope: &pb.Hold_Scope{Sessions: []string{"s-1"}}, CaseId: "c", Reason: "r", Authority: "a", Actor: "ruth"})
			if err == nil || !strings.Contains(err.Error(), "on record, and not beside the keys") {
				t.Errorf("place: got %v, want that it is not beside the keys", err)
			}
			if err := errors.Join(os.Remove(dir), os.Rename(dir+"2", dir)); err != nil {
				t.Fatal(err)
			}
			r.expireNow() // as within the hour
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := keeping10(t)
			a := r.say("a", "s-1", "ann", "chat")
			backup := r.backUp()
			r.say("b", "s-1", "ann", "chat")
			crash(t, r, func() { r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth") })
			r.say("c", "s-1", "ann", "chat") // what a restore loses in any case
			for range 2 {
				holds, err := r.Holds(t.Context(), acme, true)
				if err != nil || len(holds) != 1 {
					t.Fatalf("got %v, %v, want one hold", holds, err)
				}
				r.restore(backup)
			}
			r.pass(12 * 24 * time.Hour)
			r.expireNow()
			r.there(map[event.Seq]bool{a: true})
		})
	}
}

// Nothing is in clear in the key directory, and a change of the KEK leaves what is
// kept there as it is.
func TestDeedsAreSealed(t *testing.T) {
	r := keeping10(t)
	r.say("a", "s-secret", "ann", "chat")
	backup := r.backUp()
	r.place(&pb.Hold_Scope{Sessions: []string{"s-secret"}}, "ruth")
	r.place(&pb.Hold_Scope{Filter: `source.service == "clandestine"`, Text: "whisper"}, "ruth")
	err := filepath.WalkDir(r.cfg.KeysDir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, clear := range []string{"s-secret", "clandestine", "whisper", "ruth", "case-1", string(acme), "c2Vjcm"} {
			if bytes.Contains(b, []byte(clear)) {
				t.Errorf("%s has %q in clear", path, clear)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(t.TempDir(), "kek.json")
	kek := filepath.Join(r.cfg.KeysDir, "kek.json")
	if b, err := os.ReadFile(kek); err != nil || os.WriteFile(old, b, 0o600) != nil {
		t.Fatal(err)
	}
	if err := keyring.Rotate(r.cfg.KeysDir, keyring.Options{}, ""); err != nil {
		t.Fatal(err)
	}
	r.place(&pb.Hold_Scope{Users: []string{"ann"}}, "ruth")
	r.reopen()
	later := r.backUp()
	r.place(&pb.Hold_Scope{Users: []string{"bob"}}, "ruth")
	r.restore(later)
	if holds, err := r.Holds(t.Context(), acme, true); err != nil || len(holds) != 4 {
		t.Errorf("got %v, %v, want 4 holds", holds, err)
	}
	// The KEK of before opens the older backup, and not what is beside the keys.
	if err := os.Rename(old, kek); err != nil {
		t.Fatal(err)
	}
	if err := r.restoring(backup); !errors.Is(err, keyring.ErrWrongKeys) || !strings.Contains(err.Error(), "beside.json") {
		t.Errorf("restore with the KEK of before: got %v, want ErrWrongKeys that names beside.json", err)
	}
}

// What is damaged is told before anything is changed, with what to do.
func TestDamagedDeeds(t *testing.T) {
	r := keeping10(t)
	backup := r.backUp()
	r.place(&pb.Hold_Scope{Filter: "true"}, "ruth")
	path := filepath.Join(r.cfg.KeysDir, "beside", besideName)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := errors.Join(r.log.Close(), os.WriteFile(path, b, 0o600)); err != nil {
		t.Fatal(err)
	}
	r.log = openLog(t, r.cfg)
	_, opening := Open(t.Context(), r.log, nil)
	for what, err := range map[string]error{"open": opening, "restore": r.restoring(backup)} {
		if !errors.Is(err, keyring.ErrWrongKeys) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "put it back from a copy") {
			t.Errorf("%s: got %v, want ErrWrongKeys, which file, and what to do", what, err)
		}
	}
	if _, err := os.Stat(r.cfg.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the restore that was refused left data: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.restore(backup)
	if _, err := r.Expire(t.Context(), false, silent); !errors.Is(err, ErrStopped) {
		t.Errorf("expire after the damaged file was removed: got %v, want ErrStopped", err)
	}
}

// Positions mean the same in two logs up to the first restore that only one has.
func TestCommonPositions(t *testing.T) {
	r := keeping10(t)
	for i := range 120 {
		r.say(fmt.Sprint("e", i), "s", "ann", "chat")
	}
	d := &deeds{log: r.log, restores: []*restore{
		{ID: "a", Size: 100}, {ID: "b", After: "a", Size: 60}, {ID: "c", Size: 80}, {ID: "d", After: "b", Size: 90},
	}}
	for _, c := range []struct {
		then, now string
		want      event.Seq
	}{
		{"", "", r.log.Size()}, {"b", "b", r.log.Size()}, {"", "a", 100}, {"", "b", 100}, {"a", "b", 60}, {"b", "a", 60},
		{"a", "c", 80}, {"c", "a", 80}, {"d", "a", 60}, {"d", "b", 90}, {"d", "", 100}, {"c", "d", 80},
	} {
		d.last = c.now
		if got := d.common(&deed{After: c.then}); got != c.want {
			t.Errorf("a deed after restore %q, in a log after restore %q: got %d, want %d", c.then, c.now, got, c.want)
		}
	}
}

// What says nothing any more of how things are is kept for 400 days; the rest as
// long as it does. Of the clock only what was believed last is.
func TestDeedsEnd(t *testing.T) {
	r := keeping10(t)
	r.say("a", "s-1", "ann", "risky")
	kept := func() (out []string) {
		r.reopen() // It reads the ledger, and settles on the same.
		for _, one := range r.policies.deeds.list {
			out = append(out, string(event.KindOf(one.event))+" "+one.event.GetHold().GetReason())
		}
		slices.Sort(out)
		return out
	}
	r.expireNow()
	first := r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	r.release(first, "ruth")
	r.pass(399 * 24 * time.Hour)
	r.expireConfirmed()
	r.place(&pb.Hold_Scope{Sessions: []string{"s-1"}}, "ruth")
	want := []string{"clock_judged ", "hold litigation", "hold litigation", "hold settled", "policy_applied "}
	if got := kept(); !slices.Equal(got, want) {
		t.Errorf("after 399 days: got %q, want %q", got, want)
	}
	r.pass(2 * 24 * time.Hour)
	r.expireNow()
	want = []string{"clock_judged ", "hold litigation", "policy_applied "}
	if got := kept(); !slices.Equal(got, want) {
		t.Errorf("after 401 days: got %q, want %q", got, want)
	}
}
