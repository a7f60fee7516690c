// Package entry holds the entry form: all that one person enters in a period, as a table of
// branches and columns, and the submission of many of its rows at once.
package entry

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// Form is all that one caller enters in a period (填报表): a row for each branch, a column
// for each value that his or her role fills.
type Form struct {
	Period     string                 `json:"period" example:"2023Q3"` // its code
	State      evaluation.PeriodState `json:"state"`                   // of the period
	Scheme     scheme.Ref             `json:"scheme"`
	Role       policy.Role            `json:"role" swaggertype:"string" example:"mentor"`               // whose columns these are
	EntryFrom  *day.Date              `json:"entry_from,omitempty" swaggertype:"string" format:"date"`  // first day of entry
	EntryUntil *day.Date              `json:"entry_until,omitempty" swaggertype:"string" format:"date"` // last day of entry
	LastPeriod string                 `json:"last_period,omitempty" example:"2023Q2"`                   // published, of the same kind
	Columns    []Column               `json:"columns"`                                                  // in the order of the scheme
	Rows       []Row                  `json:"rows"`                                                     // in the order of the codes of branches

	all                         bool   // the caller may enter about every branch
	town, evaluator, schemeHash string // to what a template of the form belongs
} // @name EntryForm

// Column is one value that the role fills.
type Column struct {
	Code      string  `json:"code" example:"organisation.01"` // of the indicator or quantity
	Name      string  `json:"name" example:"三会一课"`            // in the language of the answer
	Dimension NodeRef `json:"dimension"`
	// waiver: a derived indicator, of which only can be said that it does not apply
	Kind     string        `json:"kind" enums:"reported,rated,quantity,waiver"`
	Unit     string        `json:"unit,omitempty" example:"%"` // in words of the language
	Range    *scheme.Range `json:"range,omitempty"`
	Decimals *int          `json:"decimals,omitempty" example:"1"` // at most
	Levels   []string      `json:"levels,omitempty"`               // entered instead of a value
	Waivable bool          `json:"waivable"`                       // an entry may say that it does not apply
	// of an indicator in the last period, by class; a class is absent where fewer than 5 of its values are of branches
	// that are not in the rows, since the caller could find single values
	Medians []Median `json:"medians"`

	appliesTo *scheme.Applicability
	unit      string // as in the scheme
} // @name EntryFormColumn

// NodeRef names a node of the scheme.
type NodeRef struct {
	Code string `json:"code" example:"organisation"` // in the scheme
	Name string `json:"name" example:"组织锻造力"`        // in the language of the answer
} // @name EntryFormNode

// Median is the median of the values that a class had in the last published period.
type Median struct {
	Class  string  `json:"class" example:"rural"` // its code
	Median float64 `json:"median" example:"92.5"` // of entered values, in the unit of the column
	Values int     `json:"values" example:"13"`   // branches with a value
	// between which values no question is raised about a branch of the class; absent where most values are equal
	Usual *scheme.Range `json:"usual,omitempty"`
} // @name EntryFormMedian

// Row is one branch with the caller's sheet about it, if there is one.
type Row struct {
	Branch   town.BranchRef        `json:"branch"`
	Sheet    string                `json:"sheet,omitempty" format:"uuid"`          // absent before it is begun
	Version  int64                 `json:"version,omitempty,omitzero" example:"3"` // of the sheet, for If-Match
	State    evaluation.SheetState `json:"state,omitempty"`                        // of the sheet
	Revision int64                 `json:"revision,omitempty,omitzero"`            // of the sheet
	Role     policy.Role           `json:"role,omitempty" swaggertype:"string"`    // in which the sheet was begun
	Note     string                `json:"note,omitempty"`                         // of the sheet
	Reason   string                `json:"reason,omitempty"`                       // of the last decision
	// last day to correct a returned sheet
	DueOn   *day.Date          `json:"due_on,omitempty" swaggertype:"string" format:"date"`
	Late    bool               `json:"late"`    // an exception let it be written
	Entries []evaluation.Entry `json:"entries"` // in the order of codes
	// what counted in the last period of what is reported, and the caller's own rating of what is rated
	Last   []LastValue `json:"last"`
	Exempt []string    `json:"exempt"` // codes of the columns that do not apply to the branch
	// codes of the values that are to be followed up, in the order of the columns: see the remarks on the sheet
	FollowUp []string `json:"follow_up"`
	// about entered values that may be slips, in the order of the columns; none about ratings
	Questions []Question `json:"questions"`
	// begin, write, submit or withdraw: what the caller can do with the row now
	Allowed []string          `json:"allowed"`
	Locked  *workflow.Refusal `json:"locked,omitempty"` // why nothing can be entered now; absent where it can
} // @name EntryFormRow

