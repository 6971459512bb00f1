package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"github.com/afterimage/afterimage/event"
	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/policy"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/query/export"
	"github.com/afterimage/afterimage/retention"
)

// Config says what a Server serves and where.
type Config struct {
	HTTP net.Listener // from Listen; required; closed by Run
	GRPC net.Listener // from Listen; nil: gRPC over HTTP only; closed by Run

	Log   *eventlog.Log // required
	Query *query.Engine // required

	// Publish stores valid events durably in the stream that feeds the log.
	// Its error wraps ErrUnavailable where that may be tried again. Required.
	Publish func(context.Context, event.Tenant, []*pb.Event) error
	// Policy returns the policy in force for a tenant. Required.
	Policy func(event.Tenant) (*pb.Policy, error)
	// ApplyPolicy puts a policy in force, as [retention.Policies.Apply] does, if its
	// redaction can be done. Required.
	ApplyPolicy func(context.Context, event.Tenant, retention.Change) error
	// PreviewPolicy says what a policy would do, as [retention.Preview] does, and
	// tells how far it is. Required.
	PreviewPolicy func(context.Context, event.Tenant, *policy.Document, func(eventlog.ForgetProgress)) (*pb.PolicyPreview, error)
	// Policies yields the policies of a tenant, the newest first. Required.
	Policies func(context.Context, event.Tenant) iter.Seq2[*pb.Policy, error]
	// Stored returns what redacts the stored events of a tenant, by the policy in
	// force. Required.
	Stored func(event.Tenant) (*retention.Stored, error)
	// Keeper holds, expires and erases; its Run is the caller's. Required.
	Keeper *retention.Keeper
	// Checkpoint returns the checkpoint that /tlog/checkpoint serves: signed by
	// the log, over what it has now or had a while ago. nil: Log.Checkpoint.
	Checkpoint func(context.Context) (eventlog.Checkpoint, error)
	// Ready returns nil when requests can be answered, and otherwise what is
	// missing. It must be quick. nil: always ready.
	Ready func() error

	// Exports hands evidence over; its Run is the caller's. nil: nothing is.
	Exports *export.Exporter

	// Backups is the directory that backups may be written to. "": none may.
	Backups string

	Gatherer prometheus.Gatherer // for /metrics; nil: no metrics are served
	Logger   *slog.Logger        // nil: discard
	Now      func() time.Time    // what events are validated against; nil: time.Now
}

// A Server answers over gRPC and HTTP. Its metrics are a collector to be
// registered by who made it.
type Server struct {
	cfg     Config
	log     *slog.Logger
	now     func() time.Time
	metrics *metrics
	room    *room // for what is published over gRPC
	webRoom *room // for what is published over HTTP

	searches, feeds, analyses, verifies, redacts, downloads, holds, forgets *semaphore.Weighted // turns

	grpc     *grpc.Server
	health   *health.Server
	inner    *inner // the gateway's way to grpc
	http     *http.Server
	draining chan struct{} // closed when Run begins to stop
}

// Bounds of the gRPC side.
const (
	maxRequest    = event.DefaultBatchBytes + 64<<10 // bytes; the rest is for names and lengths
	maxResponse   = 64 << 20                         // bytes
	maxStreams    = 100                              // calls at a time on one connection
	maxConns      = 1_000                            // connections at a time on one port
	innerBuffer   = 256 << 10
	grace         = 5 * time.Second // for calls in flight when the server stops
	healthRefresh = time.Second
)

// New makes a server and checks its configuration. It starts nothing; Run
// does.
func New(cfg Config) (*Server, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: discard(cfg.Logger), now: cfg.Now, metrics: newMetrics(),
		room: newRoom(), webRoom: newRoom(),
		searches: semaphore.NewWeighted(maxSearches), feeds: semaphore.NewWeighted(maxFeeds),
		analyses: semaphore.NewWeighted(maxAnalyses), verifies: semaphore.NewWeighted(maxVerifies),
		redacts: semaphore.NewWeighted(maxRedacts), downloads: semaphore.NewWeighted(maxDownloads),
		holds: semaphore.NewWeighted(maxHolds), forgets: semaphore.NewWeighted(maxForgets),
		health: health.NewServer(), draining: make(chan struct{}),
	}
	if s.cfg.Checkpoint == nil {
		s.cfg.Checkpoint = cfg.Log.Checkpoint
	}
	if s.now == nil {
		s.now = time.Now //nolint:forbidigo // The default of Config.Now.
	}
	s.grpc = s.newGRPC(maxStreams)
	var err error
	if s.inner, err = s.newInner(); err != nil {
		return nil, fmt.Errorf("connect the gateway: %w", err)
	}
	handler, err := s.web()
	if err != nil {
		return nil, errors.Join(err, s.inner.Close())
	}
	s.http = s.newHTTP(handler)
	return s, nil
}

