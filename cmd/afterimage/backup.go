package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/afterimage/afterimage/eventlog"
	"github.com/afterimage/afterimage/eventlog/keyring"
	pb "github.com/afterimage/afterimage/proto/afterimage/v1"
)

type backupCmd struct {
	Dir  string `arg:"" name:"dir" placeholder:"DIR" help:"Where backups are kept; this one gets a directory of its own in it."`
	Data string `placeholder:"DIR" help:"Back up this data directory; nothing may be serving it. Without it, the store that serves is asked."`
	keyFlags
	format
	storeFlag
}

// Help implements kong's HelpProvider.
func (backupCmd) Help() string {
	return `Copies the log and its wrapped keys into DIR, while the store serves; files that an earlier backup
in DIR has are linked, not copied. A directory there is a backup if backup.json is in it. It does not
hold the key-encryption key (kek.json): keep that elsewhere, or the backup cannot be read.

    afterimage backup /mnt/backups                         # of a store started with serve --backups /mnt/backups
    afterimage backup /mnt/backups --data afterimage-data --keys afterimage-keys

The store writes the backup itself, on its own machine. Messages in JetStream that are not in the
log yet are not part of it. Put one back with afterimage restore.`
}

// Run makes the backup, or has it made, and reports.
func (c *backupCmd) Run(ctx context.Context, s streams) error {
	progress := newProgress(s.err, "backed up", "bytes")
	defer progress.stop()
	var made *pb.Backup
	var err error
	if c.Data != "" {
		made, err = c.offline(ctx, s, progress)
	} else {
		made, err = c.live(ctx, progress)
	}
	if err != nil {
		return err
	}
	progress.stop()
	if c.json() {
		text, err := compactJSON(made)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "%s\n", text)
		return err
	}
	_, err = fmt.Fprintf(s.out, "backed up %d events into %s: %.1f MB, %.1f MB of them new\n",
		made.GetSize(), visible(made.GetDirectory()), float64(made.GetBytes())/1e6, float64(made.GetCopiedBytes())/1e6)
	return err
}

// live asks the store that serves.
func (c *backupCmd) live(ctx context.Context, progress *progress) (*pb.Backup, error) {
	dir, err := filepath.Abs(c.Dir)
	if err != nil {
		return nil, err
	}
	store, err := c.open()
	if err != nil {
		return nil, err
	}
	defer store.Close()
	for r, err := range store.Backup(ctx, dir) {
		if err != nil {
			return nil, c.explain(err)
		}
		if r.GetBackup() != nil {
			return r.GetBackup(), nil
		}
		progress.set(r.GetDoneBytes(), r.GetTotalBytes())
	}
	return nil, errors.New("the store ended the backup without saying what it made: try again")
}

// offline backs up a store that nobody serves.
func (c *backupCmd) offline(ctx context.Context, s streams, progress *progress) (_ *pb.Backup, err error) {
	if err := present(c.Data, c.Keys); err != nil {
		return nil, err
	}
	if err := backupsApart(c.Dir, c.Data, c.Keys); err != nil {
		return nil, err
	}
	keys, err := c.options()
	if err != nil {
		return nil, err
	}
	log, err := eventlog.Open(ctx, eventlog.Config{Dir: logDir(c.Data), KeysDir: c.Keys, Keys: keys, MinFree: 1, Fatal: fatal(s.err)})
	if err != nil {
		return nil, explainOpen(err, c.Data, c.Keys)
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	b, err := log.Backup(ctx, c.Dir, func(p eventlog.BackupProgress) { progress.set(uint64(p.Done), uint64(p.Total)) })
	if err != nil {
		return nil, err
	}
	return &pb.Backup{Directory: b.Dir, Size: uint64(b.Size), Epoch: b.Epoch, Bytes: uint64(b.Bytes), CopiedBytes: uint64(b.Copied)}, nil
}

// present refuses directories that hold nothing, in which a new store would be
// made, or nothing be found.
func present(data, keys string) error {
	for _, dir := range []struct{ flag, path string }{{"--data", data}, {"--keys", keys}} {
		entries, err := os.ReadDir(dir.path)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: %w", dir.flag, err)
		}
		if len(entries) == 0 {
			return fmt.Errorf("there is nothing in %s: give the right directory with %s", dir.path, dir.flag)
		}
	}
	return nil
}

