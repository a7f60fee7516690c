package composite_test

import (
	"fmt"
	"math"

	"pgregory.net/rapid"

	"bulwark/pkg/composite"
)

// drawer is where a random spec or data set takes its choices from: rapid, or the
// bytes of a fuzz run.
type drawer interface {
	number(low, high float64) float64
	intn(n int) int
}

type rapidDrawer struct{ t *rapid.T }

func (d rapidDrawer) number(low, high float64) float64 {
	return rapid.Float64Range(low, high).Draw(d.t, "number")
}
func (d rapidDrawer) intn(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "choice") }

// kinds of rule for drawRule: all, or those whose scores stay within 0–100.
var (
	allRules     = composite.RuleKinds()
	boundedRules = []string{
		"goalposts", "minmax", "percentile", "rank", "best", "target", "bands", "levels", "deduct", "shortfall",
		"rank_points", "points",
	}
)

// drawRule draws a sound rule and a direction that suits it.
func drawRule(d drawer, kinds []string) (composite.Rule, composite.Direction) {
	either := []composite.Direction{"", composite.Benefit, composite.Cost}[d.intn(3)]
	switch kind := kinds[d.intn(len(kinds))]; kind {
	case "goalposts":
		low := d.number(1, 50)
		if d.intn(2) == 0 {
			return &composite.Goalposts{Low: low, High: low + d.number(1, 50), Transform: composite.Log}, ""
		}
		return &composite.Goalposts{Low: low, High: low - d.number(1, 50)}, composite.Cost
	case "minmax":
		return &composite.MinMax{}, either
	case "zscore":
		return &composite.ZScore{Clamp: d.intn(2) == 0}, either
	case "target":
		return &composite.TargetRule{Target: d.number(0, 100)}, either
	case "reference":
		return &composite.Reference{Unit: fmt.Sprint("u", d.intn(4)), Clamp: true}, either
	case "bands":
		return &composite.Bands{
			Bands: []composite.Band{{From: 10, Points: d.number(0, 100)}, {From: 50, Points: d.number(0, 100)}},
		}, either
	case "levels":
		return &composite.Levels{Levels: map[string]float64{"a": 0, "b": d.number(0, 100), "c": 100}}, either
	case "deduct":
		return &composite.Deduct{Per: d.number(1, 50)}, ""
	case "shortfall":
		return &composite.Shortfall{Target: d.number(0, 100), Per: d.number(1, 50)}, ""
	case "rank_points":
		return &composite.RankPoints{Points: []float64{60, d.number(30, 60), d.number(0, 30)}}, either
	case "points":
		return &composite.PointsRule{Max: 100}, ""
	default:
		rule, _ := composite.NewRule(kind)
		return rule, either
	}
}

func drawLeaf(d drawer, kinds []string, code string) composite.Node {
	rule, direction := drawRule(d, kinds)
	n := composite.Node{Code: code, Rule: rule, Direction: direction}
	policies := []composite.MissingKind{
		"", composite.Zero, composite.Carry, composite.Fail, composite.PeerMean, composite.PeerMedian, composite.ClassMean,
	}
	if rule.Kind() == "levels" {
		policies = policies[:4]
	} else if d.intn(3) == 0 {
		n.Treat = &composite.Treatment{Kind: "winsorise", Skew: new(d.number(0, 2)), Kurtosis: new(d.number(-2, 4))}
	}
	n.Missing.Kind = policies[d.intn(len(policies))]
	n.Peers = []composite.Peers{composite.AllPeers, composite.ClassPeers}[d.intn(2)]
	return n
}

// drawTree draws a tree of one to four leaves under one or two levels.
func drawTree(d drawer, kinds []string, aggregations []composite.AggregationKind) composite.Node {
	root := composite.Node{Code: "index"}
	draw := func(n *composite.Node) {
		n.Aggregation.Kind = aggregations[d.intn(len(aggregations))]
		if n.Aggregation.Kind == composite.Power {
			n.Aggregation.P = d.number(.5, 3)
		}
	}
	draw(&root)
	for i := range 1 + d.intn(2) {
		child := composite.Node{Code: fmt.Sprint("n", i), Weight: d.number(.1, 10)}
		draw(&child)
		for j := range 1 + d.intn(2) {
			leaf := drawLeaf(d, kinds, fmt.Sprint("n", i, ".", j))
			leaf.Weight = d.number(.1, 10)
			child.Children = append(child.Children, leaf)
		}
		root.Children = append(root.Children, child)
	}
	return root
}

// drawData draws entries that every drawn rule accepts: whole numbers where the
// rule is levels, from 1 up elsewhere.
func drawData(d drawer, ix *composite.Index, units int) composite.Data {
	data := composite.Data{}
	for u := range units {
		data.Units = append(data.Units, fmt.Sprint("u", u))
		data.Classes = append(data.Classes, string(rune('x'+d.intn(2))))
	}
	spec := ix.Spec()
	levels := map[string]bool{}
	var visit func(n composite.Node)
	visit = func(n composite.Node) {
		levels[n.Code] = n.Rule != nil && n.Rule.Kind() == "levels"
		for _, child := range n.Children {
			visit(child)
		}
	}
	visit(spec.Tree)
	for _, leaf := range ix.Leaves() {
		column, carried, absent := make([]float64, units), make([]float64, units), make([]bool, units)
		for u := range units {
			column[u], carried[u] = math.Floor(d.number(1, 100)), math.NaN()
			if levels[ix.Nodes()[leaf].Code] {
				column[u] = float64(d.intn(3))
			}
			switch d.intn(8) {
			case 0:
				column[u] = math.NaN()
			case 1:
				carried[u], column[u] = column[u], math.NaN()
			case 2:
				absent[u] = true
			}
		}
		data.Columns = append(data.Columns, column)
		data.Carried = append(data.Carried, carried)
		data.NotApplicable = append(data.NotApplicable, absent)
	}
	return data
}
