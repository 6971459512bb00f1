package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/afterimage/afterimage/redaction"
)

type redactCmd struct {
	Text   redactTextCmd   `cmd:"" default:"withargs" help:"Redact text or NDJSON."`
	Stored redactStoredCmd `cmd:"" help:"Redact what a store has, by the policy of today."`
	Types  redactTypesCmd  `cmd:"" help:"List what is looked for, by which specification, and what becomes of it."`
	Bench  redactBenchCmd  `cmd:"" help:"Measure the detectors on labelled cases."`
}

type redactTextCmd struct {
	Files []string `arg:"" optional:"" placeholder:"FILE" help:"Files of text or NDJSON, also gzip or zstd; - or none for standard input."`
	redactFlags
	NDJSON  bool `name:"ndjson" help:"Each line is a JSON value by itself (so by default where a name ends in .ndjson or .jsonl)."`
	Explain bool `help:"Print what was found instead: place, type, detector, why, what becomes of it, and the value."`
	Report  bool `help:"Print how often what was found instead."`
	format
}

// redactFlags say what is looked for and what becomes of it.
type redactFlags struct {
	Region   []string `placeholder:"CC" help:"Countries (ISO 3166) whose national numbers are recognised without a word near them; the first is that of telephone numbers, too."`
	Operator []string `placeholder:"TYPE=OPERATOR" help:"What becomes of a type: pseudonym, mask, drop, generalise or keep."`
}

// Help implements kong's HelpProvider.
func (redactTextCmd) Help() string {
	return `Finds personal data and secrets with the detectors of the store and prints the text with what was
found replaced. Nothing leaves this process. The same value gets the same token within one run.

    echo "mail alice@example.com" | afterimage redact
    afterimage redact --explain --region DE letter.txt
    afterimage redact --operator IP_ADDRESS=generalise --operator EMAIL=mask app.ndjson.zst > out.ndjson

With --explain -o json each finding is a line:

    {"file":f,"line":n,"start":n,"end":n,"type":t,"detector":d,"version":n,"operator":o,"near":b,"also":b,"source":s,"value":v}

near: a word near it was asked for and found; also: another detector's finding won the place.
start and end count bytes of the file, or of the line where lines are JSON. It shows values: mind who
sees the screen.`
}

// config returns the redactor's configuration.
func (f redactFlags) config() (redaction.Config, error) {
	cfg := redaction.Config{Operators: map[string]redaction.Operator{}}
	for _, region := range f.Region {
		code := strings.ToUpper(region)
		if !slices.Contains(redaction.Regions(), code) {
			return cfg, usage("--region %s: no country of ISO 3166 that makes a difference (the United Kingdom is GB)", region)
		}
		cfg.Regions = append(cfg.Regions, code)
	}
	for _, o := range f.Operator {
		typ, name, ok := strings.Cut(o, "=")
		op, err := redaction.ParseOperator(name)
		if !ok || err != nil {
			return cfg, usage("--operator %q: give TYPE=OPERATOR, such as EMAIL=mask (pseudonym, mask, drop, generalise, keep)", o)
		}
		name, detector, one := strings.Cut(typ, "/")
		if !slices.Contains(redaction.Types(), name) {
			return cfg, usage("--operator %s: %s is no type that is looked for: afterimage redact types lists them", o, name)
		}
		if one && !slices.ContainsFunc(redaction.Describe(), func(d redaction.Description) bool { return d.Type == name && d.Detector == detector }) {
			return cfg, usage("--operator %s: %s has no detector %q: afterimage redact types lists them", o, name, detector)
		}
		cfg.Operators[typ] = op
	}
	return cfg, nil
}

// maxText bounds a text that is redacted whole, and a line of NDJSON.
const maxText = 64 << 20

// Run redacts all files in order.
func (c *redactTextCmd) Run(ctx context.Context, s streams) error {
	if c.Explain && c.Report {
		return usage("--explain and --report: give one of them")
	}
	if c.json() && !c.Explain && !c.Report {
		return usage("-o json says how --explain and --report print: give one of them")
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	cfg.ReportKept = c.Explain || c.Report
	r, err := redaction.New(cfg)
	if err != nil {
		return usage("%w", err)
	}
	key, err := redaction.RandomPseudonymKey()
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	run := redactRun{cmd: c, redactor: r, pseudonym: key.For("", ""), out: out, notes: s.err, counts: map[foundKind]int{}}
	if c.Explain && !c.json() {
		run.table = tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(run.table, "file\tline\tstart\tend\ttype\tdetector\twhy\toperator\tvalue")
	}
	files := c.Files
	if len(files) == 0 {
		files = []string{"-"}
	}
	for _, name := range files {
		if err := run.file(ctx, name, s.in); err != nil {
			return errors.Join(redactFailed(name, err), out.Flush())
		}
	}
	return errors.Join(run.finish(), out.Flush())
}

// redactFailed says which file failed. One that cannot be opened was wrongly
// given.
func redactFailed(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return usage("%w", err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// A redactRun is one run over some files.
type redactRun struct {
	cmd       *redactTextCmd
	redactor  *redaction.Redactor
	pseudonym redaction.Pseudonym
	out       *bufio.Writer
	notes     io.Writer
	table     *tabwriter.Writer // of --explain
	counts    map[foundKind]int // of --report
}

// foundKind is a line of the report.
type foundKind struct {
	Type     string `json:"type"`
	Detector string `json:"detector"`
	Version  int    `json:"version"`
	Operator string `json:"operator"`
}

func (r *redactRun) file(ctx context.Context, name string, stdin io.Reader) error {
	raw := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		raw = f
	}
	plain, done, err := decompressed(raw)
	if err != nil {
		return err
	}
	defer done()
	base := strings.TrimSuffix(strings.TrimSuffix(name, ".gz"), ".zst")
	if r.cmd.NDJSON || filepath.Ext(base) == ".ndjson" || filepath.Ext(base) == ".jsonl" {
		return r.lines(ctx, name, plain)
	}
	text, err := io.ReadAll(io.LimitReader(plain, maxText+1))
	if err != nil {
		return err
	}
	if len(text) > maxText {
		return fmt.Errorf("more than %d MiB: split the text, or use --ndjson if its lines are JSON", maxText>>20)
	}
	if trimmed := bytes.TrimSpace(text); (filepath.Ext(base) == ".json" || len(trimmed) > 0 && trimmed[0] == '{') && !json.Valid(trimmed) {
		fmt.Fprintf(r.notes, "note: %s is no JSON value: it is taken as text, and the names of members decide nothing (--ndjson if each line is one)\n", name)
	}
	return r.text(ctx, name, 0, string(text))
}

// lines redacts each line by itself.
func (r *redactRun) lines(ctx context.Context, name string, in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxText)
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimRight(lines.Bytes(), "\r")
		if len(bytes.TrimSpace(line)) > 0 && !json.Valid(line) {
			return fmt.Errorf("line %d is no JSON value: without --ndjson, and under another name, the file is taken as text", n)
		}
		if err := r.text(ctx, name, n, string(line)); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if !r.cmd.Explain && !r.cmd.Report {
			r.out.WriteByte('\n') //nolint:errcheck // Flush tells
		}
	}
	return lines.Err()
}

