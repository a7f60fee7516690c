package dashboard

import "testing"

// The figures are those of R: quantile(x, c(.25, .5, .75), type = 7).
func TestQuartile(t *testing.T) {
	for _, c := range []struct {
		x    []float64
		want [3]float64
	}{
		{[]float64{7}, [3]float64{7, 7, 7}},
		{[]float64{1, 2}, [3]float64{1.25, 1.5, 1.75}},
		{[]float64{1, 2, 3, 4}, [3]float64{1.75, 2.5, 3.25}},
		{[]float64{10, 20, 30, 40, 50}, [3]float64{20, 30, 40}},
		{[]float64{6, 7, 15, 36, 39, 40, 41, 42, 43, 47, 49}, [3]float64{25.5, 40, 42.5}},
	} {
		for k := range 3 {
			if got := quartile(c.x, k+1); got != c.want[k] {
				t.Errorf("quartile %d of %v is %v, want %v", k+1, c.x, got, c.want[k])
			}
		}
	}
}