// backupsApart refuses backups inside the directories that they are of.
func backupsApart(backups string, dirs ...string) error {
	b, err := filepath.Abs(backups)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		d, err := filepath.Abs(dir)
		if err != nil {
			return err
		}
		if rel, err := filepath.Rel(d, b); err == nil && filepath.IsLocal(rel) {
			return usage("backups in %s would lie in %s, and be lost with it: name another directory", backups, dir)
		}
	}
	return nil
}

type restoreCmd struct {
	Backup  string `arg:"" name:"backup" placeholder:"BACKUP" help:"The backup: the directory with backup.json in it."`
	Data    string `default:"afterimage-data" placeholder:"DIR" help:"Where the log goes; it must hold nothing (default ${default})."`
	Replace bool   `help:"The keys go on with the backup: what else they open now cannot be read any more."`
	keyFlags
	format
}

// Help implements kong's HelpProvider.
func (restoreCmd) Help() string {
	return `Checks the backup, puts log and keys in place, and forgets again every event that was forgotten
since, as the records in forgotten/ of the key directory say. Then it verifies the log; only when
it says so may the store be served. If it is interrupted, run it again.

    afterimage restore /mnt/backups/20261124T203249Z-51200 --data afterimage-data --keys afterimage-keys --replace

The store must not run. --keys must hold at least kek.json; better all that the lost store had: then
--replace says that you know that what is left of its data cannot be read any more afterwards. Events
that came after the backup are lost; it says how many.

To look into a backup and keep the store as it is, give it a directory of its own with a copy of
kek.json in it, as --keys.`
}

// Run restores the backup and reports.
func (c *restoreCmd) Run(ctx context.Context, s streams) error {
	if err := apart(c.Data, c.Keys); err != nil {
		return err
	}
	if err := c.empty(); err != nil {
		return err
	}
	if used, err := keyring.Used(c.Keys); err != nil {
		return err
	} else if used && !c.Replace {
		return usage("%s holds the keys of a store: what they open now cannot be read any more once they go on with the backup: say --replace, or, to look into the backup only, give --keys a directory with nothing but a copy of kek.json", c.Keys)
	}
	keys, err := c.options()
	if err != nil {
		return err
	}
	progress := newProgress(s.err, "restored", "bytes")
	defer progress.stop()
	r, err := eventlog.Restore(ctx, eventlog.Config{Dir: logDir(c.Data), KeysDir: c.Keys, Keys: keys, MinFree: 1, Fatal: fatal(s.err)}, c.Backup,
		func(p eventlog.BackupProgress) { progress.setNote(uint64(p.Done), uint64(p.Total), p.Step) })
	progress.stop()
	if ctx.Err() != nil {
		return errors.New("interrupted: run afterimage restore again")
	}
	if err != nil {
		return explainOpen(err, c.Data, c.Keys)
	}
	if c.json() {
		_, err = fmt.Fprintf(s.out, "{\"backup\":\"%d\",\"lost\":\"%d\",\"forgotten\":\"%d\",\"size\":\"%d\",\"root\":\"%x\",\"epoch\":\"%d\"}\n",
			r.Backup, r.Lost, r.Forgotten, r.Size, r.Root, r.Epoch)
		return err
	}
	style := styleFor(s.out)
	fmt.Fprintf(s.out, "restored %d events; %d were forgotten since the backup, and are again\n", r.Backup, r.Forgotten)
	if r.Lost > 0 {
		fmt.Fprintf(s.out, "%s the keys had seen at least %d positions more, which the backup does not have\n", style.paint(bold+";"+yellow, "LOST:"), r.Lost)
		if len(r.Beside) > 0 {
			fmt.Fprintln(s.out, "holds, erasures and policies of then are kept beside the keys: the next start has them in force again")
		}
	}
	_, err = fmt.Fprintf(s.out, "%s: %d events, root %x\nit may be served now\n", style.paint(bold+";"+green, "verified"), r.Size, r.Root)
	return err
}

// empty refuses a data directory with something in it but the log, of which
// eventlog knows whether it may go.
func (c *restoreCmd) empty() error {
	entries, err := os.ReadDir(c.Data)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("--data: %w", err)
	}
	for _, e := range entries {
		if e.Name() != "log" && !strings.HasPrefix(e.Name(), "log.restoring") {
			return fmt.Errorf("there is something in %s: name an empty directory with --data, or move that away", c.Data)
		}
	}
	return nil
}
