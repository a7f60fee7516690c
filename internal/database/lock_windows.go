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

// Owner returns the user that the file belongs to, and whether the system knows.
func Owner(os.FileInfo) (uid int, known bool) { return 0, false }

// DiskSpace returns the bytes that a user may still write to the disk of the folder, and
// its size.
func DiskSpace(folder string) (free, size uint64, err error) {
	path, err := windows.UTF16PtrFromString(folder)
	if err != nil {
		return 0, 0, err
	}
	err = windows.GetDiskFreeSpaceEx(path, &free, &size, nil)
	return free, size, err
}
