package query_test

import (
	"math/rand/v2"
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/querytest"
)

// Replays and neighbours of sessions at random in a log of a month: of any, and
// of those with twenty turns.
func BenchmarkReplay(b *testing.B) {
	log := querytest.Open(b, querytest.Events(b, 20_000))
	engine := query.New(query.Config{Log: log})
	var long, all []string
	for entry, err := range log.Scan(b.Context(), querytest.Tenant, eventlog.Selection{Terms: []eventlog.Term{
		{Field: eventlog.FieldKind, Values: []string{string(event.Interaction)}},
	}, Order: eventlog.LogOrder}) {
		if err != nil {
			b.Fatal(err)
		}
		meta, err := entry.Meta()
		if err != nil {
			b.Fatal(err)
		}
		switch meta.GetTurn() {
		case 1:
			all = append(all, meta.GetSession())
		case 20:
			long = append(long, meta.GetSession())
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(names []string) string { return names[r.IntN(len(names))] }
	b.Logf("%d events, %d sessions, %d with twenty turns", log.Size(), len(all), len(long))
	for _, run := range []struct {
		name  string
		names []string
	}{{"any", all}, {"twenty", long}} {
		if len(run.names) == 0 {
			continue
		}
		b.Run(run.name, func(b *testing.B) {
			percentile(b, func() {
				replay(b, engine, querytest.Tenant, pick(run.names), query.Options{View: pb.View_BOTH})
			})
		})
	}
	b.Run("neighbours", func(b *testing.B) {
		cut := 0
		percentile(b, func() {
			n, err := engine.Neighbours(b.Context(), querytest.Tenant, pick(all), 0)
			if err != nil {
				b.Fatal(err)
			}
			if n.GetPromptRest().GetCut() {
				cut++
			}
		})
		b.ReportMetric(float64(cut)/float64(b.N), "cut/op")
	})
}
