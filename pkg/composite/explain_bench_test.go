package composite_test

import (
	"fmt"
	"math"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// wideTown is a town of so many units with 26 indicators under five dimensions, as
// the default scheme has.
func wideTown(
	t testing.TB, units int, root composite.AggregationKind, weight func(i int) float64, rule func(i int) composite.Rule,
) *composite.Explainer {
	t.Helper()
	d := newSeeded(5)
	tree := composite.Node{Code: "index", Aggregation: composite.Aggregation{Kind: root}}
	for i := range 5 {
		tree.Children = append(tree.Children, composite.Node{Code: fmt.Sprint("d", i), Weight: float64(20 + i)})
	}
	data := composite.Data{}
	for u := range units {
		data.Units = append(data.Units, fmt.Sprint("u", u))
	}
	for i := range 26 {
		n := &tree.Children[i%5]
		n.Children = append(n.Children, composite.Node{Code: fmt.Sprint("i", i), Weight: weight(i), Rule: rule(i)})
	}
	ix, err := composite.New(composite.Spec{
		Decimals: 2, Tree: tree,
		Grades: []composite.Grade{{Code: "A", From: 90}, {Code: "B", From: 80}, {Code: "C", From: 60}, {Code: "D"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for range ix.Leaves() {
		column := make([]float64, units)
		for u := range column {
			column[u] = stats.Round(d.number(50, 95), 2)
		}
		data.Columns = append(data.Columns, column)
	}
	e, err := ix.Score(data, composite.KeepAll).Explain(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func posts(i int) composite.Rule { return &composite.Goalposts{Low: float64(40 + i%3), High: 100} }

func minmax(int) composite.Rule { return &composite.MinMax{} }

func uneven(i int) float64 { return 3 + float64(i*7%5)/3 }

func steps(i int) composite.Rule {
	var bands []composite.Band
	for k := range 9 {
		bands = append(bands, composite.Band{
			From: float64(30 + 7*k + i%4), Points: math.Floor(math.Pow(float64(k+1)/9, .5+float64(i%5)/4) * 100),
		})
	}
	return &composite.Bands{Bands: bands}
}

// priced moves in steps, at a price of its own for each node.
func priced(step float64) func(n int) composite.Lever {
	return func(n int) composite.Lever {
		return composite.Lever{Step: step, Cost: 1 + math.Mod(float64(n)*.618, 1)}
	}
}

func free(int) composite.Lever { return composite.Lever{} }

func even(int) float64 { return 1 }

func BenchmarkExplain(b *testing.B) {
	e := wideTown(b, 40, composite.Arithmetic, uneven, posts)
	last := e.Standings()[30].Unit
	earlier := wideTown(b, 40, composite.Arithmetic, even, posts)
	b.Run("contributions", func(b *testing.B) {
		for b.Loop() {
			e.Contributions(last)
		}
	})
	b.Run("comparisons", func(b *testing.B) {
		for b.Loop() {
			e.Comparisons(last, composite.ComparisonOptions{Before: earlier})
		}
	})
	b.Run("neighbours", func(b *testing.B) {
		for b.Loop() {
			e.Neighbours(last, 5, false)
		}
	})
	b.Run("gains", func(b *testing.B) {
		for b.Loop() {
			e.Gains(last)
		}
	})
	b.Run("change", func(b *testing.B) {
		for b.Loop() {
			earlier.Compare(e, "u7")
		}
	})
	for _, path := range []struct {
		name   string
		kind   composite.AggregationKind
		weight func(int) float64
		rule   func(int) composite.Rule
		lever  func(n int) composite.Lever
	}{
		{"even/1", composite.Arithmetic, even, posts, priced(1)},
		{"even/0.01", composite.Arithmetic, even, posts, priced(.01)},
		{"uneven/0.01", composite.Arithmetic, uneven, posts, priced(.01)},
		{"uneven/default", composite.Arithmetic, uneven, posts, free},
		{"even/default", composite.Arithmetic, even, posts, free},
		{"bands", composite.Arithmetic, uneven, steps, free},
		{"bands/priced", composite.Arithmetic, uneven, steps, priced(1)},
		{"geometric/0.01", composite.Geometric, uneven, posts, priced(.01)},
	} {
		e := wideTown(b, 40, path.kind, path.weight, path.rule)
		levers := map[int]composite.Lever{}
		for n := range 40 {
			levers[n] = path.lever(n)
		}
		b.Run("path/"+path.name, func(b *testing.B) {
			var p *composite.Path
			for b.Loop() {
				p = e.PathToGrade(last, levers)
			}
			exact := 0.
			if p.Exact {
				exact = 1
			}
			b.ReportMetric(exact, "exact")
			b.ReportMetric(p.Bound/p.Cost, "bound/cost")
		})
	}
	for _, units := range []int{40, 1000} {
		e := wideTown(b, units, composite.Arithmetic, uneven, minmax)
		b.Run(fmt.Sprintf("path/minmax/%d", units), func(b *testing.B) {
			for b.Loop() {
				e.PathToRank(last, nil)
			}
		})
	}
}
