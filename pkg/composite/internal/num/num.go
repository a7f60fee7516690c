package num

import (
	"fmt"
	"sort"
)

// Limits that keep every sum and quotient of scoring finite.
const (
	MinWeight = 1e-9
	MaxWeight = 1e9
	MaxScore  = 1e12 // magnitude of the score of a rule without bounds
)

func Finite(x float64) bool { return x-x == 0 }

// known is x and true, or 0 and false where x stands for no value.
func Known(x float64) (float64, bool) {
	if !Finite(x) {
		return 0, false
	}
	return x, true
}

func Clamp(x, low, high float64) float64 {
	if x < low {
		return low
	}
	if x > high {
		return high
	}
	return x
}

// below counts the values of the ascending slice that are strictly below x.
func Below(sorted []float64, x float64) int { return sort.SearchFloat64s(sorted, x) }

// above counts the values of the ascending slice that are strictly above x.
func Above(sorted []float64, x float64) int {
	return len(sorted) - sort.Search(len(sorted), func(i int) bool { return sorted[i] > x })
}

// tiedPairs counts the pairs inside runs of equals.
func TiedPairs(n int, equal func(i, j int) bool) int {
	pairs, run := 0, 0
	for i := 1; i < n; i++ {
		if !equal(i-1, i) {
			run = 0
			continue
		}
		run++
		pairs += run
	}
	return pairs
}

// sameLength returns an error that names the first column of another length than the
// first one.
func SameLength(columns [][]float64) error {
	for c, x := range columns {
		if len(x) != len(columns[0]) {
			return fmt.Errorf("column %d has %d values, column 0 has %d", c, len(x), len(columns[0]))
		}
	}
	return nil
}
