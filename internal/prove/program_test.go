//go:build prove && linux

package prove

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/demo"
	"bulwark/internal/policy"
)

// built is the real binary, built once.
var built = sync.OnceValues(func() (string, error) {
	folder, err := os.MkdirTemp("", "bulwark-prove-")
	if err != nil {
		return "", err
	}
	binary := filepath.Join(folder, "bulwark")
	if out, err := exec.Command("go", "build", "-o", binary, "bulwark/cmd/bulwark").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build bulwark: %w: %s", err, out)
	}
	return binary, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if binary, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(binary))
	}
	os.Exit(code)
}

// program is a running `bulwark serve`.
type program struct {
	t       *testing.T
	binary  string
	url     string
	more    []string // settings beside those of every proof
	cmd     *exec.Cmd
	address atomic.Value // of the API of the town demo; it changes with each start
	failure atomic.Value // the last line of the log that tells one
}

// run starts the service on the database; it ends with the test.
func run(t *testing.T, url string, more ...string) *program {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, binary: binary, url: url, more: more}
	p.start()
	t.Cleanup(p.kill)
	return p
}

// start starts the service, and waits until it listens.
func (p *program) start() {
	p.t.Helper()
	p.cmd = exec.Command(p.binary, "serve", "--migrate")
	p.cmd.Env = []string{
		"BULWARK_DATABASE_URL=" + p.url, "BULWARK_ADDR=127.0.0.1:0", "BULWARK_LOG_FORMAT=text",
		"BULWARK_RATE=0",
		"BULWARK_WRITE_RATE=0",
	}
	p.cmd.Env = append(p.cmd.Env, p.more...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := p.cmd.StderrPipe()
	if err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		p.t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if _, at, ok := strings.Cut(lines.Text(), "address="); ok && strings.Contains(lines.Text(), "msg=listening") {
			p.address.Store(strings.Fields(at)[0] + "/api/v1/towns/" + demo.Town)
			go func() {
				for lines.Scan() {
					if strings.Contains(lines.Text(), "status=500") {
						p.failure.Store(lines.Text())
					}
				}
			}()
			return
		}
	}
	p.t.Fatal("the service did not start")
}

// kill ends the service by SIGKILL.
func (p *program) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	_ = p.cmd.Wait()         // "signal: killed"
}

// seeded plays the demo on the database, and gives a key that may propose
// adjustments.
func seeded(t *testing.T, url string) (secret string) {
	t.Helper()
	if err := database.Migrate(t.Context(), url, database.Options{}); err != nil {
		t.Fatal(err)
	}
	db := dbtest.Connect(t, url, database.Options{})
	if _, err := demo.Seed(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	// The crowd proposes more than a town usually lets one person do.
	if err := db.Exec("UPDATE towns SET open_proposals = 1000").Error; err != nil {
		t.Fatal(err)
	}
	credentials, err := demo.Credentials(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range credentials {
		if c.Role == policy.LeadingGroup {
			return c.Key
		}
	}
	t.Fatal("the demo has no key of the leading group")
	return ""
}
