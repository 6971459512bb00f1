package audit

import (
	"fmt"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// policies is the account of policies, in the order of the log: the last that is
// in it is the one in force.
type policies struct {
	span
	tenant event.Tenant
	all    []*pb.RetentionAudit_PolicyInForce
	docs   []*policy.Document // of each; nil where it cannot be read
}

func (p *policies) add(e *pb.Event) {
	a := e.GetPolicyApplied()
	one := &pb.RetentionAudit_PolicyInForce{
		Version: a.GetVersion(), Since: e.GetTime(), Seq: e.GetSeq(), Actor: a.GetActor(), Reason: a.GetReason(),
		Approvals: a.GetApprovals(), Replaces: a.GetReplaces(),
	}
	document, err := policy.Parse([]byte(a.GetDocument()))
	switch {
	case err != nil:
		one.Unreadable, document = err.Error(), nil
	case document.Version() != a.GetVersion():
		one.Unreadable, document = fmt.Sprintf("its text is that of version %s", document.Version()), nil
	default:
		document = document.For(p.tenant)
		explain(one, document)
	}
	if n := len(p.all); n > 0 {
		p.all[n-1].Until = e.GetTime()
	}
	p.all, p.docs = append(p.all, one), append(p.docs, document)
}

// explain says how long a policy keeps what, and why.
func explain(one *pb.RetentionAudit_PolicyInForce, document *policy.Document) {
	for _, c := range document.Classes() {
		one.Rules = append(one.Rules, rule(c))
	}
	why := document.Rationale()
	one.Purpose, one.LegalBasis, one.Reviewers = why.Purpose, why.LegalBasis, why.Reviewers
	if !why.ReviewBy.IsZero() {
		one.ReviewBy = timestamppb.New(why.ReviewBy)
	}
}

// record is what a policy says for a record of processing activities.
func record(document *policy.Document) *pb.RetentionAudit_Record {
	r := document.Record()
	return &pb.RetentionAudit_Record{
		Controller: r.Controller.Name, Contact: r.Controller.Contact, JointControllers: r.Joint,
		Representative: r.Representative, Dpo: r.DPO, Subjects: r.Subjects, Data: r.Data,
		Recipients: r.Recipients, Transfers: r.Transfers, Measures: r.Measures,
	}
}

// inForce is the policy in force at the end, nil if there is none that can be
// read.
func (p *policies) inForce() *policy.Document {
	if len(p.docs) == 0 {
		return nil
	}
	return p.docs[len(p.docs)-1]
}

// close tells of those that were in force in the range. given is how many events
// each gave their class.
func (p *policies) close(out *pb.RetentionAudit, given map[string]uint64) {
	for _, one := range p.all {
		if one.GetUnreadable() != "" {
			out.Findings = append(out.Findings, fmt.Sprintf("the policy at position %d cannot be read: %s", one.GetSeq(), one.GetUnreadable()))
		}
		if until := one.GetUntil(); until != nil && !until.AsTime().After(p.since) {
			continue
		}
		one.Events = given[one.GetVersion()]
		out.Policies = append(out.Policies, one)
	}
	document := p.inForce()
	if document == nil {
		return
	}
	if since, overdue := document.ReviewOverdue(p.until); overdue {
		p.all[len(p.all)-1].OverdueSince = timestamppb.New(since)
	}
	out.QuarantineKeep, out.Record = durationpb.New(document.QuarantineKeep()), record(document)
}
