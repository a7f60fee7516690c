package stats

import (
	"bulwark/pkg/composite/internal/num"
	"cmp"
	"math"
	"slices"
)

// tauB is Kendall's τ-b of two columns without missing values, with ties (Kendall
// 1945), by Knight's (1966) merge sort in O(n log n). It is not defined, false, where
// a column is constant or has fewer than two values.
func tauB(x, y []float64) (float64, bool) {
	n := len(x)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(x[a], x[b]), cmp.Compare(y[a], y[b])) })
	sorted := make([]float64, n)
	for i, at := range order {
		sorted[i] = y[at]
	}
	tiedX := num.TiedPairs(n, func(i, j int) bool { return x[order[i]] == x[order[j]] })
	tiedBoth := num.TiedPairs(n, func(i, j int) bool { return x[order[i]] == x[order[j]] && sorted[i] == sorted[j] })
	discordant := inversions(sorted, make([]float64, n))
	tiedY := num.TiedPairs(n, func(i, j int) bool { return sorted[i] == sorted[j] }) // sorted by now
	pairs := n * (n - 1) / 2
	if tiedX == pairs || tiedY == pairs {
		return 0, false
	}
	numerator := pairs - tiedX - tiedY + tiedBoth - 2*discordant
	tau := float64(numerator) / math.Sqrt(float64(pairs-tiedX)*float64(pairs-tiedY))
	return num.Clamp(tau, -1, 1), true
}

// inversions sorts x and counts the pairs that were in strictly descending order.
func inversions(x, room []float64) int {
	if len(x) < 2 {
		return 0
	}
	half := len(x) / 2
	count := inversions(x[:half], room[:half]) + inversions(x[half:], room[half:])
	copy(room, x)
	a, b := room[:half], room[half:]
	for i := range x {
		if len(b) == 0 || len(a) > 0 && a[0] <= b[0] {
			x[i], a = a[0], a[1:]
			continue
		}
		x[i], b = b[0], b[1:]
		count += len(a)
	}
	return count
}
