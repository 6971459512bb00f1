package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/net/netutil"

	"github.com/afterimage/afterimage/server"
	"github.com/afterimage/afterimage/witness"
)

type witnessCmd struct {
	HTTP      string   `name:"http" default:"127.0.0.1:8082" placeholder:"ADDR" help:"Where it listens; loopback only, port 0 for any (default ${default})."`
	State     string   `default:"afterimage-witness" placeholder:"DIR" help:"Where it is kept what was cosigned; made if absent (default ${default})."`
	Key       string   `default:"afterimage-witness.key" placeholder:"FILE" help:"The signing key; made if absent, apart from the state (default ${default})."`
	Name      string   `placeholder:"NAME" help:"The witness's name, a schema-less URL such as example.org/witness; for a new key."`
	Log       []string `required:"" sep:"none" placeholder:"VKEY" help:"The verifier key of a log to witness; may be given again for others."`
	LogLevel  string   `name:"log-level" enum:"debug,info,warn,error" default:"info" placeholder:"LEVEL" help:"debug, info, warn or error (default ${default})."`
	LogFormat string   `name:"log-format" enum:"text,json" default:"text" placeholder:"FORMAT" help:"text or json (default ${default})."`
	ReadyFile string   `name:"ready-file" placeholder:"FILE" help:"Write the address and the verifier key to this file, as JSON, when it listens."`
}

// Help implements kong's HelpProvider.
func (witnessCmd) Help() string {
	return `A witness watches that logs only grow: it cosigns a checkpoint if it follows from the last one
that it cosigned, and never two histories of one log. It sees a log's name, size and root, and no
evidence. C2SP tlog-witness; it answers POST /add-checkpoint.

    afterimage witness --name example.org/w1 --log 'afterimage.invalid/…+…+…'
    afterimage serve --witness 'http://127.0.0.1:8082=example.org/w1+…+…'

Run it on another machine than the log, under another person's care, behind a proxy with TLS. Its
state must never go back: do not restore an older copy of it, and do not run two from one copy.`
}

// Bounds of the witness's HTTP side.
const (
	witnessConns   = 100
	witnessTimeout = 30 * time.Second
	witnessGrace   = 5 * time.Second
)

// Run is a witness until ctx ends.
func (c *witnessCmd) Run(ctx context.Context, s streams) (err error) {
	flags := serveFlags{LogLevel: c.LogLevel, LogFormat: c.LogFormat}
	logger, err := flags.logger(s.err)
	if err != nil {
		return err
	}
	var logs []note.Verifier
	for _, vkey := range c.Log {
		l, err := note.NewVerifier(vkey)
		if err != nil {
			return usage("--log %q: %w", vkey, err)
		}
		logs = append(logs, l)
	}
	listener, err := server.Listen(ctx, c.HTTP)
	if err != nil {
		return badAddress("--http", err)
	}
	defer closeListener(listener)
	signer, vkey, err := witness.OpenKey(c.Key, c.Name)
	if err != nil {
		return fmt.Errorf("--key: %w (--name makes one)", err)
	}
	w, err := witness.Open(witness.ServerConfig{Dir: c.State, Signer: signer, Logs: logs, Logger: logger, Fatal: fatal(s.err)})
	if err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	a := witnessAddress{HTTP: "http://" + listener.Addr().String(), VerifierKey: vkey}
	fmt.Fprintf(s.out, "afterimage is a witness\n  http  %s\n  key   %s\n", a.HTTP, a.VerifierKey)
	if err := writeReady(c.ReadyFile, a); err != nil {
		return err
	}
	return serveHTTP(ctx, listener, w)
}

// witnessAddress is where a running witness can be reached, and its key.
type witnessAddress struct {
	HTTP        string `json:"http"`
	VerifierKey string `json:"verifierKey"`
}

// serveHTTP serves until ctx ends and what is in flight has been answered.
func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler) error {
	h := &http.Server{
		Handler: handler, ReadHeaderTimeout: witnessTimeout, ReadTimeout: witnessTimeout,
		WriteTimeout: witnessTimeout, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(netutil.LimitListener(l, witnessConns)) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), witnessGrace)
	defer cancel()
	err := h.Shutdown(ending)
	if errors.Is(err, context.DeadlineExceeded) {
		err = h.Close()
	}
	if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
