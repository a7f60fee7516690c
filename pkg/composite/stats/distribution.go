package stats

import (
	"math"

	"bulwark/pkg/composite/internal/num"
)

// QuantileF is the quantile of the F distribution, by bisection on the incomplete
// beta function.
func QuantileF(p, d1, d2 float64) float64 {
	low, high := 0.0, 1.0
	for range 100 {
		mid := (low + high) / 2
		if incompleteBeta(mid, d1/2, d2/2) < p {
			low = mid
		} else {
			high = mid
		}
	}
	return d2 * low / (d1 * (1 - low))
}

// incompleteBeta is the regularised incomplete beta function I_x(a, b), by its
// continued fraction (DLMF 8.17.22) on the side where it converges fast.
func incompleteBeta(x, a, b float64) float64 {
	switch {
	case x <= 0:
		return 0
	case x >= 1:
		return 1
	case x > (a+1)/(a+b+2):
		return 1 - incompleteBeta(1-x, b, a)
	}
	ga, _ := math.Lgamma(a)
	gb, _ := math.Lgamma(b)
	gab, _ := math.Lgamma(a + b)
	front := math.Exp(gab - ga - gb + float64(a*math.Log(x)) + float64(b*math.Log1p(-x)))
	return num.Clamp(front/(a*betaFraction(x, a, b)), 0, 1)
}

// betaFraction is 1 + d₁/(1 + d₂/(1 + …)), from front to back (Thompson and Barnett 1986).
func betaFraction(x, a, b float64) float64 {
	const tiny = 1e-300
	f, c, d := 1.0, 1.0, 0.0
	for i := 1; i < 1000; i++ {
		m := float64(i / 2)
		next := m * (b - m) * x / ((a + 2*m - 1) * (a + 2*m))
		if i%2 == 1 {
			next = -(a + m) * (a + b + m) * x / ((a + 2*m) * (a + 2*m + 1))
		}
		c, d = 1+next/c, 1+float64(next*d)
		if math.Abs(c) < tiny {
			c = tiny
		}
		if math.Abs(d) < tiny {
			d = tiny
		}
		d = 1 / d
		f *= c * d
		if math.Abs(c*d-1) < 1e-15 {
			break
		}
	}
	return f
}
