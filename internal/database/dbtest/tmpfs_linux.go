package dbtest

import (
	"os"
	"os/exec"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// tmpfs returns a folder in memory with room for a cluster, "" where there is none:
// a test database takes 15 ms there and 400 ms on a disk.
func tmpfs() string {
	const shm, room = "/dev/shm", 1 << 30 // bytes
	var s unix.Statfs_t
	if unix.Access(shm, unix.W_OK) != nil || unix.Statfs(shm, &s) != nil || s.Bavail < room/uint64(max(1, s.Bsize)) {
		return ""
	}
	return shm
}

// tmpfsDir returns a folder in memory that is this process's own, "" where there is none.
var tmpfsDir = sync.OnceValue(func() string {
	if tmpfs() == "" {
		return ""
	}
	folder, err := os.MkdirTemp(tmpfs(), "bulwark-")
	if err != nil {
		return ""
	}
	if err := removeAtEnd(folder); err != nil {
		_ = os.RemoveAll(folder)
		return ""
	}
	return folder
})

// removeAtEnd has a shell remove the folder when this process is gone, however it
// went: memory that nobody frees would be lost until the machine starts anew.
func removeAtEnd(folder string) error {
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	openPipes.Store(write, nil)
	shell := exec.Command("/bin/sh", "-c", `trap '' HUP INT TERM; read -r _; rm -rf "$1"`, "sh", folder)
	shell.Stdin, shell.Dir = read, "/"
	shell.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a Ctrl-C at the terminal ends the tests, not the shell
	return shell.Start()
}
