package api

import (
	"sync"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/day"
)

<<<<<<< HEAD
// wallClock stands where a test sets it, in Shanghai, and moves on by a microsecond
// at each look, so that no two deeds coincide.
type wallClock struct {
=======
// clock is the time of a harness; it stands still until it is set.
type clock struct {
>>>>>>> 89a3c50 (Close the entry window by day, let exceptions open it, keep every decision, and decide on many sheets at once)
	mu sync.Mutex
	at time.Time
}

<<<<<<< HEAD
// set puts the clock to a time such as 2026-04-15 23:59:59.
func (c *wallClock) set(t testing.TB, s string) {
	t.Helper()
	at, err := time.ParseInLocation(time.DateTime, s, day.Zone)
=======
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// set takes the clock to a time of day in Asia/Shanghai.
func (c *clock) set(t testing.TB, on day.Date, timeOfDay string) {
	t.Helper()
	at, err := time.ParseInLocation("2006-01-02 15:04:05.999999", string(on)+" "+timeOfDay, day.Zone)
>>>>>>> 89a3c50 (Close the entry window by day, let exceptions open it, keep every decision, and decide on many sheets at once)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
<<<<<<< HEAD
	c.at = at.UTC()
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
=======
	defer c.mu.Unlock()
	c.at = at.UTC()
}

// noon takes the clock to the middle of a day.
func (c *clock) noon(t testing.TB, on day.Date) { t.Helper(); c.set(t, on, "12:00:00") }

// timed is a harness whose rooms go by the clock.
func timed(t testing.TB, db *gorm.DB, on day.Date) (*harness, *clock) {
	t.Helper()
	c := &clock{}
	c.noon(t, on)
	return newHarness(t, db.Session(&gorm.Session{NewDB: true, NowFunc: c.now})), c
}

// inZone makes the process believe that it runs elsewhere until the test ends.
func inZone(t *testing.T, name string) {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = before })
>>>>>>> 89a3c50 (Close the entry window by day, let exceptions open it, keep every decision, and decide on many sheets at once)
}
