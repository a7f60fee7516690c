package composite_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
)

// linearRules are piecewise linear or steps, and look at nobody.
var linearRules = []string{"goalposts", "bands", "levels", "deduct", "shortfall", "points"}

// grid lists what a lever lets a unit enter between -60 and 120.
func grid(rule composite.Rule, lever composite.Lever, from float64) []float64 {
	if lever.Fixed {
		return []float64{from}
	}
	values := []float64{from}
	if levels, ok := rule.(*composite.Levels); ok {
		for i := range levels.Levels {
			_ = i
			values = append(values, float64(len(values)-1))
		}
		return values
	}
	for k := math.Ceil(-60 / lever.Step); k*lever.Step <= 120; k++ {
		x := k * lever.Step
		if (lever.Min == nil || x >= *lever.Min) && (lever.Max == nil || x <= *lever.Max) {
			values = append(values, x)
		}
	}
	return values
}

func leafRules(n composite.Node) []composite.Rule {
	if len(n.Children) == 0 {
		return []composite.Rule{n.Rule}
	}
	var rules []composite.Rule
	for _, child := range n.Children {
		rules = append(rules, leafRules(child)...)
	}
	return rules
}

// brute tries every combination of entries through Check, Score and Standings and
// returns the least cost of one that meets the goal, and whether there is one.
type brute struct {
	ix          *composite.Index
	data        composite.Data
	adjustments []composite.Adjustment
	unit        int
	levers      map[int]composite.Lever
	scores      func(column int, x float64) (float64, bool)
	met         func(list []composite.Standing) bool
}

func (b brute) cheapest() (float64, bool) {
	rules, leaves := leafRules(b.ix.Spec().Tree), b.ix.Leaves()
	best, found := math.Inf(1), false
	data := b.data
	data.Columns = slices.Clone(data.Columns)
	var try func(column int, cost float64)
	try = func(column int, cost float64) {
		if cost >= best {
			return
		}
		if column == len(leaves) {
			list, err := b.ix.Standings(b.ix.Score(data, composite.KeepRoot), b.adjustments)
			if err == nil && b.met(list) {
				best, found = cost, true
			}
			return
		}
		own, lever := b.data.Columns[column], b.levers[leaves[column]]
		if b.data.NotApplicable[column][b.unit] || math.IsNaN(own[b.unit]) {
			try(column+1, cost)
			return
		}
		from := own[b.unit]
		was, _ := b.scores(column, from)
		for _, x := range grid(rules[column], lever, from) {
			score, ok := b.scores(column, x)
			if x != from && (!ok || score <= was) {
				continue
			}
			data.Columns[column] = slices.Clone(own)
			data.Columns[column][b.unit] = x
			price := lever.Cost * math.Abs(x-from)
			if lever.Cost == 0 {
				price = score - was
			}
			if x == from {
				price = 0
			}
			try(column+1, cost+price)
		}
		data.Columns[column] = own
	}
	try(0, 0)
	return best, found
}

func standingOf(list []composite.Standing, unit int) composite.Standing {
	return list[slices.IndexFunc(list, func(s composite.Standing) bool { return s.Unit == unit })]
}

func drawLever(d drawer, step float64) composite.Lever {
	l := composite.Lever{Step: step}
	switch d.intn(6) {
	case 0:
		l.Fixed = true
	case 1:
		l.Max = new(float64(50 + d.intn(50)))
	case 2:
		l.Min = new(float64(d.intn(50)))
	}
	if d.intn(3) > 0 {
		l.Cost = d.number(.1, 5)
	}
	return l
}

// replayed enters the moves and settles the standings anew.
func replayed(
	t *testing.T, ix *composite.Index, data composite.Data,
	adjustments []composite.Adjustment, unit int, p *composite.Path,
) composite.Standing {
	t.Helper()
	data.Columns = slices.Clone(data.Columns)
	for _, m := range p.Moves {
		column := ix.Nodes()[m.Node].Column
		data.Columns[column] = slices.Clone(data.Columns[column])
		if data.Columns[column][unit] != m.From {
			t.Fatalf("%+v does not start at %v", m, data.Columns[column][unit])
		}
		data.Columns[column][unit] = m.To
	}
	if err := ix.Check(data); err != nil {
		t.Fatal(err)
	}
	list, err := ix.Standings(ix.Score(data, composite.KeepRoot), adjustments)
	if err != nil {
		t.Fatal(err)
	}
	return standingOf(list, unit)
}

