package query_test

import (
	"testing"

	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/querytest"
)

// BenchmarkAggregate counts a million events in ways that an investigator would.
func BenchmarkAggregate(b *testing.B) {
	engine := query.New(query.Config{Log: querytest.Open(b, querytest.Events(b, 20_000))})
	for _, c := range []struct {
		name string
		r    query.AggregateRequest
	}{
		{"day,category", query.AggregateRequest{Population: query.Population{GroupBy: []string{"day", "category"}}}},
		{"everything", query.AggregateRequest{}},
		{"model,version,region", query.AggregateRequest{Population: query.Population{GroupBy: []string{"model", "version", "region"}, Limit: query.MaxGroups}}},
		{"scores by category", query.AggregateRequest{Population: query.Population{GroupBy: []string{"category"}}, Quantiles: []float64{0.5, 0.99}, HistogramBins: 20}},
		{"one deployment by hour", query.AggregateRequest{Population: query.Population{GroupBy: []string{"hour"}, Filter: `source.deployment == "companion"`}}},
		{"by a condition", query.AggregateRequest{Population: query.Population{GroupBy: []string{"model"}, Filter: `interaction.verdicts.exists(v, v.score >= 0.5 && v.category != "insult")`}}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var a *query.Aggregation
			measured(b, func() {
				var err error
				if a, err = engine.Aggregate(b.Context(), querytest.Tenant, c.r); err != nil {
					b.Fatal(err)
				}
			})
			b.ReportMetric(float64(a.Total.Events), "events")
			b.ReportMetric(float64(len(a.Groups)), "groups")
		})
	}
}
