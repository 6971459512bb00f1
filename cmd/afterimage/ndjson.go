package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// A chunk is some consecutive lines of one file, decoded on any core and
// handed on in order. A few per core exist at a time, which bounds
// the memory.
const (
	chunkBytes = 256 << 10
	maxZstdWin = 128 << 20
)

// A source is NDJSON files, read one after the other.
type source struct {
	files []string // "-": stdin
	stdin io.Reader
	total int64        // bytes of all files on disk; 0 if not known
	read  atomic.Int64 // bytes of them read so far
	plain atomic.Int64 // bytes of NDJSON read so far
}

func newSource(files []string, stdin io.Reader) (*source, error) {
	if len(files) == 0 {
		files = []string{"-"}
	}
	s := &source{files: files, stdin: stdin}
	for _, name := range files {
		if name == "-" {
			s.total = 0
			return s, nil
		}
		info, err := os.Stat(name)
		if err != nil {
			return nil, usage("%w", err)
		}
		if info.IsDir() {
			return nil, usage("%s is a directory: give NDJSON files", name)
		}
		s.total += info.Size()
	}
	return s, nil
}

// A line is one line of a file: its event, or why there is none.
type line struct {
	number int
	event  *pb.Event
	err    error
}

// A chunk of lines; ready is closed when they are decoded.
type chunk struct {
	file    string
	number  int // of the first line
	text    []byte
	tooLong map[int]int // bytes of lines that are over the limit, by index
	lines   []line
	ready   chan struct{}
}

// each calls yield with every line of every file in order. Decoding runs on
// all cores ahead of it.
func (s *source) each(ctx context.Context, yield func(file string, l line) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g, ctx := errgroup.WithContext(ctx)
	workers := runtime.GOMAXPROCS(0)
	ordered := make(chan *chunk, 2*workers) // in file order
	work := make(chan *chunk, 2*workers)
	g.Go(func() error {
		defer close(ordered)
		defer close(work)
		return s.split(func(c *chunk) error {
			for _, to := range []chan *chunk{ordered, work} {
				select {
				case to <- c:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		})
	})
	var decoders sync.WaitGroup
	for range workers {
		decoders.Go(func() {
			for c := range work {
				c.decode()
			}
		})
	}
	g.Go(func() error { return consume(ctx, ordered, yield) })
	err := g.Wait()
	decoders.Wait()
	return err
}

func consume(ctx context.Context, ordered <-chan *chunk, yield func(string, line) error) error {
	for c := range ordered {
		select {
		case <-c.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		for i := range c.lines {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := yield(c.file, c.lines[i]); err != nil {
				return err
			}
			c.lines[i].event = nil // it is the publisher's now
		}
	}
	return nil
}

// decode turns the text into events.
func (c *chunk) decode() {
	defer close(c.ready)
	text := c.text
	for i := 0; len(text) > 0; i++ {
		raw, rest, _ := bytes.Cut(text, []byte("\n"))
		text = rest
		l := line{number: c.number + i}
		if n, ok := c.tooLong[i]; ok {
			l.err = fmt.Errorf("event has %d bytes: the limit is %d: %w", n, event.DefaultEventBytes, event.ErrTooLarge)
		} else if raw = bytes.TrimSpace(raw); len(raw) > 0 {
			l.event, l.err = event.DecodeJSON(raw, event.Limits{})
		} else {
			continue
		}
		c.lines = append(c.lines, l)
	}
	c.text = nil
}

// split reads all files and emits them as chunks.
func (s *source) split(emit func(*chunk) error) error {
	for _, name := range s.files {
		if err := s.splitFile(name, emit); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) splitFile(name string, emit func(*chunk) error) error {
	raw := s.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return usage("%w", err)
		}
		defer f.Close()
		raw = f
	}
	r, done, err := decompressed(counted{raw, &s.read})
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer done()
	lines := bufio.NewReaderSize(counted{r, &s.plain}, chunkBytes)
	c := newChunk(name, 1)
	for number := 1; ; number++ {
		err := c.read(lines)
		end := errors.Is(err, io.EOF)
		if err != nil && !end {
			return fmt.Errorf("read %s: line %d: %w", name, number, err)
		}
		if len(c.text) >= chunkBytes || end && len(c.text) > 0 {
			if err := emit(c); err != nil {
				return err
			}
			c = newChunk(name, number+1)
		}
		if end {
			return nil
		}
	}
}

func newChunk(file string, number int) *chunk {
	return &chunk{file: file, number: number, ready: make(chan struct{})}
}

// read appends one line to the chunk. Of a line over the limit only the
// length is kept.
func (c *chunk) read(r *bufio.Reader) error {
	start, n := len(c.text), 0
	for {
		part, err := r.ReadSlice('\n')
		n += len(part)
		if n <= event.DefaultEventBytes+1 {
			c.text = append(c.text, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if n > event.DefaultEventBytes+1 {
			if c.tooLong == nil {
				c.tooLong = map[int]int{}
			}
			if err == nil {
				n-- // the line end
			}
			c.tooLong[bytes.Count(c.text[:start], []byte("\n"))] = n
			c.text = append(c.text[:start], "-\n"...)
		}
		return err
	}
}

// decompressed looks at the first bytes and decompresses gzip and zstd.
func decompressed(r io.Reader) (io.Reader, func(), error) {
	br := bufio.NewReaderSize(r, 64<<10)
	magic, err := br.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, err
	}
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		zr, err := gzip.NewReader(br)
		if err != nil {
			return nil, nil, err
		}
		return zr, func() {}, nil
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		zr, err := zstd.NewReader(br, zstd.WithDecoderMaxWindow(maxZstdWin), zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, nil, err
		}
		return zr, zr.Close, nil
	}
	return br, func() {}, nil
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}
