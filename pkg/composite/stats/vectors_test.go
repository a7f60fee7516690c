package stats_test

import (
	"math"
	"testing"

	"bulwark/pkg/composite/stats"
)

func TestStatisticsAgainstCOINr(t *testing.T) {
	eleven := []float64{49, 6, 42, 7, 40, 15, 36, 43, 39, 41, 47}
	tests := []struct {
		name      string
		got, want float64
	}{
		{"skewness", stats.Skewness(sample), .8335031385},
		{"kurtosis", stats.Kurtosis(sample), .2766058045},
		{"arithmetic", stats.ArithmeticMean(sample, weights), 4.166666667},
		{"geometric", stats.GeometricMean(sample, weights), 3.457262005},
		{"harmonic", stats.HarmonicMean(sample, weights), 2.689912827},
		{"power 2", stats.PowerMean(sample, weights, 2), 4.725815626},
		{"power 1", stats.PowerMean(sample, weights, 1), 4.166666667},
		{"power -1", stats.PowerMean(sample, weights, -1), 2.689912827},
		{"median", stats.Median(sample), 3.5},
		{"median of three", stats.Median([]float64{9, 1, 4}), 4},
		// R: quantile(c(6, 7, 15, 36, 39, 40, 41, 42, 43, 47, 49), c(.25, .75, .9), type = 7).
		{"lower quartile", stats.Quantile(eleven, .25), 25.5},
		{"upper quartile", stats.Quantile(eleven, .75), 42.5},
		{"nine tenths", stats.Quantile(eleven, .9), 47},
		{"between two", stats.Quantile([]float64{2, 1}, .75), 1.75},
		{"least", stats.Quantile(eleven, 0), 6},
		{"most", stats.Quantile(eleven, 1), 49},
		// x′ = 70 and 130, M′ = 100, s′² = 900: v = 91, (91 − 70)/0.6.
		{"penalised", stats.PenalisedMean([]float64{0, 100}, nil), 35},
		// x′ = 76 and 100, M′ = (3·76 + 100)/4 = 82, s′² = (3·36 + 324)/4 = 108.
		{"penalised, weighted", stats.PenalisedMean([]float64{10, 50}, []float64{3, 1}), (82 - 108./82 - 70) / .6},
	}
	for _, tt := range tests {
		if !near(tt.got, tt.want, 5e-10) {
			t.Errorf("%s = %.12g, want %.12g", tt.name, tt.got, tt.want)
		}
	}
}

func TestMeansAtTheEdge(t *testing.T) {
	inf := math.Inf(1)
	zero := []float64{0, 50, 100}
	tests := []struct {
		name      string
		got, want float64
	}{
		{"geometric with 0", stats.GeometricMean(zero, nil), 0},
		{"harmonic with 0", stats.HarmonicMean(zero, nil), 0},
		{"geometric with a negative", stats.GeometricMean([]float64{-1, 2}, nil), 0},
		{"power −2 with 0", stats.PowerMean(zero, nil, -2), 0},
		{"power 2 takes a negative as 0", stats.PowerMean([]float64{-3, 4}, nil, 2), math.Sqrt(8)},
		{"penalised of 0", stats.PenalisedMean([]float64{0, 0}, nil), 0},
		// M′ = 85, s′² = 675: more of one does not make less of all.
		{"penalised with one above", stats.PenalisedMean([]float64{100, 0, 0, 0}, nil), (85 - 675./85 - 70) / .6},
		{"penalised far below 0", stats.PenalisedMean([]float64{-200, -100}, nil), 0},
		{"penalised below 0", stats.PenalisedMean([]float64{-50, 20}, nil), 0},
		{"mean of none", stats.ArithmeticMean(nil, nil), math.NaN()},
		{"geometric of none", stats.GeometricMean(nil, nil), math.NaN()},
		{"median of none", stats.Median(nil), math.NaN()},
		{"quantile of none", stats.Quantile(nil, .5), math.NaN()},
		{"quantile of one", stats.Quantile([]float64{7}, .75), 7},
		{"lengths differ", stats.ArithmeticMean(zero, []float64{1}), math.NaN()},
		{"skewness of two", stats.Skewness([]float64{1, 2}), math.NaN()},
		{"kurtosis of three", stats.Kurtosis([]float64{1, 2, 4}), math.NaN()},
		// 0.1 summed three times is not 0.3: equality is asked of the values.
		{"skewness of equals", stats.Skewness([]float64{.1, .1, .1, .1, .1, .1}), math.NaN()},
		{"infinite", stats.ArithmeticMean([]float64{inf, 1}, nil), inf},
	}
	for _, tt := range tests {
		if tt.got != tt.want && !(math.IsNaN(tt.got) && math.IsNaN(tt.want)) && !near(tt.got, tt.want, 1e-12) {
			t.Errorf("%s = %v, want %v", tt.name, tt.got, tt.want)
		}
	}
}

func TestCopeland(t *testing.T) {
	// Three columns of weight 2, 1, 1: a beats b by 2+½ of 4 and b beats c by 3 of 4;
	// a and c split evenly.
	columns := [][]float64{{3, 2, 3}, {1, 2, 1}, {5, 5, 5}}
	m := stats.Outranking(columns, []float64{2, 1, 1})
	wantColumn(t, "a over", m[0], []float64{.5, .625, .5}, 0)
	wantColumn(t, "b over", m[1], []float64{.375, .5, .375}, 0)
	wantColumn(t, "copeland", stats.Copeland(m), []float64{1, -2, 1}, 0)

	missing := stats.Outranking([][]float64{{1, math.NaN()}, {1, 2}}, nil)
	wantColumn(t, "a common column only", missing[0], []float64{.5, 0}, 0)
	if stats.Outranking([][]float64{{1, 2}, {1}}, nil) != nil {
		t.Error("ragged columns must give nil")
	}
}