// uncouple takes out what lets the entry of a unit move others, rules apart.
func uncouple(n *composite.Node) {
	n.Treat = nil
	if n.Rule != nil {
		n.Missing = composite.Missing{}
	}
	for i := range n.Children {
		uncouple(&n.Children[i])
	}
}

// Of piecewise linear rules under arithmetic means no cheaper path exists on the
// grid than the one found, and where none is found none exists.
func TestCheapestPathAgainstBruteForce(t *testing.T) {
	rounds, found, unreachable, inexact, missed := uint64(6000), 0, 0, 0, 0
	if testing.Short() {
		rounds = 200
	}
	for seed := range rounds {
		d := newSeeded(seed)
		kinds := linearRules
		if d.intn(3) == 0 {
			kinds = append([]string{"minmax", "zscore", "percentile", "rank_points", "best"}, kinds...)
		}
		tree := drawTree(d, kinds, []composite.AggregationKind{composite.Arithmetic})
		if d.intn(3) > 0 {
			uncouple(&tree)
		}
		e, ix, data := explain(t, d, tree, 2+d.intn(5))
		list := e.Standings()
		unit := list[d.intn(len(list))].Unit
		levers := map[int]composite.Lever{}
		for _, leaf := range ix.Leaves() {
			levers[leaf] = drawLever(d, []float64{12.5, 15, 20, 25}[d.intn(4)])
		}
		s := standingOf(list, unit)
		toGrade := d.intn(2) == 0
		adjustments := adjustmentsOf(list)
		scores := scorerOf(ix, data, unit)
		b := brute{ix: ix, data: data, adjustments: adjustments, unit: unit, levers: levers, scores: scores}
		var p *composite.Path
		if toGrade {
			p = e.PathToGrade(unit, levers)
			b.met = func(list []composite.Standing) bool { return standingOf(list, unit).Grade < s.Grade }
		} else {
			p = e.PathToRank(unit, levers)
			b.met = func(list []composite.Standing) bool {
				now := standingOf(list, unit)
				for _, a := range p.Ahead {
					if standingOf(list, a).Score >= now.Score {
						return false
					}
				}
				return now.Rank < s.Rank
			}
		}
		switch p.Status {
		case composite.PathAtTop, composite.PathUnscored:
			continue
		case composite.PathVetoed:
			if _, ok := b.cheapest(); ok && p.Exact {
				t.Fatalf("seed %d: vetoed, but there is a path: %+v", seed, p)
			}
			continue
		}
		cost, ok := b.cheapest()
		if p.Status == composite.PathUnreachable {
			unreachable++
			if ok && !p.Exact {
				missed++
			}
			if ok && p.Exact {
				t.Fatalf("seed %d: unreachable but there is a path for %v", seed, cost)
			}
			continue
		}
		found++
		if !ok {
			t.Fatalf("seed %d: %+v, but no combination of the grid does", seed, p)
		}
		if got := replayed(t, ix, data, adjustments, unit, p); got.Score != p.Reached.Score || got.Rank != p.Reached.Rank ||
			got.Grade != p.Reached.Grade {
			t.Fatalf("seed %d: replayed %+v, promised %+v", seed, got, p.Reached)
		}
		if p.Exact && math.Abs(p.Cost-cost) > 1e-6 || p.Cost < cost-1e-6 || p.Bound > cost+1e-6 {
			t.Fatalf("seed %d: cost %v (exact %v, bound %v), brute force %v\n%+v", seed, p.Cost, p.Exact, p.Bound, cost, p)
		}
		if !p.Exact {
			inexact++
		}
	}
	t.Log(found, "found,", inexact, "of them not exact,", unreachable, "unreachable,", missed,
		"of them wrongly and not claimed to be exact")
	if found < int(rounds)/8 || unreachable < int(rounds)/50 || inexact > found/4 {
		t.Fatal("the draw is too tame")
	}
}

// adjustmentsOf returns the adjustments that explain drew.
func adjustmentsOf(list []composite.Standing) (adjustments []composite.Adjustment) {
	for _, s := range list {
		if s.Bonus > 0 {
			adjustments = append(adjustments, composite.Adjustment{Unit: s.Unit, Code: "plus"})
		}
		if s.Deduction > 0 {
			adjustments = append(adjustments, composite.Adjustment{Unit: s.Unit, Code: "minus"})
		}
		for _, code := range s.Vetoes {
			adjustments = append(adjustments, composite.Adjustment{Unit: s.Unit, Code: code})
		}
	}
	return adjustments
}

