package query_test

import (
	"strings"
	"testing"

	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/querytest"
)

// BenchmarkEstimate estimates from a million events.
func BenchmarkEstimate(b *testing.B) {
	engine := query.New(query.Config{Log: querytest.Open(b, querytest.Events(b, 20_000))})
	for _, by := range [][]string{nil, {"day"}, {"day", "category"}} {
		b.Run("by "+strings.Join(by, ","), func(b *testing.B) {
			measured(b, func() {
				if _, err := engine.Estimate(b.Context(), querytest.Tenant, query.EstimateRequest{Population: query.Population{GroupBy: by}}); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}
