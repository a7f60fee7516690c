package stats_test

import (
	"fmt"
	"math"
	"testing"

	"bulwark/pkg/composite/stats"
)

// ishigami with a = 7, b = .1 (Ishigami and Homma 1990); the indices follow from its
// closed-form variances V₁ = ½(1 + bπ⁴/5)², V₂ = a²/8, V₁₃ = 8b²π⁸/225.
func ishigami(x []float64) float64 {
	z := func(i int) float64 { return math.Pi * (2*x[i] - 1) }
	return math.Sin(z(0)) + 7*math.Pow(math.Sin(z(1)), 2) + .1*math.Pow(z(2), 4)*math.Sin(z(0))
}

func ishigamiIndices() (first, total []float64) {
	const a, b = 7, .1
	v1 := math.Pow(1+b*math.Pow(math.Pi, 4)/5, 2) / 2
	v2 := a * a / 8.
	v13 := 8 * b * b * math.Pow(math.Pi, 8) / 225
	v := v1 + v2 + v13
	return []float64{v1 / v, v2 / v, 0}, []float64{(v1 + v13) / v, v2 / v, v13 / v}
}

// sobolG is Π(|4x−2|+a)/(1+a) (Saltelli and Sobol 1995): Vᵢ = 1/(3(1+aᵢ)²),
// V = Π(1+Vᵢ) − 1 and STᵢ = Vᵢ·Π(1+Vⱼ, j≠i)/V.
var sobolA = []float64{0, 1, 4.5, 9, 99, 99, 99, 99}

func sobolG(x []float64) float64 {
	g := 1.0
	for i, a := range sobolA {
		g *= (math.Abs(4*x[i]-2) + a) / (1 + a)
	}
	return g
}

func sobolGIndices() (first, total []float64) {
	product := 1.0
	for _, a := range sobolA {
		product *= 1 + 1/(3*(1+a)*(1+a))
	}
	for _, a := range sobolA {
		v := 1 / (3 * (1 + a) * (1 + a))
		first = append(first, v/(product-1))
		total = append(total, v*product/(1+v)/(product-1))
	}
	return first, total
}

func TestSobolClosedForms(t *testing.T) {
	tests := []struct {
		name    string
		model   func([]float64) float64
		indices func() (first, total []float64)
	}{{"Ishigami", ishigami, ishigamiIndices}, {"Sobol G", sobolG, sobolGIndices}}
	for _, tt := range tests {
		first, total := tt.indices()
		got := stats.Sobol(len(first), tt.model, stats.SobolOptions{Rows: 20_000, Bootstrap: 50})
		for i, f := range got.Factors {
			if math.Abs(f.First-first[i]) > .04 || math.Abs(f.Total-total[i]) > .04 {
				t.Errorf("%s, factor %d: %.4f %.4f, want %.4f %.4f", tt.name, i+1, f.First, f.Total, first[i], total[i])
			}
		}
		if got.Rows != 20_000 || !(got.Variance > 0) {
			t.Errorf("%s: %+v", tt.name, got)
		}
	}
}

// Of 95 % intervals, most hold the truth.
func TestSobolIntervals(t *testing.T) {
	first, total := ishigamiIndices()
	held, all := 0, 0
	for seed := range 40 {
		got := stats.Sobol(3, ishigami, stats.SobolOptions{Seed: uint64(seed), Rows: 400})
		for i, f := range got.Factors {
			if f.FirstLow > f.First || f.First > f.FirstHigh || f.TotalLow > f.Total || f.Total > f.TotalHigh {
				t.Fatalf("an interval without its estimate: %+v", f)
			}
			for _, ok := range []bool{
				f.FirstLow <= first[i] && first[i] <= f.FirstHigh, f.TotalLow <= total[i] && total[i] <= f.TotalHigh,
			} {
				if all++; ok {
					held++
				}
			}
		}
	}
	if share := float64(held) / float64(all); share < .88 || share > .995 {
		t.Errorf("%.3f of the intervals hold the truth, want about .95", share)
	}
}

func TestSobolDegenerate(t *testing.T) {
	constant := stats.Sobol(2, func([]float64) float64 { return 1e99 }, stats.SobolOptions{Rows: 10})
	if constant.Mean < .999e99 || constant.Variance != 0 || constant.Factors[0] != (stats.SobolIndex{}) {
		t.Errorf("a constant: %+v", constant)
	}
	broken := stats.Sobol(1, func(x []float64) float64 { return math.Log(x[0] - 2) }, stats.SobolOptions{Rows: 10})
	if broken.Rows != 0 || broken.Factors[0] != (stats.SobolIndex{}) {
		t.Errorf("nothing usable: %+v", broken)
	}
	if none := stats.Sobol(-1, func(x []float64) float64 { return float64(len(x)) },
		stats.SobolOptions{Rows: -5}); len(none.Factors) != 0 || none.Rows != 2 {
		t.Errorf("no factors: %+v", none)
	}
	// One factor of which half the outputs are lost: what is left is all its own.
	half := stats.Sobol(1, func(x []float64) float64 { return math.Sqrt(x[0] - .5) }, stats.SobolOptions{Rows: 4000})
	if f := half.Factors[0]; half.Rows > 1200 || half.Rows < 800 || math.Abs(f.First-1) > .15 ||
		math.Abs(f.Total-1) > .15 {
		t.Errorf("half usable: %+v", half)
	}
	for _, scale := range []float64{1e-200, 1e95} {
		small := stats.Sobol(3, func(x []float64) float64 { return scale * ishigami(x) }, stats.SobolOptions{Rows: 100})
		whole := stats.Sobol(3, ishigami, stats.SobolOptions{Rows: 100})
		if math.Abs(small.Factors[0].First-whole.Factors[0].First) > 1e-9 {
			t.Errorf("scaled by %v: %+v, want %+v", scale, small, whole)
		}
	}
}

// The Ishigami function: a third of its variance is due to its first argument alone,
// and its third works only together with it.
func ExampleSobol() {
	model := func(x []float64) float64 {
		angle := func(u float64) float64 { return math.Pi * (2*u - 1) }
		a, b, c := angle(x[0]), angle(x[1]), angle(x[2])
		return math.Sin(a) + 7*math.Pow(math.Sin(b), 2) + 0.1*math.Pow(c, 4)*math.Sin(a)
	}
	for _, f := range stats.Sobol(3, model, stats.SobolOptions{Rows: 100_000, Bootstrap: 1}).Factors {
		fmt.Printf("alone %.1f, with interactions %.1f\n", math.Abs(f.First), f.Total)
	}
	// Output:
	// alone 0.3, with interactions 0.6
	// alone 0.4, with interactions 0.4
	// alone 0.0, with interactions 0.2
}
