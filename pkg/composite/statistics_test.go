package composite_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

func TestAggregateColumns(t *testing.T) {
	columns := [][]float64{{1, nan, nan}, {7, 8, nan}}
	got, err := (composite.Aggregation{Kind: composite.Penalised}).Aggregate(columns, []float64{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	// M = 5, s² = (16 + 2·4)/3 = 8: M′ = 73, s′² = 2.88; (73 − 2.88/73 − 70)/0.6.
	wantCells(t, "penalised", got, []float64{4.93424657534, 8, nan})
	var faults composite.Faults
	if _, err := (composite.Aggregation{Kind: "mode"}).Aggregate(columns, nil); !errors.As(err, &faults) {
		t.Errorf("an unknown kind gives %v", err)
	}
	for _, w := range [][]float64{{1}, {1, 0}, {1, nan}} {
		if _, err := (composite.Aggregation{}).Aggregate(columns, w); err == nil {
			t.Errorf("weights %v are accepted", w)
		}
	}
	if got, err := (composite.Aggregation{}).Aggregate(nil, nil); len(got) != 0 || err != nil {
		t.Errorf("no columns give %v, %v", got, err)
	}
}

func TestScreen(t *testing.T) {
	d := composite.Data{
		Units:         []string{"a", "b", "c"},
		Columns:       [][]float64{{1, 2, nan}, {nan, nan, 3}, {1, nan, nan}, {nan, nan, nan}},
		NotApplicable: [][]bool{nil, nil, {false, false, true}, {true, true, true}},
	}
	s := d.Screen(.5, .5)
	wantCells(t, "columns", s.ColumnAvailability, []float64{2. / 3, 1. / 3, .5, 0})
	wantCells(t, "units", s.UnitAvailability, []float64{1, .5, 0})
	if len(s.Columns) != 2 || s.Columns[1] != 2 || len(s.Units) != 2 || s.Units[1] != 1 {
		t.Errorf("%+v", s)
	}
	for _, wrong := range []composite.Data{
		{Units: []string{"a"}, Columns: [][]float64{{1, 2}}},
		{Units: []string{"a"}, Columns: [][]float64{{1}}, NotApplicable: [][]bool{}},
		{Units: []string{"a"}, Columns: [][]float64{{1}}, NotApplicable: [][]bool{{}}},
	} {
		if wrong.Screen(0, 0) != nil {
			t.Errorf("%+v is accepted", wrong)
		}
	}
	if s := (composite.Data{}).Screen(1, 1); s == nil || s.Units != nil {
		t.Errorf("nothing gives %+v", s)
	}
}

func TestStatistics(t *testing.T) {
	ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "a", Weight: 1, Rule: &composite.MinMax{}},
		{Code: "b", Weight: 1, Direction: composite.Cost, Rule: &composite.MinMax{}},
		{Code: "c", Weight: 1, Rule: &composite.MinMax{}},
	}}})
	d := composite.Data{
		Units:         []string{"p", "q", "r", "s"},
		Columns:       [][]float64{{1, 2, 3, 9}, {4, 3, 2, nan}, {5, 5, nan, 1}},
		NotApplicable: [][]bool{nil, nil, {false, false, true, true}},
	}
	r := ix.Score(d, composite.KeepAll)
	list := r.Statistics(stats.FlagLimits{Availability: new(.8)})
	if e := list[2].Entered; e.N != 3 || e.Missing != 1 || len(list[2].Flags) != 1 ||
		list[2].Flags[0] != stats.LowAvailability {
		t.Errorf("b: %+v %v", e, list[2].Flags)
	}
	if e := list[3].Entered; e.N != 2 || e.Missing != 0 || len(list[3].Flags) != 1 ||
		list[3].Flags[0] != stats.ConstantColumn {
		t.Errorf("c: %+v %v", e, list[3].Flags)
	}
	// p and q have all scores: 0, 0, 50 and 12.5, 50, 50, with the variances 78.125, 1250
	// and 0; their sums 50 and 112.5 have 1953.125. α = 3/2·(1 − 1328.125/1953.125).
	if list[0].Entered != nil || list[0].Scores.N != 4 || !near(*list[0].Alpha, .48, 1e-12) {
		t.Errorf("index: %+v", list[0])
	}
	if c := list[0].Correlated; len(c) != 1 || c[0].A != 1 || c[0].B != 2 || c[0].Correlation != 1 {
		t.Errorf("a and b go together, got %+v", c)
	}
	if nodes, scores := r.Children(0); len(nodes) != 3 || len(scores) != 3 {
		t.Errorf("%d children with %d columns", len(nodes), len(scores))
	}
	if nodes, scores := r.Children(1); nodes != nil || scores != nil {
		t.Error("a leaf has no children")
	}
	if ix.Score(d, composite.KeepRoot).Statistics(stats.FlagLimits{}) != nil {
		t.Error("statistics of what was not kept")
	}
}

// The steps of an index over two towns per province, one column at a time.
func ExampleAggregation_Aggregate() {
	provinces := []string{"north", "north", "south", "south"}
	libraries := stats.Denominate([]float64{4, 9, 2, 8}, []float64{20, 30, 10, 20}, 10)
	literacy := stats.ImputeMean([]float64{90, math.NaN(), 84, 96}, provinces)

	var scores [][]float64
	for _, x := range [][]float64{libraries, literacy} {
		held, err := (composite.Treatment{}).Treat(x)
		if err != nil {
			fmt.Println(err)
			return
		}
		score, err := composite.Normalise(held.Values, &composite.MinMax{}, composite.Benefit)
		if err != nil {
			fmt.Println(err)
			return
		}
		scores = append(scores, stats.Rescale(score, 1, 100))
	}
	index, err := (composite.Aggregation{Kind: composite.Geometric}).Aggregate(scores, []float64{1, 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, x := range index {
		fmt.Print(stats.Round(x, 1), " ")
	}
	// Output: 7.1 50.5 1 100
}

func ExampleResult_Statistics() {
	index, err := composite.New(composite.Spec{Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "wells", Weight: 1, Rule: &composite.MinMax{}},
		{Code: "pumps", Weight: 1, Rule: &composite.MinMax{}},
		{Code: "roads", Weight: 1, Rule: &composite.MinMax{}},
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	result := index.Score(composite.Data{
		Units:   []string{"a", "b", "c", "d"},
		Columns: [][]float64{{1, 2, 3, 5}, {1, 3, 4, 6}, {7, 7, 7, 7}},
	}, composite.KeepAll)
	nodes := index.Nodes()
	for _, s := range result.Statistics(stats.FlagLimits{}) {
		for _, flag := range s.Flags {
			fmt.Println(nodes[s.Node].Code, flag)
		}
		for _, p := range s.Correlated {
			fmt.Printf("%s and %s: %.3f\n", nodes[p.A].Code, nodes[p.B].Code, p.Correlation)
		}
	}
	// Output:
	// wells and pumps: 0.984
	// roads constant_column
}

// wantCells is wantColumn where NaN stands for a missing value.
func wantCells(t *testing.T, name string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) || (got == nil) != (want == nil) {
		t.Errorf("%s = %v, want %v", name, got, want)
		return
	}
	for i := range want {
		if math.IsNaN(got[i]) != math.IsNaN(want[i]) || math.Abs(got[i]-want[i]) > 1e-12 {
			t.Errorf("%s = %v, want %v", name, got, want)
			return
		}
	}
}
