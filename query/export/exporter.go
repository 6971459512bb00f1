package export

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/RoaringBitmap/roaring/v2/roaring64"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// What callers decide on.
var (
	// ErrBusy: as many exports are being gathered as may be at a time.
	ErrBusy = errors.New("too many exports are being gathered: try again later")
	// ErrNotReady: the export is not done yet, or ended without a result.
	ErrNotReady = errors.New("there is nothing to download")
	// ErrExpired: it was done too long ago.
	ErrExpired = errors.New("the export is too old to be downloaded: export again, which is on record with who and why of now")
	// ErrChanged: evidence that it is of was forgotten or redacted since.
	ErrChanged = errors.New("evidence of this export was forgotten or redacted since it was gathered: export again")
	// ErrOtherBytes: what a download is to go on from is not what was sent.
	ErrOtherBytes = errors.New("what is there of the file is not what would be sent now: download it from the beginning")
)

// The limits.
const (
	// MaxEvents is how many events a bag may have: each is three files of it.
	MaxEvents = 100_000
	// Lasting is how long an export can be downloaded after it was gathered.
	Lasting = 7 * 24 * time.Hour
	// pending is how many exports may be waiting or gathered at a time.
	pending = 32
)

// Config says what an Exporter exports from.
type Config struct {
	Log    *eventlog.Log // required
	Engine *query.Engine // required
	// Policy returns the version of the policy in force for a tenant. nil: ledger
	// events name none.
	Policy func(event.Tenant) (string, error)
	// Witnesses are the lines of a C2SP tlog-policy after those that name logs:
	// witnesses, groups and the quorum. "": nobody cosigns.
	Witnesses string
	Software  string           // who makes bags, for their Bag-Software-Agent
	Now       func() time.Time // evidence time; nil: time.Now
	Logger    *slog.Logger     // nil: discard
}

// An Exporter exports evidence. Its methods are safe for concurrent use.
type Exporter struct {
	cfg   Config
	slots chan struct{} // one for each that is waiting or being gathered
	jobs  chan job

	mu      sync.Mutex // guards what follows
	running map[job]*gathering
}

// A job is an operation that is to be gathered.
type job struct {
	tenant    event.Tenant
	operation string
}

// A gathering is one that is waiting or under way.
type gathering struct {
	found  atomic.Uint64
	cancel context.CancelFunc // nil while it waits; guarded by Exporter.mu
}

// New returns an Exporter; Run makes it work.
func New(cfg Config) *Exporter {
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // The default of Config.Now.
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Exporter{cfg: cfg, slots: make(chan struct{}, pending), jobs: make(chan job, pending), running: map[job]*gathering{}}
}

// Run gathers what was asked for, one export after the other, and first what was
// not done when the store stopped. It returns nil when ctx ends, and what that
// leaves undone it does the next time.
func (x *Exporter) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return x.recover(ctx) })
	group.Go(func() error {
		for {
			select {
			case <-ctx.Done():
				return nil
			case j := <-x.jobs:
				x.work(ctx, j)
			}
		}
	})
	return group.Wait()
}

// recover puts in line what the ledger says is not done.
func (x *Exporter) recover(ctx context.Context) error {
	for _, t := range x.cfg.Log.Tenants() {
		for step, err := range x.steps(ctx, t, nil) {
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return fmt.Errorf("look for exports that are not done: %w", err)
			}
			if step.GetExported().GetStage() != pb.Exported_REQUESTED {
				continue
			}
			j := job{t, step.GetExported().GetOperation()}
			if _, err := x.end(ctx, j); !errors.Is(err, eventlog.ErrNotFound) {
				continue
			}
			select {
			case x.slots <- struct{}{}:
				x.enqueue(j)
			case <-ctx.Done():
				return nil
			}
		}
	}
	return nil
}

// enqueue puts a job in line. The caller has a slot, which goes with it.
func (x *Exporter) enqueue(j job) {
	x.mu.Lock()
	_, already := x.running[j]
	if !already {
		x.running[j] = &gathering{}
	}
	x.mu.Unlock()
	if already {
		<-x.slots
		return
	}
	x.jobs <- j // There is room: as many as there are slots.
}

