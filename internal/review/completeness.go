// Package review shows what is looked at before a period is locked: how complete its sheets
// are, and which patterns in them are worth a question. It stores nothing.
package review

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/access"
	"bulwark/internal/day"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/people"
	"bulwark/internal/policy"
	"bulwark/internal/scheme"
	"bulwark/internal/spreadsheet"
	"bulwark/internal/town"
)

// Counts are how far the sheets of a branch, an evaluator or a role are. Begun
// are those in any state; draft, submitted, returned and approved divide them.
type Counts struct {
	// begun, or missing from who was assigned while sheets were entered and has something to fill
	Expected  int `json:"expected"`
	Missing   int `json:"missing"` // of those expected, not begun
	Begun     int `json:"begun"`
	Draft     int `json:"draft"`
	Submitted int `json:"submitted"` // waiting for a decision
	Returned  int `json:"returned"`
	Approved  int `json:"approved"`
	Late      int `json:"late"`    // written by leave of an exception
	Overdue   int `json:"overdue"` // not entered, corrected or decided on in time
}

// RoleCounts are the counts of one role.
type RoleCounts struct {
	Role policy.Role `json:"role" swaggertype:"string" example:"mentor"`
	Counts
}

// CompletenessRow is one branch or one evaluator, all roles together and each.
type CompletenessRow struct {
	Branch    *town.BranchRef `json:"branch,omitempty"`
	Evaluator string          `json:"evaluator,omitempty" example:"mentor-1"`
	name      string          // of the evaluator, where the caller may read it
	Counts
	Roles []RoleCounts `json:"roles"`
}

// Completeness is what is in and what is missing in a period, as far as the
// caller reaches. Expected is a sheet of everyone who, on some day of the entry
// window (without one, of the period), led, mentored or instructed a branch that
// is scored or was in an office linked to it, and of whose role the scheme asks
// something there; who leads a branch reports for it and does not rate it. A sheet that
// somebody else began is expected too: so begun and missing ones are all that are expected.
type Completeness struct {
	Period string   `json:"period" example:"2023Q3"`
	By     string   `json:"by" enums:"branch,evaluator,indicator"`
	From   day.Date `json:"from" swaggertype:"string" format:"date"` // who was assigned from this day
	Until  day.Date `json:"until" swaggertype:"string" format:"date"`
	// branches within reach that end within the period: no sheets are expected of them, and those approved count for no
	// branch
	Ended      []evaluation.BranchEnd `json:"ended"`
	Totals     *Counts                `json:"totals,omitempty"`
	Rows       []CompletenessRow      `json:"rows,omitempty"`       // by branch or evaluator, in the order of codes
	Indicators []IndicatorCoverage    `json:"indicators,omitempty"` // by indicator, in the order of the scheme
}

// pair is one sheet that is or should be: about a branch, by an evaluator.
type pair struct{ branch, evaluator string }

// overview is what completeness is counted from.
type overview struct {
	access.Caller
	overdue  func(evaluation.Sheet) bool
	period   evaluation.Period
	branches []town.Branch // scored, and within reach
	expected map[pair]policy.Role
	sheets   []evaluation.Sheet
}

// CompletenessQuery is what to count.
type CompletenessQuery struct {
	Period   string
	By       string // branch, evaluator or indicator
	Language string // of the names
}

// FindCompleteness counts by branch or by evaluator. The number of statements
// does not depend on how many there are.
func FindCompleteness(
	ctx context.Context, db *gorm.DB, townID string, q CompletenessQuery,
) (_ Completeness, err error) {
	defer fault.Wrap(&err, "completeness of %s", q.Period)
	v, err := access.CallerOf(ctx, db, townID, policy.ReadSheets)
	if err != nil {
		return Completeness{}, err
	}
	p, err := evaluation.FindPeriod(ctx, db, townID, q.Period)
	if err != nil {
		return Completeness{}, err
	}
	branches, err := scored(ctx, db, p, v.Reach)
	if err != nil {
		return Completeness{}, err
	}
	from, until := p.Span()
	c := Completeness{Period: p.Code, By: q.By, From: from, Until: until}
	ended, err := p.ListEnded(ctx, db, "")
	if err != nil {
		return Completeness{}, err
	}
	c.Ended = evaluation.InLanguage(slices.DeleteFunc(ended, func(b evaluation.EndedBranch) bool { return !v.Reach.Has(b.Code) }), q.Language)
	if q.By == "indicator" {
		c.Indicators, err = coverage(ctx, db, p, branches, q.Language)
		return c, err
	}
	o := overview{Caller: v, period: p, branches: branches}
	if o.overdue, err = p.OverdueSheets(ctx, db, v.Today); err != nil {
		return Completeness{}, err
	}
	if err := o.read(ctx, db, from, until); err != nil {
		return Completeness{}, err
	}
	c.Totals, c.Rows = o.count(q)
	return c, o.nameEvaluators(ctx, db, c.Rows, q.Language)
}

