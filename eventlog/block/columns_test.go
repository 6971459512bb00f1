package block

import (
	"hash/maphash"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// seen is what columns have of an event, as an event.
func seen(c *Columns, i int) *pb.Event {
	text := func(of Column) string { s := c.Strings(of); return s.Values[s.Place(i)] }
	e := &pb.Event{
		Class: text(Class),
		Source: &pb.Source{
			Service: text(Service), Version: text(Version), Instance: text(Instance),
			Deployment: text(Deployment), Environment: text(Environment), Region: text(Region),
		},
		Capture: &pb.Capture{Rule: text(Rule), Sequence: c.Sequence(i)},
	}
	if p := c.Probabilities(); !math.IsNaN(p.Values[p.Place(i)]) {
		e.Capture.Probability = &p.Values[p.Place(i)]
	}
	if !c.Interaction(i) {
		e.Body = c.Other(i).GetBody()
		return e
	}
	in := &pb.Interaction{Model: &pb.Model{Name: text(Model), Version: text(ModelVersion)}}
	v := c.Verdicts()
	for at, to := v.Of(i); at < to; at++ {
		verdict := &pb.Verdict{
			Scope: v.Scopes[at], Action: v.Actions[at], Category: v.Category.Values[v.Category.Place(at)],
			Classifier: &pb.Classifier{Name: v.Classifier.Values[v.Classifier.Place(at)]}, Score: v.Score.Values[v.Score.Place(at)],
		}
		if t := v.Threshold.Values[v.Threshold.Place(at)]; !math.IsNaN(t) {
			verdict.Threshold = &t
		}
		in.Verdicts = append(in.Verdicts, verdict)
	}
	e.Body = &pb.Event_Interaction{Interaction: in}
	return e
}

// known is the same of an event as the meta section has it.
func known(e *pb.Event) *pb.Event {
	s := e.GetSource()
	out := &pb.Event{
		Class: e.GetClass(),
		Source: &pb.Source{
			Service: s.GetService(), Version: s.GetVersion(), Instance: s.GetInstance(),
			Deployment: s.GetDeployment(), Environment: s.GetEnvironment(), Region: s.GetRegion(),
		},
		Capture: &pb.Capture{Rule: e.GetCapture().GetRule(), Sequence: e.GetCapture().GetSequence()},
	}
	if c := e.GetCapture(); c != nil {
		out.Capture.Probability = c.Probability
	}
	was := e.GetInteraction()
	if was == nil {
		out.Body = e.GetBody()
		return out
	}
	in := &pb.Interaction{Model: &pb.Model{Name: was.GetModel().GetName(), Version: was.GetModel().GetVersion()}}
	for _, v := range was.GetVerdicts() {
		v = proto.CloneOf(v)
		v.Target, v.Classifier = "", &pb.Classifier{Name: v.GetClassifier().GetName()}
		in.Verdicts = append(in.Verdicts, v)
	}
	out.Body = &pb.Event_Interaction{Interaction: in}
	return out
}

// agree compares columns with the meta section that they are of.
func agree(t *testing.T, c *Columns, m *Meta) {
	t.Helper()
	sessions, users := map[string]uint64{}, map[string]uint64{}
	for i := range m.Len() {
		e, err := m.Event(i)
		if err != nil {
			t.Fatal(err)
		}
		if c.Seq(i) != m.Seq(i) || c.Time(i) != m.Time(i) {
			t.Errorf("event %d: at %d, %d, want %d, %d", i, c.Seq(i), c.Time(i), m.Seq(i), m.Time(i))
		}
		if diff := cmp.Diff(known(e), seen(c, i), protocmp.Transform()); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
		for _, n := range []struct {
			name  string
			names *Names
			all   map[string]uint64
		}{{e.GetSession(), c.Sessions(), sessions}, {e.GetUser(), c.Users(), users}} {
			hash := n.names.Hashes[n.names.Place(i)]
			if before, met := n.all[n.name]; met && before != hash || (n.name == "") != (hash == 0) {
				t.Errorf("event %d: a hash %d of %q, before %d", i, hash, n.name, before)
			}
			n.all[n.name] = hash
		}
	}
}

// What is counted is what the meta section says, of events of every kind.
func TestColumns(t *testing.T) {
	b := EncodeMeta(items(t))
	c, err := decodeColumns(b, maphash.MakeSeed())
	if err != nil {
		t.Fatal(err)
	}
	m, err := DecodeMeta(b)
	if err != nil {
		t.Fatal(err)
	}
	agree(t, c, m)
	if names := c.Sessions(); names.Hashes[names.Place(0)] == names.Hashes[names.Place(1)] {
		t.Error("two sessions have one hash")
	}
}

// Places of more than a byte, and of one value alone, are read as they were
// written.
func TestPlaces(t *testing.T) {
	for _, n := range []int{1, 2, 127, 128, 255, 256, 300, 70_000} {
		all := make([]string, n)
		for i := range all {
			all[i] = string(rune('A'+i%26)) + string(rune(0x4e00+i))
		}
		all = append(all, "", all[0])
		r := reader{b: appendStrings(nil, all)}
		dict := r.dictionary()
		p := places(&r, len(all), len(dict))
		for i, want := range all {
			if got := dict[p.Place(i)]; got != want {
				t.Fatalf("%d of %d: got %q, want %q", i, n, got, want)
			}
		}
		if r.err != nil || len(r.b) > 0 {
			t.Errorf("of %d: error %v, %d bytes left", n, r.err, len(r.b))
		}
	}
}

// Whatever a section says, it is refused, or all of it can be read.
func FuzzDecodeColumns(f *testing.F) {
	f.Add(EncodeMeta(items(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeColumns(b, maphash.MakeSeed())
		if err != nil {
			return
		}
		for i := range c.Len() {
			seen(c, i)
			for _, n := range []*Names{c.Sessions(), c.Users()} {
				_ = n.Hashes[n.Place(i)]
			}
		}
	})
}
