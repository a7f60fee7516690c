package evaluation

import (
	"cmp"
	"context"
	"database/sql/driver"
	"slices"
	"time"

	"gorm.io/gorm"

	"bulwark/internal/database"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/workflow"
)

// Contradiction is one reported value of one branch of which approved sheets have
// different values. None of them counts until a person chooses one, and the period is not
// locked before.
type Contradiction struct {
	Period    string         `json:"period" example:"2023Q3"`
	Branch    string         `json:"branch" example:"b07"`
	Indicator string         `json:"indicator" example:"organisation.01"` // or a quantity
	Values    []ValueInSheet `json:"values"`                              // in the order in which the sheets were begun
	Choice    *Choice        `json:"choice,omitempty"`                    // the last one; absent while nobody has chosen
	// whether the choice counts: not once a sheet has changed or another value has come
	Settled bool `json:"settled"`
}

// ValueInSheet is what one sheet reports.
type ValueInSheet struct {
	Sheet     string      `json:"sheet" format:"uuid"`
	Revision  int64       `json:"revision"`                               // of the sheet
	Evaluator string      `json:"evaluator,omitempty" example:"mentor-1"` // not told to the branch that is judged
	Role      policy.Role `json:"role" swaggertype:"string" example:"mentor"`
	// absent where a level is reported, or nothing applies
	Value         *float64 `json:"value,omitempty" example:"96.5"`
	Level         *string  `json:"level,omitempty"`
	NotApplicable bool     `json:"not_applicable,omitempty"` // the sheet says that the indicator does not apply
}

