package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
)

type verifyCmd struct {
	Proof string `arg:"" optional:"" name:"file" help:"Check this bundle, which afterimage export wrote, a directory or a zip file; this certificate of deletion, JSON or HTML; or this proof, which afterimage prove wrote."`
	Data  string `placeholder:"DIR" help:"Check this data directory; nothing may be serving it."`
	keyFlags
	Resume     string `placeholder:"FILE" help:"With --data: keep in this file how far it is, and go on from there if it is there and the log is as it was."`
	URL        string `name:"url" placeholder:"URL" help:"Check the store that serves at this HTTP address."`
	Key        string `xor:"trust" placeholder:"KEY" help:"With --url, a bundle, a certificate or a proof: the verifier key you trust, as checkpoints were signed with before. Without it the store's, the bundle's or the certificate's own word is taken."`
	Policy     string `xor:"trust" placeholder:"FILE" help:"With --url, a bundle, a certificate or a proof: the logs and witnesses you trust, a C2SP tlog-policy."`
	Event      string `placeholder:"FILE" help:"With a proof: the event that it is of, as JSON with all its fields."`
	Redactions string `placeholder:"FILE" help:"With a proof: the ledger events that say that it was redacted since, as afterimage prove wrote them (default: the proof's name and .redactions, if it is there)."`
	format
}

// Validate implements kong's hook: one thing is checked at a time.
func (c *verifyCmd) Validate() error {
	given := 0
	for _, what := range []string{c.Proof, c.Data, c.URL} {
		if what != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return errors.New("want one of --data, --url, a bundle, a certificate or the file of a proof")
	case c.Data != "" && (c.Key != "" || c.Policy != ""):
		return errors.New("--key and --policy are for --url, bundles, certificates and proofs: a data directory has its own keys")
	case c.Data == "" && c.Resume != "":
		return errors.New("--resume is for --data")
	}
	other := c.Proof == "" || isBundle(c.Proof) || isCertificate(c.Proof)
	switch {
	case other && (c.Event != "" || c.Redactions != ""):
		return errors.New("--event and --redactions are for a proof")
	case other:
		return nil
	case !isThere(c.Proof):
		return fmt.Errorf("%s: there is no such file", c.Proof)
	case isDir(c.Proof) && isDir(logDir(c.Proof)):
		return fmt.Errorf("%s: it looks like a data directory: give it with --data, and its keys with --keys", c.Proof)
	case isDir(c.Proof):
		return fmt.Errorf("%s: it is no bundle, which would have %s and manifests, and no data directory, which would have log/ and goes into --data", c.Proof, bag.Declaration)
	case !beginsWith(c.Proof, proofHeader):
		return fmt.Errorf("%s: it is neither a bundle, a directory or a zip file, nor a proof, which begins with %s, nor a certificate of deletion", c.Proof, proofHeader)
	case c.Key == "" && c.Policy == "":
		return errors.New("a proof proves nothing by itself: give the log's verifier key with --key, or --policy")
	}
	return nil
}

// proofHeader is how a C2SP tlog-proof begins.
const proofHeader = "c2sp.org/tlog-proof@v1"

