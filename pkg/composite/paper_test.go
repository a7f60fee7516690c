package composite_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// bandsFrom scores 100 from the limit on and 40 below it.
func bandsFrom(limit float64) *composite.Bands {
	return &composite.Bands{Bands: []composite.Band{{From: 0, Points: 40}, {From: limit, Points: 100}}}
}

// Figures that are equal on paper are equal for the rules that jump, whichever way they
// were computed: as a ratio, from ratings, from peers.
func TestEqualOnPaper(t *testing.T) {
	ratio, _ := stats.Ratio(5.1, 6, 100)
	mean, _ := composite.Combination{RoleWeights: map[string]float64{"a": 3, "b": 7}}.Combine(
		[]composite.Rating{{Role: "a", Value: 64.6}, {Role: "b", Value: 86.6}})
	for _, c := range []struct{ x, limit float64 }{{ratio, 85}, {mean, 80}} {
		if c.x != c.limit {
			t.Errorf("%v is not %v", c.x, c.limit)
		}
		ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "x", Rule: bandsFrom(c.limit)}})
		if base, _ := score(t, ix, composite.Data{Units: []string{"u"}, Columns: [][]float64{{c.x}}}).Base(0); base != 100 {
			t.Errorf("%v has %v, want 100", c.x, base)
		}
	}
	// 0.1, 0.2 and 0.3 have the mean 0.2; summed as they are written it is 0.20000000000000004.
	for _, kind := range []composite.MissingKind{composite.PeerMean, composite.ClassMean} {
		ix := mustNew(t, composite.Spec{MinCoverage: 0, Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "x", Weight: 1, Rule: bandsFrom(0.2), Missing: composite.Missing{Kind: kind}},
			{Code: "y", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
		}}})
		r := score(t, ix, composite.Data{
			Units: []string{"a", "b", "c", "d"}, Columns: [][]float64{{0.1, 0.2, 0.3, nan}, {50, 50, 50, 50}},
		})
		if cell := r.Cell(1, 3); cell.Used != 0.2 || cell.Score != 100 {
			t.Errorf("%s: %+v", kind, cell)
		}
	}
	if x := stats.ImputeMean([]float64{0.1, 0.2, 0.3, nan}, nil); x[3] != 0.2 {
		t.Errorf("ImputeMean %v", x)
	}
	if x := stats.ImputeMedian([]float64{0.1, 0.7, nan}, nil); x[2] != 0.4 {
		t.Errorf("ImputeMedian %v", x)
	}
}

// Ratings with the same mean on paper tie, in hundredths, under every combination.
func TestEqualMeansTie(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 20_000 {
		n := 3 + rng.IntN(5)
		cents := make([]int, n)
		for i := range cents {
			cents[i] = rng.IntN(10_001)
		}
		combine := func(cents []int) float64 {
			var ratings []composite.Rating
			for i, c := range cents {
				ratings = append(ratings, composite.Rating{Role: fmt.Sprint("r", i%2), Value: float64(c) / 100})
			}
			x, _ := composite.Combination{RoleWeights: map[string]float64{"r0": 3, "r1": 7}}.Combine(ratings)
			return x
		}
		x := combine(cents)
		if cents[0]++; cents[2] == 0 { // of the same role
			continue
		}
		cents[2]--
		if y := combine(cents); x != y {
			t.Fatalf("%v and %v have the same mean", x, y)
		}
	}
}

// A node that is 0 on paper is 0 for the mean above it, whether it comes from a sum or
// from a rule, and a node that equals a figure on paper is published as that figure.
func TestNodesAreRoundedBeforeTheirParent(t *testing.T) {
	geometric := composite.Aggregation{Kind: composite.Geometric}
	noise := &composite.Deduct{Per: 1.1, Step: new(0.011)} // 100 − 1.1·1/0.011 leaves 1.4e-14
	_, base := func() (float64, float64) {
		ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "index", Aggregation: geometric, Children: []composite.Node{
			{Code: "a", Weight: 1, Rule: noise, Direction: composite.Cost},
			{Code: "b", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
		}}})
		r := score(t, ix, composite.Data{Units: []string{"u"}, Columns: [][]float64{{1}, {90}}})
		base, _ := r.Base(0)
		return r.Cell(1, 0).Score, base
	}()
	if base != 0 {
		t.Errorf("a leaf at 0 leaves %v of a geometric mean", base)
	}
	// The children of a cancel: 50 + 10·z and 50 − 10·z have the mean 50 for everybody, to the
	// bit only after rounding.
	z := func(code string, d composite.Direction) composite.Node {
		return composite.Node{Code: code, Weight: 1, Rule: &composite.ZScore{Mean: new(0.0)}, Direction: d}
	}
	ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "index", Aggregation: geometric, Children: []composite.Node{
		{Code: "a", Weight: 1, Children: []composite.Node{z("a1", composite.Benefit), z("a2", composite.Cost)}},
		{Code: "b", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
	}}})
	x := []float64{3, 1, 4, 1, 5, 9, 2, 6}
	d := composite.Data{Units: make([]string, len(x)), Columns: [][]float64{x, make([]float64, len(x)), make([]float64, len(x))}}
	for u := range x {
		d.Units[u] = fmt.Sprint("u", u)
		d.Columns[1][u], d.Columns[2][u] = x[u]*0.7+0.3, 80
	}
	r := score(t, ix, d)
	for u := range x {
		if a, _ := r.Score(1, u); a != 0 {
			t.Errorf("node a of %d is %v, want 0", u, a)
		}
		if base, ok := r.Base(u); !ok || base != 0 {
			t.Errorf("base of %d is %v", u, base)
		}
	}
}

