package witness

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	dto "github.com/prometheus/client_model/go"
	other "github.com/transparency-dev/formats/witness"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A store is a log of ours, and the client that has it cosigned.
type store struct {
	testing.TB
	cfg eventlog.Config
	*eventlog.Log
	*Client
}

func openStore(t testing.TB) *store {
	t.Helper()
	dir := t.TempDir()
	s := &store{TB: t, cfg: eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, CacheBytes: 1 << 20}}
	s.open()
	t.Cleanup(func() {
		if err := s.Log.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *store) open() {
	s.Helper()
	var err error
	if s.Log, err = eventlog.Open(context.Background(), s.cfg); err != nil {
		s.Fatal(err)
	}
}

// party is the log as witnesses know it.
func (s *store) party() party { return party{vkey: s.VerifierKey()} }

func (s *store) grow(to eventlog.Checkpoint, n int) eventlog.Checkpoint {
	s.Helper()
	var batch []eventlog.Prepared
	for i := range n {
		p, err := s.Prepare("a", &pb.Event{
			Id: fmt.Sprintf("%d-%d", to.Size, i), Time: timestamppb.Now(), Class: "routine", PolicyVersion: "v1",
			Body: &pb.Event_Report{Report: &pb.Report{Category: "harm"}},
		})
		if err != nil {
			s.Fatal(err)
		}
		batch = append(batch, p)
	}
	if _, err := s.Append(s.Context(), batch); err != nil {
		s.Fatal(err)
	}
	return s.Newest()
}

// ask has the witnesses of a policy asked from now on.
func (s *store) ask(quorum string, urls map[string]string, parties ...party) *Policy {
	s.Helper()
	text := "log " + s.VerifierKey() + "\n"
	names := ""
	for i, p := range parties {
		name := fmt.Sprintf("w%d", i)
		text += "witness " + name + " " + p.vkey + " " + urls[p.vkey] + "\n"
		names += " " + name
	}
	text += "group both all" + names + "\ngroup one any" + names + "\nquorum " + quorum + "\n"
	p, err := ParsePolicy([]byte(text))
	if err != nil {
		s.Fatal(err)
	}
	// What we publish satisfies the policy as others read it.
	if _, err := other.ParsePolicy([]byte(text)); err != nil {
		s.Fatal(err)
	}
	if s.Client, err = New(Config{Log: s.Log, Policy: p, Every: time.Nanosecond}); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(s.Client.http.CloseIdleConnections)
	return p
}

// rounds runs some and returns what is published then.
func (s *store) rounds(n int) eventlog.Checkpoint {
	s.Helper()
	for range n {
		if err := s.round(s.Context()); err != nil {
			s.Fatal(err)
		}
		s.http.CloseIdleConnections()
		for _, w := range s.witnesses {
			w.rest = time.Time{} // as if it had rested
		}
	}
	c, err := s.Client.Checkpoint(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return c
}

func (s *store) failures(witness, reason string) int {
	s.Helper()
	var m dto.Metric
	if err := s.Client.cfg.Metrics.failures.WithLabelValues(witness, reason).Write(&m); err != nil {
		s.Fatal(err)
	}
	return int(m.GetCounter().GetValue())
}

// size is what the metric says that a witness cosigned last.
func (s *store) size(witness string) int {
	s.Helper()
	var m dto.Metric
	if err := s.Client.cfg.Metrics.size.WithLabelValues(witness).Write(&m); err != nil {
		s.Fatal(err)
	}
	return int(m.GetGauge().GetValue())
}

// Whoever trusts the witnesses must find, at /tlog/checkpoint, what they
// cosigned, though the log grows on; and it never becomes less, not by a
// restart either.
func TestClient(t *testing.T) {
	s := openStore(t)
	one := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w1"), s.party())
	two := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w2"), s.party())
	urls := map[string]string{one.vkey: one.web.URL, two.vkey: two.web.URL + "/"}
	policy := s.ask("both", urls, one.party, two.party)

	if c := s.rounds(1); c.Size != 0 {
		t.Errorf("of an empty log: got %d", c.Size)
	}
	first := s.grow(s.Newest(), 5)
	if c, err := s.Client.Checkpoint(t.Context()); err != nil || c.Size != first.Size {
		t.Errorf("before anybody was asked: got %d, %v, want the newest", c.Size, err)
	}
	for range 3 {
		want := s.grow(s.Newest(), 300)
		c := s.rounds(1)
		if c.Size != want.Size {
			t.Fatalf("got %d published, want %d", c.Size, want.Size)
		}
		if _, seen, err := policy.Open(c.Note); err != nil || len(seen) != 2 {
			t.Errorf("got cosignatures %v, %v, want two", seen, err)
		}
	}
	published := s.rounds(2) // nothing grew
	s.grow(s.Newest(), 7)
	if c, err := s.Client.Checkpoint(t.Context()); err != nil || c.Size != published.Size {
		t.Errorf("grown: got %d, %v, want %d until it is cosigned", c.Size, err, published.Size)
	}
	if err := s.Log.Close(); err != nil {
		t.Fatal(err)
	}
	s.open()
	away := httptest.NewServer(http.NotFoundHandler())
	defer away.Close()
	s.ask("both", map[string]string{one.vkey: away.URL, two.vkey: away.URL}, one.party, two.party)
	s.rounds(1)
	if got := s.size("w1"); got != int(published.Size) {
		t.Errorf("started again while witnesses are away: w1 cosigned %d, want %d", got, published.Size)
	}
	s.ask("both", urls, one.party, two.party)
	if c, err := s.Client.Checkpoint(t.Context()); err != nil || !bytes.Equal(c.Note, published.Note) {
		t.Errorf("started again: got %q, %v, want %q", c.Note, err, published.Note)
	}
	if c := s.rounds(1); c.Size != s.Newest().Size { // they say themselves what they saw last
		t.Errorf("got %d, want %d", c.Size, s.Newest().Size)
	}
}

// A witness that does not answer must not hide what happens: after a while the
// newest is published without it, and with it when it is back.
func TestClientGoesOnWithout(t *testing.T) {
	s := openStore(t)
	one := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w1"), s.party())
	silent := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "later", http.StatusServiceUnavailable)
	}))
	defer silent.Close()
	two := newWitness(t, "example.org/w2")
	policy := s.ask("both", map[string]string{one.vkey: one.web.URL, two.vkey: silent.URL}, one.party, two)
	first := s.grow(s.Newest(), 5)
	s.rounds(1)
	last := s.grow(s.Newest(), 5)
	if c := s.rounds(patience - 2); c.Size != first.Size {
		t.Errorf("got %d published, want still %d", c.Size, first.Size)
	}
	if c := s.rounds(1); c.Size != last.Size {
		t.Errorf("got %d published, want %d: there was time enough", c.Size, last.Size)
	} else if _, _, err := policy.Open(c.Note); err == nil {
		t.Error("it is a quorum, though one never answered")
	}
	if s.failures("w1", reasonUnreachable) == 0 {
		t.Error("no failure was counted")
	}
	back := runWitness(t, vfs.NewMem(), two, s.party())
	s.witnesses[1].URL = back.web.URL
	if c := s.rounds(1); c.Size != last.Size {
		t.Errorf("got %d published, want %d", c.Size, last.Size)
	} else if _, seen, err := policy.Open(c.Note); err != nil || len(seen) != 2 {
		t.Errorf("got cosignatures %v, %v, want both", seen, err)
	}
}

