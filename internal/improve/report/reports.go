package report

import (
	"context"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// State is the state of a progress report.
type State string

// The states of a report. A draft is its author's alone.
const (
	Draft     State = "draft"
	Submitted State = "submitted"
	Received  State = "received"
)

// Words are what the author writes beside the figures.
type Words struct {
	Progress     string `json:"progress"`
	Difficulties string `json:"difficulties,omitempty"`
	Next         string `json:"next,omitempty"` // what is to be done until the next report
}

var titles = workflow.Titles[State]{
	Draft:     {ZH: "草稿", EN: "draft"},
	Submitted: {ZH: "已提交", EN: "submitted"},
	Received:  {ZH: "已签收", EN: "received"},
}

// Title returns the name of the state.
func (s State) Title() text.Text { return titles.Of(s) }

// Report is a progress report (汇报) of an instructor to the leading group about a
// span of days, both included.
type Report struct {
	TownID     string   `gorm:"primaryKey" json:"-"`
	ID         string   `gorm:"primaryKey" json:"id" format:"uuid"`
	AuthorCode string   `json:"author" example:"instructor-1"`
	FromOn     day.Date `json:"from" swaggertype:"string" format:"date"`
	UntilOn    day.Date `json:"until" swaggertype:"string" format:"date"`
	State      State    `json:"state"`
	Words
	// as they stood at the submission; of a draft: as they stand now, in the answer about one
	Figures     *Figures   `json:"figures,omitempty"`
	SubmittedAt *time.Time `json:"submitted_at,omitempty"`
	ReceivedAt  *time.Time `json:"received_at,omitempty"`
	ReceivedBy  string     `json:"received_by,omitempty" example:"group-1"`
	Remark      string     `json:"remark,omitempty"` // of who received it
	Allowed     []string   `gorm:"-" json:"allowed"`
	database.Versioned
} // @name ProgressReport

type (
	rules = []workflow.Rule[Report, *reader]
	verbs = []workflow.Verb[Report, State, *reader]
)

// reports is the life of a report. A draft is kept without its steps.
var reports = workflow.Kind[Report, State, *reader]{
	Noun: text.Text{ZH: "汇报", EN: "report"}, Name: "report", Titles: titles, Reader: newReader, Frozen: submitted,
	Verbs: verbs{
		{Name: "begin", To: Draft, Action: policy.WriteReports, Silent: true},
		{Name: "write", From: []State{Draft}, Action: policy.WriteReports, Who: rules{own}, Silent: true},
		{Name: "submit", From: []State{Draft}, To: Submitted, Action: policy.WriteReports, Who: rules{own}},
		{Name: "receive", From: []State{Submitted}, To: Received, Action: policy.ReceiveReports, Who: rules{ofAnother}},
	},
}.Checked()

// own refuses whoever is not the author.
func own(v *reader, r Report) error {
	if v.Person != r.AuthorCode {
		return fault.Forbidden("not_your_report", "只有撰写人可以填写或提交", "only its author writes and submits a report")
	}
	return nil
}

func ofAnother(v *reader, r Report) error {
	if v.Person == r.AuthorCode {
		return fault.Forbidden("own_report", "不能签收自己的汇报", "nobody receives a report of his or her own")
	}
	return nil
}

func submitted(_ *reader, r Report) error {
	return fault.Conflict("report_submitted", "汇报已提交，不能再修改：请在下一份汇报中说明",
		"the report is submitted and cannot be changed: write it in the next one").Held(r.lock())
}

// Ref names the report.
func (r Report) Ref() workflow.Ref {
	return workflow.Ref{Town: r.TownID, ID: r.ID, Version: r.Version}
}

// lock returns who brought the report into its state, when and why. What was submitted is not taken back:
// the next report adds what this one does not contain.
func (r Report) lock() fault.Lock {
	lock := fault.Lock{
		By: r.AuthorCode, Role: string(policy.Instructor), At: r.CreatedAt, CanLift: string(policy.Instructor),
	}
	if r.SubmittedAt != nil {
		lock.At, lock.CanLift = *r.SubmittedAt, fault.Nobody
	}
	if r.ReceivedAt != nil {
		lock.By, lock.Role, lock.At, lock.Reason = r.ReceivedBy, string(policy.LeadingGroup), *r.ReceivedAt, r.Remark
	}
	return lock
}

// reader is a caller who reads or writes reports.
type reader struct{ access.Principal }

func newReader(ctx context.Context, _ *gorm.DB, _ string) (*reader, error) {
	return &reader{access.PrincipalFrom(ctx)}, nil
}

// Visible narrows to what the caller may see: the own reports, and those submitted
// where the role reads of the whole town.
func (v *reader) Visible(q *gorm.DB) *gorm.DB {
	if v.Role == policy.Instructor {
		return q.Where("author_code = ?", v.Person)
	}
	return q.Where("(author_code = ? OR state <> ?)", v.Person, Draft)
}

// Load sets the figures of a draft, in the answer about one.
func (v *reader) Load(ctx context.Context, db *gorm.DB, list []Report, depth workflow.Depth) (err error) {
	for i, r := range list {
		if depth == workflow.ForOne && r.State == Draft {
			if list[i].Figures, err = figuresOf(ctx, db, r.TownID, r.AuthorCode, r.FromOn, r.UntilOn); err != nil {
				return err
			}
		}
	}
	return nil
}

// State returns where the report is.
func (v *reader) State(r Report) (State, fault.Lock) { return r.State, r.lock() }

// Show returns the report with what the caller can do.
func (v *reader) Show(r Report, allowed []string) Report {
	r.Allowed = allowed
	return r
}

// Audit returns the report without what depends on the reader or, in a draft, on the hour.
func (v *reader) Audit(r Report, _ string) (string, any) {
	r.Allowed = nil
	if r.State == Draft {
		r.Figures = nil
	}
	return "reports/" + r.ID, r
}

// Begin enters a draft of the caller's own report.
func Begin(ctx context.Context, db *gorm.DB, townID string, from, until day.Date, w Words) (Report, error) {
	r := Report{
		TownID: townID, ID: database.NewID(), AuthorCode: access.PrincipalFrom(ctx).Person, FromOn: from, UntilOn: until,
		State: Draft, Words: w, Versioned: database.Versioned{Version: 1},
	}
	return reports.Create(ctx, db, "begin", "", r, func(tx *gorm.DB, _ *reader, r *Report) error {
		if _, err := refusedFigures(ctx, tx, townID, from, until); err != nil {
			return err
		}
		if err := r.refuseOverlap(ctx, tx); err != nil {
			return err
		}
		return tx.Create(r).Error
	})
}

// Write replaces the span and the words of the caller's own draft.
func Write(ctx context.Context, db *gorm.DB, ref workflow.Ref, from, until day.Date, w Words) (Report, error) {
	return reports.Do(ctx, db, ref, "write", "", func(tx *gorm.DB, _ *reader, r Report) (c workflow.Change, err error) {
		if _, err := refusedFigures(ctx, tx, ref.Town, from, until); err != nil {
			return c, err
		}
		r.FromOn, r.UntilOn = from, until
		c.Columns = map[string]any{
			"from_on": from, "until_on": until, "progress": w.Progress, "difficulties": w.Difficulties, "next": w.Next,
		}
		return c, r.refuseOverlap(ctx, tx)
	})
}

// Move submits the caller's own draft with the figures as they are now, or receives
// another's report for the leading group with a remark.
func Move(ctx context.Context, db *gorm.DB, ref workflow.Ref, to State, remark string) (Report, error) {
	return reports.Move(ctx, db, ref, to, remark, func(tx *gorm.DB, v *reader, r Report) (c workflow.Change, err error) {
		if to == Received {
			c.Columns = map[string]any{"received_at": tx.NowFunc(), "received_by": v.Name(), "remark": remark}
			return c, nil
		}
		if remark != "" {
			return c, fault.Broken(fault.Field("/remark", "remark_refused",
				"只有签收时才填写意见：请写入汇报正文", "only who receives the report adds a remark: write it in the report instead"))
		}
		if err := r.refuseOverlap(ctx, tx); err != nil {
			return c, err
		}
		f, err := refusedFigures(ctx, tx, ref.Town, r.FromOn, r.UntilOn)
		c.Columns = map[string]any{"submitted_at": tx.NowFunc(), "figures": f}
		return c, err
	})
}

// refuseOverlap refuses a report with days of a report that its author has submitted: each day is reported to the leading group once. Drafts
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
	return fault.Conflict("overlapping_report", "您已就 %[1]s 至 %[2]s 提交汇报（%[3]s）：请选择其他日期",
		"your report %[3]s covers %[1]s to %[2]s already: choose other days", o.FromOn, o.UntilOn, o.ID).Held(o.lock())
}

