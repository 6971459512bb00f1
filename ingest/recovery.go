package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// streamsDir is where the server keeps the streams of its one account, a
// directory each, named after the stream.
func streamsDir(dir string) string {
	return filepath.Join(dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams")
}

// streamDirs returns the directories of the streams on disk, those marked for
// deletion left out.
func streamDirs(dir string) ([]string, error) {
	entries, err := os.ReadDir(streamsDir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for streams on disk: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// clearUnfinished removes what a crash in the middle of creating a stream
// left behind. A stream exists once the checksum of its description is
// written; before that nothing can have been acknowledged. NATS itself would
// make a new stream over the remains and be unable to read it back.
func clearUnfinished(dir string) error {
	names, err := streamDirs(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(streamsDir(dir), name)
		_, err := os.Stat(filepath.Join(path, server.JetStreamMetaFileSum))
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if holdsMessages(path) {
			continue // left for checkRecovered to refuse
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove an unfinished stream: %w", err)
		}
	}
	return nil
}

// holdsMessages reports whether a file of messages below the stream's
// directory has anything in it; where it cannot tell, it does.
func holdsMessages(path string) bool {
	blocks, err := filepath.Glob(filepath.Join(path, "msgs", "*.blk"))
	if err != nil {
		return true
	}
	for _, b := range blocks {
		if info, err := os.Stat(b); err != nil || info.Size() > 0 {
			return true
		}
	}
	return false
}

// checkRecovered compares the streams the server has with those on disk. NATS
// only warns about a stream it cannot read; publishing would then begin anew
// over evidence that was acknowledged.
func checkRecovered(ns *server.Server, dir string, l *serverLog) error {
	names, err := streamDirs(dir)
	if err != nil {
		return err
	}
	info, err := ns.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	if err != nil {
		return fmt.Errorf("ask the NATS server for its streams: %w", err)
	}
	recovered := make(map[string]bool)
	for _, account := range info.AccountDetails {
		for _, s := range account.Streams {
			recovered[s.Name] = true
		}
	}
	for _, name := range names {
		if recovered[name] {
			continue
		}
		if l.sawWrongKey() {
			return fmt.Errorf("stream in %s: %w: start with the key directory it was made with; nothing was changed", dir, ErrWrongKey)
		}
		return fmt.Errorf("stream in %s cannot be read: %s; nothing was changed", dir, l.complaint())
	}
	return nil
}
