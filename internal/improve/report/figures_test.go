package report

import (
	"slices"
	"testing"

	"bulwark/internal/day"
	"bulwark/internal/improve"
)

// A visit that is not made counts once on each due day, and one that is made begins
// a new count.
func TestMissedVisits(t *testing.T) {
	s := improve.Defaults()
	s.VisitEvery = 7
	for _, c := range []struct {
		visits []day.Date
		last   day.Date // Monday 2026-01-05 is the first day
		want   []day.Date
	}{
		{nil, "2026-01-12", nil},
		{nil, "2026-01-13", []day.Date{"2026-01-12"}},
		{nil, "2026-01-26", []day.Date{"2026-01-12", "2026-01-19"}},
		{[]day.Date{"2026-01-12"}, "2026-01-19", nil},                                    // on the due day
		{[]day.Date{"2026-01-13"}, "2026-01-20", []day.Date{"2026-01-12"}},               // a day late
		{[]day.Date{"2026-01-09"}, "2026-01-20", []day.Date{"2026-01-16"}},               // early
		{[]day.Date{"2026-01-05", "2026-01-10"}, "2026-01-20", []day.Date{"2026-01-19"}}, // 01-17 is a Saturday
		{[]day.Date{"2026-01-08", "2026-01-08", "2026-01-14"}, "2026-01-21", nil},
	} {
		if got := missed(s, "2026-01-05", c.visits, c.last); !slices.Equal(got, c.want) {
			t.Errorf("%v until %s: %v, want %v", c.visits, c.last, got, c.want)
		}
	}
}
