package eventlog

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// stray returns how many sections are nobody's, and how many files are left
// where tables are made.
func stray(t *testing.T, l *Log) (sections, files int) {
	t.Helper()
	for _, space := range sectionSpaces {
		err := l.each(key1(space), func([]byte, []byte) error { sections++; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(l.cfg.Dir, tablesDir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return sections - len(sectionSpaces)*len(l.headers), len(left)
}

// What a rewriting wrote and did not commit goes when the log is opened again,
// or with the next rewriting, though appends have gone on meanwhile.
func TestTablesOfNobodyGo(t *testing.T) {
	for _, how := range []string{"reopened", "merged again"} {
		t.Run(how, func(t *testing.T) {
			l, cfg, f := faulty(t)
			for n := 0; n < 200; n += 10 {
				add(t, l, "acme", n, n+10)
			}
			ctx, cancel := context.WithCancel(t.Context())
			f.set(onTable(func() error { cancel(); return nil }))
			if _, err := l.Merge(ctx); !errors.Is(err, context.Canceled) {
				t.Fatalf("merge: got %v, want it cancelled", err)
			}
			f.set(nil)
			if sections, _ := stray(t, l); sections == 0 {
				t.Fatal("the merge was cancelled before it wrote anything: the test tests nothing")
			}
			add(t, l, "acme", 200, 210)
			if how == "reopened" {
				if err := l.Close(); err != nil {
					t.Fatal(err)
				}
				l = open(t, cfg)
			} else if merge(t, l) == 0 {
				t.Fatal("nothing was merged")
			}
			if sections, files := stray(t, l); sections != 0 || files != 0 {
				t.Errorf("%d sections and %d files are left of an unfinished merge", sections, files)
			}
			check(t, l)
		})
	}
}

// An append that fails after its tables were written, or a crash there, leaves
// nothing.
func TestTablesOfUnfinishedAppendGo(t *testing.T) {
	for _, how := range []string{"failed", "crashed"} {
		t.Run(how, func(t *testing.T) {
			l, cfg, _ := faulty(t)
			add(t, l, "acme", 0, 50)
			p, err := l.Prepare("acme", sample(50))
			if err != nil {
				t.Fatal(err)
			}
			crashed := cfg
			crashed.Dir, crashed.KeysDir = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "keys")
			failure := errors.New("failure")
			left := 0
			_, err = l.appendAs([]Prepared{p}, l.ring.Current(), func(*appending) error {
				left, _ = stray(t, l)
				copyDir(t, cfg.Dir, crashed.Dir)
				copyDir(t, cfg.KeysDir, crashed.KeysDir)
				return failure
			})
			if !errors.Is(err, failure) {
				t.Fatalf("append: got %v", err)
			}
			if left != len(sectionSpaces) {
				t.Fatalf("%d sections were nobody's before the commit: want those of one block", left)
			}
			if how == "crashed" {
				l = open(t, crashed)
			}
			if sections, files := stray(t, l); sections != 0 || files != 0 {
				t.Errorf("%d sections and %d files are left of an unfinished append", sections, files)
			}
			if r := add(t, l, "acme", 50, 51); r[0] != (Result{Appended, 50}) {
				t.Errorf("append: got %v", r)
			}
			check(t, l)
		})
	}
}
