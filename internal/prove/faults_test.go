//go:build prove && linux

package prove

import (
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

// recovery is how soon the service must work again when its database does.
const recovery = 5 * time.Second

// troubled is a service under mixed work, whose database is troubled.
func troubled(t *testing.T, url string, more ...string) (*crash, *visitor) {
	t.Helper()
	c := &crash{}
	secret := seeded(t, url)
	c.program = run(t, url, more...)
	c.crowd = gathered(t, c.program, secret, true)
	return c, calling(t, c.program, secret)
}

// well has everybody leave, and wants nothing of what was acknowledged lost.
func (c *crash) well(t *testing.T) {
	t.Helper()
	c.crowd.disperse(1)
	found := c.tally(t)
	t.Log(found)
	if found.lost+found.doubled+found.unasked+found.wrong+found.unrecorded+found.broken > 0 || found.changed > 0 {
		t.Error("the proof failed")
	}
}

// PostgreSQL is killed under mixed work and is away for a while: every request is
// refused for now in the documented way, and a moment after it is back all is well.
func TestPostgreSQLIsAway(t *testing.T) {
	m := dbtest.NewKillableServer(t)
	c, v := troubled(t, m.URL())
	c.database = m
	for range 3 {
		c.crowd.busy(10)
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		v.away("database_unavailable")
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
		v.recovers()
	}
	c.well(t)
}

// PostgreSQL hangs: its connections stay open, and nobody answers. No request takes
// longer than a request may.
func TestPostgreSQLHangs(t *testing.T) {
	m := dbtest.NewKillableServer(t)
	c, v := troubled(t, m.URL(), "BULWARK_REQUEST_TIMEOUT=500ms")
	c.database = m
	for range 3 {
		c.crowd.busy(10)
		if err := m.Stop(); err != nil {
			t.Fatal(err)
		}
		v.away("timeout", "database_unavailable")
		if err := m.Resume(); err != nil {
			t.Fatal(err)
		}
		v.recovers()
	}
	c.well(t)
}

// The disk is full: what would write is refused for now, what reads is answered,
// and with room again all is well.
func TestTheDiskIsFull(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			disk := small(t)
			var c *crash
			var v *visitor
			if dialect == database.SQLite {
				c, v = troubled(t, "sqlite:"+disk+"/b.db")
			} else {
				m := dbtest.NewKillableServer(t)
				c, v = troubled(t, m.URL())
				c.database = m
				moved(t, m, disk)
			}
			for range 3 {
				c.crowd.busy(10)
				filler := filled(t, disk)
				v.full()
				if err := os.Remove(filler); err != nil {
					t.Fatal(err)
				}
				v.recovers()
			}
			c.well(t)
		})
	}
}

// moved has PostgreSQL keep adjustments on the disk. Where it cannot write its log
// any more it ends itself: that is a server that is away.
func moved(t *testing.T, m *dbtest.KillableServer, disk string) {
	t.Helper()
	folder := filepath.Join(disk, "tablespace")
	err := os.Mkdir(folder, 0o700)
	if err == nil {
		err = m.Own(folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	db := dbtest.Connect(t, m.URL(), database.Options{})
	for _, s := range []string{
		"CREATE TABLESPACE small LOCATION '" + folder + "'",
		"ALTER TABLE adjustments SET TABLESPACE small", "ALTER INDEX adjustments_pkey SET TABLESPACE small",
	} {
		if err := db.Exec(s).Error; err != nil {
			t.Fatal(err)
		}
	}
}

// small mounts a file system of a few megabytes.
func small(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil { // for the user that PostgreSQL runs as
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=32m,mode=755"); err != nil {
		t.Fatalf("mount a small disk: %v: run this proof as root", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// filled leaves no byte free on the disk.
func filled(t *testing.T, disk string) (filler string) {
	t.Helper()
	filler = filepath.Join(disk, "filler")
	f, err := os.Create(filler)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; size /= 2 {
		for block := slices.Repeat([]byte{1}, size); err == nil; {
			_, err = f.Write(block)
		}
		err = nil
	}
	return filler
}
