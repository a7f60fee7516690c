package stats

import "math"

// MaxDecimals is the largest number of decimals that Round knows.
const MaxDecimals = 9

// Round rounds half up, towards +∞, at so many decimals (0 to 9), after snapping
// x to 9 decimals. The snap removes the binary noise of x, so the result is the
// one a pocket calculator gives: 2.675 becomes 2.68. Values of 9e9 and beyond, and
// those that are not finite, are returned as they are.
func Round(x float64, decimals int) float64 {
	if !(math.Abs(x) < 9e9) {
		return x
	}
	decimals = min(max(decimals, 0), MaxDecimals)
	unit := tens[MaxDecimals-decimals]
	snapped := int64(math.Round(x * 1e9))
	q := (snapped + unit/2) / unit
	if (snapped+unit/2)%unit < 0 { // integer division goes towards 0, rounding down does not
		q--
	}
	return float64(q) / float64(tens[decimals])
}

var tens = [MaxDecimals + 1]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}
