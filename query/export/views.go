package export

import (
	"cmp"
	"fmt"
	"html/template"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/view"
)

// viewsDir has a page for each session, as its user lived it as far as its
// events are in the bag.
const (
	viewsDir  = "data/views/"
	viewIndex = viewsDir + "index.html"
)

// A player puts together which events are of which session.
type cast struct {
	moments  []query.Moment
	sizes    []int            // of the events, as stored
	sessions map[string][]int // into moments, ascending
	about    map[string][]int // by the id of the event that they are about
}

func newCast() *cast { return &cast{sessions: map[string][]int{}, about: map[string][]int{}} }

// add adds an event. They come by ascending position.
func (c *cast) add(f fact) {
	e := f.event
	i := len(c.moments)
	m := query.Moment{Seq: event.Seq(e.GetSeq()), Time: e.GetTime().AsTime(), ID: e.GetId(), Turn: e.GetTurn(), Target: query.TargetOf(e)}
	c.moments, c.sizes = append(c.moments, m), append(c.sizes, f.size)
	for _, session := range slices.Compact([]string{e.GetSession(), e.GetReport().GetSession()}) {
		if session != "" {
			c.sessions[session] = append(c.sessions[session], i)
		}
	}
	if m.Target != "" {
		c.about[m.Target] = append(c.about[m.Target], i)
	}
}

// A page is the view of one session.
type page struct {
	Name    string // of its file in viewsDir
	Session string
	Events  int
	First   time.Time
	of      []int // moments
	size    int   // of the events, as stored
}

// pages returns the pages, by the positions of their first events.
func (c *cast) pages() []page {
	var out []page
	for _, session := range slices.Sorted(maps.Keys(c.sessions)) {
		of := c.with(c.sessions[session])
		first := c.moments[of[0]]
		p := page{Session: session, Events: len(of), First: first.Time, of: of, Name: fmt.Sprintf("%d-%s.html", first.Seq, slug(session))}
		for _, i := range of {
			p.size += c.sizes[i]
		}
		out = append(out, p)
	}
	slices.SortStableFunc(out, func(a, b page) int { return cmp.Compare(a.of[0], b.of[0]) })
	for i := 1; i < len(out); i++ { // An event may be the first of two: a report names a session beside its own.
		if out[i].Name == out[i-1].Name || out[i].of[0] == out[i-1].of[0] {
			out[i].Name = fmt.Sprintf("%d-%d-%s.html", c.moments[out[i].of[0]].Seq, i, slug(out[i].Session))
		}
	}
	return out
}

// maxChain bounds how far what is about an event is followed, as in a replay.
const maxChain = 8

// with returns events and what is about them, ascending.
func (c *cast) with(of []int) []int {
	all := map[int]bool{}
	for _, i := range of {
		all[i] = true
	}
	for next, depth := of, 0; len(next) > 0 && depth < maxChain; depth++ {
		var more []int
		for _, i := range next {
			for _, j := range c.about[c.moments[i].ID] {
				if !all[j] {
					all[j] = true
					more = append(more, j)
				}
			}
		}
		next = more
	}
	return slices.Sorted(maps.Keys(all))
}

// slug is what can be told of a session in the name of a file on any system. It
// need not be unique.
func slug(session string) string {
	const most = 40
	var b strings.Builder
	for _, r := range strings.ToLower(session) {
		switch {
		case b.Len() >= most:
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return cmp.Or(strings.Trim(b.String(), "-"), "session")
}

// write writes a page. read reads an event by its position.
func (c *cast) write(w io.Writer, p page, about view.About, read func(event.Seq) (*pb.Event, error)) error {
	about.Session, about.View = p.Session, pb.View_USER
	return view.Write(w, about, c.play(p, read))
}

// play yields what is on a page.
func (c *cast) play(p page, read func(event.Seq) (*pb.Event, error)) iter.Seq2[*pb.Frame, error] {
	moments := make([]query.Moment, len(p.of))
	for n, i := range p.of {
		moments[n] = c.moments[i]
		seq := moments[n].Seq
		moments[n].Read = func() (*pb.Event, error) { return read(seq) }
	}
	return query.Play(pb.View_USER, moments)
}

var index = template.Must(template.New("index").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>{{len .}} sessions</title></head><body><h1>{{len .}} sessions</h1><table>
<tr><th>first event</th><th>events</th><th>session</th></tr>
{{range .}}<tr><td>{{.First.Format "2006-01-02 15:04:05"}} UTC</td><td>{{.Events}}</td><td><a href="{{.Name}}">{{.Session}}</a></td></tr>
{{end}}</table></body></html>
`))

// writeIndex writes the page that leads to the others.
func writeIndex(w io.Writer, pages []page) error { return index.Execute(w, pages) }

func writeText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}
