package composite_test

import (
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
)

// A gain is what Score returns with the value entered.
func TestReachesHold(t *testing.T) {
	checked := 0
	for seed := range manySchemes() / 5 {
		e, ix, data := drawExplained(t, newSeeded(seed), allAggregations)
		for u := range data.Units {
			s, _ := e.Standing(u)
			for _, g := range e.Gains(u) {
				for _, r := range []*composite.ValueGain{g.Goal, g.Next, g.Median, g.Best} {
					if r == nil {
						continue
					}
					checked++
					column := ix.Nodes()[g.Node].Column
					d := data
					d.Columns = slices.Clone(d.Columns)
					d.Columns[column] = slices.Clone(d.Columns[column])
					d.Columns[column][u] = r.Value
					if err := ix.Check(d); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					after := ix.Score(d, composite.KeepRoot)
					base, ok := after.Base(u)
					score, _ := after.Score(g.Node, u)
					if !ok || !close9(base-s.Base, r.Points) || score != r.Score {
						t.Fatalf("seed %d, %s: %+v has %v and %v, Score returns %v and %v",
							seed, ix.Nodes()[g.Node].Code, r, r.Points, r.Score, base-s.Base, score)
					}
				}
			}
		}
	}
	if checked < int(manySchemes()) {
		t.Fatal("the draw is too tame:", checked)
	}
}

// Slopes by hand, for a leaf with half of the weight.
func TestSlopes(t *testing.T) {
	for _, test := range []struct {
		name         string
		rule         composite.Rule
		column       []float64 // the first is the unit's
		below, above composite.Slope
	}{
		{
			"goalposts within", &composite.Goalposts{Low: 50, High: 100},
			[]float64{60},
			composite.Slope{PerUnit: 1},
			composite.Slope{PerUnit: 1},
		},
		{
			"at the upper post", &composite.Goalposts{Low: 50, High: 100},
			[]float64{100},
			composite.Slope{PerUnit: 1},
			composite.Slope{},
		},
		{
			"at the lower post", &composite.Goalposts{Low: 50, High: 100},
			[]float64{50},
			composite.Slope{},
			composite.Slope{PerUnit: 1},
		},
		{"beyond", &composite.Goalposts{Low: 50, High: 100}, []float64{120}, composite.Slope{}, composite.Slope{}},
		{
			"a cost", &composite.Goalposts{Low: 20, High: 0},
			[]float64{5},
			composite.Slope{PerUnit: -2.5},
			composite.Slope{PerUnit: -2.5},
		},
		{
			"log", &composite.Goalposts{Low: 1, High: math.E, Transform: composite.Log},
			[]float64{2},
			composite.Slope{PerUnit: 25},
			composite.Slope{PerUnit: 25},
		},
		{"deduct at none", &composite.Deduct{Per: 20}, []float64{0}, composite.Slope{}, composite.Slope{PerUnit: -10}},
		{"deduct at its floor", &composite.Deduct{Per: 20}, []float64{5}, composite.Slope{PerUnit: -10}, composite.Slope{}},
		{
			"shortfall at the target", &composite.Shortfall{Target: 10, Per: 4},
			[]float64{10},
			composite.Slope{PerUnit: 2},
			composite.Slope{},
		},
		{"points at most", &composite.PointsRule{Max: 10}, []float64{10}, composite.Slope{PerUnit: 5}, composite.Slope{}},
		{
			"in a band", &composite.Bands{Bands: []composite.Band{{From: 10, Points: 40}, {From: 20, Points: 90}}},
			[]float64{15},
			composite.Slope{},
			composite.Slope{},
		},
		{
			"where a band starts", &composite.Bands{Bands: []composite.Band{{From: 10, Points: 40}, {From: 20, Points: 90}}},
			[]float64{20},
			composite.Slope{Jump: -25},
			composite.Slope{},
		},
		{"minmax within", &composite.MinMax{}, []float64{5, 0, 10}, composite.Slope{PerUnit: 5}, composite.Slope{PerUnit: 5}},
		// The best raises the bar: it stays at 100. Lowered, it is still the best.
		{"minmax at the top", &composite.MinMax{}, []float64{10, 0, 5}, composite.Slope{}, composite.Slope{}},
		{"minmax of equals", &composite.MinMax{}, []float64{5, 5}, composite.Slope{Jump: -25}, composite.Slope{Jump: 25}},
		{"rank tied", &composite.RankRule{}, []float64{5, 5, 0}, composite.Slope{Jump: -25}, composite.Slope{}},
		{"best behind", &composite.BestRule{}, []float64{5, 10}, composite.Slope{PerUnit: 5}, composite.Slope{PerUnit: 5}},
		{
			"reference", &composite.Reference{Value: 50},
			[]float64{40},
			composite.Slope{PerUnit: 1},
			composite.Slope{PerUnit: 1},
		},
		// z = (x−x̄)/s of x, 0, 10: at 5 it is 0, x̄ moves by a third: 10·(2/3)/5/2.
		{
			"zscore", &composite.ZScore{},
			[]float64{5, 0, 10},
			composite.Slope{PerUnit: 2. / 3},
			composite.Slope{PerUnit: 2. / 3},
		},
	} {
		w := &town{spec: composite.Spec{Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "x", Weight: 1, Rule: test.rule}, {Code: "y", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
		}}}}
		for i := range test.column {
			w.data.Units = append(w.data.Units, string(rune('a'+i)))
		}
		w.data.Columns = [][]float64{test.column, slices.Repeat([]float64{50}, len(test.column))}
		g := w.explain(t).Gains(0)[0]
		for _, c := range [][2]composite.Slope{{g.Below, test.below}, {g.Above, test.above}} {
			if math.Abs(c[0].PerUnit-c[1].PerUnit) > 1e-6 || math.Abs(c[0].Jump-c[1].Jump) > 1e-6 {
				t.Errorf("%s: below %+v above %+v, want %+v and %+v", test.name, g.Below, g.Above, test.below, test.above)
				break
			}
		}
	}
}

