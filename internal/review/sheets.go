package review

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// SheetWithValues is a sheet with its values, as who decides on it needs them.
type SheetWithValues struct {
	Sheet      evaluation.Sheet `json:"sheet"`
	Branch     town.BranchRef   `json:"branch"`
	Evaluator  people.Named     `json:"evaluator"`
	LastPeriod string           `json:"last_period,omitempty" example:"2023Q2"` // published before, of the same kind
	// the revision with which the values are compared: the one that was approved last, else the one that was returned
	// last; absent where nobody has decided on the sheet yet
	Compared *DecidedRevision `json:"compared,omitempty"`
	Values   []ReviewedValue  `json:"values"` // in the order of codes
	// entries of the compared revision that are not there any more
	Removed []entry.LastValue `json:"removed"`
} // @name SheetWithValues

// DecidedRevision is a revision of a sheet on which somebody decided.
type DecidedRevision struct {
	Revision int64  `json:"revision" example:"1"`        // of the sheet
	Verb     string `json:"verb" enums:"approve,return"` // what was decided
} // @name DecidedRevision

// ReviewedValue is one entry of a sheet beside what it can be held against.
type ReviewedValue struct {
	evaluation.Entry
	Name    string `json:"name" example:"三会一课"`        // in the language of the answer
	Unit    string `json:"unit,omitempty" example:"%"` // in words of the language
	Changed bool   `json:"changed"`                    // against the compared revision; false where there is none
	// what the compared revision had, where that is another value; absent too where it had none
	Before *entry.LastValue `json:"before,omitempty"`
	// what counted in the last published period of what is reported, and the evaluator's own rating of what is rated
	Last     *entry.LastValue `json:"last,omitempty"`
	Distance *float64         `json:"distance,omitempty" example:"-3.5"` // from the last value, where both are numbers
	// what other sheets report that are approved or on this page, where one differs
	Contradicts []evaluation.ValueInSheet `json:"contradicts,omitempty"`
	FollowUp    bool                      `json:"follow_up"` // the last remark says that the value is to be followed up
	Remarks     []entry.Remark            `json:"remarks"`   // the oldest first
} // @name ReviewedValue

// SheetQuery narrows the sheets of a period to review. Last is the last published period
// before it; nil where there is none.
type SheetQuery struct {
	evaluation.SheetFilter
	Town, Language string
	FollowUp       bool // only those of which a value is to be followed up
	Last           *evaluation.Period
}

// Sheet is a sheet to decide on, with its values and the signals about it.
type Sheet struct {
	SheetWithValues
	Signals []Signal `json:"signals"` // of the period that name its evaluator and its branch
} // @name ReviewedSheet

// ListSheets returns sheets of a period with their values, what these can be held against, and
// signals. The number of statements does not depend on how many there are.
func ListSheets(ctx context.Context, db *gorm.DB, q SheetQuery) (_ []Sheet, err error) {
	defer fault.Wrap(&err, "sheets to review of %s", q.Period)
	reviewed, err := listWithValues(ctx, db, q)
	if err != nil || len(reviewed) == 0 {
		return nil, err
	}
	found, err := FindSignals(ctx, db, q.Town, q.Period, q.Language)
	if err != nil {
		return nil, err
	}
	list := make([]Sheet, len(reviewed))
	for i, s := range reviewed {
		list[i] = Sheet{SheetWithValues: s, Signals: []Signal{}}
		for _, signal := range found.Items {
			if slices.Contains(signal.Evaluators, s.Evaluator.Code) &&
				(len(signal.Branches) == 0 || slices.Contains(signal.Branches, s.Branch.Code)) {
				list[i].Signals = append(list[i].Signals, signal)
			}
		}
	}
	return list, nil
}

// listWithValues returns sheets of a period with their values and what these can be held
// against.
func listWithValues(ctx context.Context, db *gorm.DB, q SheetQuery) ([]SheetWithValues, error) {
	p, err := evaluation.FindPeriod(ctx, db, q.Town, q.Period)
	if err != nil {
		return nil, err
	}
	compiled, err := scheme.Load(ctx, db, q.Town, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return nil, err
	}
	if q.FollowUp {
		if q.Among, err = entry.FollowedUp(ctx, db, q.Town, q.Period); err != nil || len(q.Among) == 0 {
			return nil, err
		}
	}
	sheets, err := evaluation.ListSheets(ctx, db, q.Town, q.SheetFilter)
	if err != nil || len(sheets) == 0 {
		return nil, err
	}
	r := review{SheetQuery: q, period: p, scheme: compiled, sheets: sheets}
	if err := r.read(ctx, db); err != nil {
		return nil, err
	}
	list := make([]SheetWithValues, len(sheets))
	for i, s := range sheets {
		list[i] = r.of(s)
	}
	return list, nil
}

// sheetKind names sheets in the history.
const sheetKind = "evaluation"

