package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/ingest"
)

// crashRounds is how often a store is killed: AFTERIMAGE_CRASH_ROUNDS, which
// `make crash` sets, or byDefault.
func crashRounds(t *testing.T, byDefault int) int {
	t.Helper()
	text := os.Getenv("AFTERIMAGE_CRASH_ROUNDS")
	if text == "" {
		return byDefault
	}
	rounds, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return rounds
}

// Invariant 1: while a publisher publishes, the store is killed at random
// instants and started again. Whatever id was acknowledged must be there, and
// there once; and the log must verify (invariant 5).
func TestCrash(t *testing.T) {
	if testing.Short() {
		t.Skip("kills processes for many seconds")
	}
	rounds, n := crashRounds(t, 3), 5_000
	if rounds > 3 {
		n = 20_000 * rounds
	}
	r := newRig(t)
	random := seeded(t)
	r.writeEvents(random, n)
	server := r.killWhilePublishing(random, rounds, "events.ndjson")
	r.checkKept(n)
	r.run("verify", "--url", "http://"+r.http)
	server.stop(os.Interrupt)
	r.run("verify", "--data", "data", "--keys", "keys")
}

// seeded returns a random source whose seed the test's log tells.
func seeded(t testing.TB) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// killWhilePublishing kills the store at random instants while files are
// published, and returns when all was acknowledged by one that runs.
func (r *rig) killWhilePublishing(random *rand.Rand, rounds int, files ...string) (server *process) {
	r.Helper()
	publisher, passes, inFirst := r.publish(files...), 1, 0
	for range rounds {
		server := r.serve()
		select { // the random instant
		case <-time.After(time.Duration(20+random.IntN(1500)) * time.Millisecond):
		case <-publisher.ended: // then the same again, as a nervous publisher would
			r.mustSucceed(publisher)
			publisher = r.publish(files...)
			passes++
		}
		if passes == 1 {
			inFirst++
		}
		server.stop(os.Kill)
	}
	server = r.serve()
	<-publisher.ended
	r.mustSucceed(publisher)
	r.Logf("killed %d times, %d of them before everything was published once; published %d times", rounds, inFirst, passes)
	return server
}

// writeEvents writes n events of random text.
func (r *rig) writeEvents(random *rand.Rand, n int) {
	r.Helper()
	var b bytes.Buffer
	begin := time.Now().Add(-time.Hour).UTC()
	for i := range n {
		words := make([]string, 5+random.IntN(80))
		for j := range words {
			words[j] = strconv.FormatUint(random.Uint64()>>random.IntN(60), 36)
		}
		fmt.Fprintf(&b, `{"id":"e%d","time":%q,"session":"s%d","interaction":{"input":[{"role":"user","parts":[{"text":%q}]}]}}`+"\n",
			i, begin.Add(time.Duration(i)*time.Millisecond).Format(time.RFC3339Nano), i/10, strings.Join(words, " "))
	}
	if err := os.WriteFile(filepath.Join(r.dir, "events.ndjson"), b.Bytes(), 0o600); err != nil {
		r.Fatal(err)
	}
}

// checkKept waits until the log has n interactions and checks that they are
// those that were acknowledged, each once.
func (r *rig) checkKept(n int) {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "acked"))
	if err != nil {
		r.Fatal(err)
	}
	acked := map[string]bool{}
	for id := range strings.Lines(string(text)) {
		acked[strings.TrimSpace(id)] = true
	}
	if len(acked) != n {
		r.Errorf("got %d acknowledged ids, want %d", len(acked), n)
	}
	r.awaitInteractions(n)
	r.awaitEmptyStream() // a copy that was published again may still come
	times := r.storedIDs()
	stored := 0
	for id, k := range times {
		if stored += k; !acked[id] {
			r.Errorf("got event %s, which was not acknowledged", id)
		}
	}
	for id := range acked {
		if times[id] != 1 {
			r.Errorf("got acknowledged event %s %d times, want once", id, times[id])
		}
	}
	if stored != n {
		r.Errorf("got %d events, want %d", stored, n)
	}
}

// awaitInteractions waits until search finds n interactions, for a minute: who
// calls it tells what is missing. A message that was published again after a
// kill may stand behind the last one in the stream, so only the number tells
// that all are through.
func (r *rig) awaitInteractions(n int) {
	r.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		count := r.run("search", "--server", r.grpc, "--tenant", r.tenant, "--filter", `kind == "interaction"`, "--count")
		if strings.TrimSpace(count) == strconv.Itoa(n) {
			return
		}
	}
}

// awaitEmptyStream waits until everything in the stream is in the log.
func (r *rig) awaitEmptyStream() {
	r.Helper()
	nc, err := nats.Connect("nats://" + r.nats)
	if err != nil {
		r.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		r.Fatal(err)
	}
	for end := time.Now().Add(patience); ; {
		stream, err := js.Stream(r.Context(), ingest.StreamName)
		if err != nil {
			r.Fatal(err)
		}
		if stream.CachedInfo().State.Msgs == 0 {
			return
		}
		if time.Sleep(20 * time.Millisecond); time.Now().After(end) { // polls another process
			consumer, err := stream.Consumer(r.Context(), ingest.ConsumerName)
			if err != nil {
				r.Fatal(err)
			}
			r.Fatalf("waited %v in vain for the stream to be empty: it has %+v, its consumer %+v", patience, stream.CachedInfo().State, consumer.CachedInfo())
		}
	}
}

// storedIDs returns how often each id of an interaction is in the log.
func (r *rig) storedIDs() map[string]int {
	r.Helper()
	store, err := storeFlag{Server: r.grpc}.open()
	if err != nil {
		r.Fatal(err)
	}
	defer store.Close()
	times := map[string]int{}
	all := client.SearchRequest{Filter: `kind == "interaction"`, Order: client.LogOrder, Fields: []string{"id"}}
	for found, err := range store.Search(r.Context(), event.Tenant(r.tenant), all) {
		if err != nil {
			r.Fatal(err)
		}
		times[found.Event.GetId()]++
	}
	return times
}
