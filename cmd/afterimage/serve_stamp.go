package main

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/url"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/witness"
)

// stamps has checkpoints time-stamped; its stamper is nil where nobody is to.
type stamps struct{ stamper *witness.Stamper }

// stampRoots checks --timestamp-url and reads --timestamp-roots; nil where any
// certificate is taken.
func (f serveFlags) stampRoots() (*x509.CertPool, error) {
	if f.StampURL != "" {
		if u, err := url.Parse(f.StampURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, usage("--timestamp-url %q: want http://… or https://…", f.StampURL)
		}
	}
	if f.StampRoots == "" {
		return nil, nil
	}
	text, err := readBounded(f.StampRoots, maxProof)
	if err != nil {
		return nil, usage("--timestamp-roots: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, usage("--timestamp-roots %s: it holds no certificate in PEM", f.StampRoots)
	}
	return roots, nil
}

// openStamps prepares what --timestamp-url asks for.
func openStamps(f serveFlags, roots *x509.CertPool, log *eventlog.Log, registry *prometheus.Registry, logger *slog.Logger) (stamps, error) {
	if f.StampURL == "" {
		return stamps{}, nil
	}
	s, err := witness.NewStamper(witness.StampConfig{Log: log, URL: f.StampURL, Roots: roots, Every: f.StampGap, Logger: logger})
	if err != nil {
		return stamps{}, err
	}
	registry.MustRegister(s)
	return stamps{s}, nil
}

func (s stamps) run(ctx context.Context) error {
	if s.stamper == nil {
		return nil
	}
	return s.stamper.Run(ctx)
}
