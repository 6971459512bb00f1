package retention_test

import "github.com/cockroachdb/pebble/v2/vfs"

// unsynced are the files of the operating system, which never wait for the disk:
// what crashes here is the process, and what it wrote is there after that. That takes
// half of the time.
type unsynced struct{ vfs.FS }

type unsyncedFile struct{ vfs.File }

func (unsyncedFile) Sync() error                { return nil }
func (unsyncedFile) SyncData() error            { return nil }
func (unsyncedFile) SyncTo(int64) (bool, error) { return true, nil }

func wrapped(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (u unsynced) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return wrapped(u.FS.Create(name, c))
}

func (u unsynced) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return wrapped(u.FS.OpenReadWrite(name, c, opts...))
}

func (u unsynced) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return wrapped(u.FS.ReuseForWrite(old, name, c))
}

func (u unsynced) OpenDir(name string) (vfs.File, error) { return wrapped(u.FS.OpenDir(name)) }

func (u unsynced) Unwrap() vfs.FS { return u.FS }
