package query

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// What groups take beyond what is remembered exactly is counted over all workers,
// and given back where two become one.
func TestRoomForSketches(t *testing.T) {
	exact, room := newMemory(0), newMemory(5*sketchBytes)
	r := &AggregateRequest{Quantiles: []float64{0.5}, HistogramBins: 10}
	a, b := r.counter(nil, exact, room), r.counter(nil, exact, room)
	for _, c := range []*counter{a, b} {
		for n := range uint64(2 * rememberGroup) {
			c.total.add(n+1, n+1)
			c.total.scores.add(float64(n) / rememberGroup)
		}
	}
	one := 2*sketchBytes + 8*scoreBins + 8*10
	if left := room.left.Load(); left != int64(5*sketchBytes-2*one) {
		t.Errorf("%d bytes are left, want each counter to take %d", left, one)
	}
	if err := a.bounded(); !errors.Is(err, errSketches) {
		t.Errorf("with less than nothing left: got %v", err)
	}
	if err := a.merge(b); err != nil || room.left.Load() != int64(5*sketchBytes-one) {
		t.Errorf("merged: error %v, %d bytes are left", err, room.left.Load())
	}
}

// Scores that differ by more than can be told apart take no more memory for it.
func TestScoresTakeBoundedMemory(t *testing.T) {
	s := newScores(true, 0, newMemory(1<<20))
	for n := range 30_000 {
		s.add(math.Pow(0.98, float64(n))) // down to 1e-263
	}
	bins := 0
	s.sketch.ForEach(func(_, _ float64) bool { bins++; return false })
	if bins > scoreBins+1 {
		t.Errorf("%d bins, want at most %d", bins, scoreBins)
	}
	of := s.result([]float64{0.5, 0.98, 0.99}).Quantiles
	if want := math.Pow(0.98, 300); math.Abs(of[2]/want-1) > 2*ScoreError {
		t.Errorf("near the highest: got %v, want %v", of[2], want)
	}
	if want := math.Pow(0.98, 600); math.Abs(of[1]/want-1) > 2*ScoreError {
		t.Errorf("five orders of magnitude below: got %v, want %v", of[1], want)
	}
	if of[0] > 1e-8 {
		t.Errorf("got %v, want the lower end", of[0])
	}
}

// Records take what is counted, and leave it when they are put together.
func TestRecordsTakeWhatIsCounted(t *testing.T) {
	keepers := newKeepers(nil, nil)
	room := keepers[0].room
	for n := range uint64(100_000) {
		of := &keepers[n%uint64(len(keepers))].total[n%parts]
		if err := of.add(record{session: n + 1, subject: n + 1, probability: 0.5, events: 1}); err != nil {
			t.Fatal(err)
		}
	}
	taken := 0
	for _, k := range keepers {
		for part := range k.total {
			taken += cap(k.total[part].all)
		}
	}
	if left := room.left.Load(); left != int64(maxRecords-taken) {
		t.Errorf("%d are left, want %d less %d", left, maxRecords, taken)
	}
	if r, _, err := total(t.Context(), keepers); err != nil || r.Events.Observed != 100_000 {
		t.Errorf("got %+v, %v", r.Events, err)
	}
	if left := room.left.Load(); left != maxRecords {
		t.Errorf("%d are left, want %d", left, maxRecords)
	}
}

// Texts are read as long as there is room for what is compared of them, and no
// longer.
func TestClusterStopsReading(t *testing.T) {
	log := logOf(t, 300, func(n int) *pb.Event {
		text := strings.Repeat(fmt.Sprint("one", n, " two three four "), 10)
		return &pb.Event{Body: &pb.Event_Interaction{Interaction: &pb.Interaction{
			Output: []*pb.Message{{Role: "assistant", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}},
		}}}
	})
	c, err := New(Config{Log: log}).clustering("acme", ClusterRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.collect(t.Context(), log); err != nil {
		t.Fatal(err)
	}
	c.room = newMemory(20)
	if err := c.read(t.Context()); !errors.Is(err, errShingles) {
		t.Errorf("got %v, want errShingles", err)
	}
	read := 0
	for _, u := range c.utterances {
		if len(u.set) > 0 {
			read++
		}
	}
	if len(c.utterances) != 300 || read > 150 {
		t.Errorf("%d of %d texts were read", read, len(c.utterances))
	}
}

// Names are remembered of what is counted, and not of all that blocks have beside.
func TestNamesOfWhatIsCounted(t *testing.T) {
	log := logOf(t, 100, func(n int) *pb.Event {
		return &pb.Event{Source: &pb.Source{Instance: fmt.Sprint("i", n)}, Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}}}
	})
	p, err := New(Config{Log: log}).population("acme", Population{Filter: `source.instance == "i7"`, GroupBy: []string{"instance"}})
	if err != nil {
		t.Fatal(err)
	}
	k, s := newKeepers(p.by, interactions)[0], newSieve(p.search.condition)
	for n := range maxAlike + 1 {
		s.reads.values[0].id(fmt.Sprint("gone", n))
	}
	if _, err := log.EachColumns(t.Context(), "acme", eventlog.Selection{}, 1, func(_ int, c *eventlog.Columns) error {
		rows, err := s.matching(c)
		if err != nil {
			return err
		}
		return k.block(c, rows)
	}); err != nil {
		t.Fatal(err)
	}
	if names := k.values[0].names; len(names) != 1 || names[0] != "i7" {
		t.Errorf("the names %q are remembered, want one", names)
	}
	if n := len(s.reads.values[0].names); n == 0 || n > 101 {
		t.Errorf("the sieve remembers %d values of a column", n)
	}
}

// logOf returns a log of n events in one block.
func logOf(t *testing.T, n int, event func(n int) *pb.Event) *eventlog.Log {
	t.Helper()
	dir := t.TempDir()
	log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	batch := make([]eventlog.Prepared, n)
	for i := range batch {
		e := event(i)
		e.Id, e.Time, e.Class = fmt.Sprint(i), timestamppb.New(time.Now().Add(-time.Hour)), "routine"
		if batch[i], err = log.Prepare("acme", e); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := log.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return log
}
