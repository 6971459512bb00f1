package server_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

// newKeeper returns what holds, expires and erases in a log.
func newKeeper(t testing.TB, log *eventlog.Log, engine *query.Engine) *retention.Keeper {
	t.Helper()
	policies, err := retention.Open(t.Context(), log, nil)
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := retention.NewKeeper(t.Context(), retention.KeeperConfig{
		Log: log, Policies: policies, Now: func() time.Time { return noon },
		Select: func(ctx context.Context, t event.Tenant, s retention.Scope) (iter.Seq2[event.Seq, error], error) {
			r := query.EvidenceRequest{Filter: s.GetFilter(), Text: s.GetText(), Sessions: s.GetSessions(), Users: s.GetUsers(), From: s.From, Before: s.Before}
			if s.GetSince() != nil {
				r.Since = s.GetSince().AsTime()
			}
			if s.GetUntil() != nil {
				r.Until = s.GetUntil().AsTime()
			}
			return engine.Evidence(ctx, t, r)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return keeper
}
