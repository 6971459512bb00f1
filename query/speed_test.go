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

// How long investigators wait, with the log merged, on a warm cache and, as "cold",
// from a restart on with nothing of its files in the page cache; beside it what was
// opened and decompressed for each question. `make bench` asks a million events over
// thirty days (AFTERIMAGE_BENCH_EVENTS).
func BenchmarkInvestigate(b *testing.B) {
	events := querytest.Events(b, 20_000)
	store := querytest.Make(b, events)
	filters, tables := store.FilterShare(b)
	b.Logf("text filters take %d bytes of %d: %.2f %%", filters, tables, 100*float64(filters)/float64(tables))
	s := newSamples(b, events)
	for _, q := range questions {
		b.Run(q.name, func(b *testing.B) {
			engine := query.New(query.Config{Log: store.Open(b)})
			if q.name == "rare-phrase" {
				s.keepRare(b, engine)
			}
			for range 20 {
				q.ask(b, s, engine)
			}
			times(b, func() int64 { return q.ask(b, s, engine) })
		})
	}
	for _, q := range questions {
		b.Run("cold/"+q.name, func(b *testing.B) {
			store.Cool(b)
			engine := query.New(query.Config{Log: store.Open(b)})
			times(b, func() int64 { return q.ask(b, s, engine) })
		})
	}
}

// questions are what investigators ask; each returns how much was opened.
var questions = []struct {
	name string
	ask  func(b *testing.B, s *samples, e *query.Engine) int64
}{
	{"id", func(b *testing.B, s *samples, e *query.Engine) int64 {
		if _, err := e.Lookup(b.Context(), querytest.Tenant, fmt.Sprintf("%.56s-%d", s.pick(s.ids), s.round())); err != nil {
			b.Fatal(err)
		}
		return 0
	}},
	{"replay", func(b *testing.B, s *samples, e *query.Engine) int64 {
		replay(b, e, querytest.Tenant, fmt.Sprintf("%s#%d", s.pick(s.sessions), s.round()), query.Options{View: pb.View_BOTH})
		return 0
	}},
	{"field-day", func(b *testing.B, s *samples, e *query.Engine) int64 {
		day := querytest.Begin.AddDate(0, 0, s.random.IntN(querytest.Days))
		return search(b, e, query.Request{Filter: fmt.Sprintf("interaction.model.name == %q", s.pick(s.models)), Since: day, Until: day.AddDate(0, 0, 1), PageSize: 100})
	}},
	{"user", func(b *testing.B, s *samples, e *query.Engine) int64 {
		return search(b, e, query.Request{Filter: fmt.Sprintf("user == %q", s.pick(s.users)), PageSize: 50})
	}},
	{"rare-word", func(b *testing.B, s *samples, e *query.Engine) int64 {
		return search(b, e, query.Request{Text: s.pick(s.rare), PageSize: 100})
	}},
	{"rare-phrase", func(b *testing.B, s *samples, e *query.Engine) int64 {
		return search(b, e, query.Request{Text: `"` + s.pick(s.phrases) + `"`, PageSize: 100})
	}},
	{"common-word", func(b *testing.B, s *samples, e *query.Engine) int64 {
		return search(b, e, query.Request{Text: s.common, PageSize: 100})
	}},
	{"common-word-count", func(b *testing.B, s *samples, e *query.Engine) int64 {
		c, err := e.Count(b.Context(), querytest.Tenant, query.Request{Text: s.common, Explain: true}, func(query.Count) error { return nil })
		if err != nil || c.Count == 0 {
			b.Fatalf("count %d, error %v", c.Count, err)
		}
		return c.Explanation.GetBytesOpened()
	}},
}

func search(b *testing.B, e *query.Engine, r query.Request) int64 {
	r.Explain = true
	page, err := e.Search(b.Context(), querytest.Tenant, r)
	if err != nil {
		b.Fatal(err)
	}
	return page.Explanation.GetBytesOpened()
}

// How long a search goes on after nobody waits for it: it is called off at a random
// instant of its work.
func BenchmarkCalledOff(b *testing.B) {
	events := querytest.Events(b, 20_000)
	engine := query.New(query.Config{Log: querytest.Open(b, events)})
	random := rand.New(rand.NewPCG(1, 2))
	heavy := query.Request{Filter: `interaction.output.exists(m, m.parts.exists(p, p.text.contains("a") && p.text.contains("no such text")))`}
	var all []time.Duration
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		off := make(chan time.Time, 1)
		time.AfterFunc(time.Duration(random.IntN(200))*time.Millisecond, func() { off <- time.Now(); cancel() })
		_, err := engine.Search(ctx, querytest.Tenant, heavy)
		ended := time.Now()
		if err != nil {
			all = append(all, ended.Sub(<-off))
		}
		cancel()
	}
	if len(all) == 0 {
		b.Skip("every search ended before it was called off: there are too few events")
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)-1].Microseconds())/1e3, "longest-ms")
}
