package stats

import (
	"bulwark/pkg/composite/internal/num"
	"slices"
)

// Gini is Gini's coefficient of how unevenly something is dealt out,
// Σ(2i − n − 1)·x₍ᵢ₎/(n·Σx) over the ascending values (Gini 1912): 0 where all have the
// same, towards 1 the fewer hold it all; (n−1)/n where one of n does. With [Summarise]
// it says how evenly branches are dealt among mentors. Missing values do not count. It
// is not defined, false, without values or with one below 0.
func Gini(x []float64) (float64, bool) {
	sorted := present(x)
	slices.Sort(sorted)
	if len(sorted) == 0 || sorted[0] < 0 {
		return 0, false
	}
	n, sum, apart := float64(len(sorted)), 0.0, 0.0
	for i, v := range sorted {
		sum += v
		apart += float64((2*float64(i+1) - n - 1) * v)
	}
	if sorted[0] == sorted[len(sorted)-1] { // perhaps all 0
		return 0, true
	}
	return num.Clamp(apart/(n*sum), 0, 1), true
}