// text redacts one text, the whole of a file or line n of it, and prints.
func (r *redactRun) text(ctx context.Context, file string, n int, text string) error {
	if !utf8.ValidString(text) {
		fmt.Fprintf(r.notes, "note: %s is not UTF-8 throughout: what is not is replaced by U+FFFD\n", file)
		text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if strings.IndexByte(text, 0) >= 0 {
		fmt.Fprintf(r.notes, "note: %s has NUL bytes: if it is UTF-16, what is in it is not found: iconv -f UTF-16 -t UTF-8 makes it readable\n", file)
	}
	out, replaced, kept, err := r.redactor.Explain(ctx, text, r.pseudonym)
	if err != nil {
		return err
	}
	all := slices.Concat(replaced, kept)
	slices.SortStableFunc(all, func(a, b redaction.Finding) int { return cmp.Compare(a.Start, b.Start) })
	for _, f := range all {
		if f.Also && !r.cmd.Explain {
			continue
		}
		r.counts[foundKind{f.Type, f.Detector, f.Version, f.Operator.String()}]++
		if r.cmd.Explain {
			if err := r.explain(file, n, text, f); err != nil {
				return err
			}
		}
	}
	if !r.cmd.Explain && !r.cmd.Report {
		_, err = r.out.WriteString(out)
	}
	return err
}

// explained is a finding as --explain -o json prints it.
type explained struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Start    int    `json:"start"`
	End      int    `json:"end"`
	Type     string `json:"type"`
	Detector string `json:"detector"`
	Version  int    `json:"version"`
	Operator string `json:"operator"`
	Near     bool   `json:"near"`
	Also     bool   `json:"also"`
	Source   string `json:"source,omitempty"`
	Value    string `json:"value"`
}

func (r *redactRun) explain(file string, n int, text string, f redaction.Finding) error {
	if n == 0 {
		n = 1 + strings.Count(text[:f.Start], "\n")
	}
	value := text[f.Start:f.End]
	if r.cmd.json() {
		return json.NewEncoder(r.out).Encode(explained{file, n, f.Start, f.End, f.Type, f.Detector, f.Version, f.Operator.String(), f.Near, f.Also, f.Source, value})
	}
	why := cmp.Or(f.Source, "its form")
	if f.Near {
		why += ", and a word near it"
	}
	what := f.Operator.String()
	if f.Also {
		what = "(also)"
	}
	_, err := fmt.Fprintf(r.table, "%s\t%d\t%d\t%d\t%s\t%s v%d\t%s\t%s\t%s\n", file, n, f.Start, f.End, f.Type, f.Detector, f.Version, why, what, printable(value))
	return err
}

// maxShown bounds a value in the table.
const maxShown = 60

// printable returns a value as it can stand in one cell of a table.
func printable(value string) string {
	if r := []rune(value); len(r) > maxShown {
		value = string(r[:maxShown]) + "…"
	}
	return strings.Trim(fmt.Sprintf("%q", value), `"`)
}

// finish prints the report.
func (r *redactRun) finish() error {
	if r.table != nil {
		return r.table.Flush()
	}
	if !r.cmd.Report || r.cmd.Explain {
		return nil
	}
	keys := make([]foundKind, 0, len(r.counts))
	for k := range r.counts {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b foundKind) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.Detector, b.Detector), cmp.Compare(a.Operator, b.Operator))
	})
	tw := tabwriter.NewWriter(r.out, 0, 0, 2, ' ', 0)
	if !r.cmd.json() {
		fmt.Fprintln(tw, "type\tdetector\toperator\tfound")
	}
	for _, k := range keys {
		if r.cmd.json() {
			if err := json.NewEncoder(r.out).Encode(struct {
				foundKind
				Count int `json:"count"`
			}{k, r.counts[k]}); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(tw, "%s\t%s v%d\t%s\t%d\n", k.Type, k.Detector, k.Version, k.Operator, r.counts[k])
	}
	return tw.Flush()
}