// mostReportDays is the longest span of one report.
const mostReportDays = 366

// DraftFigures returns the figures of a report that the caller would write now about
// the span. Nothing is stored.
func DraftFigures(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (_ Figures, err error) {
	defer fault.Wrap(&err, "figures of a report")
	f, err := refusedFigures(ctx, db, townID, from, until)
	if err != nil {
		return Figures{}, err
	}
	return *f, nil
}

// refusedFigures returns the figures of a span, or refuses one about which the caller
// cannot report: its days are in the wrong order or lie ahead, or he or she was paired with
// no branch in it.
func refusedFigures(ctx context.Context, db *gorm.DB, townID string, from, until day.Date) (*Figures, error) {
	switch {
	case until < from:
		return nil, fault.Broken(fault.Field("/until", "before_from", "截止日期不能早于起始日期", "the last day is before the first"))
	case until > day.Of(db.NowFunc()):
		return nil, fault.Broken(fault.Field("/until", "in_the_future", "截止日期不能晚于今天", "a report ends today at the latest"))
	case until >= from.AddDays(mostReportDays):
		return nil,
			fault.Broken(fault.Field("/until", "too_long", "一份汇报最长 %d 天", "a report covers at most %d days", mostReportDays))
	}
	f, err := figuresOf(ctx, db, townID, access.PrincipalFrom(ctx).Person, from, until)
	if err == nil && len(f.Branches) == 0 {
		err = fault.Broken(fault.Field("/from", "not_paired", "您在此期间没有挂钩结对的党组织",
			"you were paired with no branch in these days"))
	}
	return f, err
}

// Find returns one report, if the caller may see it.
func Find(ctx context.Context, db *gorm.DB, townID, id string) (Report, error) {
	return reports.Find(ctx, db, townID, id)
}

// Filter narrows a list; zero fields do not.
type Filter struct {
	Author string
	State  State
	On     day.Date // only those about spans with the day
	After  string
	Limit  int // 0 = all
}

// List returns the reports that the caller may see, in the order in which they were
// begun. Drafts come without figures.
func List(ctx context.Context, db *gorm.DB, townID string, f Filter) ([]Report, error) {
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	if f.Author != "" {
		q = q.Where("author_code = ?", f.Author)
	}
	if f.State != "" {
		q = q.Where("state = ?", f.State)
	}
	if f.On != "" {
		q = q.Where("from_on <= ? AND until_on >= ?", f.On, f.On)
	}
	v, err := newReader(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	return reports.List(ctx, db, v, q)
}
