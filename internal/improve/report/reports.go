package report

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/audit"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// State is where a progress report stands in its life.
type State string

// The states of a report. A draft is its author's alone.
const (
	Draft     State = "draft"
	Submitted State = "submitted"
	Received  State = "received"
)

// Words are what the author says, beside the figures.
type Words struct {
	Progress     string `json:"progress"`
	Difficulties string `json:"difficulties,omitempty"`
	Next         string `json:"next,omitempty"` // what is to be done until the next report
}

// Report is a progress report (汇报) of an instructor to the leading group about a
// span of days, both included.
type Report struct {
	TownID     string   `gorm:"primaryKey" json:"-"`
	ID         string   `gorm:"primaryKey" json:"id" format:"uuid"`
	AuthorCode string   `json:"author" example:"instructor-1"`
	FromOn     day.Date `json:"from" swaggertype:"string" format:"date"`
	UntilOn    day.Date `json:"until" swaggertype:"string" format:"date"`
	State      State    `json:"state" swaggertype:"string" enums:"draft,submitted,received"`
	Words
	Figures     *Figures   `json:"figures,omitempty"` // as they stood at the submission; of a draft: as they stand now, in the answer about one
	SubmittedAt *time.Time `json:"submitted_at,omitempty"`
	ReceivedAt  *time.Time `json:"received_at,omitempty"`
	ReceivedBy  string     `json:"received_by,omitempty" example:"group-1"`
	Remark      string     `json:"remark,omitempty"` // of who received it
	Allowed     []string   `gorm:"-" json:"allowed"`
	database.Versioned
} // @name ProgressReport

var reportNoun = text.Text{ZH: "汇报", EN: "report"}

// reportMoves is the life of a report.
var reportMoves = workflow.Machine[State, workflow.Free]{
	{Verb: "write", From: []State{Draft}, Action: access.WriteReports},
	{Verb: "submit", From: []State{Draft}, To: Submitted, Action: access.WriteReports},
	{Verb: "receive", From: []State{Submitted}, To: Received, Action: access.ReceiveReports},
}

// stand is who brought the report where it stands. What was submitted is not taken
// back: the next report tells what this one does not.
func (r Report) stand() workflow.Standing {
	lock := fault.Lock{By: r.AuthorCode, Role: string(access.Instructor), At: r.CreatedAt, CanLift: string(access.Instructor)}
	if r.SubmittedAt != nil {
		lock.At, lock.CanLift = *r.SubmittedAt, fault.Nobody
	}
	if r.ReceivedAt != nil {
		lock.By, lock.Role, lock.At, lock.Reason = r.ReceivedBy, string(access.LeadingGroup), *r.ReceivedAt, r.Remark
	}
	return workflow.Standing(lock)
}

// reporter is a caller as one who writes or reads reports.
type reporter struct{ access.Principal }

// wrote reports whether the caller is the author.
func (v reporter) wrote(r Report) bool { return v.Person == r.AuthorCode }

// sighted narrows a query to what the caller may see: the own ones, and those
// submitted where the role reads of the whole town.
func (v reporter) sighted(q *gorm.DB) *gorm.DB {
	if v.Role == access.Instructor {
		return q.Where("author_code = ?", v.Person)
	}
	return q.Where("(author_code = ? OR state <> ?)", v.Person, Draft)
}

// allowed leaves out writing for anyone but the author, and receiving for the author.
func (v reporter) allowed(r Report) []string {
	if v.wrote(r) != (r.State == Draft) {
		return []string{}
	}
	return reportMoves.Allowed(v.Principal, r.State, r.stand())
}

// Find gives one report, if the caller may see it.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Report, error) {
	v := reporter{access.Caller(ctx)}
	var r Report
	err := v.sighted(db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id)).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Report{}, fault.Missing(reportNoun, id)
	}
	if err == nil && r.State == Draft {
		r.Figures, err = figuresOf(ctx, db, townID, r.AuthorCode, r.FromOn, r.UntilOn)
	}
	r.Allowed = v.allowed(r)
	return r, err
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Author string
	State  State
	On     day.Date // only those about spans with the day
	After  string
	Limit  int // 0 = all
}

