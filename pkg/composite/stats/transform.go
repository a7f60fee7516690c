package stats

import (
	"math"
	"slices"
)

// LogTransform takes ln(x − min + r/100) of each value, r being the range: the
// logarithm of the COIN Tool (Becker and others 2019), which any values have. A
// column that is skewed to the left is reflected, −ln(max − x + r/100), because a
// logarithm pulls in large values only. A constant column is Untreated.
func LogTransform(x []float64) *TreatedColumn {
	there := present(x)
	if !varies(there) {
		return newTreated(x, Untreated, nil)
	}
	low, high := slices.Min(there), slices.Max(there)
	margin := (high - low) / 100
	if leftSkewed(there) {
		c := newTreated(x, LogTreated, func(v float64) float64 { return -math.Log(high - v + margin) })
		if c.Kind == LogTreated {
			c.Shift, c.Reflected = high+margin, true
		}
		return c
	}
	c := newTreated(x, LogTreated, func(v float64) float64 { return math.Log(v - low + margin) })
	if c.Kind == LogTreated {
		c.Shift = margin - low
	}
	return c
}

func leftSkewed(x []float64) bool {
	s := Summarise(x)
	return s.Skewness != nil && *s.Skewness < 0
}

// BoxCox takes ((x/g)^λ − 1)/λ of each value, ln(x/g) where λ is 0, with g the
// geometric mean (Scale). It differs from the textbook's (x^λ − 1)/λ (Box and Cox
// 1964) by origin and unit alone, and keeps its digits where x^λ is far from 1.
// The λ within −5 and 5 is the one of greatest likelihood, at which these values
// have the least variance. That is convex in λ (Kouider and Chen 1995), so
// narrowing an interval finds it, to 1e-6.
//
// Values must be above 0; where the least is below 1e-15, Shift, the one of
// LogTransform, is added first. A constant column, fewer than three values, and
// one whose result would go beyond ±MaxValue are Untreated.
func BoxCox(x []float64) *TreatedColumn {
	sorted := present(x)
	slices.Sort(sorted)
	if len(sorted) < 3 || !varies(sorted) {
		return newTreated(x, Untreated, nil)
	}
	low, high, shift := sorted[0], sorted[len(sorted)-1], 0.0
	if low < 1e-15 {
		shift = (high-low)/100 - low
	}
	logs := make([]float64, len(sorted))
	for i, v := range sorted {
		logs[i] = math.Log(v + shift)
	}
	mean := ArithmeticMean(logs, nil)
	for i := range logs {
		logs[i] -= mean
	}
	lambda := likeliest(logs)
	c := newTreated(x, BoxCoxed, func(v float64) float64 { return power(math.Log(v+shift)-mean, lambda) })
	if c.Kind == BoxCoxed {
		c.Shift, c.Lambda, c.Scale = shift, lambda, math.Exp(mean)
	}
	return c
}

// power is (e^(λ·l) − 1)/λ, the Box–Cox transform of e^l.
func power(l, lambda float64) float64 {
	if lambda == 0 {
		return l
	}
	return math.Expm1(lambda*l) / lambda
}

// likeliest finds the least unlikelihood by golden section.
func likeliest(logs []float64) float64 {
	ratio := (math.Sqrt(5) - 1) / 2
	low, high := -5.0, 5.0
	a, b := high-float64(ratio*(high-low)), low+float64(ratio*(high-low))
	atA, atB := unlikelihood(logs, a), unlikelihood(logs, b)
	for high-low > 1e-9 {
		if atA <= atB {
			high, b, atB = b, a, atA
			a = high - float64(ratio*(high-low))
			atA = unlikelihood(logs, a)
		} else {
			low, a, atA = a, b, atB
			b = low + float64(ratio*(high-low))
			atB = unlikelihood(logs, b)
		}
	}
	return (low + high) / 2
}

// unlikelihood is the deviation of the transformed values. As Σln x is 0, it rises
// with falling likelihood. Beyond the range of numbers it is +Inf.
func unlikelihood(logs []float64, lambda float64) float64 {
	y := make([]float64, len(logs))
	for i, l := range logs {
		y[i] = power(l, lambda)
	}
	_, sd := MeanSD(y)
	if sd != sd {
		return math.Inf(1)
	}
	return sd
}