// same reports whether both sheets report the same.
func (v ValueInSheet) same(other ValueInSheet) bool {
	return v.NotApplicable == other.NotApplicable && equal(v.Value, other.Value) && equal(v.Level, other.Level)
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// Choice is the decision of a person which of several reported values counts. It is never
// changed: another choice follows it, and the last one counts.
type Choice struct {
	TownID     string      `gorm:"primaryKey" json:"-"`
	ID         string      `gorm:"primaryKey" json:"id" format:"uuid"`
	PeriodCode string      `json:"period" example:"2023Q3"`
	BranchCode string      `json:"branch" example:"b07"`
	Code       string      `json:"indicator" example:"organisation.01"` // or quantity
	SheetID    string      `json:"sheet" format:"uuid"`                 // whose value counts
	Among      SheetStates `json:"among"`                               // the sheets that it was chosen from
	Reason     string      `json:"reason" example:"the ledger shows 96.5"`
	// a person, or the role where the caller may not read people
	ChosenBy string    `json:"chosen_by" example:"group-1"`
	ChosenAt time.Time `json:"chosen_at"`
}

// TableName of choices.
func (Choice) TableName() string { return "value_choices" }

// Ref names the choice. It has one version.
func (c Choice) Ref() workflow.Ref { return workflow.Ref{Town: c.TownID, ID: c.ID, Version: 1} }

// SheetStates are sheets in the revisions that were weighed, stored as JSON text.
type SheetStates []SheetRevision

// SheetRevision is a sheet as it was weighed.
type SheetRevision struct {
	Sheet    string `json:"sheet" format:"uuid"`
	Revision int64  `json:"revision"` // that was approved when the choice was made
}

// Value stores the list.
func (s SheetStates) Value() (driver.Value, error) {
	return database.JSON[[]SheetRevision]{V: s}.Value()
}

// Scan reads what Value has stored.
func (s *SheetStates) Scan(src any) error { return database.ScanJSON(src, (*[]SheetRevision)(s)) }

// GormDataType is the column type on both databases.
func (SheetStates) GormDataType() string { return "text" }

func (s SheetStates) has(v ValueInSheet) bool {
	return slices.Contains(s, SheetRevision{Sheet: v.Sheet, Revision: v.Revision})
}

// counting returns which of the values counts: the one that all sheets report, or the one
// that was chosen among those that differ. It returns nil where there is none, and differ
// where the sheets report different values.
func counting(values []ValueInSheet, choice *Choice) (counts *ValueInSheet, differ bool) {
	if len(values) == 0 {
		return nil, false
	}
	first := &values[0]
	if !slices.ContainsFunc(values, func(v ValueInSheet) bool { return !v.same(*first) }) {
		return first, false
	}
	if choice == nil {
		return nil, true
	}
	at := slices.IndexFunc(values, func(v ValueInSheet) bool { return v.Sheet == choice.SheetID && choice.Among.has(v) })
	if at < 0 {
		return nil, true
	}
	for _, v := range values {
		if !v.same(values[at]) && !choice.Among.has(v) { // it was not there to be weighed
			return nil, true
		}
	}
	return &values[at], true
}

// readChoices returns the last choice of each value of the period, by branch and code.
func readChoices(ctx context.Context, db *gorm.DB, townID, period string) (map[[2]string]*Choice, error) {
	var list []Choice
	err := db.WithContext(ctx).Where("town_id = ? AND period_code = ?", townID, period).Order("chosen_at, id").
		Find(&list).Error
	last := make(map[[2]string]*Choice, len(list))
	for i, c := range list {
		last[[2]string{c.BranchCode, c.Code}] = &list[i]
	}
	return last, err
}

// contradictionQuery asks for the contradictions of a period; zero fields do not narrow.
type contradictionQuery struct {
	branch, code string
	sheets       []string // only of these, which count as approved
	branches     []string // only of these
}

// contradictions reads the reported values of the period that differ between approved
// sheets of roles that report them, in the order of branches and codes: one statement, and
// one more where there are any.
func (p Period) contradictions(ctx context.Context, db *gorm.DB, q contradictionQuery) ([]Contradiction, error) {
	compiled, err := scheme.Load(ctx, db, p.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return nil, err
	}
	codes := append(compiled.Reported(), "")
	var rows []struct {
		BranchCode, Code string
		ValueInSheet
	}
	err = db.WithContext(ctx).Raw(
		`SELECT s.branch_code, e.code, s.id AS sheet, s.revision, s.evaluator_code AS evaluator, s.role,
	e.value, e.level, e.not_applicable
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = @town AND s.period_code = @period AND (s.state = @approved OR s.id IN @sheets)
	AND (@branch = '' OR s.branch_code = @branch) AND (@code = '' OR e.code = @code) AND e.code IN @codes
	AND (@every OR s.branch_code IN @branches) AND EXISTS (
		SELECT 1 FROM evaluations o
		JOIN entries f ON f.town_id = o.town_id AND f.evaluation_id = o.id AND f.revision = o.revision AND f.code = e.code
		WHERE o.town_id = s.town_id AND o.period_code = s.period_code AND o.branch_code = s.branch_code AND o.id <> s.id
			AND (o.state = @approved OR o.id IN @sheets)
			AND (f.value <> e.value OR f.level <> e.level OR f.not_applicable <> e.not_applicable))
ORDER BY s.branch_code, e.code, s.id`, map[string]any{
			"town": p.TownID, "period": p.Code, "approved": Approved, "sheets": append(slices.Clone(q.sheets), ""),
			"branch": q.branch, "code": q.code, "codes": codes,
			"every": q.branches == nil, "branches": append(slices.Clone(q.branches), ""),
		}).Scan(&rows).Error
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	choices, err := readChoices(ctx, db, p.TownID, p.Code)
	if err != nil {
		return nil, err
	}
	var found []Contradiction
	for len(rows) > 0 {
		c := Contradiction{Period: p.Code, Branch: rows[0].BranchCode, Indicator: rows[0].Code}
		for len(rows) > 0 && rows[0].BranchCode == c.Branch && rows[0].Code == c.Indicator {
			if v := rows[0].ValueInSheet; compiled.Reports(v.Role, c.Indicator) {
				c.Values = append(c.Values, v)
			}
			rows = rows[1:]
		}
		c.Choice = choices[[2]string{c.Branch, c.Indicator}]
		counts, differ := counting(c.Values, c.Choice)
		c.Settled = counts != nil
		if differ && c.concerns(q.sheets) {
			found = append(found, c)
		}
	}
	return found, nil
}

// concerns reports whether one of the sheets reports a value of it; any does where no
// sheets are given.
func (c Contradiction) concerns(sheets []string) bool {
	return len(sheets) == 0 || slices.ContainsFunc(c.Values,
		func(v ValueInSheet) bool { return slices.Contains(sheets, v.Sheet) })
}

// unsettled returns those on which nobody has decided.
func unsettled(list []Contradiction) []Contradiction {
	return slices.DeleteFunc(list, func(c Contradiction) bool { return c.Settled })
}

// ListContradictions returns the values of the period that approved sheets contradict, with
// what was chosen, in the order of branches and codes.
func ListContradictions(ctx context.Context, db *gorm.DB, townID, period string) (_ []Contradiction, err error) {
	defer fault.Wrap(&err, "contradictions of %s", period)
	p, err := FindPeriod(ctx, db, townID, period)
	if err != nil {
		return nil, err
	}
	return p.contradictions(ctx, db, contradictionQuery{})
}

// ContradictionsOf returns the values of the sheets that approved ones contradict, and the other
// sheets of the list, which count as approved.
func (p Period) ContradictionsOf(ctx context.Context, db *gorm.DB, sheets []string) (_ []Contradiction, err error) {
	defer fault.Wrap(&err, "contradictions of %s", p.Code)
	return p.contradictions(ctx, db, contradictionQuery{sheets: sheets})
}

// refuseContradictions returns a refusal to lock with every value on which nobody has
// decided; nil where there is none.
func (p Period) refuseContradictions(ctx context.Context, tx *gorm.DB) error {
	list, err := p.contradictions(ctx, tx, contradictionQuery{})
	if list = unsettled(list); err != nil || len(list) == 0 {
		return err
	}
	e := fault.Conflict("contradictions",
		"已通过的考评表中有 %d 项数值互相矛盾：请退回有误的考评表，或说明理由选定采用哪一份",
		"approved sheets contradict each other in %d values: return the sheet that is wrong, or choose one with a reason",
		len(list)).Held(p.Lock())
	for _, c := range list[:min(len(list), maxListed)] {
		e = e.With(fault.Field("contradictions/"+c.Branch+"/"+c.Indicator, "contradicted",
			"%d 份考评表填报的数值不同", "%d sheets report different values", len(c.Values)))
	}
	return e
}

var contradictionNoun = text.Text{ZH: "互相矛盾的数值", EN: "contradiction"}

// WithholdLock removes lock from what is allowed with the periods in which reported values
// contradict each other and nobody has chosen, and cancel with those of which something is approved.
func WithholdLock(ctx context.Context, db *gorm.DB, periods []Period) error {
	if err := withholdCancel(ctx, db, periods); err != nil {
		return err
	}
	for i := range periods {
		p := &periods[i]
		if !slices.Contains(p.Allowed, "lock") {
			continue
		}
		list, err := p.contradictions(ctx, db, contradictionQuery{})
		if err != nil {
			return err
		}
		if len(unsettled(list)) > 0 {
			p.Allowed = slices.DeleteFunc(p.Allowed, func(verb string) bool { return verb == "lock" })
		}
	}
	return nil
}

// choiceState is the one state of choices.
type choiceState string

const chosen choiceState = "chosen"

// choiceReader is a caller who chooses.
type choiceReader struct {
	viewer
	among *Contradiction // nil: nothing to choose from
}

func choiceReaderOf(ctx context.Context, db *gorm.DB, townID string) (*choiceReader, error) {
	v, err := viewerOf(ctx, db, townID, policy.ReadSheets)
	return &choiceReader{viewer: v}, err
}

type choiceRules = []workflow.Rule[Choice, *choiceReader]

// choices is the life of a choice: it is made until the period is locked, and then stays.
var choices = workflow.Kind[Choice, choiceState, *choiceReader]{
	Noun: contradictionNoun, Name: "contradiction", Column: "-",
	Titles: workflow.Titles[choiceState]{chosen: {ZH: "已选定", EN: "chosen"}}, Reader: choiceReaderOf,
	Verbs: []workflow.Verb[Choice, choiceState, *choiceReader]{{
		Name: "choose", To: chosen, Action: policy.DecideSheets, Reason: true, Silent: true,
		Who: choiceRules{ofOther}, When: choiceRules{beforeItsLock, contradicted, notOwnValue},
	}},
}.Checked()

func ofOther(v *choiceReader, c Choice) error { return v.refuseTied(c.BranchCode, c.PeriodCode) }

func beforeItsLock(v *choiceReader, c Choice) error { return v.during(c.PeriodCode, entering...) }

func contradicted(v *choiceReader, c Choice) error {
	if v.among == nil {
		return fault.Missing(contradictionNoun, c.BranchCode+"/"+c.Code)
	}
	return nil
}

// notOwnValue keeps people from choosing what they report themselves, and refuses a sheet
// that is none of those to choose from.
func notOwnValue(v *choiceReader, c Choice) error {
	at := slices.IndexFunc(v.among.Values, func(x ValueInSheet) bool { return x.Sheet == c.SheetID })
	if at < 0 {
		return fault.Broken(fault.Field("/sheet", "not_among_them",
			"请选择互相矛盾的考评表之一", "choose one of the sheets that contradict each other"))
	}
	if v.wrote(Sheet{EvaluatorCode: v.among.Values[at].Evaluator}) {
		return fault.Forbidden("own_sheet", "不能审批自己填写的考评表", "nobody decides on his or her own sheet")
	}
	return nil
}

// State returns the one state, and who chose.
func (v *choiceReader) State(c Choice) (choiceState, fault.Lock) {
	return chosen, fault.Lock{By: c.ChosenBy, Role: string(policy.LeadingGroup), At: c.ChosenAt, Reason: c.Reason}
}

// Visible narrows a query to the choices about branches in reach.
func (v *choiceReader) Visible(q *gorm.DB) *gorm.DB { return v.Reach.Narrow(q) }

// Load reads the period, held against its lock, and what there is to choose from.
func (v *choiceReader) Load(ctx context.Context, db *gorm.DB, list []Choice, _ workflow.Depth) (err error) {
	if v.periods != nil {
		return nil
	}
	c := list[0]
	if v.periods, err = readPeriods(db.WithContext(ctx).Clauses(shared), v.Town, []string{c.PeriodCode}); err != nil {
		return err
	}
	p, there := v.periods[c.PeriodCode]
	if !there {
		return nil
	}
	found, err := p.contradictions(ctx, db, contradictionQuery{branch: c.BranchCode, code: c.Code})
	if len(found) > 0 {
		v.among = &found[0]
	}
	return err
}

// Show returns the choice.
func (v *choiceReader) Show(c Choice, _ []string) Choice { return c }

// Audit returns the whole choice.
func (v *choiceReader) Audit(c Choice, _ string) (string, any) {
	return "periods/" + c.PeriodCode + "/contradictions/" + c.BranchCode + "/" + c.Code, c
}

// Choose settles a contradiction by the value of one of its sheets, with a reason, until
// the period is locked. An earlier choice is followed by this one.
func Choose(ctx context.Context, db *gorm.DB, c Choice) (Contradiction, error) {
	p, err := FindPeriod(ctx, db, c.TownID, c.PeriodCode)
	if err != nil {
		return Contradiction{}, err
	}
	if _, err := p.branch(ctx, db, c.BranchCode); err != nil {
		return Contradiction{}, err
	}
	c.ID = database.NewID()
	var after Contradiction
	_, err = choices.Create(ctx, db, "choose", c.Reason, c, func(tx *gorm.DB, v *choiceReader, c *Choice) error {
		c.ChosenBy, c.ChosenAt, c.Among = v.Name(), tx.NowFunc(), nil
		for _, x := range v.among.Values {
			c.Among = append(c.Among, SheetRevision{Sheet: x.Sheet, Revision: x.Revision})
		}
		after = *v.among
		after.Choice, after.Settled = c, true
		return tx.Create(c).Error
	})
	return after, err
}

// markContradicted sets in each sheet the codes of which other approved sheets report
// another value and nobody has chosen. Periods that are locked have none.
func markContradicted(ctx context.Context, db *gorm.DB, periods map[string]Period, list []Sheet) error {
	branches := map[string][]string{}
	for _, s := range list {
		if p := periods[s.PeriodCode]; slices.Contains(entering, p.State) && s.State == Approved &&
			!slices.Contains(branches[p.Code], s.BranchCode) {
			branches[p.Code] = append(branches[p.Code], s.BranchCode)
		}
	}
	codes := map[string][]string{}
	for period, of := range branches {
		found, err := periods[period].contradictions(ctx, db, contradictionQuery{branches: of})
		if err != nil {
			return err
		}
		for _, c := range unsettled(found) {
			for _, v := range c.Values {
				codes[v.Sheet] = append(codes[v.Sheet], c.Indicator)
			}
		}
	}
	for i := range list {
		list[i].Contradicted = codes[list[i].ID]
	}
	return nil
}

// contradictionsOf returns what the sheets contradict once they are approved, and nobody
// has chosen.
func contradictionsOf(ctx context.Context, db *gorm.DB, townID string, ids []string) ([]Contradiction, error) {
	var periods []Period
	err := db.WithContext(ctx).Where(
		"town_id = ? AND code IN (SELECT period_code FROM evaluations WHERE town_id = ? AND id IN ?)",
		townID, townID, append(ids, "")).Find(&periods).Error
	all := []Contradiction{}
	for _, p := range periods {
		found, more := p.contradictions(ctx, db, contradictionQuery{sheets: ids})
		if err = cmp.Or(err, more); err != nil {
			return nil, err
		}
		all = append(all, unsettled(found)...)
	}
	return all, err
}
