// Package day holds calendar days in Asia/Shanghai. A day is text YYYY-MM-DD in
// JSON, in both databases and in memory, so that it compares with < as the
// calendar does and no time zone can shift it.
package day

import (
	"fmt"
	"time"
	_ "time/tzdata" // the zone must be there on a machine without zone files
)

// Date is one day, YYYY-MM-DD; the zero value is no day.
type Date string

// Earliest and Latest are the beginning and the end of time.
const (
	Earliest Date = "0001-01-01"
	Latest   Date = "9999-12-31"
)

// Zone is where days begin and end: Asia/Shanghai.
var Zone = zone()

func zone() *time.Location {
	z, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		return time.FixedZone("Asia/Shanghai", 8*60*60) // the same since 1991
	}
	return z
}

// Parse returns the day that YYYY-MM-DD names; an error for one that no calendar has.
func Parse(s string) (Date, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1 {
		return "", fmt.Errorf("%q is not a day: write YYYY-MM-DD", s)
	}
	return Date(s), nil
}

// Of returns the day on which the instant falls in Asia/Shanghai.
func Of(t time.Time) Date { return Date(t.In(Zone).Format(time.DateOnly)) }

// Start returns the first instant of the day in Asia/Shanghai; d must be valid.
func (d Date) Start() time.Time {
	t, _ := time.ParseInLocation(time.DateOnly, string(d), Zone)
	return t
}

// AddDays returns the day n days later (earlier where n is negative).
func (d Date) AddDays(n int) Date { return Of(d.Start().AddDate(0, 0, n)) }

// DaysUntil returns how many days later the other day is; below 0 where it is earlier.
func (d Date) DaysUntil(other Date) int {
	const hours = 24 // of a day of Asia/Shanghai, always
	return int(other.Start().Sub(d.Start()).Round(time.Hour).Hours()) / hours
}

// Span is a day or an instant, as a filter takes either; the zero value is none.
type Span struct{ From, Until time.Time } // Until is not included

// UnmarshalText sets the span from YYYY-MM-DD or from an instant of RFC 3339, which is a
// span of one microsecond: the databases keep no more.
func (s *Span) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*s = Span{}
		return nil
	}
	if at, err := time.Parse(time.RFC3339Nano, string(b)); err == nil {
		at = at.UTC().Truncate(time.Microsecond)
		*s = Span{at, at.Add(time.Microsecond)}
		return nil
	}
	d, err := Parse(string(b))
	if err != nil {
		return fmt.Errorf("%q is neither a day nor an instant: write YYYY-MM-DD or YYYY-MM-DDThh:mm:ssZ", b)
	}
	*s = Span{d.Start().UTC(), d.AddDays(1).Start().UTC()}
	return nil
}

// UnmarshalText sets the day from its JSON form; the empty text is no day.
func (d *Date) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*d = ""
		return nil
	}
	parsed, err := Parse(string(b))
	*d = parsed
	return err
}
