package stats

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// TreatedColumn is a column whose outliers were treated, with every value that was
// changed.
type TreatedColumn struct {
	Kind   TreatmentKind
	Values []float64      // in the order of the units, NaN for missing
	Points []TreatedPoint // every value that is another now, by unit; Node is 0

	// A transform takes x + Shift, or, if Reflected, Shift − x, and then changes the sign
	// of its result: order is always kept.
	Shift     float64
	Reflected bool
	Lambda    float64 // the exponent of BoxCox
	Scale     float64 // what BoxCox divides by first

	Before, After ColumnSummary
}

// TreatedPoint is one value that a treatment moved.
type TreatedPoint struct {
	Node   int // of the leaf
	Unit   int
	Before float64
	After  float64
}

// TreatmentKind names what was done to a column.
type TreatmentKind string

// What can have been done to a column.
const (
	Untreated  TreatmentKind = "none" // no value is another now
	Winsorised TreatmentKind = "winsorise"
	LogTreated TreatmentKind = "log"
	BoxCoxed   TreatmentKind = "box_cox"
)

// OutlierLimits are the limits beyond which a column has outliers, and how many of
// its values Winsorisation may move. A column passes if |skewness| < Skew or excess
// kurtosis < Kurtosis, both of type 2.
type OutlierLimits struct {
	MaxPoints      int
	Skew, Kurtosis float64
}

// Pass reports whether a column with this summary has no outliers. One without a
// skewness or a kurtosis passes.
func (l OutlierLimits) Pass(s ColumnSummary) bool {
	return s.Skewness == nil || s.Kurtosis == nil ||
		*s.Skewness < l.Skew && *s.Skewness > -l.Skew || *s.Kurtosis < l.Kurtosis
}

// Winsorise treats one column: while it does not pass, the largest value (the
// smallest, where skewness is negative) is set to the next one inward. Equal values
// move together; a step that would move more than MaxPoints values in all, or leave
// the column constant, is not taken. A column that passes, is constant or has fewer
// than four values is Untreated.
func (l OutlierLimits) Winsorise(x []float64) *TreatedColumn {
	sorted := present(x)
	slices.Sort(sorted)
	low, high := l.Bounds(sorted)
	return newTreated(x, Winsorised, func(v float64) float64 { return num.Clamp(v, low, high) })
}

// Treat tries Winsorise and, where the column does not pass then, LogTransform of
// the values as they were. If that does not pass either, the column stays
// Winsorised. The COIN Tool (Becker and others 2019) goes this way.
func (l OutlierLimits) Treat(x []float64) *TreatedColumn {
	held := l.Winsorise(x)
	if l.Pass(held.After) {
		return held
	}
	if log := LogTransform(x); l.Pass(log.After) {
		return log
	}
	return held
}

// Bounds returns the bounds within which Winsorisation holds the ascending values,
// and holds them there.
func (l OutlierLimits) Bounds(x []float64) (low, high float64) {
	lo, hi := 0, len(x) // x[:lo] and x[hi:] have been moved, to x[lo] and x[hi-1]
	for {
		skew := Skewness(x)
		if !(math.Abs(skew) >= l.Skew && Kurtosis(x) >= l.Kurtosis) {
			break
		}
		nextLo, nextHi := lo, hi
		if skew > 0 {
			nextHi = num.Below(x, x[len(x)-1])
		} else {
			nextLo = len(x) - num.Above(x, x[0])
		}
		if nextLo+len(x)-nextHi > l.MaxPoints || nextLo >= nextHi || x[nextLo] == x[nextHi-1] {
			break
		}
		lo, hi = nextLo, nextHi
		for i := range lo {
			x[i] = x[lo]
		}
		for i := hi; i < len(x); i++ {
			x[i] = x[hi-1]
		}
	}
	if len(x) == 0 {
		return 0, 0
	}
	return x[0], x[len(x)-1]
}

// newTreated replaces each value x by f(x). A nil f, or one that leaves the range of
// values anywhere or makes all values equal, leaves the column as it is.
func newTreated(x []float64, kind TreatmentKind, f func(float64) float64) *TreatedColumn {
	c := &TreatedColumn{Kind: Untreated, Values: missingAsNaN(x), Before: Summarise(x)}
	c.After = c.Before
	if f == nil {
		return c
	}
	values := slices.Clone(c.Values)
	var points []TreatedPoint
	for unit, v := range c.Values {
		if v != v {
			continue
		}
		if values[unit] = f(v); !Valid(values[unit]) {
			return c
		}
		if values[unit] != v {
			points = append(points, TreatedPoint{Unit: unit, Before: v, After: values[unit]})
		}
	}
	if after := Summarise(values); len(points) > 0 && after.Distinct > 1 {
		c.Kind, c.Values, c.Points, c.After = kind, values, points, after
	}
	return c
}

// LogTransform returns ln(x − min + r/100) of each value, r being the range: the
// logarithm of the COIN Tool (Becker and others 2019), defined for any values. A
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

// BoxCox returns ((x/g)^λ − 1)/λ of each value, ln(x/g) where λ is 0, with g the
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

// MaxLambda is the largest magnitude of λ that BoxCox and LikeliestLambda look at.
const MaxLambda = 5

// LikeliestLambda returns the λ of BoxCox for x + shift, all above 0: the one of greatest likelihood. Where x has fewer
// than two different values it is 1, the transform that changes nothing but the origin.
func LikeliestLambda(x []float64, shift float64) float64 {
	if !varies(x) {
		return 1
	}
	logs := make([]float64, len(x))
	for i, v := range x {
		logs[i] = math.Log(v + shift)
	}
	mean := ArithmeticMean(logs, nil)
	for i := range logs {
		logs[i] -= mean
	}
	return likeliest(logs)
}

// BoxCoxOf returns (x^λ − 1)/λ of a value above 0, ln x where λ is 0 (Box and Cox 1964).
func BoxCoxOf(x, lambda float64) float64 { return power(math.Log(x), lambda) }

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
	low, high := -float64(MaxLambda), float64(MaxLambda)
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
