package server

import (
	"context"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/certificate"
)

// retentions answers RetentionService.
type retentions struct {
	pb.UnimplementedRetentionServiceServer
	*Server
}

// PlaceHold implements RetentionService.
func (s retentions) PlaceHold(ctx context.Context, r *pb.PlaceHoldRequest) (*pb.PlaceHoldResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	required := !r.GetDryRun()
	fields := append(whoAndWhy(r.GetActor(), r.GetReason(), required),
		recordable{name: "caseId", text: r.GetCaseId(), limit: maxActor, required: required},
		recordable{name: "authority", text: r.GetAuthority(), limit: maxActor, required: required})
	if err := s.onRecord(ctx, t, r.GetScope(), append(fields, ownersOf(r.GetOwners())...)); err != nil {
		return nil, err
	}
	return held(ctx, s, r.GetDryRun(), func(ctx context.Context) (*pb.PlaceHoldResponse, error) {
		return s.cfg.Keeper.PlaceHold(ctx, t, r)
	})
}

// ExtendHold implements RetentionService.
func (s retentions) ExtendHold(ctx context.Context, r *pb.ExtendHoldRequest) (*pb.PlaceHoldResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	fields := append(whoAndWhy(r.GetActor(), r.GetReason(), !r.GetDryRun()), ownersOf(r.GetOwners())...)
	if err := s.onRecord(ctx, t, r.GetScope(), fields); err != nil {
		return nil, err
	}
	return held(ctx, s, r.GetDryRun(), func(ctx context.Context) (*pb.PlaceHoldResponse, error) {
		return s.cfg.Keeper.ExtendHold(ctx, t, r)
	})
}

// ReleaseHold implements RetentionService.
func (s retentions) ReleaseHold(ctx context.Context, r *pb.ReleaseHoldRequest) (*pb.ReleaseHoldResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	if err := s.onRecord(ctx, t, nil, whoAndWhy(r.GetActor(), r.GetReason(), !r.GetDryRun())); err != nil {
		return nil, err
	}
	return held(ctx, s, r.GetDryRun(), func(ctx context.Context) (*pb.ReleaseHoldResponse, error) {
		return s.cfg.Keeper.ReleaseHold(ctx, t, r)
	})
}

// held does something about a hold when its turn has come. What is no dry run
// outlives its caller: half of what a hold covers is not what was asked for.
func held[T any](ctx context.Context, s retentions, dryRun bool, do func(context.Context) (T, error)) (out T, err error) {
	leave, err := await(ctx, s.holds, 1)
	if err != nil {
		return out, err
	}
	defer leave()
	if dryRun {
		return do(ctx)
	}
	lasting, end := s.lasting(ctx)
	defer end()
	return do(lasting)
}

// maxOwners is how many owners a request may name.
const maxOwners = 16

// ownersOf are the owners that a request names, as they go on record.
func ownersOf(owners []string) (fields []recordable) {
	for _, o := range owners[:min(len(owners), maxOwners+1)] { // more are refused as too many
		fields = append(fields, recordable{name: "owners", text: o, limit: maxActor, required: true})
	}
	return fields
}

// onRecord checks what of a request goes on record: what the fields say, and the
// scope of a hold, nil: none.
func (s retentions) onRecord(ctx context.Context, t event.Tenant, scope *pb.Hold_Scope, fields []recordable) error {
	stored, err := s.cfg.Stored(t)
	if err != nil {
		return err
	}
	filter, err := s.cfg.Query.Recorded(t, scope.GetFilter())
	if err != nil {
		return err
	}
	const asUsers = "name people as users"
	return named(ctx, stored, append(fields,
		recordable{name: "scope.filter", text: filter, limit: maxFilter, lines: true, instead: asUsers},
		recordable{name: "scope.text", text: scope.GetText(), limit: maxFilter, instead: asUsers})...)
}

// ListHolds implements RetentionService.
func (s retentions) ListHolds(ctx context.Context, r *pb.ListHoldsRequest) (*pb.ListHoldsResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	holds, err := s.cfg.Keeper.Holds(ctx, t, r.GetActive())
	return &pb.ListHoldsResponse{Holds: holds}, err
}

