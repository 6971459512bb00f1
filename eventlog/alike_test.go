package eventlog

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/event/minhash"
	"github.com/afterimage/afterimage/event/words"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// sayings are texts that resemble one another: random sentences of few words, and
// variants of them.
type sayings struct {
	random     *rand.Rand
	vocabulary []string
	all        []string
}

func newSayings(seed uint64) *sayings {
	s := &sayings{random: rand.New(rand.NewPCG(seed, 1))}
	for i := range 150 {
		s.vocabulary = append(s.vocabulary, fmt.Sprintf("word%d", i))
	}
	return s
}

func (s *sayings) word() string { return s.vocabulary[s.random.IntN(len(s.vocabulary))] }

// next returns a text: a new one, a variant of one, or one again.
func (s *sayings) next() string {
	var text []string
	if n := len(s.all); n == 0 || s.random.IntN(25) == 0 {
		for range 1 + s.random.IntN(40) {
			text = append(text, s.word())
		}
	} else if text = strings.Fields(s.all[s.random.IntN(n)]); s.random.IntN(3) > 0 {
		for range 1 + len(text)/8 {
			text[s.random.IntN(len(text))] = s.word()
		}
	}
	if s.random.IntN(30) == 0 {
		text = []string{"...", "?!"}
	}
	s.all = append(s.all, strings.Join(text, " "))
	return s.all[len(s.all)-1]
}

// event returns the n-th event, of one of three classes, which says such texts.
func (s *sayings) event(n int) *pb.Event {
	e := sample(0)
	e.Id, e.Time, e.Class = fmt.Sprintf("saying-%d", n), timestamppb.New(start0.Add(time.Duration(s.random.IntN(3600))*time.Second)), []string{"routine", "flagged", "reported"}[s.random.IntN(3)]
	e.Session = fmt.Sprintf("session-%d", s.random.IntN(20))
	e.Capture.Probability = nil
	if p := []float64{0, 0.5, 0.05}[s.random.IntN(3)]; p > 0 {
		e.Capture.Probability = &p
	}
	say := func(role string) []*pb.Message {
		return []*pb.Message{{Role: role, Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: s.next()}}}}}
	}
	in := &pb.Interaction{Input: say("user"), Output: say("assistant")}
	switch s.random.IntN(6) {
	case 0:
		in.Shown = say("assistant")
	case 1:
		in.Output = nil
	case 2:
		e.Body = &pb.Event_Action{Action: &pb.Action{Text: s.next()}}
		return e
	}
	e.Body = &pb.Event_Interaction{Interaction: in}
	return e
}

