package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/review"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// unknownValues is how many values of a class must be of branches that the caller does not
// know before its median is shown: with fewer, single values could be found.
const unknownValues = 5

// Form returns what the caller enters in a period, with the medians of the last published
// period of the same kind before it.
func (c *ResultCache) Form(
	ctx context.Context, db *gorm.DB, townID, period, language string,
) (f entry.Form, err error) {
	defer fault.Wrap(&err, "entry form of %s", period)
	q := entry.Query{Town: townID, Period: period, Language: language}
	p, err := evaluation.FindPeriod(ctx, db, townID, period)
	if err != nil {
		return f, err
	}
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return f, err
	}
	last := e.previous(p)
	if last == nil {
		return entry.Find(ctx, db, q)
	}
	q.Last = &last.Period
	if f, err = entry.Find(ctx, db, q); err != nil {
		return f, err
	}
	o, err := c.outcome(ctx, db, *last)
	if err != nil {
		return f, err
	}
	known := map[string]bool{}
	if access.PrincipalFrom(ctx).ScopeOf(policy.WriteSheets) != policy.All { // who may read all finds nothing
		for _, row := range f.Rows {
			known[row.Branch.Code] = true
		}
	}
	for i, column := range f.Columns {
		if column.SameIn(o.Scheme) && len(column.Levels) == 0 && column.Kind != "waiver" {
			f.Columns[i].Medians = o.medians(column.Code, known)
		}
	}
	return f, nil
}

// Review returns sheets of a period with their values, beside those of the last published
// period of the same kind before it.
func (c *ResultCache) Review(
	ctx context.Context, db *gorm.DB, q review.SheetQuery,
) (_ []review.Sheet, err error) {
	defer fault.Wrap(&err, "review of %s", q.Period)
	p, err := evaluation.FindPeriod(ctx, db, q.Town, q.Period)
	if err != nil {
		return nil, err
	}
	e, err := c.publications(ctx, db, q.Town)
	if err != nil {
		return nil, err
	}
	if last := e.previous(p); last != nil {
		q.Last = &last.Period
	}
	return review.ListSheets(ctx, db, q)
}

// medians returns the median of the entered values of the indicator by class, in the order
// of the first branch of each.
func (o *Outcome) medians(code string, known map[string]bool) []entry.Median {
	list := []entry.Median{}
	var classes []string
	values, unknown := map[string][]float64{}, map[string]int{}
	for i := range o.Results {
		r := &o.Results[i]
		class := word(r.Class)
		for _, n := range r.Nodes {
			if n.NodeCode != code || n.Raw == nil || n.Status != composite.CellEntered.String() || class == "" {
				continue
			}
			if values[class] == nil {
				classes = append(classes, class)
			}
			if values[class] = append(values[class], *n.Raw); !known[r.BranchCode] {
				unknown[class]++
			}
		}
	}
	for _, class := range classes {
		if unknown[class] >= unknownValues {
			list = append(list, entry.Median{
				Class: class, Median: stats.Median(values[class]), Values: len(values[class]),
			})
		}
	}
	return list
}
