package policy

import (
	"testing"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// BenchmarkClassify is what policy costs each event at ingest. The slowest
// event is one that no rule but the last matches.
func BenchmarkClassify(b *testing.B) {
	under := &pb.Verdict{Score: 0.4, Threshold: new(0.5), Action: pb.Verdict_ALLOWED}
	for name, e := range map[string]*pb.Event{
		"no_verdicts": interactionWith(), "two_verdicts": interactionWith(under, under),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Default().Classify(e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMatch is what a filter costs each event that a search looks at.
func BenchmarkMatch(b *testing.B) {
	for name, expr := range map[string]string{
		"user":     `user == "[USER:k7m2qa5d3hx4]"`,
		"model":    `interaction.model.name == "gpt-4o" && turn > 1`,
		"category": `interaction.verdicts.exists(v, v.category == "self_harm" && v.score >= 0.5)`,
		"text":     `interaction.input.exists(m, m.parts.exists(p, p.text.contains("hello")))`,
	} {
		b.Run(name, func(b *testing.B) {
			c, e := mustCompile(b, expr), sampleEvent()
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := c.Match(e); !ok || err != nil {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

// BenchmarkCompile is what a search costs before it looks at anything.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustCompile(b, `user == "u" && interaction.verdicts.exists(v, v.category == "x" && v.score >= 0.5) && time > timestamp("2026-01-01T00:00:00Z")`)
	}
}
