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
	EvaluatorCode string      `json:"evaluator" example:"mentor-1"`
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
	sheetNoun = text.Text{ZH: "考评表", EN: "evaluation"}
)

// FindSheet gives one sheet with the entries of its revision, if the caller may
// read the sheets of its branch.
func FindSheet(ctx context.Context, db *gorm.DB, townID, id string) (Sheet, error) {
	s, err := findSheet(ctx, db, townID, id)
	if err != nil {
		return Sheet{}, err
	}
	p := people.Caller(ctx)
	reach, err := people.ReachOf(ctx, db, p, people.ReadSheets, townID, day.Of(db.NowFunc()))
	if err != nil {
		return Sheet{}, err
	}
	if !reach.Has(s.BranchCode) && (p.Person == "" || s.EvaluatorCode != p.Person) {
		return Sheet{}, fault.Missing(sheetNoun, id)
	}
	return fill(ctx, db, s, reach)
}

// fill adds entries and what the caller can do, whose reach it is.
func fill(ctx context.Context, db *gorm.DB, s Sheet, reach people.Reach) (Sheet, error) {
	err := db.WithContext(ctx).Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).
		Order("code").Find(&s.Entries).Error
	if err != nil {
		return Sheet{}, err
	}
	period, err := FindPeriod(ctx, db, s.TownID, s.PeriodCode)
	if err != nil {
		return Sheet{}, err
	}
	led, err := ledBy(ctx, db, s.TownID)
	s.Allowed = s.allowed(people.Caller(ctx), period, reach, led)
	return s, err
}

func findSheet(ctx context.Context, db *gorm.DB, townID, id string) (Sheet, error) {
	var s Sheet
	err := db.WithContext(ctx).Where("town_id = ? AND id = ?", townID, id).Take(&s).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return Sheet{}, fault.Missing(sheetNoun, id)
	}
	return s, err
}

// SheetFilter narrows a list; zero fields do not.
type SheetFilter struct {
	Period, Branch, Evaluator string
	State                     SheetState
	After                     string // ids after this one
	Limit                     int
}

// ListSheets gives the sheets that the caller may read, without entries, in the
// order of their making.
func ListSheets(ctx context.Context, db *gorm.DB, townID string, f SheetFilter) ([]Sheet, error) {
	p := people.Caller(ctx)
	reach, err := people.ReachOf(ctx, db, p, people.ReadSheets, townID, day.Of(db.NowFunc()))
	if err != nil {
		return nil, err
	}
	q := db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)
	if !reach.All {
		q = q.Where("(branch_code IN ? OR evaluator_code = ?)", append(reach.Codes(), ""), p.Person)
	}
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
	return withAllowed(ctx, db, townID, sheets, reach)
}

// withAllowed needs one statement for all periods of the list, and one more for
// who decides.
func withAllowed(ctx context.Context, db *gorm.DB, townID string, sheets []Sheet, reach people.Reach) ([]Sheet, error) {
	byCode, err := periodsByCode(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	led, err := ledBy(ctx, db, townID)
	for i := range sheets {
		sheets[i].Allowed = sheets[i].allowed(people.Caller(ctx), byCode[sheets[i].PeriodCode], reach, led)
	}
	return sheets, err
}
