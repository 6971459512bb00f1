package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/term"
	"google.golang.org/protobuf/proto"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// errQuit says that the viewer has seen enough.
var errQuit = errors.New("quit")

// The keys of a playback. In raw mode a terminal sends no interrupt.
const (
	keyPause     = ' '
	keyNext      = 'n'
	keyQuit      = 'q'
	keyInterrupt = 3
)

// A playback holds frames back until their time has come, or the viewer wants
// them sooner or later.
type playback struct {
	speed   float64       // 1: the original pace
	longest time.Duration // pause between two events, as it is played; 0: any
	keys    <-chan byte   // nil: nobody presses any

	last *pb.Frame // nil: there was none
	rush bool      // to the next event
}

// play yields frames when they are due. It ends early when the viewer does.
func (p *playback) play(ctx context.Context, frames iter.Seq2[*pb.Frame, error]) iter.Seq2[*pb.Frame, error] {
	return func(yield func(*pb.Frame, error) bool) {
		for f, err := range frames {
			if err == nil {
				err = p.wait(ctx, f)
			}
			if errors.Is(err, errQuit) || !yield(f, err) {
				return
			}
		}
	}
}

// wait returns when the frame is to be shown: nil, errQuit, or what ended ctx.
func (p *playback) wait(ctx context.Context, f *pb.Frame) error {
	last := p.last
	p.last = f
	if last == nil {
		return ctx.Err()
	}
	next := f.GetEvent() != last.GetEvent()
	if p.rush = p.rush && !next; p.rush {
		return ctx.Err()
	}
	left := time.Duration(min(float64(between(last, f))/p.speed, float64(1<<62)))
	if next && p.longest > 0 {
		left = min(left, p.longest)
	}
	return p.sit(ctx, left)
}

// sit waits for so long, and longer while the viewer has it paused.
func (p *playback) sit(ctx context.Context, left time.Duration) error {
	for paused := false; left > 0 || paused; {
		due := time.NewTimer(left)
		if paused {
			due.Stop()
		}
		began := time.Now()
		select {
		case <-due.C:
			return nil
		case <-ctx.Done():
			due.Stop()
			return ctx.Err()
		case key := <-p.keys:
			due.Stop()
			if !paused {
				left -= time.Since(began)
			}
			switch key {
			case keyPause:
				paused = !paused
			case keyNext:
				p.rush = true
				return nil
			case keyQuit:
				return errQuit
			}
		}
	}
	return ctx.Err()
}

// listen puts the terminal that somebody plays a session on into raw mode and
// returns the keys that are pressed, nil where in or out is none; interrupt is
// called for the one that interrupts. restore is called once, always. Reading
// ends with the program.
func listen(in io.Reader, out io.Writer, interrupt func()) (keys <-chan byte, restore func()) {
	restore = func() {}
	file, isFile := in.(*os.File)
	if _, ok := terminal(out); !ok || !isFile || !term.IsTerminal(int(file.Fd())) {
		return nil, restore
	}
	before, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, restore // Then it plays without keys.
	}
	pressed := make(chan byte, 16)
	go press(file, pressed, interrupt)
	return pressed, func() { _ = term.Restore(int(file.Fd()), before) }
}

// press hands on the keys that are read from in; those that nobody waits for
// are lost.
func press(in io.Reader, pressed chan<- byte, interrupt func()) {
	for one := make([]byte, 1); ; {
		if _, err := in.Read(one); err != nil {
			return
		}
		if one[0] == keyInterrupt {
			interrupt()
		}
		select {
		case pressed <- one[0]:
		default:
		}
	}
}

// maxAhead is how many bytes of a session are taken in before they are played.
// The store ends a replay of which nothing is taken for a minute.
const maxAhead = 64 << 20

// ahead takes frames in while others are still played.
func ahead(ctx context.Context, open func(context.Context) iter.Seq2[*pb.Frame, error]) iter.Seq2[*pb.Frame, error] {
	type one struct {
		frame *pb.Frame
		err   error
		bytes int64
	}
	return func(yield func(*pb.Frame, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		room, taken := semaphore.NewWeighted(maxAhead), make(chan one, 1<<16)
		var reader sync.WaitGroup
		defer reader.Wait()
		defer cancel()
		reader.Go(func() {
			defer close(taken)
			for f, err := range open(ctx) {
				bytes := min(int64(proto.Size(f))+1, maxAhead)
				if room.Acquire(ctx, bytes) != nil {
					return
				}
				select {
				case taken <- one{f, err, bytes}:
				case <-ctx.Done():
					return
				}
			}
		})
		for o := range taken {
			if !yield(o.frame, o.err) {
				return
			}
			room.Release(o.bytes)
		}
	}
}

// A rawWriter writes to a terminal in raw mode, where a line end does not go
// back to the left.
type rawWriter struct{ io.Writer }

func (w rawWriter) Write(p []byte) (int, error) {
	begin := 0
	for i, c := range p {
		if c == '\n' {
			if _, err := w.Writer.Write(p[begin:i]); err != nil {
				return begin, err
			}
			if _, err := io.WriteString(w.Writer, "\r\n"); err != nil {
				return i, err
			}
			begin = i + 1
		}
	}
	_, err := w.Writer.Write(p[begin:])
	return len(p), err
}
