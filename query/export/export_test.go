package export

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/bag"
)

// What leaves is all that was asked for, as it is stored, and whoever gets it can
// tell that it is.
func TestBundle(t *testing.T) {
	r := newRig(t).fill().run()
	r.redact(1)
	r.redact(1)
	zipped := r.download(gathered(t, r.x, acme, asked()))
	bundle := files(t, zipped)
	v := r.mustVerify(bundle)
	if v.Events != 7 || v.Redacted != 1 || v.Sessions != 4 || !v.Rendered || v.Request.GetActor() != "responder-2" {
		t.Errorf("got %d events, %d redacted, %d sessions, rendered %v, by %q", v.Events, v.Redacted, v.Sessions, v.Rendered, v.Request.GetActor())
	}
	for seq := range event.Seq(7) {
		want, err := r.log.Read(t.Context(), acme, seq+1)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readRecord(bundle, recordsDir, seq+1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("event %d (-log +record):\n%s", seq+1, diff)
		}
	}
	page := string(bundle["data/views/2-con.html"].Data)
	if strings.Contains(page, "<script") || !strings.Contains(page, "alert(1)") {
		t.Errorf("the page of a hostile session is\n%s", page)
	}
	if got := string(bundle["data/custody.jsonl"].Data); strings.Count(got, "privacy-office") != 2 || !strings.Contains(got, "INC-7") {
		t.Errorf("custody.jsonl is\n%s", got)
	}
	if !bytes.Equal(zipped, r.download(v.Request.GetOperation())) {
		t.Error("downloaded again it is another file")
	}
}

