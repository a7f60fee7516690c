package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// mostReportDays is the longest span of one report.
const mostReportDays = 366

// DraftFigures gives the figures of a report that the caller would write now about
// the span. Nothing is stored.
func DraftFigures(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (ReportFigures, error) {
	f, err := refusedFigures(ctx, db, townID, from, until)
	if err != nil {
		return ReportFigures{}, err
	}
	return *f, nil
}

// refusedFigures are the figures of a span about which the caller may report: it is
// in order, over or not, and he or she was paired with a branch in it.
func refusedFigures(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (*ReportFigures, error) {
	switch {
	case until < from:
		return nil, fault.Broken(fault.Field("/until", "before_from", "截止日期不能早于起始日期", "until lies before from"))
	case until > day.Of(db.NowFunc()):
		return nil, fault.Broken(fault.Field("/until", "in_the_future", "截止日期不能晚于今天", "a report ends today at the latest"))
	case until >= from.AddDays(mostReportDays):
		return nil, fault.Broken(fault.Field("/until", "too_long", "一份汇报最长 %d 天", "a report is about %d days at most", mostReportDays))
	}
	f, err := figuresOf(ctx, db, townID, access.Caller(ctx).Person, from, until)
	if err == nil && len(f.Branches) == 0 {
		err = fault.Broken(fault.Field("/from", "not_paired", "您在此期间没有挂钩结对的党组织", "you were paired with no branch in these days"))
	}
	return f, err
}

// BeginReport enters a draft of the caller's own report.
func BeginReport(ctx context.Context, db *gorm.DB, townID string, from, until day.Date, w ReportWords) (Report, error) {
	r := Report{
		TownID: townID, ID: database.NewID(), AuthorCode: access.Caller(ctx).Person, FromOn: from, UntilOn: until, State: ReportDraft,
		ReportWords: w, Versioned: database.Versioned{Version: 1},
	}
	err := database.InTx(ctx, db, func(tx *gorm.DB) (err error) {
		if _, err := refusedFigures(ctx, tx, townID, from, until); err != nil {
			return err
		}
		if err := r.refuseOverlap(ctx, tx); err != nil {
			return err
		}
		if err := tx.Create(&r).Error; err != nil {
			return err
		}
		if r, err = FindReport(ctx, tx, townID, r.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "report.begin", Subject: "reports/" + r.ID, After: r.told()})
	})
	return r, err
}

// WriteReport replaces the span and the words of the caller's own draft.
func WriteReport(ctx context.Context, db *gorm.DB, townID, id string, version int64, from, until day.Date, w ReportWords) (Report, error) {
	return changeReport(ctx, db, townID, id, version, func(tx *gorm.DB, v reporter, r Report) (string, map[string]any, error) {
		mv, ok := reportMoves.Stay("write", r.State)
		if !ok {
			return "", nil, workflow.Conflict(r.stand(), "report_submitted", text.F("汇报已提交，不能再修改：请在下一份中说明", "the report is submitted and stays as it is: tell it in the next one"))
		}
		if err := mv.Refuse(v.Principal, r.stand(), ""); err != nil {
			return "", nil, err
		}
		if _, err := refusedFigures(ctx, tx, townID, from, until); err != nil {
			return "", nil, err
		}
		r.FromOn, r.UntilOn = from, until
		err := r.refuseOverlap(ctx, tx)
		return mv.Verb, map[string]any{"from_on": from, "until_on": until, "progress": w.Progress, "difficulties": w.Difficulties, "next": w.Next}, err
	})
}

// MoveReport submits the caller's own draft with the figures as they stand now, or
// receives another's report for the leading group with a remark.
func MoveReport(ctx context.Context, db *gorm.DB, townID, id string, version int64, to ReportState, remark string) (Report, error) {
	return changeReport(ctx, db, townID, id, version, func(tx *gorm.DB, v reporter, r Report) (string, map[string]any, error) {
		mv, err := reportMoves.Find(v.Principal, r.State, to, r.stand(), remark)
		if err != nil {
			return "", nil, err
		}
		if to == ReportReceived {
			if v.wrote(r) {
				return "", nil, fault.Forbidden("own_report", "不能签收自己的汇报", "nobody receives a report of his or her own")
			}
			return mv.Verb, map[string]any{"state": to, "received_at": tx.NowFunc(), "received_by": v.Name(), "remark": remark}, nil
		}
		if remark != "" {
			return "", nil, fault.Broken(fault.Field("/remark", "remark_refused", "只有签收时才填写意见：请写入汇报正文", "a remark is of who receives it: say it in the report"))
		}
		if err := r.refuseOverlap(ctx, tx); err != nil {
			return "", nil, err
		}
		f, err := refusedFigures(ctx, tx, townID, r.FromOn, r.UntilOn)
		return mv.Verb, map[string]any{"state": to, "submitted_at": tx.NowFunc(), "figures": f}, err
	})
}

// changeReport changes one report in a transaction with its record, by a function
// that gives the verb and the columns.
func changeReport(ctx context.Context, db *gorm.DB, townID, id string, version int64, change func(*gorm.DB, reporter, Report) (string, map[string]any, error)) (after Report, err error) {
	err = database.InTx(ctx, db, func(tx *gorm.DB) error {
		before, err := FindReport(ctx, tx, townID, id)
		if err != nil {
			return err
		}
		verb, columns, err := change(tx, reporter{access.Caller(ctx)}, before)
		if err != nil {
			return err
		}
		if err := database.UpdateVersioned(tx, &Report{TownID: townID, ID: id}, version, columns); err != nil {
			return err
		}
		if after, err = FindReport(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "report." + verb, Subject: "reports/" + id, Before: before.told(), After: after.told()})
	})
	return after, err
}

// told is the report without what depends on the reader or, in a draft, on the hour.
func (r Report) told() Report {
	r.Allowed = nil
	if r.State == ReportDraft {
		r.Figures = nil
	}
	return r
}
