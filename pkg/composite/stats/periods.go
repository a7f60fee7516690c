package stats

import (
	"math"
	"slices"

	"bulwark/pkg/composite/internal/num"
)

// The functions below take the values of one unit over successive periods, and the
// times of these, strictly ascending (nil: 0, 1, 2, …). With times that do not
// ascend or of another length, the result is nil or false.

// Interpolate fills what is missing between two values by the straight line
// between them. Before the first value and after the last nothing is known, and
// it stays NaN; see CarryForward.
func Interpolate(x, at []float64) []float64 {
	if at = ascending(len(x), at); at == nil {
		return nil
	}
	y := missingAsNaN(x)
	last := -1
	for i, v := range y {
		if v != v {
			continue
		}
		for k := last + 1; last >= 0 && k < i; k++ {
			part := (at[k] - at[last]) / (at[i] - at[last])
			y[k] = num.Clamp(float64(y[last]*(1-part))+float64(v*part), min(y[last], v), max(y[last], v))
		}
		last = i
	}
	return y
}

// CarryForward fills what is missing by the last value before it, at most so many
// periods back.
func CarryForward(x []float64, periods int) []float64 {
	y := missingAsNaN(x)
	last := -1
	for i, v := range y {
		switch {
		case v == v:
			last = i
		case last >= 0 && i-last <= periods:
			y[i] = y[last]
		}
	}
	return y
}

// CAGR is the compound annual growth rate (b/a)^(1/(tb − ta)) − 1 from the first
// value a to the last one b, 0.05 for 5 % per unit of time. It reports false for
// fewer than two values, a or b not above 0, or a rate that is not finite.
func CAGR(x, at []float64) (float64, bool) {
	at = ascending(len(x), at)
	first := slices.IndexFunc(x, Valid)
	if at == nil || first < 0 {
		return 0, false
	}
	last := len(x) - 1
	for !Valid(x[last]) {
		last--
	}
	if first == last || x[first] <= 0 || x[last] <= 0 {
		return 0, false
	}
	return num.Known(math.Expm1((math.Log(x[last]) - math.Log(x[first])) / (at[last] - at[first])))
}

// LinearTrend is the slope Σ(t−t̄)(x−x̄)/Σ(t−t̄)² of the least-squares line through
// the values, in units of x per unit of time. It reports false for fewer than two
// values or a slope that is not finite.
func LinearTrend(x, at []float64) (float64, bool) {
	if at = ascending(len(x), at); at == nil {
		return 0, false
	}
	both, err := Complete([][]float64{x, at})
	if err != nil || len(both[0]) < 2 {
		return 0, false
	}
	dx, ex := centred(both[0])
	dt, et := centred(both[1])
	return num.Known(math.Ldexp(exactDot(dx, dt)/exactDot(dt, dt), ex-et))
}

// ascending returns n ascending times, or nil where those given are not.
func ascending(n int, at []float64) []float64 {
	if at == nil {
		at = make([]float64, n)
		for i := range at {
			at[i] = float64(i)
		}
		return at
	}
	if len(at) != n {
		return nil
	}
	for i, t := range at {
		if !Valid(t) || i > 0 && t <= at[i-1] {
			return nil
		}
	}
	return at
}
