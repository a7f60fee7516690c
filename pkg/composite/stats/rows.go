package stats

import "bulwark/pkg/composite/internal/num"

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
// them. The error says which column has another length than the first.
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
