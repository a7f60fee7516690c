package composite_test

import (
	"fmt"

	"bulwark/pkg/composite"
)

// explained is a town of four branches: two dimensions, three indicators.
func explained() *composite.Explainer { return explainedWith(90) }

func explainedWith(attendance float64) *composite.Explainer {
	index, err := composite.New(composite.Spec{
		Decimals: 1,
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "work", Weight: 3, Children: []composite.Node{
				{Code: "attendance", Weight: 2, Rule: &composite.Goalposts{Low: 50, High: 100}},
				{Code: "complaints", Weight: 1, Rule: &composite.Deduct{Per: 20}},
			}},
			{Code: "spirit", Weight: 1, Aggregation: composite.Aggregation{Kind: composite.Geometric}, Children: []composite.Node{
				{Code: "survey", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
				{Code: "volunteers", Weight: 1, Rule: &composite.MinMax{}},
			}},
		}},
		Grades: []composite.Grade{{Code: "good", From: 80}, {Code: "fair", From: 60}, {Code: "poor"}},
	})
	if err != nil {
		panic(err)
	}
	result := index.Score(composite.Data{
		Units:   []string{"east", "north", "south", "west"},
		Columns: [][]float64{{attendance, 75, 65, 100}, {1, 0, 3, 2}, {81, 64, 49, 100}, {40, 20, 30, 60}},
	}, composite.KeepAll)
	explainer, err := result.Explain(nil)
	if err != nil {
		panic(err)
	}
	return explainer
}

func ExampleExplainer_Contributions() {
	c, ok := explained().Contributions(0)
	fmt.Printf("%.3f %v\n", c.Base, ok)
	for n, name := range []string{"index", "work", "attendance", "complaints", "spirit", "survey", "volunteers"} {
		p := c.Nodes[n]
		fmt.Printf("%-10s %.3f × %5.2f carries %5.2f, loses %5.2f\n", name, p.Weight, p.Score, p.Points, p.Lost)
	}
	fmt.Println(c.Nodes[1].Method, c.Nodes[4].Method)
	// Output:
	// 75.910 true
	// index      1.000 × 75.91 carries 75.91, loses 24.09
	// work       0.750 × 80.00 carries 60.00, loses 15.00
	// attendance 0.500 × 80.00 carries 40.00, loses 10.00
	// complaints 0.250 × 80.00 carries 20.00, loses  5.00
	// spirit     0.250 × 63.64 carries 15.91, loses  9.09
	// survey     0.125 × 81.00 carries 10.37, loses  2.13
	// volunteers 0.125 × 50.00 carries  5.54, loses  6.96
	// weight shapley
}

func ExampleExplainer_PathToGrade() {
	// A percent of attendance costs 5, a complaint less costs 20; whole ones only.
	p := explained().PathToGrade(2, map[int]composite.Lever{
		2: {Step: 1, Cost: 5},
		3: {Step: 1, Cost: 20},
		5: {Fixed: true},
		6: {Fixed: true},
	})
	fmt.Println(p.Status, p.Grade, "from", p.Target, "cost", p.Cost, "exact", p.Exact)
	for _, m := range p.Moves {
		fmt.Printf("node %d from %v to %v: %.2f points\n", m.Node, m.From, m.To, m.Points)
	}
	fmt.Println(p.Reached.Score, p.Reached.Rank, p.Reached.Grade)
	// Output:
	// found fair from 60 cost 120 exact true
	// node 2 from 65 to 77: 12.00 points
	// node 3 from 3 to 0: 15.00 points
	// 60.8 3 fair
}

func ExampleExplainer_Gains() {
	for _, g := range explained().Gains(0)[:2] {
		fmt.Printf("from %v: %+.2f per unit, %+.2f at %v\n", g.Value, g.Above.PerUnit, g.Goal.Points, g.Goal.Value)
	}
	// Output:
	// from 90: +1.00 per unit, +10.00 at 100
	// from 1: -5.00 per unit, +5.00 at 0
}

func ExampleExplainer_Comparisons() {
	for _, f := range composite.Leading(explained().Comparisons(2, composite.ComparisonOptions{}), 2) {
		fmt.Printf("node %d %s: %v against %v, %+.2f points\n", f.Node, f.Code, f.Score, f.Reference, f.Points)
	}
	// Output:
	// node 1 below_class_median: 33.3 against 73.3, -30.00 points
	// node 2 below_class_median: 30 against 65, -17.50 points
}

func ExampleExplainer_Neighbours() {
	for _, n := range explained().Neighbours(1, 1, false) {
		d := n.Differences[0]
		fmt.Printf("%+d: %+.1f, most of it in node %d: %+.1f points\n", n.Places, n.Gap, d.Node, d.Points)
	}
	// Output:
	// -1: +25.9, most of it in node 4: +15.9 points
	// +1: -16.2, most of it in node 1: -25.0 points
}
