package composite_test

import (
	"math"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// points is a leaf that scores its value as it is.
func points(code string, weight float64) composite.Node {
	return composite.Node{Code: code, Weight: weight, Rule: &composite.PointsRule{Max: 100}}
}

func node(code string, weight float64, a composite.Aggregation, children ...composite.Node) composite.Node {
	return composite.Node{Code: code, Weight: weight, Aggregation: a, Children: children}
}

// One unit through a node of each kind, with a cell missing and without.
func TestAggregations(t *testing.T) {
	tests := []struct {
		kind           composite.AggregationKind
		p              float64
		whole, missing float64 // of 90, 40, 10 with weights 1, 2, 1; then without the 90
	}{
		{"", 0, 45, 30},
		{composite.Arithmetic, 0, 45, 30},
		{composite.Geometric, 0, math.Pow(90*40*40*10, .25), math.Pow(40*40*10, 1./3)},
		{composite.Harmonic, 0, 4 / (1./90 + 2./40 + 1./10), 3 / (2./40 + 1./10)},
		{composite.Power, 2, math.Sqrt((8100 + 3200 + 100) / 4), math.Sqrt((3200 + 100) / 3)},
		{composite.Minimum, 0, 10, 10},
		{composite.Penalised, 0, 45 - .6*(45*45+2*25+35*35)/4./(70+.6*45), 30 - .6*(2*100+400)/3./(70+.6*30)},
	}
	for _, tt := range tests {
		ix := mustNew(t, composite.Spec{Tree: node("i", 0, composite.Aggregation{Kind: tt.kind, P: tt.p},
			points("a", 1), points("b", 2), points("c", 1))})
		d := composite.Data{Units: []string{"u", "v"}, Columns: [][]float64{{90, nan}, {40, 40}, {10, 10}}}
		r := score(t, ix, d)
		for u, want := range []float64{tt.whole, tt.missing} {
			if got, ok := r.Base(u); !ok || got != num.Significant(want) {
				t.Errorf("%s of %s: %v %v, want %v", tt.kind, d.Units[u], got, ok, want)
			}
		}
	}
}

// In the blocks of a run, whole or not, each unit has the bits that the plain
// functions return for it alone, wherever it stands.
func TestBlocksAgreeWithPlainFunctions(t *testing.T) {
	const units = 1000 // several blocks, the last one short
	for _, kind := range []composite.AggregationKind{composite.Arithmetic, composite.Geometric, composite.Penalised} {
		ix := benchIndex(t, kind)
		for _, missing := range []float64{0, .0005, .3} {
			d := benchData(units, missing)
			r := score(t, ix, d)
			for u := range units {
				want, ok := byHand(r, ix.Nodes(), 0, u, kind)
				if got, has := r.Base(u); has && got != want || has && !ok {
					t.Fatalf("%s with %v missing: unit %d has %v, want %v %v", kind, missing, u, got, want, ok)
				}
				coverage, _ := r.Coverage(0, u)
				if alone := coverageByHand(r, ix.Nodes(), u); coverage != alone {
					t.Fatalf("unit %d has coverage %v, want %v", u, coverage, alone)
				}
			}
		}
	}
}

// byHand is the recursive definition of a node's score.
func byHand(
	r *composite.Result, nodes []composite.NodeInfo, n, unit int, kind composite.AggregationKind,
) (float64, bool) {
	if nodes[n].Leaf {
		return r.Score(n, unit)
	}
	var x, w []float64
	for c := n + 1; c < nodes[n].End; c = nodes[c].End {
		if v, ok := byHand(r, nodes, c, unit, kind); ok {
			x, w = append(x, v), append(w, nodes[c].Weight)
		}
	}
	if len(x) == 0 {
		return 0, false
	}
	switch kind {
	case composite.Geometric:
		return num.Significant(stats.GeometricMean(x, w)), true
	case composite.Penalised:
		return num.Significant(stats.PenalisedMean(x, w)), true
	}
	return num.Significant(stats.ArithmeticMean(x, w)), true
}

func coverageByHand(r *composite.Result, nodes []composite.NodeInfo, unit int) float64 {
	entered, all := 0.0, 0.0
	for n, info := range nodes {
		if !info.Leaf {
			continue
		}
		all += info.EffectiveWeight
		if r.Cell(n, unit).Status == composite.CellEntered {
			entered += info.EffectiveWeight
		}
	}
	return entered / all
}

func TestKeep(t *testing.T) {
	ix := benchIndex(t, composite.Arithmetic)
	d := benchData(300, .01)
	full := score(t, ix, d)
	for _, keep := range []composite.Keep{composite.KeepRoot, 1, composite.KeepAll, -1} {
		r := ix.Score(d, keep)
		for n, info := range ix.Nodes() {
			if kept := n == 0 || info.Depth <= int(keep); kept != (r.Column(n) != nil) {
				t.Errorf("keep %d: node %d at depth %d kept: %v", keep, n, info.Depth, !kept)
			}
			for u := range d.Units {
				got, ok := r.Score(n, u)
				want, has := full.Score(n, u)
				if (r.Column(n) != nil || info.Leaf) && (got != want || ok != has) {
					t.Fatalf("keep %d: node %d of unit %d is %v %v, want %v %v", keep, n, u, got, ok, want, has)
				}
			}
		}
	}
}

func TestReweigh(t *testing.T) {
	d := benchData(700, .1) // enough missing for some units to be insufficient
	old := score(t, benchIndex(t, composite.Geometric), d)
	var weights []float64
	spec := benchIndex(t, composite.Geometric).Spec()
	var change func(n *composite.Node)
	change = func(n *composite.Node) {
		n.Weight = 1 + float64(len(weights)%5)
		weights = append(weights, n.Weight)
		for i := range n.Children {
			change(&n.Children[i])
		}
	}
	change(&spec.Tree)
	want := score(t, mustNew(t, spec), d)
	got := make([]float64, len(d.Units))
	if !old.Reweigh(got, weights) {
		t.Fatal("refused")
	}
	for u := range got {
		was, _ := old.Base(u)
		now, ok := want.Base(u)
		if ok && old.Status(u) == composite.UnitScored && got[u] != now {
			t.Fatalf("unit %d: %v, scored anew %v (was %v)", u, got[u], now, was)
		}
		if got[u] == got[u] != (old.Status(u) == composite.UnitScored) {
			t.Fatalf("unit %d is %v and has %v", u, old.Status(u), got[u])
		}
	}
	bad := append([]float64(nil), weights...)
	bad[3] = 0
	light := benchIndex(t, composite.Geometric).Score(d, composite.KeepRoot)
	if old.Reweigh(got, bad) || old.Reweigh(got[:1], weights) || old.Reweigh(got, weights[1:]) ||
		light.Reweigh(got, weights) {
		t.Error("weights that do not fit were accepted")
	}
}