// scorerOf scores a leaf of the unit with another entry, through Check and Score.
func scorerOf(ix *composite.Index, data composite.Data, unit int) func(column int, x float64) (float64, bool) {
	leaves := ix.Leaves()
	return func(column int, x float64) (float64, bool) {
		d := data
		d.Columns = slices.Clone(d.Columns)
		d.Columns[column] = slices.Clone(d.Columns[column])
		d.Columns[column][unit] = x
		if ix.Check(d) != nil {
			return 0, false
		}
		return ix.Score(d, composite.KeepRoot).Score(leaves[column], unit)
	}
}

// Under other means a path is not claimed to be cheapest, but it leads where it claims to,
// and is not far from the cheapest.
func TestPathUnderOtherMeans(t *testing.T) {
	rounds := uint64(2500)
	if testing.Short() {
		rounds = 250
	}
	var ratios []float64
	missed := 0
	for seed := range rounds {
		d := newSeeded(seed)
		tree := drawTree(d, linearRules, allAggregations[1:])
		uncouple(&tree)
		e, ix, data := explain(t, d, tree, 2+d.intn(4))
		list := e.Standings()
		unit := list[d.intn(len(list))].Unit
		levers := map[int]composite.Lever{}
		for _, leaf := range ix.Leaves() {
			levers[leaf] = drawLever(d, []float64{15, 20, 25}[d.intn(3)])
		}
		s, p := standingOf(list, unit), e.PathToGrade(unit, levers)
		if p.Status != composite.PathFound && p.Status != composite.PathUnreachable {
			continue
		}
		b := brute{
			ix: ix, data: data, adjustments: adjustmentsOf(list), unit: unit, levers: levers, scores: scorerOf(ix, data, unit),
		}
		b.met = func(list []composite.Standing) bool { return standingOf(list, unit).Grade < s.Grade }
		cost, ok := b.cheapest()
		if p.Status == composite.PathUnreachable {
			if ok && p.Exact {
				t.Fatalf("seed %d: said to be unreachable, but there is a path for %v", seed, cost)
			}
			if ok {
				missed++
			}
			continue
		}
		got := replayed(t, ix, data, b.adjustments, unit, p)
		if got.Grade != p.Reached.Grade || got.Grade >= s.Grade || !ok || p.Cost < cost-1e-6 ||
			p.Exact && p.Cost > cost+1e-6 {
			t.Fatalf("seed %d: %+v, replayed %+v, brute force %v %v", seed, p, got, cost, ok)
		}
		ratios = append(ratios, p.Cost/cost)
	}
	slices.Sort(ratios)
	if len(ratios) < int(rounds)/20 {
		t.Fatal("the draw is too tame")
	}
	t.Logf("%d found, %d missed; cost ÷ least cost: median %.3f, 90 %% %.3f, worst %.3f",
		len(ratios), missed, ratios[len(ratios)/2], ratios[len(ratios)*9/10], ratios[len(ratios)-1])
	if ratios[len(ratios)*9/10] > 1.5 {
		t.Error("far from the cheapest")
	}
}

// Of numbers that a float64 no longer counts by ones, the grid is what it can be.
func TestPathOfHugeValues(t *testing.T) {
	w := newTown()
	w.spec.Tree.Children[0].Rule = &composite.Goalposts{Low: 9e14, High: 1e15}
	w.data.Columns[0] = []float64{9.5e14, 1e15, 1e15, 1e15}
	if p := w.explain(t).PathToGrade(0, nil); p.Status != composite.PathFound || p.Exact {
		t.Errorf("%+v", p)
	}
	w.spec.Tree.Children[0].Rule = &composite.Goalposts{Low: 1e15 - 1, High: 1e15}
	w.data.Columns[0][0] = 1e15 - .5
	if p := w.explain(t).PathToGrade(0, map[int]composite.Lever{
		1: {Step: 1e-12}, 2: {Step: math.Inf(1)}, 3: {Step: math.NaN(), Min: new(math.NaN())},
	}); p.Status != composite.PathFound {
		t.Errorf("%+v", p)
	}
}

