package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/retention"
)

// An operator is woken by these numbers: they must be those of the store, and be
// absent, not zero, where they are not known.
func TestKeptMetrics(t *testing.T) {
	ctx, now := t.Context(), time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	dir := t.TempDir()
	log, err := eventlog.Open(ctx, eventlog.Config{Dir: filepath.Join(dir, "data"), KeysDir: filepath.Join(dir, "keys"), MinFree: 1, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	policies, err := retention.Open(ctx, log, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := policies.Ensure(ctx, "default", policy.Default()); err != nil {
		t.Fatal(err)
	}
	keeper, err := retention.NewKeeper(ctx, retention.KeeperConfig{
		Log: log, Policies: policies, Select: inScope(query.New(query.Config{Log: log})), Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := keeper.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	appendInteraction(t, log, "default", "e1", "s-1", now)
	appendInteraction(t, log, "default", "e2", "s-1", now)
	if _, err := keeper.PlaceHold(ctx, "default", &pb.PlaceHoldRequest{
		Scope: &pb.Hold_Scope{Sessions: []string{"s-1"}}, CaseId: "c", Reason: "r", Authority: "a", Actor: "w",
	}); err != nil {
		t.Fatal(err)
	}
	k := newKept(ctx, keeper, log, slog.New(slog.DiscardHandler))
	registry := prometheus.NewRegistry()
	registry.MustRegister(k)
	check := func(want map[string]float64) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, f := range families {
			got[strings.TrimPrefix(f.GetName(), "afterimage_retention_")] = f.GetMetric()[0].GetGauge().GetValue()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
	}
	due := float64(time.Date(2026, 12, 21, 0, 0, 0, 0, time.UTC).Unix()) // 30 days after the end of the day
	want := map[string]float64{
		"stopped": 0, "due_buckets": 0, "last_run_timestamp_seconds": 0, "next_due_timestamp_seconds": due,
		"warnings": 0, "holds": 1, "held_events": 2, "owed_erasures": 0,
	}
	check(want)
	appendInteraction(t, log, "default", "e3", "s-1", now)
	now = now.Add(100 * 24 * time.Hour)
	check(want) // It is not read when somebody asks.
	k.read(ctx)
	want["stopped"], want["due_buckets"], want["held_events"] = 1, 1, 3
	want["next_due_timestamp_seconds"] = float64(time.Date(2033, 11, 19, 0, 0, 0, 0, time.UTC).Unix()) // the ledger's
	check(want)
	ended, end := context.WithCancel(ctx)
	end()
	k.read(ended)
	check(map[string]float64{})
}

// appendInteraction appends an event as ingest would.
func appendInteraction(t *testing.T, log *eventlog.Log, tenant event.Tenant, id, session string, at time.Time) {
	t.Helper()
	p, err := log.Prepare(tenant, &pb.Event{
		Id: id, Time: timestamppb.New(at), Session: session, Class: "routine", PolicyVersion: policy.Default().Version(),
		Body: &pb.Event_Interaction{Interaction: &pb.Interaction{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := log.Append(t.Context(), []eventlog.Prepared{p}); err != nil {
		t.Fatal(err)
	}
}
