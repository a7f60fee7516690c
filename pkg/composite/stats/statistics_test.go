package stats_test

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// diakoulaki are the eight firms of Diakoulaki, Mavrotas and Papayannakis (1995):
// profitability, market share, productivity.
func diakoulaki() [][]float64 {
	return byColumn([][]float64{
		{61, 1.08, 4.33},
		{20.7, .26, 4.34},
		{16.3, 1.98, 2.53},
		{9, 3.29, 1.65},
		{5.4, 2.77, 2.33},
		{4, 4.12, 1.21},
		{-6.1, 3.52, 2.10},
		{-34.6, 3.31, .98},
	})
}

func byColumn(rows [][]float64) [][]float64 {
	columns := make([][]float64, len(rows[0]))
	for _, row := range rows {
		for c, x := range row {
			columns[c] = append(columns[c], x)
		}
	}
	return columns
}

func TestWeightsOfTheLiterature(t *testing.T) {
	same := [][]float64{{5, 5, 5}, {5, 5, 5}}
	tests := []struct {
		name    string
		weigh   func([][]float64) ([]float64, error)
		columns [][]float64
		want    []float64
	}{
		{"critic", stats.CRITICWeights, diakoulaki(), []float64{.20222554, .48090173, .31687273}},
		{"critic, one column", stats.CRITICWeights, [][]float64{{1, 2}}, []float64{1}},
		{"critic, all in accord", stats.CRITICWeights, [][]float64{{1, 2, 4}, {.1, .2, .4}, {7, 7, 7}}, []float64{.5, .5, 0}},
		{
			"critic, in accord but for rounding", stats.CRITICWeights,
			[][]float64{{1, 2, 4}, {.7 + .1/3, .7 + .2/3, .7 + .4/3}, {1, 1.1, 1.3}},
			[]float64{1. / 3, 1. / 3, 1. / 3},
		},
		{"critic, constant", stats.CRITICWeights, same, []float64{.5, .5}},
		{"entropy", stats.EntropyWeights, [][]float64{{1, 4}, {2, 16}}, []float64{.35888879, .64111121}},
		{"entropy, constant", stats.EntropyWeights, same, []float64{.5, .5}},
		{"entropy, one constant", stats.EntropyWeights, [][]float64{{5, 5}, {0, 1}}, []float64{0, 1}},
		{"entropy, missing", stats.EntropyWeights, [][]float64{{1, nan, 4}, {2, 16, nan}}, []float64{.35888879, .64111121}},
		// Deviations relative to the range: √½ of two values, ½ of 0, ½, 1.
		{
			"deviation", stats.DeviationWeights,
			[][]float64{{3, 9, nan}, {0, 2, 4}},
			[]float64{math.Sqrt2 / (1 + math.Sqrt2), 1 / (1 + math.Sqrt2)},
		},
		{"deviation, constant", stats.DeviationWeights, same, []float64{.5, .5}},
		{"pca, two columns", stats.PCAWeights, [][]float64{{1, 2, 4}, {1, 3, 2}}, []float64{.5, .5}},
		{"pca, one constant", stats.PCAWeights, [][]float64{{1, 2, 4}, {3, 3, 3}}, []float64{1, 0}},
		{"pca, none", stats.PCAWeights, [][]float64{{nan, 1}, {1, nan}}, []float64{.5, .5}},
	}
	for _, tt := range tests {
		got, err := tt.weigh(tt.columns)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		wantColumn(t, tt.name, got, tt.want, 5e-9)
	}
}

