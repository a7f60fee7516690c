package docs_test

import (
	"math"
	"testing"

	"bulwark/pkg/composite"
)

// The worked example of method.md.
func TestWorkedExample(t *testing.T) {
	index, err := composite.New(composite.Spec{
		Decimals: 2,
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "work", Weight: 3, Children: []composite.Node{
				{Code: "attendance", Weight: 2, Rule: &composite.Goalposts{Low: 50, High: 100}},
				{Code: "complaints", Weight: 1, Rule: &composite.Goalposts{Low: 20, High: 0}},
			}},
			{Code: "spirit", Weight: 1, Children: []composite.Node{
				{Code: "survey", Weight: 1, Rule: &composite.Goalposts{Low: 60, High: 95}},
			}},
		}},
		Adjustments: composite.Adjustments{
			Bonus: composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "award", Points: 2}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	data := composite.Data{Units: []string{"whole", "without"}, Columns: [][]float64{{90, 90}, {5, 5}, {81, math.NaN()}}}
	if err := index.Check(data); err != nil {
		t.Fatal(err)
	}
	result := index.Score(data, composite.KeepAll)
	standings, err := index.Standings(result, []composite.Adjustment{{Unit: 0, Code: "award"}, {Unit: 1, Code: "award"}})
	if err != nil {
		t.Fatal(err)
	}
	published := map[int]float64{}
	for _, s := range standings {
		published[s.Unit] = s.Score
	}
	for _, c := range []struct {
		name      string
		got, want float64
	}{
		{"attendance", cell(result, 2), 80},
		{"complaints", cell(result, 3), 75},
		{"survey", cell(result, 5), 60},
		{"work", cell(result, 1), 78.3333333333},
		{"base", standings[1].Base, 73.75},
		{"published", published[0], 75.75},
		{"published without the survey", published[1], 80.33},
	} {
		if math.Abs(c.got-c.want) > 1e-12 {
			t.Errorf("%s is %v, want %v", c.name, c.got, c.want)
		}
	}
	why, err := result.Explain([]composite.Adjustment{{Unit: 0, Code: "award"}})
	if err != nil {
		t.Fatal(err)
	}
	c, ok := why.Contributions(0)
	if !ok {
		t.Fatal("there is nothing to explain")
	}
	for node, want := range map[int][2]float64{0: {73.75, 26.25}, 2: {40, 10}, 3: {18.75, 6.25}, 5: {15, 10}} {
		if got := c.Nodes[node]; math.Abs(got.Points-want[0]) > 1e-12 || math.Abs(got.Lost-want[1]) > 1e-12 {
			t.Errorf("node %d carries %v and loses %v, want %v", node, got.Points, got.Lost, want)
		}
	}
	if coverage, _ := result.Coverage(0, 1); coverage != 0.75 {
		t.Errorf("coverage without the survey is %v, want 0.75", coverage)
	}
}

func cell(r *composite.Result, node int) float64 {
	x, _ := r.Score(node, 0)
	return x
}
