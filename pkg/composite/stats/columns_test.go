package stats_test

import (
	"math"
	"testing"

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
		{
			"denominate", stats.Denominate([]float64{6, 1, nan, 4, 1e10}, []float64{3, 0, 1, nan, 1e-10}, 10),
			[]float64{20, nan, nan, nan, nan},
		},
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

func TestLogTransform(t *testing.T) {
	// The range is 100, so 1 is added to the distance from the least value.
	got := stats.LogTransform([]float64{0, nan, 9, 100})
	wantCells(t, "log", got.Values, []float64{0, nan, math.Log(10), math.Log(101)})
	if got.Kind != stats.LogTreated || len(got.Points) != 2 ||
		got.Points[0] != (stats.TreatedPoint{Unit: 2, Before: 9, After: math.Log(10)}) {
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
			t.Errorf("%s: λ = %v, the grid has %v", name, got.Lambda, at)
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
	for name, x := range map[string][]float64{
		"none": nil, "two": {1, 2}, "equal": {3, 3, 3}, "logs equal": {1e15, 1e15 - .125, 1e15 - .25},
	} {
		if got := stats.BoxCox(x); got.Kind != stats.Untreated || got.Points != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
