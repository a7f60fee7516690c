package stats

import (
	"math"
	"math/bits"
	"slices"
)

// exactSum sums numbers within ±1 so that their order changes no bit: each is cut to
// a multiple of 2⁻⁶², and whole numbers add without error.
type exactSum struct {
	high int64
	low  uint64
}

func (s *exactSum) add(x float64) {
	whole := int64(x * (1 << 62))
	low, carry := bits.Add64(s.low, uint64(whole), 0)
	s.low = low
	s.high += whole>>63 + int64(carry)
}

func (s *exactSum) value() float64 {
	high, low, sign := uint64(s.high), s.low, 1.0
	if s.high < 0 { // a small negative sum has a large low word: turn it round
		var borrow uint64
		low, borrow = bits.Sub64(0, low, 0)
		high, _ = bits.Sub64(0, high, borrow)
		sign = -1
	}
	return sign * (float64(float64(high)*4) + float64(low)/(1<<62))
}

// binary is the least power e for which all |x| < 2^e, and 0 where all x are 0.
func binary(x []float64) int {
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(v))
	}
	_, e := math.Frexp(largest)
	return e
}

// exactMean is the mean of one or more finite values, in any order.
func exactMean(x []float64) float64 {
	var s exactSum
	e := binary(x)
	first, second := powers(-e)
	for _, v := range x {
		s.add(v * first * second)
	}
	return math.Ldexp(s.value()/float64(len(x)), e)
}

// powers are two factors whose product is 2^e, each within range: multiplying is
// several times as fast as math.Ldexp, and as exact for what does not vanish.
func powers(e int) (first, second float64) {
	return math.Ldexp(1, e/2), math.Ldexp(1, e-e/2)
}

// centred returns 2^−e times the deviations of one or more finite values from
// their mean, with e such that the largest is in [½, 1). They are 0 only where all
// values are equal. Scaling by a power of two costs no bit, and keeps squares
// from running out of range.
func centred(x []float64) (d []float64, e int) {
	d = make([]float64, len(x))
	if slices.Min(x) == slices.Max(x) {
		return d, 0
	}
	copy(d, x)
	e = shrink(d)
	for range 2 { // the second time removes the rounding of the first mean
		mean := exactMean(d)
		for i := range d {
			d[i] -= mean
		}
	}
	return d, e + shrink(d)
}

// shrink brings the largest |x| into [½, 1) by the power of two that it returns.
func shrink(x []float64) int {
	e := binary(x)
	first, second := powers(-e)
	for i := range x {
		x[i] = x[i] * first * second
	}
	return e
}

// exactDot is Σab of numbers within ±1.
func exactDot(a, b []float64) float64 {
	var s exactSum
	for i := range a {
		s.add(float64(a[i] * b[i]))
	}
	return s.value()
}
