package event

import (
	"crypto/sha256"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

func (v *validator) interaction(i *pb.Interaction) {
	if v.absent(i) {
		return
	}
	v.unknown(i)
	if i.Model != nil {
		v.model(i.Model)
	}
	if i.Parameters != nil {
		v.parameters(i.Parameters)
	}
	if len(i.Input)+len(i.Output)+len(i.Shown) == 0 {
		v.add("", "has no message: want at least one in input, output or shown")
	}
	v.messages("input", i.Input)
	v.documents(i.Retrieved)
	v.messages("output", i.Output)
	v.messages("shown", i.Shown)
	v.deltas(i.Deltas)
	v.count("verdicts", len(i.Verdicts), MaxVerdicts)
	for n, verdict := range i.Verdicts {
		v.enter("verdicts", n)
		if verdict.GetTarget() != "" {
			v.add("target", "is set inside an interaction, which is the target")
		}
		v.verdict(verdict)
		v.leave()
	}
	v.name("finishReason", i.FinishReason, optional)
	if i.Usage != nil {
		v.enter("usage", -1)
		v.unknown(i.Usage)
		v.leave()
	}
	v.duration("timeToFirstToken", i.TimeToFirstToken)
	v.duration("duration", i.Duration)
}

func (v *validator) model(m *pb.Model) {
	v.enter("model", -1)
	defer v.leave()
	v.unknown(m)
	v.label("provider", m.Provider)
	v.label("name", m.Name)
	v.label("version", m.Version)
	v.label("fingerprint", m.Fingerprint)
}

func (v *validator) parameters(p *pb.Parameters) {
	v.enter("parameters", -1)
	defer v.leave()
	v.unknown(p)
	v.finite("temperature", p.Temperature)
	if p.GetTemperature() < 0 {
		v.add("temperature", "%v is below 0", p.GetTemperature())
	}
	v.unit("topP", p.GetTopP())
	v.notNegative("topK", int64(p.GetTopK()))
	v.notNegative("maxTokens", int64(p.GetMaxTokens()))
	v.count("stop", len(p.Stop), MaxStop)
	for n, s := range p.Stop {
		v.enter("stop", n)
		v.text("", s)
		v.leave()
	}
}

func (v *validator) messages(name string, messages []*pb.Message) {
	v.count(name, len(messages), MaxMessages)
	for n, m := range messages {
		v.enter(name, n)
		v.message(m)
		v.leave()
	}
}

func (v *validator) message(m *pb.Message) {
	if v.absent(m) {
		return
	}
	v.unknown(m)
	v.name("role", m.Role, required)
	v.count("parts", len(m.Parts), MaxParts)
	for n, p := range m.Parts {
		v.enter("parts", n)
		v.part(p)
		v.leave()
	}
}

func (v *validator) part(p *pb.Part) {
	if v.absent(p) {
		return
	}
	v.unknown(p)
	switch k := p.Kind.(type) {
	case nil:
		v.add("", "has no content: want one of text, toolCall, toolResult, reasoning, blob")
	case *pb.Part_Text:
		v.text("text", k.Text)
	case *pb.Part_Reasoning:
		v.text("reasoning", k.Reasoning)
	case *pb.Part_ToolCall:
		v.toolCall(k.ToolCall)
	case *pb.Part_ToolResult:
		v.toolResult(k.ToolResult)
	case *pb.Part_Blob:
		v.blob(k.Blob)
	}
}

func (v *validator) toolCall(c *pb.ToolCall) {
	v.enter("toolCall", -1)
	defer v.leave()
	if v.absent(c) {
		return
	}
	v.unknown(c)
	v.name("id", c.Id, optional)
	v.name("name", c.Name, required)
	v.text("arguments", c.Arguments)
}

func (v *validator) toolResult(r *pb.ToolResult) {
	v.enter("toolResult", -1)
	defer v.leave()
	if v.absent(r) {
		return
	}
	v.unknown(r)
	v.name("id", r.Id, optional)
	v.text("result", r.Result)
	v.text("error", r.Error)
}

func (v *validator) blob(b *pb.Blob) {
	v.enter("blob", -1)
	defer v.leave()
	if v.absent(b) {
		return
	}
	v.unknown(b)
	v.name("mediaType", b.MediaType, optional)
	if n := len(b.Sha256); n != 0 && n != sha256.Size {
		v.add("sha256", "has %d bytes: want %d", n, sha256.Size)
	}
	v.bounded("uri", b.Uri, MaxURI, optional)
}

func (v *validator) documents(documents []*pb.Document) {
	v.count("retrieved", len(documents), MaxDocuments)
	for n, d := range documents {
		v.enter("retrieved", n)
		if !v.absent(d) {
			v.unknown(d)
			v.name("id", d.Id, optional)
			v.bounded("uri", d.Uri, MaxURI, optional)
			v.text("title", d.Title)
			v.text("text", d.Text)
			v.finite("score", d.Score)
		}
		v.leave()
	}
}

func (v *validator) deltas(deltas []*pb.Delta) {
	v.count("deltas", len(deltas), MaxDeltas)
	var last uint32
	for n, d := range deltas {
		v.enter("deltas", n)
		if !v.absent(d) {
			v.unknown(d)
			if d.OffsetMs < last {
				v.add("offsetMs", "%d is before %d of the step before it", d.OffsetMs, last)
			}
			last = d.OffsetMs
		}
		v.leave()
	}
}

// verdict checks what late verdicts and those of an interaction share.
func (v *validator) verdict(x *pb.Verdict) {
	if v.absent(x) {
		return
	}
	v.unknown(x)
	v.enum("scope", x.Scope)
	if c := x.Classifier; c != nil {
		v.enter("classifier", -1)
		v.unknown(c)
		v.name("name", c.Name, optional)
		v.name("version", c.Version, optional)
		v.leave()
	}
	v.name("category", x.Category, required)
	v.unit("score", x.Score)
	v.unit("threshold", x.GetThreshold())
	v.enum("action", x.Action)
}

func (v *validator) report(r *pb.Report) {
	if v.absent(r) {
		return
	}
	v.unknown(r)
	v.id("target", r.Target, optional)
	v.label("session", r.Session)
	if r.Target == "" && r.Session == "" {
		v.add("", "is about nothing: want target or session")
	}
	v.enum("reporter", r.Reporter)
	v.name("category", r.Category, required)
	v.text("comment", r.Comment)
}

func (v *validator) action(a *pb.Action) {
	if v.absent(a) {
		return
	}
	v.unknown(a)
	v.id("target", a.Target, optional)
	v.enum("kind", a.Kind)
	v.name("name", a.Name, optional)
	v.text("text", a.Text)
}

func (v *validator) coverage(c *pb.Coverage) {
	if v.absent(c) {
		return
	}
	v.unknown(c)
	v.time("start", c.Start)
	v.time("end", c.End)
	if c.Start != nil && c.End != nil && !c.End.AsTime().After(c.Start.AsTime()) {
		v.add("end", "is not after start")
	}
	v.count("strata", len(c.Strata), MaxStrata)
	for n, s := range c.Strata {
		v.enter("strata", n)
		v.stratum(s)
		v.leave()
	}
}

func (v *validator) stratum(s *pb.Coverage_Stratum) {
	if v.absent(s) {
		return
	}
	v.unknown(s)
	v.name("rule", s.Rule, optional)
	v.name("model", s.Model, optional)
	v.name("deployment", s.Deployment, optional)
	v.probability("probability", s.Probability)
	if s.Captured > s.Seen {
		v.add("captured", "%d is above the %d seen", s.Captured, s.Seen)
	}
}
