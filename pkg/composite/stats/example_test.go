package stats_test

import (
	"fmt"
	"math"

	"bulwark/pkg/composite/stats"
)

func ExampleSummarise() {
	s := stats.Summarise([]float64{3, 1, 4, 1, 5, math.NaN()})
	fmt.Println(s.N, s.Missing, s.Min, s.Median, s.Max, s.Mean)
	// Output: 5 1 1 3 5 2.8
}

func ExampleBoxCox() {
	c := stats.BoxCox([]float64{1, 2, 4, 8, 16})
	fmt.Printf("%s λ=%.3f\n", c.Kind, math.Abs(c.Lambda))
	for _, p := range c.Points {
		fmt.Printf("%v → %.2f\n", p.Before, p.After)
	}
	// Output:
	// box_cox λ=0.000
	// 1 → -1.39
	// 2 → -0.69
	// 4 → 0.00
	// 8 → 0.69
	// 16 → 1.39
}

func ExamplePairwiseWeights() {
	a, err := stats.PairwiseWeights([][]float64{
		{1, 3, 5},
		{1. / 3, 1, 3},
		{1. / 5, 1. / 3, 1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.3f consistency ratio %.3f\n", a.Weights, a.ConsistencyRatio)
	// Output: [0.637 0.258 0.105] consistency ratio 0.033
}

func ExampleCRITICWeights() {
	// The first two columns are equal, so they share their weight.
	w, err := stats.CRITICWeights([][]float64{{1, 2, 3}, {10, 20, 30}, {5, 1, 5}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%.2f\n", w)
	// Output: [0.23 0.23 0.54]
}

func ExampleBalancedWeights() {
	// Of three columns two say the same: equal weights would let them lead.
	b, err := stats.BalancedWeights([][]float64{{1, 2, 3, 4}, {1, 2, 3, 4}, {2, 4, 1, 3}}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("weights %.2f, correlations %.2f, balanced: %t\n", b.Weights, b.Correlations, b.Balanced)
	// Output: weights [0.25 0.25 0.50], correlations [0.71 0.71 0.71], balanced: true
}

func ExamplePrincipalComponents() {
	p, err := stats.PrincipalComponents([][]float64{{1, 2, 3, 4}, {1, 2, 4, 3}, {2, 4, 1, 3}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("explained %.2f\nloadings of the first %.2f\n", p.Explained, p.Loadings[0])
	// Output:
	// explained [0.63 0.33 0.04]
	// loadings of the first [0.87 0.97 -0.44]
}

func ExampleCronbachAlpha() {
	alpha, ok := stats.CronbachAlpha([][]float64{{1, 2, 3, 4}, {1, 2, 4, 3}, {2, 3, 4, 4}})
	fmt.Printf("%.3f %t\n", alpha, ok)
	// Output: 0.950 true
}

func ExampleInterpolate() {
	nan := math.NaN()
	reported := []float64{nan, 40, nan, 60, nan}
	fmt.Println(stats.CarryForward(stats.Interpolate(reported, nil), 1))
	// Output: [NaN 40 50 60 60]
}
