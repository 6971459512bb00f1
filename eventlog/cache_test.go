package eventlog

import (
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog/block"
)

// What is forgotten while somebody opens it is in memory no longer than that
// reader needs it: no cache keeps a section of a block that is gone.
func TestNothingOfARemovedBlockIsKept(t *testing.T) {
	cfg := config(t)
	cfg.CacheBytes = 64 << 20
	l := open(t, cfg)
	add(t, l, "acme", 0, 40)
	sc, err := l.newScan(t.Context(), "acme", Selection{})
	if err != nil {
		t.Fatal(err)
	}
	defer sc.close()
	var seqs []event.Seq
	for n := range event.Seq(40) {
		seqs = append(seqs, n)
	}
	forgotten := false
	gone := func(id block.ID) {
		if !forgotten {
			forgotten = true
			forget(t, l, erasure("acme", "r", seqs...))
		}
		if !l.removed(id) {
			t.Fatalf("block %d is still there", id)
		}
	}
	for _, u := range sc.units {
		id := u.id
		_, err := l.metas.get(id, func(id block.ID) (*block.Meta, error) {
			m, err := openMeta(sc.disk, id, u.header, u.bucket, l.codec.OpenMeta)
			gone(id)
			return m, err
		})
		if err != nil {
			t.Fatal(err)
		}
		text, err := l.texts.get(id, func(id block.ID) (*block.Text, error) {
			defer gone(id)
			return readText(sc.disk, l.codec, id, u.header, u.bucket)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.timeline(sc.disk, id, u.header, u.bucket, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := l.filter(sc.disk, id, u.header, u.bucket, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := l.sketchesOf(sc.disk, id, u.header, u.bucket, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := l.columns(sc.disk, u); err != nil {
			t.Fatal(err)
		}
		for name, has := range map[string]bool{
			"meta": l.metas.has(id), "text": l.texts.has(id), "times": l.times.has(id),
			"filter": l.filters.has(id), "sketches": l.sketches.has(id), "columns": l.counts.has(id),
		} {
			if has {
				t.Errorf("the %s of block %d stayed", name, id)
			}
		}
		if len(text.section.Bytes(0)) == 0 {
			t.Error("the text was taken from its reader")
		}
		l.texts.done(text)
	}
	if !forgotten {
		t.Fatal("nothing was looked into")
	}
}
