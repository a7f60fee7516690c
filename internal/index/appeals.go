package index

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
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

var appealNoun = text.Text{ZH: "申诉", EN: "appeal"}

// FindAppeal gives one appeal, if the caller may read those of its branch.
func FindAppeal(ctx context.Context, db *gorm.DB, townID, id string) (Appeal, error) {
	var a Appeal
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&a).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Appeal{}, fault.Missing(appealNoun, id)
	}
	if err != nil {
		return Appeal{}, err
	}
	reach, err := people.ReachOf(ctx, db, people.Caller(ctx), people.ReadAppeals, townID, day.Of(db.NowFunc()))
	if err != nil {
		return Appeal{}, err
	}
	if !reach.Has(a.BranchCode) {
		return Appeal{}, fault.Missing(appealNoun, id)
	}
	led, err := people.LedBy(ctx, db, townID, people.DecideAppeals)
	a.tell(people.Caller(ctx), reach, led, day.Of(db.NowFunc()))
	return a, err
}

// tell fills in what depends on the day and the caller, whose reach it is. Reading
// reaches as far as withdrawing does, for who withdraws.
func (a *Appeal) tell(p people.Principal, reach people.Reach, led map[string]bool, today day.Date) {
	a.Overdue = a.State == Filed && today > a.DueOn
	a.Allowed = []string{}
	switch {
	case a.State != Filed || p.ReadOnly:
	case p.May(people.DecideAppeals) && !led[a.BranchCode]:
		a.Allowed = []string{"uphold", "reject"}
	case p.May(people.WriteAppeals) && reach.Has(a.BranchCode):
		a.Allowed = []string{"withdraw"}
	}
}

// lock says who brought the appeal where it stands, when, why, and who can take it
// further: nobody once it is decided.
func (a Appeal) lock() fault.Lock {
	if a.State == Filed {
		return fault.Lock{By: a.FiledBy, Role: string(people.Secretary), At: a.FiledAt, Reason: a.Statement, CanLift: string(people.LeadingGroup)}
	}
	l := fault.Lock{By: a.DecidedBy, Role: string(people.LeadingGroup), Reason: a.Answer, CanLift: fault.Nobody}
	if a.State == Withdrawn {
		l.Role = string(people.Secretary)
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
	today := day.Of(db.NowFunc())
	reach, err := people.ReachOf(ctx, db, people.Caller(ctx), people.ReadAppeals, townID, today)
	if err != nil {
		return nil, err
	}
	q := reach.Narrow(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After))
	if f.Overdue {
		q = q.Where("state = ? AND due_on < ?", Filed, today)
	}
	for _, narrow := range []struct{ column, value string }{{"period_code", f.Period}, {"branch_code", f.Branch}, {"state", string(f.State)}} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	var list []Appeal
	if err := q.Order("id").Limit(f.Limit).Find(&list).Error; err != nil {
		return nil, err
	}
	led, err := people.LedBy(ctx, db, townID, people.DecideAppeals)
	for i := range list {
		list[i].tell(people.Caller(ctx), reach, led, today)
	}
	return list, err
}