func TestGainsOfOneIndicator(t *testing.T) {
	w := newTown()
	w.spec.Tree.Children[1] = composite.Node{
		Code: "level", Weight: 1, Rule: &composite.Levels{Levels: map[string]float64{"c": 0, "b": 60, "a": 100}},
	}
	w.data.Columns[1] = []float64{0, 1, 2, 1}
	w.data.Columns[2] = []float64{math.NaN(), 60, 70, 80}
	gains := w.explain(t).Gains(0)
	if g := gains[0]; *g.Goal != (composite.ValueGain{Value: 100, Score: 100, Points: 20}) ||
		*g.Median != (composite.ValueGain{Value: 75, Score: 75, Points: 7.5}) ||
		*g.Best != (composite.ValueGain{Value: 90, Score: 90, Points: 15}) || g.Next != nil {
		t.Errorf("points: %+v", g)
	}
	if g := gains[1]; *g.Next != (composite.ValueGain{Value: 1, Score: 60, Points: 15}) ||
		*g.Goal != (composite.ValueGain{Value: 2, Score: 100, Points: 25}) ||
		*g.Median != *g.Next || *g.Best != *g.Goal || g.Above != (composite.Slope{}) {
		t.Errorf("levels: %+v", g)
	}
	// Missing, imputed as 70: to enter the median is worth nothing, and there is no slope.
	if g := gains[2]; g.Entered || g.Value != 0 || g.Score != 70 || g.Median.Points != 0 || g.Best.Points != 2.5 ||
		g.Above != (composite.Slope{}) {
		t.Errorf("missing: %+v", g)
	}
}

// No gain and no path is to leave a value out, although that would often raise the base: what is proposed is a value, a
// path changes only what is entered, and afterwards the same cells are empty as before.
func TestGainsLeaveNothingOut(t *testing.T) {
	pays, moved := 0, 0
	for seed := range manySchemes() / 25 {
		e, ix, data := drawExplained(t, newSeeded(seed), slices.Concat(allAggregations, newMeans[1:3]))
		for u := range data.Units {
			s, _ := e.Standing(u)
			if s.Status != composite.UnitScored {
				continue
			}
			with := func(column int, x float64) composite.Data {
				d := data
				d.Columns = slices.Clone(d.Columns)
				d.Columns[column] = slices.Clone(d.Columns[column])
				d.Columns[column][u] = x
				return d
			}
			for _, g := range e.Gains(u) {
				column := ix.Nodes()[g.Node].Column
				if g.Entered {
					if base, ok := ix.Score(with(column, nan), composite.KeepRoot).Base(u); ok && base > s.Base+1e-6 {
						pays++
					}
				}
				for _, other := range []*composite.ValueGain{g.Goal, g.Next, g.Median, g.Best} {
					if other != nil && math.IsNaN(other.Value) {
						t.Fatalf("seed %d, %s: a gain without a value: %+v", seed, ix.Nodes()[g.Node].Code, g)
					}
				}
			}
			for _, p := range []*composite.Path{e.PathToRank(u, nil), e.PathToGrade(u, nil)} {
				for _, m := range p.Moves {
					moved++
					was := data.Columns[ix.Nodes()[m.Node].Column][u]
					if was != m.From || math.IsNaN(m.To) || m.To == m.From {
						t.Fatalf("seed %d, %s: from %v to %v, and %v is entered", seed, ix.Nodes()[m.Node].Code, m.From, m.To, was)
					}
				}
			}
		}
	}
	t.Log(pays, "values would be better left out,", moved, "moves")
	if pays < 100 || moved < 100 {
		t.Error("the draw is too tame")
	}
}
