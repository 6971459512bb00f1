package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/ingest"
	"github.com/afterimage/afterimage/query"
	"github.com/afterimage/afterimage/server"
)

type serveCmd struct {
	Config kong.ConfigFlag `placeholder:"FILE" help:"YAML with the settings below, by the same names; flags win."`
	serveFlags
}

// serveFlags is what can be set on the command line and in the file.
type serveFlags struct {
	Data       string        `name:"data" default:"afterimage-data" placeholder:"DIR" help:"Where evidence is kept, encrypted; made if absent (default ${default})."`
	Keys       string        `name:"keys" default:"afterimage-keys" placeholder:"DIR" help:"Where the keys are; made with the data, apart from it (default ${default})."`
	KEK        string        `name:"kek" placeholder:"URI" help:"The key that wraps the keys: local, aws-kms://…, gcp-kms://… or hcvault://… (default: the one they are wrapped by, local for new ones)."`
	Passphrase string        `name:"keys-passphrase-file" placeholder:"FILE" help:"A file with the passphrase of the local keys, which nobody else may read."`
	HTTP       string        `name:"http" default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where HTTP listens; loopback only, port 0 for any (default ${default})."`
	GRPC       string        `name:"grpc" default:"127.0.0.1:8081" placeholder:"ADDR" help:"Where gRPC listens; likewise (default ${default})."`
	NATS       string        `name:"nats" default:"127.0.0.1:4222" placeholder:"ADDR" help:"Where the embedded NATS listens; likewise (default ${default})."`
	NATSURL    string        `name:"nats-url" placeholder:"URL" help:"Use this NATS instead of the embedded one."`
	Policy     string        `name:"policy" placeholder:"FILE" help:"The policy of every tenant; without it, each keeps its own, and new ones get the built-in."`
	Witness    []string      `name:"witness" sep:"none" xor:"witnesses" placeholder:"URL=VKEY" help:"Have this witness cosign checkpoints (C2SP tlog-witness); may be given again, and any one is enough."`
	Witnesses  string        `name:"witness-policy" xor:"witnesses" placeholder:"FILE" help:"Have the witnesses of this C2SP tlog-policy cosign checkpoints; its quorum must have."`
	WitnessGap time.Duration `name:"witness-every" default:"1m" placeholder:"D" help:"How often witnesses are asked while the log grows (default ${default})."`
	StampURL   string        `name:"timestamp-url" placeholder:"URL" help:"Have checkpoints time-stamped by the RFC 3161 authority at this address."`
	StampGap   time.Duration `name:"timestamp-every" default:"1h" placeholder:"D" help:"How often, while the log grows (default ${default})."`
	StampRoots string        `name:"timestamp-roots" placeholder:"FILE" help:"The certificates, in PEM, to one of which the authority's must lead."`
	Cadence    time.Duration `name:"checkpoint-every" default:"10s" placeholder:"D" help:"How often a signed checkpoint is published on afterimage.checkpoint while the log grows (default ${default})."`
	Backups    string        `name:"backups" placeholder:"DIR" help:"Let afterimage backup write to directories below this one, apart from data and keys; without it, to none."`
	CacheMiB   int64         `name:"cache-mib" default:"384" placeholder:"N" help:"Memory for what was read of the log, in MiB (default ${default})."`
	MinFreeMiB uint64        `name:"min-free-mib" default:"256" placeholder:"N" help:"Take nothing in while the disk has less than this free, in MiB (default ${default})."`
	LogLevel   string        `name:"log-level" enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error (default ${default})."`
	LogFormat  string        `name:"log-format" enum:"text,json" default:"text" placeholder:"FORMAT" help:"text or json (default ${default})."`
	ReadyFile  string        `name:"ready-file" placeholder:"FILE" help:"Write the addresses to this file, as JSON, when everything listens; removed at the start and the end."`

	now func() time.Time // evidence time; nil: time.Now
}

// Help implements kong's HelpProvider.
func (serveCmd) Help() string {
	return `One process: takes events in over NATS JetStream, keeps them redacted, encrypted and
tamper-evident, answers over gRPC and HTTP. Stop it with Ctrl-C; what was acknowledged is on disk.

    afterimage serve
    afterimage serve --data /var/lib/afterimage --keys /etc/afterimage/keys
    afterimage serve --config /etc/afterimage.yaml
    afterimage serve --nats-url nats://nats.internal:4222

Without the key directory nothing in the data directory can ever be read again: back it up, but
not beside the data. What protects it, and how to change that: afterimage keys --help. Nobody is asked who they are yet, so it listens on loopback only.`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, s streams) error {
	c.now = s.now
	return serve(ctx, c.serveFlags, s.err, func(a addresses, _ *eventlog.Log) error {
		a.print(s.out, c.serveFlags)
		return a.write(c.ReadyFile)
	})
}

