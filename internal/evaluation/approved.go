package evaluation

import (
	"cmp"
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/datafile"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Collect returns everything approved in the period for the branches: reported
// values (the one approved last counts), ratings combined, derived values
// computed, values carried over from earlier periods where the scheme asks for it, and
// over all of it the corrections of the period. The number of statements does not depend on the number of branches
// or sheets.
func Collect(
	ctx context.Context, db *gorm.DB, p Period, c *scheme.Compiled, branches []town.Branch,
) (_ datafile.Values, err error) {
	defer fault.Wrap(&err, "values of %s", p.Code)
	v := newTable(c, branches)
	reported, err := readReported(ctx, db, p.TownID, p.Code)
	if err != nil {
		return datafile.Values{}, err
	}
	corrections, err := p.corrections(ctx, db)
	if err != nil {
		return datafile.Values{}, err
	}
	reported.correct(corrections)
	v.fill(reported)
	if err := v.carry(ctx, db, p); err != nil {
		return datafile.Values{}, err
	}
	if err := v.adjust(ctx, db, p, corrections); err != nil {
		return datafile.Values{}, err
	}
	return v.Values, nil
}

// table is datafile.Values in the making.
type table struct {
	datafile.Values
	scheme   *scheme.Compiled
	branches []town.Branch
	unit     map[string]int
}

func newTable(c *scheme.Compiled, branches []town.Branch) *table {
	t := &table{scheme: c, branches: branches, unit: make(map[string]int, len(branches))}
	n := len(branches)
	t.Data.Units, t.Data.Classes = make([]string, n), make([]string, n)
	for i, b := range branches {
		t.unit[b.Code], t.Data.Units[i] = i, b.Code
		if b.Class != nil {
			t.Data.Classes[i] = *b.Class
		}
	}
	for range c.Indicators {
		t.Data.Columns = append(t.Data.Columns, nans(n))
		t.Data.NotApplicable = append(t.Data.NotApplicable, make([]bool, n))
		t.Data.Carried = append(t.Data.Carried, nil)
	}
	return t
}

func nans(n int) []float64 {
	column := make([]float64, n)
	for i := range column {
		column[i] = math.NaN()
	}
	return column
}

// report is what the approved sheets of one period report about one code of one branch.
type report struct {
	branch, code string
	last         reportedValue // of the sheet approved last
	ratings      []composite.Rating
	waived       int            // in how many sheets it does not apply
	corrected    *reportedValue // what counts instead of all this
}

type reportedValue struct {
	value         *float64
	level         *string
	notApplicable bool
}

// readReports reads the approved entries of a period in one statement, scanned
// by hand: this is the hot read of an open period.
func readReports(ctx context.Context, db *gorm.DB, townID, period string) ([]report, error) {
	rows, err := db.WithContext(ctx).Raw(`SELECT s.branch_code, s.role, e.code, e.value, e.level, e.not_applicable
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.state = ?
ORDER BY s.branch_code, e.code, s.decided_at, s.id`, townID, period, Approved).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var reports []report
	for rows.Next() {
		var branch, role, code string
		var s reportedValue
		if err := rows.Scan(&branch, &role, &code, &s.value, &s.level, &s.notApplicable); err != nil {
			return nil, err
		}
		if n := len(reports); n == 0 || reports[n-1].branch != branch || reports[n-1].code != code {
			reports = append(reports, report{branch: branch, code: code})
		}
		reports[len(reports)-1].add(role, s)
	}
	return reports, rows.Err()
}

func (c *report) add(role string, s reportedValue) {
	c.last = s
	if s.notApplicable {
		c.waived++
	}
	if s.value != nil {
		c.ratings = append(c.ratings, composite.Rating{Role: role, Value: *s.value})
	}
}

// effective returns what counts of a value that is not rated.
func (c *report) effective() reportedValue {
	if c.corrected != nil {
		return *c.corrected
	}
	return c.last
}

// reportedValues are what the sheets of a period report, by branch and code, with the
// corrections over them.
type reportedValues map[[2]string]*report

// readReported reads the approved reports of one period.
func readReported(ctx context.Context, db *gorm.DB, townID, period string) (reportedValues, error) {
	reports, err := readReports(ctx, db, townID, period)
	reported := make(reportedValues, len(reports))
	for i := range reports {
		reported[[2]string{reports[i].branch, reports[i].code}] = &reports[i]
	}
	return reported, err
}

// fill sets the columns from what is reported.
func (t *table) fill(reported reportedValues) {
	for i := range t.scheme.Indicators {
		for u := range t.branches {
			t.Data.Columns[i][u], t.Data.NotApplicable[i][u] = t.cell(reported, i, u)
		}
	}
}

// cell returns the raw value of an indicator of a branch, NaN where it has none, and
// whether the indicator does not apply.
func (t *table) cell(reported reportedValues, i, u int) (value float64, notApplicable bool) {
	n, b := t.scheme.Indicators[i], t.branches[u]
	if !n.AppliesTo.Covers(b.Kind, t.Data.Classes[u]) {
		return math.NaN(), true
	}
	if n.Entry == scheme.Derived {
		return derive(n.Derive, reported, b.Code), false
	}
	if c := reported[[2]string{b.Code, n.Code}]; c != nil {
		return c.raw(n)
	}
	return math.NaN(), false
}

// raw returns the one raw value of the sheets, NaN where they have none, and whether the
// indicator is said not to apply.
func (c *report) raw(n *scheme.Node) (value float64, notApplicable bool) {
	if n.Entry == scheme.Rated && c.corrected == nil {
		if len(c.ratings) == 0 {
			return math.NaN(), c.waived > 0
		}
		var rule composite.Combination
		if n.Combine != nil {
			rule = *n.Combine
		}
		if x, ok := rule.Combine(c.ratings); ok {
			return x, false
		}
		return math.NaN(), false
	}
	switch s := c.effective(); {
	case s.notApplicable:
		return math.NaN(), true
	case s.level != nil:
		if i := slices.Index(n.Levels(), *s.level); i >= 0 {
			return float64(i), false
		}
		return math.NaN(), false
	case s.value != nil:
		return *s.value, false
	}
	return math.NaN(), false
}

func derive(d *scheme.Derivation, reported reportedValues, branch string) float64 {
	numerator, denominator := reported[[2]string{branch, d.Numerator}], reported[[2]string{branch, d.Denominator}]
	if numerator == nil || denominator == nil || numerator.effective().value == nil ||
		denominator.effective().value == nil {
		return math.NaN()
	}
	if x, ok := stats.Ratio(*numerator.effective().value, *denominator.effective().value, d.Scale); ok {
		return x
	}
	return math.NaN()
}

// carry fills, for indicators that carry, the value of the nearest earlier period of
// the same kind, looking back as far as the indicator allows.
func (t *table) carry(ctx context.Context, db *gorm.DB, p Period) error {
	reach := 0
	for _, n := range t.scheme.Indicators {
		reach = max(reach, lookBack(n))
	}
	if reach == 0 {
		return nil
	}
	earlier, err := ListPeriods(ctx, db, p.TownID, PeriodFilter{Kind: p.Kind, Before: p.StartsOn, Limit: reach})
	if err != nil {
		return err
	}
	corrections, err := correctionsOf(ctx, db, earlier)
	if err != nil {
		return err
	}
	for back, old := range earlier {
		reported, err := readReported(ctx, db, p.TownID, old.Code)
		if err != nil {
			return err
		}
		reported.correct(corrections[old.Code])
		then := newTable(t.scheme, t.branches)
		then.fill(reported)
		for i, n := range t.scheme.Indicators {
			if lookBack(n) > back {
				t.carryColumn(i, then.Data.Columns[i])
			}
		}
	}
	return nil
}

func lookBack(n *scheme.Node) int {
	if n.Missing.Kind != composite.Carry {
		return 0
	}
	return max(n.Missing.Periods, 1)
}

func (t *table) carryColumn(i int, then []float64) {
	if t.Data.Carried[i] == nil {
		t.Data.Carried[i] = nans(len(then))
	}
	for u, x := range then {
		if math.IsNaN(t.Data.Carried[i][u]) {
			t.Data.Carried[i][u] = x
		}
	}
}

// adjust reads the approved adjustments of the period and corrects them.
func (t *table) adjust(ctx context.Context, db *gorm.DB, p Period, corrections []Correction) error {
	var approved []Adjustment
	err := db.WithContext(ctx).Where("town_id = ? AND period_code = ? AND state = ?", p.TownID, p.Code,
		ApprovedAdjustment).
		Order("branch_code, item_code, id").Find(&approved).Error
	if err != nil {
		return err
	}
	for _, a := range approved {
		if u, ok := t.unit[a.BranchCode]; ok {
			t.Adjustments = append(t.Adjustments, composite.Adjustment{Unit: u, Code: a.ItemCode})
		}
	}
	t.correctAdjustments(corrections)
	t.sortAdjustments()
	return nil
}

// sortAdjustments puts the adjustments in the order of branches and codes.
func (t *table) sortAdjustments() {
	slices.SortStableFunc(t.Adjustments, func(a, b composite.Adjustment) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Code, b.Code))
	})
}

