package index

import (
	"context"
	"errors"
	"math"
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
	raw := cell.Entered
	if math.IsNaN(raw) { // nothing was entered: show what stands in for it
		raw = cell.Used
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
