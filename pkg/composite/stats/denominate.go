package stats

import (
	"bulwark/pkg/composite/internal/num"
	"math"
)

// Denominate sets each value in proportion to the size of its unit: scale·x/by, so
// that large units do not win by being large. It is NaN where either is missing,
// the size is 0 or the quotient is beyond ±MaxValue. Slices of different length
// give nil.
func Denominate(x, by []float64, scale float64) []float64 {
	if len(x) != len(by) {
		return nil
	}
	y := make([]float64, len(x))
	for i := range x {
		y[i] = math.NaN()
		if q, ok := Ratio(x[i], by[i], scale); ok && Valid(q) {
			y[i] = q
		}
	}
	return y
}

// Ratio returns scale·numerator/denominator, and false where the denominator is 0
// or the result is not finite.
func Ratio(numerator, denominator, scale float64) (float64, bool) {
	if denominator == 0 {
		return 0, false
	}
	return num.Known(scale * numerator / denominator)
}
