package stats_test

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bulwark/pkg/composite/stats"
)

func TestRound(t *testing.T) {
	tests := []struct {
		x        float64
		decimals int
		want     float64
	}{
		{2.675, 2, 2.68}, // 2.67499999999999982236431605997495353221893310546875
		{1.005, 2, 1.01},
		{2.5, 0, 3},
		{-2.5, 0, -2}, // up is towards +∞
		{-2.675, 2, -2.67},
		{-2.676, 2, -2.68},
		{-0.001, 2, 0},
		{0.1 + 0.2, 9, 0.3},
		{79.999999999999, 2, 80},
		{79.995, 2, 80},
		{79.9949999, 2, 79.99},
		{100, 2, 100},
		{0, 2, 0},
		{1. / 3, 9, .333333333},
		{1. / 3, 99, .333333333},
		{1.7, -1, 2},
		{1e300, 2, 1e300},
		{math.Inf(-1), 2, math.Inf(-1)},
	}
	for _, tt := range tests {
		if got := stats.Round(tt.x, tt.decimals); got != tt.want || math.Signbit(got) != math.Signbit(tt.want) {
			t.Errorf("Round(%v, %d) = %v, want %v", tt.x, tt.decimals, got, tt.want)
		}
	}
	if got := stats.Round(math.NaN(), 2); got == got {
		t.Errorf("Round(NaN) = %v", got)
	}
}

// Every decimal of up to nine places rounds as it does on paper.
func TestRoundOnPaper(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		billionths := rapid.Int64Range(-1e14, 1e14).Draw(t, "billionths")
		decimals := rapid.IntRange(0, 9).Draw(t, "decimals")
		x, _ := big.NewRat(billionths, 1e9).Float64()
		unit := big.NewInt(int64(math.Pow10(9 - decimals)))
		half := new(big.Int).Div(unit, big.NewInt(2))
		quotient := new(big.Int).Div(new(big.Int).Add(big.NewInt(billionths), half), unit) // Euclidean: rounds down
		want, _ := new(big.Rat).SetFrac(quotient, big.NewInt(int64(math.Pow10(decimals)))).Float64()
		if got := stats.Round(x, decimals); got != want {
			t.Fatalf("Round(%v, %d) = %v, want %v", x, decimals, got, want)
		}
	})
}

func TestApportionSumsToTheTotal(t *testing.T) {
	for _, c := range []struct {
		total    float64
		parts    []float64
		decimals int
		want     []float64
	}{
		{1, []float64{1. / 3, 1. / 3, 1. / 3}, 2, []float64{0.34, 0.33, 0.33}}, // a tie goes to the first
		{10, []float64{3.333, 3.339, 3.328}, 2, []float64{3.33, 3.34, 3.33}},
		{0.3, []float64{0.1, 0.2}, 1, []float64{0.1, 0.2}},
		{5, []float64{6.25, -1.25}, 1, []float64{6.3, -1.3}},
		{2, []float64{0.5, 0.5, 0.5, 0.5}, 0, []float64{1, 1, 0, 0}},
		{3, []float64{1}, 2, []float64{3}},
		{0, []float64{0.02, 0.02}, 1, []float64{0, 0}},
		{-1, []float64{0, 0, 0}, 0, []float64{0, 0, -1}},
		{0, nil, 2, []float64{}},
	} {
		if got := stats.Apportion(c.total, c.parts, c.decimals); !slices.Equal(got, c.want) {
			t.Errorf("Apportion(%v, %v, %d) = %v, want %v", c.total, c.parts, c.decimals, got, c.want)
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		d := rapid.IntRange(0, 6).Draw(rt, "decimals")
		parts := rapid.SliceOfN(rapid.Float64Range(-100, 100), 1, 30).Draw(rt, "parts")
		exact := 0.0
		for _, x := range parts {
			exact += x
		}
		total, sum := stats.Round(exact, d), 0.0
		for i, x := range stats.Apportion(total, parts, d) {
			sum += x
			if math.Abs(x-parts[i]) > 2*math.Pow10(-d) {
				rt.Fatalf("part %v became %v", parts[i], x)
			}
		}
		if math.Abs(sum-total) > 1e-9 {
			rt.Fatalf("sum %v, want %v", sum, total)
		}
	})
}