// There is no path where a veto or the scale stands in the way, and it is said so
// with the best that can be had.
func TestNoPath(t *testing.T) {
	w := newTown()
	if p := w.explain(t).PathToRank(2, nil); p.Status != composite.PathAtTop || !p.Exact { // c has 82.5
		t.Errorf("first: %+v", p)
	}
	if p := w.explain(t).PathToGrade(2, nil); p.Status != composite.PathAtTop {
		t.Errorf("best grade: %+v", p)
	}
	fixed := map[int]composite.Lever{1: {Fixed: true}, 2: {Fixed: true}, 3: {Max: new(60.)}}
	p := w.explain(t).PathToGrade(0, fixed) // (120 + 50 + 60)/4
	if p.Status != composite.PathUnreachable || !p.Exact || p.Reached.Score != 57.5 || p.Target != 60 || p.Moves != nil {
		t.Errorf("held back: %+v", p)
	}
	w.spec.Adjustments.Vetoes[0].Effect = composite.Effect{Kind: composite.CapGrade, Grade: "poor"}
	w.adjustments = []composite.Adjustment{{Unit: 0, Code: "cap"}}
	if p := w.explain(t).PathToGrade(0, nil); p.Status != composite.PathVetoed || !p.Exact {
		t.Errorf("capped grade: %+v", p)
	}
	w.spec.Adjustments.Vetoes[0].Effect = composite.Effect{Kind: composite.CapScore, Score: 52}
	if p := w.explain(t).PathToRank(0, nil); p.Status != composite.PathVetoed {
		t.Errorf("capped score: %+v", p)
	}
	w = newTown()
	w.spec.Tree.Children[1].Rule = &composite.PointsRule{Max: 10}
	w.data.Columns = [][]float64{{90, 100, 100, 90}, {5, 10, 10, 4}, {50, 100, 100, 80}}
	if p := w.explain(t).PathToRank(0, nil); p.Status != composite.PathFound || p.Ahead[0] != 3 || p.Reached.Rank != 3 {
		t.Errorf("%+v", p)
	}
	w.data.Columns[1][3], w.data.Columns[2][3], w.data.Columns[0][3] = 10, 100, 100
	if p := w.explain(t).PathToRank(0, nil); p.Status != composite.PathUnreachable || !p.Exact || len(p.Ahead) != 3 ||
		p.Reached.Score != 100 {
		t.Errorf("nobody passes 100: %+v", p)
	}
}

// A figure that is one unit of the last decimal short of the next rank, and a grade
// whose quota is full: its last holder has to be passed.
func TestPathToAFullGrade(t *testing.T) {
	w := newTown()
	w.spec.Tree.Children[1].Rule = &composite.PointsRule{Max: 10}
	w.spec.Grades = []composite.Grade{{Code: "good", From: 50, MaxShare: new(.5)}, {Code: "poor"}}
	e := w.explain(t) // a 55, b 50, c 82.5, d 75: c and d are good
	p := e.PathToGrade(0, nil)
	if p.Target != 75.01 || p.Status != composite.PathFound || p.Reached.Score != 75.01 || !p.Exact {
		t.Errorf("%+v", p)
	}
	if r := e.PathToRank(0, nil); r.Target != p.Target || r.Cost != p.Cost {
		t.Errorf("%+v", r)
	}
	w.spec.Grades[0].MaxShare = new(.1) // no place at all
	if p := w.explain(t).PathToGrade(0, nil); p.Status != composite.PathUnreachable || !(p.Target > 100) {
		t.Errorf("%+v", p)
	}
}

// A grade may start between two published figures.
func TestPathToAGradeBetweenFigures(t *testing.T) {
	w := newTown()
	for from, target := range map[float64]float64{59.994: 60, 59.996: 60, 59.99: 59.99} {
		w.spec.Grades[0].From = from
		if p := w.explain(t).PathToGrade(0, nil); p.Target != target || p.Status != composite.PathFound ||
			p.Reached.Grade != "good" {
			t.Errorf("from %v: %+v", from, p)
		}
	}
}

// A rule without an end rewards moves that nobody looked at, unless the lever ends them.
func TestPathWithoutEnd(t *testing.T) {
	w := newTown()
	w.spec.Tree.Children[1].Rule = &composite.ZScore{}
	if p := w.explain(t).PathToGrade(0, nil); p.Status != composite.PathFound || p.Exact || p.Bound != 0 {
		t.Errorf("%+v", p)
	}
	if p := w.explain(t).PathToGrade(0, map[int]composite.Lever{
		1: {Step: 1}, 2: {Step: 1, Max: new(10.)}, 3: {Step: 1},
	}); p.Status != composite.PathFound || !p.Exact {
		t.Errorf("%+v", p)
	}
}

// Who looks at peers moves them too: nothing is claimed of a rank, but of a grade.
func TestPathThatMovesOthers(t *testing.T) {
	w := newTown()
	levers := map[int]composite.Lever{1: {Step: 1}, 2: {Step: 1}, 3: {Step: 1}}
	if p := w.explain(t).PathToRank(0, levers); p.Status != composite.PathFound || p.Exact || p.Bound != 0 {
		t.Errorf("%+v", p)
	}
	if p := w.explain(t).PathToGrade(0, levers); p.Status != composite.PathFound || !p.Exact || p.Bound != p.Cost {
		t.Errorf("%+v", p)
	}
}

