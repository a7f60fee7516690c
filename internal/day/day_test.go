package day

import (
	"testing"
	"time"
)

func TestOfTurnsAtMidnightInShanghai(t *testing.T) {
	for _, c := range []struct {
		utc  string
		want Date
	}{
		{"2023-06-30T15:59:59Z", "2023-06-30"},
		{"2023-06-30T16:00:00Z", "2023-07-01"},
	} {
		at, err := time.Parse(time.RFC3339, c.utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := Of(at); got != c.want {
			t.Errorf("Of(%s) = %s, want %s", c.utc, got, c.want)
		}
		if got := Of(c.want.Start()); got != c.want {
			t.Errorf("Of(%s.Start()) = %s", c.want, got)
		}
	}
}

func TestParseRefusesWhatNoCalendarHas(t *testing.T) {
	for _, s := range []string{
		"2023-02-29", "2023-2-1", "20230201", "2023-13-01", "0000-01-01", "2023-01-01T00:00:00Z", "",
	} {
		if d, err := Parse(s); err == nil {
			t.Errorf("Parse(%q) = %q, want an error", s, d)
		}
	}
	if d, err := Parse("2024-02-29"); err != nil || d != "2024-02-29" {
		t.Errorf("Parse of a leap day = %q, %v", d, err)
	}
}

func TestAddDaysCrossesMonths(t *testing.T) {
	if got := Date("2023-02-27").AddDays(2); got != "2023-03-01" {
		t.Errorf("AddDays = %s", got)
	}
}