func TestWeightsRefuse(t *testing.T) {
	_, negative := stats.EntropyWeights([][]float64{{1, 2}, {3, -4}})
	_, ragged := stats.CRITICWeights([][]float64{{1, 2}, {3}})
	_, flat := stats.PrincipalComponents([][]float64{{1, 1}})
	_, importance := stats.BalancedWeights([][]float64{{1, 2}}, []float64{0})
	_, row := stats.PairwiseWeights([][]float64{{1, 3}, {.3, 1}})
	_, scale := stats.PairwiseWeights([][]float64{{1, 10}, {.1, 1}})
	_, short := stats.PairwiseWeights([][]float64{{1, 3}, {1}})
	_, none := stats.PairwiseWeights(nil)
	for want, err := range map[string]error{
		"column 1, unit 1: -4 is below 0 and has no share":                   negative,
		"column 1 has 1 values, column 0 has 2":                              ragged,
		"no column varies among the units that have all values":              flat,
		"importance 0 is 0: give a number between 1e-9 and 1e9":              importance,
		"row 1, column 0: 0.3 is not 1/3, the judgement the other way round": row,
		"row 0, column 1: 10 is not between 1/9 and 9":                       scale,
		"row 1 has 1 judgements for 2 items":                                 short,
		"there are 0 items: give 1 to 15, or split them into groups":         none,
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestPairwiseWeights(t *testing.T) {
	a, err := stats.PairwiseWeights([][]float64{{1, 3, 5}, {1. / 3, 1, 3}, {1. / 5, 1. / 3, 1}})
	if err != nil {
		t.Fatal(err)
	}
	wantColumn(t, "weights", a.Weights, []float64{.6369855717, .2582849944, .1047294339}, 5e-11)
	wantColumn(t, "consistency", []float64{a.LambdaMax, a.ConsistencyRatio}, []float64{3.0385110906, .0331992}, 5e-8)

	for n := 1; n <= 2; n++ {
		m := [][]float64{{1, 4}, {.25, 1}}[:n]
		for i := range m {
			m[i] = m[i][:n]
		}
		a, err := stats.PairwiseWeights(m)
		if err != nil || a.ConsistencyRatio != 0 {
			t.Errorf("%d items: %+v %v", n, a, err)
		}
	}
	// The worst contradiction: each is nine times the next, in a circle.
	circle, err := stats.PairwiseWeights([][]float64{{1, 9, 1. / 9}, {1. / 9, 1, 9}, {9, 1. / 9, 1}})
	if err != nil || !(circle.ConsistencyRatio > 6) {
		t.Errorf("a circle: %+v %v", circle, err)
	}
	wantColumn(t, "circle", circle.Weights, []float64{1. / 3, 1. / 3, 1. / 3}, 1e-15)
}

func TestBalancedWeights(t *testing.T) {
	// Weights that follow a third column leave little to one that goes with it.
	columns := [][]float64{sample, {3, 1, 4, 2, 5, 8, 2, 6}, {9, 3, 1, 4, 2, 2, 7, 8}}
	for name, importance := range map[string][]float64{"equal": nil, "twice": {1, 1, 1.5}} {
		b, err := stats.BalancedWeights(columns, importance)
		if err != nil || !b.Balanced {
			t.Fatalf("%s: %+v %v", name, b, err)
		}
		sum, err := (composite.Aggregation{}).Aggregate(columns, b.Weights)
		if err != nil {
			t.Fatal(err)
		}
		for c, column := range columns {
			r := stat.Correlation(column, sum, nil)
			if importance != nil {
				r /= importance[c]
			}
			if !near(r, b.Correlations[0], 1e-6) || importance == nil && !near(r, b.Correlations[c], 1e-9) {
				t.Errorf("%s: column %d has correlation %v per importance, want %v", name, c, r, b.Correlations[0])
			}
		}
	}
	// Two that cancel leave no mean to correlate with.
	against, err := stats.BalancedWeights([][]float64{{1, 2, 3}, {3, 2, 1}}, nil)
	if err != nil || against.Balanced {
		t.Errorf("opposites: %+v %v", against, err)
	}
	wantColumn(t, "opposites", against.Weights, []float64{.5, .5}, 1e-4)
	// r12 = .8, r13 = 0, r23 = −.4: alone, the other two balance by √.3, and the first
	// goes with their mean by .8/√1.2 as it is.
	b, err := stats.BalancedWeights([][]float64{{1, 2, 3, 4}, {1, 2, 4, 3}, {2, 4, 1, 3}}, nil)
	if err != nil || b.Balanced {
		t.Errorf("%+v %v", b, err)
	}
	wantColumn(t, "weights", b.Weights, []float64{0, .5, .5}, 1e-12)
	wantColumn(t, "correlations", b.Correlations, []float64{.8 / math.Sqrt(1.2), math.Sqrt(.3), math.Sqrt(.3)}, 1e-12)
}

func TestPrincipalComponentsAgainstGonum(t *testing.T) {
	x := diakoulaki()
	p, err := stats.PrincipalComponents(x)
	if err != nil {
		t.Fatal(err)
	}
	scaled := mat.NewDense(8, 3, nil)
	for c, column := range x {
		mean, sd := stat.MeanStdDev(column, nil)
		for u, v := range column {
			scaled.Set(u, c, (v-mean)/sd)
		}
	}
	var pc stat.PC
	if !pc.PrincipalComponents(scaled, nil) {
		t.Fatal("gonum has no answer")
	}
	wantColumn(t, "eigenvalues", p.Eigenvalues, pc.VarsTo(nil), 1e-12)
	var vectors mat.Dense
	pc.VectorsTo(&vectors)
	for i, v := range p.Vectors {
		sum := 0.0
		for c := range v {
			if !near(math.Abs(v[c]), math.Abs(vectors.At(c, i)), 1e-12) {
				t.Errorf("component %d, column %d: %v, want ±%v", i, c, v[c], vectors.At(c, i))
			}
			sum += p.Loadings[i][c] * p.Loadings[i][c]
		}
		if !near(sum, p.Eigenvalues[i], 1e-12) {
			t.Errorf("squared loadings of component %d sum to %v, want its eigenvalue %v", i, sum, p.Eigenvalues[i])
		}
	}
}

func TestCorrelationsOnPaper(t *testing.T) {
	x, y := []float64{1, 2, 2, 3, 4, nan}, []float64{1, 3, 2, 3, 2, 9}
	tests := []struct {
		name string
		by   stats.Association
		x, y []float64
		want float64
		ok   bool
	}{
		{"pearson", stats.Pearson, sample, weights, stat.Correlation(sample, weights, nil), true},
		{"pearson, line", stats.Pearson, []float64{1e15, 1, -7e14}, []float64{-1e15, -1, 7e14}, -1, true},
		{"pearson, tiny", stats.Pearson, []float64{0, 5e-324, 0}, []float64{0, 1e-300, 0}, 1, true},
		{"pearson, far from 0", stats.Pearson, []float64{1e14, 1e14 + 1, 1e14 + 2}, []float64{1, 2, 3}, 1, true},
		// Of ten pairs five agree, two differ, one is tied in x, two in y.
		{"kendall", stats.Kendall, x, y, 3 / math.Sqrt(9*8), true},
		{"kendall, line", stats.Kendall, []float64{1, 2, 3}, []float64{3, 2, 1}, -1, true},
		// Ranks 1, 2½, 2½, 4, 5 and 1, 4½, 2½, 4½, 2½.
		{"spearman", stats.Spearman, x, y, 4 / math.Sqrt(9.5*9), true},
		{
			"pearson, mean between two numbers", stats.Pearson,
			[]float64{1e15, 1e15 - .125, 1e15 - .25, 1e15 - .5},
			[]float64{0, -1, -2, -4},
			1, true,
		},
		{"constant", stats.Pearson, []float64{.1, .1, .1}, []float64{1, 2, 3}, 0, false},
		{"constant where both are", stats.Kendall, []float64{1, nan, 1}, []float64{1, 2, 3}, 0, false},
		{"one pair", stats.Spearman, []float64{1, nan}, []float64{1, 2}, 0, false},
		{"lengths", stats.Kendall, []float64{1, 2}, []float64{1}, 0, false},
		{"infinite", stats.Pearson, []float64{1, 2, math.Inf(1)}, []float64{1, 2, 0}, 1, true},
	}
	for _, tt := range tests {
		if got, ok := tt.by(tt.x, tt.y); ok != tt.ok || !near(got, tt.want, 1e-12) {
			t.Errorf("%s = %v %v, want %v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestCronbachAlpha(t *testing.T) {
	tests := []struct {
		name    string
		columns [][]float64
		want    float64
		ok      bool
	}{
		{"twins", [][]float64{{1, 2, 4}, {1, 2, 4}}, 1, true},
		// Variances 1 and 4 of 1, 2, 3 and 0, 2, 4 in another order; the sum has 3: 2·(1 − 5/3).
		{"on paper", [][]float64{{1, 2, 3}, {4, 0, 2}}, 2 * (1 - 5./3), true},
		{"missing", [][]float64{{1, 2, 3, nan}, {4, 0, 2, 8}}, 2 * (1 - 5./3), true},
		{"one column", [][]float64{{1, 2, 3}}, 0, false},
		{"cancel", [][]float64{{.1, .2, .3}, {-.1, -.2, -.3}}, 0, false},
		{"cancel but for rounding", [][]float64{{.1, .7, .3}, {.2, .1, .9}, {-.3, -.8, -1.2}}, 0, false},
		{"constant", [][]float64{{1, 1}, {2, 2}}, 0, false},
		{"one unit", [][]float64{{1}, {2}}, 0, false},
		{"lengths", [][]float64{{1, 2}, {2}}, 0, false},
	}
	for _, tt := range tests {
		if got, ok := stats.CronbachAlpha(tt.columns); ok != tt.ok || !near(got, tt.want, 1e-12) {
			t.Errorf("%s = %v %v, want %v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestSummarise(t *testing.T) {
	s := stats.Summarise(append([]float64{nan, math.Inf(1)}, sample...))
	mean, sd := stat.MeanStdDev(sample, nil)
	wantColumn(t, "summary", []float64{s.Min, s.Max, s.Mean, s.Median, s.SD, *s.Skewness, *s.Kurtosis, s.Availability},
		[]float64{1, 9, mean, 3.5, sd, .8335031385, .2766058045, .8}, 5e-11)
	wantColumn(t, "against gonum", []float64{*s.Skewness, *s.Kurtosis},
		[]float64{stat.Skew(sample, nil), stat.ExKurtosis(sample, nil)}, 1e-12)
	if s.N != 8 || s.Missing != 2 || s.Distinct != 7 {
		t.Errorf("%+v", s)
	}
	for _, tt := range []struct {
		x    []float64
		want stats.ColumnSummary
	}{
		{nil, stats.ColumnSummary{}},
		{[]float64{nan}, stats.ColumnSummary{Missing: 1}},
		{[]float64{4}, stats.ColumnSummary{N: 1, Availability: 1, Distinct: 1, Min: 4, Max: 4, Mean: 4, Median: 4}},
		{
			[]float64{.1, .1, .1}, stats.ColumnSummary{
				N: 3, Availability: 1, Distinct: 1, Min: .1, Max: .1, Mean: .1, Median: .1,
			},
		},
		{
			[]float64{1, 3}, stats.ColumnSummary{
				N: 2, Availability: 1, Distinct: 2, Min: 1, Max: 3, Mean: 2, Median: 2, SD: math.Sqrt2,
			},
		},
	} {
		if got := stats.Summarise(tt.x); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.x, got, tt.want)
		}
	}
}
