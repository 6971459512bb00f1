package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/retention/audit"
)

// AuditRetention implements RetentionService.
func (s retentions) AuditRetention(ctx context.Context, r *pb.AuditRetentionRequest) (*pb.RetentionAudit, error) {
	t, err := readTenant(r.GetTenant())
	if err != nil {
		return nil, err
	}
	request := audit.Request{Now: s.now()}
	if request.Since, err = instant("since", r.GetSince()); err != nil {
		return nil, err
	}
	if request.Until, err = instant("until", r.GetUntil()); err != nil {
		return nil, err
	}
	// An audit of a name that is misspelt would look as if nothing had ever happened.
	if !slices.Contains(s.cfg.Log.Tenants(), t) {
		return nil, fmt.Errorf("audit of tenant %s: %w", t, eventlog.ErrNotFound)
	}
	leave, err := await(ctx, s.analyses, 1)
	if err != nil {
		return nil, err
	}
	defer leave()
	return audit.Make(ctx, s.cfg.Log, t, request)
}
