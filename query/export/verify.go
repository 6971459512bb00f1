package export

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"github.com/transparency-dev/formats/log"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query/bag"
)

// Verification says how a bag is verified.
type Verification struct {
	// Trust opens a checkpoint that is trusted, and refuses any other. Required.
	Trust func(signed []byte) (log.Checkpoint, error)
	// Signed opens a checkpoint that the log signed, whoever cosigned. Required.
	Signed func(signed []byte) (log.Checkpoint, error)
	// Stamp checks that a time-stamp is of a text, and returns its time. Required.
	Stamp    func(stamp, text []byte) (time.Time, error)
	Software string                   // this program, as in Config
	Report   func(bag.Problem)        // is told whatever is not as it should be; required
	Progress func(done, total uint64) // of events; nil: nobody is told
}

// Verified is what a bag was found to be. It is so as far as its checkpoint is
// trusted and nothing was reported.
type Verified struct {
	Tenant     string
	Request    *pb.Exported // who asked for it, why, and what of; nil: not known
	Ready      *pb.Event    // what the ledger says that it is of; nil: not known
	Checkpoint log.Checkpoint
	Signed     []byte // the checkpoint, with its signatures
	Events     uint64
	Redacted   uint64 // events that were redacted since they were stored
	Sessions   int
	Software   string // that made it
	Rendered   bool   // it was this program, so that pages, README and estimate were made again and compared
	Stamped    uint64 // the size of the checkpoint that has a time-stamp; 0: there is none
	StampTime  time.Time
}

// Verify checks a bag offline: its manifests; that every record is what it is
// committed to, and every commitment in the trusted checkpoint; that ledger
// events lead from each leaf to what was redacted since; that the events are all
// those, and only those, that the ledger says were exported; and that all else
// that is in the bag follows from that. fsys is the bag's directory; see
// bag.Open.
//
// An error says that it could not be checked. What is not as it should be is
// reported, the file that was changed before what follows from it.
func Verify(ctx context.Context, fsys fs.FS, how Verification) (Verified, error) {
	if how.Progress == nil {
		how.Progress = func(uint64, uint64) {}
	}
	found, err := bag.Check(ctx, fsys, how.Report)
	if err != nil {
		return Verified{}, err
	}
	v := &verifying{
		Verification: how, fsys: fsys, info: found.Info, left: found.SHA256, wrong: found.Wrong, records: roaring64.New(), ledger: roaring64.New(),
		redactions: map[event.Seq][]*pb.Event{}, cast: newCast(), digest: newDigester(),
	}
	v.found.Tenant, v.found.Software = bag.Value(found.Info, tenantLabel), bag.Value(found.Info, softwareLabel)
	v.found.Rendered = v.found.Software == how.Software
	for name := range found.Wrong { // What is missing of these directories nothing else may tell.
		if _, there := found.SHA256[name]; !there {
			dir, _ := path.Split(name)
			v.wrong[dir] = true
		}
	}
	for _, step := range []struct {
		check func(context.Context) error
		on    []string // what it builds on: where that is wrong, what it finds may follow from it
	}{
		{v.layout, nil},
		{v.checkpoint, nil},
		{v.steps, []string{checkpointName, recordsDir}}, // Redactions are of events that are there.
		{v.evidence, []string{checkpointName, ledgerDir}},
		{v.complete, inputs},
		{v.derived, inputs},
		{v.pages, slices.Concat(inputs, []string{bag.Info})},
		{v.stamp, []string{checkpointName}},
		{v.rest, inputs},
	} {
		v.shaken = slices.ContainsFunc(step.on, func(name string) bool { return v.wrong[name] })
		if err := step.check(ctx); err != nil {
			return v.found, err
		}
	}
	return v.found, nil
}

// inputs are what all else in a bag follows from. A directory is wrong if an event
// of it could not be taken. What lies beside its events, wrong or not, explains
// nothing: whoever put it there would have it explain what he forged.
var inputs = []string{checkpointName, ledgerDir, recordsDir}

// verifying is a Verify under way.
type verifying struct {
	Verification
	fsys fs.FS
	info []bag.Field
	left map[string][sha256.Size]byte // files that nothing has called for yet

	wrong  map[string]bool // files that were reported, and directories that lack events
	shaken bool            // what the step under way builds on is among them

	records, ledger *roaring64.Bitmap // positions of events that have files
	about           []*pb.Event       // the ledger events
	redactions      map[event.Seq][]*pb.Event
	annals          annals
	cast            *cast
	digest          *digester
	found           Verified
}

