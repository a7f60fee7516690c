package composite_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"bulwark/pkg/composite"
)

// manySchemes is how many random schemes sums are tried on.
func manySchemes() uint64 {
	if testing.Short() {
		return 1000
	}
	return 10_000
}

// seeded draws from a PCG: ten thousand schemes without the bookkeeping of rapid.
type seeded struct{ *rand.Rand }

func newSeeded(seed uint64) seeded { return seeded{rand.New(rand.NewPCG(seed, 7))} }

func (s seeded) intn(n int) int                   { return s.IntN(n) }
func (s seeded) number(low, high float64) float64 { return low + (high-low)*s.Float64() }

// drawBush draws a tree of up to three levels with up to fourteen children a node,
// more than Shapley values are worked out for.
func drawBush(d drawer, kinds []string, aggregations []composite.AggregationKind) composite.Node {
	leaves := 0
	var grow func(code string, depth int) composite.Node
	grow = func(code string, depth int) composite.Node {
		n := composite.Node{Code: code, Weight: d.number(.1, 10)}
		if depth == 3 || depth > 0 && (d.intn(2) == 0 || leaves > 20) {
			leaf := drawLeaf(d, kinds, code)
			leaf.Weight = n.Weight
			leaves++
			return leaf
		}
		n.Aggregation.Kind = aggregations[d.intn(len(aggregations))]
		if n.Aggregation.Kind == composite.Power {
			n.Aggregation.P = d.number(.5, 3)
		}
		children := 1 + d.intn(4)
		if d.intn(12) == 0 {
			children = 12 + d.intn(3)
		}
		for i := range children {
			n.Children = append(n.Children, grow(fmt.Sprint(code, ".", i), depth+1))
		}
		return n
	}
	return grow("n", 0)
}

// drawExplained draws a run: now a small tree with every rule, now a bush.
func drawExplained(
	t testing.TB, d drawer, aggregations []composite.AggregationKind,
) (*composite.Explainer, *composite.Index, composite.Data) {
	t.Helper()
	tree := drawTree(d, allRules, aggregations)
	if d.intn(2) == 0 {
		tree = drawBush(d, allRules, aggregations)
	}
	e, ix, data := explain(t, d, tree, d.intn(8))
	return e, ix, data
}

func explain(
	t testing.TB, d drawer, tree composite.Node, units int,
) (*composite.Explainer, *composite.Index, composite.Data) {
	t.Helper()
	quota := new(.3)
	if d.intn(2) == 0 {
		quota = nil
	}
	ix, err := composite.New(composite.Spec{
		Decimals: d.intn(4), MinCoverage: float64(d.intn(2)) / 4, Tree: tree,
		Adjustments: composite.Adjustments{
			Bonus:     composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "plus", Points: 3}}},
			Deduction: composite.AdjustmentGroup{Cap: 8, Items: []composite.AdjustmentItem{{Code: "minus", Points: 4}}},
			Vetoes:    []composite.Veto{{Code: "cap", Effect: composite.Effect{Kind: composite.CapScore, Score: 55}}},
		},
		Grades: []composite.Grade{{Code: "A", From: 80, MaxShare: quota}, {Code: "B", From: 60}, {Code: "C"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	data := drawData(d, ix, units)
	if err := ix.Check(data); err != nil {
		t.Fatal(err)
	}
	var adjustments []composite.Adjustment
	for u := range units {
		if i := d.intn(6); i < 3 {
			adjustments = append(adjustments, composite.Adjustment{Unit: u, Code: []string{"plus", "minus", "cap"}[i]})
		}
	}
	e, err := ix.Score(data, []composite.Keep{composite.KeepRoot, composite.KeepAll}[d.intn(2)]).Explain(adjustments)
	if err != nil {
		t.Fatal(err)
	}
	return e, ix, data
}

// close9 allows 1e-9, relative beyond 100: penalties near a mean of 0 have no bound.
func close9(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)/100, math.Abs(b)/100) }