// GetHold implements RetentionService.
func (s retentions) GetHold(ctx context.Context, r *pb.GetHoldRequest) (*pb.HoldState, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	return s.cfg.Keeper.Hold(ctx, t, r.GetHold())
}

// EraseEvents implements RetentionService.
func (s retentions) EraseEvents(r *pb.EraseEventsRequest, out grpc.ServerStreamingServer[pb.EraseEventsResponse]) error {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return err
	}
	dryRun := r.DryRun == nil || r.GetDryRun()
	if err := s.onRecord(out.Context(), t, nil, whoAndWhy(r.GetActor(), r.GetReason(), !dryRun)); err != nil {
		return err
	}
	leave, err := await(out.Context(), s.forgets, 1)
	if err != nil {
		return err
	}
	defer leave()
	return progressing(s.Server, out, !dryRun, func(p eventlog.ForgetProgress) *pb.EraseEventsResponse {
		return &pb.EraseEventsResponse{Step: p.Step, Done: uint64(p.Done), Total: uint64(p.Planned)}
	}, func(ctx context.Context, progress func(eventlog.ForgetProgress)) (*pb.EraseEventsResponse, error) {
		e, err := s.cfg.Keeper.Erase(ctx, t, r, progress)
		log := s.log.With("events", e.GetEvents(), "erased", e.GetErased(), "deferrals", len(e.GetDeferred()))
		switch {
		case err != nil:
		case dryRun:
			log.InfoContext(ctx, "erasure previewed")
		default:
			log.InfoContext(ctx, "evidence erased", "request", e.GetRequest())
		}
		return &pb.EraseEventsResponse{Erasure: e}, err
	})
}

// ListErasures implements RetentionService.
func (s retentions) ListErasures(ctx context.Context, r *pb.ListErasuresRequest) (*pb.ListErasuresResponse, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	erasures, err := s.cfg.Keeper.Erasures(ctx, t)
	return &pb.ListErasuresResponse{Erasures: erasures}, err
}

// GetErasure implements RetentionService.
func (s retentions) GetErasure(ctx context.Context, r *pb.GetErasureRequest) (*pb.ErasureState, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	return s.cfg.Keeper.Erasure(ctx, t, r.GetRequest())
}

// ExpireEvents implements RetentionService.
func (s retentions) ExpireEvents(r *pb.ExpireEventsRequest, out grpc.ServerStreamingServer[pb.ExpireEventsResponse]) error {
	leave, err := await(out.Context(), s.forgets, 1)
	if err != nil {
		return err
	}
	defer leave()
	dryRun := r.DryRun == nil || r.GetDryRun()
	return progressing(s.Server, out, !dryRun, func(p eventlog.ForgetProgress) *pb.ExpireEventsResponse {
		return &pb.ExpireEventsResponse{Step: p.Step, Done: uint64(p.Done), Total: uint64(p.Planned)}
	}, func(ctx context.Context, progress func(eventlog.ForgetProgress)) (*pb.ExpireEventsResponse, error) {
		expiries, err := s.cfg.Keeper.Expire(ctx, dryRun, progress)
		return &pb.ExpireEventsResponse{Expiries: expiries, Finished: true}, err
	})
}

// GetRetention implements RetentionService.
func (s retentions) GetRetention(ctx context.Context, _ *pb.GetRetentionRequest) (*pb.RetentionState, error) {
	return s.cfg.Keeper.State(ctx)
}

// ConfirmRetention implements RetentionService.
func (s retentions) ConfirmRetention(ctx context.Context, r *pb.ConfirmRetentionRequest) (*pb.RetentionState, error) {
	if err := s.onRecord(ctx, event.System, nil, whoAndWhy(r.GetActor(), r.GetReason(), true)); err != nil {
		return nil, err
	}
	return s.cfg.Keeper.Confirm(ctx, r.GetActor(), r.GetReason())
}

// GetCertificate implements RetentionService.
func (s retentions) GetCertificate(ctx context.Context, r *pb.GetCertificateRequest) (*pb.Certificate, error) {
	t, err := event.ParseTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	leave, err := await(ctx, s.searches, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	c, err := certificate.Build(ctx, s.cfg.Log, t, r.GetRequest(), s.now())
	if err != nil {
		return nil, err
	}
	return &pb.Certificate{Json: c.JSON(), Html: c.HTML()}, nil
}
