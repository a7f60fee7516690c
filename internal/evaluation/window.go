package evaluation

import (
	"time"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
)

// stand is what the moves of the sheet depend on today: its period, the days
// that bar it, and the exceptions that lift them.
func (s Sheet) stand(period Period, granted []Exception, today day.Date) stand {
	at := stand{period: period, lock: s.lock()}
	leave := latest(granted, s)
	at.limit(window, period.windowBar(today), period.EntryUntil, leave, today)
	at.limit(due, s.dueBar(today), s.DueOn, leave, today)
	return at
}

// limit bars the moves of the limit, unless all that is wrong is that its last
// day has passed and an exception gives leave.
func (s *stand) limit(l limit, bar error, last *day.Date, leave *Exception, today day.Date) {
	if bar != nil && leave != nil && last != nil && today > *last {
		s.leave[l] = &leave.ID
		return
	}
	s.barred[l] = bar
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
	return fault.New(fault.Locked, code, message).Held(p.Calendar.Lock())
}

// dueBar says why a returned sheet is not corrected any more.
func (s Sheet) dueBar(today day.Date) error {
	if s.State != Returned || s.DueOn == nil || today <= *s.DueOn {
		return nil
	}
	return fault.New(fault.Locked, "due_passed", text.F(
		"退回的考评表应于 %s 前改正，期限已过：请向工作领导小组申请", "the returned sheet was due on %s: ask the leading group for an exception", *s.DueOn)).
		Held(fault.Lock{By: s.DecidedBy, Role: string(people.LeadingGroup), At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(people.LeadingGroup)})
}

// lock says who brought the sheet where it stands, and who can take it further.
func (s Sheet) lock() fault.Lock {
	switch s.State {
	case Submitted:
		return fault.Lock{By: s.EvaluatorCode, Role: string(s.Role), At: orZero(s.SubmittedAt), CanLift: string(people.LeadingGroup)}
	case Approved:
		return fault.Lock{By: s.DecidedBy, Role: string(people.LeadingGroup), At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(people.LeadingGroup)}
	case Returned:
		return fault.Lock{By: s.DecidedBy, Role: string(people.LeadingGroup), At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(s.Role)}
	}
	return fault.Lock{By: s.EvaluatorCode, Role: string(s.Role), At: s.CreatedAt, CanLift: string(s.Role)}
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
