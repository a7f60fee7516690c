package composite_test

import (
	"errors"
	"math"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

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

func TestColumns(t *testing.T) {
	groups := []string{"a", "a", "a", "a", "b", "b", "c"}
	x := []float64{1, nan, 2, 9, 5, nan, nan}
	years := []float64{2010, 2011, 2014, 2020}
	tests := []struct {
		name      string
		got, want []float64
	}{
		{"denominate", stats.Denominate([]float64{6, 1, nan, 4, 1e10}, []float64{3, 0, 1, nan, 1e-10}, 10), []float64{20, nan, nan, nan, nan}},
		{"denominate, lengths", stats.Denominate([]float64{6}, nil, 1), nil},
		{"mean of all", stats.ImputeMean(x, nil), []float64{1, 4.25, 2, 9, 5, 4.25, 4.25}},
		{"mean of the group", stats.ImputeMean(x, groups), []float64{1, 4, 2, 9, 5, 5, nan}},
		{"median of all", stats.ImputeMedian(x, nil), []float64{1, 3.5, 2, 9, 5, 3.5, 3.5}},
		{"median of the group", stats.ImputeMedian(x, groups), []float64{1, 2, 2, 9, 5, 5, nan}},
		{"mean of none", stats.ImputeMean([]float64{nan, math.Inf(1)}, nil), []float64{nan, nan}},
		{"mean, lengths", stats.ImputeMean(x, groups[1:]), nil},
		{"interpolate", stats.Interpolate([]float64{nan, 2, nan, nan, 8, nan}, nil), []float64{nan, 2, 4, 6, 8, nan}},
		{"interpolate over years", stats.Interpolate([]float64{1, nan, nan, 6}, years), []float64{1, 1.5, 3, 6}},
		{"interpolate, times that stand", stats.Interpolate([]float64{1, 2}, []float64{1, 1}), nil},
		{"interpolate, lengths", stats.Interpolate([]float64{1, 2}, []float64{1}), nil},
		{"carry", stats.CarryForward([]float64{nan, 2, nan, nan, nan, 5, nan}, 2), []float64{nan, 2, 2, 2, nan, 5, 5}},
		{"carry by none", stats.CarryForward([]float64{2, nan}, 0), []float64{2, nan}},
		{"rescale", stats.Rescale([]float64{0, 50, 100, nan}, 70, 130), []float64{70, 100, 130, nan}},
	}
	for _, tt := range tests {
		wantCells(t, tt.name, tt.got, tt.want)
	}
}

func TestTrends(t *testing.T) {
	inf := math.Inf(1)
	tests := []struct {
		name  string
		trend func(x, at []float64) (float64, bool)
		x, at []float64
		want  float64
		ok    bool
	}{
		{"growth", stats.CAGR, []float64{nan, 100, 7, 121, nan}, nil, .1, true},
		{"growth over years", stats.CAGR, []float64{100, 121}, []float64{2000, 2004}, math.Pow(1.21, .25) - 1, true},
		{"growth from 0", stats.CAGR, []float64{0, 5}, nil, 0, false},
		{"growth of one", stats.CAGR, []float64{nan, 5}, nil, 0, false},
		{"growth of none", stats.CAGR, nil, nil, 0, false},
		{"growth out of range", stats.CAGR, []float64{1e-300, 1e15}, []float64{0, 1e-9}, 0, false},
		// Deviations −1.5, −.5, .5, 1.5 with −2, −1, 0, 3: 8/5.
		{"line", stats.LinearTrend, []float64{1, 2, 3, 6}, nil, 1.6, true},
		{"line with a gap", stats.LinearTrend, []float64{1, nan, 3}, []float64{2000, 2001, 2005}, .4, true},
		{"flat line", stats.LinearTrend, []float64{3, 3, 3}, nil, 0, true},
		{"line of one", stats.LinearTrend, []float64{3, nan, inf}, nil, 0, false},
		{"times that descend", stats.LinearTrend, []float64{3, 4}, []float64{2, 1}, 0, false},
		{"times without number", stats.CAGR, []float64{3, 4}, []float64{2, nan}, 0, false},
	}
	for _, tt := range tests {
		if got, ok := tt.trend(tt.x, tt.at); ok != tt.ok || !near(got, tt.want, 1e-12) {
			t.Errorf("%s = %v %v, want %v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestAggregateColumns(t *testing.T) {
	columns := [][]float64{{1, nan, nan}, {7, 8, nan}}
	got, err := composite.Aggregate(columns, []float64{1, 2}, composite.Aggregation{Kind: composite.Penalised})
	if err != nil {
		t.Fatal(err)
	}
	// M = 5, s² = (16 + 2·4)/3 = 8: 5 − 8/5.
	wantCells(t, "penalised", got, []float64{3.4, 8, nan})
	var faults composite.Faults
	if _, err := composite.Aggregate(columns, nil, composite.Aggregation{Kind: "sum"}); !errors.As(err, &faults) {
		t.Errorf("an unknown kind gives %v", err)
	}
	for _, w := range [][]float64{{1}, {1, 0}, {1, nan}} {
		if _, err := composite.Aggregate(columns, w, composite.Aggregation{}); err == nil {
			t.Errorf("weights %v are accepted", w)
		}
	}
	if got, err := composite.Aggregate(nil, nil, composite.Aggregation{}); len(got) != 0 || err != nil {
		t.Errorf("no columns give %v, %v", got, err)
	}
}

func TestLogTransform(t *testing.T) {
	// The range is 100, so 1 is added to the distance from the least value.
	got := stats.LogTransform([]float64{0, nan, 9, 100})
	wantCells(t, "log", got.Values, []float64{0, nan, math.Log(10), math.Log(101)})
	if got.Kind != stats.LogTreated || len(got.Points) != 2 || got.Points[0] != (stats.TreatedPoint{Unit: 2, Before: 9, After: math.Log(10)}) {
		t.Errorf("%+v", got)
	}
	mirrored := stats.LogTransform([]float64{0, nan, -9, -100})
	if !mirrored.Reflected || mirrored.Shift != 1 {
		t.Errorf("%+v", mirrored)
	}
	wantCells(t, "log, reflected", mirrored.Values, []float64{0, nan, -math.Log(10), -math.Log(101)})
	constant := stats.LogTransform([]float64{.1, .1, nan})
	wantCells(t, "log of equals", constant.Values, []float64{.1, .1, nan})
	if constant.Kind != stats.Untreated || constant.Points != nil {
		t.Errorf("%+v", constant)
	}
}

// boxCoxLikelihood is the textbook's, without the scaling that BoxCox uses. The
// −1 of the transform does not change the variance, and costs digits.
func boxCoxLikelihood(lambda float64, x []float64) float64 {
	n, logs := float64(len(x)), 0.0
	y := make([]float64, len(x))
	for i, v := range x {
		logs += math.Log(v)
		y[i] = math.Pow(v, lambda) / lambda
	}
	mean := stats.ArithmeticMean(y, nil)
	variance := 0.0
	for _, v := range y {
		variance += (v - mean) * (v - mean) / n
	}
	return (lambda-1)*logs - n/2*math.Log(variance)
}

func TestBoxCox(t *testing.T) {
	// SciPy's test of boxcox_llf has this figure from mpmath.
	prices := []float64{198, 233, 233, 392}
	if got := boxCoxLikelihood(-8, prices); math.Abs(got+17.93934208579061) > 1e-9 {
		t.Fatalf("the likelihood of −8 is %v", got)
	}
	columns := map[string][]float64{
		"prices": prices, "π": sample, "wide": {1e-6, 1, 5, 1e4, 2, .1},
		"squares": {1, 4, 9, 16, 25, 36, 49}, "left": {1, 8, 9, 9.5, 10, 10.2},
	}
	for name, x := range columns {
		got := stats.BoxCox(x)
		best, at := math.Inf(-1), 0.0
		for i := -5000; i <= 5000; i++ {
			if l := float64(i) / 1000; i != 0 && boxCoxLikelihood(l, x) > best {
				best, at = boxCoxLikelihood(l, x), l
			}
		}
		if math.Abs(got.Lambda-at) > .002 {
			t.Errorf("%s: λ = %v, the grid says %v", name, got.Lambda, at)
		}
		for i, v := range x {
			want := (math.Pow(v/got.Scale, got.Lambda) - 1) / got.Lambda
			if got.Kind != stats.BoxCoxed || !near(got.Values[i], want, 1e-9) || len(got.Points) != len(x) {
				t.Errorf("%s: %+v, want %v for %v", name, got, want, v)
			}
		}
	}
	// Symmetric on the log scale: no λ but 0 is likeliest.
	if got := stats.BoxCox([]float64{.125, .5, 1, 2, 8, nan}); math.Abs(got.Lambda) > 1e-6 || !near(got.Scale, 1, 1e-12) {
		t.Errorf("λ = %v and scale %v, want 0 and 1", got.Lambda, got.Scale)
	}
	if got := stats.BoxCox([]float64{0, 5, 10, 100}); got.Shift != 1 || got.Kind != stats.BoxCoxed {
		t.Errorf("%+v", got)
	}
	for name, x := range map[string][]float64{"none": nil, "two": {1, 2}, "equal": {3, 3, 3}, "logs equal": {1e15, 1e15 - .125, 1e15 - .25}} {
		if got := stats.BoxCox(x); got.Kind != stats.Untreated || got.Points != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestTreatOutliers(t *testing.T) {
	var tripling []float64 // too many outliers for one point
	for i := range 30 {
		tripling = append(tripling, math.Pow(3, float64(i)))
	}
	tests := []struct {
		name string
		x    []float64
		kind stats.TreatmentKind
	}{
		{"passes", sample, stats.Untreated},
		{"one point", append([]float64{1000}, append(sample, sample...)...), stats.Winsorised},
		{"many points", tripling, stats.Winsorised}, // nor does the logarithm of so many pass
		{"fewer", tripling[:17], stats.LogTreated},
		{"equal", []float64{2, 2, 2, 2, 2}, stats.Untreated},
		{"none", nil, stats.Untreated},
	}
	for _, tt := range tests {
		got, err := (composite.Treatment{MaxPoints: new(1)}).Treat(tt.x)
		if err != nil || got.Kind != tt.kind {
			t.Errorf("%s: %+v %v, want %s", tt.name, got, err, tt.kind)
		}
		if got.Kind == stats.LogTreated {
			wantCells(t, tt.name, got.Values, stats.LogTransform(tt.x).Values)
		}
	}
	var faults composite.Faults
	if _, err := (composite.Treatment{Kind: "log"}).Winsorise(sample); !errors.As(err, &faults) {
		t.Errorf("an unknown treatment gives %v", err)
	}
	if _, err := (composite.Treatment{Skew: new(-1.)}).Treat(sample); !errors.As(err, &faults) {
		t.Errorf("a limit below 0 gives %v", err)
	}
}

func TestScreen(t *testing.T) {
	d := composite.Data{
		Units:         []string{"a", "b", "c"},
		Columns:       [][]float64{{1, 2, nan}, {nan, nan, 3}, {1, nan, nan}, {nan, nan, nan}},
		NotApplicable: [][]bool{nil, nil, {false, false, true}, {true, true, true}},
	}
	s := composite.Screen(d, .5, .5)
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
		if composite.Screen(wrong, 0, 0) != nil {
			t.Errorf("%+v is accepted", wrong)
		}
	}
	if s := composite.Screen(composite.Data{}, 1, 1); s == nil || s.Units != nil {
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
	list := r.Statistics(composite.StatisticsOptions{Availability: new(.8)})
	if e := list[2].Entered; e.N != 3 || e.Missing != 1 || len(list[2].Flags) != 1 || list[2].Flags[0] != composite.LowAvailability {
		t.Errorf("b: %+v %v", e, list[2].Flags)
	}
	if e := list[3].Entered; e.N != 2 || e.Missing != 0 || len(list[3].Flags) != 1 || list[3].Flags[0] != composite.ConstantColumn {
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
	if ix.Score(d, composite.KeepRoot).Statistics(composite.StatisticsOptions{}) != nil {
		t.Error("statistics of what was not kept")
	}
}
