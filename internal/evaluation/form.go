package evaluation

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// Form is all that one caller enters in a period (填报表): a row for each branch, a column
// for each value that his or her role fills.
type Form struct {
	Period     string       `json:"period" example:"2023Q3"` // its code
	State      PeriodState  `json:"state"`                   // of the period
	Scheme     scheme.Ref   `json:"scheme"`
	Role       policy.Role  `json:"role" swaggertype:"string" example:"mentor"`               // whose columns these are
	EntryFrom  *day.Date    `json:"entry_from,omitempty" swaggertype:"string" format:"date"`  // first day of entry
	EntryUntil *day.Date    `json:"entry_until,omitempty" swaggertype:"string" format:"date"` // last day of entry
	LastPeriod string       `json:"last_period,omitempty" example:"2023Q2"`                   // published, of the same kind
	Columns    []FormColumn `json:"columns"`                                                  // in the order of the scheme
	Rows       []FormRow    `json:"rows"`                                                     // in the order of the codes of branches
} // @name EntryForm

// FormColumn is one value that the role fills.
type FormColumn struct {
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
	Medians []FormMedian `json:"medians"`

	appliesTo *scheme.Applicability
	unit      string // as in the scheme
} // @name EntryFormColumn

// NodeRef names a node of the scheme.
type NodeRef struct {
	Code string `json:"code" example:"organisation"` // in the scheme
	Name string `json:"name" example:"组织锻造力"`        // in the language of the answer
} // @name EntryFormNode

// FormMedian is the median of the values that a class had in the last published period.
type FormMedian struct {
	Class  string  `json:"class" example:"rural"` // its code
	Median float64 `json:"median" example:"92.5"` // of entered values, in the unit of the column
	Values int     `json:"values" example:"13"`   // branches with a value
} // @name EntryFormMedian

