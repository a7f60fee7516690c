package composite_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"bulwark/pkg/composite"
)

// The tree of the benchmarks: 26 indicators in five dimensions, three levels.
var benchTree = [][]float64{
	{4, 4, 4, 3, 4, 2, 2, 2}, {6, 4, 5, 5}, {5, 3, 4, 5, 4, 4}, {4, 6, 3, 2}, {6, 3, 3, 3},
}

const benchColumns = 26

func benchIndex(tb testing.TB, kind composite.AggregationKind) *composite.Index {
	tb.Helper()
	aggregation := composite.Aggregation{Kind: kind}
	root := composite.Node{Code: "index", Aggregation: aggregation}
	for d, weights := range benchTree {
		dimension := composite.Node{Code: fmt.Sprint("d", d), Aggregation: aggregation}
		for i, w := range weights {
			dimension.Weight += w
			dimension.Children = append(dimension.Children, composite.Node{
				Code: fmt.Sprint("d", d, ".", i), Weight: w, Rule: &composite.Goalposts{Low: 20, High: 95},
			})
		}
		root.Children = append(root.Children, dimension)
	}
	ix, err := composite.New(composite.Spec{Decimals: 2, MinCoverage: 0.8, Tree: root})
	if err != nil {
		tb.Fatal(err)
	}
	return ix
}

func benchData(units int, missing float64) composite.Data {
	rng := rand.New(rand.NewPCG(1, 2))
	d := composite.Data{Units: make([]string, units), Columns: make([][]float64, benchColumns)}
	for i := range d.Units {
		d.Units[i] = strconv.Itoa(i)
	}
	for c := range d.Columns {
		d.Columns[c] = make([]float64, units)
		for i := range d.Columns[c] {
			d.Columns[c][i] = math.Round(rng.Float64()*1000) / 10
			if rng.Float64() < missing {
				d.Columns[c][i] = math.NaN()
			}
		}
	}
	return d
}

// tightGeometric is what one would write by hand for this tree, these rules and the
// geometric mean, and nothing else: the same outputs (root, dimensions, coverage,
// status), missing values included.
func tightGeometric(columns [][]float64, units int) (scores [6][]float64, coverage []float64, status []uint8) {
	for n := range scores {
		scores[n] = make([]float64, units)
	}
	coverage, status = make([]float64, units), make([]uint8, units)
	for i := range units {
		c := 0
		var root, rootWeight, entered float64
		for d, weights := range benchTree {
			var sum, total float64
			for _, w := range weights {
				x := columns[c][i]
				c++
				if x != x {
					continue
				}
				sum += w * math.Log(min(max(100*(x-20)/(95-20), 0), 100)) // of 0: −∞, and 0 again by Exp
				total += w
			}
			sum /= total
			scores[d+1][i] = math.Exp(sum)
			if total > 0 {
				entered += total
				root += benchWeight[d] * sum
				rootWeight += benchWeight[d]
			}
		}
		scores[0][i] = math.Exp(root / rootWeight)
		if coverage[i] = entered / 100; coverage[i] < 0.8 {
			status[i] = 1
			scores[0][i] = math.NaN()
		}
	}
	return scores, coverage, status
}

// tight is the same for the arithmetic mean, column by column in blocks that stay in
// the cache, which was faster by hand than unit by unit.
func tight(columns [][]float64, units int) (scores [6][]float64, coverage []float64, status []uint8) {
	for n := range scores {
		scores[n] = make([]float64, units)
	}
	coverage, status = make([]float64, units), make([]uint8, units)
	var weight [256]float64
	var rootWeight [256]float64
	for lo := 0; lo < units; lo += 256 {
		hi := min(lo+256, units)
		c := 0
		root, covered := scores[0][lo:hi], coverage[lo:hi]
		clear(rootWeight[:])
		for d, weights := range benchTree {
			clear(weight[:])
			sum := scores[d+1][lo:hi]
			for _, w := range weights {
				column := columns[c][lo:hi]
				column = column[:len(sum)]
				total := weight[:len(sum)]
				c++
				for i, x := range column {
					if x != x {
						continue
					}
					s := min(max(100*(x-20)/(95-20), 0), 100)
					sum[i] += w * s
					total[i] += w
				}
			}
			w := benchWeight[d]
			for i := range sum {
				if weight[i] == 0 {
					sum[i] = math.NaN()
					continue
				}
				sum[i] /= weight[i]
				covered[i] += weight[i]
				root[i] += w * sum[i]
				rootWeight[i] += w
			}
		}
		for i := range root {
			root[i] /= rootWeight[i]
			if covered[i] /= 100; covered[i] < 0.8 {
				status[lo+i] = 1
				root[i] = math.NaN()
			}
		}
	}
	return scores, coverage, status
}