// review is what sheets are shown with.
type review struct {
	SheetQuery
	period  evaluation.Period
	scheme  *scheme.Compiled
	sheets  []evaluation.Sheet
	refs    town.BranchRefs
	names   map[string]string
	decided map[string]DecidedRevision
	entries map[string][]evaluation.Entry // of the sheets, by id: of all their revisions
	found   []evaluation.Contradiction
	remarks entry.Remarks

	last       func(branch, code, person string) evaluation.ValueInSheet // nil where there is no last period
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
	if r.found, err = r.period.ContradictionsOf(ctx, db, ids); err != nil {
		return err
	}
	if r.remarks, err = entry.RemarksOn(ctx, db, r.Town, ids); err != nil {
		return err
	}
	if r.Last == nil {
		return nil
	}
	r.last, r.lastScheme, err = r.Last.Counted(ctx, db)
	return err
}

// readRevisions reads the entries of all revisions, and on which of them somebody decided: a
// sheet goes to the next revision each time it is returned.
func (r *review) readRevisions(ctx context.Context, db *gorm.DB, ids []string) error {
	var entries []evaluation.Entry
	err := db.WithContext(ctx).Where("town_id = ? AND evaluation_id IN ?", r.Town, ids).
		Order("evaluation_id, revision, code").Find(&entries).Error
	if err != nil {
		return err
	}
	r.entries = map[string][]evaluation.Entry{}
	for _, e := range entries {
		r.entries[e.EvaluationID] = append(r.entries[e.EvaluationID], e)
	}
	var steps []workflow.Transition
	err = db.WithContext(ctx).Where("town_id = ? AND kind = ? AND record_id IN ? AND verb IN ?",
		r.Town, sheetKind, ids, []string{"approve", "return"}).Order("record_id, version").Find(&steps).Error
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
func (r *review) of(s evaluation.Sheet) SheetWithValues {
	out := SheetWithValues{
		Sheet: s, Branch: r.refs.Of(s.BranchCode), Evaluator: people.Named{Code: s.EvaluatorCode, Name: r.names[s.EvaluatorCode]},
		Values: []ReviewedValue{}, Removed: []entry.LastValue{},
	}
	if r.Last != nil {
		out.LastPeriod = r.Last.Code
	}
	before := map[string]evaluation.Entry{}
	if d, ok := r.decided[s.ID]; ok {
		out.Compared = &d
		for _, e := range r.entries[s.ID] {
			if e.Revision == d.Revision {
				before[e.Code] = e
			}
		}
	}
	columns := entry.Columns(r.scheme, s.Role, r.Language)
	for _, e := range r.entries[s.ID] {
		if e.Revision != s.Revision {
			continue
		}
		e.Ignored = !r.scheme.Reports(s.Role, e.Code)
		v := ReviewedValue{
			Entry: e, Contradicts: r.contradicts(s, e.Code), FollowUp: r.remarks.FollowUp(s.ID, e.Code),
			Remarks: append([]entry.Remark{}, r.remarks.On(s.ID, e.Code)...),
		}
		if i := slices.IndexFunc(columns, func(c entry.Column) bool { return c.Code == e.Code }); i >= 0 {
			v.Name, v.Unit = columns[i].Name, columns[i].Unit
			v.Last, v.Distance = r.lastOf(s, columns[i], e)
		}
		old, had := before[e.Code]
		if v.Changed = out.Compared != nil && (!had || !old.Same(e)); v.Changed && had {
			v.Before = lastValue(old)
		}
		out.Values = append(out.Values, v)
	}
	if out.Compared != nil {
		for _, e := range r.entries[s.ID] {
			gone := !slices.ContainsFunc(out.Values, func(v ReviewedValue) bool { return v.Code == e.Code })
			if gone && e.Revision == out.Compared.Revision {
				out.Removed = append(out.Removed, *lastValue(e))
			}
		}
	}
	return out
}

func lastValue(e evaluation.Entry) *entry.LastValue {
	return &entry.LastValue{Code: e.Code, Value: e.Value, Level: e.Level, NotApplicable: e.NotApplicable}
}

// lastOf returns what stood in the last period at the place of the entry, and how far the
// entry is from it.
func (r *review) lastOf(s evaluation.Sheet, c entry.Column, e evaluation.Entry) (last *entry.LastValue, distance *float64) {
	if r.last == nil || !c.SameIn(r.lastScheme) {
		return nil, nil
	}
	last = entry.LastOf(c.Code, r.last(s.BranchCode, c.Code, s.EvaluatorCode))
	if last != nil && last.Value != nil && e.Value != nil {
		distance = new(*e.Value - *last.Value)
	}
	return last, distance
}

// contradicts returns what other sheets report about the code of the sheet's branch, where
// one differs.
func (r *review) contradicts(s evaluation.Sheet, code string) (values []evaluation.ValueInSheet) {
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
