package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/afterimage/afterimage/client"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type exportCmd struct {
	Filter   string   `placeholder:"CEL" help:"Only events that match, as in afterimage search; it goes on record."`
	Text     *string  `placeholder:"TEXT" help:"Only events that have these words; likewise."`
	Since    string   `placeholder:"T" help:"Only events at or after this: 2026-11-22T03:00:00Z, 2026-11-22, or an age such as 2h or 3d."`
	Until    string   `placeholder:"T" help:"Only events before this."`
	Session  []string `sep:"none" placeholder:"S" help:"Only events of this session, and what is about them; may be given again."`
	Incident string   `placeholder:"ID" help:"The incident that it is for."`
	To       string   `placeholder:"WHERE" help:"A directory, a file (.zip for a bag), or - for standard output (default afterimage-export.zip, .ndjson or .parquet)."`
	Format   string   `enum:"bagit,ndjson,parquet" default:"bagit" help:"bagit (a bag with proofs, RFC 8493), ndjson or parquet (default ${default})."`
	Actor    string   `placeholder:"WHO" help:"Who has it done; a role or an account, no personal data. Goes on record."`
	Reason   string   `placeholder:"WHY" help:"What for; a case, a decision, no personal data. Goes on record."`
	format
	storeFlag
	tenantFlag
}

// Validate implements kong's hook: an export is on record with who and why.
func (c *exportCmd) Validate() error {
	switch {
	case c.Actor == "" || c.Reason == "":
		return errors.New("give --actor and --reason: both go on record, before anything is exported")
	case c.To == "-" && c.json():
		return errors.New("--to - leaves no room for -o json on standard output")
	}
	ext := strings.ToLower(filepath.Ext(c.To))
	for format, of := range extensions {
		if ext == of && format != c.Format {
			return fmt.Errorf("--to %s is the name of a file of --format %s, and --format is %s: change one of them", c.To, format, c.Format)
		}
	}
	return nil
}

// extensions are how files of each format are called.
var extensions = map[string]string{"bagit": ".zip", "ndjson": ".ndjson", "parquet": ".parquet"}

// Help implements kong's HelpProvider.
func (exportCmd) Help() string {
	return `Hands evidence over as a bag (BagIt, RFC 8493): the events, what was redacted in them, who did what to
them, each session as its user saw it (HTML that opens offline), the policy in force, and for every
event the proof that it is in the log. Whoever gets it can check it without this program; with it:
afterimage verify BUNDLE. Who exported what and why is in the ledger before the first byte leaves.

    afterimage export --session c-17 --incident INC-7 --actor responder-2 --reason "INC-7" --to inc-7.zip
    afterimage export --filter 'source.deployment == "triage"' --since 3d --actor … --reason … --to inc-7/
    afterimage export --format parquet --since 30d --actor … --reason … --to month.parquet

After an interruption the same command goes on where it was. Until it is whole, what there is stands
in WHERE.partial.`
}

// Run has the evidence gathered, and takes it.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	r, err := c.request(time.Now())
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer store.Close()
	bar := newProgress(s.err, "gathered", "events")
	defer bar.stop()
	e := &exporting{exportCmd: c, store: store, bar: bar, to: c.target()}
	if e.to == "-" {
		return e.stream(ctx, r, s.out)
	}
	done, err := e.run(ctx, r)
	bar.stop()
	if err != nil {
		return e.failed(err)
	}
	return c.print(s, e.to, done)
}

// target is where the export goes.
func (c *exportCmd) target() string {
	return filepath.Clean(cmp.Or(c.To, "afterimage-export"+extensions[c.Format]))
}

// directory tells whether the export goes into one, as files.
func (c *exportCmd) directory() bool {
	return c.Format == "bagit" && !strings.EqualFold(filepath.Ext(c.target()), ".zip")
}

