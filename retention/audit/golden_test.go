package audit

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// clinic is a policy that says why, and what a record needs, but not all of it.
const clinic = `classes:
  routine: {keep: 2d}
  flagged: {keep: 180d, min: 90d, purpose: to look into harm, legal_basis: Art. 6(1)(f) GDPR}
  ledger: {keep: 3650d}
rules:
  - class: routine
rationale:
  purpose: to find out what a model said
  legal_basis: Art. 6(1)(c) GDPR
  reviewers: [privacy office]
  review_by: 2026-03-03
record:
  controller: {name: Clinic <Ltd>, contact: privacy@clinic.example}
  dpo: the data protection officer
  subjects: [patients]
  data: [conversations with a model]
`

// fixed is a ledger in which one of everything happens.
func fixed(t *testing.T) *rig {
	r := newRig(t)
	r.apply(document(5), "", "")
	r.judged(&pb.ClockJudged{Verdict: pb.ClockJudged_ACCEPTED})
	first := r.evidence(6, "routine", true)
	flagged := r.evidence(3, "flagged", false)
	r.count(&pb.Counted{
		Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 6, Operator: pb.Redaction_PSEUDONYM}, {Type: "PHONE", Count: 1, Operator: pb.Redaction_MASK}},
		Gaps:       []*pb.Counted_Gap{{Service: "chat", Instance: "chat-7", Missing: 4, First: 1, Last: 20}}, Quarantined: 2, OtherMissing: 1,
	})
	r.now = r.now.Add(day)
	r.apply(clinic, "privacy office", "Less <b>routine</b> evidence, & sooner", "board", "dpo")
	second := r.evidence(4, "routine", false)
	r.hold("hold-a", &pb.Hold{Stage: pb.Hold_PLACED, Hold: "hold-a", CaseId: "4711", Authority: "District court", Actor: "counsel", Reason: "suit", Owners: []string{"counsel"}})
	r.hold("hold-a-1", &pb.Hold{Stage: pb.Hold_COVERED, Hold: "hold-a", Through: uint64(r.log.Size()), Positions: positions(first[:2])})
	r.hold("hold-b", &pb.Hold{Stage: pb.Hold_PLACED, Hold: "hold-b", CaseId: "4712", Authority: "Regulator", Actor: "counsel", Reason: "inquiry"})
	r.hold("hold-b-1", &pb.Hold{Stage: pb.Hold_COVERED, Hold: "hold-b", Through: uint64(r.log.Size()), Positions: positions(append(first[1:2:2], flagged...))})
	r.erasure("erase-1", &pb.Erasure{
		Stage: pb.Erasure_REQUESTED, Request: "erase-1", Actor: "privacy office", Reason: "ticket 12", Scope: pb.Erasure_PERSON,
		Positions: positions(append(first[:1:1], second[:2]...)), Events: 3, Quarantined: []string{"q-1"}, Exports: []string{"export-1"},
		Deferred: []*pb.Erasure_Deferral{
			{Cause: pb.Erasure_Deferral_HELD, Holds: []string{"hold-a"}, Events: 1},
			{Cause: pb.Erasure_Deferral_PROMISED, Class: "flagged", Until: timestamppb.New(r.now.Truncate(day).Add(90 * day)), Events: 0},
		},
	})
	r.count(&pb.Counted{Gaps: []*pb.Counted_Gap{{Service: "chat", Instance: "chat-7", Missing: 0, First: 23, Last: 25}}})
	r.forget(pb.Forgotten_ERASED, "erase-1", second[:2], "q-1")
	r.exported("export-1", &pb.Exported{Stage: pb.Exported_REQUESTED, Operation: "export-1", Actor: "investigator", Reason: "answer to the court", Incident: "INC-3", Format: pb.Exported_BAGIT, Filter: `turn > 1`})
	r.exported("export-1-1", &pb.Exported{Stage: pb.Exported_READY, Operation: "export-1", Events: 5, Digest: make([]byte, 32)})
	r.exported("export-1-2", &pb.Exported{Stage: pb.Exported_HANDED_OVER, Operation: "export-1", Events: 5, Bytes: 12_345, Sha256: bytes.Repeat([]byte{7}, 32)})
	r.now = r.now.Add(2 * day)
	r.promote(first[:2], "hold:routine")
	r.forget(pb.Forgotten_EXPIRED, "expiry-1", first[2:])
	e := r.ledgerEvent("redacted-1")
	e.Body = &pb.Event_Redacted{Redacted: &pb.Redacted{Actor: "privacy office", Reason: "leak", Events: []*pb.Redacted_Replacement{
		{Seq: uint64(flagged[0].seq), Old: make([]byte, 32), New: make([]byte, 32), Redactions: []*pb.Redaction{{Type: "EMAIL", Count: 2, Operator: pb.Redaction_MASK}}},
	}}}
	r.append(acme, e)
	r.hold("hold-b-2", &pb.Hold{Stage: pb.Hold_RELEASED, Hold: "hold-b", Actor: "counsel", Reason: "inquiry closed"})
	r.restored(&pb.Restored{Size: 20, Epoch: 2, Lost: 1})
	r.count(&pb.Counted{})
	r.now = r.now.Add(2 * time.Hour)
	return r
}

