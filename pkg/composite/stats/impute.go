package stats

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// ImputeMean returns x with the mean of the unit's group, rounded to 12 significant
// digits, in place of what is missing; nil groups: all units are one. What a group without any value misses
// stays NaN. It returns nil for slices of different length. A value that was filled in
// is one that is missing in x and present in the result.
func ImputeMean(x []float64, groups []string) []float64 {
	return impute(x, groups, func(sorted []float64) float64 { return ArithmeticMean(sorted, nil) })
}

// ImputeMedian is ImputeMean with the median, which outliers do not pull.
func ImputeMedian(x []float64, groups []string) []float64 {
	return impute(x, groups, Median)
}

// impute calls average with the values of each group in ascending order.
func impute(x []float64, groups []string, average func(sorted []float64) float64) []float64 {
	if groups != nil && len(groups) != len(x) {
		return nil
	}
	group := func(unit int) string {
		if groups == nil {
			return ""
		}
		return groups[unit]
	}
	y := missingAsNaN(x)
	members := map[string][]float64{}
	for unit, v := range y {
		if v == v {
			members[group(unit)] = append(members[group(unit)], v)
		}
	}
	averages := map[string]float64{}
	for g, values := range members {
		slices.Sort(values)
		averages[g] = num.Significant(average(values))
	}
	for unit, v := range y {
		if v == v {
			continue
		}
		if a, ok := averages[group(unit)]; ok {
			y[unit] = a
		}
	}
	return y
}

// missingAsNaN is a copy of x with NaN for everything that counts as missing.
func missingAsNaN(x []float64) []float64 {
	y := slices.Clone(x)
	for i, v := range y {
		if !Valid(v) {
			y[i] = math.NaN()
		}
	}
	return y
}

// Denominate returns each value in proportion to the size of its unit: scale·x/by, so
// that large units do not win by being large. It is NaN where either is missing,
// the size is 0 or the quotient is beyond ±MaxValue. It returns nil for slices of
// different length.
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

// Ratio returns scale·numerator/denominator, rounded to 12 significant digits, and false
// where the denominator is 0 or the result is not finite.
func Ratio(numerator, denominator, scale float64) (float64, bool) {
	if denominator == 0 {
		return 0, false
	}
	return num.Known(num.Significant(scale * numerator / denominator))
}

// Rescale brings scores within 0–100, such as those of composite.Normalise, to low–high:
// low + (high − low)·x/100. A geometric mean needs scores above 0, 1 to 100 say;
// the adjusted Mazziotta–Pareto index has 70 to 130 (Mazziotta and Pareto 2016), where
// [PenalisedMean] goes by itself. What is missing, or goes beyond ±MaxValue, is NaN.
func Rescale(scores []float64, low, high float64) []float64 {
	y := make([]float64, len(scores))
	for i, x := range scores {
		y[i] = low + float64((high-low)*x/100)
		if !Valid(y[i]) {
			y[i] = math.NaN()
		}
	}
	return y
}
