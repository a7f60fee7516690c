package composite_test

import (
	"fmt"
	"math"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/agreement"
	"bulwark/pkg/composite/stats"
)

// towns is an index of three equal indicators of points, and data for four towns.
func towns() (*composite.Index, composite.Data) {
	points := func(code string) composite.Node {
		return composite.Node{Code: code, Weight: 1, Rule: &composite.Points{Max: 100}}
	}
	index, err := composite.New(composite.Spec{Decimals: 1, Tree: composite.Node{
		Code: "index", Children: []composite.Node{points("roads"), points("bridges"), points("clinics")},
	}})
	if err != nil {
		panic(err)
	}
	return index, composite.Data{
		Units:   []string{"east", "north", "south", "west"},
		Columns: [][]float64{{90, 60, 40, 50}, {88, 61, 41, 50}, {70, 50, 70, 49}},
	}
}

func ExampleIndex_Robustness() {
	index, data := towns()
	sure, err := index.Robustness(data, composite.RobustnessOptions{Seed: 1, WeightSpread: 0.25, Top: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, u := range sure.Units {
		fmt.Printf("%s: rank %d, 90%% between %d and %d, first in %.0f%%, not apart from", data.Units[u.Unit], u.Rank, u.RankLow, u.RankHigh, 100*u.Top)
		for _, other := range u.NotApart {
			fmt.Print(" ", data.Units[other])
		}
		fmt.Println()
	}
	// Output:
	// east: rank 1, 90% between 1 and 1, first in 100%, not apart from
	// north: rank 2, 90% between 2 and 2, first in 0%, not apart from
	// south: rank 3, 90% between 3 and 4, first in 0%, not apart from west
	// west: rank 4, 90% between 3 and 4, first in 0%, not apart from south
}

func ExampleIndex_Burden() {
	index, data := towns()
	burden, err := index.Burden(index.Score(data, composite.KeepAll), nil, 0.9)
	if err != nil {
		fmt.Println(err)
		return
	}
	nodes := index.Nodes()
	for _, b := range burden {
		fmt.Printf("%s: never decisive %v, ranks change by %.2f without it", nodes[b.Node].Code, b.NeverDecisive, b.RankChange)
		for _, c := range b.Redundant {
			fmt.Printf(", says the same as %s", nodes[c.Node].Code)
		}
		fmt.Println()
	}
	// Output:
	// roads: never decisive false, ranks change by 0.25 without it, says the same as bridges
	// bridges: never decisive false, ranks change by 0.25 without it, says the same as roads
	// clinics: never decisive false, ranks change by 0.50 without it
}

// The Ishigami function: a third of its variance is due to its first argument alone,
// and its third works only together with it.
func ExampleSobol() {
	model := func(x []float64) float64 {
		angle := func(u float64) float64 { return math.Pi * (2*u - 1) }
		a, b, c := angle(x[0]), angle(x[1]), angle(x[2])
		return math.Sin(a) + 7*math.Pow(math.Sin(b), 2) + 0.1*math.Pow(c, 4)*math.Sin(a)
	}
	for _, f := range stats.Sobol(3, model, stats.SobolOptions{Rows: 100_000, Bootstrap: 1}).Factors {
		fmt.Printf("alone %.1f, with interactions %.1f\n", math.Abs(f.First), f.Total)
	}
	// Output:
	// alone 0.3, with interactions 0.6
	// alone 0.4, with interactions 0.4
	// alone 0.0, with interactions 0.2
}

func ExampleIntraclassCorrelation() {
	c, ok := agreement.IntraclassCorrelation([][]float64{{9, 2, 5, 8}, {6, 1, 3, 2}, {8, 4, 6, 8}, {7, 1, 2, 6}, {10, 5, 6, 9}, {6, 2, 4, 7}})
	fmt.Printf("%.2f for one evaluator, %.2f for the mean of four, %v\n", c.Single, c.Average, ok)
	// Output: 0.29 for one evaluator, 0.62 for the mean of four, true
}

func ExampleFitSeverity() {
	model := agreement.FitSeverity([]agreement.EvaluatorScore{
		{Target: 0, Evaluator: 1, Score: 80},
		{Target: 0, Evaluator: 2, Score: 70},
		{Target: 1, Evaluator: 2, Score: 75},
		{Target: 1, Evaluator: 3, Score: 80},
		{Target: 2, Evaluator: 2, Score: 75},
	})
	for _, e := range model.Evaluators {
		fmt.Printf("evaluator %d gives %v points less than the average one\n", e.Evaluator, stats.Round(e.Severity, 1))
	}
	for _, a := range model.Targets {
		fmt.Printf("target %d: %.1f, adjusted %.1f\n", a.Target, a.Raw, a.Adjusted)
	}
	// Output:
	// evaluator 1 gives -5 points less than the average one
	// evaluator 2 gives 5 points less than the average one
	// evaluator 3 gives 0 points less than the average one
	// target 0: 75.0, adjusted 75.0
	// target 1: 77.5, adjusted 80.0
	// target 2: 75.0, adjusted 80.0
}