// The sampling record has how each event came to be recorded, and what follows
// from that for how many there were.
func TestSampling(t *testing.T) {
	r := newRig(t).fill().run()
	text := files(t, r.download(gathered(t, r.x, acme, asked())))[samplingName].Data
	var got struct {
		Events, UnknownProbability uint64
		Estimate                   struct {
			Events, Sessions, Subjects struct{ Observed, Value, Low, High float64 }
		}
		Inclusion []inclusionLine
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	e := got.Estimate.Events
	if got.Events != 7 || got.UnknownProbability != 4 || len(got.Inclusion) != 7 || *got.Inclusion[0].Probability != 0.5 || got.Inclusion[3].Probability != nil {
		t.Errorf("got %s", text)
	}
	if e.Observed != 3 || e.Value != 6 || e.Low < 3 || e.Low > 6 || e.High < 6 || got.Estimate.Sessions.Value != 6 || got.Estimate.Subjects.Observed != 3 {
		t.Errorf("three events, kept with probability one half, are estimated as %+v in %s", got.Estimate, text)
	}
	none := Request{Actor: "a", Reason: "b", Filter: `kind == "coverage"`}
	if text := files(t, r.download(gathered(t, r.x, acme, none)))[samplingName].Data; !bytes.Contains(text, []byte(`"estimate":null`)) {
		t.Errorf("of nothing that was sampled: got %s", text)
	}
}

// What another version estimated otherwise is as it was put into the bundle.
func TestOtherSoftware(t *testing.T) {
	r := newRig(t).fill().run()
	bundle := files(t, r.download(gathered(t, r.x, acme, asked())))
	for name, words := range map[string][2]string{
		bag.Info: {"test 1", "test 2"}, samplingName: {`"value":6,`, `"value":7,`}, "README.txt": {"EVIDENCE", "Evidence"}, viewIndex: {"sessions", "Sessions"},
	} {
		text := bundle[name].Data
		if bundle[name] = (&fstest.MapFile{Data: bytes.ReplaceAll(text, []byte(words[0]), []byte(words[1])), Mode: 0o600}); bytes.Equal(text, bundle[name].Data) {
			t.Fatalf("%s has no %q", name, words[0])
		}
	}
	if v := r.mustVerify(rebag(t, bundle)); v.Rendered || v.Software != "test 2" {
		t.Errorf("got rendered %v of %s", v.Rendered, v.Software)
	}
	bent := maps.Clone(bundle)
	bent[samplingName] = &fstest.MapFile{Data: bytes.Replace(bundle[samplingName].Data, []byte(`"rule":"half"`), []byte(`"rule":"most"`), 1), Mode: 0o600}
	r.finds(rebag(t, bent), samplingName, "another rule")
}

var safe = regexp.MustCompile(`^([a-z0-9/.-]+|README\.txt)$`)

// Names in a bag are safe on any system, whatever publishers called things.
func TestNames(t *testing.T) {
	r := newRig(t).fill().run()
	seen := map[string]bool{}
	for name := range files(t, r.download(gathered(t, r.x, acme, asked()))) {
		if !safe.MatchString(name) || strings.Contains(name, "..") || len(name) > 120 {
			t.Errorf("%q is no name for every system", name)
		}
		if lower := strings.ToLower(name); seen[lower] {
			t.Errorf("%q is there twice, but for case", name)
		} else {
			seen[lower] = true
		}
	}
}

// Any byte of any file that is changed, any file that is cut short, missing or
// added, is found; the file is named first, and all else is said to follow.
func TestAnyChangeIsFound(t *testing.T) {
	r := newRig(t).fill().run()
	r.redact(3)
	bundle := files(t, r.download(gathered(t, r.x, acme, asked())))
	r.mustVerify(bundle)
	for name, f := range bundle {
		whole := f.Data
		changes := map[string][]byte{"cut short": whole[:max(len(whole)-1, 0)], "longer": append(slices.Clone(whole), ' ')}
		for _, at := range []int{len(whole) / 3, len(whole) - 1} {
			if len(whole) > 0 {
				flipped := slices.Clone(whole)
				flipped[at] ^= 1 << (at % 8)
				changes[fmt.Sprint("flipped at ", at)] = flipped
			}
		}
		for what, text := range changes {
			if bytes.Equal(text, whole) {
				continue
			}
			bent := maps.Clone(bundle)
			bent[name] = &fstest.MapFile{Data: text, Mode: 0o600}
			r.names(bent, name, what)
		}
		bent := maps.Clone(bundle)
		delete(bent, name)
		r.names(bent, name, "missing")
		bent = maps.Clone(bundle)
		bent[name+".more"] = f
		r.names(bent, name+".more", "added")
	}
}

// names checks that a file is named first of what is wrong with a bag, and that the
// rest is said to follow from that.
func (r *rig) names(bundle fstest.MapFS, name, what string) {
	r.Helper()
	r.finds(bundle, name, what)
	_, problems := r.verify(bundle)
	for i, p := range problems {
		if named := p.File == name && !p.Follows || p.File == "."; i == 0 && !named || i > 0 && !p.Follows && p.File != name {
			r.Errorf("%s, %s: problem %d is %+v", name, what, i, p)
		}
	}
}

// A forger cannot have what he forged pass for what follows from a file that he
// put there, or changed, and that nothing builds on.
func TestForgeriesFollowFromNothing(t *testing.T) {
	r := newRig(t).fill().run()
	bundle := files(t, r.download(gathered(t, r.x, acme, asked())))
	bundle["data/custody.jsonl"] = &fstest.MapFile{Data: append(slices.Clone(bundle["data/custody.jsonl"].Data), "{}\n"...), Mode: 0o600}
	bundle["proofs/stray"] = &fstest.MapFile{Data: []byte("stray"), Mode: 0o600}
	forged := rebag(t, bundle)
	for _, name := range []string{"proofs/stray", "proofs/other", "data/records/other", TrustFile, "event.proto"} {
		bent := maps.Clone(forged)
		bent[name] = &fstest.MapFile{Data: []byte("other"), Mode: 0o600}
		_, problems := r.verify(bent)
		if !slices.ContainsFunc(problems, func(p bag.Problem) bool { return p.File == "data/custody.jsonl" && !p.Follows }) {
			t.Errorf("beside %s, got %+v", name, problems)
		}
	}
}

// finds checks that a bag is found to be wrong, and that it is said where.
func (r *rig) finds(bundle fstest.MapFS, name, what string) {
	r.Helper()
	_, problems := r.verify(bundle)
	for _, p := range problems {
		if strings.HasPrefix(p.File, name) || strings.Contains(p.Reason, name) {
			return
		}
	}
	r.Errorf("%s, %s: found %v", name, what, problems)
}

// rebag is what a forger does: all manifests are made anew.
func rebag(t *testing.T, bundle fstest.MapFS) fstest.MapFS {
	t.Helper()
	return files(t, repack(t, bundle))
}

// Somebody who makes all manifests anew still cannot change what stands in a
// record or in what is said of it, leave one out or put another in.
func TestForgeriesAreFound(t *testing.T) {
	r := newRig(t).fill().run()
	r.redact(3)
	bundle := files(t, r.download(gathered(t, r.x, acme, asked())))
	other := files(t, r.download(gathered(t, r.x, acme, Request{Actor: "a", Reason: "b", Sessions: []string{"s-1"}})))
	r.mustVerify(rebag(t, bundle))
	free := map[string]bool{ // What only the reader can judge.
		TrustFile: true, "bagit.txt": true, "manifest-sha256.txt": true, "manifest-sha512.txt": true,
		"tagmanifest-sha256.txt": true, "tagmanifest-sha512.txt": true, "bag-info.txt": true,
	}
	for name, f := range bundle {
		if free[name] {
			continue
		}
		bent := maps.Clone(bundle)
		dir, file := filepath.Split(name)
		// White space says nothing in a record; words are changed below.
		if record := dir == recordsDir || dir == ledgerDir; !record || strings.HasSuffix(file, ".commit.json") {
			bent[name] = &fstest.MapFile{Data: slices.Concat(bytes.TrimSuffix(f.Data, []byte("\n")), []byte(" \n")), Mode: 0o600}
			r.finds(rebag(t, bent), name, "forged")
		}
		bent = maps.Clone(bundle)
		delete(bent, name)
		r.finds(rebag(t, bent), strings.TrimSuffix(name, ".json"), "left out")
	}
	without := maps.Clone(bundle)
	for _, name := range []string{recordName(recordsDir, 2), commitmentName(recordsDir, 2), proofName(2)} {
		delete(without, name)
	}
	r.finds(rebag(t, without), "data/records/", "an event left out")
	more := maps.Clone(other)
	for _, name := range []string{recordName(recordsDir, 2), commitmentName(recordsDir, 2), proofName(2)} {
		more[name] = bundle[name]
	}
	r.finds(rebag(t, more), "data/records/", "an event put in")
	swapped := maps.Clone(bundle)
	swapped[recordName(recordsDir, 1)] = &fstest.MapFile{Data: bytes.Replace(bundle[recordName(recordsDir, 1)].Data, []byte("bob has it"), []byte("bob is it!"), 1), Mode: 0o600}
	r.finds(rebag(t, swapped), recordName(recordsDir, 1), "another answer")
	steps := maps.Clone(bundle)
	for name, f := range other { // the ledger of the other export, which had fewer events
		if strings.HasPrefix(name, ledgerDir) {
			steps[name] = f
		}
	}
	r.finds(rebag(t, steps), "proofs/", "another export's ledger")
}

// What was forgotten since is in no bundle, also when it is forgotten while one is
// on its way.
func TestForgottenIsInNoBundle(t *testing.T) {
	for _, format := range []pb.Exported_Format{pb.Exported_BAGIT, pb.Exported_NDJSON, pb.Exported_PARQUET} {
		t.Run(format.String(), func(t *testing.T) {
			r := newRig(t).fill().run()
			noise := make([]byte, 200<<10) // What does not fit into one piece leaves in several.
			rand.Read(noise)
			r.add(said("large", "s-large", hex.EncodeToString(noise), "noise"))
			request := asked()
			request.Format = format
			ready := gathered(t, r.x, acme, request)
			r.forget(7)
			if _, err := r.x.Download(t.Context(), acme, Download{Operation: ready}, new(bytes.Buffer)); !errors.Is(err, ErrChanged) {
				t.Errorf("forgotten before the download: got error %v, want ErrChanged", err)
			}
			meanwhile := gathered(t, r.x, acme, request)
			b := &interrupted{do: func() { r.forget(1) }}
			if _, err := r.x.Download(t.Context(), acme, Download{Operation: meanwhile}, b); !errors.Is(err, ErrChanged) {
				t.Errorf("forgotten while it is downloaded: got error %v, want ErrChanged", err)
			}
			redacted := gathered(t, r.x, acme, request)
			b = &interrupted{do: func() { r.redact(3) }}
			if _, err := r.x.Download(t.Context(), acme, Download{Operation: redacted}, b); !errors.Is(err, ErrChanged) {
				t.Errorf("redacted while it is downloaded: got error %v, want ErrChanged", err)
			}
			if got := r.download(gathered(t, r.x, acme, request)); bytes.Contains(got, []byte("bob has it")) {
				t.Error("a forgotten event is in a new export")
			}
		})
	}
}

// An interrupted writer has something happen when something is first written to
// it; where all fits into one piece, as it is then.
type interrupted struct {
	bytes.Buffer
	do func()
}

func (w *interrupted) Write(p []byte) (int, error) {
	if w.do != nil {
		w.do()
		w.do = nil
	}
	return w.Buffer.Write(p)
}

// Invariant 6: when the first byte leaves, who, what and why are durable.
func TestOnRecordBeforeTheFirstByte(t *testing.T) {
	r := newRig(t).fill().run()
	op := gathered(t, r.x, acme, asked())
	looked := false
	w := &interrupted{do: func() {
		looked = true
		asked, err := r.log.ReadID(t.Context(), acme, op)
		if err != nil || asked.GetExported().GetReason() != "INC-7" || asked.GetExported().GetActor() != "responder-2" {
			t.Errorf("got %v, error %v", asked, err)
		}
		end, err := r.log.ReadID(t.Context(), acme, endID(op))
		at := end.GetExported().GetPositions()
		if err != nil || end.GetExported().GetEvents() != 7 || len(end.GetExported().GetDigest()) != sha256.Size ||
			len(at) != 1 || at[0].GetFirst() != 1 || at[0].GetLast() != 7 {
			t.Errorf("got %v, error %v", end, err)
		}
	}}
	handed, err := r.x.Download(t.Context(), acme, Download{Operation: op}, w)
	if err != nil || !looked {
		t.Fatalf("looked %v, error %v", looked, err)
	}
	if err := r.x.HandedOver(t.Context(), acme, op, handed); err != nil {
		t.Fatal(err)
	}
	for step, err := range r.x.steps(t.Context(), acme, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if x := step.GetExported(); x.GetStage() != pb.Exported_HANDED_OVER || !bytes.Equal(x.GetSha256(), sum(w.Bytes())) || x.GetBytes() != uint64(w.Len()) {
			t.Errorf("the last step is %v", x)
		}
		break
	}
}

func sum(b []byte) []byte { s := sha256.Sum256(b); return s[:] }

// A download that broke off goes on where it was, unless that is not what would be
// sent now.
func TestDownloadGoesOn(t *testing.T) {
	r := newRig(t).fill().run()
	op := gathered(t, r.x, acme, asked())
	whole := r.download(op)
	for _, at := range []int{0, 1, len(whole) / 2, len(whole) - 1, len(whole)} {
		var rest bytes.Buffer
		prefix := sha256.Sum256(whole[:at])
		handed, err := r.x.Download(t.Context(), acme, Download{Operation: op, Offset: uint64(at), Prefix: &prefix}, &rest)
		if err != nil || !bytes.Equal(rest.Bytes(), whole[at:]) || handed.SHA256 != sha256.Sum256(whole) || handed.Bytes != uint64(len(whole)) {
			t.Errorf("from %d: got %d bytes, %v, error %v", at, rest.Len(), handed, err)
		}
		if prefix[0]++; at > 0 {
			rest.Reset()
			if _, err := r.x.Download(t.Context(), acme, Download{Operation: op, Offset: uint64(at), Prefix: &prefix}, &rest); !errors.Is(err, ErrOtherBytes) || rest.Len() > 0 {
				t.Errorf("from %d of another file: got %d bytes, error %v", at, rest.Len(), err)
			}
		}
	}
	var bad *query.RequestError
	if _, err := r.x.Download(t.Context(), acme, Download{Operation: op, Offset: uint64(len(whole)) + 1}, new(bytes.Buffer)); !errors.As(err, &bad) {
		t.Errorf("from beyond the end: got error %v", err)
	}
}

// An operation that was asked for goes on after a restart, and ends once.
func TestOperationsSurviveARestart(t *testing.T) {
	r := newRig(t).fill()
	op, err := r.x.Start(t.Context(), acme, asked()) // Nobody works.
	if err != nil || op.GetDone() {
		t.Fatalf("got %v, error %v", op, err)
	}
	id := op.GetMetadata().GetRequest().GetOperation()
	r.close()
	r.open()
	if op, err = r.x.Get(t.Context(), acme, id); err != nil || op.GetDone() {
		t.Fatalf("after a restart: got %v, error %v", op, err)
	}
	r.run()
	for !op.GetDone() {
		if op, err = r.x.Get(t.Context(), acme, id); err != nil {
			t.Fatal(err)
		}
	}
	if op.GetResponse().GetEvents() != 7 {
		t.Errorf("got %v, want 7 events", op)
	}
	whole := r.download(id)
	r.close()
	r.open()
	r.run()
	if !bytes.Equal(r.download(id), whole) {
		t.Error("after another restart it is another file")
	}
}

// An operation that was called off stays so; one that is done does as well.
func TestCancel(t *testing.T) {
	r := newRig(t).fill()
	op, err := r.x.Start(t.Context(), acme, asked())
	if err != nil {
		t.Fatal(err)
	}
	off := op.GetMetadata().GetRequest().GetOperation()
	if op, err = r.x.Cancel(t.Context(), acme, off); err != nil || !op.GetDone() || op.GetError() == nil {
		t.Fatalf("got %v, error %v", op, err)
	}
	r.run()
	done := gathered(t, r.x, acme, asked()) // The one before it is past.
	if op, err = r.x.Get(t.Context(), acme, off); err != nil || op.GetError() == nil {
		t.Errorf("called off: got %v, error %v", op, err)
	}
	if _, err := r.x.Download(t.Context(), acme, Download{Operation: off}, new(bytes.Buffer)); !errors.Is(err, ErrNotReady) {
		t.Errorf("called off: got error %v, want ErrNotReady", err)
	}
	if op, err = r.x.Cancel(t.Context(), acme, done); err != nil || op.GetResponse() == nil {
		t.Errorf("done: got %v, error %v", op, err)
	}
	ops, more, err := r.x.List(t.Context(), acme, nil, 1)
	if err != nil || !more || len(ops) != 1 || ops[0].GetResponse() == nil {
		t.Errorf("got %v, more %v, error %v", ops, more, err)
	}
	ops, more, err = r.x.List(t.Context(), acme, new(event.Seq(ops[0].GetMetadata().GetSeq())), 1)
	if err != nil || more || len(ops) != 1 || ops[0].GetError() == nil {
		t.Errorf("got %v, more %v, error %v", ops, more, err)
	}
}

// Invariants 8 and 9, and what cannot be asked for.
func TestRefused(t *testing.T) {
	r := newRig(t).fill()
	op, err := r.x.Start(t.Context(), acme, asked())
	if err != nil {
		t.Fatal(err)
	}
	id := op.GetMetadata().GetRequest().GetOperation()
	for _, tenant := range []event.Tenant{"other", event.System} {
		if _, err := r.x.Get(t.Context(), tenant, id); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("of tenant %s: got error %v, want ErrNotFound", tenant, err)
		}
		if _, err := r.x.Start(t.Context(), tenant, asked()); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("of tenant %s: got error %v, want ErrNotFound", tenant, err)
		}
	}
	for _, other := range []string{"", "e1", endID(id), id + "x"} {
		if _, err := r.x.Get(t.Context(), acme, other); !errors.Is(err, eventlog.ErrNotFound) {
			t.Errorf("operation %q: got error %v, want ErrNotFound", other, err)
		}
	}
	if _, err := r.x.Download(t.Context(), acme, Download{Operation: id}, new(bytes.Buffer)); !errors.Is(err, ErrNotReady) {
		t.Errorf("not done: got error %v, want ErrNotReady", err)
	}
	for _, bad := range []Request{{Filter: "nonsense =="}, {Sessions: make([]string, 101)}, {Sessions: []string{""}}, {Format: 17}} {
		before := r.log.Size()
		if _, err := r.x.Start(t.Context(), acme, bad); err == nil || r.log.Size() != before {
			t.Errorf("%v: got error %v, and %d ledger events", bad, err, r.log.Size()-before)
		}
	}
	for range pending - 1 {
		if _, err := r.x.Start(t.Context(), acme, asked()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.x.Start(t.Context(), acme, asked()); !errors.Is(err, ErrBusy) {
		t.Errorf("%d are waiting: got error %v, want ErrBusy", pending, err)
	}
	r.run()
	for !op.GetDone() {
		if op, err = r.x.Get(t.Context(), acme, id); err != nil {
			t.Fatal(err)
		}
	}
	r.stop() // It looks at the clock as well.
	r.now = r.now.Add(Lasting + time.Hour)
	if _, err := r.x.Download(t.Context(), acme, Download{Operation: id}, new(bytes.Buffer)); !errors.Is(err, ErrExpired) {
		t.Errorf("a week later: got error %v, want ErrExpired", err)
	}
}

// What nothing matches is no empty package, which would look as if it were all that
// there is: the operation ends without a result, on record.
func TestNothingIsNoPackage(t *testing.T) {
	r := newRig(t).fill().run()
	for _, nothing := range []Request{
		{Sessions: []string{"nothing"}}, {Filter: `kind == "policy_applied"`}, {Since: morning.AddDate(1, 0, 0)}, {Text: "unsaid", Format: pb.Exported_NDJSON},
	} {
		nothing.Actor, nothing.Reason = "a", "b"
		op, err := r.x.Start(t.Context(), acme, nothing)
		if err != nil {
			t.Fatal(err)
		}
		id := op.GetMetadata().GetRequest().GetOperation()
		for !op.GetDone() {
			if op, err = r.x.Get(t.Context(), acme, id); err != nil {
				t.Fatal(err)
			}
		}
		if got := op.GetError().GetMessage(); !strings.Contains(got, "nothing to export") {
			t.Errorf("%+v: got error %q of %v", nothing, got, op)
		}
		if _, err := r.x.Download(t.Context(), acme, Download{Operation: id}, new(bytes.Buffer)); !errors.Is(err, ErrNotReady) {
			t.Errorf("%+v: the download: got error %v, want ErrNotReady", nothing, err)
		}
	}
}

// What is asked for is what is found, and it goes on record without naming the
// person that it is about.
func TestSelection(t *testing.T) {
	r := newRig(t).fill().run()
	for _, c := range []struct {
		request Request
		want    []uint64
	}{
		{Request{}, []uint64{1, 2, 3, 4, 5, 6, 7}},
		{Request{Filter: `user == "u-s-1"`}, []uint64{1}},
		{Request{Filter: `kind == "report"`}, []uint64{5}},
		{Request{Text: `"bob has"`}, []uint64{1}},
		{Request{Text: `told -bob`, Sessions: []string{"s-1"}}, []uint64{5}},
		{Request{Sessions: []string{"s-1"}}, []uint64{1, 4, 5}},
		{Request{Sessions: []string{"s-1", "S-1", "nothing"}}, []uint64{1, 3, 4, 5, 6}},
		{Request{Sessions: []string{"s-1"}, Filter: `kind != "verdict"`}, []uint64{1, 5}},
		{Request{Sessions: []string{"s-1"}, Since: morning.Add(time.Second)}, []uint64{4, 5}},
		{Request{Until: morning.Add(time.Second)}, []uint64{1, 2, 3, 6, 7}},
	} {
		c.request.Format, c.request.Actor, c.request.Reason = pb.Exported_NDJSON, "a", "b"
		op := gathered(t, r.x, acme, c.request)
		var got []uint64
		for line := range strings.Lines(string(r.download(op))) {
			e := new(pb.Event)
			if err := protojson.Unmarshal([]byte(line), e); err != nil {
				t.Fatal(err)
			}
			want, err := r.log.Read(t.Context(), acme, event.Seq(e.GetSeq()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, e, protocmp.Transform()); diff != "" {
				t.Errorf("event %d (-log +line):\n%s", e.GetSeq(), diff)
			}
			got = append(got, e.GetSeq())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v, want %v", c.request, got, c.want)
		}
		e, err := r.log.ReadID(t.Context(), acme, op)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.GetExported().GetFilter(), "u-s-1") {
			t.Errorf("on record is %q", e.GetExported().GetFilter())
		}
	}
}