// removeReadyFile removes the file that says that everything listens: one that
// an earlier process left behind says it too soon, and of ports that are gone.
func (f serveFlags) removeReadyFile() error {
	if f.ReadyFile == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(f.ReadyFile)); err != nil {
		return usage("--ready-file: %w", err)
	}
	if err := os.Remove(f.ReadyFile); err != nil && !errors.Is(err, os.ErrNotExist) {
		return usage("--ready-file: %w", err)
	}
	return nil
}

// serve wires everything and runs it until ctx ends; when all of it listens it
// calls up. What is opened later is closed earlier.
func serve(ctx context.Context, flags serveFlags, stderr io.Writer, up func(addresses, *eventlog.Log) error) (err error) {
	logger, err := flags.logger(stderr)
	if err != nil {
		return err
	}
	document, err := flags.policy()
	if err != nil {
		return err
	}
	vouching, err := flags.witnessPolicy()
	if err != nil {
		return err
	}
	witnessLines, err := flags.witnessLines()
	if err != nil {
		return err
	}
	roots, err := flags.stampRoots()
	if err != nil {
		return err
	}
	keys, err := keyFlags{flags.Keys, flags.Passphrase}.options()
	if err != nil {
		return err
	}
	keys.KEK = flags.KEK
	if err := apart(flags.Data, flags.Keys); err != nil {
		return err
	}
	if flags.Backups != "" {
		if err := backupsApart(flags.Backups, flags.Data, flags.Keys); err != nil {
			return err
		}
	}

	// The doors first: a port that is taken stops us before any file is opened.
	web, err := server.Listen(ctx, flags.HTTP)
	if err != nil {
		return badAddress("--http", err)
	}
	defer closeListener(web)
	rpc, err := server.Listen(ctx, flags.GRPC)
	if err != nil {
		return badAddress("--grpc", err)
	}
	defer closeListener(rpc)
	if flags.NATSURL == "" {
		if err := ingest.CheckAddr(flags.NATS); err != nil {
			return badAddress("--nats", err)
		}
	}
	if err := flags.removeReadyFile(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, flags.removeReadyFile()) }()

	var rekey func(ctx context.Context, fresh, old string) error // of the embedded stream, once it runs
	config := eventlog.Config{
		Dir: logDir(flags.Data), KeysDir: flags.Keys, Keys: keys, Logger: logger, Fatal: fatal(stderr),
		CacheBytes: flags.CacheMiB << 20, MinFree: flags.MinFreeMiB << 20, Now: flags.now,
	}
	config.Rekey = func(ctx context.Context, fresh, old string) error { return rekey(ctx, fresh, old) }
	log, err := eventlog.Open(ctx, config)
	if err != nil {
		return explainOpen(err, flags.Data, flags.Keys)
	}
	defer func() { err = errors.Join(err, log.Close()) }()

	stream, err := openStream(ctx, flags, log.StreamKey(), log.OldStreamKey(), logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stream.close()) }()

	policies, err := openPolicies(ctx, log, document, flags.now, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, policies.redactors.close()) }()
	metrics := newMetrics(log)
	var writable func() bool // another's NATS looks after its own disk
	if stream.embedded != nil {
		writable = stream.embedded.Writable
	}
	consumer, err := ingest.New(ingest.Config{
		Log: log, JetStream: stream.js, Policy: policies.now, PolicyOf: policies.of,
		Writable: writable, Logger: logger, Metrics: metrics.ingest,
	})
	if err != nil {
		return err
	}
	rekey = rekeyer(consumer, stream.embedded, flags, logger)
	witnesses, err := openWitnesses(vouching, flags.WitnessGap, log, metrics.registry, logger)
	if err != nil {
		return err
	}
	stamps, err := openStamps(flags, roots, log, metrics.registry, logger)
	if err != nil {
		return err
	}
	pulse := newPulse(stream, logger)
	engine := query.New(query.Config{Log: log})
	exporter := newExporter(log, engine, policies, witnessLines, logger)
	keeper, err := newKeeper(ctx, log, policies, engine, consumer, flags.now, logger)
	if err != nil {
		return err
	}
	policies.stays, policies.guard = keeper.Stays, keeper.Guard
	kept := newKept(ctx, keeper, log, logger)
	metrics.registry.MustRegister(kept)
	doors, err := server.New(server.Config{
		HTTP: web, GRPC: rpc, Log: log, Checkpoint: witnesses.checkpoint(), Query: engine, Exports: exporter,
		Publish: stream.publish, Stored: policies.stored(log), Keeper: keeper, Now: flags.now,
		Policy: policies.inForce, ApplyPolicy: policies.change, PreviewPolicy: policies.preview, Policies: policies.History,
		Ready:   func() error { return cmp.Or(stream.ready(), pulse.ready(), log.Ready()) },
		Backups: flags.Backups, Gatherer: metrics.registry, Logger: logger,
	})
	if err != nil {
		return err
	}
	metrics.registry.MustRegister(doors.Metrics())

	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return stream.run(ctx) })
	group.Go(func() error { return pulse.run(ctx) })
	group.Go(func() error { return consumer.Run(ctx) })
	group.Go(func() error { return doors.Run(ctx) })
	group.Go(func() error { return exporter.Run(ctx) })
	group.Go(func() error { return maintain(ctx, log, logger) })
	group.Go(func() error { return rotateStream(ctx, log, logger) })
	group.Go(func() error { return keeper.Run(ctx) })
	group.Go(func() error { return kept.run(ctx) })
	group.Go(func() error { return promote(ctx, policies.Policies, logger) })
	group.Go(func() error { return witnesses.run(ctx) })
	group.Go(func() error { return stamps.run(ctx) })
	group.Go(func() error { return ingest.PublishPolicies(ctx, stream.js, policies.Watch, logger) })
	group.Go(func() error { return publishCheckpoints(ctx, log, stream.nc, flags.Cadence, logger) })
	group.Go(func() error {
		return up(addresses{HTTP: "http://" + web.Addr().String(), GRPC: rpc.Addr().String(), NATS: stream.url}, log)
	})
	return group.Wait()
}

