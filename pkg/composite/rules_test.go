package composite_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Hand-worked scores of each rule.
func TestRules(t *testing.T) {
	ten := []float64{10, 20, 20, 40, 60}
	tests := []struct {
		name      string
		rule      composite.Rule
		direction composite.Direction
		x, want   []float64
	}{
		{
			"goalposts", &composite.Goalposts{Low: 50, High: 100}, "",
			[]float64{40, 50, 75, 100, 120},
			[]float64{0, 0, 50, 100, 100},
		},
		{
			"goalposts cost", &composite.Goalposts{Low: 48, High: 4}, composite.Cost,
			[]float64{50, 48, 26, 4, 0},
			[]float64{0, 0, 50, 100, 100},
		},
		{
			"goalposts log", &composite.Goalposts{Low: 1, High: 100, Transform: composite.Log}, "",
			[]float64{.5, 1, 10, 100},
			[]float64{0, 0, 50, 100},
		},
		{"minmax", &composite.MinMax{}, "", ten, []float64{0, 20, 20, 60, 100}},
		{"minmax cost", &composite.MinMax{}, composite.Cost, ten, []float64{100, 80, 80, 40, 0}},
		{"zscore", &composite.ZScore{}, "", []float64{1, 2, 3}, []float64{40, 50, 60}},
		{"zscore cost", &composite.ZScore{}, composite.Cost, []float64{1, 2, 3}, []float64{60, 50, 40}},
		{"zscore clamped", &composite.ZScore{SD: new(80.0), Clamp: true}, "", []float64{1, 2, 3}, []float64{0, 50, 100}},
		{"percentile", &composite.Percentile{}, "", ten, []float64{0, 25, 25, 75, 100}},
		{"percentile cost", &composite.Percentile{}, composite.Cost, ten, []float64{100, 75, 75, 25, 0}},
		{"rank", &composite.RankRule{}, "", ten, []float64{0, 50, 50, 75, 100}},
		{"rank cost", &composite.RankRule{}, composite.Cost, ten, []float64{100, 75, 75, 25, 0}},
		{"best", &composite.BestRule{}, "", []float64{0, 20, 40}, []float64{0, 50, 100}},
		{"best cost", &composite.BestRule{}, composite.Cost, []float64{10, 20, 40}, []float64{100, 50, 25}},
		{"best cost at 0", &composite.BestRule{}, composite.Cost, []float64{0, 20, 0}, []float64{100, 0, 100}},
		{"target", &composite.TargetRule{Target: 30}, "", []float64{10, 20, 30, 50}, []float64{0, 50, 100, 100}},
		{
			"target uncapped", &composite.TargetRule{Target: 30, Cap: new(false)}, "",
			[]float64{10, 20, 30, 50},
			[]float64{0, 50, 100, 200},
		},
		{
			"target cost", &composite.TargetRule{Target: 20}, composite.Cost,
			[]float64{40, 30, 20, 10},
			[]float64{0, 50, 100, 100},
		},
		{"reference", &composite.Reference{Value: 50}, "", []float64{0, 25, 75}, []float64{0, 50, 150}},
		{"reference clamped", &composite.Reference{Value: 50, Clamp: true}, "", []float64{0, 25, 75}, []float64{0, 50, 100}},
		{
			"reference cost", &composite.Reference{Value: 50, Clamp: true}, composite.Cost,
			[]float64{0, 25, 100},
			[]float64{100, 100, 50},
		},
		{"reference unit", &composite.Reference{Unit: "1"}, "", []float64{10, 20, 30}, []float64{50, 100, 150}},
		{
			"bands", &composite.Bands{
				Bands: []composite.Band{{From: 0, Points: 40}, {From: 60, Points: 80}, {From: 90, Points: 100}},
			}, "",
			[]float64{-1, 0, 59.9, 60, 89.9, 90, 1000},
			[]float64{0, 40, 40, 80, 80, 100, 100},
		},
		{
			"levels", &composite.Levels{Levels: map[string]float64{"C": 60, "A": 100, "B": 80}}, "",
			[]float64{0, 1, 2},
			[]float64{60, 80, 100},
		},
		{"deduct", &composite.Deduct{Per: 20}, "", []float64{0, 1, 5, 9}, []float64{100, 80, 0, 0}},
		{
			"deduct all", &composite.Deduct{Full: new(90.0), Per: 5, Step: new(10.0), Floor: new(30.0)}, composite.Cost,
			[]float64{0, 20, 500},
			[]float64{90, 80, 30},
		},
		{"shortfall", &composite.Shortfall{Target: 90, Per: 5}, "", []float64{95, 90, 88, 10}, []float64{100, 100, 90, 0}},
		{"shortfall step", &composite.Shortfall{Target: 90, Per: 5, Step: new(2.0)}, "", []float64{88}, []float64{95}},
		{
			"rank points", &composite.RankPoints{Points: []float64{60, 57, 54}}, "",
			[]float64{1, 9, 9, 5, 2},
			[]float64{90, 100, 100, 90, 90},
		},
		{
			"rank points cost", &composite.RankPoints{Points: []float64{60, 57, 54}}, composite.Cost,
			[]float64{1, 9, 5},
			[]float64{100, 90, 95},
		},
		{"points", &composite.PointsRule{Max: 20}, "", []float64{0, 5, 20}, []float64{0, 25, 100}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantColumn(t, tt.name, normalise(t, tt.rule, tt.direction, tt.x...), tt.want, 1e-12)
		})
	}
}

