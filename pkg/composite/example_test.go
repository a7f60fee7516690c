package composite_test

import (
	"encoding/json"
	"fmt"
	"math"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

func Example() {
	index, err := composite.New(composite.Spec{
		Decimals: 1, MinCoverage: 0.8,
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "attendance", Weight: 3, Rule: &composite.Goalposts{Low: 50, High: 100}},
			{Code: "complaints", Weight: 1, Rule: &composite.Deduct{Per: 20}},
			{Code: "income", Weight: 1, Rule: &composite.MinMax{}},
		}},
		Adjustments: composite.Adjustments{
			Bonus: composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "award", Points: 2}}},
		},
		Grades: []composite.Grade{{Code: "good", From: 80}, {Code: "poor", From: 0}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	data := composite.Data{
		Units: []string{"east", "north", "south", "west"},
		Columns: [][]float64{
			{95, 80, math.NaN(), 100},
			{0, 1, 0, 2},
			{300, 500, 400, 250},
		},
	}
	if err := index.Check(data); err != nil {
		fmt.Println(err)
		return
	}
	result := index.Score(data, composite.KeepAll)
	standings, err := index.Standings(result, []composite.Adjustment{{Unit: 1, Code: "award"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range standings {
		fmt.Println(data.Units[s.Unit], s.Status, s.Score, s.Rank, s.Grade)
	}
	// Output:
	// east scored 78 1 poor
	// north scored 74 2 poor
	// west scored 72 3 poor
	// south insufficient 0 0
}

func ExampleNew_faults() {
	_, err := composite.New(composite.Spec{
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "a", Weight: 0, Rule: &composite.RankRule{}},
			{Code: "a", Weight: 1, Direction: composite.Cost, Rule: &composite.Goalposts{Low: 0, High: 10}},
		}},
	})
	fmt.Println(err)
	// Output:
	// /tree/children/0/weight: the weight is 0: give one above 0 (weight_not_positive)
	// /tree/children/1/code: "a" is taken: give a code of its own (code_duplicate)
	// /tree/children/1/rule/low: direction is cost but low 0 is below high 10: swap them or change the direction (direction_contradicts_goalposts)
}

func ExampleNewRule() {
	document := []byte(`{"kind": "goalposts", "low": 20, "high": 2}`)
	var head struct{ Kind string }
	if err := json.Unmarshal(document, &head); err != nil {
		fmt.Println(err)
		return
	}
	rule, ok := composite.NewRule(head.Kind)
	if !ok {
		fmt.Println("use one of", composite.RuleKinds())
		return
	}
	if err := json.Unmarshal(document, rule); err != nil {
		fmt.Println(err)
		return
	}
	scores, err := composite.Normalise([]float64{2, 11, 30}, rule, "")
	fmt.Println(scores, err)
	// Output: [100 50 0] <nil>
}

func ExampleIndex_Check() {
	index, err := composite.New(composite.Spec{Tree: composite.Node{Code: "stars", Rule: &composite.PointsRule{Max: 5}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(index.Check(composite.Data{Units: []string{"inn", "lodge"}, Columns: [][]float64{{4, 6}}}))
	// Output: lodge: stars: 6: points must lie between 0 and the maximum (bad_entry)
}

func ExampleNormalise() {
	scores, err := composite.Normalise([]float64{3, 1, 4, 1, 5}, &composite.Percentile{}, composite.Benefit)
	fmt.Println(scores, err)
	// Output: [50 0 75 0 100] <nil>
}

func ExampleRound() {
	fmt.Println(stats.Round(2.675, 2), stats.Round(0.1+0.2, 1))
	// Output: 2.68 0.3
}

func ExampleCombination_Combine() {
	value, ok := (composite.Combination{Kind: composite.Mean, RoleWeights: map[string]float64{"mentor": 2, "resident": 1}}).Combine([]composite.Rating{
		{Role: "mentor", Value: 90}, {Role: "mentor", Value: 80}, {Role: "resident", Value: 61},
	})
	fmt.Println(value, ok)
	// Output: 77 true
}

func Example_outranking() {
	outranking := stats.Outranking([][]float64{{3, 2, 1}, {1, 3, 2}, {3, 1, 2}}, nil)
	fmt.Println(stats.Copeland(outranking))
	// Output: [2 0 -2]
}
