package jobs_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database/dbtest"
	"bulwark/internal/jobs"
	"bulwark/internal/rest"
)

// Answers that are kept for retries end after their time, but not because somebody moves
// the clock, forward or back, while the service runs or stands still.
func TestAMovedClockWipesNoKeptAnswers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		var log bytes.Buffer
		r := jobs.New(db, slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return clock }, 48*time.Hour)
		db.NowFunc = r.Now
		keep := func(key string) {
			t.Helper()
			err := db.Create(&rest.StoredResponse{
				Credential: "bw_1", Key: key, Fingerprint: strings.Repeat("0", 64), Status: 200, CreatedAt: clock,
			}).Error
			if err != nil {
				t.Fatal(err)
			}
		}
		kept := func(want ...string) {
			t.Helper()
			r.Cleanup(t.Context())
			var keys []string
			if err := db.Model(&rest.StoredResponse{}).Order("key").Pluck("key", &keys).Error; err != nil ||
				!slices.Equal(keys, want) {
				t.Errorf("at %v: %v are kept, want %v; %v", clock, keys, want, err)
			}
		}
		passes := func(d time.Duration) {
			for end := clock.Add(d); clock.Before(end); {
				clock = clock.Add(30 * time.Minute)
				r.Cleanup(t.Context())
			}
		}
		kept()
		keep("a")
		passes(24 * time.Hour)
		keep("b")
		kept("a", "b")
		clock = clock.AddDate(1, 0, 0) // somebody moves it
		kept("a", "b")
		passes(12 * time.Hour)
		keep("c")
		kept("a", "b", "c")
		clock = clock.AddDate(-1, 0, 0) // and back
		kept("a", "b", "c")
		passes(13 * time.Hour)
		kept("b", "c")
		passes(24 * time.Hour)
		kept("c")
		passes(24 * time.Hour)
		kept()
		if n := strings.Count(log.String(), "the clock was moved"); n != 2 {
			t.Errorf("%d times said: %s", n, log.String())
		}
	})
}

// What was done last is stored, with the last success apart.
func TestLastMaintenance(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *gorm.DB) {
		clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		db.NowFunc = func() time.Time { return clock }
		for i, failure := range []error{nil, errors.New("no space"), nil} {
			clock = clock.Add(time.Hour)
			if err := jobs.Record(t.Context(), db, jobs.BackupTask, failure); err != nil {
				t.Fatal(err)
			}
			last, err := jobs.LastMaintenance(t.Context(), db)
			m := last[jobs.BackupTask]
			got := fmt.Sprintf("%d %d %v %s %d", len(last), m.At.Hour(), m.OK(), m.Detail, m.SucceededAt.Hour())
			if want := []string{"1 1 true 1", "1 2 false no space 1", "1 3 true 3"}[i]; err != nil ||
				strings.Join(strings.Fields(got), " ") != want {
				t.Errorf("%s, want %s; %v", got, want, err)
			}
		}
	})
}
