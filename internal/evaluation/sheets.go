package evaluation

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/text"
	"bulwark/internal/town"
)

// SheetState is where a sheet stands in its life.
type SheetState string

// The states of a sheet.
const (
	Draft     SheetState = "draft"
	Submitted SheetState = "submitted"
	Returned  SheetState = "returned"
	Approved  SheetState = "approved"
)

// Sheet is one evaluator's evaluation of one branch in one period.
type Sheet struct {
	TownID        string      `gorm:"primaryKey" json:"-"`
	ID            string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode    string      `json:"period" example:"2023Q3"`
	BranchCode    string      `json:"branch" example:"b07"`
	EvaluatorCode string      `json:"evaluator,omitempty" example:"mentor-1"`     // not told to the branch that it judges
	Role          people.Role `json:"role" swaggertype:"string" example:"mentor"` // of the evaluator when the sheet was begun
	State         SheetState  `json:"state" swaggertype:"string" enums:"draft,submitted,returned,approved"`
	Revision      int64       `json:"revision"` // grows when the sheet is returned; earlier entries are kept
	Note          string      `json:"note,omitempty"`
	SubmittedAt   *time.Time  `json:"submitted_at,omitempty"`
	DecidedAt     *time.Time  `json:"decided_at,omitempty"`
	DecidedBy     string      `json:"decided_by,omitempty"`
	Reason        string      `json:"reason,omitempty"`                                    // of the last decision
	DueOn         *day.Date   `json:"due_on,omitempty" swaggertype:"string" format:"date"` // last day to correct a returned sheet
	ExceptionID   *string     `json:"exception,omitempty" format:"uuid"`                   // it was written late, by leave of this exception
	Late          bool        `gorm:"-" json:"late"`
	History       []SheetMove `gorm:"-" json:"history,omitempty"` // in the answer about one sheet
	Entries       []Entry     `gorm:"-" json:"entries,omitempty"`
	Allowed       []string    `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName of sheets.
func (Sheet) TableName() string { return "evaluations" }

// Entry is one value of a sheet: a number, a level, or the word that the
// indicator does not apply.
type Entry struct {
	TownID        string   `gorm:"primaryKey" json:"-"`
	EvaluationID  string   `gorm:"primaryKey" json:"-"`
	Revision      int64    `gorm:"primaryKey" json:"-"`
	Code          string   `gorm:"primaryKey" json:"code" example:"organisation.01"` // indicator or quantity
	Value         *float64 `json:"value,omitempty" example:"96.5"`
	Level         *string  `json:"level,omitempty"`
	NotApplicable bool     `json:"not_applicable,omitempty"`
	Evidence      string   `json:"evidence,omitempty" example:"minutes of 12 meetings"`
	Source        string   `json:"source,omitempty" example:"branch ledger"`
}

var (
	entering  = []PeriodState{Open, Review}
	writing   = []PeriodState{Open}
	unlocked  = []PeriodState{Planned, Open, Review}
	sheetNoun = text.Text{ZH: "考评表", EN: "evaluation"}
)

// FindSheet gives one sheet with the entries of its revision and its history, if
// the caller may see it.
func FindSheet(ctx context.Context, db *gorm.DB, townID, id string) (Sheet, error) {
	v, err := viewerOf(ctx, db, townID)
	if err != nil {
		return Sheet{}, err
	}
	s, err := v.find(ctx, db, id)
	if err != nil {
		return Sheet{}, err
	}
	period, err := FindPeriod(ctx, db, townID, s.PeriodCode)
	if err != nil {
		return Sheet{}, err
	}
	return v.fill(ctx, db, s, period)
}

// again reads a sheet of the period that was just changed.
func (v viewer) again(ctx context.Context, tx *gorm.DB, id string, period Period) (Sheet, error) {
	s, err := v.find(ctx, tx, id)
	if err != nil {
		return Sheet{}, err
	}
	return v.fill(ctx, tx, s, period)
}

// find gives the row of one sheet that the caller may see.
func (v viewer) find(ctx context.Context, db *gorm.DB, id string) (Sheet, error) {
	var s Sheet
	err := v.sighted(db.WithContext(ctx)).Where("town_id = ? AND id = ?", v.town, id).Take(&s).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Sheet{}, fault.Missing(sheetNoun, id)
	}
	return s, err
}

// fill adds entries, history and what the caller can do.
func (v viewer) fill(ctx context.Context, db *gorm.DB, s Sheet, period Period) (Sheet, error) {
	err := db.WithContext(ctx).Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).
		Order("code").Find(&s.Entries).Error
	if err != nil {
		return Sheet{}, err
	}
	err = db.WithContext(ctx).Where("town_id = ? AND evaluation_id = ?", s.TownID, s.ID).Order("version").Find(&s.History).Error
	if err != nil {
		return Sheet{}, err
	}
	v.ended, err = town.EndedOn(ctx, db, s.TownID)
	return v.shown(s, period), err
}

// SheetFilter narrows a list; zero fields do not.
type SheetFilter struct {
	Period, Branch, Evaluator string
	State                     SheetState
	After                     string // ids after this one
	Limit                     int
}

// ListSheets gives the sheets that the caller may see, without entries and
// history, in the order of their making. The number of statements does not depend
// on how many there are.
func ListSheets(ctx context.Context, db *gorm.DB, townID string, f SheetFilter) ([]Sheet, error) {
	v, err := viewerOf(ctx, db, townID)
	if err != nil || v.judged() && f.Evaluator != "" && f.Evaluator != v.Person {
		return nil, err // a filter must not tell what the sheets do not
	}
	q := v.sighted(db.WithContext(ctx)).Where("town_id = ? AND id > ?", townID, f.After)
	for _, narrow := range []struct{ column, value string }{
		{"period_code", f.Period}, {"branch_code", f.Branch}, {"evaluator_code", f.Evaluator}, {"state", string(f.State)},
	} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	var sheets []Sheet
	if err := q.Order("id").Limit(f.Limit).Find(&sheets).Error; err != nil {
		return nil, err
	}
	if v.ended, err = town.EndedOn(ctx, db, townID); err != nil {
		return nil, err
	}
	periods, err := periodsByCode(ctx, db, townID)
	for i, s := range sheets {
		sheets[i] = v.shown(s, periods[s.PeriodCode])
	}
	return sheets, err
}
