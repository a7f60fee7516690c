package evaluation

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
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
	Role          access.Role `json:"role" swaggertype:"string" example:"mentor"` // of the evaluator when the sheet was begun
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
	entering = []PeriodState{Open, Review}
	unlocked = []PeriodState{Planned, Open, Review}
)

// sheetReader is a caller who reads or changes sheets.
type sheetReader struct {
	viewer
	periods map[string]Period   // of the sheets at hand
	gone    map[[2]string]error // by period and branch: why nothing is written about it any more
}

func sheetReaderOf(ctx context.Context, db *gorm.DB, townID string) (*sheetReader, error) {
	v, err := viewerOf(ctx, db, townID)
	return &sheetReader{viewer: v}, err
}

type (
	sheetRule  = workflow.Rule[Sheet, *sheetReader]
	sheetRules = []sheetRule
	sheetVerbs = []workflow.Verb[Sheet, SheetState, *sheetReader]
)

var (
	mine         = sheetRules{author, tied, unbiased}
	inOpenWindow = sheetRules{during(Open), inWindow}
	whileOpen    = append(sheetRules{during(Open), inWindow}, mine...) // a move is refused by its moment first, writing by the person
	untilDue     = append(sheetRules{during(entering...), inTime}, mine...)
)

// sheets is the life of a sheet: its evaluator begins, writes, submits and withdraws it
// within the days of the period, the leading group approves and returns it. What is
// withdrawn must be submitted again, so that too ends with the window.
var sheets = workflow.Kind[Sheet, SheetState, *sheetReader]{
	Noun: text.Text{ZH: "考评表", EN: "evaluation"}, Name: "evaluation", Reader: sheetReaderOf, Frozen: (*sheetReader).frozen,
	Verbs: sheetVerbs{
		{Name: "begin", To: Draft, Action: access.WriteSheets, Silent: true, Who: mine[1:], When: inOpenWindow},
		{Name: "write", From: []SheetState{Draft}, Action: access.WriteSheets, Silent: true, Who: mine, When: sheetRules{living, during(Open), inWindow}},
		{Name: "write", From: []SheetState{Returned}, Action: access.WriteSheets, Silent: true, Who: mine, When: sheetRules{living, during(entering...), inTime}},
		{Name: "submit", From: []SheetState{Draft}, To: Submitted, Action: access.WriteSheets, When: whileOpen},
		{Name: "submit", From: []SheetState{Returned}, To: Submitted, Action: access.WriteSheets, When: untilDue},
		{Name: "withdraw", From: []SheetState{Submitted}, To: Draft, Action: access.WriteSheets, When: whileOpen},
		{Name: "approve", From: []SheetState{Submitted}, To: Approved, Action: access.DecideSheets, When: sheetRules{during(entering...), notOwn, unbiased}},
		{Name: "return", From: []SheetState{Submitted, Approved}, To: Returned, Action: access.DecideSheets, Reason: true, When: sheetRules{during(entering...), notOwn, unbiased}},
	},
}

// Ref names the sheet.
func (s Sheet) Ref() workflow.Ref { return workflow.Ref{Town: s.TownID, ID: s.ID, Version: s.Version} }

// State is where the sheet is, and who brought it there.
func (v *sheetReader) State(s Sheet) (SheetState, fault.Lock) { return s.State, s.lock() }

// Audit keeps the whole sheet where it was written, and the state where it moved.
func (v *sheetReader) Audit(s Sheet, verb string) (string, any) {
	if verb == "begin" || verb == "write" {
		return "evaluations/" + s.ID, s
	}
	return "evaluations/" + s.ID, s.State
}

// Load reads the periods of the sheets, held where they are to change, since a sheet must
// not be approved between the lock of its period and the run; and what depends on the days.
func (v *sheetReader) Load(ctx context.Context, db *gorm.DB, list []Sheet, depth workflow.Depth) (err error) {
	if v.periods == nil {
		if err := v.readPeriods(ctx, db, list, depth == workflow.ForChange); err != nil {
			return err
		}
	}
	if v.granted, err = inForce(ctx, db, v.town, v.today); err != nil {
		return err
	}
	if err := v.readGone(ctx, db, list, depth); err != nil || depth != workflow.ForOne {
		return err
	}
	for i := range list {
		if err := list[i].readEntries(ctx, db); err != nil {
			return err
		}
		if list[i].History, err = workflow.History[SheetMove](ctx, db, sheets.Name, list[i].Ref()); err != nil {
			return err
		}
	}
	return nil
}

func (v *sheetReader) readPeriods(ctx context.Context, db *gorm.DB, list []Sheet, hold bool) error {
	q := db.WithContext(ctx).Where("town_id = ?", v.town)
	if hold {
		q = q.Clauses(clause.Locking{Strength: "SHARE"})
	}
	codes := []string{""} // never an empty list
	for _, s := range list {
		codes = append(codes, s.PeriodCode)
	}
	var held []Period
	err := q.Where("code IN ?", codes).Order("code").Find(&held).Error
	v.periods = byCode(held)
	return err
}

// readGone finds the branches that ended with the periods; who ended them is read for a
// refusal only.
func (v *sheetReader) readGone(ctx context.Context, db *gorm.DB, list []Sheet, depth workflow.Depth) error {
	ended, err := town.EndedOn(ctx, db, v.town)
	v.gone = map[[2]string]error{}
	for _, s := range list {
		p := v.periods[s.PeriodCode]
		if on, ok := ended[s.BranchCode]; !ok || on > p.EndsOn {
			continue
		}
		refusal := errGone
		if depth == workflow.ForChange {
			_, refusal = p.branch(ctx, db, s.BranchCode)
		}
		v.gone[[2]string{p.Code, s.BranchCode}] = refusal
	}
	return err
}

func (s *Sheet) readEntries(ctx context.Context, db *gorm.DB) error {
	return db.WithContext(ctx).Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).Order("code").Find(&s.Entries).Error
}

// FindSheet gives one sheet with the entries of its revision and its history, if
// the caller may see it.
func FindSheet(ctx context.Context, db *gorm.DB, townID, id string) (Sheet, error) {
	return sheets.Find(ctx, db, townID, id)
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
	v, err := sheetReaderOf(ctx, db, townID)
	if err != nil || v.judged() && f.Evaluator != "" && f.Evaluator != v.Person {
		return nil, err // a filter must not tell what the sheets do not
	}
	q := db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)
	for _, narrow := range []struct{ column, value string }{
		{"period_code", f.Period}, {"branch_code", f.Branch}, {"evaluator_code", f.Evaluator}, {"state", string(f.State)},
	} {
		if narrow.value != "" {
			q = q.Where(narrow.column+" = ?", narrow.value)
		}
	}
	return sheets.List(ctx, db, v, q.Order("id").Limit(f.Limit))
}
