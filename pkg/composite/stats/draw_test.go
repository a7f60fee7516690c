package stats_test

import (
	"encoding/binary"
	"math"
	"testing"

	"pgregory.net/rapid"
)

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

// drawer is where a random case takes its choices from: rapid, or the bytes of a
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

// wild draws from the bytes of a fuzz run: now a number in range, now any number at all.
type wild struct{ data []byte }

func (w *wild) intn(n int) int {
	if len(w.data) == 0 {
		return 0
	}
	b := w.data[0]
	w.data = w.data[1:]
	return int(b) % n
}

func (w *wild) number(low, high float64) float64 {
	special := []float64{
		math.NaN(), math.Inf(1), math.Inf(-1), 0, -1, 1e15, -1e15, 1e-300, math.MaxFloat64,
		math.SmallestNonzeroFloat64, low, high,
	}
	switch k := w.intn(4 * len(special)); {
	case k < len(special):
		return special[k]
	case k < len(special)+4 && len(w.data) >= 8:
		x := math.Float64frombits(binary.LittleEndian.Uint64(w.data))
		w.data = w.data[8:]
		return x
	}
	return low + (high-low)*float64(w.intn(256))/255
}

var (
	sample  = []float64{3, 1, 4, 1, 5, 9, 2, 6}
	weights = []float64{2, 1, 1, 1, 3, 1, 1, 2}
)

func wantColumn(t *testing.T, name string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d scores, want %d", name, len(got), len(want))
	}
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Errorf("%s[%d] = %.12g, want %.12g", name, i, got[i], want[i])
		}
	}
}
