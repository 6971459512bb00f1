package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// MaxPayload is the largest message in bytes, headers included, that the
// embedded server and the stream take: room for any valid batch or event, and
// for oversized ones to be quarantined instead of lost. NATS advises against
// more than 8 MiB.
const MaxPayload = 8 << 20

// DefaultStoreBytes is the disk space that the embedded JetStream may use.
const DefaultStoreBytes = 8 << 30

const (
	startTimeout = 60 * time.Second // recovering a full store reads all of it
	minFree      = 64 << 20         // free bytes without which starting is refused
	maxBuffered  = 64 << 20         // received but not yet stored, all publishers together
	maxPending   = 64 << 20         // waiting to be sent to one client
	maxMemory    = 64 << 20         // of memory streams, of which there are none
	maxClients   = 4096

	reconnectWait = 20 * time.Millisecond // between attempts within the process
)

// ErrWrongKey reports that the embedded stream's files cannot be decrypted
// with the keys given.
var ErrWrongKey = errors.New("wrong stream key")

// ServerConfig says how to run the embedded NATS server.
type ServerConfig struct {
	Dir           string       // of the JetStream files; made if absent
	Key           string       // encrypts them; required
	OldKey        string       // encrypted them before, where a Rekey to Key may not have ended; "": none
	Addr          string       // host:port for clients, port 0 for any free one; "": in-process only
	AllowRemote   bool         // permits an Addr beyond loopback, where anybody may publish
	MaxStoreBytes int64        // disk space of all streams; 0: DefaultStoreBytes
	MinFree       uint64       // bytes free on the disk below which Run refuses publishers; 0: 256 MiB
	Logger        *slog.Logger // nil: discard
}

// A Server is a NATS server inside this process, with JetStream on disk,
// encrypted, every acknowledged message fsynced. Its methods are safe for
// concurrent use.
type Server struct {
	cfg  ServerConfig // its Key changes with the keys; Addr is where it really listens
	log  *serverLog
	lock io.Closer // keeps other processes from the directory

	// switching is held while the NATS server is replaced, or must not be.
	switching sync.Mutex
	nats      atomic.Pointer[server.Server] // nil while its key changes and once closed
	closed    bool                          // guarded by switching

	full   atomic.Bool           // publishers are refused
	failed atomic.Pointer[error] // why Run ended; nil: it has not
}

// StartServer starts the embedded server and returns when clients can
// connect. The errors say in one line what to do; ErrWrongKey is the one to
// decide on. After an error nothing is left running and the files are as they
// were.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxStoreBytes == 0 {
		cfg.MaxStoreBytes = DefaultStoreBytes
	}
	if cfg.MinFree == 0 {
		cfg.MinFree = 256 << 20
	}
	opts, err := serverOptions(cfg)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(cfg.Dir, min(minFree, cfg.MinFree))
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, log: newServerLog(cfg.Logger), lock: lock}
	if err := s.settleKey(ctx); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := s.start(ctx, opts); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return s, nil
}

// start brings the NATS server up and remembers where it listens.
func (s *Server) start(ctx context.Context, opts *server.Options) error {
	ns, err := startNATS(ctx, opts, s.cfg.Dir, s.log)
	if err != nil {
		return err
	}
	if addr, ok := ns.Addr().(*net.TCPAddr); ok && addr != nil {
		s.cfg.Addr = addr.String()
	}
	s.full.Store(false)
	s.nats.Store(ns)
	return nil
}

// serverOptions checks the configuration and the address before anything is
// touched.
func serverOptions(cfg ServerConfig) (*server.Options, error) {
	switch {
	case cfg.Dir == "":
		return nil, errors.New("ingest: ServerConfig.Dir is missing")
	case cfg.Key == "":
		return nil, errors.New("ingest: ServerConfig.Key is missing: the stream is never kept in clear")
	case cfg.MaxStoreBytes < 0:
		return nil, errors.New("ingest: ServerConfig.MaxStoreBytes is negative")
	}
	opts := privateOptions(cfg.Dir, cfg.Key)
	opts.JetStreamMaxStore = cfg.MaxStoreBytes
	if cfg.Addr == "" {
		return opts, nil
	}
	host, port, err := splitAddr(cfg.Addr, cfg.AllowRemote)
	if err != nil {
		return nil, err
	}
	opts.DontListen, opts.Host, opts.Port = false, host, port
	return opts, tryListen(host, port)
}

// privateOptions are those of a server that nobody can reach but this process.
// It is never given the old key: NATS 2.15 then rewrites blocks in place, which
// a crash would leave unreadable, and gives consumers up. See docs/decisions,
// "The stream's key changes by copying".
func privateOptions(dir, key string) *server.Options {
	return &server.Options{
		ServerName:            "afterimage",
		NoSigs:                true,
		DontListen:            true,
		MaxPayload:            MaxPayload,
		MaxPending:            maxPending,
		MaxConn:               maxClients,
		JetStream:             true,
		StoreDir:              dir,
		JetStreamKey:          key,
		JetStreamCipher:       server.AES,
		JetStreamMaxMemory:    maxMemory,
		JetStreamMaxStore:     1 << 50, // what is there has passed the limit
		SyncAlways:            true,
		StreamMaxBufferedSize: maxBuffered,
	}
}

// ErrAddress says that a server cannot be asked to listen on an address.
var ErrAddress = errors.New("not an address for NATS to listen on")

