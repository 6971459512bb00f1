// Package view renders a replay as one HTML page that opens offline.
package view

import (
	"bufio"
	"html/template"
	"io"
	"iter"
	"time"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
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

var page = template.Must(template.New("head").Parse(`<!DOCTYPE html><meta charset="utf-8"><title>{{.Session}}</title><h1>{{.Session}}</h1>
{{define "frame"}}<section><h2>{{.Kind}} {{.Role}}</h2><pre>{{.Text}}</pre></section>
{{end}}`))

// Write writes the page of a replay to w, as the frames come. An error of the
// frames ends it.
func Write(w io.Writer, about About, frames iter.Seq2[*pb.Frame, error]) error {
	out := bufio.NewWriter(w)
	if err := page.ExecuteTemplate(out, "head", about); err != nil {
		return err
	}
	for f, err := range frames {
		if err != nil {
			return err
		}
		if err := page.ExecuteTemplate(out, "frame", f); err != nil {
			return err
		}
	}
	return out.Flush()
}
