package agreement

import (
	"slices"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// ScaleLevel is what the differences between ratings mean.
type ScaleLevel string

// The levels of a scale.
const (
	NominalScale  ScaleLevel = "nominal"  // equal or not
	OrdinalScale  ScaleLevel = "ordinal"  // only the order counts
	IntervalScale ScaleLevel = "interval" // differences count
)

// KrippendorffAlpha is α = 1 − D_observed/D_expected, the agreement of evaluators
// beyond chance: 1 is perfect, 0 is chance, below 0 is worse (Krippendorff 2011,
// "Computing Krippendorff's Alpha-Reliability"). Ratings are by target, then
// evaluator; any may be missing (NaN, or beyond ±MaxValue), and rows may differ in
// length. A target with fewer than two ratings does not count. It is not defined,
// false, where no two ratings that count differ, or where the level is unknown.
//
// The squared difference of two values is 0 or 1 (nominal), the square of their
// difference (interval), or that of their mean places among all ratings that count
// (ordinal), which is Krippendorff's Σn_g − (n_c+n_k)/2.
func KrippendorffAlpha(ratings [][]float64, level ScaleLevel) (float64, bool) {
	var targets [][]float64
	var all []float64
	for _, row := range ratings {
		row = slices.DeleteFunc(slices.Clone(row), func(x float64) bool { return !stats.Valid(x) })
		if len(row) > 1 {
			slices.Sort(row) // the order of the evaluators changes no bit
			targets, all = append(targets, row), append(all, row...)
		}
	}
	slices.Sort(all)
	if len(all) == 0 || all[0] == all[len(all)-1] {
		return 0, false
	}
	disagreement := squaredPairs
	switch level {
	case NominalScale:
		disagreement = unequalPairs
	case OrdinalScale:
		toPlaces(targets, all)
	case IntervalScale:
		toUnitScale(targets, all)
	default:
		return 0, false
	}
	var within []float64
	for _, row := range targets {
		within = append(within, disagreement(row)/float64(len(row)-1))
	}
	slices.Sort(within) // nor does that of the targets
	observed := 0.0
	for _, d := range within {
		observed += d
	}
	return 1 - observed/(disagreement(all)/float64(len(all)-1)), true
}

// squaredPairs is Σ(xᵢ−xⱼ)² over ordered pairs, that is, 2n·Σ(x−x̄)².
func squaredPairs(x []float64) float64 {
	mean, sum := stats.ArithmeticMean(x, nil), 0.0
	for _, v := range x {
		sum += float64((v - mean) * (v - mean))
	}
	return 2 * float64(len(x)) * sum
}

// unequalPairs counts the ordered pairs of unequal values; x is sorted.
func unequalPairs(x []float64) float64 {
	tied := num.TiedPairs(len(x), func(i, j int) bool { return x[i] == x[j] })
	return float64(len(x)*(len(x)-1) - 2*tied)
}

// toPlaces replaces values by their mean places in the sorted whole.
func toPlaces(targets [][]float64, all []float64) {
	place := func(sorted []float64, x float64) float64 {
		return float64(num.Below(sorted, x)+len(sorted)-num.Above(sorted, x)) / 2
	}
	sorted := slices.Clone(all)
	for _, row := range append(targets, all) {
		for i, x := range row {
			row[i] = place(sorted, x)
		}
	}
}

// toUnitScale centres and scales all values alike, so that squares stay finite.
func toUnitScale(targets [][]float64, all []float64) {
	mean := stats.ArithmeticMean(all, nil)
	scale := max(all[len(all)-1]-mean, mean-all[0])
	for _, row := range append(targets, all) {
		for i, x := range row {
			row[i] = (x - mean) / scale
		}
	}
}
