package stats_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/pkg/composite/stats"
)

// everyStatistic is everything that the functions on columns say of them, but what
// they say unit by unit.
func everyStatistic(columns [][]float64) map[string]any {
	m := map[string]any{}
	weigh := func(name string, f func([][]float64) ([]float64, error)) {
		w, err := f(columns)
		m[name] = []any{w, fmt.Sprint(err)}
	}
	weigh("critic", stats.CRITICWeights)
	weigh("entropy", stats.EntropyWeights)
	weigh("deviation", stats.DeviationWeights)
	weigh("pca weights", stats.PCAWeights)
	b, err := stats.BalancedWeights(columns, nil)
	m["balance"] = []any{b, fmt.Sprint(err)}
	p, err := stats.PrincipalComponents(columns)
	m["pca"] = []any{p, fmt.Sprint(err)}
	alpha, ok := stats.CronbachAlpha(columns)
	m["alpha"] = []any{alpha, ok}
	for name, by := range map[string]stats.Association{
		"pearson": nil, "spearman": stats.Spearman, "kendall": stats.Kendall,
	} {
		matrix, err := stats.Correlations(columns, by)
		m[name] = []any{matrix, fmt.Sprint(err)}
	}
	for c, x := range columns {
		m[fmt.Sprint("summary ", c)] = stats.Summarise(x)
	}
	return m
}

// drawColumns draws columns with ties, gaps, constant ones and scales far apart.
func drawColumns(d drawer) [][]float64 {
	units := d.intn(12)
	columns := make([][]float64, 1+d.intn(4))
	for c := range columns {
		columns[c] = make([]float64, units)
		scale := math.Pow(10, float64(d.intn(25)-12))
		kind := d.intn(6)
		for u := range columns[c] {
			switch columns[c][u] = scale * d.number(0, 9); {
			case kind == 0:
				columns[c][u] = scale
			case kind == 1:
				columns[c][u] = scale * float64(d.intn(3))
			case d.intn(8) == 0:
				columns[c][u] = nan
			}
		}
	}
	return columns
}

func TestStatisticsDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := drawColumns(rapidDrawer{t})
		order := rapid.Permutation(indices(len(columns[0]))).Draw(t, "order")
		var moved [][]float64
		for _, x := range columns {
			moved = append(moved, permute(x, order))
		}
		before := fmt.Sprint(columns)
		if diff := cmp.Diff(everyStatistic(columns), everyStatistic(moved)); diff != "" {
			t.Fatal(diff)
		}
		if fmt.Sprint(columns) != before {
			t.Fatal("the columns were changed")
		}
		for c, x := range columns {
			for name, f := range map[string]func(x []float64) []float64{
				"mean":      func(x []float64) []float64 { return stats.ImputeMean(x, nil) },
				"log":       func(x []float64) []float64 { return stats.LogTransform(x).Values },
				"box-cox":   func(x []float64) []float64 { return stats.BoxCox(x).Values },
				"winsorise": winsorised,
			} {
				if diff := cmp.Diff(bits(permute(f(x), order)), bits(f(moved[c]))); diff != "" {
					t.Fatal(name, diff)
				}
			}
		}
	})
}

func winsorised(x []float64) []float64 {
	return stats.OutlierLimits{MaxPoints: 5, Skew: .5, Kurtosis: 0}.Winsorise(x).Values
}

func bits(x []float64) []uint64 {
	b := make([]uint64, len(x))
	for i, v := range x {
		b[i] = math.Float64bits(v)
	}
	return b
}

// A unit of measurement that is a power of two changes no weight and no relation.
func TestWeightsDoNotDependOnUnitOfMeasurement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := drawColumns(rapidDrawer{t})
		scaled := make([][]float64, len(columns))
		for c, x := range columns {
			for _, v := range x {
				scaled[c] = append(scaled[c], v*4)
			}
			if x != nil && scaled[c] == nil {
				scaled[c] = []float64{}
			}
		}
		was, is := everyStatistic(columns), everyStatistic(scaled)
		for name := range was {
			if strings.HasPrefix(name, "summary") {
				continue
			}
			if diff := cmp.Diff(was[name], is[name]); diff != "" {
				t.Fatal(name, diff)
			}
		}
	})
}

// Transforms keep the order of the values.
func TestTransformsKeepOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, x := range drawColumns(rapidDrawer{t}) {
			for _, c := range []*stats.TreatedColumn{stats.LogTransform(x), stats.BoxCox(x)} {
				for a := range x {
					for b := range x {
						if x[a] < x[b] && c.Values[a] > c.Values[b] {
							t.Fatalf("%s turns %v < %v into %v > %v", c.Kind, x[a], x[b], c.Values[a], c.Values[b])
						}
					}
				}
			}
		}
	})
}
