package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

// tauB against its definition, pair by pair.
func TestTauB(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 500 {
		n := rng.IntN(12)
		x, y := make([]float64, n), make([]float64, n)
		for i := range n {
			x[i], y[i] = float64(rng.IntN(5)), float64(rng.IntN(4))
		}
		var concord, inX, inY float64
		for i := range n {
			for j := range i {
				dx, dy := x[i]-x[j], y[i]-y[j]
				concord += sign(dx) * sign(dy)
				inX += math.Abs(sign(dx))
				inY += math.Abs(sign(dy))
			}
		}
		want := concord / math.Sqrt(inX*inY)
		got, ok := tauB(x, y)
		if ok != (inX*inY > 0) || ok && math.Abs(got-want) > 1e-12 {
			t.Fatalf("τ of %v and %v is %v %v, want %v", x, y, got, ok, want)
		}
	}
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