// nameEvaluators sets the names of those evaluators that the caller may read by name.
func (o *overview) nameEvaluators(ctx context.Context, db *gorm.DB, rows []CompletenessRow, language string) error {
	var codes []string
	for _, r := range rows {
		if r.Branch == nil && (r.Evaluator == o.Person || o.May(policy.ReadPeople)) {
			codes = append(codes, r.Evaluator)
		}
	}
	if len(codes) == 0 {
		return nil
	}
	names, err := people.NamesOf(ctx, db, o.period.TownID, codes)
	for i := range rows {
		rows[i].name = names[rows[i].Evaluator].In(language)
	}
	return err
}

// scored returns the branches of the period that are within reach.
func scored(ctx context.Context, db *gorm.DB, p evaluation.Period, reach access.Reach) ([]town.Branch, error) {
	all, err := town.ListBranches(ctx, db, p.TownID, p.BranchFilter())
	return slices.DeleteFunc(all, func(b town.Branch) bool { return !reach.Has(b.Code) }), err
}

func (o *overview) read(ctx context.Context, db *gorm.DB, from, until day.Date) error {
	ties, err := people.ListRelations(ctx, db, o.period.TownID, from, until)
	if err != nil {
		return err
	}
	compiled, err := scheme.Load(ctx, db, o.period.TownID, o.period.Scheme.Code, o.period.Scheme.Number)
	if err != nil {
		return err
	}
	o.expect(ties, compiled)
	return db.WithContext(ctx).Where("town_id = ? AND period_code = ?", o.period.TownID, o.period.Code).
		Order("id").Find(&o.sheets).Error
}

// expect derives from ties whose sheets there should be. Someone with
// several duties for a branch writes one sheet, by the first in the order of roles of which
// the scheme asks something: who leads it reports.
func (o *overview) expect(ties []people.Relation, compiled *scheme.Compiled) {
	type asked struct {
		branch string
		role   policy.Role
	}
	asks := map[asked]bool{}
	for _, b := range o.branches {
		class := ""
		if b.Class != nil {
			class = *b.Class
		}
		for _, role := range policy.WriteSheets.Roles() {
			asks[asked{b.Code, role}] = compiled.Asks(role, b.Kind, class)
		}
	}
	o.expected = map[pair]policy.Role{}
	order := policy.Roles()
	for _, tie := range ties {
		at := pair{tie.BranchCode, tie.PersonCode}
		first, twice := o.expected[at]
		if asks[asked{tie.BranchCode, tie.Role}] && (!twice || slices.Index(order, tie.Role) < slices.Index(order, first)) {
			o.expected[at] = tie.Role
		}
	}
}

// count adds up by branch or by evaluator. Who is judged learns how far the own
// branch is, and of evaluators only about himself or herself.
func (o *overview) count(q CompletenessQuery) (*Counts, []CompletenessRow) {
	rows := map[string]*CompletenessRow{}
	if q.By == "branch" {
		for _, b := range o.branches {
			rows[b.Code] = &CompletenessRow{Branch: new(b.Ref(q.Language)), Roles: []RoleCounts{}}
		}
	}
	totals := &Counts{}
	add := func(at pair, role policy.Role, one Counts) {
		row := rows[at.branch]
		if q.By == "evaluator" {
			if evaluation.Judged(o.Principal) && at.evaluator != o.Person {
				return
			}
			if row = rows[at.evaluator]; row == nil {
				row = &CompletenessRow{Evaluator: at.evaluator}
				rows[at.evaluator] = row
			}
		}
		if row != nil {
			totals.add(one)
			row.add(role, one)
		}
	}
	for _, s := range o.sheets {
		if o.Reach.Has(s.BranchCode) {
			add(pair{s.BranchCode, s.EvaluatorCode}, s.Role, o.one(s))
		}
	}
	for at, role := range o.missing() {
		absent := evaluation.Sheet{PeriodCode: o.period.Code, BranchCode: at.branch, EvaluatorCode: at.evaluator, State: evaluation.Draft}
		add(at, role, Counts{Expected: 1, Missing: 1, Overdue: count(o.overdue(absent))})
	}
	list := make([]CompletenessRow, 0, len(rows))
	for _, row := range rows {
		list = append(list, *row)
	}
	slices.SortFunc(list, func(a, b CompletenessRow) int {
		return cmp.Compare(a.code(), b.code())
	})
	return totals, list
}

// code is that of the branch or the evaluator.
func (r CompletenessRow) code() string {
	if r.Branch != nil {
		return r.Branch.Code
	}
	return r.Evaluator
}

