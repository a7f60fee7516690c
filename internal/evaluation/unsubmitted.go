package evaluation

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/town"
	"bulwark/internal/workflow"
)

// Unsubmitted is a sheet that its evaluator has still to submit: one that is not begun, which
// has no id and state, a draft, or a returned one.
type Unsubmitted struct {
	Sheet   Sheet
	Period  Period
	DueOn   *day.Date // the last day in time, an exception included; nil where there is none
	Overdue bool
}

// ListUnsubmitted returns what evaluators have still to submit in the periods of the town
// that are open or in review, in the order of periods, evaluators and branches. Sheets that
// are not begun are those that completeness expects, of who is tied to the branch today, from
// the first day of entry on. The number of statements depends on the number of periods alone.
func ListUnsubmitted(ctx context.Context, db *gorm.DB, townID string) (list []Unsubmitted, err error) {
	defer fault.Wrap(&err, "unsubmitted sheets of %s", townID)
	var current []Period
	err = db.WithContext(ctx).Where("town_id = ? AND state IN ?", townID, entering).Order("starts_on, code").
		Find(&current).Error
	if err != nil || len(current) == 0 {
		return nil, err
	}
	today := day.Of(db.NowFunc())
	v := viewer{Caller: access.Caller{Town: townID, Today: today, Reach: access.Reach{All: true}}}
	granted, err := inForce(ctx, db, townID, today)
	if err != nil {
		return nil, err
	}
	relations, err := people.ListRelations(ctx, db, townID, today, today)
	if err != nil {
		return nil, err
	}
	tied := make(map[pair]bool, len(relations))
	for _, r := range relations {
		tied[pair{r.BranchCode, r.PersonCode}] = true
	}
	for _, p := range current {
		o := overview{viewer: v, granted: granted, period: p}
		if o.branches, err = v.scored(ctx, db, p); err != nil {
			return nil, err
		}
		from, until := p.span()
		if err := o.read(ctx, db, from, until); err != nil {
			return nil, err
		}
		list = append(list, o.unsubmitted(tied)...)
	}
	return list, nil
}

func (o *overview) unsubmitted(tied map[pair]bool) (list []Unsubmitted) {
	for _, s := range o.sheets {
		scored := slices.ContainsFunc(o.branches, func(b town.Branch) bool { return b.Code == s.BranchCode })
		if scored && (s.State == Draft || s.State == Returned) {
			list = append(list, o.due(s))
		}
	}
	begins := o.period.EntryFrom
	for at, role := range o.missing() {
		if tied[at] && (begins == nil || o.Today >= *begins) {
			list = append(list, o.due(Sheet{
				TownID: o.period.TownID, PeriodCode: o.period.Code, BranchCode: at.branch, EvaluatorCode: at.evaluator, Role: role,
			}))
		}
	}
	slices.SortFunc(list, func(a, b Unsubmitted) int {
		return cmp.Or(cmp.Compare(a.Sheet.EvaluatorCode, b.Sheet.EvaluatorCode), cmp.Compare(a.Sheet.BranchCode, b.Sheet.BranchCode))
	})
	return list
}

// due returns the sheet with the last day on which it can be submitted.
func (o *overview) due(s Sheet) Unsubmitted {
	u := Unsubmitted{Sheet: s, Period: o.period, DueOn: o.period.EntryUntil}
	if s.State == Returned {
		u.DueOn = s.DueOn
	}
	if e := longest(o.granted, s); e != nil && u.DueOn != nil && e.Until > *u.DueOn {
		u.DueOn = &e.Until
	}
	u.Overdue = u.DueOn != nil && o.Today > *u.DueOn
	return u
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
	Row FormRow
}

// ListOwnUnsubmitted returns what the caller has still to submit under the acting role, with
// what he or she can do, without entries.
func ListOwnUnsubmitted(ctx context.Context, db *gorm.DB, townID, language string) (list []OwnSheet, err error) {
	defer fault.Wrap(&err, "own sheets in %s", townID)
	v, err := sheetReaderOf(ctx, db, townID)
	if err != nil || v.Person == "" {
		return nil, err
	}
	all, err := ListUnsubmitted(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	v.periods = map[string]Period{}
	var own []Sheet
	for _, u := range all {
		if u.Sheet.EvaluatorCode == v.Person && u.Sheet.Role == v.Role {
			own, list = append(own, u.Sheet), append(list, OwnSheet{Unsubmitted: u})
			v.periods[u.Period.Code] = u.Period
		}
	}
	if len(own) == 0 {
		return nil, nil
	}
	if err := v.Load(ctx, db, own, workflow.ForList); err != nil {
		return nil, err
	}
	refs, err := town.ListBranchRefs(ctx, db, townID, v.Today, language)
	for i := range list {
		if err != nil {
			break
		}
		list[i].Row, err = v.formRow(ctx, db, own[i], language)
		list[i].Row.Branch = refs.Of(own[i].BranchCode)
	}
	return list, err
}
