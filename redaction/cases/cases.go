// Package cases reads labelled texts and measures what a redactor finds in
// them: precision and recall by entity, tier and source.
//
//	all, err := cases.Read("detect.jsonl.gz")
//	report, err := cases.Score(ctx, all)
//	report.Print(os.Stdout)
//
// There are three kinds of case: texts with the places of one entity in them,
// texts with the places of all, and whole values that are or are not valid. A
// case says which by its fields; all are JSON objects, one a line.
//
// Always true: a span counts as found only when one reported span of its
// entity, or of another of its category, covers the whole of it; a reported
// span of the entity that meets no expected one is a false alarm.
package cases

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// A Case is a labelled text.
type Case struct {
	ID     string `json:"id"`
	Source string `json:"source"` // where it comes from
	Entity string `json:"entity"` // neutral name, e.g. US_SSN; MULTI where Spans have several
	Text   string `json:"text"`
	Spans  []Span `json:"spans"`
	Expect string `json:"expect"` // match or no_match
	Locale string `json:"locale"` // ISO 3166, or any
	Tier   string `json:"tier"`   // what deciding it takes: checksum, format, context, ner
	// NearMiss marks texts built to be almost a key.
	NearMiss    bool `json:"near_miss"`
	WithContext bool `json:"with_context"`
	// Known are values handed in beforehand.
	Known      []string `json:"known"`
	KnownFlags []string `json:"known_flags"`
	Template   *int     `json:"template"` // only of texts with all their spans
	Complete   *bool    `json:"complete"` // false: names and the like are not marked
	Disputed   bool     `json:"disputed"`
	Task       string   `json:"task"` // detect, document or validate; "" is told from the other fields
}

// A Span is a place of a text, in bytes.
type Span struct {
	Start int    `json:"start"`
	End   int    `json:"end"`
	Type  string `json:"type"`
}

// The kinds of cases.
const (
	detect   = "detect"
	document = "document"
	validate = "validate"
)

// maxLine bounds a line of a file of cases.
const maxLine = 16 << 20

// Read reads a file of cases, plain, gzip or zstd. What is no case is an error
// that names file and line.
func Read(name string) ([]Case, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := plain(f, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return parse(r, name)
}

func plain(f io.Reader, name string) (io.Reader, error) {
	switch {
	case strings.HasSuffix(name, ".gz"):
		return gzip.NewReader(f)
	case strings.HasSuffix(name, ".zst"):
		zr, err := zstd.NewReader(f)
		if err != nil {
			return nil, err
		}
		return zr.IOReadCloser(), nil
	}
	return f, nil
}

func parse(r io.Reader, name string) ([]Case, error) {
	var all []Case
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var c Case
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		if err := c.complete(name); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, n, err)
		}
		all = append(all, c)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// complete fills in what a case leaves to be understood, and checks it.
func (c *Case) complete(name string) error {
	if c.Entity == "" || c.Expect != "match" && c.Expect != "no_match" {
		return fmt.Errorf("case %q has no entity, or expects %q: want match or no_match", c.ID, c.Expect)
	}
	if c.Expect == "no_match" && len(c.Spans) > 0 {
		return fmt.Errorf("case %q expects no_match and has spans", c.ID)
	}
	if !slices.Contains([]string{"", "checksum", "format", "context", "ner"}, c.Tier) {
		return fmt.Errorf("case %q has tier %q: want checksum, format, context or ner", c.ID, c.Tier)
	}
	if !slices.Contains([]string{"", detect, document, validate}, c.Task) {
		return fmt.Errorf("case %q has task %q: want detect, document or validate", c.ID, c.Task)
	}
	for i := range c.Spans {
		s := &c.Spans[i]
		if s.Type == "" && c.Entity == "MULTI" {
			return fmt.Errorf("case %q: span %d–%d has no type, which those of MULTI need", c.ID, s.Start, s.End)
		}
		if s.Start < 0 || s.End <= s.Start || s.End > len(c.Text) {
			return fmt.Errorf("case %q: span %d–%d is not in a text of %d bytes", c.ID, s.Start, s.End, len(c.Text))
		}
		if s.Type == "" {
			s.Type = c.Entity
		}
	}
	if c.Task == "" {
		c.Task = c.task(name)
	}
	return nil
}

// task tells the kind of a case.
func (c *Case) task(name string) string {
	switch {
	case c.Entity == "MULTI" || c.Template != nil || c.Complete != nil:
		return document
	case strings.Contains(name, validate) || c.Expect == "match" && len(c.Spans) == 0:
		return validate
	}
	return detect
}
