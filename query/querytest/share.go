package querytest

import (
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2"
)

// FilterShare returns how many bytes the text filters of the log take, which are the
// keys of `f`, and all tables together. The log must be closed.
func (s Store) FilterShare(b testing.TB) (filters, tables int64) {
	b.Helper()
	db, err := pebble.Open(filepath.Join(s.dir, "data"), &pebble.Options{ReadOnly: true, Logger: quiet{b}})
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: []byte("f"), UpperBound: []byte("g")})
	if err != nil {
		b.Fatal(err)
	}
	for ok := it.First(); ok; ok = it.Next() {
		filters += int64(len(it.Key()) + len(it.Value()))
	}
	if err := it.Close(); err != nil {
		b.Fatal(err)
	}
	total := db.Metrics().Total()
	return filters, total.TablesSize
}

// quiet is a logger of what ends the program alone.
type quiet struct{ testing.TB }

func (quiet) Infof(string, ...any)                {}
func (q quiet) Errorf(format string, args ...any) { q.TB.Errorf(format, args...) }