// LastValue is an approved value of the last published period.
type LastValue struct {
	Code          string   `json:"code" example:"organisation.01"`    // of the indicator or quantity
	Value         *float64 `json:"value,omitempty" example:"96.5"`    // in the unit of the indicator
	Level         *string  `json:"level,omitempty"`                   // instead of a value
	NotApplicable bool     `json:"not_applicable,omitempty,omitzero"` // the indicator did not apply
} // @name LastValue

// Query names a form. Last is the last published period before it; nil where there is
// none.
type Query struct {
	Town, Period, Language string
	Last                   *evaluation.Period
	// Medians returns the medians of a column in the last period, where the caller knows the values of the branches in
	// known; nil where there is no last period.
	Medians func(c Column, known func(branch string) bool) []Median
}

// Find returns what the caller enters in the period. Its rows are the scored branches that the caller is tied to today, all
// of them for the leading group, and those about which he or she has a sheet. The number of
// statements does not depend on how many there are.
func Find(ctx context.Context, db *gorm.DB, q Query) (_ Form, err error) {
	defer fault.Wrap(&err, "entry form of %s", q.Period)
	v, err := readerOf(ctx, db, q.Town, q.Language)
	if err != nil {
		return Form{}, err
	}
	p, err := evaluation.FindPeriod(ctx, db, q.Town, q.Period)
	if err != nil {
		return Form{}, err
	}
	compiled, err := scheme.Load(ctx, db, q.Town, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return Form{}, err
	}
	f := Form{
		Period: p.Code, State: p.State, Scheme: p.Scheme, Role: v.Role, EntryFrom: p.EntryFrom, EntryUntil: p.EntryUntil,
		Columns: Columns(compiled, v.Role, q.Language),
		all:     access.PrincipalFrom(ctx).ScopeOf(policy.WriteSheets) == policy.All,
		town:    q.Town, evaluator: v.Person, schemeHash: compiled.Hash,
	}
	if f.Rows, err = v.rowsIn(ctx, db, p); err != nil {
		return f, err
	}
	f.exempt()
	if err := f.readEntries(ctx, db, q.Town, compiled); err != nil {
		return f, err
	}
	if err := f.readRemarks(ctx, db, q.Town); err != nil {
		return f, err
	}
	if q.Last != nil {
		f.LastPeriod = q.Last.Code
		if err := f.readLast(ctx, db, v.Person, *q.Last); err != nil {
			return f, err
		}
		f.setMedians(q.Medians)
	}
	f.ask(q.Language)
	return f, nil
}

// setMedians sets what the columns had in the last period. Who may read all sheets finds nothing by them.
func (f *Form) setMedians(medians func(c Column, known func(branch string) bool) []Median) {
	known := map[string]bool{}
	for _, row := range f.Rows {
		known[row.Branch.Code] = !f.all
	}
	for i, c := range f.Columns {
		f.Columns[i].Medians = medians(c, func(branch string) bool { return known[branch] })
	}
}

