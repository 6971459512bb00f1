package retention

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction"
)

// randomPolicy returns a policy that the one with keptRules, and any other of these,
// may be replaced by.
func randomPolicy(t *testing.T, r *rand.Rand) *policy.Document {
	t.Helper()
	days := func(from, to int) int { return from + r.IntN(to-from+1) }
	classes := []string{fmt.Sprintf("flagged: {keep: %dd, min: 40d}", days(40, 80)), "ledger: {keep: 7y, min: 7y}"}
	routine, overrides := "other", ""
	if r.IntN(3) > 0 {
		routine = "routine"
		if r.IntN(2) > 0 {
			overrides = fmt.Sprintf("overrides:\n  - {deployment: clinic, class: routine, keep: %dd}\n", days(1, 30))
		}
	}
	classes = append(classes, fmt.Sprintf("%s: {keep: %dd}", routine, days(1, 30)))
	source := fmt.Sprintf("classes: {%s}\n%srules:\n  - {when: 'source.service == \"risky\"', class: flagged}\n  - {class: %s}\n", strings.Join(classes, ", "), overrides, routine)
	d, err := policy.Parse([]byte(source))
	if err != nil {
		t.Fatalf("%s: %v", source, err)
	}
	return d
}

func (r *keeperRig) preview(d *policy.Document, cfg redaction.Config) *pb.PolicyPreview {
	r.t.Helper()
	redactor, err := redaction.New(cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	v := &Preview{Policies: r.policies, Tenant: acme, Document: d, Redactor: redactor, Stays: r.Stays, Now: r.time}
	p, err := v.Run(r.t.Context(), silent)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// goneOf tells which events are forgotten.
func (r *keeperRig) goneOf(seqs []event.Seq) map[event.Seq]bool {
	r.t.Helper()
	gone := map[event.Seq]bool{}
	for _, seq := range seqs {
		_, err := r.log.Read(r.t.Context(), acme, seq)
		if err != nil && !errors.Is(err, eventlog.ErrErased) {
			r.t.Fatal(err)
		}
		gone[seq] = err != nil
	}
	return gone
}

// bucketSeqs returns which evidence is in which bucket.
func (r *keeperRig) bucketSeqs() map[bucketName]*roaring64.Bitmap {
	r.t.Helper()
	out := map[bucketName]*roaring64.Bitmap{}
	for _, b := range r.log.Buckets() {
		if b.Tenant != acme || b.Class == policy.Ledger || b.Events == 0 {
			continue
		}
		seqs, err := r.log.BucketSeqs(r.t.Context(), b.ID)
		if err != nil {
			r.t.Fatal(err)
		}
		name := bucketName{b.Class, b.Day}
		if out[name] == nil {
			out[name] = roaring64.New()
		}
		out[name].Or(seqs)
	}
	return out
}

// What a preview says goes at once, goes at once when the policy is applied, and
// what it says expires on another day expires then and not before: event for event,
// by the Keeper, of random policies one after the other, with holds.
func TestPreviewIsWhatExpires(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 2
	}
	for seed := range rounds {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 1))
			r := keeping10(t)
			var seqs []event.Seq
			for change := range 3 {
				seqs = append(seqs, r.someDays(random, change)...)
				if random.IntN(2) == 0 {
					r.place(&pb.Hold_Scope{Sessions: []string{fmt.Sprint("s", random.IntN(4))}}, "counsel")
				}
				r.applyAsPreviewed(random, seqs)
			}
		})
	}
}

// someDays appends events on some days.
func (r *keeperRig) someDays(random *rand.Rand, change int) (seqs []event.Seq) {
	r.t.Helper()
	for day := range 4 + random.IntN(6) {
		for i := range random.IntN(4) {
			deployment, service := "", "chat"
			if random.IntN(3) == 0 {
				deployment = "clinic"
			}
			if random.IntN(4) == 0 {
				service = "risky"
			}
			seqs = append(seqs, r.add(&pb.Event{
				Id: fmt.Sprint(change, "-", day, "-", i), Session: fmt.Sprint("s", random.IntN(4)), Source: &pb.Source{Service: service, Deployment: deployment},
				Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}},
			}))
		}
		r.pass(24 * time.Hour)
	}
	return seqs
}

// applyAsPreviewed applies a random policy, and holds what happens on it and on the
// days after it against the preview.
func (r *keeperRig) applyAsPreviewed(random *rand.Rand, seqs []event.Seq) {
	r.t.Helper()
	next := randomPolicy(r.t, random)
	preview, buckets := r.preview(next, redaction.Config{}), r.bucketSeqs()
	held, err := r.Held(r.t.Context(), acme)
	if err != nil {
		r.t.Fatal(err)
	}
	due, before := map[event.Seq]time.Time{}, r.goneOf(seqs) // when what is said to change goes
	for _, list := range [][]*pb.PolicyPreview_Change{preview.GetNow(), preview.GetEarlier(), preview.GetLater()} {
		for _, c := range list {
			in := buckets[bucketName{c.GetClass(), c.GetDay().AsTime()}]
			if in.GetCardinality() != c.GetEvents() || roaring64.And(in, held).GetCardinality() != c.GetHeld() {
				r.t.Errorf("it says of %v what is %d events, %d of them held", c, in.GetCardinality(), roaring64.And(in, held).GetCardinality())
			}
			for it := roaring64.AndNot(in, held).Iterator(); it.HasNext(); {
				due[event.Seq(it.Next())] = c.GetTo().AsTime()
			}
		}
	}
	atOnce := map[event.Seq]bool{}
	for _, c := range preview.GetNow() {
		for it := buckets[bucketName{c.GetClass(), c.GetDay().AsTime()}].Iterator(); it.HasNext(); {
			atOnce[event.Seq(it.Next())] = true
		}
	}
	if err := put(r.t.Context(), r.policies, acme, next); err != nil {
		r.t.Fatal(err)
	}
	r.expireNow()
	for seq, gone := range r.goneOf(seqs) {
		if want := before[seq] || atOnce[seq] && !held.Contains(uint64(seq)); gone != want {
			r.t.Errorf("event %d: forgotten %v, want %v: said to go %v, held %v", seq, gone, want, due[seq], held.Contains(uint64(seq)))
		}
	}
	for range 5 {
		r.pass(24 * time.Hour)
		r.expireNow()
		for seq, gone := range r.goneOf(seqs) {
			if at, changes := due[seq]; changes && gone != !at.After(r.now) {
				r.t.Errorf("at %v event %d is forgotten %v, and it was said to expire at %v", r.now, seq, gone, at)
			}
		}
	}
}

