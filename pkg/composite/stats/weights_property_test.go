package stats_test

import (
	"math"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"bulwark/pkg/composite/stats"
)

// Judgements of all kinds, sound and absurd, against gonum's general eigenvalues.
func TestPairwiseWeightsAgainstGonum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 15).Draw(t, "items")
		judgements, dense := make([][]float64, n), mat.NewDense(n, n, nil)
		for a := range judgements {
			judgements[a] = make([]float64, n)
			judgements[a][a] = 1
			dense.Set(a, a, 1)
			for b := range a {
				v := rapid.Float64Range(1./9, 9).Draw(t, "judgement")
				judgements[a][b], judgements[b][a] = v, 1/v
				dense.Set(a, b, v)
				dense.Set(b, a, 1/v)
			}
		}
		got, err := stats.PairwiseWeights(judgements)
		if err != nil {
			t.Fatal(err)
		}
		var eigen mat.Eigen
		if !eigen.Factorize(dense, mat.EigenNone) {
			t.Skip("gonum has no answer")
		}
		largest := 0.0
		for _, v := range eigen.Values(nil) {
			largest = max(largest, real(v))
		}
		if !near(got.LambdaMax, largest, 1e-9) {
			t.Fatalf("λmax = %v, gonum has %v", got.LambdaMax, largest)
		}
		for a, row := range judgements {
			sum := 0.0
			for b, v := range row {
				sum += v * got.Weights[b]
			}
			if !near(sum, largest*got.Weights[a], 1e-9) {
				t.Fatalf("%v is not an eigenvector", got.Weights)
			}
		}
	})
}

// A component is an eigenvector of the correlation matrix, and the loadings rebuild
// that matrix.
func TestLoadingsRebuildCorrelations(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		columns := drawColumns(rapidDrawer{t})
		p, err := stats.PrincipalComponents(columns)
		if err != nil {
			t.Skip("nothing varies")
		}
		whole := make([][]float64, len(columns))
		for u := range columns[0] {
			row := true
			for _, x := range columns {
				row = row && !math.IsNaN(x[u])
			}
			for c, x := range columns {
				if row {
					whole[c] = append(whole[c], x[u])
				}
			}
		}
		matrix, err := stats.Correlations(whole, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range p.Vectors {
			if low, high := slices.Min(v), slices.Max(v); -low > high+1e-9 {
				t.Fatalf("component %d faces down: %v", i, v)
			}
		}
		for a := range columns {
			for b := range columns {
				sum := 0.0
				for i := range p.Loadings {
					sum += p.Loadings[i][a] * p.Loadings[i][b]
				}
				want := matrix[a][b]
				if a == b && stats.Summarise(whole[a]).Distinct == 1 {
					want = 0
				}
				if !near(sum, want, 1e-9) {
					t.Fatalf("loadings give %v for columns %d and %d, want %v", sum, a, b, want)
				}
			}
		}
	})
}

// Where the weights are said to balance, gonum's correlations with the mean are in
// the wanted proportions; where not, a column without weight has more than its share.
func TestBalancedWeightsBalance(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDrawer{t}
		columns := make([][]float64, 2+d.intn(4))
		importance := make([]float64, len(columns))
		for c := range columns {
			importance[c] = d.number(.5, 2)
			for range 12 {
				columns[c] = append(columns[c], d.number(0, 100))
			}
		}
		b, err := stats.BalancedWeights(columns, importance)
		if err != nil {
			t.Fatal(err)
		}
		sum := make([]float64, 12)
		for c, x := range columns {
			for u, v := range x {
				sum[u] += b.Weights[c] * v
			}
		}
		share, unweighted := 0.0, math.Inf(1)
		for c, x := range columns {
			r := stat.Correlation(x, sum, nil)
			switch {
			case math.IsNaN(r):
				t.Skip("nothing varies")
			case b.Weights[c] > 0:
				share = max(share, r/importance[c])
			default:
				unweighted = min(unweighted, r/importance[c])
			}
			if !near(r, b.Correlations[c], 1e-6) {
				t.Fatalf("column %d correlates by %v, said is %v", c, r, b.Correlations[c])
			}
			if b.Balanced && !near(r/importance[c], share, 1e-5) {
				t.Fatalf("column %d has %v of its importance, another has %v", c, r/importance[c], share)
			}
		}
		if unweighted < share-1e-6 {
			t.Fatalf("a column without weight has %v of its importance, those with weight %v", unweighted, share)
		}
	})
}
