package composite_test

import (
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

var nan = math.NaN()

// twoLeaves is an index of a, weight 1, with the policy, and b, weight 3; both score
// their value as it is.
func twoLeaves(missing composite.Missing, minCoverage float64) composite.Spec {
	return composite.Spec{MinCoverage: minCoverage, Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "a", Weight: 1, Rule: &composite.Goalposts{Low: 0, High: 100}, Missing: missing},
		{Code: "b", Weight: 3, Rule: &composite.Goalposts{Low: 0, High: 100}},
	}}}
}

func TestMissingPolicies(t *testing.T) {
	d := composite.Data{
		Units:   []string{"u1", "u2", "u3", "u4"},
		Classes: []string{"x", "x", "y", "y"},
		Columns: [][]float64{{nan, 10, 20, 60}, {40, 40, 40, 40}},
		Carried: [][]float64{{80, nan, nan, nan}, nil},
	}
	tests := []struct {
		kind   composite.MissingKind
		status composite.CellStatus
		used   float64
		base   float64
		unit   composite.UnitStatus
	}{
		{"", composite.CellMissing, nan, 40, composite.UnitScored},
		{composite.Exclude, composite.CellMissing, nan, 40, composite.UnitScored},
		{composite.Zero, composite.CellMissing, nan, 30, composite.UnitScored},
		{composite.PeerMean, composite.CellImputed, 30, 37.5, composite.UnitScored},
		{composite.PeerMedian, composite.CellImputed, 20, 35, composite.UnitScored},
		{composite.ClassMean, composite.CellImputed, 10, 32.5, composite.UnitScored},
		{composite.Carry, composite.CellCarried, 80, 50, composite.UnitScored},
		{composite.Fail, composite.CellMissing, nan, 0, composite.UnitFailed},
	}
	for _, tt := range tests {
		t.Run(string(tt.kind), func(t *testing.T) {
			r := score(t, mustNew(t, twoLeaves(composite.Missing{Kind: tt.kind}, 0)), d)
			cell := r.Cell(1, 0)
			if cell.Status != tt.status || !same(cell.Used, tt.used) || !same(cell.Entered, nan) {
				t.Errorf("cell %+v, want %v with %v", cell, tt.status, tt.used)
			}
			base, ok := r.Base(0)
			if base != tt.base || ok != (tt.unit == composite.UnitScored) || r.Status(0) != tt.unit {
				t.Errorf("base %v %v %v, want %v %v", base, ok, r.Status(0), tt.base, tt.unit)
			}
			if got := r.Missing(0); !slices.Equal(got, []int{1}) {
				t.Errorf("missing %v, want node 1", got)
			}
			for n, want := range []float64{.75, 0, 1} {
				if got, ok := r.Coverage(n, 0); !ok || got != want {
					t.Errorf("coverage of node %d is %v %v, want %v", n, got, ok, want)
				}
			}
			if base, ok := r.Base(1); !ok || base != 32.5 || r.Missing(1) != nil {
				t.Errorf("a complete unit: %v %v missing %v", base, ok, r.Missing(1))
			}
		})
	}
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// A policy with nothing to draw on acts as exclude.
func TestMissingWithoutStandIn(t *testing.T) {
	d := composite.Data{
		Units: []string{"u1", "u2"}, Classes: []string{"x", "y"},
		Columns: [][]float64{{nan, 10}, {40, 40}},
	}
	for _, kind := range []composite.MissingKind{composite.ClassMean, composite.Carry} {
		r := score(t, mustNew(t, twoLeaves(composite.Missing{Kind: kind}, 0)), d)
		if base, ok := r.Base(0); !ok || base != 40 {
			t.Errorf("%s: %v %v, want 40", kind, base, ok)
		}
	}
}

// What was filled in is a peer like any other, so that filling a column beforehand
// or by policy leads to the same scores.
func TestImputedValuesArePeers(t *testing.T) {
	leaf := composite.Node{Code: "x", Rule: &composite.ZScore{}, Missing: composite.Missing{Kind: composite.PeerMean}}
	ix := mustNew(t, composite.Spec{Tree: leaf})
	units := []string{"a", "b", "c"}
	filled := score(t, ix, composite.Data{Units: units, Columns: [][]float64{{1, 3, 2}}})
	byPolicy := score(t, ix, composite.Data{Units: units, Columns: [][]float64{{1, 3, nan}}})
	for u := range units {
		if got, want := byPolicy.Cell(0, u).Score, filled.Cell(0, u).Score; got != want {
			t.Errorf("%s: %v by policy, %v filled", units[u], got, want)
		}
	}
}

func TestMinCoverage(t *testing.T) {
	d := composite.Data{
		Units: []string{"whole", "b only", "a only", "none"}, Columns: [][]float64{{10, nan, 10, nan}, {40, 40, nan, nan}},
	}
	tests := []struct {
		least  float64
		scored []bool
	}{
		{0, []bool{true, true, true, false}},
		{.25, []bool{true, true, true, false}},
		{.75, []bool{true, true, false, false}},
		{.76, []bool{true, false, false, false}},
		{1, []bool{true, false, false, false}},
	}
	for _, tt := range tests {
		r := score(t, mustNew(t, twoLeaves(composite.Missing{}, tt.least)), d)
		for u, want := range tt.scored {
			if _, ok := r.Base(u); ok != want || (r.Status(u) == composite.UnitInsufficient) == want {
				t.Errorf("minimum %v: %s is %v, want scored %v", tt.least, d.Units[u], r.Status(u), want)
			}
		}
	}
}

// Of 25 equal leaves, 20 add up to 0.7999999999999999 of the whole: they must still
// reach a minimum of 0.8.
func TestMinCoverageAtItsLimit(t *testing.T) {
	spec := composite.Spec{MinCoverage: .8, Tree: composite.Node{Code: "index"}}
	d := composite.Data{Units: []string{"u"}}
	for i := range 25 {
		spec.Tree.Children = append(spec.Tree.Children, points(string(rune('a'+i)), 1))
		x := 50.
		if i >= 20 {
			x = nan
		}
		d.Columns = append(d.Columns, []float64{x})
	}
	r := score(t, mustNew(t, spec), d)
	if coverage, _ := r.Coverage(0, 0); coverage >= .8 || r.Status(0) != composite.UnitScored {
		t.Errorf("%v at coverage %v, want scored below 0.8", r.Status(0), coverage)
	}
}

func TestNotApplicable(t *testing.T) {
	spec := composite.Spec{MinCoverage: 1, Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "d", Weight: 1, Children: []composite.Node{
			{Code: "d.1", Weight: 1, Rule: &composite.MinMax{}, Missing: composite.Missing{Kind: composite.Fail}},
		}},
		{Code: "e", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
	}}}
	d := composite.Data{
		Units:         []string{"u1", "u2", "u3", "u4"},
		Columns:       [][]float64{{0, 5, 1e9, nan}, {70, 80, 90, 50}},
		NotApplicable: [][]bool{{false, false, true, true}, {false, false, false, true}},
	}
	r := score(t, mustNew(t, spec), d)
	for u, want := range []float64{35, 90, 90, 0} {
		if base, _ := r.Base(u); base != want {
			t.Errorf("%s has %v, want %v", d.Units[u], base, want)
		}
	}
	if got, ok := r.Coverage(0, 2); !ok || got != 1 {
		t.Errorf("coverage %v %v, want 1: what does not apply is not missing", got, ok)
	}
	if _, ok := r.Score(1, 2); ok {
		t.Error("a node without applicable leaf has a score")
	}
	if _, ok := r.Coverage(1, 2); ok {
		t.Error("a node without applicable leaf has a coverage")
	}
	if cell := r.Cell(2, 2); cell.Status != composite.CellNotApplicable || !same(cell.Used, nan) {
		t.Errorf("cell %+v, want not applicable: its value is ignored", cell)
	}
	if r.Missing(2) != nil || r.Status(3) != composite.UnitInsufficient {
		t.Errorf("missing %v, status %v", r.Missing(2), r.Status(3))
	}
}

