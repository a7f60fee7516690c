package stats

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

func TestQuantileF(t *testing.T) {
	for _, d1 := range []float64{1, 1.7, 5, 40, 600} {
		for _, d2 := range []float64{1, 3.3, 15, 200} {
			for _, p := range []float64{.025, .5, .95, .975} {
				got, want := QuantileF(p, d1, d2), distuv.F{D1: d1, D2: d2}.Quantile(p)
				if math.Abs(got-want) > 1e-7*want {
					t.Errorf("F(%v, %v) at %v: %v, gonum %v", d1, d2, p, got, want)
				}
			}
		}
	}
}
