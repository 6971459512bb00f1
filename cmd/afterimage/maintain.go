package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/ingest"
	"github.com/afterimage/afterimage/retention"
)

const (
	// idleEvery is how often maintenance looks for work where there was none, and
	// tries again what failed.
	idleEvery = time.Minute
	// restShare is how many times as long as it worked maintenance then rests, so
	// that recording and reading do not feel it.
	restShare = 3
)

// maintain finishes what was being forgotten when the store stopped, and then
// merges blocks, at leisure, until ctx ends.
func maintain(ctx context.Context, log *eventlog.Log, logger *slog.Logger) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for resumed := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		began, rest := time.Now(), idleEvery
		more, err := false, error(nil)
		if !resumed {
			err = log.Resume(ctx, func(eventlog.ForgetProgress) {})
			resumed, more = err == nil, err == nil
		} else {
			more, err = log.Merge(ctx)
		}
		if more {
			rest = restShare * time.Since(began)
		}
		if err != nil && ctx.Err() == nil {
			logger.WarnContext(ctx, "maintenance failed and will be tried again", "in", idleEvery, "err", err)
		}
		timer.Reset(rest)
	}
}

// How often the key of the embedded stream's files changes, though nothing asks for
// it: after that long, in a minute in which nothing comes in, and after a while
// more in any case.
const (
	streamKeyAge  = 20 * time.Hour
	streamKeyOver = 4 * time.Hour
)

// rotateStream changes the key of the embedded stream's files every day, until ctx
// ends, so that what expires is no longer in them, and forgetting it keeps no
// publisher waiting.
func rotateStream(ctx context.Context, log *eventlog.Log, logger *slog.Logger) error {
	tick := time.NewTicker(idleEvery)
	defer tick.Stop()
	began := time.Now().Add(-streamKeyAge) // That of before the start may be old.
	for size := log.Size(); ; size = log.Size() {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		age := time.Since(began)
		if age < streamKeyAge || log.Size() != size && age < streamKeyAge+streamKeyOver {
			continue
		}
		err := log.RotateStream(ctx)
		switch {
		case ctx.Err() != nil || errors.Is(err, eventlog.ErrClosed):
			return nil
		case err != nil:
			logger.WarnContext(ctx, "the stream's key did not change and will be tried again", "in", idleEvery, "err", err)
		default:
			began = time.Now()
		}
	}
}

// promote moves what is complained about to the class in which it is kept for
// longer, until ctx ends.
func promote(ctx context.Context, policies *retention.Policies, logger *slog.Logger) error {
	for {
		err := policies.Promote(ctx)
		if ctx.Err() != nil || errors.Is(err, eventlog.ErrClosed) {
			return nil
		}
		logger.WarnContext(ctx, "promotion failed and will be tried again", "in", idleEvery, "err", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(idleEvery):
		}
	}
}

// rekeyer makes the embedded stream forget with the log: what is in the log
// already leaves the stream, and what stays is encrypted with the new key.
//
// Where NATS runs elsewhere, what an embedded stream left behind, before the store
// was told to use another, gets the new key too.
func rekeyer(consumer *ingest.Consumer, embedded *ingest.Server, flags serveFlags, logger *slog.Logger) func(ctx context.Context, fresh, old string) error {
	if embedded == nil {
		return func(ctx context.Context, fresh, old string) error {
			dir := filepath.Join(flags.Data, "stream")
			if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
				return nil
			}
			left, err := ingest.StartServer(ctx, ingest.ServerConfig{Dir: dir, Key: fresh, OldKey: old, Logger: logger, MinFree: flags.MinFreeMiB << 20})
			if err != nil {
				return err
			}
			return left.Close()
		}
	}
	return func(ctx context.Context, fresh, old string) error {
		drain, end := context.WithTimeout(ctx, time.Minute)
		defer end()
		if err := consumer.Drain(drain); err != nil {
			return err
		}
		return embedded.Rekey(ctx, fresh, old)
	}
}