// No move of a path found by descent can be shortened by a step.
func TestDescentLeavesNothingOver(t *testing.T) {
	e := wideTown(t, 40, composite.Geometric, uneven, posts)
	for _, s := range e.Standings() {
		p := e.PathToGrade(s.Unit, nil)
		if p.Status != composite.PathFound {
			continue
		}
		for _, m := range p.Moves {
			levers := map[int]composite.Lever{}
			for n := range 40 {
				levers[n] = composite.Lever{Fixed: true}
			}
			for _, other := range p.Moves {
				most := other.To
				if other.Node == m.Node {
					most -= .01
				}
				levers[other.Node] = composite.Lever{Max: &most}
			}
			if again := e.PathToGrade(s.Unit, levers); again.Status == composite.PathFound {
				t.Fatalf("unit %d: %+v can be shorter: %v instead of %v", s.Unit, m, again.Cost, p.Cost)
			}
		}
	}
}

// Of 10, 10 and y, a penalised mean is best near y = 20 and below 0 at y = 100.
func TestPathUnderAPenalty(t *testing.T) {
	w := &town{
		spec: composite.Spec{
			Decimals: 2, Tree: flat(composite.Penalised, 0, []float64{1, 1, 1}),
			Grades: []composite.Grade{{Code: "good", From: 11.5}, {Code: "poor"}},
		},
		data: composite.Data{Units: []string{"a"}, Columns: [][]float64{{10}, {10}, {12}}},
	}
	p := w.explain(t).PathToGrade(0, map[int]composite.Lever{1: {Fixed: true}, 2: {Fixed: true}})
	if p.Status != composite.PathFound || p.Reached.Score < 11.5 || p.Exact {
		t.Errorf("%+v", p)
	}
	w.spec.Grades[0].From = 50
	p = w.explain(t).PathToGrade(0, map[int]composite.Lever{1: {Fixed: true}, 2: {Fixed: true}})
	if p.Status != composite.PathUnreachable || p.Exact || p.Reached.Score < 11.5 {
		t.Errorf("%+v", p)
	}
}

// The order of the units changes no result.
func TestRowOrderDoesNotMatterToExplanations(t *testing.T) {
	for seed := range uint64(150) {
		d := newSeeded(seed)
		e, ix, data := drawExplained(t, d, allAggregations)
		order := d.Perm(len(data.Units))
		moved := composite.Data{Units: permute(data.Units, order), Classes: permute(data.Classes, order)}
		for c := range data.Columns {
			moved.Columns = append(moved.Columns, permute(data.Columns[c], order))
			moved.Carried = append(moved.Carried, permute(data.Carried[c], order))
			moved.NotApplicable = append(moved.NotApplicable, permute(data.NotApplicable[c], order))
		}
		plain, err := ix.Score(data, composite.KeepRoot).Explain(nil)
		if err != nil {
			t.Fatal(err)
		}
		other, err := ix.Score(moved, composite.KeepRoot).Explain(nil)
		if err != nil {
			t.Fatal(err)
		}
		for at, u := range order {
			a, b := resultsOf(plain, e, u, data.Units), resultsOf(other, e, at, moved.Units)
			if a != b {
				t.Fatalf("seed %d, %s:\n%s\n%s", seed, data.Units[u], a, b)
			}
		}
	}
}

// resultsOf returns all that is reported of a unit, with units by code.
func resultsOf(e, before *composite.Explainer, unit int, codes []string) string {
	c, _ := e.Contributions(unit)
	if c != nil {
		c.Unit = 0
	}
	path := e.PathToRank(unit, nil)
	var ahead []string
	for _, a := range path.Ahead {
		ahead = append(ahead, codes[a])
	}
	path.Ahead, path.Reached.Unit = nil, 0
	text := fmt.Sprintf("%+v %+v %v %+v", c, path, ahead, before.Compare(e, codes[unit]).Parts)
	for _, g := range e.Gains(unit) {
		text += fmt.Sprintf(" %v %v", g.Below, g.Above)
		for _, r := range []*composite.ValueGain{g.Goal, g.Next, g.Median, g.Best} {
			if r != nil {
				text += fmt.Sprint(*r)
			}
		}
	}
	return text + fmt.Sprintf(" %+v", e.Comparisons(unit, composite.ComparisonOptions{Before: before}))
}
