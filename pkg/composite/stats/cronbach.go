package stats

import (
	"bulwark/pkg/composite/internal/num"
	"math"
)

// CronbachAlpha says how far the columns measure one thing: k/(k−1)·(1 − Σs²/S²),
// with k columns, s² the variance of each and S² that of their sum (Cronbach
// 1951). It counts the units that have all values. It is at most 1 and below 0
// where columns work against each other. It reports false for fewer than two
// columns or two such units, a sum that never varies, or columns of different
// length.
func CronbachAlpha(columns [][]float64) (float64, bool) {
	x, err := Complete(columns)
	if err != nil || len(x) < 2 || len(x[0]) < 2 {
		return 0, false
	}
	sum := make([]float64, len(x[0]))
	for _, column := range x {
		for unit, v := range column {
			sum[unit] += v
		}
	}
	whole, e := centred(sum)
	variance := steadyDot(whole, whole)
	parts := 0.0
	for _, column := range x {
		d, own := centred(column)
		parts += math.Ldexp(steadyDot(d, d), 2*(own-e))
	}
	if variance <= 1e-24*parts { // what is left of a sum that cancels is rounding
		return 0, false
	}
	k := float64(len(x))
	return num.Known(k / (k - 1) * (1 - parts/variance))
}
