package improve

import (
	"slices"
	"testing"

	"bulwark/internal/day"
)

// pointers are where the settings are wrong.
func pointers(change func(*Settings)) []string {
	s := Defaults()
	change(&s)
	at := []string{}
	for _, f := range s.check() {
		at = append(at, f.Pointer+" "+f.Code)
	}
	return at
}

// Each interval has its bounds, which are in order themselves.
func TestTheBoundsOfIntervals(t *testing.T) {
	for _, c := range []struct {
		name        string
		field       func(*Settings) *int64
		least, most int64
	}{
		{"visit_every_days", func(s *Settings) *int64 { return &s.VisitEvery }, 1, 366},
		{"report_every_days", func(s *Settings) *int64 { return &s.ReportEvery }, 1, 366},
		{"analyse_in_workdays", func(s *Settings) *int64 { return &s.AnalyseIn }, 1, 250},
		{"plan_in_workdays", func(s *Settings) *int64 { return &s.PlanIn }, 1, 250},
		{"relapse_periods", func(s *Settings) *int64 { return &s.RelapsePeriods }, 1, 40},
		{"warn_before_days", func(s *Settings) *int64 { return &s.WarnBefore }, 0, 60},
	} {
		for value, wrong := range map[int64]bool{c.least - 1: true, c.least: false, c.most: false, c.most + 1: true} {
			want := []string{}
			if wrong {
				want = append(want, "/settings/"+c.name+" out_of_range")
			}
			if got := pointers(func(s *Settings) { *c.field(s) = value }); !slices.Equal(got, want) {
				t.Errorf("%s of %d: %q, want %q", c.name, value, got, want)
			}
		}
	}
}

// A day off or worked is named once, where it changes something.
func TestTheDaysOfTheCalendar(t *testing.T) {
	for _, c := range []struct {
		holidays, workdays []day.Date
		want               []string
	}{
		// a Saturday and a Sunday
		{[]day.Date{"2026-10-01", "2026-10-02"}, []day.Date{"2026-10-10", "2026-10-11"}, []string{}},
		{[]day.Date{"2026-10-10"}, nil, []string{}},
		{[]day.Date{"2026-10-01", "2026-10-01"}, nil, []string{"/settings/holidays/1 repeated"}},
		{[]day.Date{""}, nil, []string{"/settings/holidays/0 required"}},
		{nil, []day.Date{""}, []string{"/settings/workdays/0 required"}},
		{[]day.Date{"2026-10-10"}, []day.Date{"2026-10-10"}, []string{"/settings/holidays/0 off_and_worked"}},
		{nil, []day.Date{"2026-10-11", "2026-10-11"}, []string{"/settings/workdays/1 repeated"}},
		// Friday, Monday
		{
			nil,
			[]day.Date{"2026-10-09", "2026-10-12"},
			[]string{"/settings/workdays/0 worked_anyway", "/settings/workdays/1 worked_anyway"},
		},
	} {
		if got := pointers(func(s *Settings) { s.Holidays, s.Workdays = c.holidays, c.workdays }); !slices.Equal(got, c.want) {
			t.Errorf("off %v, worked %v: %q, want %q", c.holidays, c.workdays, got, c.want)
		}
	}
}
