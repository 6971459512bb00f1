// Command afterimage is the flight recorder for AI incidents: one binary that
// takes model interactions in over NATS JetStream, keeps them redacted,
// encrypted and tamper-evident, and lets responders search them and replay
// what users saw.
//
//	afterimage demo              # see it work
//	afterimage serve             # run it
//	afterimage publish F.ndjson  # give it evidence
//	afterimage search            # find evidence
//	afterimage replay SESSION    # see what the user saw
//
// Always true here: configuration (flags, environment, files) stops at this
// package; an error is printed once, in one line, with what to do next;
// evidence reaches a terminal only with its control characters made harmless.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// The exit codes, documented in docs/operations.md.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitTampered = 3
)

func main() { os.Exit(runProcess(nil)) }

// runProcess runs what the process was started for, until it is interrupted.
func runProcess(now func() time.Time) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return runWith(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, now})
}

// streams is what a command reads from and writes to.
type streams struct {
	in       io.Reader
	out, err io.Writer
	now      func() time.Time // what becomes evidence is dated by; nil: time.Now
}

// A coded error ends the program with a code of its own.
type coded struct {
	error
	code int
}

func (c coded) Unwrap() error { return c.error }

// usage marks an error as the caller's mistake.
func usage(format string, args ...any) error {
	return coded{fmt.Errorf(format, args...), exitUsage}
}

// run parses the arguments, runs the command and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return runWith(ctx, args, streams{in: stdin, out: stdout, err: stderr})
}

// runWith is run with all of what a command reads from and writes to.
func runWith(ctx context.Context, args []string, s streams) int {
	var grammar cli
	helped := false
	parser, err := kong.New(&grammar,
		kong.Name("afterimage"),
		kong.Description(description),
		kong.Writers(s.out, s.err),
		kong.Exit(func(int) { helped = true }),
		kong.Configuration(loadConfig),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(s),
	)
	if err != nil {
		panic("internal error: " + err.Error())
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	switch {
	case helped:
		return exitDone
	case err != nil:
		fmt.Fprintf(s.err, "afterimage: %v (try %s --help)\n", err, asked(err))
		return exitUsage
	}
	return report(s.err, command.Run())
}

// asked is the command that could not be parsed, as far as it was understood.
func asked(err error) string {
	if p, ok := errors.AsType[*kong.ParseError](err); ok && p.Context != nil && p.Context.Selected() != nil {
		return "afterimage " + p.Context.Selected().Path()
	}
	return "afterimage"
}

// report prints the error, if there is one, and returns the exit code.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	code := exitFailed
	if c, ok := errors.AsType[coded](err); ok {
		code = c.code
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	fmt.Fprintf(stderr, "afterimage: %s\n", strings.ReplaceAll(err.Error(), "\n", "; "))
	return code
}