// What each rule scores where its peers are all equal or there is one only.
func TestRulesWithoutContrast(t *testing.T) {
	one, equal := []float64{.1}, []float64{.1, .1, .1}
	tests := []struct {
		name          string
		rule          composite.Rule
		direction     composite.Direction
		single, equal float64
		flag          stats.FlagCode
	}{
		{"minmax", &composite.MinMax{}, "", 50, 50, stats.ConstantColumn},
		{"minmax own constant", &composite.MinMax{Constant: new(0.0)}, "", 0, 0, stats.ConstantColumn},
		{"zscore", &composite.ZScore{}, "", 50, 50, stats.ConstantColumn},
		{"zscore clamped", &composite.ZScore{Mean: new(120.0), Clamp: true}, "", 100, 100, stats.ConstantColumn},
		{"percentile", &composite.Percentile{}, "", 50, 0, stats.ConstantColumn},
		{"percentile cost", &composite.Percentile{}, composite.Cost, 50, 100, stats.ConstantColumn},
		{"rank", &composite.RankRule{}, "", 100, 100, stats.ConstantColumn},
		{"rank cost", &composite.RankRule{}, composite.Cost, 100, 100, stats.ConstantColumn},
		{"best", &composite.BestRule{}, "", 100, 100, stats.ConstantColumn},
		{"best cost", &composite.BestRule{}, composite.Cost, 100, 100, stats.ConstantColumn},
		{"target short", &composite.TargetRule{Target: 1}, "", 0, 0, ""},
		{"target reached", &composite.TargetRule{Target: .1}, "", 100, 100, composite.TargetReached},
		{"rank points", &composite.RankPoints{Points: []float64{5, 3}}, "", 100, 100, stats.ConstantColumn},
		{"goalposts", &composite.Goalposts{Low: 0, High: 1}, "", 10, 10, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			wantColumn(t, "single", normalise(t, tt.rule, tt.direction, one...), []float64{tt.single}, 1e-12)
			wantColumn(t, "equal", normalise(t, tt.rule, tt.direction, equal...), []float64{tt.equal, tt.equal, tt.equal}, 1e-12)
			nan := math.NaN()
			for _, got := range normalise(t, tt.rule, tt.direction, nan, nan) {
				if got == got {
					t.Errorf("no peer: %v, want no score", got)
				}
			}
			ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "x", Rule: tt.rule, Direction: tt.direction}})
			r := ix.Score(composite.Data{Units: []string{"a", "b"}, Columns: [][]float64{{.1, .1}}}, composite.KeepRoot)
			if tt.flag == "" && len(r.Flags) != 0 || tt.flag != "" && (len(r.Flags) != 1 || r.Flags[0].Code != tt.flag) {
				t.Errorf("flags %v, want %q", r.Flags, tt.flag)
			}
		})
	}
}

