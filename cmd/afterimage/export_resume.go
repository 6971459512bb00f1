package main

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterimage/afterimage/client"
	"github.com/afterimage/afterimage/event"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

// An exporting is an export under way, into a file or a directory. Beside where it
// goes stand, until it is whole, WHERE.partial, what has arrived, and
// WHERE.operation, what it is: by these the same command goes on.
type exporting struct {
	*exportCmd
	store *client.Client
	bar   *progress
	to    string
}

func (e *exporting) tenant() event.Tenant { return event.Tenant(e.Tenant) }

func (e *exporting) partial() string { return e.to + ".partial" }
func (e *exporting) note() string    { return e.to + ".operation" }

// An exportNote says which export a file is of.
type exportNote struct {
	Operation string
	Command   string // what was asked for
}

// run exports, from the beginning or from where it was.
func (e *exporting) run(ctx context.Context, r *pb.ExportEventsRequest) (exported, error) {
	if _, err := os.Stat(e.to); err == nil {
		return exported{}, usage("--to %s: it is there already: remove it, or name another", e.to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return exported{}, usage("--to: %w", err)
	}
	op, err := e.begun(ctx)
	if err != nil {
		return exported{}, err
	}
	if op == nil {
		if op, err = e.begin(ctx, r); err != nil {
			return exported{}, err
		}
	}
	result, err := e.wait(ctx, op)
	if err != nil {
		return exported{}, err
	}
	done, err := e.file(ctx, client.OperationID(op), result.GetEvents())
	if err != nil {
		return exported{}, err
	}
	return done, e.finish()
}

// begin asks for an export, and notes which it is.
func (e *exporting) begin(ctx context.Context, r *pb.ExportEventsRequest) (*pb.Operation, error) {
	if err := removeAll(e.partial()); err != nil {
		return nil, err
	}
	op, err := e.store.Export(ctx, r)
	if err != nil {
		return nil, e.explain(err)
	}
	text, err := json.Marshal(exportNote{client.OperationID(op), e.command()})
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(e.note(), text, 0o600); err != nil {
		return nil, fmt.Errorf("--to: %w", err)
	}
	return op, nil
}

// begun returns the export that was begun by the same command; nil if there is
// none that can go on.
func (e *exporting) begun(ctx context.Context) (*pb.Operation, error) {
	text, err := readBounded(e.note(), 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var note exportNote
	if err == nil {
		err = json.Unmarshal(text, &note)
	}
	if err != nil {
		return nil, fmt.Errorf("%s, which says what %s is of, cannot be read: remove both: %w", e.note(), e.partial(), err)
	}
	if note.Command != e.command() {
		return nil, usage("%s is of another export that was not finished: %s: run that, or remove %s and %s", e.partial(), note.Command, e.partial(), e.note())
	}
	op, err := e.store.Operation(ctx, e.tenant(), note.Operation)
	if errors.Is(err, client.ErrNotFound) || err == nil && op.GetError() != nil {
		return nil, nil
	}
	return op, e.explain(err)
}

// command is what the export is of, as words.
func (e *exporting) command() string {
	c := e.exportCmd
	words, text := []string{"afterimage export --format", c.Format}, ""
	if c.Text != nil {
		text = *c.Text
	}
	for _, f := range []struct{ flag, value string }{
		{"--filter", c.Filter}, {"--text", text}, {"--since", c.Since}, {"--until", c.Until}, {"--incident", c.Incident},
		{"--actor", c.Actor}, {"--reason", c.Reason}, {"--tenant", c.Tenant},
	} {
		if f.value != "" {
			words = append(words, f.flag, quoted(f.value))
		}
	}
	for _, s := range c.Session {
		words = append(words, "--session", quoted(s))
	}
	return strings.Join(words, " ")
}

// file downloads what is missing of WHERE.partial. Where what is there is not what
// would be sent now, it begins anew.
func (e *exporting) file(ctx context.Context, operation string, total uint64) (done exported, err error) {
	f, err := os.OpenFile(e.partial(), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return done, fmt.Errorf("--to: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	sum := sha256.New()
	n, err := io.Copy(sum, f)
	if err != nil {
		return done, err
	}
	done, err = e.take(ctx, operation, n, sum, total, f)
	if n > 0 && (errors.Is(err, client.ErrOtherBytes) || errors.Is(err, client.ErrInvalid)) {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return done, err
		}
		if err := f.Truncate(0); err != nil {
			return done, err
		}
		done, err = e.take(ctx, operation, 0, sha256.New(), total, f)
	}
	switch {
	case errors.Is(err, client.ErrChanged): // It holds what was forgotten since.
		return done, errors.Join(e.explain(err), removeAll(e.partial(), e.note()))
	case err != nil:
		return done, e.explain(err)
	}
	return done, f.Sync()
}

// finish puts what has arrived in its place.
func (e *exporting) finish() error {
	if !e.directory() {
		return errors.Join(os.Rename(e.partial(), e.to), removeAll(e.note()))
	}
	e.bar.clear()
	unpacking := e.to + ".unpacking"
	if err := os.RemoveAll(unpacking); err != nil {
		return err
	}
	if err := unzip(e.partial(), unpacking); err != nil {
		return fmt.Errorf("unpack %s: %w", e.partial(), err)
	}
	return errors.Join(os.Rename(unpacking, e.to), removeAll(e.partial(), e.note()))
}

// unzip puts what is in the one directory of a zip file into a new directory.
func unzip(name, dir string) error {
	z, err := zip.OpenReader(name)
	if err != nil {
		return err
	}
	defer z.Close()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dir) // which nothing in the file leads out of
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range z.File {
		_, path, _ := strings.Cut(f.Name, "/")
		if err := root.MkdirAll(filepath.Dir(filepath.FromSlash(path)), 0o700); err != nil {
			return err
		}
		if err := unzipFile(f, root, filepath.FromSlash(path)); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipFile(f *zip.File, root *os.Root, path string) error {
	in, err := f.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := root.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) //nolint:gosec // The store's own file, whose hash was compared.
	return errors.Join(err, out.Close())
}

// failed says of an export that ended early how to go on.
func (e *exporting) failed(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted: what was asked for is on record, and the same command goes on")
	}
	return err
}

// exportSummary is what a step of an export comes to, in words.
func exportSummary(x *pb.Exported) string {
	switch x.GetStage() {
	case pb.Exported_REQUESTED:
		return fmt.Sprintf("export requested by %s: %s", x.GetActor(), x.GetReason())
	case pb.Exported_READY:
		return fmt.Sprintf("export of %d events is ready", x.GetEvents())
	case pb.Exported_HANDED_OVER:
		return fmt.Sprintf("export of %d events was handed over: %d bytes, SHA-256 %x", x.GetEvents(), x.GetBytes(), x.GetSha256())
	case pb.Exported_CANCELLED:
		return "export was called off"
	}
	return "export failed: " + x.GetFailure()
}
