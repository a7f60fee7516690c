package index

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
)

// computation is one scoring of a period with everything that went in.
type computation struct {
	scheme   *scheme.Compiled
	branches []town.Branch
	values   datafile.Values
	result   *composite.Result
	table    []composite.Standing
	lowest   *composite.Result // with every missing value at the lowest of its class
	floors   []float64         // scores by it, by unit
	partial  bool              // not of every branch: ranks, and grades with a quota, would be of these alone
	amends   *otherEngines
}

// compute scores the approved entries of the period for the branches that exist
// on its last day, as they were known at its lock.
func compute(ctx context.Context, db *gorm.DB, p evaluation.Period) (*computation, error) {
	c, err := collect(ctx, db, p)
	if err != nil {
		return nil, err
	}
	return c, withLock(p, c.score())
}

// collect returns the computation before anything is scored.
func collect(ctx context.Context, db *gorm.DB, p evaluation.Period) (*computation, error) {
	compiled, err := scheme.Load(ctx, db, p.TownID, p.Scheme.Code, p.Scheme.Number)
	if err != nil {
		return nil, err
	}
	branches, err := town.ListBranches(ctx, db, p.TownID, p.BranchFilter())
	if err != nil {
		return nil, err
	}
	values, err := evaluation.Collect(ctx, db, p, compiled, branches)
	if err != nil {
		return nil, err
	}
	return &computation{scheme: compiled, branches: branches, values: values}, nil
}

// errRelative refuses figures that would tell what other branches have.
var errRelative = fault.Forbidden("relative_scheme",
	"本指标体系的得分要同其他党组织比较后得出，公布之前以及假设测算只供能够查看全镇数据的工作领导小组和镇领导使用",
	"this scheme measures branches against each other: before publication, and for suppositions, its scores "+
		"are only for the leading group and the leadership, who may see all branches")

// only returns the computation, not scored, of the branches that has names. It is refused
// where the others would be missed.
func (c *computation) only(has func(branch string) bool) (*computation, error) {
	if c.scheme.Index.Relative() {
		return nil, errRelative
	}
	x := &computation{scheme: c.scheme, partial: true}
	place := map[int]int{}
	for u, b := range c.branches {
		if has(b.Code) {
			place[u] = len(x.branches)
			x.branches = append(x.branches, b)
		}
	}
	d := c.values.Data
	x.values.Data = composite.Data{
		Units: picked(c.branches, has, d.Units), Classes: picked(c.branches, has, d.Classes),
		Columns: make([][]float64, len(d.Columns)),
	}
	for i := range d.Columns {
		x.values.Data.Columns[i] = picked(c.branches, has, d.Columns[i])
	}
	for _, column := range d.NotApplicable {
		x.values.Data.NotApplicable = append(x.values.Data.NotApplicable, picked(c.branches, has, column))
	}
	for _, column := range d.Carried {
		x.values.Data.Carried = append(x.values.Data.Carried, picked(c.branches, has, column))
	}
	for _, column := range c.values.Ages {
		x.values.Ages = append(x.values.Ages, picked(c.branches, has, column))
	}
	for _, a := range c.values.Adjustments {
		if u, ok := place[a.Unit]; ok {
			a.Unit = u
			x.values.Adjustments = append(x.values.Adjustments, a)
		}
	}
	return x, nil
}

// picked returns what a column has of the branches that has names; nil stays nil.
func picked[T any](branches []town.Branch, has func(branch string) bool, column []T) []T {
	if column == nil {
		return nil
	}
	list := []T{}
	for u, b := range branches {
		if has(b.Code) {
			list = append(list, column[u])
		}
	}
	return list
}

// withLock adds to a refusal to score who brought the period into its state.
func withLock(p evaluation.Period, err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e.Held(p.Lock())
	}
	return err
}

func (c *computation) score() error {
	if err := c.scheme.Index.Check(c.values.Data); err != nil {
		return unscorable(err)
	}
	c.result = c.scheme.Index.Score(c.values.Data, composite.KeepAll)
	table, err := c.scheme.Index.Standings(c.result, c.values.Adjustments)
	if err != nil {
		return unscorable(err)
	}
	c.table = table
	c.lowest = c.result.AtLowest()
	low, err := c.scheme.Index.Standings(c.lowest, c.values.Adjustments)
	if err != nil {
		return unscorable(err)
	}
	c.floors = make([]float64, len(low))
	for _, s := range low {
		if c.floors[s.Unit] = math.NaN(); s.Status == composite.UnitScored {
			c.floors[s.Unit] = s.Score
		}
	}
	return nil
}

