package stats_test

import (
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// FuzzColumns puts any numbers at all into every function on columns.
func FuzzColumns(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("composite indices rank countries, schools and villages by many indicators at once"))
	seed := make([]byte, 600)
	for i := range seed {
		seed[i] = byte(i * 53)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		w := &wild{data}
		columns := make([][]float64, w.intn(5))
		units := w.intn(9)
		for c := range columns {
			for range units + w.intn(40)/39 { // now and then of another length
				columns[c] = append(columns[c], w.number(0, 100))
			}
		}
		fuzzWeights(t, columns)
		kinds := []composite.AggregationKind{
			composite.Arithmetic, composite.Geometric, composite.Harmonic, composite.Power, composite.Minimum,
			composite.Penalised,
		}
		kind := kinds[w.intn(len(kinds))]
		if x, err := (composite.Aggregation{Kind: kind, P: 20}).Aggregate(columns, nil); err == nil {
			cells(t, string(kind), x)
		}
		(composite.Data{Units: make([]string, units), Columns: columns}).Screen(w.number(0, 1), w.number(0, 1))
		for c, x := range columns {
			fuzzColumn(t, w, x, columns[(c+1)%len(columns)])
		}
	})
}

func fuzzWeights(t *testing.T, columns [][]float64) {
	for name, weigh := range map[string]func([][]float64) ([]float64, error){
		"critic": stats.CRITICWeights, "entropy": stats.EntropyWeights,
		"deviation": stats.DeviationWeights, "pca": stats.PCAWeights,
	} {
		if x, err := weigh(columns); err == nil {
			sumsToOne(t, name, x)
		}
	}
	if b, err := stats.BalancedWeights(columns, nil); err == nil {
		sumsToOne(t, "balanced", b.Weights)
		finiteOnly(t, "correlations", b.Correlations)
	}
	if p, err := stats.PrincipalComponents(columns); err == nil {
		sumsToOne(t, "explained", p.Explained)
		finiteOnly(t, "components", slices.Concat(slices.Concat(p.Loadings...), slices.Concat(p.Vectors...), p.Eigenvalues))
	}
	if alpha, _ := stats.CronbachAlpha(columns); !(alpha <= 1+1e-9 && alpha > math.Inf(-1)) {
		t.Fatalf("alpha is %v", alpha)
	}
	if a, err := stats.PairwiseWeights(columns); err == nil {
		sumsToOne(t, "pairwise", a.Weights)
		finiteOnly(t, "consistency", []float64{a.LambdaMax, a.ConsistencyRatio})
	}
}

func fuzzColumn(t *testing.T, w *wild, x, y []float64) {
	for _, by := range []stats.Association{stats.Pearson, stats.Spearman, stats.Kendall} {
		if r, _ := by(x, y); !(r >= -1 && r <= 1) {
			t.Fatalf("%v and %v correlate by %v", x, y, r)
		}
	}
	fuzzSummary(t, stats.Summarise(x))
	for _, c := range []*stats.TreatedColumn{stats.LogTransform(x), stats.BoxCox(x), {Values: winsorised(x)}} {
		cells(t, string(c.Kind), c.Values)
		fuzzSummary(t, c.After)
		finiteOnly(t, "parameters", []float64{c.Shift, c.Lambda, c.Scale})
	}
	groups := make([]string, len(x))
	for i := range groups {
		groups[i] = string(rune('a' + w.intn(3)))
	}
	cells(t, "imputed", stats.ImputeMean(x, groups))
	cells(t, "imputed", stats.ImputeMedian(x, nil))
	cells(t, "between", stats.Interpolate(x, y))
	cells(t, "between", stats.Interpolate(x, nil))
	cells(t, "carried", stats.CarryForward(x, w.intn(5)-1))
	cells(t, "denominated", stats.Denominate(x, y, w.number(0, 9)))
	cells(t, "rescaled", stats.Rescale(x, w.number(0, 9), w.number(0, 9)))
	growth, _ := stats.CAGR(x, y)
	slope, _ := stats.LinearTrend(x, nil)
	finiteOnly(t, "trend", []float64{growth, slope})
}

func fuzzSummary(t *testing.T, s stats.ColumnSummary) {
	t.Helper()
	figures := []float64{s.Availability, s.Min, s.Max, s.Mean, s.Median, s.SD}
	for _, p := range []*float64{s.Skewness, s.Kurtosis} {
		if p != nil {
			figures = append(figures, *p)
		}
	}
	finiteOnly(t, "summary", figures)
}

func finiteOnly(t *testing.T, name string, figures []float64) {
	t.Helper()
	for _, v := range figures {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("%s: %v", name, figures)
		}
	}
}

func sumsToOne(t *testing.T, name string, w []float64) {
	t.Helper()
	total := 0.0
	for _, v := range w {
		if !(v >= 0) {
			t.Fatalf("%s: %v", name, w)
		}
		total += v
	}
	if len(w) > 0 && !(math.Abs(total-1) < 1e-9) {
		t.Fatalf("%s sum to %v: %v", name, total, w)
	}
}

// cells fails where a cell is neither missing nor within ±MaxValue.
func cells(t *testing.T, name string, x []float64) {
	t.Helper()
	for _, v := range x {
		if v == v && math.Abs(v) > stats.MaxValue {
			t.Fatalf("%s: %v", name, x)
		}
	}
}