// Both sides of the limit of coverage are rounded alike: a third is a third, however many
// digits of it a scheme writes.
func TestCoverageMeetsItsLimit(t *testing.T) {
	for _, limit := range []float64{1. / 3, 0.33333333333, 0.3333333333, 0.333333333} {
		ix := mustNew(t, composite.Spec{MinCoverage: limit, Tree: flat(composite.Arithmetic, 0, []float64{1, 1, 1})})
		r := score(t, ix, composite.Data{Units: []string{"u"}, Columns: [][]float64{{70}, {nan}, {nan}}})
		if r.Status(0) != composite.UnitScored {
			t.Errorf("a third does not reach %v", limit)
		}
	}
	ix := mustNew(t, composite.Spec{MinCoverage: 0.334, Tree: flat(composite.Arithmetic, 0, []float64{1, 1, 1})})
	if r := score(t, ix, composite.Data{Units: []string{"u"}, Columns: [][]float64{{70}, {nan}, {nan}}}); r.Status(0) == composite.UnitScored {
		t.Error("a third reaches 0.334")
	}
}

// The penalty is that of the scale from 70 to 130: one that is better does not make a unit
// of four worse, and no figure is below 0.
func TestPenaltyNeverPunishesMore(t *testing.T) {
	ix := mustNew(t, composite.Spec{Tree: flat(composite.Penalised, 0, []float64{1, 1, 1, 1})})
	d := composite.Data{Units: []string{"a", "b", "c"}, Columns: [][]float64{{0, 0, 0}, {0, 0, 0}, {0, 0, 0}, {0, 10, 100}}}
	r := score(t, ix, d)
	last := math.Inf(-1)
	for u := range d.Units {
		base, ok := r.Base(u)
		if !ok || base < last || base < 0 {
			t.Errorf("unit %d has %v after %v", u, base, last)
		}
		last = base
	}
	if last != 11.7647058824 { // M′ = 85, s′² = 675: 85 − 675/85 − 70 = 7.0588…, ÷ 0.6
		t.Errorf("(0, 0, 0, 100) has %v", last)
	}
}

// Of five and more, one far above the others can lower the figure: no answer proposes it.
func TestGainsNeverProposeAStepThatLowers(t *testing.T) {
	bands := &composite.Bands{Bands: []composite.Band{{From: 0, Points: 0}, {From: 50, Points: 85}, {From: 80, Points: 100}}}
	root := flat(composite.Penalised, 0, []float64{1, 1, 1, 1, 1, 1, 1, 1})
	root.Children[7].Rule = bands
	data := composite.Data{Units: []string{"a", "b"}}
	for c := range root.Children {
		data.Columns = append(data.Columns, []float64{0, 40})
		if c == 7 {
			data.Columns[c] = []float64{60, 90}
		}
	}
	ix := mustNew(t, composite.Spec{Decimals: 2, Tree: root, Grades: []composite.Grade{{Code: "A", From: 30}, {Code: "B"}}})
	e, err := score(t, ix, data).Explain(nil)
	if err != nil {
		t.Fatal(err)
	}
	lowers := false
	for _, unit := range []int{0, 1} {
		for _, g := range e.Gains(unit) {
			for _, v := range []*composite.ValueGain{g.Goal, g.Next, g.Median, g.Best} {
				if v != nil && v.Score > g.Score && v.Points < 0 {
					t.Errorf("unit %d is sent from %v to %+v", unit, g.Value, *v)
				}
			}
			lowers = lowers || g.Node == 8 && unit == 0 && g.Next == nil
		}
		for _, m := range e.PathToGrade(unit, nil).Moves {
			if m.Score <= m.ScoreBefore {
				t.Errorf("unit %d: %+v", unit, m)
			}
		}
	}
	if !lowers {
		t.Error("the last step of the bands lowers nobody: the example is none")
	}
}
