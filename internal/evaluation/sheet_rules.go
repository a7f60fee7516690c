package evaluation

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
)

// during refuses outside the states of the period.
func (v viewer) during(period string, states ...PeriodState) error {
	p, there := v.periods[period]
	switch {
	case !there:
		return fault.Missing(periodNoun, period)
	case !slices.Contains(states, p.State):
		return p.locked()
	}
	return nil
}

func duringEntry(v *sheetReader, s Sheet) error { return v.during(s.PeriodCode, Open) }

func beforeLock(v *sheetReader, s Sheet) error { return v.during(s.PeriodCode, entering...) }

// inWindow refuses outside the entry window, unless an exception lifts its end.
func inWindow(v *sheetReader, s Sheet) error {
	if v.exceptionFor(s) != nil {
		return nil
	}
	switch p := v.periods[s.PeriodCode]; {
	case p.EntryFrom != nil && v.Today < *p.EntryFrom:
		return fault.Locked("window_not_begun", "填报自 %s 开始：请届时填写，或请工作领导小组调整日期",
			"entry begins on %s: come back then, or ask the leading group to change the day",
			*p.EntryFrom).Held(p.Calendar.Lock())
	case p.EntryUntil != nil && v.Today > *p.EntryUntil:
		return fault.Locked("window_over", "填报已于 %s 截止：如需补报，请向工作领导小组申请",
			"entry ended on %s: ask the leading group for an exception", *p.EntryUntil).Held(p.Calendar.Lock())
	}
	return nil
}

// inTime refuses the correction of a returned sheet after its last day, likewise.
func inTime(v *sheetReader, s Sheet) error {
	if v.exceptionFor(s) != nil || s.State != Returned || s.DueOn == nil || v.Today <= *s.DueOn {
		return nil
	}
	lock := s.lock()
	lock.CanLift = string(policy.LeadingGroup)
	return fault.Locked("due_passed", "退回的考评表应于 %s 前改正，期限已过：请向工作领导小组申请",
		"the returned sheet was due on %s: ask the leading group for an exception", *s.DueOn).Held(lock)
}

// exceptionFor returns the id of the exception by which the sheet is entered today; nil
// where it needs none or has none.
func (v *sheetReader) exceptionFor(s Sheet) *string {
	last := v.periods[s.PeriodCode].EntryUntil
	if s.State == Returned {
		last = s.DueOn
	}
	if e := longest(v.granted, s); e != nil && last != nil && v.Today > *last {
		return &e.ID
	}
	return nil
}

// longest returns the exception for the sheet that lasts longest; nil where none covers
// it.
func longest(granted []Exception, s Sheet) *Exception {
	var last *Exception
	for i, e := range granted {
		if e.covers(s) && (last == nil || e.Until > last.Until) {
			last = &granted[i]
		}
	}
	return last
}

// OverdueSheets returns a function that reports whether the day has passed by which something
// was to be done with a sheet of the period, while it can still be done.
func (p Period) OverdueSheets(ctx context.Context, db *gorm.DB, today day.Date) (func(Sheet) bool, error) {
	granted, err := inForce(ctx, db, p.TownID, today)
	passed := func(last *day.Date) bool { return last != nil && today > *last }
	return func(s Sheet) bool {
		switch {
		case p.State != Open && p.State != Review:
			return false
		case s.State == Draft:
			return passed(p.EntryUntil) && longest(granted, s) == nil
		case s.State == Returned:
			return passed(s.DueOn) && longest(granted, s) == nil
		}
		return s.State == Submitted && passed(p.ReviewUntil)
	}, err
}

// DueDays returns a function that returns the last day on which a sheet of the period that is
// not submitted can be, exceptions included; nil where there is none.
func (p Period) DueDays(ctx context.Context, db *gorm.DB, today day.Date) (func(Sheet) *day.Date, error) {
	granted, err := inForce(ctx, db, p.TownID, today)
	return func(s Sheet) *day.Date {
		last := p.EntryUntil
		if s.State == Returned {
			last = s.DueOn
		}
		if e := longest(granted, s); e != nil && last != nil && e.Until > *last {
			last = &e.Until
		}
		return last
	}, err
}

func (v viewer) wrote(s Sheet) bool { return v.Person != "" && v.Person == s.EvaluatorCode }

// author lets only the evaluator of a sheet write and send it.
func author(v *sheetReader, s Sheet) error {
	if !v.wrote(s) {
		return fault.Forbidden("not_your_sheet", "只能修改自己填写的考评表", "only the evaluator who began a sheet can change it")
	}
	return nil
}

// notOwn keeps people from deciding on their own sheets.
func notOwn(v *sheetReader, s Sheet) error {
	if v.wrote(s) {
		return fault.Forbidden("own_sheet", "不能审批自己填写的考评表", "nobody decides on his or her own sheet")
	}
	return nil
}

// tied refuses who is not tied to the branch today: a duty may have ended since the
// sheet was begun.
func tied(v *sheetReader, s Sheet) error { return v.Reach.Refuse(s.BranchCode) }

// unled refuses to rate who led the branch on any day since the period began. A secretary
// reports its own values, which is no judgement.
func unled(v *sheetReader, s Sheet) error {
	if v.Ties.Led(s.BranchCode, v.periods[s.PeriodCode].StartsOn, v.Today) {
		return fault.Forbidden("conflict_of_interest", "您在考评周期开始以来曾在该党组织任职，不能考评该党组织",
			"nobody evaluates a branch that he or she leads or has led since the period began")
	}
	return nil
}

// unbiased refuses to decide who had any tie to the branch since the period began.
func unbiased(v *sheetReader, s Sheet) error { return v.refuseTied(s.BranchCode, s.PeriodCode) }

// refuseTied keeps people from deciding about a branch to which they had a tie on any day
// since the period began. That it has ended does not matter.
func (v viewer) refuseTied(branch, period string) error {
	return v.RefuseTied(branch, v.periods[period].StartsOn)
}

// living refuses to write about a branch that ended with the period. What was entered can
// be sent, not changed.
func living(v *sheetReader, s Sheet) error { return v.gone[[2]string{s.PeriodCode, s.BranchCode}] }

// frozen refuses to write a sheet in a state in which nobody writes it.
func (v *sheetReader) frozen(s Sheet) error {
	return fault.Conflict("sheet_"+string(s.State), "考评表处于“%s”状态，不能修改：请先撤回，或由工作领导小组退回",
		"the sheet is %s: withdraw it, or have the leading group return it, before you change it",
		s.State.Title()).Held(s.lock())
}

// refuseDueOn refuses a day for the correction of a sheet that is not returned, and one
// in the past.
func (d SheetDecision) refuseDueOn(today day.Date) error {
	if d.DueOn != nil && (d.To != Returned || *d.DueOn < today) {
		return fault.Broken(fault.Field("/due_on", "due_on_refused",
			"仅退回时可设改正期限，且不得早于今天", "only a returned sheet has a day to be corrected, and not one in the past"))
	}
	return nil
}