// The fixed ledger as people and programs see it. Whoever changes these files
// changes what has been kept as audits.
func TestGolden(t *testing.T) {
	a := fixed(t).make(acme, time.Time{}, time.Time{})
	for name, render := range map[string]func(io.Writer, *pb.RetentionAudit) error{
		"audit.txt": WriteText, "audit.html": WriteHTML, "record.md": WriteRecordText, "record.html": WriteRecord, "audit.json": writeJSON,
	} {
		var got bytes.Buffer
		if err := render(&got, a); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func writeJSON(w io.Writer, a *pb.RetentionAudit) error {
	text, err := protojson.Marshal(a)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", " "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, b.String())
	return err
}

// A page is to be kept and printed: it needs nothing from elsewhere and runs
// nothing, whatever the ledger says.
func TestPagesStandAlone(t *testing.T) {
	r := fixed(t)
	r.apply(document(9), `"><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`)
	r.exported("x", &pb.Exported{Stage: pb.Exported_REQUESTED, Operation: "x", Actor: "a\u202eb", Reason: "</style><script>", Format: pb.Exported_NDJSON})
	r.count(&pb.Counted{Gaps: []*pb.Counted_Gap{{Service: `<svg onload=alert(1)>`, Missing: 1}}})
	r.now = r.now.Add(time.Second)
	a := r.make(acme, time.Time{}, time.Time{})
	elsewhere := regexp.MustCompile(`(?i)<script|<img|<link|https?://|url\(|@import|<[^>]*\s(src|href|on\w+)=`)
	for name, render := range map[string]func(io.Writer, *pb.RetentionAudit) error{"audit": WriteHTML, "record": WriteRecord} {
		var page bytes.Buffer
		if err := render(&page, a); err != nil {
			t.Fatal(err)
		}
		if found := elsewhere.FindString(page.String()); found != "" {
			t.Errorf("the page of the %s has %q", name, found)
		}
		if strings.ContainsRune(page.String(), '\u202e') {
			t.Errorf("the page of the %s has a character that turns text around", name)
		}
	}
}

// An audit of nothing is one too.
func TestEmpty(t *testing.T) {
	r := newRig(t)
	for _, render := range []func(io.Writer, *pb.RetentionAudit) error{WriteText, WriteHTML, WriteRecordText, WriteRecord} {
		if err := render(io.Discard, r.make(acme, time.Time{}, time.Time{})); err != nil {
			t.Error(err)
		}
	}
	if a := r.make(acme, time.Time{}, time.Time{}); a.GetTotal().GetKept() != 0 || len(a.GetDays()) != 1 || len(a.GetFindings()) != 0 {
		t.Errorf("got %v", a)
	}
}