func TestReferenceWithoutValue(t *testing.T) {
	ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "a", Weight: 1, Rule: &composite.Reference{Unit: "u2"}},
		{Code: "b", Weight: 3, Rule: &composite.PointsRule{Max: 100}},
	}}})
	for _, value := range []float64{0, math.NaN()} {
		r := score(t, ix, composite.Data{Units: []string{"u1", "u2"}, Columns: [][]float64{{5, value}, {60, 70}}})
		if cell := r.Cell(1, 0); cell.Status != composite.CellUnscored || cell.Used != 5 {
			t.Errorf("cell %+v, want unscored with its value", cell)
		}
		if base, ok := r.Base(0); !ok || base != 60 {
			t.Errorf("base %v %v, want 60: the weight leaves", base, ok)
		}
		// Whether the branches are complete is not for another to decide.
		for u := range 2 {
			if coverage, _ := r.Coverage(0, u); coverage != 1 {
				t.Errorf("coverage of %d %v, want 1", u, coverage)
			}
		}
		if _, applies := r.Coverage(1, 0); applies {
			t.Error("the indicator has a coverage")
		}
		if len(r.Flags) != 1 || r.Flags[0] != (composite.Flag{Node: 1, Code: composite.NoReference}) {
			t.Errorf("flags %v", r.Flags)
		}
	}
}

func TestBadEntries(t *testing.T) {
	tests := []struct {
		name string
		rule composite.Rule
		x    float64
		code string
	}{
		{"log of 0", &composite.Goalposts{Low: 1, High: 2, Transform: composite.Log}, 0, "bad_entry"},
		{"negative best", &composite.BestRule{}, -1, "bad_entry"},
		{"negative reference", &composite.Reference{Value: 1}, -1, "bad_entry"},
		{"negative deduct", &composite.Deduct{Per: 1}, -1, "bad_entry"},
		{"points below", &composite.PointsRule{Max: 5}, -.1, "bad_entry"},
		{"points above", &composite.PointsRule{Max: 5}, 5.1, "bad_entry"},
		{"level between", &composite.Levels{Levels: map[string]float64{"A": 1, "B": 2}}, .5, "bad_entry"},
		{"level past the end", &composite.Levels{Levels: map[string]float64{"A": 1, "B": 2}}, 2, "bad_entry"},
		{"level below", &composite.Levels{Levels: map[string]float64{"A": 1, "B": 2}}, -1, "bad_entry"},
		{"infinite", &composite.MinMax{}, math.Inf(-1), "value_out_of_range"},
		{"huge", &composite.MinMax{}, 1e300, "value_out_of_range"},
	}
	for _, tt := range tests {
		_, err := composite.Normalise([]float64{math.NaN(), tt.x}, tt.rule, "")
		f, ok := err.(*composite.DataFaults)
		if !ok || len(f.Faults) != 1 || f.Faults[0].Code != tt.code || f.Faults[0].Unit != "1" ||
			f.Faults[0].Indicator != "x" {
			t.Errorf("%s: %v, want %s at unit 1, indicator x", tt.name, err, tt.code)
		}
	}
}

func TestLevelsOrdinal(t *testing.T) {
	l := &composite.Levels{Levels: map[string]float64{"good": 80, "fine": 80, "bad": 0}}
	if got := strings.Join(l.Names(), " "); got != "bad fine good" {
		t.Errorf("names %q", got)
	}
	for want, name := range l.Names() {
		if got, ok := l.Ordinal(name); !ok || got != float64(want) {
			t.Errorf("%s: %v %v, want %d", name, got, ok, want)
		}
	}
	if _, ok := l.Ordinal("none"); ok {
		t.Error("an unknown level has an ordinal")
	}
}

func TestRuleKinds(t *testing.T) {
	kinds := composite.RuleKinds()
	if len(kinds) != 14 || !slices.IsSorted(kinds) {
		t.Errorf("kinds %v, want 14, sorted", kinds)
	}
	for _, kind := range kinds {
		if rule, ok := composite.NewRule(kind); !ok || rule.Kind() != kind {
			t.Errorf("NewRule(%q) is a %v", kind, rule)
		}
	}
	if _, ok := composite.NewRule("linear"); ok {
		t.Error("an unknown kind has a rule")
	}
}

func mustNew(t testing.TB, spec composite.Spec) *composite.Index {
	t.Helper()
	ix, err := composite.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// score checks and scores, keeping everything.
func score(t testing.TB, ix *composite.Index, d composite.Data) *composite.Result {
	t.Helper()
	if err := ix.Check(d); err != nil {
		t.Fatal(err)
	}
	return ix.Score(d, composite.KeepAll)
}
