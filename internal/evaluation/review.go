package evaluation

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// ReviewedSheet is a sheet with its values, as who decides on it needs them.
type ReviewedSheet struct {
	Sheet      Sheet          `json:"sheet"`
	Branch     town.BranchRef `json:"branch"`
	Evaluator  people.Named   `json:"evaluator"`
	LastPeriod string         `json:"last_period,omitempty" example:"2023Q2"` // published before, of the same kind
	// the revision with which the values are compared: the one that was approved last, else the one that was returned
	// last; absent where nobody has decided on the sheet yet
	Compared *DecidedRevision `json:"compared,omitempty"`
	Values   []ReviewedValue  `json:"values"` // in the order of codes
	// entries of the compared revision that are not there any more
	Removed []LastValue `json:"removed"`
} // @name SheetWithValues

// DecidedRevision is a revision of a sheet on which somebody decided.
type DecidedRevision struct {
	Revision int64  `json:"revision" example:"1"`        // of the sheet
	Verb     string `json:"verb" enums:"approve,return"` // what was decided
} // @name DecidedRevision

// ReviewedValue is one entry of a sheet beside what it can be held against.
type ReviewedValue struct {
	Entry
	Name    string `json:"name" example:"三会一课"`        // in the language of the answer
	Unit    string `json:"unit,omitempty" example:"%"` // in words of the language
	Changed bool   `json:"changed"`                    // against the compared revision; false where there is none
	// what the compared revision had, where that is another value; absent too where it had none
	Before *LastValue `json:"before,omitempty"`
	// what counted in the last published period of what is reported, and the evaluator's own rating of what is rated
	Last     *LastValue `json:"last,omitempty"`
	Distance *float64   `json:"distance,omitempty" example:"-3.5"` // from the last value, where both are numbers
	// what other sheets report that are approved or on this page, where one differs
	Contradicts []ValueInSheet `json:"contradicts,omitempty"`
} // @name ReviewedValue

// ReviewQuery narrows the sheets of a period to review. Last is the last published period
// before it; nil where there is none.
type ReviewQuery struct {
	SheetFilter
	Town, Language string
	Last           *Period
}

// ListReview returns sheets of a period with their values and what these can be held
// against. The number of statements does not depend on how many there are.
func ListReview(ctx context.Context, db *gorm.DB, q ReviewQuery) (_ []ReviewedSheet, err error) {
	defer fault.Wrap(&err, "sheets to review of %s", q.Period)
	p, err := FindPeriod(ctx, db, q.Town, q.Period)
	if err != nil {
		return nil, err
	}
	compiled, err := scheme.Load(ctx, db, q.Town, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return nil, err
	}
	sheets, err := ListSheets(ctx, db, q.Town, q.SheetFilter)
	if err != nil || len(sheets) == 0 {
		return nil, err
	}
	r := review{ReviewQuery: q, period: p, scheme: compiled, sheets: sheets}
	if err := r.read(ctx, db); err != nil {
		return nil, err
	}
	list := make([]ReviewedSheet, len(sheets))
	for i, s := range sheets {
		list[i] = r.of(s)
	}
	return list, nil
}

// review is what sheets are shown with.
type review struct {
	ReviewQuery
	period  Period
	scheme  *scheme.Compiled
	sheets  []Sheet
	refs    town.BranchRefs
	names   map[string]string
	decided map[string]DecidedRevision
	entries map[string][]Entry // of the sheets, by id: of all their revisions
	found   []Contradiction

	last       reportedValues
	lastScheme *scheme.Compiled
}

func (r *review) read(ctx context.Context, db *gorm.DB) (err error) {
	ids, evaluators := make([]string, len(r.sheets)), make([]string, len(r.sheets))
	for i, s := range r.sheets {
		ids[i], evaluators[i] = s.ID, s.EvaluatorCode
	}
	if r.refs, err = town.ListBranchRefs(ctx, db, r.Town, r.period.EndsOn, r.Language); err != nil {
		return err
	}
	names, err := people.NamesOf(ctx, db, r.Town, evaluators)
	if err != nil {
		return err
	}
	r.names = make(map[string]string, len(names))
	for code, name := range names {
		r.names[code] = name.In(r.Language)
	}
	if err := r.readRevisions(ctx, db, ids); err != nil {
		return err
	}
	if r.found, err = r.period.contradictions(ctx, db, contradictionQuery{sheets: ids}); err != nil {
		return err
	}
	if r.Last == nil {
		return nil
	}
	r.last, r.lastScheme, err = r.Last.counted(ctx, db)
	return err
}

