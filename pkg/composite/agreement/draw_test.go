package agreement_test

import "math"

var nan = math.NaN()

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
