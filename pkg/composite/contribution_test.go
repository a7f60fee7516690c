package composite_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

func TestContributionsSumToTheBase(t *testing.T) {
	explainedUnits, negative, methods := 0, 0, map[string]int{}
	for seed := range manySchemes() {
		e, ix, data := drawExplained(t, newSeeded(seed), allAggregations)
		for u := range data.Units {
			c, ok := e.Contributions(u)
			s, _ := e.Standing(u)
			if ok != (s.Status == composite.UnitScored) {
				t.Fatalf("seed %d: %v of %+v", seed, ok, s)
			}
			if !ok {
				continue
			}
			explainedUnits++
			sum, scale := 0.0, math.Abs(s.Base)
			for n, info := range ix.Nodes() {
				p := c.Nodes[n]
				scale = max(scale, math.Abs(p.Points))
				if info.Leaf {
					sum += p.Points
				}
				if p.Points < -1e-9 {
					negative++
				}
				if !close9(p.Points+p.Lost, 100*p.Weight) && math.Abs(p.Lost) < 1e6 {
					t.Fatalf("seed %d, %s: %+v", seed, info.Code, p)
				}
				if info.Leaf != (p.Method == "") && p.Present {
					t.Fatalf("seed %d, %s: method %q", seed, info.Code, p.Method)
				}
				methods[string(p.Method)]++
			}
			if math.Abs(sum-s.Base) > 1e-9*max(1, scale/100) || math.Abs(c.Nodes[0].Points-s.Base) > 1e-9*max(1, scale/100) {
				t.Fatalf("seed %d: leaves sum to %v, root %v, base %v", seed, sum, c.Nodes[0].Points, s.Base)
			}
			if math.Abs(c.Residual) > 1e-9*max(1, scale/100) {
				t.Fatalf("seed %d: residual %v", seed, c.Residual)
			}
		}
	}
	t.Log(explainedUnits, "units,", negative, "negative,", methods)
	if explainedUnits < int(manySchemes()) || methods["log_share"] == 0 || methods["shapley"] == 0 {
		t.Fatal("the draw is too tame")
	}
}

// Along arithmetic means a contribution is the effective weight among what is
// present × the score.
func TestContributionsOfArithmeticMeans(t *testing.T) {
	for seed := range uint64(2000) {
		e, ix, data := drawExplained(t, newSeeded(seed), []composite.AggregationKind{composite.Arithmetic})
		for u := range data.Units {
			c, ok := e.Contributions(u)
			if !ok {
				continue
			}
			for n, info := range ix.Nodes() {
				p := c.Nodes[n]
				if !close9(p.Points, p.Weight*p.Score) {
					t.Fatalf("seed %d, %s: %v is not %v × %v", seed, info.Code, p.Points, p.Weight, p.Score)
				}
			}
		}
	}
}

func flat(kind composite.AggregationKind, p float64, weights []float64) composite.Node {
	root := composite.Node{Code: "index", Aggregation: composite.Aggregation{Kind: kind, P: p}}
	for i, w := range weights {
		root.Children = append(root.Children,
			composite.Node{Code: fmt.Sprint("x", i), Weight: w, Rule: &composite.PointsRule{Max: 100}})
	}
	return root
}

