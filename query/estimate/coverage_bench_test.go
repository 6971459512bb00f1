package estimate_test

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/estimate"
	"github.com/afterimage/afterimage/query/querytest"
)

// An occurrence is one event of the population.
type occurrence struct {
	time       time.Time
	flagged    bool
	deployment string
}

// A conversation is a session of the population, with all its events.
type conversation struct {
	user   uint64
	events []occurrence
}

// rates says with which probability an event is kept.
type rates func(occurrence) float64

// A scenario is how a population is sampled.
type scenario struct {
	name string
	rate rates
}

func flat(p float64) rates { return func(occurrence) float64 { return p } }

// mixed keeps all that was flagged and all of two deployments, a fifth of another,
// and little of the rest.
func mixed(o occurrence) float64 {
	switch {
	case o.flagged, o.deployment == "companion", o.deployment == "education":
		return 1
	case o.deployment == "coding-agent":
		return 0.2
	}
	return 0.05
}

// surge keeps one in a hundred, and half of all for four hours in the middle of
// the day.
func surge(o occurrence) float64 {
	if h := o.time.Hour(); h >= 10 && h < 14 {
		return 0.5
	}
	return 0.01
}

var scenarios = []scenario{
	{"1 %", flat(0.01)}, {"5 %", flat(0.05)}, {"50 %", flat(0.5)}, {"mixed rules", mixed}, {"surge", surge},
}

// runs is how many samples BenchmarkCoverage draws in each way; with -short, which
// asks only whether it runs, fifty.
func runs() int {
	if testing.Short() {
		return 50
	}
	return 1000
}

// BenchmarkCoverage draws 1,000 samples of a population in each of five ways and
// prints how often the 95 % intervals have the truth in them, and how wide they are
// relative to it. Its time is that of one sample and the estimates from it.
func BenchmarkCoverage(b *testing.B) {
	population := population(b)
	for _, s := range scenarios {
		b.Run(s.name, func(b *testing.B) {
			cover(b, population, s)
			for b.Loop() {
				draw(population, s.rate, random(0))
			}
		})
	}
}

// population is the sessions of the shared corpus, or, where that is not at hand,
// some that were made up.
func population(b *testing.B) []conversation {
	_, here, _, _ := runtime.Caller(0)
	shared := os.Getenv("AFTERIMAGE_SHARED")
	if shared == "" {
		shared = filepath.Join(filepath.Dir(here), "..", "..", "..", "shared")
	}
	if _, err := os.Stat(filepath.Join(shared, "corpus")); err != nil {
		return madeUp(rand.New(rand.NewPCG(1, 2)))
	}
	sessions, users := map[string]int{}, map[string]uint64{}
	var out []conversation
	querytest.Corpus(b, func(e *pb.Event) {
		at, known := sessions[e.GetSession()]
		if !known {
			user, known := users[e.GetUser()]
			if !known {
				user = uint64(len(users) + 1)
				users[e.GetUser()] = user
			}
			at = len(out)
			sessions[e.GetSession()], out = at, append(out, conversation{user: user})
		}
		out[at].events = append(out[at].events, occurrence{e.GetTime().AsTime(), flagged(e), e.GetSource().GetDeployment()})
	})
	return out
}

func flagged(e *pb.Event) bool {
	return slices.ContainsFunc(e.GetInteraction().GetVerdicts(), func(v *pb.Verdict) bool { return v.GetScore() >= 0.5 })
}

// madeUp is a population whose people come as often as Zipf's law has it.
func madeUp(r *rand.Rand) (out []conversation) {
	deployments := []string{"general-assistant", "public-chat", "workspace-agent", "summaries", "coding-agent", "education", "companion"}
	users := rand.NewZipf(r, 1.05, 1, 20_000)
	for range 120_000 {
		c := conversation{user: users.Uint64() + 1}
		at := time.Date(2026, 11, 20, 0, 0, r.IntN(86_000), 0, time.UTC)
		deployment := deployments[r.IntN(len(deployments))]
		for more := true; more; more = r.IntN(4) == 0 {
			c.events = append(c.events, occurrence{at, r.IntN(14) == 0, deployment})
			at = at.Add(time.Minute)
		}
		out = append(out, c)
	}
	return out
}

// random returns the random numbers of the i-th sample: those of neighbours have
// nothing to do with each other.
func random(i int) *rand.Rand {
	return rand.New(rand.NewChaCha8(sha256.Sum256([]byte(strconv.Itoa(i)))))
}

// A truth is what the estimates are of.
type truth struct{ events, sessions, subjects float64 }

func truthOf(population []conversation) (t truth) {
	users := map[uint64]bool{}
	for _, c := range population {
		t.events += float64(len(c.events))
		users[c.user] = true
	}
	t.sessions, t.subjects = float64(len(population)), float64(len(users))
	return t
}

// draw samples the population.
func draw(population []conversation, rate rates, r *rand.Rand) estimate.Result {
	s := estimate.New()
	for _, c := range population {
		u := r.Float64()
		var kept []estimate.Kept
		for _, o := range c.events {
			p := rate(o)
			if u >= p {
				continue
			}
			if i := slices.IndexFunc(kept, func(k estimate.Kept) bool { return k.Probability == p }); i >= 0 {
				kept[i].Events++
			} else {
				kept = append(kept, estimate.Kept{Probability: p, Events: 1})
			}
		}
		if len(kept) == 0 {
			continue
		}
		slices.SortFunc(kept, func(a, b estimate.Kept) int { return cmp.Compare(a.Probability, b.Probability) })
		s.Add(estimate.Session{Kept: kept, People: []estimate.Person{{ID: c.user, Probability: kept[len(kept)-1].Probability}}})
	}
	return s.Result()
}

func cover(b *testing.B, population []conversation, s scenario) {
	results := make([]estimate.Result, runs())
	var wg sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := worker; i < len(results); i += runtime.GOMAXPROCS(0) {
				results[i] = draw(population, s.rate, random(i))
			}
		})
	}
	wg.Wait()
	t := truthOf(population)
	for _, of := range []struct {
		name  string
		truth float64
		get   func(estimate.Result) estimate.Estimate
	}{
		{"events", t.events, func(r estimate.Result) estimate.Estimate { return r.Events }},
		{"sessions", t.sessions, func(r estimate.Result) estimate.Estimate { return r.Sessions }},
		{"subjects", t.subjects, func(r estimate.Result) estimate.Estimate { return r.Subjects }},
	} {
		b.Log(line(of.name, of.truth, results, of.get))
	}
}

func line(name string, truth float64, results []estimate.Result, get func(estimate.Result) estimate.Estimate) string {
	var inside, below, above, width, bias, values, bounds, bounded float64
	for _, r := range results {
		e := get(r)
		switch {
		case e.High < truth:
			below++
		case e.Low > truth:
			above++
		default:
			inside++
		}
		width += (e.High - e.Low) / truth
		if !math.IsNaN(e.Value) {
			bias += e.Value/truth - 1
			values++
		}
		if e.Method == estimate.Bounds {
			bounds++
		}
		if e.AtLeast <= truth && truth <= e.AtMost {
			bounded++
		}
	}
	n := float64(len(results))
	text := fmt.Sprintf("%-9s %6.0f: covered %5.1f %% (too low %4.1f, too high %4.1f), width %6.2f %%, bias %+6.2f %%",
		name, truth, 100*inside/n, 100*below/n, 100*above/n, 100*width/n, 100*bias/max(1, values))
	if name == "subjects" {
		text += fmt.Sprintf(", bounds alone %.1f %%, within bounds %.1f %%", 100*bounds/n, 100*bounded/n)
	}
	return text
}