// Columns returns the columns that the role fills: an indicator that is reported or rated,
// and, at the place of a derived one, the quantities that it is made of.
func Columns(c *scheme.Compiled, role policy.Role, language string) []Column {
	columns, filled := []Column{}, map[string]bool{}
	for _, i := range c.Flat() {
		n := c.Node(i.Code)
		column := Column{
			Code: n.Code, Name: n.Name.In(language), Kind: string(n.Entry), Range: n.Range, Decimals: n.Decimals,
			Levels: n.Levels(), Waivable: n.Waivable, appliesTo: n.AppliesTo, unit: n.Unit,
		}
		if len(i.Path) > 0 {
			column.Dimension = NodeRef{Code: i.Path[0], Name: c.Node(i.Path[0]).Name.In(language)}
		}
		if n.Derive != nil {
			for _, code := range []string{n.Derive.Numerator, n.Derive.Denominator} {
				q := c.Quantity(code)
				if q == nil || filled[code] || !c.Reports(role, code) {
					continue
				}
				filled[code] = true
				columns = append(columns, Column{
					Code: q.Code, Name: q.Name.In(language), Dimension: column.Dimension, Kind: "quantity", Range: q.Range,
					Decimals: q.Decimals, appliesTo: q.AppliesTo, unit: q.Unit,
				})
			}
			column.Kind, column.Range, column.Decimals = "waiver", nil, nil
		}
		counts := c.Reports(role, n.Code) && (n.Derive == nil || n.Waivable)
		if n.Entry == scheme.Rated {
			counts = n.RatedBy(role)
		}
		if counts {
			columns = append(columns, column)
		}
	}
	for i := range columns {
		columns[i].Unit, columns[i].Medians = scheme.UnitName(columns[i].unit, language), []Median{}
	}
	return columns
}

// covers reports whether the column applies to the branch.
func (c Column) covers(b town.BranchRef) bool { return c.appliesTo.Covers(b.Kind, b.Class) }

func (f *Form) exempt() {
	for i, row := range f.Rows {
		f.Rows[i].Exempt = []string{}
		for _, c := range f.Columns {
			if !c.covers(row.Branch) {
				f.Rows[i].Exempt = append(f.Rows[i].Exempt, c.Code)
			}
		}
	}
}

// reader is a caller who reads the entry form.
type reader struct {
	access.Caller
	language string // of the answer
}

func readerOf(ctx context.Context, db *gorm.DB, townID, language string) (reader, error) {
	v, err := access.CallerOf(ctx, db, townID, policy.ReadSheets)
	return reader{v, language}, err
}

// rowsIn returns the rows of the period with what the caller can do, without their values.
func (v reader) rowsIn(ctx context.Context, db *gorm.DB, p evaluation.Period) ([]Row, error) {
	refs, err := town.ListBranchRefs(ctx, db, p.TownID, p.EndsOn, v.language)
	if err != nil {
		return nil, err
	}
	branches, err := town.ListBranches(ctx, db, p.TownID, p.BranchFilter())
	if err != nil {
		return nil, err
	}
	branches = slices.DeleteFunc(branches, func(b town.Branch) bool { return !v.Reach.Has(b.Code) })
	var list []evaluation.Sheet
	err = db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND evaluator_code = ?", p.TownID, p.Code, v.Person).
		Order("id").Find(&list).Error
	if err != nil {
		return nil, err
	}
	for _, b := range branches {
		refs[b.Code] = b.Ref(v.language)
		if !slices.ContainsFunc(list, func(s evaluation.Sheet) bool { return s.BranchCode == b.Code }) {
			list = append(list, evaluation.Sheet{
				TownID: p.TownID, PeriodCode: p.Code, BranchCode: b.Code, EvaluatorCode: v.Person, Role: v.Role,
			})
		}
	}
	rows, err := v.rowsOf(ctx, db, list, map[string]evaluation.Period{p.Code: p})
	for i, s := range list[:len(rows)] {
		rows[i].Branch = refs.Of(s.BranchCode)
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.Branch.Code, b.Branch.Code) })
	return rows, err
}

// ListRows returns the rows of the entry form that are about the caller's sheets, which need not
// be begun, in their order and without values. The periods are those of the sheets.
func ListRows(
	ctx context.Context, db *gorm.DB, townID, language string, list []evaluation.Sheet, periods map[string]evaluation.Period,
) (rows []Row, err error) {
	defer fault.Wrap(&err, "rows of %d sheets", len(list))
	v, err := readerOf(ctx, db, townID, language)
	if err != nil {
		return nil, err
	}
	if rows, err = v.rowsOf(ctx, db, list, periods); err != nil {
		return nil, err
	}
	refs, err := town.ListBranchRefs(ctx, db, townID, v.Today, language)
	if err != nil {
		return nil, err
	}
	for i, s := range list {
		rows[i].Branch = refs.Of(s.BranchCode)
	}
	return rows, nil
}