// unscorable returns a refusal that lists the approved values that the scheme
// refuses: they were entered under another version, or carried over from one.
func unscorable(err error) error {
	e := fault.Conflict("unscorable", "有已通过的数据无法按现行指标体系计分", "approved values cannot be scored by this scheme").Because(err)
	if found, ok := err.(*composite.DataFaults); ok { //nolint:errorlint // Check returns it bare
		for _, f := range found.Faults {
			e = e.With(fault.At("data/"+f.Unit+"/"+f.Indicator, f.Code, text.Same(f.Message)))
		}
	}
	return e
}

// outcome returns the computation as rows, in the order of the ranking.
func (c *computation) outcome(p evaluation.Period) *Outcome {
	nodes := c.scheme.Index.Nodes()
	o := &Outcome{Period: p, Scheme: c.scheme, Results: make([]Result, len(c.table)), computation: c}
	for i, s := range c.table {
		o.Results[i] = c.row(p.TownID, i, s, nodes)
	}
	if standIn != nil {
		standIn.change(o.Results)
	}
	if c.amends != nil {
		c.amends.keep(o)
	}
	return o
}

func (c *computation) row(townID string, position int, s composite.Standing, nodes []composite.NodeInfo) Result {
	b := c.branches[s.Unit]
	coverage, _ := c.result.Coverage(0, s.Unit) // 0 where no indicator applies
	r := Result{
		TownID: townID, BranchCode: b.Code, Position: position, Name: b.Name, Kind: b.Kind, Class: b.Class,
		Status: s.Status.String(), Coverage: coverage, Bonus: s.Bonus, Deduction: s.Deduction,
		Vetoes: strings.Join(s.Vetoes, ","),
	}
	if s.Status == composite.UnitScored {
		r.Base, r.Score = &s.Base, &s.Score
		if !c.partial {
			r.Rank, r.ClassRank = &s.Rank, &s.ClassRank
		}
		if s.Grade = c.gradeOf(s); s.Grade != "" {
			r.Grade = &s.Grade
		}
	}
	incomplete := len(c.result.Missing(s.Unit)) > 0
	if floor := c.floors[s.Unit]; incomplete && floor == floor {
		r.ScoreAtLowest = &floor
	}
	r.Nodes = make([]NodeResult, len(nodes))
	for n := range nodes {
		r.Nodes[n] = c.node(townID, b.Code, n, s.Unit, nodes[n])
		if x, ok := c.lowest.Score(n, s.Unit); ok && incomplete && !nodes[n].Leaf {
			r.Nodes[n].ScoreAtLowest = &x
		}
	}
	return r
}

// gradeOf returns the grade of the standing; none where it would depend on branches that
// are not there.
func (c *computation) gradeOf(s composite.Standing) string {
	if c.partial && c.scheme.Index.Quotas() {
		return ""
	}
	return s.Grade
}

func (c *computation) node(townID, branch string, n, unit int, info composite.NodeInfo) NodeResult {
	row := NodeResult{TownID: townID, BranchCode: branch, NodeCode: info.Code, Position: n}
	if x, ok := c.result.Score(n, unit); ok {
		row.Score = &x
	}
	if !info.Leaf {
		row.Status = "missing"
		if row.Score != nil {
			row.Status = "scored"
		}
		coverage, _ := c.result.Coverage(n, unit)
		row.Coverage = &coverage
		return row
	}
	cell := c.result.Cell(n, unit)
	row.Status = cell.Status.String()
	if days := int64(c.values.Age(info.Column, unit)); cell.Status == composite.CellCarried && days > 0 {
		row.Age = &days
	}
	raw := cell.Entered
	if math.IsNaN(raw) { // nothing was entered: show what stands in for it, in its own unit
		raw = cell.Filled
	}
	if math.IsNaN(raw) {
		return row
	}
	if levels := c.scheme.Indicators[info.Column].Levels(); levels != nil {
		row.Level = &levels[int(raw)]
		return row
	}
	row.Raw = &raw
	return row
}

