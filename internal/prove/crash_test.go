//go:build prove && linux

package prove

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
)

var (
	kills   = flag.Int("kills", 10, "how often a server is killed in each proof of crashes")
	retries = flag.Int64("retries", 1000, "how many requests sent again must be answered, at least, in each proof of crashes")
)

// crash is a service under work whose processes are killed.
type crash struct {
	*program
	crowd    *crowd
	database *dbtest.KillableServer // nil: SQLite, which dies with the program
}

// crashed is a service on a seeded demo, and people who work on it.
func crashed(t *testing.T, dialect string, keyed bool, settings ...string) *crash {
	t.Helper()
	c := &crash{}
	var url string
	if dialect == database.SQLite {
		url = dbtest.URL(t, dialect)
	} else {
		c.database = dbtest.NewKillableServer(t, settings...)
		url = c.database.URL()
	}
	secret := seeded(t, url)
	c.program = run(t, url)
	c.crowd = gathered(t, c.program, secret, keyed)
	return c
}

// strike kills a server at a random moment, and starts it again: every fifth time
// the one of the database, where it has one.
func (c *crash) strike(t *testing.T, i int, always bool) {
	t.Helper()
	c.crowd.busy(10)
	time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
	if c.database != nil && (always || i%5 == 4) {
		if err := c.database.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := c.database.Start(); err != nil {
			t.Fatal(err)
		}
		return
	}
	c.kill()
	c.start()
}

// Whatever is acknowledged while servers are killed is there exactly once, with
// one audit record, and so is nothing else.
func TestNothingIsLostOrDoubled(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			c := crashed(t, dialect, true)
			for i := range *kills {
				c.strike(t, i, false)
			}
			c.crowd.disperse(*retries)
			found := c.tally(t)
			t.Logf("%d kills: %v", *kills, found)
			if found.lost+found.doubled+found.unasked+found.wrong+found.unrecorded+found.broken > 0 || found.changed > 0 || found.kept != found.acknowledged {
				t.Error("the proof failed")
			}
		})
	}
}

// The control: requests without a key that are sent again are done again.
func TestWithoutKeysThingsAreDoubled(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			c := crashed(t, dialect, false)
			c.strike(t, 0, false)
			c.crowd.disperse(100)
			found := c.tally(t)
			t.Log(found)
			if found.lost > 0 || found.doubled == 0 {
				t.Error("the proof would not see what is doubled")
			}
		})
	}
}

// The control: a database that acknowledges before it has written loses what was
// acknowledged.
func TestALateCommitIsLost(t *testing.T) {
	c := crashed(t, database.PostgreSQL, true, "synchronous_commit=off", "wal_writer_delay=10s")
	for i := range 3 {
		c.strike(t, i, true)
	}
	c.crowd.disperse(100)
	found := c.tally(t)
	t.Log(found)
	if found.lost == 0 {
		t.Error("the proof would not see what is lost")
	}
}
