package review

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/town"
)

// Unsubmitted is a sheet that its evaluator has still to submit: one that is not begun, which
// has no id and state, a draft, or a returned one.
type Unsubmitted struct {
	Sheet   evaluation.Sheet
	Period  evaluation.Period
	DueOn   *day.Date // the last day in time, an exception included; nil where there is none
	Overdue bool
}

// ListUnsubmitted returns what evaluators have still to submit in the periods of the town
// that are open or in review, in the order of periods, evaluators and branches. Sheets that
// are not begun are those that completeness expects, of who is tied to the branch today, from
// the first day of entry on. The number of statements depends on the number of periods alone.
func ListUnsubmitted(ctx context.Context, db *gorm.DB, townID string) (list []Unsubmitted, err error) {
	defer fault.Wrap(&err, "unsubmitted sheets of %s", townID)
	var current []evaluation.Period
	err = db.WithContext(ctx).Where("town_id = ? AND state IN ?", townID, []evaluation.PeriodState{
		evaluation.Open, evaluation.Review,
	}).Order("starts_on, code").Find(&current).Error
	if err != nil || len(current) == 0 {
		return nil, err
	}
	today := day.Of(db.NowFunc())
	nobody := access.Caller{Town: townID, Today: today, Reach: access.Reach{All: true}}
	relations, err := people.ListRelations(ctx, db, townID, today, today)
	if err != nil {
		return nil, err
	}
	tied := make(map[pair]bool, len(relations))
	for _, r := range relations {
		tied[pair{r.BranchCode, r.PersonCode}] = true
	}
	for _, p := range current {
		o := overview{Caller: nobody, period: p}
		if o.branches, err = scored(ctx, db, p, nobody.Reach); err != nil {
			return nil, err
		}
		due, err := p.DueDays(ctx, db, today)
		if err != nil {
			return nil, err
		}
		from, until := p.Span()
		if err := o.read(ctx, db, from, until); err != nil {
			return nil, err
		}
		list = append(list, o.unsubmitted(tied, due)...)
	}
	return list, nil
}

func (o *overview) unsubmitted(tied map[pair]bool, due func(evaluation.Sheet) *day.Date) (list []Unsubmitted) {
	add := func(s evaluation.Sheet) {
		u := Unsubmitted{Sheet: s, Period: o.period, DueOn: due(s)}
		u.Overdue = u.DueOn != nil && o.Today > *u.DueOn
		list = append(list, u)
	}
	for _, s := range o.sheets {
		scored := slices.ContainsFunc(o.branches, func(b town.Branch) bool { return b.Code == s.BranchCode })
		if scored && (s.State == evaluation.Draft || s.State == evaluation.Returned) {
			add(s)
		}
	}
	begins := o.period.EntryFrom
	for at, role := range o.missing() {
		if tied[at] && (begins == nil || o.Today >= *begins) {
			add(evaluation.Sheet{
				TownID: o.period.TownID, PeriodCode: o.period.Code, BranchCode: at.branch, EvaluatorCode: at.evaluator, Role: role,
			})
		}
	}
	slices.SortFunc(list, func(a, b Unsubmitted) int {
		return cmp.Or(cmp.Compare(a.Sheet.EvaluatorCode, b.Sheet.EvaluatorCode), cmp.Compare(a.Sheet.BranchCode, b.Sheet.BranchCode))
	})
	return list
}

// missing returns the sheets that are expected and not begun, with the roles that they are
// expected of.
func (o *overview) missing() map[pair]policy.Role {
	missing := maps.Clone(o.expected)
	for _, s := range o.sheets {
		delete(missing, pair{s.BranchCode, s.EvaluatorCode})
	}
	return missing
}

// OwnSheet is a sheet that the caller has still to submit, as a row of the entry form.
type OwnSheet struct {
	Unsubmitted
	Row entry.Row
}

// ListOwnUnsubmitted returns what the caller has still to submit under the acting role, with
// what he or she can do, without entries.
func ListOwnUnsubmitted(ctx context.Context, db *gorm.DB, townID, language string) (list []OwnSheet, err error) {
	defer fault.Wrap(&err, "own sheets in %s", townID)
	p := access.PrincipalFrom(ctx)
	if p.Person == "" {
		return nil, nil
	}
	all, err := ListUnsubmitted(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	periods := map[string]evaluation.Period{}
	var own []evaluation.Sheet
	for _, u := range all {
		if u.Sheet.EvaluatorCode == p.Person && u.Sheet.Role == p.Role {
			own, list = append(own, u.Sheet), append(list, OwnSheet{Unsubmitted: u})
			periods[u.Period.Code] = u.Period
		}
	}
	if len(own) == 0 {
		return nil, nil
	}
	rows, err := entry.ListRows(ctx, db, townID, language, own, periods)
	for i := range rows {
		list[i].Row = rows[i]
	}
	return list, err
}

// SheetCount is how many sheets an evaluator has, by what is left to do.
type SheetCount struct {
	Open      int `json:"open"`      // drafts and returned ones: the evaluator's turn
	Submitted int `json:"submitted"` // the leading group's turn
	Approved  int `json:"approved"`
}

// CountSheets counts the sheets that evaluators wrote in the role, in all periods
// that are open or in review, by one statement. Nothing of what is in them is read.
func CountSheets(
	ctx context.Context, db *gorm.DB, townID string, role policy.Role,
) (counts map[string]SheetCount, err error) {
	defer fault.Wrap(&err, "count of sheets")
	var rows []struct {
		EvaluatorCode string
		SheetCount
	}
	err = db.WithContext(ctx).Raw(`SELECT e.evaluator_code,
	count(CASE WHEN e.state IN @open THEN 1 END) AS open,
	count(CASE WHEN e.state = @submitted THEN 1 END) AS submitted,
	count(CASE WHEN e.state = @approved THEN 1 END) AS approved
FROM evaluations e JOIN periods p ON p.town_id = e.town_id AND p.code = e.period_code
WHERE e.town_id = @town AND e.role = @role AND p.state IN @periods GROUP BY e.evaluator_code`, map[string]any{
		"town": townID, "role": role, "open": []evaluation.SheetState{evaluation.Draft, evaluation.Returned},
		"submitted": evaluation.Submitted, "approved": evaluation.Approved,
		"periods": []evaluation.PeriodState{evaluation.Open, evaluation.Review},
	}).Scan(&rows).Error
	counts = make(map[string]SheetCount, len(rows))
	for _, r := range rows {
		counts[r.EvaluatorCode] = r.SheetCount
	}
	return counts, err
}
