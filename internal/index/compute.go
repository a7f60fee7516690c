package index

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"gorm.io/gorm"

	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/fault"
	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// computation is one scoring of a period with everything that went in.
type computation struct {
	scheme   *scheme.Compiled
	branches []town.Branch
	values   datafile.Values
	result   *composite.Result
	table    []composite.Standing
}

// compute scores the approved entries of the period for the branches that exist
// on its last day.
func compute(ctx context.Context, db *gorm.DB, p evaluation.Period) (*computation, error) {
	compiled, err := scheme.Load(ctx, db, p.TownID, p.SchemeCode, p.SchemeNumber)
	if err != nil {
		return nil, err
	}
	branches, err := town.ListBranches(ctx, db, p.TownID, town.BranchFilter{On: p.EndsOn})
	if err != nil {
		return nil, err
	}
	values, err := evaluation.Collect(ctx, db, p, compiled, branches)
	if err != nil {
		return nil, err
	}
	c := &computation{scheme: compiled, branches: branches, values: values}
	return c, withLock(p, c.score())
}

// withLock adds to a refusal to score who brought the period where it stands.
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
	return nil
}

// unscorable says which approved values the scheme refuses: they were entered
// under another version, or carried over from one.
func unscorable(err error) error {
	e := fault.Conflict("unscorable", "有已通过的数据无法按现行指标体系计分", "approved values cannot be scored by this scheme").Because(err)
	if found, ok := err.(*composite.DataFaults); ok { //nolint:errorlint // Check returns it bare
		for _, f := range found.Faults {
			e = e.With(fault.At("data/"+f.Unit+"/"+f.Indicator, f.Code, text.Same(f.Message)))
		}
	}
	return e
}

// outcome writes the computation as rows, in the order of the ranking.
func (c *computation) outcome(p evaluation.Period) *Outcome {
	nodes := c.scheme.Index.Nodes()
	o := &Outcome{Period: p, Scheme: c.scheme, Results: make([]Result, len(c.table)), computation: c}
	for i, s := range c.table {
		o.Results[i] = c.row(p.TownID, i, s, nodes)
	}
	return o
}

func (c *computation) row(townID string, position int, s composite.Standing, nodes []composite.NodeInfo) Result {
	b := c.branches[s.Unit]
	coverage, _ := c.result.Coverage(0, s.Unit) // 0 where no indicator applies
	r := Result{
		TownID: townID, BranchCode: b.Code, Position: position, Name: b.Name, Kind: b.Kind, Class: b.Class,
		Status: s.Status.String(), Coverage: coverage, Bonus: s.Bonus, Deduction: s.Deduction, Vetoes: strings.Join(s.Vetoes, ","),
	}
	if s.Status == composite.UnitScored {
		r.Base, r.Score, r.Rank, r.ClassRank = &s.Base, &s.Score, &s.Rank, &s.ClassRank
		if s.Grade != "" {
			r.Grade = &s.Grade
		}
	}
	r.Nodes = make([]NodeResult, len(nodes))
	for n := range nodes {
		r.Nodes[n] = c.node(townID, b.Code, n, s.Unit, nodes[n])
	}
	return r
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

// Engine names the mathematics that a run was made with. It changes when the
// same inputs would give other figures.
const Engine = "bulwark/composite 1"

func describe(p evaluation.Period) string { return fmt.Sprintf("periods/%s", p.Code) }

// exact writes a number so that reading it gives the same bits; "" for none.
func exact(x *float64) string {
	if x == nil {
		return ""
	}
	return strconv.FormatFloat(*x, 'g', -1, 64)
}

func whole(n *int) string {
	if n == nil {
		return ""
	}
	return strconv.Itoa(*n)
}

func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// rounded is a figure as it is shown.
func rounded(x *float64, decimals int) *float64 {
	if x == nil {
		return nil
	}
	y := stats.Round(*x, decimals)
	return &y
}