// FormRow is one branch with the caller's sheet about it, if there is one.
type FormRow struct {
	Branch   town.BranchRef `json:"branch"`
	Sheet    string         `json:"sheet,omitempty" format:"uuid"`          // absent before it is begun
	Version  int64          `json:"version,omitempty,omitzero" example:"3"` // of the sheet, for If-Match
	State    SheetState     `json:"state,omitempty"`                        // of the sheet
	Revision int64          `json:"revision,omitempty,omitzero"`            // of the sheet
	Role     policy.Role    `json:"role,omitempty" swaggertype:"string"`    // in which the sheet was begun
	Note     string         `json:"note,omitempty"`                         // of the sheet
	Reason   string         `json:"reason,omitempty"`                       // of the last decision
	// last day to correct a returned sheet
	DueOn   *day.Date `json:"due_on,omitempty" swaggertype:"string" format:"date"`
	Late    bool      `json:"late"`    // an exception let it be written
	Entries []Entry   `json:"entries"` // in the order of codes
	// what counted in the last period of what is reported, and the caller's own rating of what is rated
	Last   []LastValue `json:"last"`
	Exempt []string    `json:"exempt"` // codes of the columns that do not apply to the branch
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

// FormQuery names a form. Last is the last published period before it; nil where there is
// none.
type FormQuery struct {
	Town, Period, Language string
	Last                   *Period
}

// FindForm returns what the caller enters in the period, without the medians, which are of
// published results. Its rows are the scored branches that the caller is tied to today, all
// of them for the leading group, and those about which he or she has a sheet. The number of
// statements does not depend on how many there are.
func FindForm(ctx context.Context, db *gorm.DB, q FormQuery) (_ Form, err error) {
	defer fault.Wrap(&err, "entry form of %s", q.Period)
	v, err := sheetReaderOf(ctx, db, q.Town)
	if err != nil {
		return Form{}, err
	}
	p, err := FindPeriod(ctx, db, q.Town, q.Period)
	if err != nil {
		return Form{}, err
	}
	compiled, err := scheme.Load(ctx, db, q.Town, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return Form{}, err
	}
	f := Form{
		Period: p.Code, State: p.State, Scheme: p.Scheme, Role: v.Role, EntryFrom: p.EntryFrom, EntryUntil: p.EntryUntil,
		Columns: columnsOf(compiled, v.Role, q.Language),
	}
	v.periods = map[string]Period{p.Code: p}
	if f.Rows, err = v.formRows(ctx, db, p, q.Language); err != nil {
		return f, err
	}
	f.exempt()
	if err := f.readEntries(ctx, db, q.Town, compiled); err != nil || q.Last == nil {
		return f, err
	}
	f.LastPeriod = q.Last.Code
	return f, f.readLast(ctx, db, v.Person, *q.Last)
}

// columnsOf returns the columns that the role fills: an indicator that is reported or rated,
// and, at the place of a derived one, the quantities that it is made of.
func columnsOf(c *scheme.Compiled, role policy.Role, language string) []FormColumn {
	columns, filled := []FormColumn{}, map[string]bool{}
	for _, i := range c.Flat() {
		n := c.Node(i.Code)
		column := FormColumn{
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
				columns = append(columns, FormColumn{
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
		columns[i].Unit, columns[i].Medians = scheme.UnitName(columns[i].unit, language), []FormMedian{}
	}
	return columns
}

// covers reports whether the column applies to the branch.
func (c FormColumn) covers(b town.BranchRef) bool { return c.appliesTo.Covers(b.Kind, b.Class) }

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

// formRows returns the rows with what the caller can do, without their values.
func (v *sheetReader) formRows(ctx context.Context, db *gorm.DB, p Period, language string) ([]FormRow, error) {
	refs, err := town.ListBranchRefs(ctx, db, p.TownID, p.EndsOn, language)
	if err != nil {
		return nil, err
	}
	branches, err := town.ListBranches(ctx, db, p.TownID, p.BranchFilter())
	if err != nil {
		return nil, err
	}
	branches = slices.DeleteFunc(branches, func(b town.Branch) bool { return !v.Reach.Has(b.Code) })
	var list []Sheet
	err = db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND evaluator_code = ?", p.TownID, p.Code, v.Person).
		Order("id").Find(&list).Error
	if err != nil {
		return nil, err
	}
	for _, b := range branches {
		refs[b.Code] = b.Ref(language)
		if !slices.ContainsFunc(list, func(s Sheet) bool { return s.BranchCode == b.Code }) {
			list = append(list, Sheet{
				TownID: p.TownID, PeriodCode: p.Code, BranchCode: b.Code, EvaluatorCode: v.Person, Role: v.Role,
			})
		}
	}
	if err := v.Load(ctx, db, list, workflow.ForList); err != nil {
		return nil, err
	}
	rows := make([]FormRow, len(list))
	for i, s := range list {
		if rows[i], err = v.formRow(ctx, db, s, language); err != nil {
			return nil, err
		}
		rows[i].Branch = refs.Of(s.BranchCode)
	}
	slices.SortFunc(rows, func(a, b FormRow) int { return cmp.Compare(a.Branch.Code, b.Branch.Code) })
	return rows, nil
}

// formRow returns the row of a sheet, or of one that is not begun, which has no id.
func (v *sheetReader) formRow(ctx context.Context, db *gorm.DB, s Sheet, language string) (row FormRow, err error) {
	row = FormRow{
		Sheet: s.ID, Version: s.Version, State: s.State, Revision: s.Revision, Note: s.Note, Reason: s.Reason,
		DueOn: s.DueOn, Late: s.ExceptionID != nil, Entries: []Entry{}, Last: []LastValue{},
	}
	if s.ID == "" {
		row.Allowed = []string{}
		if _, err = sheets.Table().Create(v, s, "begin", ""); err == nil && !v.ReadOnly {
			row.Allowed = append(row.Allowed, "begin")
		}
	} else {
		row.Role, row.Allowed = s.Role, sheets.Allowed(v, s)
		_, err = sheets.Table().Do(v, s, "write", "")
	}
	if errors.Is(err, errGone) { // by whom it ended
		if _, err = v.periods[s.PeriodCode].branch(ctx, db, s.BranchCode); err == nil {
			return row, nil
		}
	}
	var refusal *fault.Error
	if !errors.As(err, &refusal) {
		return row, err
	}
	row.Locked = workflow.RefusalOf(ctx, refusal, language)
	return row, nil
}

// ListRows returns the rows of the entry form that are about the caller's sheets, which need not
// be begun, in their order and without values. The periods are those of the sheets.
func ListRows(
	ctx context.Context, db *gorm.DB, townID, language string, list []Sheet, periods map[string]Period,
) (rows []FormRow, err error) {
	defer fault.Wrap(&err, "rows of %d sheets", len(list))
	v, err := sheetReaderOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	v.periods = periods
	if err := v.Load(ctx, db, list, workflow.ForList); err != nil {
		return nil, err
	}
	refs, err := town.ListBranchRefs(ctx, db, townID, v.Today, language)
	if err != nil {
		return nil, err
	}
	rows = make([]FormRow, len(list))
	for i, s := range list {
		if rows[i], err = v.formRow(ctx, db, s, language); err != nil {
			return nil, err
		}
		rows[i].Branch = refs.Of(s.BranchCode)
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
	list, err := entriesOf(db.WithContext(ctx), townID, ids)
	for _, e := range list {
		row := &f.Rows[at[e.EvaluationID]]
		e.Ignored = !c.Reports(row.Role, e.Code)
		row.Entries = append(row.Entries, e)
	}
	return err
}

// entriesOf returns the entries of the present revisions of the sheets, in the order of
// codes.
func entriesOf(q *gorm.DB, townID string, ids []string) (list []Entry, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	err = q.Joins("JOIN evaluations s ON s.town_id = entries.town_id AND s.id = entries.evaluation_id AND "+
		"s.revision = entries.revision").Where("s.town_id = ? AND s.id IN ?", townID, ids).
		Order("entries.evaluation_id, entries.code").Find(&list).Error
	return list, err
}

// readLast sets what was approved in an earlier period of the columns that meant the same
// then.
func (f *Form) readLast(ctx context.Context, db *gorm.DB, person string, last Period) error {
	reported, compiled, err := last.counted(ctx, db)
	if err != nil {
		return err
	}
	for i, row := range f.Rows {
		for _, c := range f.Columns {
			if !c.covers(row.Branch) || !c.SameIn(compiled) {
				continue
			}
			if value := c.lastOf(reported[[2]string{row.Branch.Code, c.Code}], person); value != nil {
				f.Rows[i].Last = append(f.Rows[i].Last, *value)
			}
		}
	}
	return nil
}

// counted returns what was approved in the period, corrections included, with its scheme.
func (p Period) counted(ctx context.Context, db *gorm.DB) (reportedValues, *scheme.Compiled, error) {
	compiled, err := scheme.Load(ctx, db, p.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return nil, nil, err
	}
	reported, err := readReported(ctx, db, p, compiled, "")
	if err != nil {
		return nil, nil, err
	}
	corrections, err := p.corrections(ctx, db)
	reported.correct(corrections)
	return reported, compiled, err
}

// lastOf returns what counted of the reports about the column, and of one that is rated what
// the person rated; nil where that is nothing.
func (c FormColumn) lastOf(r *report, person string) *LastValue {
	if r == nil {
		return nil
	}
	value := r.effective()
	if c.Kind == string(scheme.Rated) {
		value = r.by(person)
	}
	if value.Value == nil && value.Level == nil && !value.NotApplicable {
		return nil
	}
	return &LastValue{Code: c.Code, Value: value.Value, Level: value.Level, NotApplicable: value.NotApplicable}
}

// by returns what the person reported; the zero value where it is nothing.
func (c *report) by(person string) ValueInSheet {
	for _, v := range c.values {
		if v.Evaluator == person {
			return v
		}
	}
	return ValueInSheet{}
}

// SameIn reports whether the code stands for the same in the scheme: its kind, unit and
// levels, so that values can be compared.
func (c FormColumn) SameIn(other *scheme.Compiled) bool {
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