// badAddress says which flag's address cannot be listened on: the caller's
// mistake where it never could be, or would be open to other machines.
func badAddress(flag string, err error) error {
	if errors.Is(err, server.ErrAddress) || errors.Is(err, server.ErrNotLoopback) || errors.Is(err, ingest.ErrAddress) {
		return usage("%s: %w", flag, err)
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// closeListener closes what a server may have closed already.
func closeListener(l net.Listener) {
	if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return // it is gone one way or the other
	}
}

func (f serveFlags) logger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		return nil, usage("--log-level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}

// apart refuses keys inside the data directory: whoever copies the one would
// copy the other.
func apart(data, keys string) error {
	d, err := realPath(data)
	if err != nil {
		return err
	}
	k, err := realPath(keys)
	if err != nil {
		return err
	}
	for dir, foreign := range map[string][]string{d: {"kek.json", "epoch.json"}, k: {"log", "stream"}} {
		for _, name := range foreign {
			if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
				return usage("%s is in %s: are --keys %s and --data %s the wrong way round?", name, dir, keys, data)
			}
		}
	}
	for _, pair := range [][2]string{{d, k}, {k, d}} {
		if rel, err := filepath.Rel(pair[0], pair[1]); err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return usage("--keys %s and --data %s lie in one another: a copy of the data would carry its keys; keep them apart", keys, data)
		}
	}
	return nil
}

// realPath is the absolute path with every link on it followed, as far as it
// exists.
func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for dir := path; ; dir = filepath.Dir(dir) {
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(real, rest), nil
		} else if !errors.Is(err, os.ErrNotExist) || dir == filepath.Dir(dir) {
			return "", err
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}

// fatal ends the process when the disk has failed: nothing read back from it
// can be trusted, and JetStream delivers again what was not appended.
func fatal(stderr io.Writer) func(error) {
	return func(err error) {
		os.Exit(report(stderr, fmt.Errorf("the disk failed and the log stops: mend it and start again: %w", err)))
	}
}

// addresses is where a running store can be reached.
type addresses struct {
	HTTP string `json:"http"`
	GRPC string `json:"grpc"`
	NATS string `json:"nats"`
}

// print says where everything is, and loudly where the keys are.
func (a addresses) print(out io.Writer, flags serveFlags) {
	style := styleFor(out)
	keys, err := filepath.Abs(flags.Keys)
	if err != nil {
		keys = flags.Keys
	}
	fmt.Fprintf(out, "afterimage is recording\n  http  %s\n  grpc  %s\n  nats  %s\n  data  %s\n", a.HTTP, a.GRPC, a.NATS, flags.Data)
	fmt.Fprintf(out, "%s the keys are %s in %s.\n  Without them nothing recorded here can be read again: back them up, apart from the data.\n",
		style.paint(bold+";"+yellow, "KEYS:"), protection(flags.Keys), keys)
}

// write puts the addresses into the file, all at once, so that whoever waits
// for the file never reads half of it.
func (a addresses) write(file string) error { return writeReady(file, a) }

// writeReady puts what is ready into a file, as JSON.
func writeReady(file string, ready any) error {
	if file == "" {
		return nil
	}
	text, err := json.Marshal(ready)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".tmp", append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("--ready-file: %w", err)
	}
	return os.Rename(file+".tmp", file)
}
