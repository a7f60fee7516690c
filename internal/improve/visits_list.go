package improve

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/day"
)

// VisitFilter narrows a list; zero fields do not. A visit is of an indicator, a
// measure or a plan item where one of its findings names that.
type VisitFilter struct {
	Branch    string
	By        string // this person
	State     VisitState
	From      day.Date // made on this day or later
	Until     day.Date // made on this day or earlier
	Indicator string
	Measure   int64
	PlanItem  string
	After     string
	Limit     int // 0 = all
}

// ListVisits gives the visits that the caller may read with their findings, in the
// order in which they were entered.
func ListVisits(ctx context.Context, db *gorm.DB, townID string, f VisitFilter) ([]Visit, error) {
	v, err := visitViewerOf(ctx, db, townID)
	if err != nil {
		return nil, err
	}
	q := f.narrow(v.sighted(db.WithContext(ctx).Where("town_id = ? AND id > ?", townID, f.After)), townID)
	if f.Limit > 0 {
		q = q.Limit(f.Limit)
	}
	var list []Visit
	if err := q.Order("id").Find(&list).Error; err != nil {
		return nil, err
	}
	if err := addFindings(ctx, db, townID, list); err != nil {
		return nil, err
	}
	for i := range list {
		list[i] = v.shown(list[i])
	}
	return list, nil
}

func (f VisitFilter) narrow(q *gorm.DB, townID string) *gorm.DB {
	for _, n := range []struct{ condition, value string }{
		{"branch_code = ?", f.Branch},
		{"visited_by = ?", f.By},
		{"state = ?", string(f.State)},
		{"visited_on >= ?", string(f.From)},
		{"visited_on <= ?", string(f.Until)},
	} {
		if n.value != "" {
			q = q.Where(n.condition, n.value)
		}
	}
	const has = "id IN (SELECT visit_id FROM visit_findings WHERE town_id = ? AND "
	if f.Indicator != "" {
		q = q.Where(has+"indicator = ?)", townID, f.Indicator)
	}
	if f.Measure != 0 {
		q = q.Where(has+"measure = ?)", townID, f.Measure)
	}
	if f.PlanItem != "" {
		q = q.Where(has+"plan_item_id = ?)", townID, f.PlanItem)
	}
	return q
}
