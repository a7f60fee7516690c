package stats_test

import (
	"testing"

	"bulwark/pkg/composite/stats"
)

func TestGini(t *testing.T) {
	tests := []struct {
		x    []float64
		want float64
		ok   bool
	}{
		{[]float64{4, 4, 4}, 0, true},
		{[]float64{0, 0}, 0, true},
		{[]float64{0, 8, 0, 0}, .75, true},
		{[]float64{3, nan, 1}, .25, true},
		// (−2·1 − 0·2 + 2·6)/(3·9): the mean difference over pairs, 20/9, by twice the mean.
		{[]float64{6, 1, 2}, 10. / 27, true},
		{[]float64{1e15, 1e15, 1e15 - 1}, 0, true},
		{[]float64{2, -1}, 0, false},
		{[]float64{nan}, 0, false},
		{nil, 0, false},
	}
	for _, tt := range tests {
		if got, ok := stats.Gini(tt.x); !near(got, tt.want, 1e-15) || ok != tt.ok {
			t.Errorf("%v: %v %v, want %v %v", tt.x, got, ok, tt.want, tt.ok)
		}
	}
}
