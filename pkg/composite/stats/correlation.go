package stats

import (
	"cmp"
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// An Association measures the association of two columns, from −1 to 1, over the
// units that have both values. It reports false where it is not defined: fewer
// than two such units, a column that never varies among them, or columns of
// different length. The order of the units and of the columns changes no bit.
type Association func(x, y []float64) (float64, bool)

// Pearson is the product-moment correlation Σ(x−x̄)(y−ȳ)/√(Σ(x−x̄)²·Σ(y−ȳ)²). It
// is an Association.
func Pearson(x, y []float64) (float64, bool) {
	both, err := Complete([][]float64{x, y})
	if err != nil || len(both[0]) < 2 {
		return 0, false
	}
	return cosine(deviate(both[0]), deviate(both[1]))
}

// Spearman is the correlation of ranks, ties sharing the mean of their places
// (Spearman 1904). It is an Association.
func Spearman(x, y []float64) (float64, bool) {
	both, err := Complete([][]float64{x, y})
	if err != nil || len(both[0]) < 2 {
		return 0, false
	}
	return Pearson(midranks(both[0]), midranks(both[1]))
}

// Kendall is τ-b: the pairs of units in the same order minus those in opposite
// order, over the geometric mean of the pairs not tied in x and those not tied in y
// (Kendall 1945). It is an Association.
func Kendall(x, y []float64) (float64, bool) {
	both, err := Complete([][]float64{x, y})
	if err != nil {
		return 0, false
	}
	return tauB(both[0], both[1])
}

// deviated are the deviations of a whole column and the sum of their squares.
type deviated struct {
	d       []float64
	squares float64
}

func deviate(x []float64) deviated {
	d, _ := centred(x)
	return deviated{d, exactDot(d, d)}
}

// cosine is the correlation of two columns of the same units.
func cosine(x, y deviated) (float64, bool) {
	if x.squares == 0 || y.squares == 0 {
		return 0, false
	}
	return num.Clamp(exactDot(x.d, y.d)/math.Sqrt(x.squares*y.squares), -1, 1), true
}

// midranks ranks ascending from 1.
func midranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	ranks := make([]float64, len(x))
	for lo := 0; lo < len(order); {
		hi := lo
		for hi < len(order) && x[order[hi]] == x[order[lo]] {
			hi++
		}
		for _, unit := range order[lo:hi] {
			ranks[unit] = float64(lo+hi+1) / 2
		}
		lo = hi
	}
	return ranks
}

// Correlations returns the matrix of a correlation (Pearson where nil) of all pairs of
// columns, each over the units that have both values. The diagonal is 1. A pair
// without a correlation has 0. The error names a column of different length.
func Correlations(columns [][]float64, by Association) ([][]float64, error) {
	if err := num.SameLength(columns); err != nil {
		return nil, err
	}
	relate := func(a, b int) (float64, bool) { return by(columns[a], columns[b]) }
	if by == nil {
		relate = pearsons(columns)
	}
	matrix := square(len(columns))
	for a := range columns {
		matrix[a][a] = 1
		for b := range a {
			matrix[a][b], _ = relate(a, b)
			matrix[b][a] = matrix[a][b]
		}
	}
	return matrix, nil
}

// CorrelatedPair is two columns, by their places, and the Pearson correlation of them.
type CorrelatedPair struct {
	A           int     `json:"a"` // the earlier one
	B           int     `json:"b"`
	Correlation float64 `json:"correlation"`
}

// CorrelatedPairs returns the pairs of columns whose Pearson correlation is beyond
// ±Correlation of the limits: one of the two adds little.
func CorrelatedPairs(columns [][]float64, l FlagLimits) (pairs []CorrelatedPair) {
	relate := pearsons(columns)
	for a := range columns {
		for b := a + 1; b < len(columns); b++ {
			if r, ok := relate(a, b); ok && math.Abs(r) > limit(l.Correlation, .9) {
				pairs = append(pairs, CorrelatedPair{a, b, r})
			}
		}
	}
	return pairs
}

// pearsons returns a function that returns Pearson of two of the columns. The
// deviations of columns without a gap are worked out once for all pairs.
func pearsons(columns [][]float64) func(a, b int) (float64, bool) {
	whole := make([]*deviated, len(columns))
	for c, x := range columns {
		if len(x) >= 2 && len(present(x)) == len(x) {
			whole[c] = new(deviate(x))
		}
	}
	return func(a, b int) (float64, bool) {
		if whole[a] != nil && whole[b] != nil {
			return cosine(*whole[a], *whole[b])
		}
		return Pearson(columns[a], columns[b])
	}
}

func square(n int) [][]float64 {
	matrix := make([][]float64, n)
	for i := range matrix {
		matrix[i] = make([]float64, n)
	}
	return matrix
}

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
