package index

import (
	"context"

	"gorm.io/gorm"

	"bulwark/internal/entry"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/review"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// unknownValues is how many values of a class must be of branches that the caller does not
// know before its median is shown: with fewer, single values could be found.
const unknownValues = 5

// Form returns what the caller enters in a period, beside the last published period of the same kind before it.
func (c *ResultCache) Form(
	ctx context.Context, db *gorm.DB, townID, period, language string,
) (f entry.Form, err error) {
	defer fault.Wrap(&err, "entry form of %s", period)
	q, err := c.FormQuery(ctx, db, townID, period, language)
	if err != nil {
		return f, err
	}
	return entry.Find(ctx, db, q)
}

// FormQuery returns the query of an entry form beside the last published period of the same kind before its own.
func (c *ResultCache) FormQuery(
	ctx context.Context, db *gorm.DB, townID, period, language string,
) (q entry.Query, err error) {
	q = entry.Query{Town: townID, Period: period, Language: language}
	p, err := evaluation.FindPeriod(ctx, db, townID, period)
	if err != nil {
		return q, err
	}
	e, err := c.publications(ctx, db, townID)
	if err != nil {
		return q, err
	}
	last := e.previous(p)
	if last == nil {
		return q, nil
	}
	o, err := c.outcome(ctx, db, *last)
	if err != nil {
		return q, err
	}
	q.Last, q.Medians = &last.Period, o.medians
	return q, nil
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

// medians returns what the classes had in the column, in the order of the first branch of each: nothing where the column
// did not mean the same, or is not of numbers.
func (o *Outcome) medians(column entry.Column, known func(branch string) bool) []entry.Median {
	list := []entry.Median{}
	if !column.SameIn(o.Scheme) || len(column.Levels) > 0 || column.Kind == "waiver" {
		return list
	}
	var classes []string
	values, unknown := map[string][]float64{}, map[string]int{}
	for i := range o.Results {
		r := &o.Results[i]
		class := word(r.Class)
		for _, n := range r.Nodes {
			if n.NodeCode != column.Code || n.Raw == nil || n.Status != composite.CellEntered.String() || class == "" {
				continue
			}
			if values[class] == nil {
				classes = append(classes, class)
			}
			if values[class] = append(values[class], *n.Raw); !known(r.BranchCode) {
				unknown[class]++
			}
		}
	}
	for _, class := range classes {
		if unknown[class] >= unknownValues {
			list = append(list, entry.Median{
				Class: class, Median: stats.Median(values[class]), Values: len(values[class]), Usual: column.Usual(values[class]),
			})
		}
	}
	return list
}