var benchWeight = [5]float64{25, 20, 25, 15, 15}

// BenchmarkScore sets Score beside a loop written by hand for the same work, in the
// same run; their ratio is the figure to look at.
func BenchmarkScore(b *testing.B) {
	hand := map[composite.AggregationKind]func([][]float64, int) ([6][]float64, []float64, []uint8){
		composite.Arithmetic: tight, composite.Geometric: tightGeometric,
	}
	for _, kind := range []composite.AggregationKind{composite.Arithmetic, composite.Geometric} {
		ix := benchIndex(b, kind)
		for _, missing := range []float64{0, .01} {
			for _, units := range []int{40, 26_000, 620_000} {
				d := benchData(units, missing)
				name := fmt.Sprintf("%s/missing=%v/units=%d/by=", kind, missing, units)
				b.Run(name+"composite", func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						ix.Score(d, 1)
					}
				})
				b.Run(name+"hand", func(b *testing.B) {
					for b.Loop() {
						hand[kind](d.Columns, units)
					}
				})
			}
		}
	}
}

// BenchmarkReweigh is the inner loop of a Monte-Carlo run over weights: one operation
// is 1000 drawings for 1000 units.
func BenchmarkReweigh(b *testing.B) {
	ix := benchIndex(b, composite.Arithmetic)
	r := ix.Score(benchData(1000, .01), composite.KeepAll)
	var weights []float64
	for _, n := range ix.Nodes() {
		weights = append(weights, n.Weight)
	}
	dst := make([]float64, r.Units())
	b.ReportAllocs()
	for b.Loop() {
		for range 1000 {
			if !r.Reweigh(dst, weights) {
				b.Fatal("refused")
			}
		}
	}
}

// BenchmarkPeers scores with rules that sort each column.
func BenchmarkPeers(b *testing.B) {
	spec := benchIndex(b, composite.Arithmetic).Spec()
	for _, dimension := range spec.Tree.Children {
		for i := range dimension.Children {
			dimension.Children[i].Rule = &composite.Percentile{}
		}
	}
	ix, err := composite.New(spec)
	if err != nil {
		b.Fatal(err)
	}
	for _, units := range []int{40, 26_000} {
		d := benchData(units, 0)
		b.Run(fmt.Sprint("units=", units), func(b *testing.B) {
			for b.Loop() {
				ix.Score(d, 1)
			}
		})
	}
}

func BenchmarkStandings(b *testing.B) {
	ix := benchIndex(b, composite.Arithmetic)
	for _, units := range []int{40, 26_000, 620_000} {
		r := ix.Score(benchData(units, 0), composite.KeepRoot)
		b.Run(fmt.Sprint("units=", units), func(b *testing.B) {
			for b.Loop() {
				if _, err := ix.Standings(r, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The hand-written loops do the work that they are compared for.
func TestHandWrittenLoopsAgree(t *testing.T) {
	const units = 1000
	d := benchData(units, .05)
	for kind, hand := range map[composite.AggregationKind]func([][]float64, int) ([6][]float64, []float64, []uint8){
		composite.Arithmetic: tight, composite.Geometric: tightGeometric,
	} {
		r := benchIndex(t, kind).Score(d, 1)
		scores, coverage, status := hand(d.Columns, units)
		for u := range units {
			got, _ := r.Coverage(0, u)
			if !near(got, coverage[u], 1e-12) || uint8(r.Status(u)) != status[u] && !near(got, .8, 1e-12) {
				t.Fatalf("%s: unit %d has coverage %v %v, by hand %v", kind, u, got, r.Status(u), coverage[u])
			}
			if base, ok := r.Base(u); ok && !near(base, scores[0][u], 2e-10) {
				t.Fatalf("%s: unit %d has %v, by hand %v", kind, u, base, scores[0][u])
			}
		}
	}
}

// The memory of a run grows by columns, not by units: no allocation is one unit's.
func TestAllocationsDoNotGrowWithUnits(t *testing.T) {
	ix := benchIndex(t, composite.Arithmetic)
	count := func(units int) float64 {
		d := benchData(units, .01)
		return testing.AllocsPerRun(3, func() { ix.Score(d, 1) })
	}
	if few, many := count(300), count(30_000); many > few {
		t.Errorf("%v allocations for 300 units, %v for 30000", few, many)
	}
}
