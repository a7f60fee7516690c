package evaluation

import (
	"cmp"
	"context"
	"math"
	"slices"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/datafile"
	"bulwark/internal/fault"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// Collect returns everything approved in the period for the branches: reported
// values, ratings combined, derived values computed, values carried over from earlier periods where the scheme asks for it, and
// over all of it the corrections of the period. The number of statements does not depend on the number of branches
// or sheets.
func Collect(
	ctx context.Context, db *gorm.DB, p Period, c *scheme.Compiled, branches []town.Branch,
) (_ datafile.Values, err error) {
	defer fault.Wrap(&err, "values of %s", p.Code)
	v := newTable(c, branches)
	reported, err := readReported(ctx, db, p, c, "")
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
		t.Data.Carried, t.Ages = append(t.Data.Carried, nil), append(t.Ages, nil)
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
	values       []ValueInSheet // in the order in which the sheets were begun
	counts       *ValueInSheet  // of a value that is not rated; nil where there is none
	waived       int            // in how many sheets it does not apply
	corrected    *ValueInSheet  // what counts instead of all this
}

// readReports reads the approved entries of a period in one statement, scanned
// by hand: this is the hot read of an open period.
func readReports(ctx context.Context, db *gorm.DB, townID, period, branch string) ([]report, error) {
	rows, err := db.WithContext(ctx).Raw(
		`SELECT s.branch_code, e.code, s.id, s.revision, s.evaluator_code, s.role, e.value, e.level, e.not_applicable
FROM evaluations s JOIN entries e ON e.town_id = s.town_id AND e.evaluation_id = s.id AND e.revision = s.revision
WHERE s.town_id = ? AND s.period_code = ? AND s.state = ? AND (? = '' OR s.branch_code = ?)
ORDER BY s.branch_code, e.code, s.id`, townID, period, Approved, branch, branch).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var reports []report
	for rows.Next() {
		var branch, code string
		var v ValueInSheet
		err := rows.Scan(&branch, &code, &v.Sheet, &v.Revision, &v.Evaluator, &v.Role, &v.Value, &v.Level, &v.NotApplicable)
		if err != nil {
			return nil, err
		}
		if n := len(reports); n == 0 || reports[n-1].branch != branch || reports[n-1].code != code {
			reports = append(reports, report{branch: branch, code: code})
		}
		reports[len(reports)-1].add(v)
	}
	return reports, rows.Err()
}

func (c *report) add(v ValueInSheet) {
	c.values = append(c.values, v)
	if v.NotApplicable {
		c.waived++
	}
}

// ratings returns the numbers that the sheets have.
func (c *report) ratings() (list []composite.Rating) {
	for _, v := range c.values {
		if v.Value != nil {
			list = append(list, composite.Rating{Role: string(v.Role), Value: *v.Value})
		}
	}
	return list
}

// effective returns what counts of a value that is not rated; the zero value where
// nothing does.
func (c *report) effective() ValueInSheet {
	switch {
	case c.corrected != nil:
		return *c.corrected
	case c.counts != nil:
		return *c.counts
	}
	return ValueInSheet{}
}

// reportedValues are what the sheets of a period report, by branch and code, with the
// corrections over them.
type reportedValues map[[2]string]*report

// readReported reads the approved reports of one period, of one branch where that is not
// empty, and settles which of the values count by the scheme of the period. One statement,
// and one more where sheets differ.
func readReported(
	ctx context.Context, db *gorm.DB, p Period, compiled *scheme.Compiled, branch string,
) (reportedValues, error) {
	reports, err := readReports(ctx, db, p.TownID, p.Code, branch)
	if err != nil {
		return nil, err
	}
	reported, differ := make(reportedValues, len(reports)), false
	for i := range reports {
		r := &reports[i]
		reported[[2]string{r.branch, r.code}] = r
		differ = r.settle(compiled, nil) || differ
	}
	if !differ {
		return reported, nil
	}
	choices, err := readChoices(ctx, db, p.TownID, p.Code)
	for key, choice := range choices {
		if r := reported[key]; r != nil {
			r.settle(compiled, choice)
		}
	}
	return reported, err
}

// settle sets which value counts, of one that is not rated, and reports whether the
// sheets of the roles that report it differ.
func (c *report) settle(compiled *scheme.Compiled, choice *Choice) (differ bool) {
	if n := compiled.Node(c.code); n != nil && n.Entry == scheme.Rated {
		return false
	}
	c.counts, differ = counting(c.reporting(compiled), choice)
	return differ
}

// reporting returns the values of the roles that report them.
func (c *report) reporting(compiled *scheme.Compiled) []ValueInSheet {
	return slices.DeleteFunc(slices.Clone(c.values),
		func(v ValueInSheet) bool { return !compiled.Reports(v.Role, c.code) })
}

// Counted returns a function that returns what counted in the period of a code of a branch,
// corrections included; of what is rated, what the person rated. It returns the zero value
// where that is nothing. It also returns the scheme of the period.
func (p Period) Counted(
	ctx context.Context, db *gorm.DB,
) (value func(branch, code, person string) ValueInSheet, compiled *scheme.Compiled, err error) {
	defer fault.Wrap(&err, "values of %s", p.Code)
	if compiled, err = scheme.Load(ctx, db, p.TownID, p.Scheme.Code, p.Scheme.Number); err != nil {
		return nil, nil, err
	}
	reported, err := readReported(ctx, db, p, compiled, "")
	if err != nil {
		return nil, nil, err
	}
	corrections, err := p.corrections(ctx, db)
	reported.correct(corrections)
	return func(branch, code, person string) ValueInSheet {
		r := reported[[2]string{branch, code}]
		if r == nil {
			return ValueInSheet{}
		}
		if n := compiled.Node(code); n != nil && n.Entry == scheme.Rated {
			return r.by(person)
		}
		return r.effective()
	}, compiled, err
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
	c := reported[[2]string{b.Code, n.Code}]
	switch {
	case n.Entry == scheme.Derived && (c == nil || !c.effective().NotApplicable):
		return n.Derive.Of(reported.number(b.Code, n.Derive.Numerator), reported.number(b.Code, n.Derive.Denominator))
	case c != nil:
		return c.raw(n)
	}
	return math.NaN(), false
}

// raw returns the one raw value of the sheets, NaN where they have none, and whether the
// indicator is said not to apply.
func (c *report) raw(n *scheme.Node) (value float64, notApplicable bool) {
	if n.Entry == scheme.Rated && c.corrected == nil {
		ratings := c.ratings()
		if len(ratings) == 0 {
			return math.NaN(), c.waived > 0
		}
		var rule composite.Combination
		if n.Combine != nil {
			rule = *n.Combine
		}
		if x, ok := rule.Combine(ratings); ok {
			return x, false
		}
		return math.NaN(), false
	}
	switch s := c.effective(); {
	case s.NotApplicable:
		return math.NaN(), true
	case s.Level != nil:
		if i := slices.Index(n.Levels(), *s.Level); i >= 0 {
			return float64(i), false
		}
		return math.NaN(), false
	case s.Value != nil:
		return *s.Value, false
	}
	return math.NaN(), false
}

// number returns what is reported as a number, NaN where nothing is.
func (s reportedValues) number(branch, code string) float64 {
	if r := s[[2]string{branch, code}]; r != nil {
		if x := r.effective().Value; x != nil {
			return *x
		}
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
		compiled, err := t.schemeOf(ctx, db, old, p)
		if err != nil {
			return err
		}
		reported, err := readReported(ctx, db, old, compiled, "")
		if err != nil {
			return err
		}
		reported.correct(corrections[old.Code])
		then := newTable(t.scheme, t.branches)
		then.fill(reported)
		for i, n := range t.scheme.Indicators {
			if lookBack(n) > back {
				t.carryColumn(i, then.Data.Columns[i], old.EndsOn.DaysUntil(p.EndsOn))
			}
		}
	}
	return nil
}

// schemeOf returns the scheme of an earlier period: that of the table, whose period is p,
// where both have the same.
func (t *table) schemeOf(ctx context.Context, db *gorm.DB, old, p Period) (*scheme.Compiled, error) {
	if old.Scheme == p.Scheme {
		return t.scheme, nil
	}
	return scheme.Load(ctx, db, old.TownID, old.Scheme.Code, old.Scheme.Number)
}

func lookBack(n *scheme.Node) int {
	if n.Missing.Kind != composite.Carry {
		return 0
	}
	return max(n.Missing.Periods, 1)
}

// carryColumn carries what nothing nearer has filled from a period that ended so many days before.
func (t *table) carryColumn(i int, then []float64, days int) {
	if t.Data.Carried[i] == nil {
		t.Data.Carried[i], t.Ages[i] = nans(len(then)), make([]int, len(then))
	}
	for u, x := range then {
		if math.IsNaN(t.Data.Carried[i][u]) && !math.IsNaN(x) {
			t.Data.Carried[i][u], t.Ages[i][u] = x, days
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

// ValueSource is the source of the raw value of an indicator.
type ValueSource struct {
	// sheet: entered; contradicted: sheets differ and nobody has chosen, so that none counts
	Kind   string        `json:"kind" enums:"sheet,ratings,derived,carried,imputed,correction,contradicted"`
	Period string        `json:"period,omitempty" example:"2023Q2"` // that a carried value is from
	Sheets []SourceSheet `json:"sheets,omitempty"`                  // approved ones that report it
}

// SourceSheet is a sheet that is the source of a raw value.
type SourceSheet struct {
	ID        string      `json:"id" format:"uuid"`
	Role      policy.Role `json:"role" swaggertype:"string" example:"secretary"`
	Evaluator string      `json:"evaluator,omitempty" example:"secretary-7"` // not told to the branch that is judged
}

// Sources returns where the values of a branch come from that the approved sheets of the
// period give, and those of the codes in carried, from an earlier period; by indicator. Two
// statements, two more for each period that is looked back.
func (p Period) Sources(
	ctx context.Context, db *gorm.DB, compiled *scheme.Compiled, branch town.Branch, carried []string,
) (_ map[string]ValueSource, err error) {
	defer fault.Wrap(&err, "sources of %s in %s", branch.Code, p.Code)
	reported, err := readReported(ctx, db, p, compiled, branch.Code)
	if err != nil {
		return nil, err
	}
	sources := map[string]ValueSource{}
	for _, n := range compiled.Indicators {
		if s := reported.source(ctx, compiled, n, branch.Code); s.Kind != "" {
			sources[n.Code] = s
		}
	}
	if len(carried) == 0 {
		return sources, nil
	}
	return sources, newTable(compiled, []town.Branch{branch}).carriedSources(ctx, db, p, carried, sources)
}

// carriedSources sets the sources of the codes whose values are carried into the period.
func (t *table) carriedSources(
	ctx context.Context, db *gorm.DB, p Period, carried []string, sources map[string]ValueSource,
) error {
	reach := 0
	for _, code := range carried {
		reach = max(reach, lookBack(t.scheme.Node(code)))
	}
	earlier, err := ListPeriods(ctx, db, p.TownID, PeriodFilter{Kind: p.Kind, Before: p.StartsOn, Limit: reach})
	if err != nil {
		return err
	}
	for back, old := range earlier {
		compiled, err := t.schemeOf(ctx, db, old, p)
		if err != nil {
			return err
		}
		reported, err := readReported(ctx, db, old, compiled, t.branches[0].Code)
		if err != nil {
			return err
		}
		for _, code := range carried {
			n := t.scheme.Node(code)
			if _, found := sources[code]; found || lookBack(n) <= back {
				continue
			}
			if s := reported.source(ctx, t.scheme, n, t.branches[0].Code); s.Kind != "" && s.Kind != "contradicted" {
				sources[code] = ValueSource{Kind: "carried", Period: old.Code, Sheets: s.Sheets}
			}
		}
	}
	return nil
}

// source returns where the value of the indicator comes from, the zero value where no
// sheet has one.
func (s reportedValues) source(
	ctx context.Context, c *scheme.Compiled, n *scheme.Node, branch string,
) (source ValueSource) {
	parts := []string{n.Code}
	if n.Derive != nil {
		parts = []string{n.Derive.Numerator, n.Derive.Denominator}
	}
	for _, code := range parts {
		r := s[[2]string{branch, code}]
		if r == nil {
			return ValueSource{}
		}
		values, kind := r.values, "ratings"
		if n.Entry != scheme.Rated {
			values, kind = r.reporting(c), "sheet"
			if r.counts == nil && len(values) > 0 {
				kind = "contradicted"
			}
		}
		for _, v := range values {
			if kind == "sheet" && !v.same(*r.counts) {
				continue
			}
			if sheet := v.sourceFor(access.PrincipalFrom(ctx)); !slices.Contains(source.Sheets, sheet) {
				source.Sheets = append(source.Sheets, sheet)
			}
		}
		switch {
		case len(values) == 0 || source.Kind == "contradicted":
		case kind == "sheet" && n.Derive != nil:
			source.Kind = "derived"
		default:
			source.Kind = kind
		}
	}
	return source
}

// sourceFor returns the sheet as the caller may see it: who is judged does not learn by
// whom.
func (v ValueInSheet) sourceFor(caller access.Principal) SourceSheet {
	s := SourceSheet{ID: v.Sheet, Role: v.Role, Evaluator: v.Evaluator}
	if caller.Role == policy.Secretary && caller.Person != v.Evaluator {
		s.Evaluator = ""
	}
	return s
}
