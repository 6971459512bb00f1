// Package view renders a replay as one HTML page that opens offline: for an
// export, for paper, for somebody who has no Afterimage.
//
//	about := view.About{Tenant: "acme", Session: "c-17", View: pb.View_BOTH}
//	err := view.Write(file, about, engine.Replay(ctx, "acme", "c-17", query.Options{View: pb.View_BOTH}))
//
// What is always true:
//
//   - The page loads nothing, runs nothing and sends nothing: there is no
//     script in it, and its Content-Security-Policy allows none and nothing of
//     another place, whatever stands in the evidence.
//   - Evidence is text: what would act on its reader is spelled out, as package
//     plain says.
//   - Every text of the frames stands in the page, folded until it is opened.
//   - Writing holds the texts of one step in memory, not the replay.
package view

import (
	"bufio"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"iter"
	"strconv"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/plain"
)

// About says what a page shows, for its head. Empty fields are left out.
type About struct {
	Tenant, Session string
	View            pb.View   // whose eyes the replay looked through
	AsOf            *uint64   // the position of the log that it was made as of; nil: what was known when it was made
	Made            time.Time // when it was made
	Facts           []Fact    // more for the head, such as a case or a checkpoint
}

// A Fact is a name and a value in the head of a page.
type Fact struct{ Name, Value string }

var (
	//go:embed page.css
	style string
	//go:embed page.html
	source string

	page = template.Must(template.New("page").Parse(source))
)

// styleHash lets the page's policy allow this style and no other.
func styleHash() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// Write writes the page of a replay to w, as the frames come. An error of the
// frames ends it: nothing is written if it is there from the start, and no whole
// page otherwise. It does not close w.
func Write(w io.Writer, about About, frames iter.Seq2[*pb.Frame, error]) error {
	out := bufio.NewWriter(w)
	p := &writer{out: out, about: about}
	for f, err := range frames {
		if err != nil {
			return fmt.Errorf("write the page of a session: %w", err)
		}
		if p.frame(f); p.err != nil {
			return p.err
		}
	}
	p.end()
	if p.err != nil {
		return p.err
	}
	return out.Flush()
}

// begin writes the head, once.
func (w *writer) begin() {
	if w.begun {
		return
	}
	w.begun = true
	w.put("head", head{
		Session: plain.Text(w.about.Session), Facts: w.about.facts(),
		Style: template.CSS(style), StyleHash: styleHash(), //nolint:gosec // The style is our own file.
	})
}

// head is what the head of a page is made of.
type head struct {
	Session   string
	Facts     []Fact
	Style     template.CSS
	StyleHash string
}

func (a About) facts() []Fact {
	facts := []Fact{{"Tenant", a.Tenant}, {"View", viewNames[a.View]}}
	if a.AsOf != nil {
		facts = append(facts, Fact{"As of", "position " + strconv.FormatUint(*a.AsOf, 10) + " of the log: what came later is not shown"})
	}
	if !a.Made.IsZero() {
		facts = append(facts, Fact{"Made", a.Made.UTC().Format(time.DateTime) + " UTC"})
	}
	var out []Fact
	for _, f := range append(facts, a.Facts...) {
		if f.Value != "" {
			out = append(out, Fact{plain.Text(f.Name), plain.Text(f.Value)})
		}
	}
	return out
}

var viewNames = map[pb.View]string{
	pb.View_VIEW_UNSPECIFIED: "what the user wrote and saw",
	pb.View_USER:             "what the user wrote and saw",
	pb.View_MODEL:            "what the model was given and generated",
	pb.View_BOTH:             "what the model generated beside what the user saw",
}

// A writer writes a page step by step.
type writer struct {
	out   io.Writer
	about About
	begun bool
	err   error // the first

	step   *pb.Frame // that is being gathered; nil: none
	pieces int       // that it reached the user in
	text   []byte    // of the step
	marks  []*pb.Frame_Segment

	event  *pb.Frame // the first frame of the event under way; nil: none
	events int
	last   uint64 // offset of the frame before, in milliseconds
}

func (w *writer) put(name string, data any) {
	if w.err == nil {
		w.err = page.ExecuteTemplate(w.out, name, data)
	}
}

// frame takes in the next frame.
func (w *writer) frame(f *pb.Frame) {
	w.begin()
	if f.GetContinued() && w.step != nil {
		w.text = append(w.text, f.GetText()...)
		w.marks = append(w.marks, f.GetDifference()...)
		w.pieces++
		return
	}
	w.flush()
	if w.event == nil || w.event.GetSeq() != f.GetSeq() {
		w.open(f)
	}
	w.step, w.pieces = f, 1
	w.text, w.marks = append(w.text[:0], f.GetText()...), append(w.marks[:0], f.GetDifference()...)
	w.last = f.GetOffsetMs()
}

// open begins the next event.
func (w *writer) open(f *pb.Frame) {
	w.close()
	at := f.GetTime().AsTime()
	opening := struct {
		Gap, Time, Machine string
		Seq                uint64
		Turn               uint32
	}{Time: at.Format("2006-01-02 15:04:05.000") + " UTC", Machine: at.Format(time.RFC3339Nano), Seq: f.GetSeq(), Turn: f.GetTurn()}
	if gap := f.GetOffsetMs() - w.last; w.event != nil && f.GetOffsetMs() > w.last && gap >= noteworthy {
		opening.Gap = plain.Span(time.Duration(gap) * time.Millisecond)
	}
	w.put("open", opening)
	w.event = f
	w.events++
}

// noteworthy is from which pause on a page says how long it was, in
// milliseconds.
const noteworthy = 60_000

func (w *writer) flush() {
	if w.step != nil {
		w.put("step", stepOf(w.step, string(w.text), w.marks, w.pieces))
		w.step = nil
	}
}

func (w *writer) close() {
	w.flush()
	if w.event != nil {
		w.put("close", nil)
	}
}

func (w *writer) end() {
	w.begin()
	w.close()
	w.put("foot", fmt.Sprintf("End of the session: %d events.", w.events))
}