func (c *exportCmd) request(now time.Time) (*pb.ExportEventsRequest, error) {
	text, err := given("--text", c.Text)
	if err != nil {
		return nil, err
	}
	r := &pb.ExportEventsRequest{
		Tenant: c.Tenant, Filter: c.Filter, Text: text, Sessions: c.Session, Incident: c.Incident, Actor: c.Actor, Reason: c.Reason,
		Format: map[string]pb.Exported_Format{"bagit": pb.Exported_BAGIT, "ndjson": pb.Exported_NDJSON, "parquet": pb.Exported_PARQUET}[c.Format],
	}
	r.Since, r.Until, err = parseStamps(c.Since, c.Until, now)
	return r, err
}

// An exported is what came of an export.
type exported struct {
	Operation string `json:"operation"`
	Events    uint64 `json:"events,string"`
	Bytes     uint64 `json:"bytes,string"`
	SHA256    string `json:"sha256"` // of the file as it was sent, as it is on record
	To        string `json:"to"`
	Size      uint64 `json:"-"`
}

func (c *exportCmd) print(s streams, to string, done exported) error {
	if c.json() {
		return json.NewEncoder(s.out).Encode(done)
	}
	style := styleFor(s.out)
	fmt.Fprintf(s.out, "%s %d events into %s: %.1f MB, operation %s\n", style.paint(bold+";"+green, "exported"),
		done.Events, visible(to), float64(done.Bytes)/1e6, done.Operation)
	fmt.Fprintf(s.out, "SHA-256 of what was sent %s; it is on record\n", done.SHA256)
	if c.Format == "bagit" {
		fmt.Fprintf(s.out, "check it: afterimage verify %s\n", visible(quoted(to)))
	}
	return nil
}

// wait waits until an operation is done, and returns what can be downloaded.
func (e *exporting) wait(ctx context.Context, op *pb.Operation) (*pb.ExportResult, error) {
	op, err := e.store.Wait(ctx, e.tenant(), client.OperationID(op), func(op *pb.Operation) { e.bar.set(op.GetMetadata().GetFound(), 0) })
	if err != nil {
		return nil, e.explain(err)
	}
	if failed := op.GetError(); failed != nil {
		err := fmt.Errorf("the export ended without a result: %s", visible(failed.GetMessage()))
		return nil, errors.Join(err, removeAll(e.note())) // There is nothing to go on with.
	}
	return op.GetResponse(), nil
}

// take downloads what follows of a file, of which before bytes are there, and
// hash has been given them.
func (e *exporting) take(ctx context.Context, operation string, before int64, hash hash.Hash, total uint64, w io.Writer) (exported, error) {
	out := exported{Operation: operation, To: e.to}
	var sum []byte // of those that are there; nil: none
	if before > 0 {
		sum = hash.Sum(nil)
	}
	for m, err := range e.store.Download(ctx, e.tenant(), operation, uint64(before), sum) {
		if err != nil {
			return out, err
		}
		if _, err := io.MultiWriter(w, hash).Write(m.GetData()); err != nil {
			return out, err
		}
		e.bar.set(m.GetEventsDone(), total)
		if m.GetSha256() == nil {
			continue
		}
		if got := hash.Sum(nil); string(got) != string(m.GetSha256()) {
			return out, fmt.Errorf("what arrived is not what was sent: SHA-256 %x, want %x: run it again", got, m.GetSha256())
		}
		out.Events, out.Bytes, out.SHA256 = m.GetEventsDone(), m.GetTotalBytes(), fmt.Sprintf("%x", m.GetSha256())
	} // to its end, by which it is on record
	if out.SHA256 == "" {
		return out, errors.New("the store ended the export without saying that it is whole: run it again")
	}
	return out, nil
}

// stream exports to standard output.
func (e *exporting) stream(ctx context.Context, r *pb.ExportEventsRequest, w io.Writer) error {
	op, err := e.store.Export(ctx, r)
	if err != nil {
		return e.explain(err)
	}
	result, err := e.wait(ctx, op)
	if err != nil {
		return err
	}
	_, err = e.take(ctx, client.OperationID(op), 0, sha256.New(), result.GetEvents(), w)
	return e.explain(err)
}

// removeAll removes files that may be there.
func removeAll(names ...string) (err error) {
	for _, name := range names {
		if e := os.Remove(name); e != nil && !errors.Is(e, os.ErrNotExist) {
			err = errors.Join(err, e)
		}
	}
	return err
}
