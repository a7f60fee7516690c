package composite_test

import (
	"fmt"

	"bulwark/pkg/composite"
)

// towns is an index of three equal indicators of points, and data for four towns.
func towns() (*composite.Index, composite.Data) {
	points := func(code string) composite.Node {
		return composite.Node{Code: code, Weight: 1, Rule: &composite.PointsRule{Max: 100}}
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
		fmt.Printf("%s: rank %d, 90%% between %d and %d, first in %.0f%%, not apart from", data.Units[u.Unit], u.Rank,
			u.RankLow, u.RankHigh, 100*u.Top)
		for _, other := range u.Indistinguishable {
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
		fmt.Printf("%s: never decisive %v, ranks change by %.2f without it", nodes[b.Node].Code, b.NeverDecisive,
			b.RankChange)
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
