package audit

import (
	"fmt"
	"io"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A recordPart is one letter of Art. 30(1) of the GDPR.
type recordPart struct {
	Title, Source string
	Entries       []recordEntry
}

// A recordEntry is one thing that a record of processing says, or what is to be
// filled in where the policy does not say.
type recordEntry struct {
	Name  string
	Lines []string
	Blank string
}

// said is an entry of what the policy says in a field, or a blank that names it.
func said(name, field string, lines ...string) recordEntry {
	var kept []string
	for _, line := range lines {
		if line != "" {
			kept = append(kept, text(line))
		}
	}
	if len(kept) == 0 {
		return recordEntry{Name: name, Blank: "____________________ (not said: " + field + " of the policy)"}
	}
	return recordEntry{Name: name, Lines: kept}
}

// WriteRecord writes, as a page of HTML, a record of processing activities as Art.
// 30(1) of the GDPR asks for, as far as the policy in force at the end of an audit
// and the ledger say. What they do not say is left blank, visibly.
func WriteRecord(w io.Writer, a *pb.RetentionAudit) error {
	parts := recordParts(a)
	return write(w, recordPage, map[string]any{
		"Title": recordTitle(a), "Head": recordHead(a), "Parts": parts, "Blanks": blanks(parts),
	})
}

// WriteRecordText writes the same as text, in Markdown.
func WriteRecordText(w io.Writer, a *pb.RetentionAudit) error {
	parts := recordParts(a)
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", recordTitle(a), strings.Join(recordHead(a), "\n"))
	if n := blanks(parts); n > 0 {
		fmt.Fprintf(&b, "\nEntries that are blank, since the policy does not say: %d. Its field is named where each belongs.\n", n)
	}
	for _, p := range parts {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", p.Title, p.Source)
		for _, e := range p.Entries {
			fmt.Fprintf(&b, "\n**%s**\n\n", e.Name)
			if e.Blank != "" {
				fmt.Fprintf(&b, "%s\n", e.Blank)
			}
			for _, line := range e.Lines {
				fmt.Fprintf(&b, "- %s\n", line)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func recordTitle(a *pb.RetentionAudit) string {
	return "Record of processing activities: " + text(a.GetTenant())
}

// inForce is the policy in force at the end, nil if there is none.
func inForce(a *pb.RetentionAudit) *pb.RetentionAudit_PolicyInForce {
	if n := len(a.GetPolicies()); n > 0 && a.GetPolicies()[n-1].GetUntil() == nil {
		return a.GetPolicies()[n-1]
	}
	return nil
}

func recordHead(a *pb.RetentionAudit) []string {
	p := inForce(a)
	if p == nil {
		return []string{fmt.Sprintf("As of %s (UTC). No policy was in force.", moment(a.GetUntil()))}
	}
	lines := []string{fmt.Sprintf("As of %s (UTC), by policy %s, in force since %s.", moment(a.GetUntil()), p.GetVersion(), moment(p.GetSince()))}
	switch {
	case p.GetOverdueSince() != nil:
		lines = append(lines, fmt.Sprintf("The review of the policy was due on %s and is OVERDUE.", date(p.GetReviewBy())))
	case p.GetReviewBy() != nil:
		lines = append(lines, fmt.Sprintf("The policy is to be reviewed by %s.", date(p.GetReviewBy())))
	}
	return append(lines, "In the form of Art. 30(1) GDPR. What stands here is what the policy and the ledger say; whether it is complete is for the controller to judge.")
}

func blanks(parts []recordPart) (n int) {
	for _, p := range parts {
		for _, e := range p.Entries {
			if e.Blank != "" {
				n++
			}
		}
	}
	return n
}

func recordParts(a *pb.RetentionAudit) []recordPart {
	r, p := a.GetRecord(), inForce(a)
	const policyRecord = "As the policy says under `record`."
	return []recordPart{
		{"(a) Controller", policyRecord, []recordEntry{
			said("Controller", "record.controller.name", r.GetController()),
			said("Contact", "record.controller.contact", r.GetContact()),
			said("Joint controllers", "record.joint_controllers", r.GetJointControllers()...),
			said("Representative", "record.representative", r.GetRepresentative()),
			said("Data protection officer", "record.dpo", r.GetDpo()),
		}},
		{"(b) Purposes", "As the policy says of itself and of its classes.", purposes(p)},
		{"(c) Data subjects and personal data", policyRecord, []recordEntry{
			said("Categories of data subjects", "record.subjects", r.GetSubjects()...),
			said("Categories of personal data", "record.data", r.GetData()...),
		}},
		{"(d) Recipients", "As the policy says under `record`, and as the ledger says of exports.", []recordEntry{
			said("Categories of recipients", "record.recipients", r.GetRecipients()...),
			{Name: "Exports on record", Lines: exported30(a)},
		}},
		{"(e) Transfers to third countries", policyRecord, []recordEntry{
			said("Transfers, and their safeguards", "record.transfers", r.GetTransfers()...),
		}},
		{"(f) Envisaged time limits for erasure", "As the policy says of its classes. A hold suspends them; an erasure comes before them.", limits30(a, p)},
		{"(g) Technical and organisational measures", "What the store does, and what the policy says under `record`.", []recordEntry{
			{Name: "Of the store", Lines: measures(a)},
			said("Of the controller", "record.measures", r.GetMeasures()...),
		}},
	}
}

func purposes(p *pb.RetentionAudit_PolicyInForce) []recordEntry {
	entries := []recordEntry{
		said("Purpose", "rationale.purpose", p.GetPurpose()),
		said("Legal basis", "rationale.legal_basis", p.GetLegalBasis()),
	}
	for _, r := range p.GetRules() {
		if r.GetPurpose() != p.GetPurpose() && r.GetPurpose() != "" {
			entries = append(entries, said("Purpose of class "+r.GetClass(), "", r.GetPurpose()))
		}
		if r.GetLegalBasis() != p.GetLegalBasis() && r.GetLegalBasis() != "" {
			entries = append(entries, said("Legal basis of class "+r.GetClass(), "", r.GetLegalBasis()))
		}
	}
	return entries
}

// exported30 is what was handed out in the range of the audit.
func exported30(a *pb.RetentionAudit) []string {
	lines := []string{fmt.Sprintf("Copies of evidence that left the store from %s to %s: %d, by exports: %d.",
		date(a.GetSince()), date(a.GetUntil()), a.GetCopies(), len(a.GetExports()))}
	for _, x := range a.GetExports() {
		lines = append(lines, text(fmt.Sprintf("%s: %d events, by %s for: %s", x.GetOperation(), x.GetEvents(), dash(x.GetActor()), dash(x.GetReason()))))
	}
	return lines
}

// limits30 is how long what is kept.
func limits30(a *pb.RetentionAudit, p *pb.RetentionAudit_PolicyInForce) []recordEntry {
	var lines []string
	for _, r := range p.GetRules() {
		line := fmt.Sprintf("%s: erased %s after the day on which it was stored", r.GetClass(), days(r.GetKeep()))
		if r.GetMin() != nil {
			line += fmt.Sprintf("; kept for at least %s, whatever a later policy says", days(r.GetMin()))
		}
		lines = append(lines, text(line)+".")
	}
	if q := a.GetQuarantineKeep(); q != nil {
		lines = append(lines, fmt.Sprintf("Messages that could not be stored as they came (quarantine): erased %s after the day on which they came.", days(q)))
	}
	return []recordEntry{
		said("By class", "classes", lines...),
		{Name: "As of the end of the audit", Lines: []string{fmt.Sprintf(
			"Events kept: %d; held: %d. Erasures owed: %d.", a.GetTotal().GetKept(), a.GetHeld(), a.GetErasuresOwed())}},
	}
}

// measures is what the store does for security, by itself.
func measures(a *pb.RetentionAudit) []string {
	r := a.GetRedactions()
	return []string{
		"Evidence, its index and the names of tenants are encrypted at rest, with keys that are kept apart from the data and wrapped by a key-encryption key.",
		"People stand in the store under keyed pseudonyms.",
		fmt.Sprintf("Personal data and secrets are taken out of texts before they are stored; where that fails, the message is quarantined, encrypted. In the range, events changed so: %d; messages quarantined: %d.", r.GetRedacted(), r.GetQuarantined()),
		"What is changed, removed or put in another order shows: each event is a leaf of a Merkle tree with signed checkpoints (`afterimage verify`).",
		fmt.Sprintf("What expires or is erased is made unreadable by destroying keys, in older copies of the data too. Epochs of keys that began in the range: %d.", len(a.GetEpochs())),
		"Policies, holds, erasures, expiries, exports and redactions are events of the log itself, with who, what and why.",
	}
}
