package composite

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

// A replicate equals the outcome of the scheme with the weights drawn if it were
// built and scored anew.
func TestReplicateIsARebuild(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, kind := range []AggregationKind{Arithmetic, Geometric, Minimum, Penalised} {
		for _, units := range []int{1, 37, 600} {
			ix, d := replicateCase(t, rng, kind, units)
			p, err := ix.scenarios(d, RobustnessOptions{Seed: 8, WeightSpread: .4})
			if err != nil {
				t.Fatal(err)
			}
			r := p.newReplicator()
			for i := range 5 {
				r.run([sources]uint64{weightSource: replicateKey(8, i, weightSource)})
				spec := ix.Spec()
				for a := range spec.Tree.Children {
					n := &spec.Tree.Children[a]
					n.Weight = r.weights[1+3*a]
					for b := range n.Children {
						n.Children[b].Weight = r.weights[2+3*a+b]
					}
				}
				rebuilt, err := New(spec)
				if err != nil {
					t.Fatal(err)
				}
				list, err := rebuilt.Standings(rebuilt.Score(d, KeepRoot), nil)
				if err != nil {
					t.Fatal(err)
				}
				byUnit := map[int]Standing{}
				for _, s := range list {
					byUnit[s.Unit] = s
				}
				for e, u := range r.simulation.units {
					s := byUnit[u]
					if r.simulation.score[e] != s.Score || int(r.simulation.rank[e]) != s.Rank ||
						ix.spec.Grades[r.simulation.grade[e]].Code != s.Grade {
						t.Fatalf("%s, unit %d: %v at %d, rebuilt %+v", kind, u, r.simulation.score[e], r.simulation.rank[e], s)
					}
				}
			}
		}
	}
}

// replicateCase has four nodes of two leaves, missing values in one class of units
// and no unit that loses its score by coverage.
func replicateCase(t *testing.T, rng *rand.Rand, kind AggregationKind, units int) (*Index, Data) {
	t.Helper()
	a := Aggregation{Kind: kind}
	spec := Spec{Decimals: 1, Ranking: Dense, Tree: Node{Code: "index", Aggregation: a}, Grades: []Grade{
		{Code: "A", From: 55, MaxShare: new(.25)}, {Code: "B", From: 45}, {Code: "C"},
	}}
	d := Data{Columns: make([][]float64, 8)}
	for u := range units {
		d.Units = append(d.Units, strconv.Itoa(u))
	}
	for i := range 4 {
		n := Node{Code: strconv.Itoa(i), Weight: 1 + rng.Float64(), Aggregation: a}
		for j := range 2 {
			n.Children = append(n.Children, Node{
				Code: n.Code + "." + strconv.Itoa(j), Weight: 1 + rng.Float64(), Rule: &Percentile{},
			})
			for range units {
				x := rng.Float64()
				if rng.IntN(20) == 0 {
					x = math.NaN()
				}
				d.Columns[2*i+j] = append(d.Columns[2*i+j], x)
			}
		}
		spec.Tree.Children = append(spec.Tree.Children, n)
	}
	ix, err := New(spec)
	if err != nil {
		t.Fatal(err)
	}
	return ix, d
}
