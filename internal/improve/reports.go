package improve

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// ReportState is where a progress report stands in its life.
type ReportState string

// The states of a report. A draft is its author's alone.
const (
	ReportDraft     ReportState = "draft"
	ReportSubmitted ReportState = "submitted"
	ReportReceived  ReportState = "received"
)

// ReportWords are what the author says, beside the figures.
type ReportWords struct {
	Progress     string `json:"progress"`
	Difficulties string `json:"difficulties,omitempty"`
	Next         string `json:"next,omitempty"` // what is to be done until the next report
}

// Report is a progress report (汇报) of an instructor to the leading group about a
// span of days, both included.
type Report struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	AuthorCode string      `json:"author" example:"instructor-1"`
	FromOn     day.Date    `json:"from" swaggertype:"string" format:"date"`
	UntilOn    day.Date    `json:"until" swaggertype:"string" format:"date"`
	State      ReportState `json:"state" swaggertype:"string" enums:"draft,submitted,received"`
	ReportWords
	Figures     *ReportFigures `json:"figures,omitempty"` // as they stood at the submission; of a draft: as they stand now, in the answer about one
	SubmittedAt *time.Time     `json:"submitted_at,omitempty"`
	ReceivedAt  *time.Time     `json:"received_at,omitempty"`
	ReceivedBy  string         `json:"received_by,omitempty" example:"group-1"`
	Remark      string         `json:"remark,omitempty"` // of who received it
	Allowed     []string       `gorm:"-" json:"allowed"`
	database.Versioned
} // @name ProgressReport

var reportNoun = text.Text{ZH: "汇报", EN: "report"}

// reportMoves is the life of a report.
var reportMoves = workflow.Machine[ReportState, workflow.Free]{
	{Verb: "write", From: []ReportState{ReportDraft}, Action: access.WriteReports},
	{Verb: "submit", From: []ReportState{ReportDraft}, To: ReportSubmitted, Action: access.WriteReports},
	{Verb: "receive", From: []ReportState{ReportSubmitted}, To: ReportReceived, Action: access.ReceiveReports},
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
	return q.Where("(author_code = ? OR state <> ?)", v.Person, ReportDraft)
}

// allowed leaves out writing for anyone but the author, and receiving for the author.
func (v reporter) allowed(r Report) []string {
	if v.wrote(r) != (r.State == ReportDraft) {
		return []string{}
	}
	return reportMoves.Allowed(v.Principal, r.State, r.stand())
}

// FindReport gives one report, if the caller may see it.
func FindReport(ctx context.Context, db *gorm.DB, townID, id string) (Report, error) {
	v := reporter{access.Caller(ctx)}
	var r Report
	err := v.sighted(db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id)).Take(&r).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Report{}, fault.Missing(reportNoun, id)
	}
	if err == nil && r.State == ReportDraft {
		r.Figures, err = figuresOf(ctx, db, townID, r.AuthorCode, r.FromOn, r.UntilOn)
	}
	r.Allowed = v.allowed(r)
	return r, err
}

// ReportFilter narrows a list; zero fields do not.
type ReportFilter struct {
	Author string
	State  ReportState
	On     day.Date // only those about spans with the day
	After  string
	Limit  int // 0 = all
}

// ListReports gives the reports that the caller may see, in the order in which they
// were begun. Drafts come without figures.
func ListReports(ctx context.Context, db *gorm.DB, townID string, f ReportFilter) ([]Report, error) {
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