func (v *verifying) problem(file, format string, args ...any) {
	v.tell(bag.Problem{File: file, Reason: fmt.Sprintf(format, args...)})
}

// tell reports a problem. It follows from others where the step builds on what is
// wrong, or something was said of the file already.
func (v *verifying) tell(p bag.Problem) {
	p.Follows = p.Follows || v.shaken || v.wrong[p.File]
	v.Report(p)
	v.wrong[p.File] = true
}

// take calls for a file, which must be there, and returns its hash.
func (v *verifying) take(name string) (sum [sha256.Size]byte, there bool) {
	if sum, there = v.left[name]; !there {
		v.problem(name, "is missing")
	}
	delete(v.left, name)
	return sum, there
}

// layout finds out which events have files.
func (v *verifying) layout(context.Context) error {
	for name := range v.left {
		for dir, into := range map[string]*roaring64.Bitmap{recordsDir: v.records, ledgerDir: v.ledger} {
			number, is := strings.CutPrefix(name, dir)
			number, is2 := strings.CutSuffix(number, ".json")
			if seq, err := strconv.ParseUint(number, 10, 64); is && is2 && err == nil && strconv.FormatUint(seq, 10) == number {
				into.Add(seq)
			}
		}
	}
	for _, name := range []string{bag.Declaration, bag.Info} {
		v.take(name)
	}
	for _, name := range bag.Manifests() {
		v.take(name)
	}
	return nil
}

// checkpoint opens what everything is proven in.
func (v *verifying) checkpoint(context.Context) (err error) {
	if _, there := v.take(checkpointName); there {
		v.found.Signed, err = readFile(v.fsys, checkpointName)
		if err == nil {
			v.found.Checkpoint, err = v.Trust(v.found.Signed)
		}
		if err != nil { // What follows is true of it, whatever it is worth.
			v.problem(checkpointName, "%v", err)
			v.found.Checkpoint, _ = headOf(v.found.Signed)
		}
	}
	return nil
}

// steps checks the ledger events.
func (v *verifying) steps(ctx context.Context) error {
	return v.each(ctx, ledgerDir, v.ledger, func(f fact) {
		e := f.event
		v.about = append(v.about, e)
		switch body := e.GetBody().(type) {
		case *pb.Event_Exported:
			v.step(e, body.Exported)
		case *pb.Event_Redacted:
			v.redacted(e, body.Redacted)
		case *pb.Event_PolicyApplied:
		default:
			v.problem(recordName(ledgerDir, event.Seq(e.GetSeq())), "is of kind %s, which has no place there", event.KindOf(e))
		}
		if f.leaf != f.current {
			v.problem(commitmentName(ledgerDir, event.Seq(e.GetSeq())), "says that a ledger event was redacted, and none is")
		}
	})
}

// step takes a step of the export in.
func (v *verifying) step(e *pb.Event, x *pb.Exported) {
	switch {
	case x.GetStage() == pb.Exported_REQUESTED && v.found.Request == nil && e.GetId() == x.GetOperation():
		v.found.Request = x
	case x.GetStage() == pb.Exported_READY && v.found.Ready == nil && e.GetId() == endID(x.GetOperation()):
		v.found.Ready = e
	default:
		v.problem(recordName(ledgerDir, event.Seq(e.GetSeq())), "is another step of an export than those that a bag has")
	}
}

// redacted takes in which events were redacted.
func (v *verifying) redacted(e *pb.Event, body *pb.Redacted) {
	any := false
	for _, r := range body.GetEvents() {
		if seq := event.Seq(r.GetSeq()); v.records.Contains(r.GetSeq()) {
			v.redactions[seq], any = append(v.redactions[seq], e), true
		}
	}
	if !any {
		v.problem(recordName(ledgerDir, event.Seq(e.GetSeq())), "is about none of the events that are there")
	}
}