// OfflineView computes from a data file what the service computes from a town, and
// returns the same view without a database. The file must not change while the view
// is used.
func OfflineView(c *scheme.Compiled, f *datafile.File) (View, error) {
	w, err := computationOf(c, f)
	if err != nil {
		return View{}, err
	}
	o := w.outcome(evaluation.Period{})
	names := map[string]string{}
	for i, code := range f.Data.Units {
		names[code] = f.Name(i)
	}
	for i := range o.Results {
		r := &o.Results[i]
		r.Name = text.Same(r.BranchCode)
		if name := names[r.BranchCode]; name != "" {
			r.Name = text.Same(name)
		}
	}
	return View{current: o}, nil
}

// computationOf scores the file.
func computationOf(c *scheme.Compiled, f *datafile.File) (*computation, error) {
	w := &computation{scheme: c, values: f.Values, branches: make([]town.Branch, len(f.Data.Units))}
	for i, code := range f.Data.Units {
		w.branches[i].Code, w.branches[i].Kind = code, f.Kind(i)
		if class := f.Class(i); class != "" {
			w.branches[i].Class = &class
		}
	}
	return w, w.score()
}

// dataFile returns everything that the computation was made from.
func (c *computation) dataFile() string {
	f := datafile.File{Values: c.values, Kinds: make([]string, len(c.branches))}
	for i, b := range c.branches {
		f.Kinds[i] = b.Kind
	}
	return datafile.Write(c.scheme, &f)
}

// readComputation computes from a data file what was computed when it was written.
func readComputation(compiled *scheme.Compiled, data string) (*computation, error) {
	file, err := datafile.Read(strings.NewReader(data), compiled)
	if err != nil {
		return nil, err
	}
	return computationOf(compiled, file)
}

// explainer returns the explainer of the outcome, made once. A stored outcome is
// computed again from its data file, with the same figures to the bit.
func (o *Outcome) explainer() (*composite.Explainer, error) {
	o.once.Do(func() {
		if o.computation == nil {
			if o.computation, o.explainErr = readComputation(o.Scheme, o.Run.Data); o.explainErr != nil {
				return
			}
		}
		o.explained, o.explainErr = o.computation.result.Explain(o.computation.values.Adjustments)
	})
	return o.explained, o.explainErr
}

// unit returns the place of a branch in the data, and false where it has none.
func (o *Outcome) unit(branch string) (int, bool) {
	for u, code := range o.computation.values.Data.Units {
		if code == branch {
			return u, true
		}
	}
	return 0, false
}

// locate returns the row and the place in the data of a branch. The explainer must
// have been made.
func (o *Outcome) locate(branch string) (*Result, int, error) {
	r := o.find(branch)
	unit, ok := o.unit(branch)
	if r == nil || !ok {
		return nil, 0, fault.Missing(text.Text{ZH: "本周期的党组织", EN: "branch of this period"}, branch)
	}
	return r, unit, nil
}

// FitOver is the scheme.Fitter of a town: it fits each indicator with Over to the values of its periods as they are
// published now, all together, with the policy for missing values and the treatment of the new version. The faults are
// of the document: periods that are not published, that do not have the indicator, or that leave nothing to fit to.
func FitOver(ctx context.Context, tx *gorm.DB, townID string, c *scheme.Compiled) (fitted [][]composite.Fitted, err error) {
	defer fault.Wrap(&err, "fit over periods")
	f := fitter{scheme: c, periods: map[string]*fittedPeriod{}}
	if f.published, err = readPublications(ctx, tx, townID, ""); err != nil {
		return nil, err
	}
	fitted = make([][]composite.Fitted, len(c.Indicators))
	column := 0
	var visit func(at string, n *scheme.Node) error
	visit = func(at string, n *scheme.Node) (err error) {
		if len(n.Children) == 0 {
			if n.Over != nil {
				fitted[column], err = f.fit(ctx, tx, at+"/over", column)
			}
			column++
		}
		for i := range n.Children {
			if err == nil {
				err = visit(fmt.Sprintf("%s/children/%d", at, i), &n.Children[i])
			}
		}
		return err
	}
	if err := visit("/tree", &c.Document.Tree); err != nil {
		return nil, err
	}
	if len(f.faults) > 0 {
		return nil, fault.Broken(f.faults...)
	}
	return fitted, nil
}

