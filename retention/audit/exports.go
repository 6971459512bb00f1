package audit

import (
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// exports is the account of evidence that was handed out.
type exports struct {
	byID  map[string]*exported
	order []*exported // in the order of the log
}

type exported struct {
	told  *pb.RetentionAudit_HandedOut
	steps []*pb.Event
}

func newExports() exports { return exports{byID: map[string]*exported{}} }

func (s *exports) add(e *pb.Event) {
	b := e.GetExported()
	one := s.byID[b.GetOperation()]
	if one == nil {
		one = &exported{told: &pb.RetentionAudit_HandedOut{Operation: b.GetOperation()}}
		s.byID[b.GetOperation()] = one
		s.order = append(s.order, one)
	}
	one.steps = append(one.steps, e)
	t := one.told
	t.Seqs, t.Stage = append(t.Seqs, e.GetSeq()), b.GetStage()
	switch b.GetStage() {
	case pb.Exported_REQUESTED:
		t.Actor, t.Reason, t.Incident, t.Format, t.Requested = b.GetActor(), b.GetReason(), b.GetIncident(), b.GetFormat(), e.GetTime()
		t.Filter, t.Text, t.Sessions = b.GetFilter(), b.GetText(), uint64(len(b.GetSessions()))
	case pb.Exported_READY, pb.Exported_HANDED_OVER:
		t.Events = b.GetEvents()
	}
}

func (s *exports) close(out *pb.RetentionAudit, in span) {
	for _, one := range s.order {
		concerned := false
		for _, e := range one.steps {
			if !in.has(e.GetTime().AsTime()) {
				continue
			}
			concerned = true
			if b := e.GetExported(); b.GetStage() == pb.Exported_HANDED_OVER {
				one.told.Copies = append(one.told.Copies, &pb.RetentionAudit_Copy{Time: e.GetTime(), Bytes: b.GetBytes(), Sha256: b.GetSha256()})
				out.Copies++
				out.CopiedBytes += b.GetBytes()
			}
		}
		if concerned {
			out.Exports = append(out.Exports, one.told)
		}
	}
}