// evidence checks the events.
func (v *verifying) evidence(ctx context.Context) error {
	return v.each(ctx, recordsDir, v.records, func(f fact) {
		seq := event.Seq(f.event.GetSeq())
		if kind := event.KindOf(f.event); !kind.Evidence() {
			v.problem(recordName(recordsDir, seq), "is of kind %s, which is no evidence", kind)
		}
		if f.leaf != f.current {
			v.found.Redacted++
		}
		v.digest.add(seq, f.current)
		v.cast.add(f)
		must(v.annals.evidence(f))
		v.found.Events++
		v.Progress(v.found.Events, v.records.GetCardinality())
	})
}

// must is for what cannot fail: writing to memory.
func must(err error) {
	if err != nil {
		panic("internal error: " + err.Error())
	}
}

// complete checks that the events are those that the ledger says were exported.
func (v *verifying) complete(context.Context) error {
	if v.found.Request == nil || v.found.Ready == nil {
		v.problem(ledgerDir, "lacks the ledger events that say what was exported: whether events are missing cannot be told")
		return nil
	}
	ready, sum := v.found.Ready.GetExported(), v.digest.sum()
	if ready.GetOperation() != v.found.Request.GetOperation() {
		v.problem(ledgerDir, "has steps of different exports")
	}
	switch n := v.records.GetCardinality(); {
	case n != ready.GetEvents():
		v.problem(recordsDir, "has %d events, and %d were exported", n, ready.GetEvents())
	case string(sum[:]) != string(ready.GetDigest()):
		v.problem(recordsDir, "has other events than those that were exported")
	}
	if v.records.GetCardinality() > 0 && v.records.Maximum() >= ready.GetBefore() {
		v.problem(recordsDir, "has an event from after the export was asked for")
	}
	for _, e := range v.about {
		if err := v.annals.ledger(e, func(seq event.Seq) bool { return v.records.Contains(uint64(seq)) }); err != nil {
			return nil // It was reported that it has no place there.
		}
	}
	return nil
}

// derived makes again what follows from the events and the ledger.
func (v *verifying) derived(context.Context) error {
	if !v.found.Rendered { // How to estimate best is found out over time.
		var file struct{ Estimate json.RawMessage }
		if text, err := readFile(v.fsys, samplingName); err == nil && json.Unmarshal(text, &file) == nil {
			v.annals.estimate = file.Estimate
		}
	}
	return v.annals.files(func(name string, write func(io.Writer) error) error {
		v.compare(name, write, "is not what follows from the events and the ledger")
		return nil
	})
}

// compare compares a file with what is written anew.
func (v *verifying) compare(name string, write func(io.Writer) error, otherwise string) {
	want, there := v.take(name)
	h := sha256.New()
	if err := write(h); err != nil {
		v.problem(name, "cannot be made again: %v", err)
	} else if there && [sha256.Size]byte(h.Sum(nil)) != want {
		v.problem(name, "%s", otherwise)
	}
}

// pages makes the pages again, if this program made them.
func (v *verifying) pages(ctx context.Context) error {
	pages := v.cast.pages()
	v.found.Sessions = len(pages)
	about := about{v.found.Tenant, v.found.Ready, v.found.Checkpoint}
	for _, p := range pages {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.rendered(viewsDir+p.Name, func(w io.Writer) error {
			return v.cast.write(w, p, about.view(), func(seq event.Seq) (*pb.Event, error) { return readRecord(v.fsys, recordsDir, seq) })
		})
	}
	v.rendered(viewIndex, func(w io.Writer) error { return writeIndex(w, pages) })
	v.rendered(schemaName, func(w io.Writer) error { return writeText(w, pb.EventProto) })
	v.rendered(readmeName, func(w io.Writer) error { return writeText(w, readme(about)) })
	if want := infoOf(about, v.found.Request, v.found.Software); !slices.Equal(slices.Concat(want, v.info[min(len(v.info), len(want)):]), v.info) {
		v.problem(bag.Info, "says something else than the ledger and the checkpoint")
	}
	v.take(TrustFile) // Whether to believe it is the reader's to say.
	return nil
}

// rendered compares a file that another version of this program may make
// otherwise.
func (v *verifying) rendered(name string, write func(io.Writer) error) {
	if v.found.Rendered {
		v.compare(name, write, "is not what its software makes of the events")
	} else {
		v.take(name)
	}
}

// rest reports what nothing called for.
func (v *verifying) rest(context.Context) error {
	for _, name := range slices.Sorted(maps.Keys(v.left)) {
		v.problem(name, "has no place in an export")
	}
	return nil
}
