package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// A progress draws one line on a terminal, at most ten times a second, and
// nothing elsewhere. Its methods are safe for concurrent use.
type progress struct {
	out        io.Writer // nil: draw nothing
	verb, unit string
	started    time.Time

	mu          sync.Mutex
	drawn       time.Time // when the line on the screen was drawn; zero: there is none
	note        string
	done, total uint64
}

func newProgress(w io.Writer, verb, unit string) *progress {
	p := &progress{verb: verb, unit: unit, started: time.Now()}
	if _, ok := terminal(w); ok {
		p.out = w
	}
	return p
}

// set says how far it is; total 0 where that is not known.
func (p *progress) set(done, total uint64) { p.setNote(done, total, "") }

// setNote is set with something to say beside it.
func (p *progress) setNote(done, total uint64, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.total, p.note = done, total, note
	if p.out == nil || time.Since(p.drawn) < 100*time.Millisecond {
		return
	}
	p.drawn = time.Now()
	fmt.Fprint(p.out, "\r\x1b[K"+p.line())
}

const barWidth = 24

func (p *progress) line() string {
	rate := float64(p.done) / max(time.Since(p.started).Seconds(), 0.001)
	if p.total == 0 {
		return fmt.Sprintf("%s %d %s, %.0f/s %s", p.verb, p.done, p.unit, rate, p.note)
	}
	share := min(1, float64(p.done)/float64(p.total))
	full := int(share * barWidth)
	return fmt.Sprintf("%s▕%s%s▏%3.0f %% %s", p.verb, strings.Repeat("█", full), strings.Repeat(" ", barWidth-full), share*100, p.note)
}

// clear takes the line off the screen so that something else can be printed.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil && !p.drawn.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.drawn = time.Time{}
	}
}

// stop ends the drawing.
func (p *progress) stop() {
	p.clear()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = nil
}
