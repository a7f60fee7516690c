package database

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock locks the open file without waiting; closing it unlocks.
func tryLock(file *os.File) (held bool, err error) {
	err = windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY,
		0, 1, 0, &windows.Overlapped{})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// keepOwner does nothing: a new file has the permissions of its folder.
func keepOwner(string, string) error { return nil }
