package export

import (
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A row has what its event has, typed, and null where it has nothing: what an
// analyst counts must not depend on what was left out.
func TestParquet(t *testing.T) {
	r := newRig(t).fill().run()
	request := asked()
	request.Format = pb.Exported_PARQUET
	file := r.download(gathered(t, r.x, acme, request))
	rows, err := parquet.Read[parquetRow](bytes.NewReader(file), int64(len(file)))
	if err != nil || len(rows) != 7 {
		t.Fatalf("got %d rows, error %v", len(rows), err)
	}
	for i, row := range rows {
		e, err := r.log.Read(t.Context(), acme, event.Seq(i)+1)
		if err != nil {
			t.Fatal(err)
		}
		if row.Seq != e.GetSeq() || row.ID != e.GetId() || row.Kind != string(event.KindOf(e)) || row.User != e.GetUser() ||
			row.Service != e.GetSource().GetService() || row.Class != e.GetClass() {
			t.Errorf("event %d is %+v", e.GetSeq(), row)
		}
		if got, want := row.Time, e.GetTime().AsTime(); got.UnixMicro() != want.UnixMicro() {
			t.Errorf("event %d: got time %v, want %v", e.GetSeq(), got, want)
		}
		if (row.Probability == nil) != (e.GetCapture() == nil || e.GetCapture().Probability == nil) {
			t.Errorf("event %d: got probability %v", e.GetSeq(), row.Probability)
		}
	}
	first, verdict, report := rows[0], rows[3], rows[4]
	if *first.Prompt != "write to bob" || *first.Input != "user: write to bob" || *first.Output != "bob has it" || *first.Shown != "bob has it" ||
		first.Comment != nil || first.Redactions != 2 || *first.Probability != 0.5 || first.InputTokens != nil {
		t.Errorf("the first row is %+v", first)
	}
	if verdict.Target != "e1" || len(verdict.Categories) != 1 || verdict.Scores[0] != 0.9 || verdict.Actions[0] != "BLOCKED" || verdict.Output != nil {
		t.Errorf("the verdict's row is %+v", verdict)
	}
	if *report.Comment != "it told on me" || report.Category != "harmful" || report.Session != "s-9" {
		t.Errorf("the report's row is %+v", report)
	}
}

// What was withheld was not shown.
func TestParquetWithheld(t *testing.T) {
	e := said("e", "s", "question", "answer")
	e.GetInteraction().Verdicts = []*pb.Verdict{{Action: pb.Verdict_BLOCKED, Scope: pb.Verdict_OUTPUT}}
	if row := rowOf(e); row.Shown != nil || *row.Output != "answer" {
		t.Errorf("got shown %v, output %v", row.Shown, row.Output)
	}
	e.GetInteraction().Verdicts[0].Scope = pb.Verdict_INPUT
	if row := rowOf(e); row.Shown == nil {
		t.Error("what was answered in spite of its input was shown")
	}
}
