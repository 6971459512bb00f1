package audit

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

//go:embed style.css
var style string

//go:embed audit.html
var auditPage string

//go:embed record.html
var recordPage string

// WriteHTML writes an audit as a page of HTML with charts: without scripts and
// without anything from elsewhere, to be read, kept and printed.
func WriteHTML(w io.Writer, a *pb.RetentionAudit) error {
	return write(w, auditPage, map[string]any{
		"Title": "Retention audit of " + text(a.GetTenant()), "Head": head(a), "Charts": charts(a),
		"Tables": Tables(a), "Findings": texts(a.GetFindings()), "Limits": texts(a.GetLimits()),
	})
}

func texts(lines []string) (out []string) {
	for _, line := range lines {
		out = append(out, text(line))
	}
	return out
}

// write fills in a page. Nothing is written where that does not work.
func write(w io.Writer, page string, data map[string]any) error {
	t, err := template.New("page").Parse(page)
	if err != nil {
		panic("internal error: page of an audit: " + err.Error())
	}
	data["Style"] = template.CSS(style) //nolint:gosec // It is the file beside this one.
	data["Width"], data["Height"] = chartWidth, chartHeight
	data["Left"], data["Right"], data["Bottom"] = chartLeft, chartWidth-chartRight, chartHeight-chartBottom+18
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}
