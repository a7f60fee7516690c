package dbtest

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// KillableServer is a PostgreSQL server of one test, durable unless its settings say
// otherwise, which the test may kill as a power switch would.
type KillableServer struct{ cluster }

// NewKillableServer starts a server with more settings ("synchronous_commit=off"), which
// ends with the test. TEST_DATABASE_URL does not count: that server is not the
// test's to kill.
func NewKillableServer(t testing.TB, settings ...string) *KillableServer {
	t.Helper()
	var arguments []string
	for _, s := range settings {
		arguments = append(arguments, "-c", s)
	}
	c, err := newCluster(arguments)
	if err != nil {
		t.Fatal(err)
	}
	m := &KillableServer{*c}
	t.Cleanup(func() {
		if err := m.end(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// URL returns the URL of the empty database "postgres".
func (m *KillableServer) URL() string { return m.url() }

// Kill ends every process of the server by SIGKILL, as nothing in it can notice.
func (m *KillableServer) Kill() error {
	pids, err := m.pids()
	for _, pid := range pids { // the one that would start others anew is the first
		err = errors.Join(err, ignore(syscall.Kill(pid, syscall.SIGKILL)))
	}
	for _, pid := range pids {
		err = errors.Join(err, gone(pid))
	}
	// A new server would wait for the old one that this file names.
	return errors.Join(err, os.Remove(m.pidFile()))
}

// Start starts the server again after Kill, and waits until it listens.
func (m *KillableServer) Start() error { return m.start() }

// Stop stops all processes of the server until Resume, as when its machine hangs:
// connections stay open without an answer.
func (m *KillableServer) Stop() error { return m.signal(syscall.SIGSTOP) }

// Resume continues the server after Stop.
func (m *KillableServer) Resume() error { return m.signal(syscall.SIGCONT) }

func (m *KillableServer) signal(s syscall.Signal) error {
	pids, err := m.pids()
	for _, pid := range pids {
		err = errors.Join(err, ignore(syscall.Kill(pid, s)))
	}
	return err
}

// Own makes the user that the server runs as the owner of the folder.
func (m *KillableServer) Own(folder string) error {
	_, err := unprivileged(folder)
	return err
}

// end stops the server, and waits until its supervisor has removed the folder.
func (m *KillableServer) end() error {
	if err := m.supervisorPipe.Close(); err != nil {
		return err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(m.folder); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return errors.New("the PostgreSQL server of the test did not end: " + m.folder)
}

func (m *KillableServer) pidFile() string { return filepath.Join(m.folder, "data", "postmaster.pid") }

// pids are the processes of the server, the first of them the parent of the rest.
func (m *KillableServer) pids() ([]int, error) {
	content, err := os.ReadFile(m.pidFile())
	if err != nil {
		return nil, err
	}
	first, _, _ := bytes.Cut(content, []byte("\n"))
	parent, err := strconv.Atoi(string(first))
	if err != nil {
		return nil, err
	}
	children, err := childrenOf(parent)
	return append([]int{parent}, children...), err
}

// childrenOf looks for processes whose parent it is.
func childrenOf(parent int) (children []int, err error) {
	all, err := os.ReadDir("/proc")
	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if its, alive := stat(pid); alive && its == parent {
			children = append(children, pid)
		}
	}
	return children, err
}

// stat reads what the kernel reports of a process: "PID (NAME) STATE PARENT …".
func stat(pid int) (parent int, alive bool) {
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, false
	}
	fields := bytes.Fields(content[bytes.LastIndexByte(content, ')')+1:])
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, err == nil && fields[0][0] != 'Z' // a zombie holds nothing but its number
}

// gone waits until the process has ended.
func gone(pid int) error {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if _, alive := stat(pid); !alive {
			return nil
		}
	}
	return errors.New("process " + strconv.Itoa(pid) + " outlived SIGKILL")
}

// ignore ignores that a process is gone already.
func ignore(err error) error {
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}
