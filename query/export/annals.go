package export

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/flate"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// Annals are what a bag says of its events beside themselves: what became of
// them and by whom, what was redacted in them, and how they came to be recorded.
// All of it follows from the events and from ledger events, which are in the bag
// with proofs: whoever has these can make it again, and Verify does.
type annals struct {
	custody, redactions, inclusion spool
	events, unknown                uint64
	strata                         map[stratum]uint64
	policies                       []*pb.Event
	sampled                        query.Sampled
	estimate                       json.RawMessage // that another version made; nil: to be made
}

// A custodyLine is one line of custody.jsonl: who did what to which event, when,
// why, how and with which result. It stands in the log at Seq.
type custodyLine struct {
	Seq        uint64    `json:"seq,string"`
	Time       time.Time `json:"time"`
	Who        string    `json:"who"`
	What       string    `json:"what"`
	Why        string    `json:"why,omitempty"`
	How        string    `json:"how,omitempty"`
	OnWhat     string    `json:"onWhat"`
	Result     string    `json:"result,omitempty"`
	HashBefore string    `json:"hashBefore,omitempty"`
	HashAfter  string    `json:"hashAfter,omitempty"`
}

// A redactionLine is one line of redactions.jsonl: what was replaced in an event
// before it was stored, or since.
type redactionLine struct {
	Seq      uint64 `json:"seq,string"`
	EventID  string `json:"eventId,omitempty"`
	Content  string `json:"content,omitempty"` // DROPPED: policy took the texts away
	Type     string `json:"type,omitempty"`
	Count    uint32 `json:"count,omitempty"`
	Detector string `json:"detector,omitempty"`
	Version  uint32 `json:"version,omitempty"`
	Operator string `json:"operator,omitempty"`
	Ledger   uint64 `json:"ledgerSeq,string,omitempty"` // the ledger event that says that it was done since
}

// evidence notes an exported event. They come by ascending position.
func (a *annals) evidence(f fact) error {
	e := f.event
	a.events++
	if err := a.custody.line(custodyLine{
		Seq: e.GetSeq(), Time: e.GetReceived().AsTime(), Who: join("/", e.GetSource().GetService(), e.GetSource().GetInstance()),
		What: "recorded", Why: join(", ", e.GetCapture().GetRule(), e.GetCapture().GetTrigger()),
		How:    "published and appended to the log",
		OnWhat: fmt.Sprint("seq ", e.GetSeq()), Result: "class " + e.GetClass() + ", policy " + e.GetPolicyVersion(),
		HashAfter: fmt.Sprintf("%x", f.leaf),
	}); err != nil {
		return err
	}
	if err := a.replaced(e); err != nil {
		return err
	}
	return a.included(e)
}

// replaced notes what redaction did to an event before it was stored.
func (a *annals) replaced(e *pb.Event) error {
	c := e.GetCapture()
	if c.GetContent() == pb.Capture_DROPPED {
		if err := a.redactions.line(redactionLine{Seq: e.GetSeq(), EventID: e.GetId(), Content: c.GetContent().String()}); err != nil {
			return err
		}
	}
	for _, r := range c.GetRedactions() {
		if err := a.redactions.line(redactionLine{
			Seq: e.GetSeq(), EventID: e.GetId(), Type: r.GetType(), Count: r.GetCount(),
			Detector: r.GetDetector(), Version: r.GetVersion(), Operator: r.GetOperator().String(),
		}); err != nil {
			return err
		}
	}
	return nil
}

// ledger notes a ledger event that is about exported events, as isExported
// tells. They come by ascending position, after the events.
func (a *annals) ledger(e *pb.Event, isExported func(event.Seq) bool) error {
	switch body := e.GetBody().(type) {
	case *pb.Event_Exported:
		return a.custody.line(stepLine(e, body.Exported))
	case *pb.Event_PolicyApplied:
		a.policies = append(a.policies, e)
		return a.custody.line(custodyLine{
			Seq: e.GetSeq(), Time: e.GetTime().AsTime(), What: "policy applied", OnWhat: "events recorded under it",
			Result: "policy " + body.PolicyApplied.GetVersion(),
		})
	case *pb.Event_Redacted:
		return a.redacted(e, body.Redacted, isExported)
	}
	return fmt.Errorf("event %d is no ledger event that a bag has", e.GetSeq())
}

