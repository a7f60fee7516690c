package improve

import (
	"testing"

	"bulwark/internal/day"
)

// 2023-09-29 (Friday) to 10-06 were days off in this calendar, the Saturdays 10-07
// and the Sunday 10-08 worked instead.
func autumn() Settings {
	s := Defaults()
	s.Holidays = []day.Date{"2023-09-29", "2023-10-02", "2023-10-03", "2023-10-04", "2023-10-05", "2023-10-06"}
	s.Workdays = []day.Date{"2023-10-07", "2023-10-08"}
	return s
}

func TestDueAfterWorkdays(t *testing.T) {
	for _, c := range []struct {
		from day.Date
		n    int64
		want day.Date
	}{
		{"2023-09-11", 1, "2023-09-12"}, // Monday
		{"2023-09-15", 1, "2023-09-18"}, // Friday: over the weekend
		{"2023-09-16", 1, "2023-09-18"}, // from a Saturday
		{"2023-09-11", 5, "2023-09-18"},
		{"2023-09-28", 1, "2023-10-07"}, // over the holidays to a Saturday that is worked
		{"2023-09-28", 3, "2023-10-09"},
		{"2023-09-28", 0, "2023-09-28"},
		{"2024-02-28", 2, "2024-03-01"}, // a leap day counts
	} {
		if got := autumn().DueAfterWorkdays(c.from, c.n); got != c.want {
			t.Errorf("%d workdays after %s: %s, want %s", c.n, c.from, got, c.want)
		}
	}
}

func TestDueAfterDays(t *testing.T) {
	for _, c := range []struct {
		from day.Date
		n    int64
		want day.Date
	}{
		{"2023-09-11", 7, "2023-09-18"},
		{"2023-09-11", 5, "2023-09-18"},  // a Saturday waits for Monday
		{"2023-09-11", 18, "2023-10-07"}, // 09-29, the first day off, waits for the end of the holidays
		{"2023-09-11", 27, "2023-10-08"}, // a Sunday that is worked
		{"2023-12-30", 2, "2024-01-01"},
	} {
		if got := autumn().DueAfterDays(c.from, c.n); got != c.want {
			t.Errorf("%d days after %s: %s, want %s", c.n, c.from, got, c.want)
		}
	}
}

// A town that never works still gets an answer.
func TestDueInATownWithoutWorkdays(t *testing.T) {
	s := Defaults()
	for d := day.Date("2023-01-01"); d < "2025-01-01"; d = d.AddDays(1) {
		s.Holidays = append(s.Holidays, d)
	}
	if got := s.DueAfterWorkdays("2023-01-02", 3); got != "2024-01-03" {
		t.Errorf("got %s", got)
	}
	if got := s.DueAfterDays("2023-01-02", 3); got <= "2023-01-05" {
		t.Errorf("got %s", got)
	}
}

// The due day itself is in time.
func TestOverdue(t *testing.T) {
	for today, want := range map[day.Date]bool{"2023-09-10": false, "2023-09-11": false, "2023-09-12": true} {
		if got := Overdue("2023-09-11", today); got != want {
			t.Errorf("on %s: %v", today, got)
		}
	}
	if Overdue("", "2023-09-12") {
		t.Error("what has no due day is overdue")
	}
}