func isThere(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// Help implements kong's HelpProvider.
func (verifyCmd) Help() string {
	return `Checks every block, commitment, tile, location and index against the signed checkpoint and
names the positions of whatever is not as it was written; or checks that one event is in a log, from
the proof of it; or a bundle of evidence, offline: every file, record, commitment and proof, and that
nothing is missing or was added; or a certificate of deletion, offline: that no byte of it is another,
and that all it states follows from ledger events that are in the log. Exit code 3 if anything is
found, or the proof does not hold.

    afterimage verify --data afterimage-data --keys afterimage-keys
    afterimage verify --data afterimage-data --keys afterimage-keys --resume verify.state
    afterimage verify --url http://127.0.0.1:8080
    afterimage verify --url http://127.0.0.1:8080 --key 'afterimage.invalid/…+…+…'

    afterimage verify event.tlog-proof --policy trust.policy --event event.json
    afterimage verify inc-7.zip --key 'afterimage.invalid/…+…+…'
    afterimage verify deletion.json --key 'afterimage.invalid/…+…+…'

With --url the tree is recomputed here from the published commitments (C2SP tlog-tiles), and then
the store is asked to check its own blocks. With -o json: a finding a line, then the result.`
}

// Run verifies and reports.
func (c *verifyCmd) Run(ctx context.Context, s streams) error {
	if c.Proof != "" && isBundle(c.Proof) {
		return c.bundle(ctx, s)
	}
	if c.Proof != "" && isCertificate(c.Proof) {
		return c.certificate(s)
	}
	if c.Proof != "" {
		return c.proof(s)
	}
	r := newFindings(c.format, s)
	var err error
	if c.URL != "" {
		err = c.live(ctx, r)
	} else {
		err = c.offline(ctx, r, s)
	}
	r.progress.stop()
	if err != nil {
		return err
	}
	if c.URL != "" && c.Key == "" && c.Policy == "" && !c.json() {
		fmt.Fprintln(s.out, "the key is the store's own word: pin the one you trust with --key")
	}
	return r.result()
}

func (c *verifyCmd) offline(ctx context.Context, r *findings, s streams) error {
	keys, err := c.options()
	if err != nil {
		return err
	}
	if err := present(c.Data, c.Keys); err != nil {
		return err
	}
	cfg := eventlog.Config{Dir: logDir(c.Data), KeysDir: c.Keys, Keys: keys, Fatal: fatal(s.err)}
	report := func(f eventlog.Finding) {
		r.add(&pb.Finding{Kind: string(f.Kind), Part: f.Part, Reason: f.Reason, FirstSeq: uint64(f.First), LastSeq: uint64(f.Last)})
	}
	progress := func(p eventlog.Progress) { r.progress.set(uint64(p.Checked), uint64(p.Size)) }
	var verified eventlog.Verified
	if c.Resume == "" {
		verified, err = eventlog.VerifyDir(ctx, cfg, report, progress)
	} else {
		verified, err = eventlog.ResumeVerifyDir(ctx, cfg, c.Resume, report, progress)
	}
	if errors.Is(err, context.Canceled) && c.Resume != "" {
		return fmt.Errorf("interrupted: the same command goes on where it was (%s)", c.Resume)
	}
	if err != nil {
		return explainOpen(err, c.Data, c.Keys)
	}
	for _, f := range verified.Forgotten {
		r.forgot(uint64(f.First), uint64(f.Last))
	}
	for _, f := range verified.Redacted {
		r.redacted(uint64(f.First), uint64(f.Last))
	}
	r.checked(uint64(verified.Size), verified.Root[:], verified.Key)
	return nil
}

// logDir is where the log is below the data directory.
func logDir(data string) string { return filepath.Join(data, "log") }

// explainOpen says what to do where a log does not open.
func explainOpen(err error, data, keys string) error {
	if errors.Is(err, eventlog.ErrTampered) {
		return coded{err, exitTampered}
	}
	return fmt.Errorf("%w (data in %s, keys in %s)", err, data, keys)
}

// findings gathers and prints what verification finds.
type findings struct {
	format
	out      io.Writer
	style    style
	progress *progress
	n        int
	events   bool     // some are of events, not of what leads to them
	gone     recorded // positions that are forgotten
	other    recorded // positions whose events were redacted since
	size     uint64
	root     []byte
	key      string
}

func newFindings(f format, s streams) *findings {
	return &findings{format: f, out: s.out, style: styleFor(s.out), progress: newProgress(s.err, "checked", "events")}
}

func (r *findings) add(f *pb.Finding) {
	r.n++
	switch f.GetPart() {
	case "index", "location", "tile": // afterimage rebuild makes these, of events that are there.
		r.events = r.events || f.GetKind() == string(eventlog.Missing)
	default:
		r.events = true
	}
	r.progress.clear()
	if r.json() {
		if text, err := compactJSON(f); err == nil {
			fmt.Fprintf(r.out, "{\"finding\":%s}\n", text)
		}
		return
	}
	kind := strings.ToUpper(cmp.Or(f.GetKind(), string(eventlog.Tampered)))
	fmt.Fprintf(r.out, "%s %s, %s: %s\n", r.style.paint(bold+";"+red, visible(kind)), f.GetPart(), seqs(f.GetFirstSeq(), f.GetLastSeq()), visible(f.GetReason()))
}

// recorded is positions of which the log records something.
type recorded struct {
	events uint64
	ranges int
}

// forgot shows positions whose events are forgotten, as the log records.
func (r *findings) forgot(first, last uint64) { r.record(&r.gone, "forgotten", first, last) }

// redacted shows positions whose events were redacted since they were stored, as
// the log records.
func (r *findings) redacted(first, last uint64) { r.record(&r.other, "redacted", first, last) }

func (r *findings) record(of *recorded, what string, first, last uint64) {
	of.events += last - first + 1
	of.ranges++
	r.progress.clear()
	if r.json() {
		fmt.Fprintf(r.out, "{%q:{\"first\":\"%d\",\"last\":\"%d\"}}\n", what, first, last)
	} else if of.ranges <= shownRanges {
		fmt.Fprintf(r.out, "%s as recorded, %s\n", what, seqs(first, last))
	}
}

// shownRanges is how many ranges of such positions are shown one by one.
const shownRanges = 20

func seqs(first, last uint64) string {
	if last > first {
		return fmt.Sprintf("seqs %d to %d", first, last)
	}
	return fmt.Sprintf("seq %d", first)
}

// checked notes what everything was checked against.
func (r *findings) checked(size uint64, root []byte, key string) {
	r.size, r.root, r.key = size, root, key
}

// result prints the verdict; what was found ends the program with code 3.
func (r *findings) result() error {
	r.summary()
	if r.n > 0 && r.events {
		return coded{fmt.Errorf("verification found %d places that are not as they were written: keep the directory as it is and restore a backup elsewhere", r.n), exitTampered}
	}
	if r.n > 0 {
		return coded{fmt.Errorf("verification found %d places that are not as they were written, none of them in events: copy the directory, stop the store, and run afterimage rebuild", r.n), exitTampered}
	}
	return nil
}

// summary prints what was verified, if nothing is wrong with it.
func (r *findings) summary() {
	if r.json() {
		fmt.Fprintf(r.out, "{\"size\":\"%d\",\"root\":\"%x\",\"verifierKey\":%q,\"forgotten\":\"%d\",\"redacted\":\"%d\",\"findings\":%d}\n",
			r.size, r.root, r.key, r.gone.events, r.other.events, r.n)
		return
	}
	if more := max(r.gone.ranges-shownRanges, 0) + max(r.other.ranges-shownRanges, 0); more > 0 {
		fmt.Fprintf(r.out, "… and %d ranges more (-o json shows all)\n", more)
	}
	if r.n > 0 {
		return
	}
	said := ""
	if r.gone.events > 0 {
		said += fmt.Sprintf(", %d of them forgotten as recorded", r.gone.events)
	}
	if r.other.events > 0 {
		said += fmt.Sprintf(", %d redacted as recorded", r.other.events)
	}
	fmt.Fprintf(r.out, "%s: %d events%s, root %x\nsigned with %s\n", r.style.paint(bold+";"+green, "verified"), r.size, said, r.root, visible(r.key))
}
