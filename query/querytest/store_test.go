package querytest_test

import (
	"testing"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query/querytest"
)

// The log is whole and over all days: a benchmark on less would measure less.
func TestOpen(t *testing.T) {
	const n = 3000
	l := querytest.Open(t, n)
	if got := int(l.Size()); got != n {
		t.Errorf("the log has %d events, want %d", got, n)
	}
	days := map[int64]int{}
	for entry, err := range l.Scan(t.Context(), querytest.Tenant, eventlog.Selection{}) {
		if err != nil {
			t.Fatal(err)
		}
		days[entry.Time.Unix()/86400]++
	}
	if len(days) < querytest.Days {
		t.Errorf("the events are of %d days, want %d", len(days), querytest.Days)
	}
}