// A column that concerns nobody has no peers, whatever stands in it.
func TestNotApplicableToAnyone(t *testing.T) {
	for _, rule := range []composite.Rule{
		&composite.MinMax{}, &composite.BestRule{}, &composite.RankRule{}, &composite.Percentile{}, &composite.ZScore{},
	} {
		ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "v", Rule: rule}})
		d := composite.Data{Units: []string{"u"}, Columns: [][]float64{{5}}, NotApplicable: [][]bool{{true}}}
		if r := score(t, ix, d); r.Status(0) != composite.UnitInsufficient {
			t.Errorf("%s: %v", rule.Kind(), r.Status(0))
		}
	}
}

func TestClassPeers(t *testing.T) {
	d := composite.Data{
		Units: []string{"a", "b", "c", "d", "e"}, Classes: []string{"x", "y", "x", "y", "z"},
		Columns: [][]float64{{0, 100, 10, 300, 7}},
	}
	leaf := composite.Node{Code: "v", Rule: &composite.MinMax{}, Peers: composite.ClassPeers}
	r := score(t, mustNew(t, composite.Spec{Tree: leaf}), d)
	wantColumn(t, "by class", r.Column(0), []float64{0, 0, 100, 100, 50}, 0)
	if len(r.Flags) != 1 || r.Flags[0] != (composite.Flag{Node: 0, Class: "z", Code: stats.ConstantColumn}) {
		t.Errorf("flags %v", r.Flags)
	}
	d.Classes = nil
	wantColumn(t, "one class", score(t, mustNew(t, composite.Spec{Tree: leaf}), d).Column(0),
		[]float64{0, 100. / 3, 10. / 3, 100, 7. / 3}, 1e-12)
}
