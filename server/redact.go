package server

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

// redactions answers RedactionService.
type redactions struct {
	pb.UnimplementedRedactionServiceServer
	*Server
}

// redactPause is how far apart messages about progress are, at least, within one
// step.
const redactPause = 100 * time.Millisecond

// RedactEvents implements RedactionService.
func (s redactions) RedactEvents(r *pb.RedactEventsRequest, out grpc.ServerStreamingServer[pb.RedactEventsResponse]) error {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return err
	}
	what, err := textRequest(r)
	if err != nil {
		return err
	}
	stored, err := s.cfg.Stored(t)
	if err != nil {
		return err
	}
	rewrite := r.DryRun != nil && !r.GetDryRun()
	if rewrite {
		if err := named(out.Context(), stored, whoAndWhy(r.GetActor(), r.GetReason(), true)...); err != nil {
			return err
		}
	}
	leave, err := await(out.Context(), s.redacts, 1)
	if err != nil {
		return err
	}
	defer leave()
	return s.redact(stored, t, what, r, rewrite, out)
}

// redact does what was asked for, and sends how far it is.
func (s redactions) redact(stored *retention.Stored, t event.Tenant, what query.TextRequest, r *pb.RedactEventsRequest, rewrite bool, out grpc.ServerStreamingServer[pb.RedactEventsResponse]) error {
	selected, err := s.cfg.Query.Texts(out.Context(), t, what)
	if err != nil {
		return err
	}
	return progressing(s.Server, out, rewrite, func(p eventlog.ForgetProgress) *pb.RedactEventsResponse {
		return &pb.RedactEventsResponse{Step: p.Step, Done: uint64(p.Done), Total: uint64(p.Planned)}
	}, func(ctx context.Context, progress func(eventlog.ForgetProgress)) (*pb.RedactEventsResponse, error) {
		var summary *pb.RedactionSummary
		var err error
		if rewrite {
			why := retention.Why{Actor: r.GetActor(), Reason: r.GetReason(), Stop: out.Context().Done()}
			summary, err = stored.Redact(ctx, selected, why, progress)
		} else {
			summary, err = stored.Preview(ctx, selected, progress)
		}
		log := s.log.With("looked", summary.GetLooked(), "changed", summary.GetChanged(), "failed", summary.GetFailed())
		switch {
		case err != nil:
		case rewrite:
			log.InfoContext(ctx, "stored events redacted")
		default:
			log.InfoContext(ctx, "redaction of stored events previewed")
		}
		return &pb.RedactEventsResponse{Summary: summary}, err
	})
}

// progressing calls do, sends how far it is, and last what it returns. What is to
// last is done to its end though the reader leaves.
func progressing[T any](s *Server, out grpc.ServerStreamingServer[T], lasts bool, step func(eventlog.ForgetProgress) *T,
	do func(context.Context, func(eventlog.ForgetProgress)) (*T, error),
) error {
	ctx, cancel := context.WithCancelCause(out.Context())
	defer cancel(nil)
	pieces := newSender(out)
	progress := paced(func(p eventlog.ForgetProgress) {
		if ctx.Err() != nil {
			return
		}
		if err := pieces.send(ctx, step(p)); err != nil {
			cancel(err)
		}
	})
	working, end := ctx, func() {}
	if lasts {
		working, end = s.lasting(ctx)
	}
	last, err := do(working, progress)
	end()
	if err == nil {
		err = pieces.send(ctx, last)
	}
	ended := pieces.end(ctx)
	return cmp.Or(context.Cause(ctx), err, ended)
}

// lasting returns a context that outlives the reader of a call, though not the
// server: what a rewrite has begun is to be finished, whoever left.
func (s *Server) lasting(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var watch sync.WaitGroup
	watch.Go(func() {
		select {
		case <-s.draining:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { cancel(); watch.Wait() }
}

// paced returns a function that passes on the first of each step, and then one in
// redactPause.
func paced(send func(eventlog.ForgetProgress)) func(eventlog.ForgetProgress) {
	var step string
	var last time.Time
	return func(p eventlog.ForgetProgress) {
		now := time.Now() //nolint:forbidigo // How often progress is told is no evidence.
		if p.Step == step && now.Sub(last) < redactPause {
			return
		}
		step, last = p.Step, now
		send(p)
	}
}

// textRequest returns which events a request is about.
func textRequest(r *pb.RedactEventsRequest) (out query.TextRequest, err error) {
	out.Filter = r.GetFilter()
	if out.Since, err = instant("since", r.GetSince()); err != nil {
		return out, err
	}
	if out.Until, err = instant("until", r.GetUntil()); err != nil {
		return out, err
	}
	for _, seq := range r.GetSeqs() {
		out.Seqs = append(out.Seqs, event.Seq(seq))
	}
	return out, nil
}

// A recordable is a field of a request that goes into the ledger, which nothing is
// ever taken out of.
type recordable struct {
	name, text string
	limit      int    // characters
	required   bool   // because it is on record who had something done, and why
	lines      bool   // it may have several
	instead    string // of personal data; "": a role and a ticket
}

// maxActor is how long a name may be that goes on record, and maxReason a reason, in
// characters.
const (
	maxActor  = 256
	maxReason = 1024
)

// whoAndWhy are the fields that say who has something done and why.
func whoAndWhy(actor, reason string, required bool) []recordable {
	return []recordable{
		{name: "actor", text: actor, limit: maxActor, required: required},
		{name: "reason", text: reason, limit: maxReason, required: required},
	}
}

// named checks that what goes on record is there, can be read, and is nothing that
// would have to be redacted where it can never be.
func named(ctx context.Context, stored *retention.Stored, fields ...recordable) error {
	for _, f := range fields {
		wrong := func(format string, args ...any) error {
			return &query.RequestError{Field: f.name, Reason: fmt.Sprintf(format, args...)}
		}
		switch {
		case f.required && strings.TrimSpace(f.text) == "":
			return wrong("is missing: it is on record who has this done and why")
		case utf8.RuneCountInString(f.text) > f.limit:
			return wrong("has more than %d characters", f.limit)
		case strings.ContainsFunc(f.text, func(c rune) bool { return !unicode.IsPrint(c) && !(f.lines && (c == '\n' || c == '\t')) }):
			return wrong("has characters that cannot be printed")
		}
		found, err := stored.Mentions(ctx, f.text)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return wrong("has personal data (%s), and stands in the ledger for good: %s", strings.Join(found, ", "), cmp.Or(f.instead, "name a role and a ticket"))
		}
	}
	return nil
}
