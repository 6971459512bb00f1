package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Who counts by columns evaluates a condition once for all events that have the
// same in what it reads: a field that was overlooked would answer for others.
func TestReads(t *testing.T) {
	for expr, want := range map[string][]string{
		`user == "u" && seq > 1`: {"seq", "user"},
		`interaction.verdicts.exists(v, v.score >= v.threshold && v.category == "x")`: {
			"interaction.verdicts", "interaction.verdicts[].category", "interaction.verdicts[].score", "interaction.verdicts[].threshold",
		},
		`event.source.service == source.version`:                {"source.service", "source.version"},
		`has(event.verdict) || kind == "report"`:                {"kind"},
		`has(event.capture.probability)`:                        {"capture.probability"},
		`["a", "b"].exists(user, user == class)`:                {"class"},
		`interaction.verdicts.map(v, v.action)[0] == "FLAGGED"`: {"interaction.verdicts", "interaction.verdicts[].action"},
		`time > timestamp("2026-01-01T00:00:00Z")`:              {"time"},
		`turn > 1 ? class == "a" : source.region == "b"`:        {"class", "source.region", "turn"},
		`interaction.verdicts.exists(v, interaction.verdicts.all(w, w.score <= v.score))`: {
			"interaction.verdicts", "interaction.verdicts[].score",
		},
		`true`: nil,
	} {
		got, ok := mustCompile(t, expr).Reads()
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s: ok %v (-want +got):\n%s", expr, ok, diff)
		}
	}
	for _, expr := range []string{
		`source == event.source`, `interaction.verdicts[0].score > 0.5`, `interaction.verdicts.exists(v, v == interaction.verdicts[0])`,
		`interaction.verdicts.size() > 1`, `event == event`, `[interaction].exists(i, i.finish_reason == "stop")`,
		`interaction.verdicts.filter(v, v.score > 0.5).size() > 1`,
	} {
		if got, ok := mustCompile(t, expr).Reads(); ok {
			t.Errorf("%s: reads %v, want that it cannot be told", expr, got)
		}
	}
}