// work gathers one export and puts on record how that ended, unless ctx did.
func (x *Exporter) work(ctx context.Context, j job) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x.mu.Lock()
	g := x.running[j]
	g.cancel = cancel
	x.mu.Unlock()
	defer func() {
		x.mu.Lock()
		delete(x.running, j)
		x.mu.Unlock()
		<-x.slots
	}()
	end, err := x.gather(ctx, j, g)
	switch {
	case ctx.Err() != nil || errors.Is(err, eventlog.ErrClosed): // called off, or to go on after a restart
		return
	case err == nil && end == nil: // it ended while it waited
		return
	case err != nil:
		x.cfg.Logger.ErrorContext(ctx, "an export cannot be gathered", "operation", j.operation, "err", err)
		end = &pb.Exported{Stage: pb.Exported_FAILED, Failure: fmt.Sprintf("%.300s", strings.ToValidUTF8(err.Error(), "?"))}
	}
	if err := x.finish(ctx, j, end); err != nil {
		x.cfg.Logger.ErrorContext(ctx, "the end of an export cannot be put on record", "operation", j.operation, "err", err)
	}
}

// gather finds the events of an export, and returns the end that it comes to; nil
// if it has ended already.
func (x *Exporter) gather(ctx context.Context, j job, g *gathering) (*pb.Exported, error) {
	asked, err := x.asked(ctx, j)
	if err != nil {
		return nil, err
	}
	if _, err := x.end(ctx, j); !errors.Is(err, eventlog.ErrNotFound) {
		return nil, err
	}
	s, err := x.selection(ctx, j.tenant, asked, func(n uint64) { g.found.Store(n) })
	if err != nil {
		return nil, err
	}
	if s.events == 0 { // Who is handed a package with nothing in it takes it for what there is.
		return &pb.Exported{Stage: pb.Exported_FAILED, Failure: "no evidence matches what was asked for: there is nothing to export"}, nil
	}
	return &pb.Exported{Stage: pb.Exported_READY, Events: s.events, Before: asked.GetSeq(), Digest: s.digest[:], Positions: positionsOf(s.seqs)}, nil
}

// positionsOf returns the events, none where they are more ranges than an event of
// the ledger can have.
func positionsOf(set *roaring64.Bitmap) []*pb.Forgotten_Positions {
	out := eventlog.Positions(set)
	if len(out) > event.MaxPositions {
		return nil
	}
	return out
}

// A selection is which events an export is of.
type selection struct {
	events uint64
	digest [sha256.Size]byte
	seqs   *roaring64.Bitmap // not to be compared: the digest is of them
}

// selection finds the events that were asked for, as they are committed to now.
func (x *Exporter) selection(ctx context.Context, t event.Tenant, asked *pb.Event, found func(uint64)) (selection, error) {
	seqs, err := x.cfg.Engine.Evidence(ctx, t, evidenceOf(asked))
	if err != nil {
		return selection{}, err
	}
	d, all := newDigester(), roaring64.New()
	for seq, err := range seqs {
		if err != nil {
			return selection{}, err
		}
		c, err := x.cfg.Log.Committed(ctx, t, seq)
		if errors.Is(err, eventlog.ErrErased) {
			continue
		}
		if err != nil {
			return selection{}, err
		}
		d.add(seq, c)
		all.Add(uint64(seq))
		if d.n > MaxEvents && asked.GetExported().GetFormat() == pb.Exported_BAGIT {
			return selection{}, fmt.Errorf("more than %d events match: ask for less, or for ndjson or parquet: %w", MaxEvents, event.ErrTooLarge)
		}
		found(d.n)
	}
	return selection{d.n, d.sum(), all}, nil
}

// A digester computes the digest of an export's events, by ascending position.
type digester struct {
	n    uint64
	hash hash.Hash
}

func newDigester() *digester { return &digester{hash: sha256.New()} }

func (d *digester) add(seq event.Seq, commitment [sha256.Size]byte) {
	d.n++
	d.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(seq)))
	d.hash.Write(commitment[:])
}

func (d *digester) sum() [sha256.Size]byte { return [sha256.Size]byte(d.hash.Sum(nil)) }

// evidenceOf returns what is asked of the engine for an export.
func evidenceOf(asked *pb.Event) query.EvidenceRequest {
	r := asked.GetExported()
	out := query.EvidenceRequest{Filter: r.GetFilter(), Text: r.GetText(), Sessions: r.GetSessions(), Before: event.Seq(asked.GetSeq())}
	if r.GetSince() != nil {
		out.Since = r.GetSince().AsTime()
	}
	if r.GetUntil() != nil {
		out.Until = r.GetUntil().AsTime()
	}
	return out
}
