package num

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestSignificant(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct{ x, want float64 }{
		{100 * 5.1 / 6.0, 85},
		{0.3*64.6 + 0.7*86.6, 80},
		{0.1 + 0.2, 0.3},
		{-(0.1 + 0.2), -0.3},
		{0, 0},
		{9.99e-13, 0},
		{-9.99e-13, 0},
		{1e-12, 1e-12},
		{1.5e-11, 1.5e-11},
		{9.9999999999999, 10},
		{99.9999999999999, 100},
		{999999999999.5, 1e12},
		{1, 1},
		{10, 10},
		{100, 100},
		{1000, 1000},
		{(12.3456789011 + 12.3456789012) / 2, 12.3456789012},
		{(85.1234567891 + 85.1234567896) / 2, 85.1234567894},
		{0.5 + 1<<36, 68719476736.5},
		{123456789012.5, 123456789013},
		{1e15, 1e15},
		{123456789012345, 123456789012000},
		{3.5e200, 3.5e200},
		{12.3456789012345, 12.3456789012},
		{math.Inf(1), math.Inf(1)},
	} {
		if got := Significant(c.x); got != c.want {
			t.Errorf("Significant(%v) = %v, want %v", c.x, got, c.want)
		}
		block := []float64{c.x, -c.x, nan}
		if SignificantAll(block); block[0] != c.want || block[1] != -c.want || block[2] == block[2] {
			t.Errorf("SignificantAll of %v: %v", c.x, block)
		}
	}
}

// The fast way and the digits agree, at every size and next to every power of ten, and
// rounding twice changes nothing.
func TestSignificantAgreesWithTheDigits(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	check := func(x float64) {
		t.Helper()
		got := Significant(x)
		want, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits-1, 64), 64)
		if err != nil {
			t.Fatal(err)
		}
		// A number next to the middle of two is as good as in the middle.
		if behind := strconv.FormatFloat(math.Abs(x), 'e', digits+3, 64)[digits+1 : digits+5]; got != want &&
			(behind < "4990" || behind > "5010") {
			t.Errorf("Significant(%v) = %v, want %v", x, got, want)
		}
		if again := Significant(got); again != got {
			t.Errorf("Significant(%v) = %v, again %v", x, got, again)
		}
		block := []float64{x}
		if SignificantAll(block); block[0] != got {
			t.Errorf("SignificantAll(%v) = %v, want %v", x, block[0], got)
		}
	}
	for range 200_000 {
		check(math.Exp(rng.Float64()*62-27) * float64(1-2*rng.IntN(2)))
	}
	for power := -11; power <= 16; power++ {
		x := math.Pow10(power)
		for range 8 {
			check(x)
			check(math.Nextafter(x, 0))
			check(math.Nextafter(x, 1e30))
			x *= 1 + 3e-13
		}
	}
	// Figures of few digits, however they were computed, come back as they are written.
	for range 100_000 {
		n := float64(rng.IntN(2_000_000_000) - 1_000_000_000)
		x := n / 1e7
		if got := Significant(float64(x*0.3) / 0.3); got != x {
			t.Errorf("Significant(0.3·%v/0.3) = %v", x, got)
		}
	}
}
