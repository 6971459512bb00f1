package eventlog

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
)

// Invariant 7: with every index, location and tile deleted, the log gives the
// same answers after a rebuild.
func TestRebuild(t *testing.T) {
	cfg := tamperable(t, vfs.NewMem())
	questions := []Selection{
		{},
		{Words: anyOf(words.Of("17"))},
		{Terms: []Term{{FieldSession, []string{"session-4"}}}},
		{Terms: []Term{{FieldCategory, []string{"self_harm"}}, {FieldModel, []string{"model-1", "model-2"}}}, Order: OldestFirst},
		{Terms: []Term{{FieldTarget, []string{"event-000011"}}}},
		{Terms: []Term{{FieldID, []string{"event-000250"}}}},
	}
	answers := func() (all [][]event.Seq) {
		l := open(t, cfg)
		check(t, l)
		for _, tenant := range []event.Tenant{"acme", "umbrella"} {
			for _, q := range questions {
				all = append(all, seqs(t, l, tenant, q))
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return all
	}
	before := answers()
	oldKeys, oldValues := values(t, cfg, "ldn")
	withDB(t, cfg, func(db *pebble.DB) {
		for _, space := range []byte("lidnf") {
			if err := db.DeleteRange([]byte{space}, []byte{space + 1}, pebble.Sync); err != nil {
				t.Fatal(err)
			}
		}
	})
	if _, err := Open(t.Context(), cfg); err == nil {
		t.Fatal("a log without tiles was opened")
	}
	if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	newKeys, newValues := values(t, cfg, "ldn")
	if len(oldKeys) != len(newKeys) {
		t.Fatalf("%d keys, want %d", len(newKeys), len(oldKeys))
	}
	for i := range oldKeys {
		if !bytes.Equal(oldKeys[i], newKeys[i]) || !bytes.Equal(oldValues[i], newValues[i]) {
			t.Fatalf("key %x: got %x, want %x: %x", newKeys[i], newValues[i], oldKeys[i], oldValues[i])
		}
	}
	if diff := cmp.Diff(before, answers()); diff != "" {
		t.Fatalf("answers (-before +after):\n%s", diff)
	}
}

// A log whose events are damaged, or whose ids are, is not rebuilt, and is not
// changed either.
func TestRebuildRefuses(t *testing.T) {
	for _, space := range "xmed" {
		cfg := tamperable(t, vfs.NewMem())
		keys, vals := values(t, cfg, string(space))
		changed := bytes.Clone(vals[len(vals)/2])
		if space == 'd' {
			changed = changed[1:] // Its position is wrong: that can be mended.
		} else {
			changed[len(changed)/2] ^= 1
		}
		put(t, cfg, keys[len(vals)/2], changed)
		_, before := values(t, cfg, "hxmfldnei\x03")
		err := Rebuild(t.Context(), cfg, func(Progress) {})
		_, after := values(t, cfg, "hxmfldnei\x03")
		if space == 'd' {
			if err != nil {
				t.Errorf("an id with a wrong position: %v", err)
			}
			check(t, open(t, cfg))
			continue
		}
		if !errors.Is(err, ErrTampered) {
			t.Errorf("space %c: got %v, want ErrTampered", space, err)
		}
		if !slices.EqualFunc(before, after, bytes.Equal) {
			t.Errorf("space %c: the log was changed", space)
		}
	}
}
