package num

import (
	"math"
	"strconv"
)

// Significant returns x rounded to 12 significant digits, half away from zero, and 0 for
// |x| < 1e-12. Figures that are equal on paper then are equal in binary too: 5.1/6·100 is
// 85, not 84.99999999999999, so that what jumps (a band, a rank, a limit) does not jump at
// noise. What is not finite is returned as it is.
func Significant(x float64) float64 {
	a := math.Abs(x)
	switch {
	case a < noise:
		return 0
	case !(a >= 1e-10 && a < 1e16):
		return slowly(x)
	}
	// 1233/4096 is just below log₁₀2, so the power of ten is right or one too low.
	power := (int(math.Float64bits(a)>>52) - 1023) * 1233 >> 12
	if a >= decade(power+1) {
		power++
	}
	shift := digits - 1 - power
	if shift < 0 {
		return math.Copysign(nearest(a/tens[-shift])*tens[-shift], x)
	}
	return math.Copysign(nearest(float64(a*tens[shift]))/tens[shift], x)
}

// SignificantAll rounds every value of x; see Significant. The common cases, a score from 1 to 100 or 0, are decided
// here: a call for each costs more than the rounding.
func SignificantAll(x []float64) {
	const two, one = 1e10, 1e11 // of 12 digits, two or one stand before the point
	for i, v := range x {
		switch {
		case v >= 10 && v < 100:
			x[i] = nearest(float64(v*two)) / two
		case v == 0:
			x[i] = 0 // without the sign of −0
		case v >= 1 && v < 10:
			x[i] = nearest(float64(v*one)) / one
		default:
			x[i] = Significant(v)
		}
	}
}

// NearZero returns 0 for |x| < 1e-12, else x: means that jump at 0 must not jump at noise.
func NearZero(x float64) float64 {
	if x < noise && x > -noise {
		return 0
	}
	return x
}

const (
	digits = 12
	noise  = 1e-12
)

// tens are the powers of ten that a float64 holds exactly: with one of them a single
// division or product is the float64 nearest to the decimal.
var tens = [...]float64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// decade is ten to the power.
func decade(power int) float64 {
	if power < 0 {
		return 1 / tens[-power]
	}
	return tens[power]
}

// nearest rounds a number of 12 digits half up. Above 2⁵² a float64 has no fraction, so the
// sum is rounded to a whole number. What is in the middle on paper, such as the median of
// two figures of 12 digits, is so in binary up to some units of 2⁻¹³, and is taken for it.
func nearest(x float64) float64 {
	const whole = 1 << 52
	r := float64(x+whole) - whole
	if x-r > 0.4995 {
		r++
	}
	return r
}

// slowly is Significant for the rest of the numbers, by way of their decimal digits.
func slowly(x float64) float64 {
	if !Finite(x) {
		return x
	}
	r, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits-1, 64), 64)
	return r
}
