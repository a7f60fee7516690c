//go:build !windows

package dbtest

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const install = `found no PostgreSQL server programs.
Install them:   Debian, Ubuntu: sudo apt-get install -y postgresql
                macOS:          brew install postgresql@17
or set TEST_DATABASE_URL=postgres://USER:PASSWORD@HOST:PORT/postgres (the user must be allowed to create databases)`

// binaries are the folders in which packages put the server, besides PATH.
var binaries = []string{
	"/usr/lib/postgresql/*/bin", // Debian, Ubuntu
	"/usr/pgsql-*/bin",          // Fedora, Red Hat
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// supervise starts the server at each line of its input and stops it, and removes
// its folder, as soon as the input ends: that is when the test process is gone,
// however it went. Nothing that runs inside the test process could promise that.
const supervise = `trap '' HUP INT TERM
bin=$1 folder=$2
shift 2
while read -r _; do
	"$bin/postgres" -D "$folder/data" -k "$folder" -c listen_addresses= -c max_connections=200 -c deadlock_timeout=50ms -c jit=off \
		"$@" </dev/null >>"$folder/log" 2>&1 &
done
kill -QUIT $!
wait
rm -rf "$folder"`

// unsafeSettings make a server fast that nobody will miss.
var unsafeSettings = []string{"-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"}

// startCluster makes a server for all tests of the process, and returns the URL
// of its maintenance database.
func startCluster() (string, error) {
	c, err := newCluster(unsafeSettings)
	if err != nil {
		return "", err
	}
	openPipes.Store(c.supervisorPipe, nil)
	return c.url(), nil
}

// openPipes keeps the pipes of what lives as long as the process from being
// collected and so closed.
var openPipes sync.Map

// cluster is a PostgreSQL server in a temporary folder, which listens on a socket
// inside that.
type cluster struct {
	folder         string
	supervisorPipe *os.File // the input of its supervisor
}

func newCluster(settings []string) (c *cluster, err error) {
	bin, err := findServer()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(tmpfs(), "bulwark-pg-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(folder)
		}
	}()
	owner, err := unprivileged(folder)
	if err != nil {
		return nil, err
	}
	// Not the C locale: a sort order that relies on the server's must show.
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", folder+"/data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
		"--locale=C", "--locale-provider=icu", "--icu-locale=en-US")
	initdb.SysProcAttr, initdb.Dir = owner, folder
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	c = &cluster{folder: folder}
	if err := c.supervised(append([]string{bin, folder}, settings...), owner); err != nil {
		return nil, err
	}
	return c, c.start()
}

// supervised leaves the supervisor running. Its input is a pipe that only this
// process holds open.
func (c *cluster) supervised(args []string, owner *syscall.SysProcAttr) error {
	supervisor := exec.Command("/bin/sh", append([]string{"-c", supervise, "sh"}, args...)...)
	attributes := *owner
	attributes.Setpgid = true // a Ctrl-C at the terminal ends the tests, not the supervisor
	supervisor.SysProcAttr, supervisor.Dir = &attributes, "/"
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	supervisor.Stdin, c.supervisorPipe = read, write
	return supervisor.Start()
}

// url returns the URL of the maintenance database.
func (c *cluster) url() string {
	query := url.Values{"host": {c.folder}, "user": {"postgres"}}
	u := url.URL{Scheme: "postgres", Path: "/postgres", RawQuery: query.Encode()}
	return u.String()
}

// start starts the server, and waits until it listens.
func (c *cluster) start() error {
	if _, err := c.supervisorPipe.WriteString("start\n"); err != nil {
		return err
	}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		// The last line of the pid file tells the state of the server.
		pid, err := os.ReadFile(filepath.Join(c.folder, "data", "postmaster.pid"))
		if err == nil && bytes.HasSuffix(bytes.TrimSpace(pid), []byte("ready")) {
			return nil
		}
	}
	log, _ := os.ReadFile(filepath.Join(c.folder, "log"))
	return fmt.Errorf("the PostgreSQL server did not start:\n%s", log)
}

// findServer returns the folder of initdb and postgres, the newest where there
// are several.
func findServer() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		path, err = filepath.EvalSymlinks(path)
		return filepath.Dir(path), err
	}
	var found []string
	for _, pattern := range binaries {
		matches, _ := filepath.Glob(filepath.Join(pattern, "initdb"))
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return "", errors.New(install)
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return release(a) - release(b) })), nil
}

// release returns the first number in a path.
func release(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0])
	return n
}

// unprivileged makes the user that the server is to run as the owner of the folder: the
// server refuses to run as root.
func unprivileged(folder string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return &syscall.SysProcAttr{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.ParseUint(u.Uid, 10, 32)
		gid, _ := strconv.ParseUint(u.Gid, 10, 32)
		credential := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return &syscall.SysProcAttr{Credential: credential}, os.Chown(folder, int(uid), int(gid))
	}
	return nil, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody: run the tests as another user")
}
