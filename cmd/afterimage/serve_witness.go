package main

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/witness"
)

// witnesses has checkpoints cosigned; its client is nil where nobody is to.
type witnesses struct{ client *witness.Client }

// openWitnesses prepares what a policy from witnessPolicy asks for.
func openWitnesses(policy *witness.Policy, every time.Duration, log *eventlog.Log, registry *prometheus.Registry, logger *slog.Logger) (witnesses, error) {
	if policy == nil {
		return witnesses{}, nil
	}
	metrics := witness.NewMetrics()
	client, err := witness.New(witness.Config{Log: log, Policy: policy, Every: every, Logger: logger, Metrics: metrics})
	if err != nil {
		return witnesses{}, err
	}
	registry.MustRegister(metrics)
	return witnesses{client}, nil
}

// witnessPolicy returns whom to ask and who is enough; nil where nobody is to
// be asked.
func (f serveFlags) witnessPolicy() (*witness.Policy, error) {
	if f.Witnesses != "" {
		text, err := readBounded(f.Witnesses, maxProof)
		if err != nil {
			return nil, usage("--witness-policy: %w", err)
		}
		p, err := witness.ParsePolicy(text)
		if err != nil {
			return nil, usage("--witness-policy %s: %w", f.Witnesses, err)
		}
		if err := p.Askable(); err != nil {
			return nil, usage("--witness-policy %s: %w", f.Witnesses, err)
		}
		return p, nil
	}
	var all []witness.Witness
	for _, text := range f.Witness {
		at, vkey, ok := strings.Cut(text, "=")
		if u, err := url.Parse(at); !ok || err != nil || u.Host == "" {
			return nil, usage("--witness %q: want URL=VKEY, e.g. https://witness.example.org=example.org/w1+…+…", text)
		}
		name, _, _ := strings.Cut(vkey, "+")
		w, err := witness.NewWitness(name, vkey, at)
		if err != nil {
			return nil, usage("--witness: %w", err)
		}
		all = append(all, w)
	}
	if len(all) == 0 {
		return nil, nil
	}
	p, err := witness.Any(all)
	if err == nil {
		err = p.Askable()
	}
	if err != nil {
		return nil, usage("--witness: %w", err)
	}
	return p, nil
}

// checkpoint is what /tlog/checkpoint is to serve; nil: the newest.
func (w witnesses) checkpoint() func(context.Context) (eventlog.Checkpoint, error) {
	if w.client == nil {
		return nil
	}
	return w.client.Checkpoint
}

func (w witnesses) run(ctx context.Context) error {
	if w.client == nil {
		return nil
	}
	return w.client.Run(ctx)
}