// Of the last day's traffic a preview says what would be in another class, redacted
// otherwise and captured; the day before it and what cannot be told are left out.
func TestPreviewTraffic(t *testing.T) {
	r := keeping10(t)
	add := func(id, service, text string, p *float64, recorded ...*pb.Redaction) {
		t.Helper()
		e := &pb.Event{
			Id: id, Session: "s", Source: &pb.Source{Service: service}, Capture: &pb.Capture{Content: pb.Capture_RAW, Redactions: recorded},
			Body: &pb.Event_Interaction{Interaction: &pb.Interaction{Input: []*pb.Message{{Role: "user", Parts: []*pb.Part{{Kind: &pb.Part_Text{Text: text}}}}}}},
		}
		e.Capture.Probability = p
		if len(recorded) > 0 {
			e.Capture.Content = pb.Capture_REDACTED
		}
		r.add(e)
	}
	add("old", "chat", "alice@example.com", new(0.5))
	r.pass(30 * time.Hour)
	masked := &pb.Redaction{Type: "EMAIL", Detector: "email", Version: 1, Count: 1, Operator: pb.Redaction_MASK}
	add("plain", "chat", "nothing", new(0.5))
	add("leak", "chat", "call alice@example.com", new(0.25))
	add("masked", "risky", "call [EMAIL]", nil, masked)
	add("quiet", "never", "nothing", new(0.1))
	d, err := policy.Parse([]byte(`
classes: {routine: {keep: 10d}, flagged: {keep: 60d, min: 40d}, ledger: {keep: 7y, min: 7y}}
rules: [{when: 'source.service == "chat"', class: flagged}, {class: routine}]
sampling: [{when: 'source.service == "never"', rate: 0}, {when: 'interaction.verdicts[0].score > 0.5', rate: 1}, {rate: 0.5}]
redaction: {operators: {EMAIL: pseudonym}}
`))
	if err != nil {
		t.Fatal(err)
	}
	p := r.preview(d, redaction.Config{})
	if got := p.GetTrafficSince(); !got.AsTime().Equal(r.now.Add(-24 * time.Hour)) {
		t.Errorf("traffic since %v, want a day before %v", got.AsTime(), r.now)
	}
	if p.GetTraffic() != 4 || p.GetRedactedOtherwise() != 2 || p.GetUnredactable() != 0 {
		t.Errorf("traffic %d, redacted otherwise %d, unredactable %d, want 4, 2 and 0", p.GetTraffic(), p.GetRedactedOtherwise(), p.GetUnredactable())
	}
	var classes []string
	for _, c := range p.GetReclassified() {
		classes = append(classes, fmt.Sprint(c.GetFrom(), ">", c.GetTo(), " ", c.GetEvents()))
	}
	if got := strings.Join(classes, ", "); got != "flagged>routine 1, routine>flagged 2" {
		t.Errorf("reclassified: %s", got)
	}
	// The rule that asks for a verdict cannot be evaluated on three of them, two of which
	// were captured with a known probability: 1/0.5 + 1/0.25, and nothing of the quiet one.
	if p.GetUnevaluable() != 3 || p.GetCaptured() != 6 || p.GetCapturedNow() != 3 || p.GetCaptureUnknown() != 1 {
		t.Errorf("unevaluable %d, captured %v, now %d, unknown %d", p.GetUnevaluable(), p.GetCaptured(), p.GetCapturedNow(), p.GetCaptureUnknown())
	}
	size := r.log.Size()
	if r.preview(d, redaction.Config{}); r.log.Size() != size {
		t.Error("a preview changed the log")
	}
	dropping := redaction.Config{DropContent: true}
	if got := r.preview(parsed(t, string(d.Source())+"  content: drop\n"), dropping).GetRedactedOtherwise(); got != 4 {
		t.Errorf("where content is dropped %d are redacted otherwise, want all 4", got)
	}
}

func parsed(t *testing.T, source string) *policy.Document {
	t.Helper()
	source = strings.Replace(source, "redaction: {operators: {EMAIL: pseudonym}}\n  content: drop", "redaction: {content: drop}", 1)
	d, err := policy.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// What a preview says of a document that Apply refuses is why.
func TestPreviewRefused(t *testing.T) {
	r := keeping10(t)
	p := r.preview(document(t, "1d", "1d"), redaction.Config{})
	if !strings.Contains(p.GetRefused(), "class flagged is gone") || p.GetReplaces() == "" {
		t.Errorf("refused %q, replaces %q", p.GetRefused(), p.GetReplaces())
	}
}