// rowsOf returns the rows of the caller's sheets, without the branches.
func (v reader) rowsOf(
	ctx context.Context, db *gorm.DB, list []evaluation.Sheet, periods map[string]evaluation.Period,
) ([]Row, error) {
	refusals, err := evaluation.AllowEntry(ctx, db, v.Caller, list, periods)
	if err != nil {
		return nil, err
	}
	rows := make([]Row, len(list))
	for i, s := range list {
		rows[i] = Row{
			Sheet: s.ID, Version: s.Version, State: s.State, Revision: s.Revision, Note: s.Note, Reason: s.Reason,
			DueOn: s.DueOn, Late: s.ExceptionID != nil, Entries: []evaluation.Entry{}, Last: []LastValue{}, Questions: []Question{}, FollowUp: []string{}, Allowed: s.Allowed,
		}
		if s.ID != "" {
			rows[i].Role = s.Role
		}
		var refusal *fault.Error
		if errors.As(refusals[i], &refusal) {
			rows[i].Locked = workflow.RefusalOf(ctx, refusal, v.language)
		} else if refusals[i] != nil {
			return nil, refusals[i]
		}
	}
	return rows, nil
}

// readEntries reads the entries of all sheets in one statement.
func (f *Form) readEntries(ctx context.Context, db *gorm.DB, townID string, c *scheme.Compiled) error {
	at, ids := map[string]int{}, []string{}
	for i, row := range f.Rows {
		if row.Sheet != "" {
			at[row.Sheet], ids = i, append(ids, row.Sheet)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var list []evaluation.Entry
	err := db.WithContext(ctx).Joins("JOIN evaluations s ON s.town_id = entries.town_id AND s.id = entries.evaluation_id AND "+
		"s.revision = entries.revision").Where("s.town_id = ? AND s.id IN ?", townID, ids).
		Order("entries.evaluation_id, entries.code").Find(&list).Error
	for _, e := range list {
		row := &f.Rows[at[e.EvaluationID]]
		e.Ignored = !c.Reports(row.Role, e.Code)
		row.Entries = append(row.Entries, e)
	}
	return err
}

// readRemarks sets what is to be followed up in the sheets, which are the caller's own.
func (f *Form) readRemarks(ctx context.Context, db *gorm.DB, townID string) error {
	var sheets []string
	for _, row := range f.Rows {
		if row.Sheet != "" {
			sheets = append(sheets, row.Sheet)
		}
	}
	if len(sheets) == 0 {
		return nil
	}
	remarks, err := RemarksOn(ctx, db, townID, sheets)
	for i, row := range f.Rows {
		for _, c := range f.Columns {
			if remarks.FollowUp(row.Sheet, c.Code) {
				f.Rows[i].FollowUp = append(f.Rows[i].FollowUp, c.Code)
			}
		}
	}
	return err
}

// readLast sets what was approved in an earlier period of the columns that meant the same
// then.
func (f *Form) readLast(ctx context.Context, db *gorm.DB, person string, last evaluation.Period) error {
	counted, compiled, err := last.Counted(ctx, db)
	if err != nil {
		return err
	}
	for i, row := range f.Rows {
		for _, c := range f.Columns {
			if !c.covers(row.Branch) || !c.SameIn(compiled) {
				continue
			}
			if value := LastOf(c.Code, counted(row.Branch.Code, c.Code, person)); value != nil {
				f.Rows[i].Last = append(f.Rows[i].Last, *value)
			}
		}
	}
	return nil
}

// LastOf returns what a sheet has of the code; nil where that is nothing.
func LastOf(code string, v evaluation.ValueInSheet) *LastValue {
	if v.Value == nil && v.Level == nil && !v.NotApplicable {
		return nil
	}
	return &LastValue{Code: code, Value: v.Value, Level: v.Level, NotApplicable: v.NotApplicable}
}

// SameIn reports whether the code stands for the same in the scheme: its kind, unit and
// levels, so that values can be compared.
func (c Column) SameIn(other *scheme.Compiled) bool {
	if c.Kind == "quantity" {
		q := other.Quantity(c.Code)
		return q != nil && q.Unit == c.unit
	}
	n := other.Node(c.Code)
	if n == nil || len(n.Children) > 0 || n.Unit != c.unit || !slices.Equal(n.Levels(), c.Levels) {
		return false
	}
	return string(n.Entry) == c.Kind || n.Entry == scheme.Derived && c.Kind == "waiver"
}
