// Package policy is what a tenant has decided about its evidence: which
// retention class an event gets, how long each class is kept, how much is
// sampled, and what is taken out of texts. It also holds the conditions that
// policies, search filters and monitors share.
//
//	doc, err := policy.Parse(source)         // or policy.Default()
//	own := doc.For(tenant)                   // with its overrides
//	class, err := own.Classify(event)        // "flagged", or "flagged@clinic"
//	redaction := doc.Redaction()             // regions, operators, escrow, analyser
//	cond, err := policy.Compile(`interaction.model.name == "m" && turn > 3`)
//	found, err := cond.Match(event)
//
// # The language of conditions
//
// Conditions are CEL (the Common Expression Language) over one event. The
// event is the variable `event`; its fields are also variables of their own,
// so that `event.source.service == "chat"` and `source.service == "chat"` are
// the same. Fields have the names of the event's proto, or those of its JSON:
// `finish_reason` and `finishReason` are one. Two variables are not fields:
// `kind`, one of "interaction", "verdict", "report", "action", "coverage" and
// "policy_applied", and `seq`, the event's position in the log.
//
// Values are those of the event's JSON: an enum is its name, as in
// `verdict.action == "REPLACED"` (the constant `Verdict.Action.REPLACED` is
// the same string), every whole number is an int, `time` is a timestamp, and
// an absent field reads as its zero value: `has(event.verdict)` and
// `has(v.threshold)` ask whether it is there.
//
// Invariants:
//
//   - A [Document] and a [Condition] never change after they were made and are
//     safe for concurrent use.
//   - A document's version is a function of its source bytes alone, and a
//     document's source parses to the same document.
//   - A rule set is total: every event gets a class that the document declares
//     for the tenant, and ledger events get "ledger" whatever the rules say.
//   - A floor is a floor: no override lowers the min of a class, and no class is
//     kept for less than its min, for whatever tenant and deployment.
//   - What a document says of redaction has an effect: a type, detector, region
//     or key that is not known is an error, never passed over.
//   - What [Condition.Terms], [Condition.Words] and [Condition.Between] say is
//     implied by the condition: selecting by them never loses a match.
//   - The work of one [Condition.Match] is bounded (invariant 9).
//   - Error texts name fields, types and positions, never string constants of
//     a condition nor content of an event.
package policy
