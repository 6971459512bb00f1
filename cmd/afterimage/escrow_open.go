package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/redaction/escrow"
)

type escrowOpenCmd struct {
	Files []string `arg:"" optional:"" placeholder:"FILE" help:"Events as search -o json prints them, or NDJSON, also gzip or zstd; - or none for standard input."`
	escrowKeyFlags
	format
}

// Help implements kong's HelpProvider.
func (escrowOpenCmd) Help() string {
	return `Reads events and prints their sealed originals, in clear, each with the event's seq and id, its type
and its token: what stands as [EMAIL:k7m2qa5d3hx4] in the text is type EMAIL, token k7m2qa5d3hx4.

    afterimage search --filter 'session == "c-17"' -o json | afterimage escrow open --private officer.json
    afterimage escrow open --private officer.json --passphrase-file FILE found.json more.ndjson.zst -o json

With -o json a line for each, with either "original" or "error":

    {"seq":"17","id":"…","type":"EMAIL","token":"k7m2qa5d3hx4","original":"alice@example.com"}

What does not open is listed with the reason: it was sealed to another keyset, or it was damaged or
moved from another event. The exit code is then 1. It asks no store, so no log tells that originals
were opened: write down who did and why. An original is what the publisher sealed; that it stood in
the event is the publisher's word.`
}

// Run opens all that it can.
func (c *escrowOpenCmd) Run(ctx context.Context, s streams) error {
	from, err := newSource(c.Files, s.in)
	if err != nil {
		return err
	}
	passphrase, err := c.passphrase()
	if err != nil {
		return err
	}
	opener, err := c.opener(passphrase)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(s.out)
	o := &opening{opener: opener, json: c.json(), out: out, err: s.err}
	for _, name := range from.files {
		if err := o.file(ctx, name, s.in); err != nil {
			return errors.Join(err, out.Flush())
		}
	}
	return errors.Join(o.end(), out.Flush())
}

// An opening goes through events and prints their originals.
type opening struct {
	opener *escrow.Opener
	json   bool
	out    io.Writer
	err    io.Writer

	events   int
	sealed   int
	otherKey int // of the sealed: not opened, for want of the key
	damaged  int // of the sealed: not opened, although the key is there
	unread   int // lines and files that could not be read
}

// An opened is what is printed of one sealed original.
type opened struct {
	Seq      *uint64 `json:"seq,string,omitempty"`
	ID       string  `json:"id"`
	Type     string  `json:"type"`
	Token    string  `json:"token"`
	Original *string `json:"original,omitempty"`
	Error    string  `json:"error,omitempty"`
}

// file opens what is in one file. What cannot be read is told at once, and the
// rest goes on.
func (o *opening) file(ctx context.Context, name string, stdin io.Reader) error {
	return readEvents(name, stdin, func(number int, e *pb.Event, err error) error {
		if err != nil {
			o.complain(name, number, err)
			return ctx.Err()
		}
		o.events++
		for _, sealed := range e.GetCapture().GetEscrow() {
			if err := o.print(o.open(e, sealed)); err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// complain tells of a line that is no event, or, with number 0, of a file.
func (o *opening) complain(name string, number int, err error) {
	if o.unread++; o.unread > maxReported {
		return
	}
	if number > 0 {
		name = fmt.Sprintf("%s:%d", name, number)
	}
	fmt.Fprintf(o.err, "afterimage: %s: %v\n", name, err)
}

func (o *opening) open(e *pb.Event, s *pb.Sealed) opened {
	row := opened{Seq: e.Seq, ID: e.GetId(), Type: s.GetType(), Token: s.GetToken()}
	o.sealed++
	original, err := o.opener.Open(escrow.Context{EventID: row.ID, Type: row.Type, Token: row.Token}, s.GetCiphertext())
	switch {
	case err == nil:
		row.Original = &original
		return row
	case errors.Is(err, escrow.ErrOtherKey):
		o.otherKey++
	default:
		o.damaged++
	}
	row.Error = err.Error()
	return row
}

const openedHeader = "SEQ      ID                                    TYPE            TOKEN         ORIGINAL"

func (o *opening) print(row opened) error {
	if o.json {
		enc := json.NewEncoder(o.out)
		enc.SetEscapeHTML(false)
		return enc.Encode(row)
	}
	if o.sealed == 1 {
		fmt.Fprintln(o.out, openedHeader)
	}
	seq, text := "-", "NOT OPENED: "+row.Error
	if row.Seq != nil {
		seq = fmt.Sprint(*row.Seq)
	}
	if row.Original != nil {
		text = spelled(*row.Original)
	}
	_, err := fmt.Fprintf(o.out, "%s  %s  %s  %s  %s\n", widen(seq, 7), widen(oneLine(row.ID, 256), 36),
		widen(oneLine(row.Type, 256), 14), widen(oneLine(row.Token, 256), 12), text)
	return err
}

// spelled is the text on one line, whole and harmless to a terminal.
func spelled(text string) string {
	return strings.NewReplacer("\n", "␊", "\t", "␉").Replace(visible(text))
}

// end sums up, and is an error if anything was left closed or unread.
func (o *opening) end() error {
	if o.sealed == 0 && o.unread == 0 && !o.json {
		fmt.Fprintf(o.out, "no sealed originals; events read: %d\n", o.events)
	}
	var wrong []string
	for _, part := range []struct {
		n    int
		what string
	}{
		{o.otherKey, "sealed to another keyset"},
		{o.damaged, "damaged or moved from another event"},
	} {
		if part.n > 0 {
			wrong = append(wrong, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	var closed, unread error
	if n := o.otherKey + o.damaged; n > 0 {
		closed = fmt.Errorf("%d of %d sealed originals did not open: %s", n, o.sealed, strings.Join(wrong, ", "))
	}
	if o.unread > 0 {
		unread = fmt.Errorf("%d lines or files could not be read", o.unread)
	}
	return errors.Join(closed, unread)
}