// A store that shows a witness another history than before is told so, and by
// none of its answers does it get a cosignature.
func TestClientOfAForkedLog(t *testing.T) {
	s := openStore(t)
	p := newLog(t, s.Origin())
	w := runWitness(t, vfs.NewMem(), newWitness(t, "example.org/w"), s.party())
	// The witness saw another history under the same key: as if the store had
	// been set back and had gone on.
	s.grow(s.Newest(), 20)
	s.ask("one", map[string]string{w.vkey: w.web.URL}, w.party)
	forked := newHistory(t, p).grow("other", 40)
	for _, c := range []struct {
		size   int64
		reason string
	}{{10, reasonForked}, {20, reasonForked}, {30, reasonAhead}} {
		if err := w.state.save(s.Origin(), forked.checkpoint(c.size)); err != nil {
			t.Fatal(err)
		}
		published := s.rounds(1)
		if got := s.failures("w0", c.reason); got == 0 {
			t.Errorf("it saw %d events of another history: no failure %q was counted", c.size, c.reason)
		}
		if bytes.Contains(published.Note, []byte("example.org/w ")) {
			t.Errorf("published as cosigned: %q", published.Note)
		}
	}
}

// Whatever a witness answers, the log goes on, and only what it signed counts.
func TestClientOfOddWitnesses(t *testing.T) {
	s := openStore(t)
	wp, impostor := newWitness(t, "example.org/w"), newWitness(t, "example.org/w")
	answers := map[string]func(http.ResponseWriter){}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answers[strings.Split(r.URL.Path, "/")[1]](w)
	}))
	defer web.Close()
	status := func(code int) func(http.ResponseWriter) { return func(w http.ResponseWriter) { w.WriteHeader(code) } }
	size := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/x.tlog.size")
			w.WriteHeader(http.StatusConflict)
			fmt.Fprint(w, text)
		}
	}
	s.grow(s.Newest(), 20)
	flip := 0
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		reason string
	}{
		"400":      {status(400), reasonRefused},
		"403":      {status(403), reasonUnknown},
		"404":      {status(404), reasonUnknown},
		"409":      {status(409), reasonMalformed},
		"422":      {status(422), reasonForked},
		"429":      {status(429), reasonUnreachable},
		"500":      {status(500), reasonUnreachable},
		"redirect": {func(w http.ResponseWriter) { w.Header().Set("Location", web.URL+"/400"); w.WriteHeader(307) }, reasonRefused},
		"size":     {size("x\n"), reasonMalformed},
		"huge":     {size("9223372036854775807\n"), reasonAhead},
		"fickle":   {func(w http.ResponseWriter) { flip++; size(fmt.Sprintf("%d\n", flip%7+1))(w) }, reasonMalformed},
		"empty":    {func(http.ResponseWriter) {}, reasonMalformed},
		"garbage":  {func(w http.ResponseWriter) { fmt.Fprint(w, "garbage") }, reasonMalformed},
		"endless":  {func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte("— "), maxResponse)) }, reasonMalformed},
		"impostor": {func(w http.ResponseWriter) {
			newest := s.Newest()
			signed := checkpoint(t, s.Origin(), uint64(newest.Size), newest.Root, impostor.signer)
			_, lines, _ := strings.Cut(string(signed), "\n\n")
			fmt.Fprint(w, lines)
		}, reasonMalformed},
		"stale": {func(w http.ResponseWriter) {
			signed := checkpoint(t, s.Origin(), 19, s.Newest().Root, wp.signer)
			_, lines, _ := strings.Cut(string(signed), "\n\n")
			fmt.Fprint(w, lines)
		}, reasonMalformed},
	} {
		answers[name] = c.answer
		s.ask("one", map[string]string{wp.vkey: web.URL + "/" + name}, wp)
		published := s.rounds(1)
		if got := s.failures("w0", c.reason); got != 1 {
			t.Errorf("%s: got %d failures %q, want 1", name, got, c.reason)
		}
		if bytes.Contains(published.Note, []byte("example.org/w ")) {
			t.Errorf("%s: published as cosigned: %q", name, published.Note)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	s := openStore(t)
	w := newWitness(t, "example.org/w")
	for _, url := range []string{"", "example.org", "ftp://example.org"} {
		p, err := ParsePolicy([]byte("witness w " + w.vkey + " " + url + "\nquorum w\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(Config{Log: s.Log, Policy: p}); err == nil || !strings.Contains(err.Error(), "witness w") {
			t.Errorf("URL %q: got %v, want it refused", url, err)
		}
	}
	p, err := ParsePolicy([]byte("quorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{Log: s.Log, Policy: p}); err == nil {
		t.Error("a policy without witnesses was taken")
	}
}