func (c Config) check() error {
	switch {
	case c.HTTP == nil:
		return errors.New("server configuration: HTTP is missing")
	case c.Log == nil || c.Query == nil || c.Publish == nil || c.Policy == nil || c.Stored == nil || c.Keeper == nil:
		return errors.New("server configuration: Log, Query, Publish, Policy, Stored or Keeper is missing")
	case c.ApplyPolicy == nil || c.PreviewPolicy == nil || c.Policies == nil:
		return errors.New("server configuration: ApplyPolicy, PreviewPolicy or Policies is missing")
	case !local(c.HTTP), c.GRPC != nil && !local(c.GRPC):
		return ErrNotLoopback
	}
	return nil
}

// Metrics returns the server's metrics, to be registered once.
func (s *Server) Metrics() prometheus.Collector { return s.metrics }

func (s *Server) newGRPC(streams uint32) *grpc.Server {
	g := grpc.NewServer(
		grpc.ForceServerCodecV2(newCodec()),
		grpc.UnaryInterceptor(s.unary),
		grpc.StreamInterceptor(s.stream),
		grpc.MaxRecvMsgSize(maxRequest),
		grpc.MaxSendMsgSize(maxResponse),
		grpc.MaxConcurrentStreams(streams),
		grpc.ConnectionTimeout(10*time.Second),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	)
	s.register(g)
	healthpb.RegisterHealthServer(g, s.health)
	reflection.Register(g)
	return g
}

// register registers the services of the API.
func (s *Server) register(r grpc.ServiceRegistrar) {
	r.RegisterService(eventService(), events{Server: s})
	pb.RegisterSessionServiceServer(r, sessions{Server: s})
	pb.RegisterLogServiceServer(r, logs{Server: s})
	pb.RegisterQuarantineServiceServer(r, quarantine{Server: s})
	pb.RegisterPolicyServiceServer(r, policies{Server: s})
	pb.RegisterRedactionServiceServer(r, redactions{Server: s})
	pb.RegisterRetentionServiceServer(r, retentions{Server: s})
	pb.RegisterAnalysisServiceServer(r, analyses{Server: s})
	pb.RegisterExportServiceServer(r, exports{Server: s})
	pb.RegisterSimilarityServiceServer(r, similarities{Server: s})
}

// Run serves until ctx ends, then lets calls in flight finish for a few
// seconds, and returns nil; or until something fails. It is called once.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serveGRPC(s.inner.server, s.inner.listener) })
	if s.cfg.GRPC != nil {
		group.Go(func() error { return serveGRPC(s.grpc, netutil.LimitListener(s.cfg.GRPC, maxConns)) })
	}
	group.Go(func() error {
		if err := s.http.Serve(netutil.LimitListener(s.cfg.HTTP, maxConns)); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	})
	group.Go(func() error { s.watchHealth(ctx); return nil })
	group.Go(func() error { <-ctx.Done(); return s.stop(context.WithoutCancel(ctx)) })
	return group.Wait()
}

// serveGRPC serves until the server is stopped, which may be before it began.
func serveGRPC(g *grpc.Server, l net.Listener) error {
	if err := g.Serve(l); !errors.Is(err, grpc.ErrServerStopped) {
		return err
	}
	return l.Close()
}

// stop ends what Run began: first the doors, then what is in flight.
func (s *Server) stop(ctx context.Context) error {
	close(s.draining)
	s.health.Shutdown()
	ctx, cancel := context.WithTimeout(ctx, grace)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	for _, g := range []*grpc.Server{s.grpc, s.inner.server} {
		forced := context.AfterFunc(ctx, g.Stop)
		g.GracefulStop()
		forced()
	}
	return errors.Join(err, s.inner.Close())
}

// watchHealth keeps the gRPC health service at what Ready says.
func (s *Server) watchHealth(ctx context.Context) {
	ticker := time.NewTicker(healthRefresh)
	defer ticker.Stop()
	for {
		state := healthpb.HealthCheckResponse_SERVING
		if s.ready() != nil {
			state = healthpb.HealthCheckResponse_NOT_SERVING
		}
		s.health.SetServingStatus("", state)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) ready() error {
	if s.cfg.Ready == nil {
		return nil
	}
	return s.cfg.Ready()
}