// fitter fits the indicators of a scheme to published periods.
type fitter struct {
	scheme    *scheme.Compiled
	published publications
	periods   map[string]*fittedPeriod // read so far
	faults    []fault.FieldError
}

// fittedPeriod is what is published of a period.
type fittedPeriod struct {
	scheme *scheme.Compiled
	data   composite.Data
}

// read returns what is published of the period; nil where nothing is.
func (f *fitter) read(ctx context.Context, tx *gorm.DB, code string) (*fittedPeriod, error) {
	if p, ok := f.periods[code]; ok {
		return p, nil
	}
	list := f.published.of(code)
	if len(list) == 0 {
		f.periods[code] = nil
		return nil, nil //nolint:nilnil // that it is not published is a fault of the document
	}
	last := list[len(list)-1]
	run, err := FindRun(ctx, tx, last.TownID, code, last.RunID)
	if err != nil {
		return nil, err
	}
	p := &fittedPeriod{}
	if p.scheme, err = scheme.Load(ctx, tx, last.TownID, run.Scheme.Code, run.Scheme.Number); err != nil {
		return nil, err
	}
	file, err := datafile.Read(strings.NewReader(run.Data), p.scheme)
	if err != nil {
		return nil, err
	}
	p.data, f.periods[code] = file.Data, p
	return p, nil
}

// fit returns what the indicator of the column is fitted to.
func (f *fitter) fit(ctx context.Context, tx *gorm.DB, at string, column int) ([]composite.Fitted, error) {
	n, columns := f.scheme.Indicators[column], len(f.scheme.Indicators)
	pooled := composite.Data{
		Classes: []string{}, Columns: make([][]float64, columns), NotApplicable: make([][]bool, columns),
		Carried: make([][]float64, columns),
	}
	for i, code := range n.Over.Periods {
		p, err := f.read(ctx, tx, code)
		if err != nil {
			return nil, err
		}
		place := fmt.Sprintf("%s/periods/%d", at, i)
		if p == nil {
			f.faults = append(f.faults, fault.Field(place, "period_not_published",
				"考评周期“%s”没有已公布的成绩", "the period %q has no published result", code))
		} else if !p.add(&pooled, code, column, n) {
			f.faults = append(f.faults, fault.Field(place, "not_in_period",
				"考评周期“%[1]s”没有数值型指标“%[2]s”", "the period %[1]q has no indicator %[2]q with numbers", code, n.Code))
		}
	}
	if len(f.faults) > 0 {
		return nil, nil
	}
	for c := range columns { // the others have no values
		if c != column {
			pooled.Columns[c] = slices.Repeat([]float64{math.NaN()}, len(pooled.Units))
		}
	}
	if err := f.scheme.Index.Check(pooled); err != nil {
		return nil, unscorable(err)
	}
	fitted := f.scheme.Index.Fit(pooled)[column]
	if len(fitted) == 0 {
		f.faults = append(f.faults, fault.Field(at+"/periods", "no_values",
			"这些考评周期没有该指标的数据", "these periods have no value of the indicator"))
	}
	return fitted, nil
}

// add appends the values of the indicator to those of other periods; false where the period has none to fit to.
func (p *fittedPeriod) add(pooled *composite.Data, period string, column int, n *scheme.Node) bool {
	at := slices.IndexFunc(p.scheme.Indicators, func(other *scheme.Node) bool { return other.Code == n.Code })
	if at < 0 || p.scheme.Indicators[at].Levels() != nil {
		return false
	}
	for u, unit := range p.data.Units {
		class, carried, applies := "", math.NaN(), true
		if p.data.Classes != nil {
			class = p.data.Classes[u]
		}
		if p.data.Carried != nil && p.data.Carried[at] != nil {
			carried = p.data.Carried[at][u]
		}
		if p.data.NotApplicable != nil && p.data.NotApplicable[at] != nil {
			applies = !p.data.NotApplicable[at][u]
		}
		pooled.Units = append(pooled.Units, period+"/"+unit)
		pooled.Classes = append(pooled.Classes, class)
		pooled.Columns[column] = append(pooled.Columns[column], p.data.Columns[at][u])
		pooled.Carried[column] = append(pooled.Carried[column], carried)
		pooled.NotApplicable[column] = append(pooled.NotApplicable[column], !applies)
	}
	return true
}
