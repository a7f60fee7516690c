package stats

import (
	"bulwark/pkg/composite/internal/num"
	"math"
	"slices"
)

// TreatedColumn is a column whose outliers were held back, with a log of what
// that did to each point.
type TreatedColumn struct {
	Kind   TreatmentKind
	Values []float64      // in the order of the units, NaN for missing
	Points []TreatedPoint // every value that is another now, by unit; Node is 0

	// A transform takes x + Shift, or with Reflected Shift − x and turns its result
	// round again: order is always kept.
	Shift     float64
	Reflected bool
	Lambda    float64 // the exponent of BoxCox
	Scale     float64 // what BoxCox divides by first

	Before, After Summary
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

// OutlierLimits say when a column has outliers, and how many of its values
// Winsorisation may move. A column passes if |skewness| < Skew or excess kurtosis <
// Kurtosis, both of type 2.
type OutlierLimits struct {
	MaxPoints      int
	Skew, Kurtosis float64
}

// Pass reports whether a column with this summary has no outliers. One without a
// skewness or a kurtosis passes.
func (l OutlierLimits) Pass(s Summary) bool {
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

// newTreated puts f in place of each value. A nil f, or one that leaves the range
// of values anywhere or makes all values equal, leaves the column as it is.
func newTreated(x []float64, kind TreatmentKind, f func(float64) float64) *TreatedColumn {
	c := &TreatedColumn{Kind: Untreated, Values: whereThere(x), Before: Summarise(x)}
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
