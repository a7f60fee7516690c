package evaluation

import (
	"slices"
	"time"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
)

// during refuses outside the states of the period.
func during(states ...PeriodState) sheetRule {
	return func(v *sheetReader, s Sheet) error {
		p, there := v.periods[s.PeriodCode]
		switch {
		case !there:
			return fault.Missing(periodNoun, s.PeriodCode)
		case !slices.Contains(states, p.State):
			return p.locked()
		}
		return nil
	}
}

// inWindow refuses outside the entry window, unless an exception lifts its end.
func inWindow(v *sheetReader, s Sheet) error {
	if v.leave(s) != nil {
		return nil
	}
	return v.periods[s.PeriodCode].windowBar(v.today)
}

// inTime refuses the correction of a returned sheet after its last day, likewise.
func inTime(v *sheetReader, s Sheet) error {
	if v.leave(s) != nil {
		return nil
	}
	return s.dueBar(v.today)
}

// leave is the exception by which the sheet is entered today; nil where it needs none
// or has none.
func (v *sheetReader) leave(s Sheet) *string {
	last := v.periods[s.PeriodCode].EntryUntil
	if s.State == Returned {
		last = s.DueOn
	}
	if e := latest(v.granted, s); e != nil && last != nil && v.today > *last {
		return &e.ID
	}
	return nil
}

// latest is the exception for the sheet that lasts longest; nil where none covers
// it.
func latest(granted []Exception, s Sheet) *Exception {
	var last *Exception
	for i, e := range granted {
		if e.covers(s) && (last == nil || e.Until > last.Until) {
			last = &granted[i]
		}
	}
	return last
}

// windowBar says why sheets are not entered today; nil where they are.
func (p Period) windowBar(today day.Date) error {
	switch {
	case p.EntryFrom != nil && today < *p.EntryFrom:
		return p.outside("window_not_begun", text.F(
			"填报自 %s 开始：请届时填写，或请工作领导小组调整日期", "entry begins on %s: come back then, or ask the leading group to change the day", *p.EntryFrom))
	case p.EntryUntil != nil && today > *p.EntryUntil:
		return p.outside("window_over", text.F(
			"填报已于 %s 截止：如需补报，请向工作领导小组申请", "entry ended on %s: ask the leading group for an exception", *p.EntryUntil))
	}
	return nil
}

func (p Period) outside(code string, message text.Text) error {
	return fault.New(fault.KindLocked, code, message).Held(p.Calendar.Lock())
}

// dueBar says why a returned sheet is not corrected any more.
func (s Sheet) dueBar(today day.Date) error {
	if s.State != Returned || s.DueOn == nil || today <= *s.DueOn {
		return nil
	}
	return fault.Locked("due_passed",
		"退回的考评表应于 %s 前改正，期限已过：请向工作领导小组申请", "the returned sheet was due on %s: ask the leading group for an exception", *s.DueOn).
		Held(fault.Lock{By: s.DecidedBy, Role: string(access.LeadingGroup), At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(access.LeadingGroup)})
}

// lock says who brought the sheet where it stands, and who can take it further.
func (s Sheet) lock() fault.Lock {
	switch s.State {
	case Submitted:
		return fault.Lock{By: s.EvaluatorCode, Role: string(s.Role), At: orZero(s.SubmittedAt), CanLift: string(access.LeadingGroup)}
	case Approved:
		return fault.Lock{By: s.DecidedBy, Role: string(access.LeadingGroup), At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(access.LeadingGroup)}
	case Returned:
		return fault.Lock{By: s.DecidedBy, Role: string(access.LeadingGroup), At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(s.Role)}
	}
	return fault.Lock{By: s.EvaluatorCode, Role: string(s.Role), At: s.CreatedAt, CanLift: string(s.Role)}
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
