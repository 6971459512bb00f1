package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// serverLog passes what the NATS server says to slog without content: its
// texts may hold subjects, and so tenants, and names that clients chose. It
// keeps the wording and shows only arguments that cannot hold any.
type serverLog struct {
	log   *slog.Logger
	fatal chan error // the first reason not to start, as NATS gives it

	failed chan error // the first failure to write

	mu       sync.Mutex
	warning  string // the first since the start
	wrongKey bool
}

func newServerLog(log *slog.Logger) *serverLog {
	return &serverLog{log: log, fatal: make(chan error, 1), failed: make(chan error, 1)}
}

// Noticef logs what NATS would have an operator know: for ours it is detail.
func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats server notice", "text", harmless(format, v))
}

// Warnf logs a warning.
func (l *serverLog) Warnf(format string, v ...any) {
	l.keep(format, v)
	l.log.Warn("nats server warning", "text", harmless(format, v))
}

// Errorf logs an error.
func (l *serverLog) Errorf(format string, v ...any) {
	text := harmless(format, v)
	l.log.Error("nats server error", "text", text)
	if isWriteFailure(format) {
		offer(l.failed, errors.New(text))
	}
}

// Fatalf keeps the first error that ends the start. NATS only logs where its
// own main would exit.
func (l *serverLog) Fatalf(format string, v ...any) {
	for _, a := range v {
		if err, ok := a.(error); ok && errors.Is(err, syscall.EADDRINUSE) {
			offer(l.fatal, listenError(fmt.Sprint(v[0]), err))
			return
		}
	}
	offer(l.fatal, fmt.Errorf("start the NATS server: "+format, v...))
}

// Debugf is never called: debugging is off.
func (l *serverLog) Debugf(string, ...any) {}

// Tracef is never called: tracing would show content.
func (l *serverLog) Tracef(string, ...any) {}

// offer keeps the first error.
func offer(first chan<- error, err error) {
	select {
	case first <- err:
	default:
	}
}

// keep remembers the first warning: while starting it says why a stream was
// left out.
func (l *serverLog) keep(format string, v []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.warning == "" {
		l.warning = strings.TrimSpace(fmt.Sprintf(format, v...))
	}
	if strings.Contains(format, "Error decrypting") {
		l.wrongKey = true
	}
}

func (l *serverLog) sawWrongKey() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.wrongKey
}

func (l *serverLog) complaint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.warning == "" {
		return "the NATS server gave no reason"
	}
	return l.warning
}

// harmless formats what NATS says with every argument left out that could
// hold content, and without the description of the client it puts in front.
// A format without arguments may be the text of an error that quotes what a
// client sent, so of that only what is known to be NATS's own is shown.
func harmless(format string, v []any) string {
	if len(v) == 0 {
		return ownWords(format)
	}
	if i := strings.LastIndex(format, " - "); i >= 0 && strings.Contains(format, "id:") {
		format = "client - " + format[i+len(" - "):]
	}
	args := make([]any, len(v))
	for i, a := range v {
		args[i] = harmlessArg(a)
	}
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}

// ownWords returns what NATS itself says in a finished text: of one about a
// client which of the known mistakes it names, of others what comes before the
// first quotation mark.
func ownWords(text string) string {
	for _, known := range []string{
		"parser ERROR", "Parse Error", "Subscription Violation", "Publish Violation", "maximum control line exceeded",
		"maximum payload", "maximum connections exceeded", "maximum account active connections exceeded",
		"maximum subscriptions exceeded", "authentication error", "authentication timeout", "Outside connect times",
		"TLS handshake timeout", "invalid subject", "message headers not supported", "invalid client protocol",
	} {
		if strings.Contains(text, known) {
			return "client - " + known
		}
	}
	if strings.Contains(text, "id:") {
		return "client - …"
	}
	if i := strings.IndexAny(text, "\"'`{"); i >= 0 {
		text = text[:i] + "…"
	}
	return strings.TrimSpace(text)
}

func harmlessArg(a any) any {
	switch a := a.(type) {
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, float32, float64, bool, time.Duration:
		return a
	case error:
		var path *fs.PathError
		var link *os.LinkError
		var network *net.OpError
		if errors.As(a, &path) || errors.As(a, &link) || errors.As(a, &network) {
			return a
		}
	}
	return omitted{}
}

// omitted prints as three dots with any verb.
type omitted struct{}

// Format implements fmt.Formatter.
func (omitted) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("…")) }