// one explains a single unit with the scores.
func one(t testing.TB, tree composite.Node, scores []float64) *composite.Explainer {
	t.Helper()
	ix, err := composite.New(composite.Spec{Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	data := composite.Data{Units: []string{"u"}}
	for _, s := range scores {
		data.Columns = append(data.Columns, []float64{s})
	}
	if err := ix.Check(data); err != nil {
		t.Fatal(err)
	}
	e, err := ix.Score(data, composite.KeepAll).Explain(nil)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mean is an aggregate worked out on its own.
func mean(kind composite.AggregationKind, p float64, x, w []float64) float64 {
	switch kind {
	case composite.Geometric:
		return stats.GeometricMean(x, w)
	case composite.Harmonic:
		return stats.HarmonicMean(x, w)
	case composite.Power:
		return stats.PowerMean(x, w, p)
	case composite.Penalised:
		return stats.PenalisedMean(x, w)
	case composite.Minimum:
		return slices.Min(x)
	}
	return stats.ArithmeticMean(x, w)
}

// byPermutations is the Shapley value by its definition: every order of the children.
func byPermutations(value func(set []bool) float64, n int) []float64 {
	loss, order, orders := make([]float64, n), indices(n), 0
	var permute func(k int)
	permute = func(k int) {
		if k < n {
			for i := k; i < n; i++ {
				order[k], order[i] = order[i], order[k]
				permute(k + 1)
				order[k], order[i] = order[i], order[k]
			}
			return
		}
		orders++
		set := make([]bool, n)
		for last, i := value(set), 0; i < n; i++ {
			set[order[i]] = true
			next := value(set)
			loss[order[i]] += next - last
			last = next
		}
	}
	permute(0)
	for i := range loss {
		loss[i] /= float64(orders)
	}
	return loss
}

func TestShapleyAgainstAllOrders(t *testing.T) {
	d := newSeeded(1)
	for range 400 {
		kind := allAggregations[d.intn(len(allAggregations))]
		p := []float64{-2, .5, 2, 3}[d.intn(4)]
		var x, w []float64
		for range 1 + d.intn(6) {
			x, w = append(x, float64(d.intn(5)*25)), append(w, d.number(.5, 4))
		}
		tree := flat(kind, p, w)
		if kind != composite.Power {
			tree.Aggregation.P = 0
		}
		c, ok := one(t, tree, x).Contributions(0)
		if !ok {
			t.Fatal("no contributions")
		}
		want := byPermutations(func(set []bool) float64 {
			scores := make([]float64, len(x))
			for i := range scores {
				if scores[i] = 100; set[i] {
					scores[i] = x[i]
				}
			}
			return 100 - mean(kind, p, scores, w)
		}, len(x))
		for i := range x {
			if math.Abs(c.Nodes[1+i].Lost-want[i]) > 1e-9 {
				t.Fatalf("%s of %v with %v: child %d loses %v, want %v", kind, x, w, i, c.Nodes[1+i].Lost, want[i])
			}
		}
	}
}

// Worked by hand. Minimum of 20 and 80, either first: 20 loses 80 or 60, 80 loses 0
// or 20, and each has 50 of the full points. Geometric mean of 0 and 25: 0 loses 100
// or 50, 25 loses 0 or 50. Harmonic mean of 50 and 100: 50 alone loses it all.
func TestContributionsByHand(t *testing.T) {
	for _, test := range []struct {
		kind   composite.AggregationKind
		x      []float64
		points []float64
	}{
		{composite.Minimum, []float64{20, 80}, []float64{50 - 70, 50 - 10}},
		{composite.Geometric, []float64{0, 25}, []float64{50 - 75, 50 - 25}},
		{composite.Geometric, []float64{100, 100}, []float64{50, 50}},
		{composite.Harmonic, []float64{50, 100}, []float64{50 - 100./3, 50}},
		{composite.Penalised, []float64{100, 0}, []float64{50, 50 - 65}},
		{composite.Arithmetic, []float64{30, 70}, []float64{15, 35}},
	} {
		c, _ := one(t, flat(test.kind, 0, []float64{1, 1}), test.x).Contributions(0)
		for i, want := range test.points {
			if got := c.Nodes[1+i].Points; math.Abs(got-want) > 1e-9 {
				t.Errorf("%s of %v: child %d carries %v, want %v", test.kind, test.x, i, got, want)
			}
		}
	}
}

// Twins lose the same, and who is at 100 loses nothing, by either method.
func TestSymmetryAndNullPlayer(t *testing.T) {
	d := newSeeded(2)
	for range 500 {
		kind := allAggregations[d.intn(len(allAggregations))]
		n := 3 + d.intn(13)
		x, w := make([]float64, n), make([]float64, n)
		for i := range x {
			x[i], w[i] = math.Floor(d.number(0, 100)), d.number(.5, 4)
		}
		x[0], w[0] = x[1], w[1]
		x[2] = 100
		tree := flat(kind, 0, w)
		if kind == composite.Power {
			tree.Aggregation.P = 2
		}
		c, _ := one(t, tree, x).Contributions(0)
		if math.Abs(c.Nodes[1].Lost-c.Nodes[2].Lost) > 1e-9 {
			t.Fatalf("%s of %v: twins lose %v and %v", kind, x, c.Nodes[1].Lost, c.Nodes[2].Lost)
		}
		if math.Abs(c.Nodes[3].Lost) > 1e-9 {
			t.Fatalf("%s of %v: a 100 loses %v", kind, x, c.Nodes[3].Lost)
		}
	}
}

// The logarithmic mean Divisia form, for a geometric mean of many.
func TestLogShare(t *testing.T) {
	x, w := make([]float64, 14), make([]float64, 14)
	for i := range x {
		x[i], w[i] = float64(30+5*i), float64(1+i%3)
	}
	c, _ := one(t, flat(composite.Geometric, 0, w), x).Contributions(0)
	if c.Nodes[0].Method != "log_share" {
		t.Fatal(c.Nodes[0].Method)
	}
	total := 0.0
	for _, v := range w {
		total += v
	}
	logarithmic := (100 - c.Base) / math.Log(100/c.Base)
	for i := range x {
		if want := logarithmic * w[i] / total * math.Log(100/x[i]); math.Abs(c.Nodes[1+i].Lost-want) > 1e-9 {
			t.Errorf("child %d loses %v, want %v", i, c.Nodes[1+i].Lost, want)
		}
	}
	// Nobody below 100: shares of nothing.
	c, _ = one(t, flat(composite.Geometric, 0, w), slices.Repeat([]float64{100}, 14)).Contributions(0)
	for i := range x {
		if got := c.Nodes[1+i]; math.Abs(got.Lost) > 1e-9 || math.Abs(got.Points-100*w[i]/total) > 1e-9 {
			t.Errorf("%+v", got)
		}
	}
}

// The weights of a minimum play no part in what its children have to carry.
func TestContributionsOfAMinimum(t *testing.T) {
	c, _ := one(t, flat(composite.Minimum, 0, []float64{9, 1}), []float64{20, 80}).Contributions(0)
	if a, b := c.Nodes[1], c.Nodes[2]; a.Weight != .5 || a.Points != -20 || b.Weight != .5 || b.Points != 40 {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestContributionsOfNobody(t *testing.T) {
	e := one(t, flat(composite.Arithmetic, 0, []float64{1, 1}), []float64{math.NaN(), math.NaN()})
	for _, u := range []int{-1, 0, 1} {
		if c, ok := e.Contributions(u); ok || c != nil {
			t.Errorf("unit %d: %+v", u, c)
		}
		if e.Gains(u) != nil || e.Comparisons(u, composite.ComparisonOptions{}) != nil || e.Neighbours(u, 5, true) != nil {
			t.Errorf("unit %d is explained", u)
		}
		if p := e.PathToRank(u, nil); p.Status != composite.PathUnscored {
			t.Errorf("%+v", p)
		}
		if p := e.PathToGrade(u, nil); p.Status != composite.PathUnscored {
			t.Errorf("%+v", p)
		}
	}
	if c, ok := one(t, composite.Node{Code: "x", Rule: &composite.PointsRule{Max: 10}},
		[]float64{7}).Contributions(0); !ok || c.Nodes[0].Points != 70 {
		t.Errorf("a tree of one leaf: %+v", c)
	}
}
