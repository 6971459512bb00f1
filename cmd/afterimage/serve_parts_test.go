package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	"github.com/afterimage/afterimage/retention"
)

func policyWithMin(t *testing.T, days int) *policy.Document {
	t.Helper()
	d, err := policy.Parse(fmt.Appendf(nil,
		"classes: {kept: {keep: 30d, min: %dd}, ledger: {keep: 7y, min: 7y}}\nrules: [{class: kept}]\n", days))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// The ledger cannot be taken back: a policy that one tenant's promises forbid
// must not be on record for the others.
func TestRefusedPolicyChangesNoTenant(t *testing.T) {
	dir := t.TempDir()
	log, err := eventlog.Open(t.Context(), eventlog.Config{Dir: filepath.Join(dir, "log"), KeysDir: filepath.Join(dir, "keys")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := log.Close(); err != nil {
			t.Error(err)
		}
	})
	logger := slog.New(slog.DiscardHandler)
	before, err := retention.Open(t.Context(), log, logger)
	if err != nil {
		t.Fatal(err)
	}
	for tenant, days := range map[event.Tenant]int{"a": 1, "b": 20, "c": 1} {
		if err := before.Apply(t.Context(), tenant, retention.Change{Document: policyWithMin(t, days)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = openPolicies(t.Context(), log, policyWithMin(t, 10), nil, logger)
	if !errors.Is(err, retention.ErrPromised) || !strings.Contains(err.Error(), "tenant b") {
		t.Errorf("got %v, want ErrPromised that names tenant b", err)
	}
	if got := log.Size(); got != 3 {
		t.Errorf("the log has %d events, want the 3 from before", got)
	}
	if _, err := openPolicies(t.Context(), log, policyWithMin(t, 20), nil, logger); err != nil {
		t.Error(err)
	}
	if got := log.Size(); got != 5 {
		t.Errorf("the log has %d events, want 5: two tenants got another policy", got)
	}
}

// Whoever finds the ready file may connect: it is gone when the server is.
func TestReadyFileGoesWithTheServer(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ready")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	flags := serveFlags{
		Data: filepath.Join(dir, "data"), Keys: filepath.Join(dir, "keys"), ReadyFile: file,
		HTTP: "127.0.0.1:0", GRPC: "127.0.0.1:0", NATS: "127.0.0.1:0", LogLevel: "error", LogFormat: "text",
	}
	err := serve(ctx, flags, t.Output(), func(a addresses, _ *eventlog.Log) error {
		defer cancel()
		if err := a.write(file); err != nil {
			return err
		}
		if _, err := os.Stat(file); err != nil {
			return err
		}
		answer, err := http.Get(a.HTTP + "/healthz")
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want the file gone", err)
	}
}
