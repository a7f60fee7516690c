package index

import (
	"context"
	"database/sql/driver"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// AppealState is where an appeal stands in its life.
type AppealState string

// The states of an appeal. Only a filed one waits for anybody.
const (
	Filed     AppealState = "filed"
	Upheld    AppealState = "upheld" // and a publication says so
	Rejected  AppealState = "rejected"
	Withdrawn AppealState = "withdrawn"
)

// Appeal is a branch's objection to its published result (申诉), filed by who leads
// the branch and answered by the leading group.
type Appeal struct {
	TownID            string      `gorm:"primaryKey" json:"-"`
	ID                string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode        string      `json:"period" example:"2023Q2"`
	PublicationNumber int64       `json:"publication" example:"1"` // against which it is
	BranchCode        string      `json:"branch" example:"b07"`
	Points            Points      `json:"points"`
	Statement         string      `json:"statement" example:"two meetings were overlooked"`
	Evidence          string      `json:"evidence,omitempty"`
	State             AppealState `json:"state" swaggertype:"string" enums:"filed,upheld,rejected,withdrawn"`
	FiledBy           string      `json:"filed_by" example:"secretary-7"`
	FiledAt           time.Time   `json:"filed_at"`
	DueOn             day.Date    `json:"due_on" swaggertype:"string" format:"date"` // last day for the answer
	DecidedBy         string      `json:"decided_by,omitempty"`
	DecidedAt         *time.Time  `json:"decided_at,omitempty"`
	Answer            string      `json:"answer,omitempty"`
	AmendedTo         *int64      `json:"amended_to,omitempty" example:"2"` // the publication that upholds it
	Overdue           bool        `gorm:"-" json:"overdue"`                 // not decided, and past its day
	Allowed           []string    `gorm:"-" json:"allowed"`
	database.Versioned
}

// Point is one thing that an appeal objects to.
type Point struct {
	Code      string `json:"code" example:"organisation.01"` // of an indicator, a quantity, another node or an adjustment
	Claim     string `json:"claim" example:"98"`             // what it should be
	Statement string `json:"statement,omitempty"`
}

// Points are stored as JSON text.
type Points []Point

// Value stores the points.
func (p Points) Value() (driver.Value, error) { return database.JSON[[]Point]{V: p}.Value() }

// Scan reads what Value has stored.
func (p *Points) Scan(src any) error { return database.ScanJSON(src, (*[]Point)(p)) }

// GormDataType is the column type on both databases.
func (Points) GormDataType() string { return "text" }

// appealReader is a caller who reads or decides appeals.
type appealReader struct {
	access.Principal
	town   string
	today  day.Date
	reach  access.Reach      // reading reaches as far as withdrawing does, for who withdraws
	led    map[string]bool   // branches about which the caller does not decide
	period evaluation.Period // of the appeal that is decided
}

func appealReaderOf(ctx context.Context, db *gorm.DB, townID string) (v *appealReader, err error) {
	v = &appealReader{Principal: access.Caller(ctx), town: townID, today: day.Of(db.NowFunc())}
	if v.reach, err = access.ReachOf(ctx, db, v.Principal, access.ReadAppeals, townID, v.today); err != nil {
		return v, err
	}
	v.led, err = access.LedBy(ctx, db, townID, access.DecideAppeals)
	return v, err
}

type appealRules = []workflow.Rule[Appeal, *appealReader]

// appeals is the life of an appeal: the branch withdraws it, or the leading group upholds
// or rejects it.
var appeals = workflow.Kind[Appeal, AppealState, *appealReader]{
	Noun: text.Text{ZH: "申诉", EN: "appeal"}, Name: "appeal", Reader: appealReaderOf,
	Verbs: []workflow.Verb[Appeal, AppealState, *appealReader]{
		{Name: "uphold", From: []AppealState{Filed}, To: Upheld, Action: access.DecideAppeals, Who: appealRules{notLed}},
		{Name: "reject", From: []AppealState{Filed}, To: Rejected, Action: access.DecideAppeals, Who: appealRules{notLed}},
		{Name: "withdraw", From: []AppealState{Filed}, To: Withdrawn, Action: access.WriteAppeals},
	},
}

func notLed(v *appealReader, a Appeal) error {
	if v.led[a.BranchCode] {
		return fault.Forbidden("conflict_of_interest", "不能决定自己所任职党组织的申诉", "nobody decides about a branch that he or she leads")
	}
	return nil
}

// Ref names the appeal.
func (a Appeal) Ref() workflow.Ref { return workflow.Ref{Town: a.TownID, ID: a.ID, Version: a.Version} }

// Visible narrows to the appeals of branches in reach.
func (v *appealReader) Visible(q *gorm.DB) *gorm.DB { return v.reach.Narrow(q) }

// State is where the appeal is, and who brought it there.
func (v *appealReader) State(a Appeal) (AppealState, fault.Lock) { return a.State, a.lock() }

// Load holds the period of an appeal that is decided.
func (v *appealReader) Load(ctx context.Context, db *gorm.DB, list []Appeal, depth workflow.Depth) (err error) {
	if depth == workflow.ForChange {
		v.period, err = lockPeriod(ctx, db, v.town, list[0].PeriodCode)
	}
	return err
}

// Show is the appeal with what depends on the day and the caller.
func (v *appealReader) Show(a Appeal, allowed []string) Appeal {
	a.Overdue, a.Allowed = a.State == Filed && v.today > a.DueOn, allowed
	return a
}

// Audit keeps the state.
func (v *appealReader) Audit(a Appeal, _ string) (string, any) { return "appeals/" + a.ID, a.State }

// FindAppeal gives one appeal, if the caller may read those of its branch.
func FindAppeal(ctx context.Context, db *gorm.DB, townID, id string) (Appeal, error) {
	return appeals.Find(ctx, db, townID, id)
}

// lock says who brought the appeal where it stands, when, why, and who can take it
// further: nobody once it is decided.
func (a Appeal) lock() fault.Lock {
	if a.State == Filed {
		return fault.Lock{By: a.FiledBy, Role: string(access.Secretary), At: a.FiledAt, Reason: a.Statement, CanLift: string(access.LeadingGroup)}
	}
	l := fault.Lock{By: a.DecidedBy, Role: string(access.LeadingGroup), Reason: a.Answer, CanLift: fault.Nobody}
	if a.State == Withdrawn {
		l.Role = string(access.Secretary)
	}
	if a.DecidedAt != nil {
		l.At = *a.DecidedAt
	}
	return l
}

// AppealFilter narrows a list; zero fields do not.
type AppealFilter struct {
	Period, Branch string
	State          AppealState
	Overdue        bool // only those past their day
	After          string
	Limit          int
}

// ListAppeals gives the appeals that the caller may read, in the order of their
// filing.
func ListAppeals(ctx context.Context, db *gorm.DB, townID string, f AppealFilter) ([]Appeal, error) {
	v, err := appealReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)
	if f.Overdue {
		q = q.Where("state = ? AND due_on < ?", Filed, v.today)
	}
	for _, narrow := range []struct{ column, value string }{{"period_code", f.Period}, {"branch_code", f.Branch}, {"state", string(f.State)}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	return appeals.List(ctx, db, v, q.Order("id").Limit(f.Limit))
}
