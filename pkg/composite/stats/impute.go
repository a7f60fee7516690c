package stats

import (
	"math"
	"slices"
)

// ImputeMean returns x with the mean of the unit's group in place of what is
// missing; nil groups: all units are one. What a group without any value misses
// stays NaN. Slices of different length give nil. A value that was filled in is one
// that was missing in x and is there in the answer.
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
	y := whereThere(x)
	members := map[string][]float64{}
	for unit, v := range y {
		if v == v {
			members[group(unit)] = append(members[group(unit)], v)
		}
	}
	averages := map[string]float64{}
	for g, values := range members {
		slices.Sort(values)
		averages[g] = average(values)
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

// whereThere is a copy of x with NaN for everything that counts as missing.
func whereThere(x []float64) []float64 {
	y := slices.Clone(x)
	for i, v := range y {
		if !Valid(v) {
			y[i] = math.NaN()
		}
	}
	return y
}
