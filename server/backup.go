package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"google.golang.org/grpc"

	"github.com/afterimage/afterimage/eventlog"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
	"github.com/afterimage/afterimage/query"
)

// errNoBackups: the store was not told where backups may be written.
var errNoBackups = errors.New("this store keeps no backups: start it with --backups DIR")

// backupSteps is how many messages a backup sends at most, but for the last.
const backupSteps = 200

// Backup implements LogService.
func (s logs) Backup(r *pb.BackupRequest, out grpc.ServerStreamingServer[pb.BackupResponse]) error {
	dir, err := s.backupDir(r.GetDirectory())
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(out.Context())
	defer cancel(nil)
	pieces := newSender(out)
	var sent, total int64
	if err := s.cfg.Keeper.Count(ctx); err != nil {
		return err
	}
	made, err := s.cfg.Log.Backup(ctx, dir, func(p eventlog.BackupProgress) {
		total = p.Total
		if p.Done-sent < p.Total/backupSteps || ctx.Err() != nil {
			return
		}
		sent = p.Done
		if err := pieces.send(ctx, &pb.BackupResponse{DoneBytes: uint64(p.Done), TotalBytes: uint64(p.Total)}); err != nil {
			cancel(err)
		}
	})
	if err == nil {
		s.log.InfoContext(ctx, "backup made", "events", made.Size, "bytes", made.Bytes, "copied", made.Copied)
		err = pieces.send(ctx, &pb.BackupResponse{DoneBytes: uint64(total), TotalBytes: uint64(total), Backup: &pb.Backup{
			Directory: made.Dir, Size: uint64(made.Size), Epoch: made.Epoch, Bytes: uint64(made.Bytes), CopiedBytes: uint64(made.Copied),
		}})
	}
	ended := pieces.end(ctx)
	return cmp.Or(context.Cause(ctx), err, ended)
}

// backupDir returns the directory that a backup goes to: one within that of the
// configuration, whatever symbolic links there are, so that no client can have
// anything written elsewhere.
func (s *Server) backupDir(asked string) (string, error) {
	if s.cfg.Backups == "" {
		return "", errNoBackups
	}
	root, err := resolve(s.cfg.Backups)
	if err != nil {
		return "", fmt.Errorf("look at the directory for backups: %w", err)
	}
	dir := asked
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(root, dir)
	}
	if dir, err = resolve(dir); err != nil {
		return "", &query.RequestError{Field: "directory", Reason: "cannot be looked at"}
	}
	if rel, err := filepath.Rel(root, dir); err != nil || !filepath.IsLocal(rel) {
		return "", &query.RequestError{Field: "directory", Reason: "does not lie in the directory that the store keeps backups in (serve --backups)"}
	}
	return dir, nil
}

// resolve returns an absolute path without symbolic links. What is not there yet
// is taken as it is.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	real, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, os.ErrNotExist) {
		return real, err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s leads nowhere", path)
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}
