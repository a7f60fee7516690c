package improve

import (
	"fmt"
	"slices"
	"time"

	"bulwark/internal/day"
	"bulwark/internal/fault"
)

// Works reports whether the town works on the day: Monday to Friday but for its
// holidays, and the weekend days that it works instead (调休).
func (s Settings) Works(d day.Date) bool {
	if slices.Contains(s.Workdays, d) {
		return true
	}
	w := d.Start().Weekday()
	return w != time.Saturday && w != time.Sunday && !slices.Contains(s.Holidays, d)
}

// DueAfterWorkdays returns the n-th workday after the day: the day itself does not
// count. Without any work in a year it returns the calendar day a year later.
func (s Settings) DueAfterWorkdays(from day.Date, n int64) day.Date {
	due := from
	for free := 0; n > 0 && free < 366; {
		due = due.AddDays(1)
		if s.Works(due) {
			n, free = n-1, 0
		} else {
			free++
		}
	}
	return due
}

// DueAfterDays returns the day n calendar days later, or the first workday from then
// on: what is due on a holiday may be done on the day after it.
func (s Settings) DueAfterDays(from day.Date, n int64) day.Date {
	due := from.AddDays(int(n))
	for free := 0; !s.Works(due) && free < 366; free++ {
		due = due.AddDays(1)
	}
	return due
}

// ItemDue returns the day by which an item of a plan is due where nobody has set one: when
// the next report about it would be.
func (s Settings) ItemDue(from day.Date) day.Date { return s.DueAfterDays(from, s.ReportEvery) }

// Overdue reports whether the due day has passed on the day: it is the last one on
// which the thing is in time.
func Overdue(due, today day.Date) bool { return due != "" && due < today }

// PastDay returns the fault of a due day in the past.
func PastDay(at string) fault.FieldError {
	return fault.Field(at, "in_the_past", "期限不能早于今天", "the due day cannot lie in the past")
}

// checkCalendar refuses a day that is both off and worked, or that is named where
// it changes nothing, which is a mistake.
func (s Settings) checkCalendar() (faults []fault.FieldError) {
	for i, d := range s.Holidays {
		at := fmt.Sprintf("/settings/holidays/%d", i)
		switch {
		case d == "":
			faults = append(faults, fault.Field(at, "required", "请填写日期", "give a day"))
		case slices.Contains(s.Workdays, d):
			faults = append(faults, fault.Field(at, "off_and_worked", "%s 既是假日又是工作日", "%s is both a holiday and a workday", d))
		case slices.Contains(s.Holidays[:i], d):
			faults = append(faults, fault.Field(at, "repeated", "%s 重复", "%s is listed twice", d))
		}
	}
	for i, d := range s.Workdays {
		at := fmt.Sprintf("/settings/workdays/%d", i)
		switch {
		case d == "":
			faults = append(faults, fault.Field(at, "required", "请填写日期", "give a day"))
		case !isWeekend(d):
			faults = append(faults, fault.Field(at, "worked_anyway", "%s 不是周末，本来就是工作日",
				"%s is not on a weekend: it is a workday already", d))
		case slices.Contains(s.Workdays[:i], d):
			faults = append(faults, fault.Field(at, "repeated", "%s 重复", "%s is listed twice", d))
		}
	}
	return faults
}

func isWeekend(d day.Date) bool {
	w := d.Start().Weekday()
	return w == time.Saturday || w == time.Sunday
}
