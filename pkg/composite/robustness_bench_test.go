package composite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"bulwark/pkg/composite"
)

// BenchmarkRobustness sets 1000 replicates over weights, on one goroutine, beside the
// plain way in the same run. The plain way stops at the ranks: it works out no
// quantile, no grade and no pair.
func BenchmarkRobustness(b *testing.B) {
	for _, kind := range []composite.AggregationKind{composite.Arithmetic, composite.Geometric} {
		ix := benchIndex(b, kind)
		for _, units := range []int{40, 1000} {
			d := benchData(units, .01)
			name := fmt.Sprintf("%s/units=%d/by=", kind, units)
			b.Run(name+"robustness", func(b *testing.B) {
				for b.Loop() {
					mustRobustness(b, ix, d, composite.RobustnessOptions{WeightSpread: .25, Workers: 1})
				}
			})
			b.Run(name+"rebuild", func(b *testing.B) {
				for b.Loop() {
					rebuild(b, ix, d, 1000)
				}
			})
		}
	}
}

// BenchmarkRobustnessOfRatings draws five ratings in each cell of ten columns.
func BenchmarkRobustnessOfRatings(b *testing.B) {
	ix, d := benchIndex(b, composite.Arithmetic), benchData(40, 0)
	rng := rand.New(rand.NewPCG(1, 2))
	var rated []composite.RatedColumn
	for c := range 10 {
		column := composite.RatedColumn{Column: c, Ratings: make([][]composite.EvaluatorRating, 40)}
		for u := range column.Ratings {
			for e := range 5 {
				column.Ratings[u] = append(column.Ratings[u],
					composite.EvaluatorRating{Evaluator: e, Rating: composite.Rating{Value: rng.Float64() * 100}})
			}
		}
		rated = append(rated, column)
	}
	for b.Loop() {
		mustRobustness(b, ix, d, composite.RobustnessOptions{Ratings: rated, Workers: 1})
	}
}

// rebuild is the plain way to draw weights: a new scheme, scored anew, each time.
func rebuild(tb testing.TB, ix *composite.Index, d composite.Data, replicates int) [][]int {
	rng := rand.New(rand.NewPCG(1, 2))
	ranks := make([][]int, len(d.Units))
	for range replicates {
		spec := ix.Spec()
		for i := range spec.Tree.Children {
			dimension := &spec.Tree.Children[i]
			dimension.Weight *= .75 + .5*rng.Float64()
			for j := range dimension.Children {
				dimension.Children[j].Weight *= .75 + .5*rng.Float64()
			}
		}
		drawn, err := composite.New(spec)
		if err != nil {
			tb.Fatal(err)
		}
		list, err := drawn.Standings(drawn.Score(d, composite.KeepRoot), nil)
		if err != nil {
			tb.Fatal(err)
		}
		for _, s := range list {
			ranks[s.Unit] = append(ranks[s.Unit], s.Rank)
		}
	}
	return ranks
}