// CheckAddr reports why StartServer could not listen on addr: ErrAddress, or
// what the system says, such as that the port is taken.
func CheckAddr(addr string) error {
	host, port, err := splitAddr(addr, false)
	if err != nil {
		return err
	}
	return tryListen(host, port)
}

// splitAddr reads a host:port, with port 0 as NATS spells "any".
func splitAddr(addr string, remote bool) (host string, port int, err error) {
	host, portText, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("%w: %q is not host:port", ErrAddress, addr)
	}
	port, err = strconv.Atoi(portText)
	if err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%w: %q has no port between 0 and 65535", ErrAddress, addr)
	}
	ip := net.ParseIP(host)
	if !remote && host != "localhost" && !ip.IsLoopback() {
		return "", 0, fmt.Errorf("%w: %q is beyond loopback, where anybody could publish: use 127.0.0.1", ErrAddress, addr)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, nil
}

// tryListen finds out before any file is opened whether the address is free.
func tryListen(host string, port int) error {
	addr := net.JoinHostPort(host, strconv.Itoa(max(port, 0)))
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return listenError(addr, err)
	}
	return l.Close()
}

func listenError(addr string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("nats address %s is taken: stop the process that listens there or choose another address", addr)
	}
	return fmt.Errorf("listen for NATS clients: %w", err)
}

// lockDir makes the directory if need be and keeps every other process from
// it until the lock is closed: NATS itself would let two servers mangle one
// store.
func lockDir(dir string, minFree uint64) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make stream directory: %w", err)
	}
	usage, err := vfs.Default.GetDiskUsage(dir)
	if err != nil {
		return nil, fmt.Errorf("look at the stream directory's disk: %w", err)
	}
	if usage.AvailBytes < minFree {
		return nil, fmt.Errorf("disk of %s is full: free at least %d MiB and start again", dir, minFree>>20)
	}
	lock, err := vfs.Default.Lock(filepath.Join(dir, "LOCK"))
	if err != nil {
		return nil, fmt.Errorf("stream directory %s is not writable or in use by another process: %w", dir, err)
	}
	return lock, nil
}

// startNATS brings the server up. It stops it again unless everything on
// disk was recovered: NATS would serve on without a stream it cannot read.
func startNATS(ctx context.Context, opts *server.Options, dir string, l *serverLog) (*server.Server, error) {
	if err := clearUnfinished(dir); err != nil {
		return nil, err
	}
	ns, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("configure the NATS server: %w", err)
	}
	ns.SetLoggerV2(l, false, false, false)
	go ns.Start() // returns once it listens; Shutdown ends what it started
	if err := awaitStart(ctx, ns, l); err != nil {
		stop(ns)
		return nil, err
	}
	if err := checkRecovered(ns, dir, l); err != nil {
		stop(ns)
		return nil, err
	}
	return ns, nil
}

// awaitStart waits until the server takes connections or says why not.
func awaitStart(ctx context.Context, ns *server.Server, l *serverLog) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		ready := ns.ReadyForConnections(100 * time.Millisecond)
		select {
		case err := <-l.fatal:
			return err
		case <-ctx.Done():
			return fmt.Errorf("start the NATS server: %w", ctx.Err())
		default:
		}
		if ready {
			return nil
		}
	}
}

func stop(ns *server.Server) {
	ns.Shutdown()
	ns.WaitForShutdown()
}

// Connect returns a new connection within the process, which outlives the
// server's changes of keys. The caller closes it.
func (s *Server) Connect() (*nats.Conn, error) {
	nc, err := nats.Connect("", nats.InProcessServer(inProcess{s}), nats.Name("afterimage"),
		nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.cfg.Logger.Debug("connection within the process", "text", harmless("%v", []any{err}))
		}))
	if err != nil {
		return nil, fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	return nc, nil
}

// inProcess connects to whichever NATS server is the current one.
type inProcess struct{ *Server }

// InProcessConn implements nats.InProcessConnProvider.
func (p inProcess) InProcessConn() (net.Conn, error) {
	ns := p.nats.Load()
	if ns == nil {
		return nil, errSwitching
	}
	return ns.InProcessConn()
}

// ClientURL returns the URL at which clients reach the server, "" if it is
// in-process only.
func (s *Server) ClientURL() string {
	s.switching.Lock()
	defer s.switching.Unlock()
	if s.cfg.Addr == "" {
		return ""
	}
	return "nats://" + s.cfg.Addr
}

// Healthy returns nil while the server takes messages, or what is wrong, as far
// as Run has found it out. A change of keys, which publishers wait for, is
// nothing wrong.
func (s *Server) Healthy() error {
	if err := s.failed.Load(); err != nil {
		return *err
	}
	if ns := s.nats.Load(); ns != nil && !ns.Running() {
		return errors.New("the NATS server is stopped")
	}
	if s.full.Load() {
		return fmt.Errorf("the disk of %s has less than %d MiB free (--min-free-mib), so publishers are refused: make room", s.cfg.Dir, s.cfg.MinFree>>20)
	}
	return nil
}

// Switching tells whether the server is stopped for a change of keys, which
// publishers wait for.
func (s *Server) Switching() bool { return s.nats.Load() == nil }

// Close stops the server at once: clients reconnect elsewhere or wait. All
// that was acknowledged is on disk.
func (s *Server) Close() error {
	s.switching.Lock()
	defer s.switching.Unlock()
	s.closed = true
	if ns := s.nats.Load(); ns != nil {
		stop(ns)
	}
	if err := s.lock.Close(); err != nil {
		return fmt.Errorf("unlock the stream directory: %w", err)
	}
	return nil
}
