package stats

import (
	"math"
	"slices"
)

// MeanSD returns the mean and the sample standard deviation (n−1) of two or more
// values. Sums go by the order of x: sorted values give the same bits whatever
// the order of the units.
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