func (s *sayings) add(t *testing.T, l *Log, tenant event.Tenant, from, to int) {
	t.Helper()
	var batch []Prepared
	for n := from; n < to; n++ {
		p, err := l.Prepare(tenant, s.event(n))
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	if _, err := l.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// slowly finds what is alike by reading everything: the events by text, and how
// alike each text is.
func slowly(t *testing.T, l *Log, tenant event.Tenant, sel Selection, like Likeness) (seqs map[string][]event.Seq, alike map[string]float64) {
	t.Helper()
	seqs, alike = map[string][]event.Seq{}, map[string]float64{}
	sel.Order = LogOrder
	for entry, err := range l.Scan(t.Context(), tenant, sel) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := entry.Event()
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range like.Voices {
			text := event.TextOf(e, v)
			if text == "" || slices.Contains(seqs[text], entry.Seq) {
				continue
			}
			similarity := minhash.Jaccard(minhash.Of(text), minhash.Of(like.Text))
			if text == like.Text {
				similarity = 1
			}
			if similarity >= like.Threshold {
				seqs[text], alike[text] = append(seqs[text], entry.Seq), similarity
			}
		}
	}
	return seqs, alike
}

// missed counts what a likeness misses.
type missed struct{ texts, missed int }

// compare holds an Alike to what reading everything finds: all it says is so;
// short texts and copies are never missed, long ones rarely.
func (m *missed) compare(t *testing.T, l *Log, tenant event.Tenant, sel Selection, like Likeness) {
	t.Helper()
	got, err := l.Alike(t.Context(), tenant, sel, like)
	if err != nil {
		t.Fatal(err)
	}
	seqs, alike := slowly(t, l, tenant, sel, like)
	if got.Work.Incomplete || got.Work.Verified < len(got.Texts) {
		t.Errorf("%q: %+v", like.Text, got.Work)
	}
	last := 2.0
	for _, text := range got.Texts {
		var met []event.Seq
		for _, s := range text.Sightings {
			met = append(met, s.Seq)
			e, err := s.Event()
			if err != nil {
				t.Fatal(err)
			}
			if s.Probability != e.GetCapture().GetProbability() {
				t.Errorf("event %d: probability %v, want %v", s.Seq, s.Probability, e.GetCapture().GetProbability())
			}
		}
		if !slices.Equal(met, seqs[text.Text]) || text.Similarity != alike[text.Text] || text.Events != len(met) || text.Similarity > last {
			t.Errorf("%q, like %q to %v: %d events at %d, want %v at %d", text.Text, like.Text, text.Similarity, text.Events, met, alike[text.Text], seqs[text.Text])
		}
		last = text.Similarity
		delete(seqs, text.Text)
		m.texts++
	}
	for text := range seqs {
		m.texts++
		m.missed++
		if text == like.Text || len(words.Of(text)) <= 14 {
			t.Errorf("%q, like %q to %v by %v, was not found", text, like.Text, alike[text], like.Threshold)
		}
	}
}

func (s *sayings) likeness() Likeness {
	voices := [][]event.Voice{{event.Generated}, {event.Shown}, {event.Asked}, {event.Generated, event.Shown}}[s.random.IntN(4)]
	return Likeness{Text: s.all[s.random.IntN(len(s.all))], Threshold: []float64{0.2, 0.4, 0.7, 1}[s.random.IntN(4)], Voices: voices}
}

func (s *sayings) selection() (sel Selection) {
	if s.random.IntN(2) == 0 {
		sel.Since = start0.Add(time.Duration(s.random.IntN(1800)) * time.Second)
		sel.Until = sel.Since.Add(30 * time.Minute)
	}
	switch s.random.IntN(4) {
	case 0:
		sel.Terms = []Term{{FieldSession, []string{"session-1", "session-2", "session-3"}}}
	case 1:
		sel.Terms = []Term{{FieldClass, []string{"flagged"}}}
	}
	return sel
}

// What is alike is found wherever events lie and whatever became of them, as if
// everything were read; what is forgotten, was before it was redacted, or is another
// tenant's, never is.
func TestAlikeIsWhatReadingFinds(t *testing.T) {
	cfg := config(t)
	now := cfg.Now()
	cfg.Now = func() time.Time { return now }
	l := open(t, cfg)
	s := newSayings(7)
	var m missed
	look := func(n int) {
		t.Helper()
		for range n {
			m.compare(t, l, "acme", s.selection(), s.likeness())
		}
	}
	for n := range 20 {
		s.add(t, l, "acme", 60*n, 60*n+60)
		s.add(t, l, "umbrella", 60*n, 60*n+7)
	}
	look(100)
	pick := func(n int) (some []event.Seq) {
		for range n {
			seq := event.Seq(s.random.IntN(int(l.Size())))
			if class, err := l.Class("acme", seq); err == nil && class != LedgerClass {
				some = append(some, seq)
			}
		}
		return some
	}
	if err := l.Promote(t.Context(), "acme", pick(80), "reported"); err != nil {
		t.Fatal(err)
	}
	look(30)
	what := redaction("acme", "r1", pick(60)...)
	what.Apply = func(_ context.Context, e *pb.Event) error {
		for _, msg := range e.GetInteraction().GetOutput() {
			msg.Parts[0] = &pb.Part{Kind: &pb.Part_Text{Text: "what it was is gone " + e.GetId()}}
		}
		return nil
	}
	redact(t, l, what)
	look(30)
	forget(t, l, erasure("acme", "f1", pick(150)...))
	look(30)
	now = now.Add(48 * time.Hour)
	merge(t, l)
	look(40)
	check(t, l)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := Rebuild(t.Context(), cfg, func(Progress) {}); err != nil {
		t.Fatal(err)
	}
	l = open(t, cfg)
	look(30)
	check(t, l)
	t.Logf("missed %d of %d texts", m.missed, m.texts)
	if m.texts < 500 || float64(m.missed) > 0.05*float64(m.texts) {
		t.Errorf("missed %d of %d texts", m.missed, m.texts)
	}
}

// Blocks of stores that earlier versions wrote have no sketches: what they say is
// found as well.
func TestAlikeInOldBlocks(t *testing.T) {
	for _, name := range []string{"store.v1", "store.v2", "store.v3"} {
		dir := t.TempDir()
		copyDir(t, filepath.Join("testdata", name), dir)
		cfg := config(t)
		cfg.Dir, cfg.KeysDir = filepath.Join(dir, "data"), filepath.Join(dir, "keys")
		l := open(t, cfg)
		for _, want := range []struct {
			voice event.Voice
			text  string
			texts int
		}{{event.Generated, "an answer that goes on and on", 1}, {event.Asked, "question number 117 about the dose", 277}} {
			var m missed
			m.compare(t, l, "acme", Selection{}, Likeness{want.text, 0.5, []event.Voice{want.voice}})
			if m.missed > 0 || m.texts < 1 {
				t.Errorf("%s: %q: missed %d of %d", name, want.text, m.missed, m.texts)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A text that thousands saw is one result; more than can be held are counted, and
// the answer says that it is not whole.
func TestAlikeIsBounded(t *testing.T) {
	l := open(t, config(t))
	var batch []Prepared
	for n := range 3000 {
		e := saying(n, "the same to everybody, whoever asks and whenever it may be")
		if n%2 == 0 {
			e = saying(n, fmt.Sprintf("the same to everybody, whoever asks and whenever it may be, number %d", n))
		}
		e.Session = fmt.Sprint("s", n)
		p, err := l.Prepare("acme", e)
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, p)
	}
	if _, err := l.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	like := Likeness{"the same to everybody, whoever asks and whenever it may be", 0.4, []event.Voice{event.Asked}}
	got, err := l.Alike(t.Context(), "acme", Selection{}, like)
	if err != nil {
		t.Fatal(err)
	}
	if first := got.Texts[0]; first.Events != 1500 || first.Similarity != 1 || len(first.Sightings) != 1500 {
		t.Errorf("the text itself: %d events, %v alike", first.Events, first.Similarity)
	}
	if len(got.Texts) != 1501 || got.Work.Incomplete || got.Work.Verified != 1501 {
		t.Errorf("%d texts, work %+v", len(got.Texts), got.Work)
	}
	w := looking{aliking: &aliking{out: &Alikes{}}, found: map[identity]*candidate{}}
	for i := range 10 {
		w.found[identity{name: 7 + 1<<uint(i)}] = &candidate{identity: identity{name: 7 + 1<<uint(i)}, estimate: float64(i) / 10, seen: make([]Sighting, 1)}
	}
	if left := w.likeliest(4); len(left) != 4 || left[0].estimate != 0.9 || w.floor != 0.5 || !w.incomplete || w.room != 6 || len(w.found) != 4 {
		t.Errorf("of ten candidates %d are left, the first of %v, floor %v, incomplete %v", len(left), left[0].estimate, w.floor, w.incomplete)
	}
}

// Nobody's text is found for another: a tenant that said nothing gets nothing, and
// makes no keys.
func TestAlikeOfNobody(t *testing.T) {
	l := open(t, config(t))
	add(t, l, "acme", 0, 5)
	got, err := l.Alike(t.Context(), "umbrella", Selection{}, Likeness{"an answer that goes on and on", 0.4, []event.Voice{event.Generated}})
	if err != nil || len(got.Texts) > 0 || got.Work.Compared > 0 {
		t.Errorf("got %+v, %v", got, err)
	}
	if names := l.Tenants(); len(names) != 1 {
		t.Errorf("tenants are %v", names)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Alike(ctx, "acme", Selection{}, Likeness{"an answer", 0.4, []event.Voice{event.Generated}}); err == nil {
		t.Error("went on though it was cancelled")
	}
}

// What a block tells of its texts is sealed: no text, word or sketch of one stands
// in the clear.
func TestSketchesAreSealed(t *testing.T) {
	cfg := config(t)
	l := open(t, cfg)
	const text = "a rather long text that somebody was shown, so long that it has a sketch of its minima"
	p, err := l.Prepare("acme", saying(0, text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), []Prepared{p}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	sketch := new(minhash.Maker).Sketch(words.Of(text)).Append(nil)
	err = filepath.WalkDir(cfg.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		stored, err := os.ReadFile(path)
		for what, part := range map[string]string{"the text": "rather long text", "its sketch": string(sketch[1:])} {
			if strings.Contains(string(stored), part) {
				t.Errorf("%s has %s", d.Name(), what)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
