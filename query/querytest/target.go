package querytest

import (
	"fmt"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// retarget makes what is about an event of the corpus be about its repetition.
func retarget(e *pb.Event, round int) {
	switch body := e.GetBody().(type) {
	case *pb.Event_Verdict:
		body.Verdict.Target = renamed(body.Verdict.GetTarget(), round)
	case *pb.Event_Report:
		body.Report.Target = renamed(body.Report.GetTarget(), round)
		if s := body.Report.GetSession(); s != "" {
			body.Report.Session = session(s, round)
		}
	case *pb.Event_Action:
		body.Action.Target = renamed(body.Action.GetTarget(), round)
	}
}

// renamed is the id of a repetition.
func renamed(id string, round int) string {
	if id == "" {
		return ""
	}
	return fmt.Sprintf("%.56s-%d", id, round)
}

func session(name string, round int) string {
	if name == "" {
		return ""
	}
	return fmt.Sprintf("%s#%d", name, round)
}