// stepLine is the line of a step of the export itself.
func stepLine(e *pb.Event, step *pb.Exported) custodyLine {
	line := custodyLine{Seq: e.GetSeq(), Time: e.GetTime().AsTime(), Who: step.GetActor(), Why: step.GetReason(), OnWhat: "this export"}
	switch step.GetStage() {
	case pb.Exported_REQUESTED:
		line.What, line.How = "export requested", "operation "+step.GetOperation()
	default:
		line.Who, line.What = "the store", "export gathered"
		line.Result = fmt.Sprintf("%d events, digest %x", step.GetEvents(), step.GetDigest())
	}
	return line
}

// redacted notes what was redacted in exported events after they were stored.
func (a *annals) redacted(e *pb.Event, body *pb.Redacted, isExported func(event.Seq) bool) error {
	for _, r := range body.GetEvents() {
		if !isExported(event.Seq(r.GetSeq())) {
			continue
		}
		var what []string
		for _, c := range r.GetRedactions() {
			what = append(what, fmt.Sprintf("%d %s", c.GetCount(), c.GetType()))
			if err := a.redactions.line(redactionLine{Seq: r.GetSeq(), Type: c.GetType(), Count: c.GetCount(), Ledger: e.GetSeq()}); err != nil {
				return err
			}
		}
		if err := a.custody.line(custodyLine{
			Seq: e.GetSeq(), Time: e.GetTime().AsTime(), Who: body.GetActor(), What: "redacted", Why: body.GetReason(),
			How: strings.Join(body.GetDetectors(), ", "), OnWhat: fmt.Sprint("seq ", r.GetSeq()), Result: strings.Join(what, ", "),
			HashBefore: fmt.Sprintf("%x", r.GetOld()), HashAfter: fmt.Sprintf("%x", r.GetNew()),
		}); err != nil {
			return err
		}
	}
	return nil
}

// files calls f with the name of each file that this comes to, and what writes
// it.
func (a *annals) files(f func(name string, write func(io.Writer) error) error) error {
	for _, file := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{"data/custody.jsonl", a.custody.copyTo},
		{"data/redactions.jsonl", a.redactions.copyTo},
		{samplingName, a.sampling},
	} {
		if err := f(file.name, file.write); err != nil {
			return err
		}
	}
	for i, p := range a.policies {
		write := func(w io.Writer) error {
			_, err := io.WriteString(w, p.GetPolicyApplied().GetDocument())
			return err
		}
		name := fmt.Sprintf("data/policies/%d.yaml", p.GetSeq())
		if i == len(a.policies)-1 { // The one in force.
			name = "data/policy.yaml"
		}
		if err := f(name, write); err != nil {
			return err
		}
	}
	return nil
}

// join joins the words that are there.
func join(by string, words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), by)
}

// A spool keeps lines, compressed, until their file is written.
type spool struct {
	buf bytes.Buffer
	z   *flate.Writer
}

// line adds a value as a line of JSON.
func (s *spool) line(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if s.z == nil {
		if s.z, err = flate.NewWriter(&s.buf, flate.BestSpeed); err != nil {
			return err
		}
	}
	_, err = s.z.Write(append(text, '\n'))
	return err
}

// copyTo writes the lines. Nothing is added after it.
func (s *spool) copyTo(w io.Writer) error {
	if s.z == nil {
		return nil
	}
	if err := s.z.Close(); err != nil {
		return err
	}
	_, err := io.Copy(w, flate.NewReader(bytes.NewReader(s.buf.Bytes())))
	return err
}