// Ratings returns the approved ratings behind the rated indicators of a period, by
// column and branch, with the evaluators who gave them numbered in the order of
// their codes. One statement.
func Ratings(
	ctx context.Context, db *gorm.DB, p Period, c *scheme.Compiled, branches []town.Branch,
) (columns []composite.RatedColumn, evaluators []string, err error) {
	rows, err := db.WithContext(ctx).Raw(`SELECT s.branch_code, s.evaluator_code, s.role, e.code, e.value
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.state = ? AND e.value IS NOT NULL
ORDER BY s.evaluator_code, s.branch_code, e.code`, p.TownID, p.Code, Approved).Rows()
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	columns, at := ratedColumns(c, len(branches))
	unit := make(map[string]int, len(branches))
	for i, b := range branches {
		unit[b.Code] = i
	}
	for rows.Next() {
		var branch, evaluator, role, code string
		var value float64
		if err := rows.Scan(&branch, &evaluator, &role, &code, &value); err != nil {
			return nil, nil, err
		}
		i, isRated := at[code]
		u, known := unit[branch]
		if !isRated || !known {
			continue
		}
		if n := len(evaluators); n == 0 || evaluators[n-1] != evaluator {
			evaluators = append(evaluators, evaluator)
		}
		columns[i].Ratings[u] = append(columns[i].Ratings[u], composite.EvaluatorRating{
			Evaluator: len(evaluators) - 1, Rating: composite.Rating{Role: role, Value: value},
		})
	}
	return columns, evaluators, rows.Err()
}

// ratedColumns are the rated indicators without their ratings, and where each is.
func ratedColumns(c *scheme.Compiled, units int) ([]composite.RatedColumn, map[string]int) {
	var columns []composite.RatedColumn
	at := map[string]int{}
	for i, n := range c.Indicators {
		if n.Entry != scheme.Rated {
			continue
		}
		column := composite.RatedColumn{Column: i, Ratings: make([][]composite.EvaluatorRating, units)}
		if n.Combine != nil {
			column.Combine = *n.Combine
		}
		at[n.Code] = len(columns)
		columns = append(columns, column)
	}
	return columns, at
}
