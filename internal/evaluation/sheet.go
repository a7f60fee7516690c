package evaluation

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/database"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// SheetState is where a sheet is in its life.
type SheetState string

// The states of a sheet.
const (
	Draft     SheetState = "draft"
	Submitted SheetState = "submitted"
	Returned  SheetState = "returned"
	Approved  SheetState = "approved"
)

var sheetTitles = workflow.Titles[SheetState]{
	Draft:     {ZH: "草稿", EN: "draft"},
	Submitted: {ZH: "已提交", EN: "submitted"},
	Returned:  {ZH: "已退回", EN: "returned"},
	Approved:  {ZH: "已通过", EN: "approved"},
}

// Title returns the name of the state.
func (s SheetState) Title() text.Text { return sheetTitles.Of(s) }

// Sheet is one evaluator's evaluation of one branch in one period.
type Sheet struct {
	TownID        string `gorm:"primaryKey" json:"-"`
	ID            string `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode    string `json:"period" example:"2023Q3"`
	BranchCode    string `json:"branch" example:"b07"`
	EvaluatorCode string `json:"evaluator,omitempty" example:"mentor-1"` // not told to the branch that it judges
	// of the evaluator when the sheet was begun
	Role        policy.Role `json:"role" swaggertype:"string" example:"mentor"`
	State       SheetState  `json:"state"`
	Revision    int64       `json:"revision"` // grows when the sheet is returned; earlier entries are kept
	Note        string      `json:"note,omitempty"`
	SubmittedAt *time.Time  `json:"submitted_at,omitempty"`
	DecidedAt   *time.Time  `json:"decided_at,omitempty"`
	DecidedBy   string      `json:"decided_by,omitempty"`
	Reason      string      `json:"reason,omitempty"` // of the last decision
	// last day to correct a returned sheet
	DueOn *day.Date `json:"due_on,omitempty" swaggertype:"string" format:"date"`
	// it was written late, by leave of this exception
	ExceptionID *string `json:"exception,omitempty" format:"uuid"`
	// codes of which other approved sheets report another value, until a person chooses
	Contradicted []string `gorm:"-" json:"contradicted,omitempty" example:"organisation.01"`
	// an exception let it be written
	Late    bool        `gorm:"-" json:"late"`
	History []SheetMove `gorm:"-" json:"history,omitempty"` // in the answer about one sheet
	Entries []Entry     `gorm:"-" json:"entries,omitempty"` // in the answer about one sheet
	// what the caller can do with it now
	Allowed []string `gorm:"-" json:"allowed"`
	database.Versioned
}

// TableName of sheets.
func (Sheet) TableName() string { return "evaluations" }

// Ref names the sheet.
func (s Sheet) Ref() workflow.Ref { return workflow.Ref{Town: s.TownID, ID: s.ID, Version: s.Version} }

// SheetMove is one step of a sheet.
type SheetMove struct {
	workflow.Transition
	sheetExtra
}

type sheetExtra struct {
	// of a return: last day to correct the sheet
	DueOn       *day.Date `json:"due_on,omitempty" swaggertype:"string" format:"date"`
	ExceptionID *string   `json:"exception,omitempty" format:"uuid"` // by leave of which it was late
}

// viewer is a caller who reads or changes what lies under periods.
type viewer struct {
	access.Caller
	periods map[string]Period // of the records at hand
}

// viewerOf returns the caller of ctx, with the branches on which he or she may do the
// action read. Secretaries report about the branches that they lead, so that these bar
// them from nothing.
func viewerOf(ctx context.Context, db *gorm.DB, townID string, read policy.Action) (v viewer, err error) {
	v.Caller, err = access.CallerOf(ctx, db, townID, read, barred(access.PrincipalFrom(ctx))...)
	return v, err
}

// barred returns the actions that ties to a branch bar the caller from.
func barred(p access.Principal) []policy.Action {
	if p.Role == policy.Secretary {
		return nil
	}
	return []policy.Action{policy.WriteSheets, policy.DecideSheets, policy.DecideAdjustments}
}

// judged reports whether the caller reads sheets as the one whom they judge.
func (v viewer) judged() bool { return Judged(v.Principal) }

// Judged reports whether the caller reads sheets as the one whom they judge.
func Judged(p access.Principal) bool { return p.Role == policy.Secretary }

// sheetReader is a caller who reads or changes sheets.
type sheetReader struct {
	viewer
	granted []Exception         // in force today
	gone    map[[2]string]error // by period and branch: why nothing is written about it any more
}

func sheetReaderOf(ctx context.Context, db *gorm.DB, townID string) (*sheetReader, error) {
	v, err := viewerOf(ctx, db, townID, policy.ReadSheets)
	return &sheetReader{viewer: v}, err
}

type (
	sheetRules = []workflow.Rule[Sheet, *sheetReader]
	sheetVerbs = []workflow.Verb[Sheet, SheetState, *sheetReader]
)

var (
	mine = sheetRules{author, tied, unled}
	// a move is refused by its moment first, writing by the person
	whileOpen = append(sheetRules{duringEntry, inWindow}, mine...)
	untilDue  = append(sheetRules{beforeLock, inTime}, mine...)
	deciding  = sheetRules{beforeLock, notOwn, unbiased}
)

// sheets is the life of a sheet: its evaluator begins, writes, submits and withdraws it
// within the days of the period, the leading group approves and returns it. What is
// withdrawn must be submitted again, so that too ends with the window.
var sheets = workflow.Kind[Sheet, SheetState, *sheetReader]{
	Noun: text.Text{ZH: "考评表", EN: "evaluation"}, Name: "evaluation", Titles: sheetTitles,
	Reader: sheetReaderOf, Frozen: (*sheetReader).frozen,
	Verbs: sheetVerbs{
		{
			Name: "begin", To: Draft, Action: policy.WriteSheets, Silent: true, Who: sheetRules{tied, unled},
			When: sheetRules{duringEntry, inWindow},
		},
		{
			Name: "write", From: []SheetState{Draft}, Action: policy.WriteSheets, Silent: true, Who: mine,
			When: sheetRules{living, duringEntry, inWindow},
		},
		{
			Name: "write", From: []SheetState{Returned}, Action: policy.WriteSheets, Silent: true, Who: mine,
			When: sheetRules{living, beforeLock, inTime},
		},
		{
			Name: "attach", From: []SheetState{Draft}, Action: policy.WriteSheets, Silent: true, Who: mine,
			When: sheetRules{living, duringEntry, inWindow},
		},
		{
			Name: "attach", From: []SheetState{Returned}, Action: policy.WriteSheets, Silent: true, Who: mine,
			When: sheetRules{living, beforeLock, inTime},
		},
		{Name: "submit", From: []SheetState{Draft}, To: Submitted, Action: policy.WriteSheets, When: whileOpen},
		{Name: "submit", From: []SheetState{Returned}, To: Submitted, Action: policy.WriteSheets, When: untilDue},
		{Name: "withdraw", From: []SheetState{Submitted}, To: Draft, Action: policy.WriteSheets, When: whileOpen},
		{Name: "approve", From: []SheetState{Submitted}, To: Approved, Action: policy.DecideSheets, When: deciding},
		{
			Name: "return", From: []SheetState{Submitted, Approved}, To: Returned, Action: policy.DecideSheets, Reason: true,
			When: deciding,
		},
	},
}.Checked()

// State returns the state of the sheet, and who brought it there.
func (v *sheetReader) State(s Sheet) (SheetState, fault.Lock) { return s.State, s.lock() }

// lock returns who brought the sheet to its state, and who can take it further.
func (s Sheet) lock() fault.Lock {
	group := string(policy.LeadingGroup)
	switch s.State {
	case Submitted:
		return fault.Lock{By: s.EvaluatorCode, Role: string(s.Role), At: orZero(s.SubmittedAt), CanLift: group}
	case Approved:
		return fault.Lock{By: s.DecidedBy, Role: group, At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: group}
	case Returned:
		return fault.Lock{By: s.DecidedBy, Role: group, At: orZero(s.DecidedAt), Reason: s.Reason, CanLift: string(s.Role)}
	}
	return fault.Lock{By: s.EvaluatorCode, Role: string(s.Role), At: s.CreatedAt, CanLift: string(s.Role)}
}

// Audit returns the whole sheet where it was written, and the state where it moved.
func (v *sheetReader) Audit(s Sheet, verb string) (string, any) {
	if verb == "begin" || verb == "write" {
		return "evaluations/" + s.ID, s
	}
	return "evaluations/" + s.ID, s.State
}

// Visible narrows a query to the sheets that the caller may see. A draft is for
// its author alone. Of the sheets of others a secretary, who is judged by them,
// sees those approved, and only when the period is published; everyone else sees
// the sheets of the branches in reach.
func (v *sheetReader) Visible(q *gorm.DB) *gorm.DB {
	args := map[string]any{
		"town": v.Town, "me": v.Person, "draft": Draft, "approved": Approved,
		"branches": append(v.Reach.Codes(), ""), "public": []PeriodState{Published, Final},
	}
	switch {
	case v.judged():
		return q.Where(`(evaluator_code = @me OR state = @approved AND branch_code IN @branches AND period_code IN
			(SELECT code FROM periods WHERE town_id = @town AND state IN @public))`, args)
	case v.Reach.All:
		return q.Where(`(evaluator_code = @me OR state <> @draft)`, args)
	}
	return q.Where(`(evaluator_code = @me OR state <> @draft AND branch_code IN @branches)`, args)
}

// Show returns the sheet as the caller sees it, with what he or she can do. Who is
// judged does not learn by whom.
func (v *sheetReader) Show(s Sheet, allowed []string) Sheet {
	s.Allowed, s.Late = allowed, s.ExceptionID != nil
	if !v.judged() || v.wrote(s) {
		return s
	}
	history := make([]SheetMove, len(s.History))
	for i, m := range s.History {
		if m.Actor == s.EvaluatorCode {
			m.Actor = ""
		}
		history[i] = m
	}
	s.EvaluatorCode, s.History = "", history
	return s
}

// Tell returns the sheet with the role alone of who decided on it, where the caller may not
// read people.
func (v *sheetReader) Tell(s Sheet) Sheet {
	s.DecidedBy = v.Told(s.DecidedBy, policy.LeadingGroup)
	for i, m := range s.History {
		s.History[i].Actor = v.Told(m.Actor, m.Role)
	}
	return s
}

// Load reads the periods of the sheets, held where they are to change, since a sheet must
// not be approved between the lock of its period and the run; and what depends on the days.
func (v *sheetReader) Load(ctx context.Context, db *gorm.DB, list []Sheet, depth workflow.Depth) (err error) {
	if v.periods == nil {
		q, codes := db.WithContext(ctx), make([]string, len(list))
		if depth == workflow.ForChange {
			q = q.Clauses(shared)
		}
		for i, s := range list {
			codes[i] = s.PeriodCode
		}
		if v.periods, err = readPeriods(q, v.Town, codes); err != nil {
			return err
		}
	}
	if v.granted, err = inForce(ctx, db, v.Town, v.Today); err != nil {
		return err
	}
	if depth != workflow.ForChange && !v.judged() {
		if err := markContradicted(ctx, db, v.periods, list); err != nil {
			return err
		}
	}
	if err := v.readGone(ctx, db, list, depth); err != nil || depth != workflow.ForOne {
		return err
	}
	for i := range list {
		if err := list[i].readEntries(ctx, db); err != nil {
			return err
		}
		if err := list[i].markIgnored(ctx, db, v.periods[list[i].PeriodCode]); err != nil {
			return err
		}
		if list[i].History, err = workflow.History[SheetMove](ctx, db, sheets.Name, list[i].Ref()); err != nil {
			return err
		}
	}
	return nil
}

var errGone = errors.New("evaluation: the branch ended with the period")

// readGone finds the branches that ended with the periods; who ended them is read for a
// refusal only.
func (v *sheetReader) readGone(ctx context.Context, db *gorm.DB, list []Sheet, depth workflow.Depth) error {
	ended, err := town.EndedOn(ctx, db, v.Town)
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
	return db.WithContext(ctx).Where("town_id = ? AND evaluation_id = ? AND revision = ?", s.TownID, s.ID, s.Revision).
		Order("code").Find(&s.Entries).Error
}

// markIgnored marks the entries that the scheme of the period has other roles report.
func (s *Sheet) markIgnored(ctx context.Context, db *gorm.DB, p Period) error {
	if len(s.Entries) == 0 {
		return nil
	}
	compiled, err := scheme.Load(ctx, db, p.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return err
	}
	for i, e := range s.Entries {
		s.Entries[i].Ignored = !compiled.Reports(s.Role, e.Code)
	}
	return nil
}

// FindSheet returns one sheet with the entries of its revision and its history, if
// the caller may see it.
func FindSheet(ctx context.Context, db *gorm.DB, townID, id string) (Sheet, error) {
	return sheets.Find(ctx, db, townID, id)
}

// Hold locks the sheet until tx ends, if the caller can attach evidence to its values now.
func (s Sheet) Hold(ctx context.Context, tx *gorm.DB) error {
	_, err := sheets.Hold(ctx, tx, s.TownID, s.ID, "attach")
	return err
}

// SheetFilter narrows a list; zero fields do not.
type SheetFilter struct {
	Period, Branch, Evaluator string
	State                     SheetState
	Among                     []string // only these ids; nil for all
	After                     string   // ids after this one
	Limit                     int
}

// ListSheets returns the sheets that the caller may see, without entries and
// history, in the order of their making. The number of statements does not depend
// on how many there are.
func ListSheets(ctx context.Context, db *gorm.DB, townID string, f SheetFilter) ([]Sheet, error) {
	v, err := sheetReaderOf(ctx, db, townID)
	if err != nil || v.judged() && f.Evaluator != "" && f.Evaluator != v.Person {
		return nil, err // a filter must not tell what the sheets do not
	}
	q := database.Page(db.WithContext(ctx), townID, f.After, f.Limit)
	q = database.Only(q, "period_code", f.Period, "branch_code", f.Branch, "evaluator_code", f.Evaluator,
		"state", string(f.State))
	if f.Among != nil {
		q = q.Where("id IN ?", f.Among)
	}
	return sheets.List(ctx, db, v, q)
}

// AllowEntry sets what the caller can do with the sheets, which are his or her own and need not
// be begun, and returns for each why nothing can be entered in it now; nil where it can. The
// reach of the caller is that of reading sheets, and the periods are those of the sheets.
func AllowEntry(
	ctx context.Context, db *gorm.DB, caller access.Caller, list []Sheet, periods map[string]Period,
) (refusals []error, err error) {
	defer fault.Wrap(&err, "entry of %d sheets", len(list))
	if caller.Ties, err = caller.TiesIn(ctx, db, caller.Town, barred(caller.Principal)...); err != nil {
		return nil, err
	}
	v := &sheetReader{viewer: viewer{Caller: caller, periods: periods}}
	if err := v.Load(ctx, db, list, workflow.ForList); err != nil {
		return nil, err
	}
	refusals = make([]error, len(list))
	for i, s := range list {
		if s.ID == "" {
			list[i].Allowed = []string{}
			if _, err = sheets.Table().Create(v, s, "begin", ""); err == nil && !v.ReadOnly {
				list[i].Allowed = append(list[i].Allowed, "begin")
			}
		} else {
			list[i].Allowed = sheets.Allowed(v, s)
			_, err = sheets.Table().Do(v, s, "write", "")
		}
		if errors.Is(err, errGone) { // by whom it ended
			_, err = periods[s.PeriodCode].branch(ctx, db, s.BranchCode)
		}
		refusals[i] = err
	}
	return refusals, nil
}
