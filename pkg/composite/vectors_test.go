package composite_test

import (
	"math"
	"testing"

	"bulwark/pkg/composite"
)

var sample = []float64{3, 1, 4, 1, 5, 9, 2, 6}

func wantColumn(t *testing.T, name string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d scores, want %d", name, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Errorf("%s[%d] = %.12g, want %.12g", name, i, got[i], want[i])
		}
	}
}

func normalise(t *testing.T, rule composite.Rule, d composite.Direction, x ...float64) []float64 {
	t.Helper()
	got, err := composite.Normalise(x, rule, d)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// Computed with the COINr package for R on the digits of π.
func TestNormaliseAgainstCOINr(t *testing.T) {
	tests := []struct {
		name string
		rule composite.Rule
		unit float64 // score of 1 in the expected figures
		want []float64
	}{
		{"minmax", &composite.MinMax{}, 1, []float64{25, 0, 37.5, 0, 50, 100, 12.5, 62.5}},
		{
			"zscore", &composite.ZScore{Mean: new(0.0), SD: new(1.0)}, 1,
			[]float64{
				-.3183698134, -1.046072244, .04548140191, -1.046072244, .4093326172, 1.864737478, -.6822210286, .7731838325,
			},
		},
		{
			"percentile", &composite.Percentile{}, 100,
			[]float64{.4285714286, 0, .5714285714, 0, .7142857143, 1, .2857142857, .8571428571},
		},
		{
			"goalposts", &composite.Goalposts{Low: 2, High: 8}, 1,
			[]float64{16.66666667, 0, 33.33333333, 0, 50, 100, 0, 66.66666667},
		},
	}
	for _, tt := range tests {
		got := normalise(t, tt.rule, "", sample...)
		for i := range got {
			got[i] /= tt.unit
		}
		wantColumn(t, tt.name, got, tt.want, 5e-9)
	}
}
