package audit

import (
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// store is the account of the store itself: its keys, clock and restores.
type store struct {
	span
	events   uint64
	clocks   []*pb.RetentionAudit_Clock
	restores []*pb.RetentionAudit_Restore
	epochs   []*pb.RetentionAudit_Epoch // all before the end
}

// add enters an event of the store's own ledger; what is not of the store itself
// is passed over.
func (s *store) add(e *pb.Event) {
	if s.before(e.GetTime().AsTime()) && s.enter(e) {
		s.events++
	}
}

// enter reports whether an event is one of the store itself.
func (s *store) enter(e *pb.Event) bool {
	in := s.has(e.GetTime().AsTime())
	switch body := e.GetBody().(type) {
	case *pb.Event_EpochBegan:
		s.epochs = append(s.epochs, &pb.RetentionAudit_Epoch{Epoch: body.EpochBegan.GetEpoch(), Began: e.GetTime(), Seq: e.GetSeq()})
	case *pb.Event_Restored:
		if in {
			s.restores = append(s.restores, &pb.RetentionAudit_Restore{Time: e.GetTime(), Seq: e.GetSeq(), Restored: body.Restored})
		}
	case *pb.Event_ClockJudged:
		if in {
			s.clocks = append(s.clocks, &pb.RetentionAudit_Clock{Time: e.GetTime(), Seq: e.GetSeq(), Judged: body.ClockJudged})
		}
	default:
		return false
	}
	return true
}

// epochAfter returns the first epoch that began at a later position.
func (s *store) epochAfter(seq uint64) (uint64, *timestamppb.Timestamp) {
	for _, e := range s.epochs {
		if e.GetSeq() > seq {
			return e.GetEpoch(), e.GetBegan()
		}
	}
	return 0, nil
}

func (s *store) close(out *pb.RetentionAudit) {
	out.Clocks, out.Restores = s.clocks, s.restores
	for _, e := range s.epochs {
		if s.begun(e.GetBegan().AsTime()) {
			out.Epochs = append(out.Epochs, e)
		}
	}
}
