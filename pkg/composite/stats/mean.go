package stats

import (
	"cmp"
	"math"
	"slices"
)

// The means below take values x and their weights w, in the order in which they
// are to be summed; w is nil for equal weights. Weights are above 0 and need not
// sum to 1. Without values, or with slices of different length, they return NaN.

// ArithmeticMean is Σwx/Σw.
func ArithmeticMean(x, w []float64) float64 {
	return weighted(x, w, func(v float64) float64 { return v })
}

// GeometricMean is exp(Σw ln x/Σw), and 0 where any x ≤ 0.
func GeometricMean(x, w []float64) float64 {
	if Lowest(x) <= 0 {
		return 0
	}
	return math.Exp(weighted(x, w, math.Log))
}

// HarmonicMean is Σw/Σ(w/x), and 0 where any x ≤ 0.
func HarmonicMean(x, w []float64) float64 {
	if Lowest(x) <= 0 {
		return 0
	}
	return 1 / weighted(x, w, func(v float64) float64 { return 1 / v })
}

// PowerMean is (Σw·x^p/Σw)^(1/p), p ≠ 0. An x below 0 counts as 0, and with p < 0
// any x ≤ 0 makes the mean 0.
func PowerMean(x, w []float64, p float64) float64 {
	if p < 0 && Lowest(x) <= 0 {
		return 0
	}
	return math.Pow(weighted(x, w, func(v float64) float64 { return math.Pow(max(v, 0), p) }), 1/p)
}

// PenalisedMean is the adjusted Mazziotta–Pareto index of scores (Mazziotta and Pareto
// 2016): unequal scores cost points. The penalty is that of the scale it was made for,
// from 70 to 130: with x′ = 70 + 0.6·x, M′ the weighted mean of x′ and s′ their weighted
// population deviation, v = M′ − s′²/M′, and the mean is v on the scale of x,
// (v − 70)/0.6, but not below 0. It is 0 where M′ ≤ 0. Among four or fewer scores within
// 0–100 of the same weight a higher one never lowers it; among more, one far above the
// others can lower it a little.
func PenalisedMean(x, w []float64) float64 {
	const base, unit = 70, 0.6
	m := ArithmeticMean(x, w)
	scaled := base + float64(unit*m)
	if scaled <= 0 {
		return 0
	}
	variance := weighted(x, w, func(v float64) float64 { return (v - m) * (v - m) })
	return max(m-unit*variance/scaled, 0) // (M′ − s′²/M′ − 70)/0.6, without a detour of rounding
}

// weighted is Σw·f(x)/Σw. Each product is rounded by its conversion, so that no
// compiler fuses it with the sum and the result is the same on every architecture.
func weighted(x, w []float64, f func(float64) float64) float64 {
	if w != nil && len(w) != len(x) {
		return math.NaN()
	}
	sum, total := 0.0, 0.0
	for i, v := range x {
		weight := 1.0
		if w != nil {
			weight = w[i]
		}
		sum += float64(weight * f(v))
		total += weight
	}
	return sum / total
}

// Lowest returns the least value of x, NaN for none.
func Lowest(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return slices.Min(x)
}

// Highest returns the greatest value of x, NaN for none.
func Highest(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	return slices.Max(x)
}

// LowerMedian returns the lower weighted median of x: the least value such that the values up to it have at least
// half of the weight (Cormen and others 2009, problem 9-2). It is always one of the values.
func LowerMedian(x, w []float64) float64 {
	if len(x) == 0 || w != nil && len(w) != len(x) {
		return math.NaN()
	}
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(x[a], x[b]) })
	weight := func(i int) float64 {
		if w == nil {
			return 1
		}
		return w[i]
	}
	total, reached := 0.0, 0.0
	for _, i := range order {
		total += weight(i)
	}
	for _, i := range order {
		// Half is half, whatever the order of the sums has left of it.
		if reached += weight(i); 2*reached >= total*(1-1e-12) {
			return x[i]
		}
	}
	return x[order[len(order)-1]]
}

// Median is the middle value of x, or the mean of the two middle ones; NaN for none.
func Median(x []float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	if !slices.IsSorted(x) {
		x = slices.Sorted(slices.Values(x))
	}
	half := len(x) / 2
	if len(x)%2 == 1 {
		return x[half]
	}
	return (x[half-1] + x[half]) / 2
}

// Quantile is the value below which the share p of x lies, 0 ≤ p ≤ 1, interpolated
// linearly between neighbours: Hyndman and Fan 1996, type 7, which R and numpy take
// too. Quantile(x, 0.5) is Median(x). NaN for none.
func Quantile(x []float64, p float64) float64 {
	if len(x) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(x))
	at := p * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return sorted[low] + float64((at-float64(low))*(sorted[high]-sorted[low]))
}

// MeanSD returns the mean and the sample standard deviation (n−1) of two or more
// values. Sums follow the order of x, so of sorted values the order of the units
// changes no bit.
func MeanSD(x []float64) (mean, sd float64) {
	mean = ArithmeticMean(x, nil)
	m := moments(x, mean)
	n := float64(len(x))
	return mean, math.Sqrt(m.second * n / (n - 1))
}

// Skewness is the sample skewness of type 2, G₁ = g₁·√(n(n−1))/(n−2) (Joanes and
// Gill 1998). It is NaN for fewer than 3 values or equal ones.
func Skewness(x []float64) float64 {
	n := float64(len(x))
	if n < 3 || slices.Min(x) == slices.Max(x) {
		return math.NaN()
	}
	m := moments(x, ArithmeticMean(x, nil))
	return m.third / (m.second * math.Sqrt(m.second)) * math.Sqrt(n*(n-1)) / (n - 2)
}

// Kurtosis is the sample excess kurtosis of type 2,
// G₂ = ((n+1)·g₂+6)·(n−1)/((n−2)(n−3)) (Joanes and Gill 1998). It is NaN for fewer
// than 4 values or equal ones.
func Kurtosis(x []float64) float64 {
	n := float64(len(x))
	if n < 4 || slices.Min(x) == slices.Max(x) {
		return math.NaN()
	}
	m := moments(x, ArithmeticMean(x, nil))
	g := m.fourth/(m.second*m.second) - 3
	return (float64((n+1)*g) + 6) * (n - 1) / ((n - 2) * (n - 3))
}

// central holds the central moments of a sample, each divided by n.
type central struct{ second, third, fourth float64 }

func moments(x []float64, mean float64) central {
	var m central
	for _, v := range x {
		d := v - mean
		square := d * d
		m.second += float64(square)
		m.third += float64(square * d)
		m.fourth += float64(square * square)
	}
	n := float64(len(x))
	return central{m.second / n, m.third / n, m.fourth / n}
}