// readRevisions reads the entries of all revisions, and on which of them somebody decided: a
// sheet goes to the next revision each time it is returned.
func (r *review) readRevisions(ctx context.Context, db *gorm.DB, ids []string) error {
	var entries []Entry
	err := db.WithContext(ctx).Where("town_id = ? AND evaluation_id IN ?", r.Town, ids).
		Order("evaluation_id, revision, code").Find(&entries).Error
	if err != nil {
		return err
	}
	r.entries = map[string][]Entry{}
	for _, e := range entries {
		r.entries[e.EvaluationID] = append(r.entries[e.EvaluationID], e)
	}
	var steps []workflow.Transition
	err = db.WithContext(ctx).Where("town_id = ? AND kind = ? AND record_id IN ? AND verb IN ?",
		r.Town, sheets.Name, ids, []string{"approve", "return"}).Order("record_id, version").Find(&steps).Error
	r.decided = map[string]DecidedRevision{}
	revision := map[string]int64{}
	for _, step := range steps {
		now := revision[step.RecordID] + 1
		if step.Verb == "approve" || r.decided[step.RecordID].Verb != "approve" {
			r.decided[step.RecordID] = DecidedRevision{now, step.Verb}
		}
		if step.Verb == "return" {
			revision[step.RecordID]++
		}
	}
	return err
}

// of returns one sheet as it is shown.
func (r *review) of(s Sheet) ReviewedSheet {
	out := ReviewedSheet{
		Sheet: s, Branch: r.refs.Of(s.BranchCode), Evaluator: people.Named{Code: s.EvaluatorCode, Name: r.names[s.EvaluatorCode]},
		Values: []ReviewedValue{}, Removed: []LastValue{},
	}
	if r.Last != nil {
		out.LastPeriod = r.Last.Code
	}
	before := map[string]Entry{}
	if d, ok := r.decided[s.ID]; ok {
		out.Compared = &d
		for _, e := range r.entries[s.ID] {
			if e.Revision == d.Revision {
				before[e.Code] = e
			}
		}
	}
	columns := columnsOf(r.scheme, s.Role, r.Language)
	for _, e := range r.entries[s.ID] {
		if e.Revision != s.Revision {
			continue
		}
		e.Ignored = !r.scheme.Reports(s.Role, e.Code)
		v := ReviewedValue{Entry: e, Contradicts: r.contradicts(s, e.Code)}
		if i := slices.IndexFunc(columns, func(c FormColumn) bool { return c.Code == e.Code }); i >= 0 {
			v.Name, v.Unit = columns[i].Name, columns[i].Unit
			v.Last, v.Distance = r.lastOf(s, columns[i], e)
		}
		old, had := before[e.Code]
		if v.Changed = out.Compared != nil && (!had || !old.same(e)); v.Changed && had {
			v.Before = old.asLast()
		}
		out.Values = append(out.Values, v)
	}
	if out.Compared != nil {
		for _, e := range r.entries[s.ID] {
			gone := !slices.ContainsFunc(out.Values, func(v ReviewedValue) bool { return v.Code == e.Code })
			if gone && e.Revision == out.Compared.Revision {
				out.Removed = append(out.Removed, *e.asLast())
			}
		}
	}
	return out
}

// same reports whether both entries say the same about the branch.
func (e Entry) same(other Entry) bool {
	return e.NotApplicable == other.NotApplicable && equal(e.Value, other.Value) && equal(e.Level, other.Level)
}

func (e Entry) asLast() *LastValue {
	return &LastValue{Code: e.Code, Value: e.Value, Level: e.Level, NotApplicable: e.NotApplicable}
}

// lastOf returns what stood in the last period at the place of the entry, and how far the
// entry is from it.
func (r *review) lastOf(s Sheet, c FormColumn, e Entry) (last *LastValue, distance *float64) {
	if r.last == nil || !c.SameIn(r.lastScheme) {
		return nil, nil
	}
	reported := r.last[[2]string{s.BranchCode, c.Code}]
	if last = c.lastOf(reported, s.EvaluatorCode); last != nil && last.Value != nil && e.Value != nil {
		distance = new(*e.Value - *last.Value)
	}
	return last, distance
}

// contradicts returns what other sheets report about the code of the sheet's branch, where
// one differs.
func (r *review) contradicts(s Sheet, code string) (values []ValueInSheet) {
	for _, c := range r.found {
		if c.Branch != s.BranchCode || c.Indicator != code {
			continue
		}
		for _, v := range c.Values {
			if v.Sheet != s.ID {
				values = append(values, v)
			}
		}
	}
	return values
}