// one counts one sheet.
func (o *overview) one(s evaluation.Sheet) Counts {
	return Counts{
		Expected: 1, Begun: 1, Draft: count(s.State == evaluation.Draft), Submitted: count(s.State == evaluation.Submitted),
		Returned: count(s.State == evaluation.Returned), Approved: count(s.State == evaluation.Approved),
		Late: count(s.ExceptionID != nil), Overdue: count(o.overdue(s)),
	}
}

// ListMissing returns by branch and role the sheets of the period that were expected and
// never begun.
func ListMissing(
	ctx context.Context, db *gorm.DB, p evaluation.Period, language string,
) ([]evaluation.MissingSheets, error) {
	list := []evaluation.MissingSheets{}
	c, err := FindCompleteness(ctx, db, p.TownID, CompletenessQuery{Period: p.Code, By: "branch", Language: language})
	for _, row := range c.Rows {
		for _, role := range row.Roles {
			if role.Missing > 0 {
				list = append(list, evaluation.MissingSheets{Branch: *row.Branch, Role: role.Role, Count: role.Missing})
			}
		}
	}
	return list, err
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *Counts) add(d Counts) {
	c.Expected += d.Expected
	c.Missing += d.Missing
	c.Begun += d.Begun
	c.Draft += d.Draft
	c.Submitted += d.Submitted
	c.Returned += d.Returned
	c.Approved += d.Approved
	c.Late += d.Late
	c.Overdue += d.Overdue
}

// add counts for the row and for the role in it; roles stay in the order of the
// policy table.
func (r *CompletenessRow) add(role policy.Role, d Counts) {
	r.Counts.add(d)
	order := policy.Roles()
	i, found := slices.BinarySearchFunc(r.Roles, role, func(c RoleCounts, role policy.Role) int {
		return cmp.Compare(slices.Index(order, c.Role), slices.Index(order, role))
	})
	if !found {
		r.Roles = slices.Insert(r.Roles, i, RoleCounts{Role: role})
	}
	r.Roles[i].add(d)
}

// IndicatorCoverage is for how many branches an indicator has a value that
// counts, out of those it applies to.
type IndicatorCoverage struct {
	Indicator string   `json:"indicator" example:"organisation.01"`
	Name      string   `json:"name" example:"三会一课"`
	Applies   int      `json:"applies"`  // branches
	Approved  int      `json:"approved"` // of these, with an approved value or one derived from approved ones
	Missing   []string `json:"missing"`  // codes of the others
}

// coverage counts approved values by indicator, as the index is made of them; what
// would be carried over from an earlier period is still missing.
func coverage(
	ctx context.Context, db *gorm.DB, p evaluation.Period, branches []town.Branch, language string,
) ([]IndicatorCoverage, error) {
	compiled, err := scheme.Load(ctx, db, p.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return nil, err
	}
	values, err := evaluation.Collect(ctx, db, p, compiled, branches)
	if err != nil {
		return nil, err
	}
	list := make([]IndicatorCoverage, len(compiled.Indicators))
	for i, n := range compiled.Indicators {
		c := IndicatorCoverage{Indicator: n.Code, Name: n.Name.In(language), Missing: []string{}}
		for u, b := range branches {
			switch {
			case values.Data.NotApplicable[i][u]:
			case math.IsNaN(values.Data.Columns[i][u]):
				c.Applies++
				c.Missing = append(c.Missing, b.Code)
			default:
				c.Applies++
				c.Approved++
			}
		}
		list[i] = c
	}
	return list, nil
}

// Table returns the counts as a table: a line for each branch or evaluator with all its
// roles ("all"), then one for each role; by indicator a line each.
func (c Completeness) Table() spreadsheet.Table {
	t := spreadsheet.Table{Name: "completeness"}
	if c.By == "indicator" {
		t.Columns = spreadsheet.ColumnsOf("period", "indicator", "indicator_name", "applies", "approved", "missing")
		for _, i := range c.Indicators {
			t.Rows = append(t.Rows, []any{
				c.Period, i.Indicator, i.Name, int64(i.Applies), int64(i.Approved), strings.Join(i.Missing, "; "),
			})
		}
		return t
	}
	t.Columns = spreadsheet.ColumnsOf("period", c.By, c.By+"_name", "role",
		"expected", "missing", "begun", "draft", "submitted", "returned", "approved", "late", "overdue")
	line := func(code, name string, role policy.Role, n Counts) {
		row := []any{c.Period, code, name, string(role)}
		for _, x := range []int{
			n.Expected, n.Missing, n.Begun, n.Draft, n.Submitted, n.Returned, n.Approved, n.Late, n.Overdue,
		} {
			row = append(row, int64(x))
		}
		t.Rows = append(t.Rows, row)
	}
	for _, r := range c.Rows {
		name := cmp.Or(r.name, r.code())
		if r.Branch != nil {
			name = r.Branch.Name
		}
		line(r.code(), name, "all", r.Counts)
		for _, role := range r.Roles {
			line(r.code(), name, role.Role, role.Counts)
		}
	}
	return t
}
