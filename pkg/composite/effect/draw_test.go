package effect_test

import (
	"math"

	"pgregory.net/rapid"
)

var nan = math.NaN()

// drawer is where a random panel takes its choices from: rapid, or the bytes of a
// fuzz run.
type drawer interface {
	number(low, high float64) float64
	intn(n int) int
}

type rapidDrawer struct{ t *rapid.T }

func (d rapidDrawer) number(low, high float64) float64 {
	return rapid.Float64Range(low, high).Draw(d.t, "number")
}
func (d rapidDrawer) intn(n int) int { return rapid.IntRange(0, n-1).Draw(d.t, "choice") }

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

func indices(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = i
	}
	return x
}

func permute[T any](x []T, order []int) []T {
	y := make([]T, len(x))
	for i, from := range order {
		y[i] = x[from]
	}
	return y
}
