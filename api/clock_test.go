package api

import (
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
)

// wallClock stands where a test sets it, in Shanghai, and moves on by a microsecond
// at each look, so that no two deeds coincide.
type wallClock struct {
	mu sync.Mutex
	at time.Time
}

// set puts the clock to a time such as 2026-04-15 23:59:59.
func (c *wallClock) set(t testing.TB, s string) {
	t.Helper()
	at, err := time.ParseInLocation(time.DateTime, s, day.Zone)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	c.at = at.UTC()
	c.mu.Unlock()
}

// add puts the clock forward.
func (c *wallClock) add(d time.Duration) {
	c.mu.Lock()
	c.at = c.at.Add(d)
	c.mu.Unlock()
}

func (c *wallClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(time.Microsecond)
	return c.at
}

// newHarnessAt is a harness whose service and database look at the clock.
func newHarnessAt(t testing.TB, db *gorm.DB, start string) (*harness, *wallClock) {
	t.Helper()
	c := &wallClock{}
	c.set(t, start)
	h := newHarness(t, db.Session(&gorm.Session{NewDB: true, NowFunc: c.now}))
	h.server.Now = c.now
	return h, c
}

// noon puts the clock to the middle of a day in Shanghai.
func (c *wallClock) noon(t testing.TB, on day.Date) { t.Helper(); c.set(t, string(on)+" 12:00:00") }

// inZone makes the process believe that it runs elsewhere until the test ends: that
// of both databases.
func inZone(t *testing.T, name string) {
	t.Helper()
	if slices.Contains(dbtest.Dialects, path.Base(t.Name())) {
		t.Fatal("call inZone before dbtest.Each: the test of the other database runs at the same time")
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = before })
}
