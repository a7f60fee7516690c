// Package stats has the statistics of columns: means, moments, correlations,
// components, treatments, imputation and weights.
//
// A column is a slice with one value per unit and NaN for a missing one; whatever
// lies beyond ±MaxValue is missing too. [Denominate], [ImputeMean],
// [OutlierLimits.Treat], [BoxCox] and [Rescale] prepare a column; [Summarise],
// [Pearson], [CronbachAlpha] and [PrincipalComponents] describe it; [CRITICWeights],
// [EntropyWeights], [PairwiseWeights] and [BalancedWeights] propose weights;
// [GeometricMean], [Round] and [Copeland] also serve by themselves. What is not
// defined is reported by false, nil or an error, never by NaN.
package stats

import (
	"cmp"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// MaxValue is the largest magnitude of a value. What lies beyond it counts as
// missing in a column, and is refused as an entry or a parameter of a rule.
const MaxValue = 1e15

// Valid reports whether x is a value rather than missing: a number within ±MaxValue.
func Valid(x float64) bool { return x >= -MaxValue && x <= MaxValue }

// The statistics of this package take NaN for a missing value, and everything
// beyond ±MaxValue with it.

// present returns the values of x that are there.
func present(x []float64) []float64 {
	there := make([]float64, 0, len(x))
	for _, v := range x {
		if Valid(v) {
			there = append(there, v)
		}
	}
	return there
}

// Complete returns the columns without the units that lack a value in any of
// them. The error names the first column of another length than column 0.
func Complete(columns [][]float64) ([][]float64, error) {
	if err := num.SameLength(columns); err != nil {
		return nil, err
	}
	whole := make([][]float64, len(columns))
	for unit := 0; len(columns) > 0 && unit < len(columns[0]); unit++ {
		if !wholeRow(columns, unit) {
			continue
		}
		for c, x := range columns {
			whole[c] = append(whole[c], x[unit])
		}
	}
	return whole, nil
}

func wholeRow(columns [][]float64, unit int) bool {
	for _, x := range columns {
		if !Valid(x[unit]) {
			return false
		}
	}
	return true
}

// MaxDecimals is the largest number of decimals that Round knows.
const MaxDecimals = 9

// Round rounds half up, towards +∞, at so many decimals (0 to 9), after snapping
// x to 9 decimals. The snap removes the binary noise of x, so the result is that
// of a pocket calculator: 2.675 becomes 2.68. Values of 9e9 and beyond, and
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

// Apportion returns the parts rounded at so many decimals (0 to 9) so that they sum to
// total, which has no more decimals: each is rounded down, and what is short goes, one
// unit of the last decimal each, to the parts with the largest remainder, of equal ones to
// those that come first. All values must be below 9e9.
func Apportion(total float64, parts []float64, decimals int) []float64 {
	decimals = min(max(decimals, 0), MaxDecimals)
	unit := tens[MaxDecimals-decimals]
	short := int64(math.Round(total*1e9)) / unit
	units, rest, order := make([]int64, len(parts)), make([]int64, len(parts)), make([]int, len(parts))
	for i, x := range parts {
		snapped := int64(math.Round(x * 1e9))
		units[i], rest[i], order[i] = snapped/unit, snapped%unit, i
		if rest[i] < 0 { // integer division goes towards 0, rounding down does not
			units[i], rest[i] = units[i]-1, rest[i]+unit
		}
		short -= units[i]
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rest[b], rest[a]) })
	result := make([]float64, len(parts))
	n := int64(len(parts))
	for place, i := range order {
		more := short / n // 0 unless the parts sum to something else
		if left := short % n; int64(place) < left {
			more++
		} else if left < 0 && place >= len(order)+int(left) {
			more--
		}
		result[i] = float64(units[i]+more) / float64(tens[decimals])
	}
	return result
}

var tens = [MaxDecimals + 1]int64{1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}