// List gives the reports that the caller may see, in the order in which they
// were begun. Drafts come without figures.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Report, error) {
	v := reporter{access.Caller(ctx)}
	q := v.sighted(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	if f.Author != "" {
		q = q.Where("author_code = ?", f.Author)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.On != "" {
		q = q.Where("from_on <= ? AND until_on >= ?", f.On, f.On)
	}
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Report
	err := q.Order("id").Find(&list).Error
	for i := range list {
		list[i].Allowed = v.allowed(list[i])
	}
	return list, err
}

// refuseOverlap keeps the days of a report apart from those of the reports that its
// author has submitted: what the leading group is told of a day is told once. Drafts
// are no reports yet and may overlap, until one of them is submitted. Another
// submission of the author waits until tx ends, so that two at once do not miss each
// other.
func (r Report) refuseOverlap(ctx context.Context, tx *gorm.DB) error {
	if err := people.LockPerson(tx, r.TownID, r.AuthorCode); err != nil {
		return err
	}
	var others []Report
	err := tx.WithContext(ctx).Where("town_id = ? AND author_code = ? AND state <> ?", r.TownID, r.AuthorCode, Draft).
		Where("from_on <= ? AND until_on >= ?", r.UntilOn, r.FromOn).Order("from_on, id").Limit(1).Find(&others).Error
	if err != nil || len(others) == 0 {
		return err
	}
	o := others[0]
	return workflow.Conflict(o.stand(), "overlapping_report", text.F("您已就 %[1]s 至 %[2]s 提交汇报（%[3]s）：请选择此外的日期",
		"your report %[3]s is about %[1]s to %[2]s already: choose days outside of it", o.FromOn, o.UntilOn, o.ID))
}

// mostReportDays is the longest span of one report.
const mostReportDays = 366

// DraftFigures gives the figures of a report that the caller would write now about
// the span. Nothing is stored.
func DraftFigures(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (Figures, error) {
	f, err := refusedFigures(ctx, db, townID, from, until)
	if err != nil {
		return Figures{}, err
	}
	return *f, nil
}

// refusedFigures are the figures of a span about which the caller may report: it is
// in order, over or not, and he or she was paired with a branch in it.
func refusedFigures(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (*Figures, error) {
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

// Begin enters a draft of the caller's own report.
func Begin(ctx context.Context, db *gorm.DB, townID string, from, until day.Date, w Words) (Report, error) {
	r := Report{
		TownID: townID, ID: database.NewID(), AuthorCode: access.Caller(ctx).Person, FromOn: from, UntilOn: until, State: Draft,
		Words: w, Versioned: database.Versioned{Version: 1},
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
		if r, err = Find(ctx, tx, townID, r.ID); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "report.begin", Subject: "reports/" + r.ID, After: r.told()})
	})
	return r, err
}

// Write replaces the span and the words of the caller's own draft.
func Write(ctx context.Context, db *gorm.DB, townID, id string, version int64, from, until day.Date, w Words) (Report, error) {
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

// Move submits the caller's own draft with the figures as they stand now, or
// receives another's report for the leading group with a remark.
func Move(ctx context.Context, db *gorm.DB, townID, id string, version int64, to State, remark string) (Report, error) {
	return changeReport(ctx, db, townID, id, version, func(tx *gorm.DB, v reporter, r Report) (string, map[string]any, error) {
		mv, err := reportMoves.Find(v.Principal, r.State, to, r.stand(), remark)
		if err != nil {
			return "", nil, err
		}
		if to == Received {
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
		before, err := Find(ctx, tx, townID, id)
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
		if after, err = Find(ctx, tx, townID, id); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Change{Town: townID, Action: "report." + verb, Subject: "reports/" + id, Before: before.told(), After: after.told()})
	})
	return after, err
}

// told is the report without what depends on the reader or, in a draft, on the hour.
func (r Report) told() Report {
	r.Allowed = nil
	if r.State == Draft {
		r.Figures = nil
	}
	return r
}
