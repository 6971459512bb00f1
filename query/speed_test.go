package query_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/words"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/querytest"
)

// samples are what investigators ask for, drawn from the corpus.
type samples struct {
	random                  *rand.Rand
	ids, sessions, twenties []string // of the corpus, without their round
	users, models           []string
	rare                    []string // words that three events or fewer have
	phrases                 []string // of three to six words, from any text
	common                  string   // a word that about half of the events have
	kept                    bool     // only those that are rare
	rounds                  int
}

func newSamples(b *testing.B, events int) *samples {
	s := &samples{random: rand.New(rand.NewPCG(7, 8))}
	have := map[words.Hash]int32{}
	spelled := map[words.Hash]string{}
	users, models, turns := map[string]bool{}, map[string]bool{}, map[string]int{}
	var set words.Set
	n := 0
	querytest.Corpus(b, func(e *pb.Event) {
		if n++; n > events {
			return
		}
		s.ids = append(s.ids, e.GetId())
		users[e.GetUser()], models[e.GetInteraction().GetModel().GetName()] = true, true
		turns[e.GetSession()]++
		set.Reset()
		keep := s.random.IntN(20) == 0
		event.Texts(e, func(text string) {
			set.Add(text)
			if keep {
				words.Each(text, func(w words.Word) bool { spelled[w.Hash] = text[w.Start:w.End]; return true })
			}
			if said := strings.Fields(text); len(said) > 20 && s.random.IntN(200) == 0 {
				i, k := s.random.IntN(len(said)-6), 3+s.random.IntN(4)
				s.phrases = append(s.phrases, strings.ReplaceAll(strings.Join(said[i:i+k], " "), `"`, " "))
			}
		})
		for _, h := range set.Hashes() {
			have[h]++
		}
	})
	s.rounds = max(1, events/max(n, 1))
	best := n
	for h, word := range spelled {
		if have[h] <= 3 && len(word) > 3 {
			s.rare = append(s.rare, word)
		}
		if off := max(int(have[h])-n/2, n/2-int(have[h])); off < best {
			best, s.common = off, word
		}
	}
	for session, n := range turns {
		s.sessions = append(s.sessions, session)
		if 18 <= n && n <= 22 {
			s.twenties = append(s.twenties, session)
		}
	}
	for _, list := range []struct {
		of map[string]bool
		to *[]string
	}{{users, &s.users}, {models, &s.models}} {
		delete(list.of, "")
		for name := range list.of {
			*list.to = append(*list.to, name)
		}
	}
	for _, list := range [][]string{s.rare, s.sessions, s.twenties, s.users, s.models} {
		slices.Sort(list)
	}
	b.Logf("%d sessions, %d of about twenty turns, %d users, %d models, %d rare words, %d phrases; %q is in half of the events",
		len(s.sessions), len(s.twenties), len(s.users), len(s.models), len(s.rare), len(s.phrases), s.common)
	return s
}

// keepRare leaves of the phrases those that up to fifty events have.
func (s *samples) keepRare(b *testing.B, engine *query.Engine) {
	const most, wanted = 50, 100
	if s.kept {
		return
	}
	var rare []string
	for _, phrase := range s.phrases {
		page, err := engine.Search(b.Context(), querytest.Tenant, query.Request{Text: `"` + phrase + `"`, PageSize: most + 1, ReadMask: seqOnly})
		if err != nil {
			continue // It has no word.
		}
		if n := len(page.Events); 0 < n && n <= most {
			rare = append(rare, phrase)
		}
		if len(rare) == wanted {
			break
		}
	}
	s.phrases, s.kept = rare, true
	b.Logf("%d phrases are rare", len(rare))
}

var seqOnly = &fieldmaskpb.FieldMask{Paths: []string{"seq"}}

func (s *samples) pick(of []string) string { return of[s.random.IntN(len(of))] }

// round names a repetition.
func (s *samples) round() int { return s.random.IntN(s.rounds) }

// times runs do on b and reports percentiles of its times, and what it opened.
func times(b *testing.B, do func() (opened int64)) {
	var all []time.Duration
	opened := int64(0)
	for b.Loop() {
		began := time.Now()
		opened += do()
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	for _, percent := range []int{50, 99} {
		b.ReportMetric(float64(all[len(all)*percent/100].Microseconds())/1e3, fmt.Sprintf("p%d-ms", percent))
	}
	b.ReportMetric(float64(opened)/1e3/float64(len(all)), "opened-kB")
}

// How long investigators wait, at a million events over thirty days
// (AFTERIMAGE_BENCH_EVENTS for another number), merged, on a warm cache; beside it
// what was opened and decompressed for each question.
func BenchmarkInvestigate(b *testing.B) {
	events := querytest.Events(b, 1_000_000)
	log := querytest.Open(b, events)
	s := newSamples(b, events)
	engine := query.New(query.Config{Log: log})
	search := func(r query.Request) int64 {
		r.Explain = true
		page, err := engine.Search(b.Context(), querytest.Tenant, r)
		if err != nil {
			b.Fatal(err)
		}
		return page.Explanation.GetBytesOpened()
	}
	for _, q := range []struct {
		name string
		ask  func() int64
	}{
		{"id", func() int64 {
			if _, err := engine.Lookup(b.Context(), querytest.Tenant, fmt.Sprintf("%.56s-%d", s.pick(s.ids), s.round())); err != nil {
				b.Fatal(err)
			}
			return 0
		}},
		{"replay", func() int64 {
			replay(b, engine, querytest.Tenant, fmt.Sprintf("%s#%d", s.pick(s.sessions), s.round()), query.Options{View: pb.View_BOTH})
			return 0
		}},
		{"replay20", func() int64 {
			replay(b, engine, querytest.Tenant, fmt.Sprintf("%s#%d", s.pick(s.twenties), s.round()), query.Options{View: pb.View_BOTH})
			return 0
		}},
		{"field-day", func() int64 {
			day := querytest.Begin.AddDate(0, 0, s.random.IntN(querytest.Days))
			return search(query.Request{Filter: fmt.Sprintf("interaction.model.name == %q", s.pick(s.models)), Since: day, Until: day.AddDate(0, 0, 1), PageSize: 100})
		}},
		{"user", func() int64 {
			return search(query.Request{Filter: fmt.Sprintf("user == %q", s.pick(s.users)), PageSize: 50})
		}},
		{"rare-word", func() int64 { return search(query.Request{Text: s.pick(s.rare), PageSize: 100}) }},
		{"rare-phrase", func() int64 { return search(query.Request{Text: `"` + s.pick(s.phrases) + `"`, PageSize: 100}) }},
		{"common-word", func() int64 { return search(query.Request{Text: s.common, PageSize: 100}) }},
	} {
		b.Run(q.name, func(b *testing.B) {
			if q.name == "rare-phrase" {
				s.keepRare(b, engine)
			}
			times(b, q.ask)
		})
	}
	b.Run("common-word-count", func(b *testing.B) {
		times(b, func() int64 {
			c, err := engine.Count(context.Background(), querytest.Tenant, query.Request{Text: s.common, Explain: true}, func(query.Count) error { return nil })
			if err != nil || c.Count == 0 {
				b.Fatalf("count %d, error %v", c.Count, err)
			}
			return c.Explanation.GetBytesOpened()
		})
	})
}
