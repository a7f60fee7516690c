package audit_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/database/dbtest"
	"bulwark/internal/day"
)

// Days begin and end at midnight in Shanghai, and both ends are included.
func TestTheTrailOfDays(t *testing.T) {
	for _, dialect := range dbtest.Dialects {
		t.Run(dialect, func(t *testing.T) {
			now := time.Date(2023, 7, 1, 15, 59, 59, 999999000, time.UTC) // a moment before 2 July
			db := dbtest.Connect(t, dbtest.URL(t, dialect), database.Options{Now: func() time.Time { return now }})
			for range 3 {
				if err := database.InTx(t.Context(), db,
					func(tx *gorm.DB) error { return write(t.Context(), tx, "x", "a") }); err != nil {
					t.Fatal(err)
				}
				now = now.Add(24 * time.Hour)
			}
			for _, tt := range []struct{ from, until, want string }{
				{"", "", "[3 2 1]"},
				{"2023-07-01", "2023-07-01", "[1]"},
				{"2023-07-02", "", "[3 2]"},
				{"", "2023-07-02", "[2 1]"},
				{"2023-07-03", "2023-07-03", "[3]"},
				{"2023-07-04", "", "[]"},
				{"", "2023-06-30", "[]"},
				{"2023-07-01T15:59:59.999999Z", "2023-07-01T15:59:59.999999Z", "[1]"},
				{"2023-07-01T15:59:59.9999995Z", "2023-07-02T15:59:59.999999Z", "[2 1]"}, // cut to what is stored
				{"2023-07-02T00:00:00+08:00", "2023-07-02T23:59:59.999998+08:00", "[]"},
			} {
				var from, until day.Span
				if err := errors.Join(from.UnmarshalText([]byte(tt.from)), until.UnmarshalText([]byte(tt.until))); err != nil {
					t.Fatal(err)
				}
				records, err := audit.List(t.Context(), db, "x",
					audit.Filter{From: from.From, Until: until.Until, Limit: 10})
				if err != nil {
					t.Fatal(err)
				}
				got := []int64{}
				for _, r := range records {
					got = append(got, r.Sequence)
				}
				if fmt.Sprint(got) != tt.want {
					t.Errorf("%s to %s: %v, want %s", tt.from, tt.until, got, tt.want)
				}
			}
		})
	}
}
