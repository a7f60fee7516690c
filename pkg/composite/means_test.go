package composite_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// A sum of points out of 1,000: the figure, its grade and its contributions are points.
func ExampleSum() {
	ix, _ := composite.New(composite.Spec{
		Scale: 1000, Grades: []composite.Grade{{Code: "good", From: 700}, {Code: "fair"}},
		Tree: composite.Node{Code: "index", Aggregation: composite.Aggregation{Kind: composite.Sum}, Children: []composite.Node{
			{Code: "work", Weight: 600, Rule: &composite.PointsRule{Max: 100}},
			{Code: "spirit", Weight: 400, Rule: &composite.PointsRule{Max: 100}},
		}},
	})
	d := composite.Data{Units: []string{"a", "b"}, Columns: [][]float64{{80, 80}, {60, math.NaN()}}}
	e, _ := ix.Score(d, composite.KeepAll).Explain(nil)
	for _, s := range e.Standings() {
		fmt.Println(d.Units[s.Unit], s.Score, s.Grade)
	}
	c, _ := e.Contributions(0)
	fmt.Println(c.Nodes[1].Points, c.Nodes[1].Lost, c.Nodes[2].Points, c.Nodes[2].Lost)
	// Output:
	// b 800 good
	// a 720 good
	// 480 120 240 160
}

// Half of the weight is reached at 60: the lower weighted median.
func ExampleMedian() {
	fmt.Println(stats.LowerMedian([]float64{90, 40, 60}, []float64{2, 1, 1}))
	fmt.Println(stats.LowerMedian([]float64{90, 40, 60, 70}, nil))
	// Output:
	// 60
	// 60
}

// The highest child that has a value; weights play no part.
func ExampleMaximum() {
	a := composite.Aggregation{Kind: composite.Maximum}
	scores, _ := a.Aggregate([][]float64{{90, math.NaN()}, {40, 70}}, []float64{1, 3})
	fmt.Println(scores)
	// Output: [90 70]
}

// Where the capital of Tennessee should be, by voters in four places (Wikipedia, "Copeland's method"): Memphis,
// Nashville, Chattanooga, Knoxville. Nashville wins all three pairs, Memphis loses all three.
func ExampleCopeland() {
	ballots := [][]float64{{4, 3, 2, 1}, {1, 4, 3, 2}, {1, 2, 4, 3}, {1, 2, 3, 4}}
	a := composite.Aggregation{Kind: composite.Copeland}
	scores, _ := a.Aggregate(ballots, []float64{42, 26, 15, 17})
	fmt.Printf("%.2f\n", scores)
	// Output: [0.00 100.00 66.67 33.33]
}

var newMeans = []composite.AggregationKind{composite.Sum, composite.Median, composite.Maximum, composite.Copeland}

// drawMean draws one node of the kind over points, and data without and with gaps.
func drawMean(t *rapid.T, kind composite.AggregationKind) (*composite.Index, composite.Data) {
	d := rapidDrawer{t}
	children, units, left := 1+d.intn(5), 1+d.intn(9), 100
	tree := composite.Node{Code: "i", Aggregation: composite.Aggregation{Kind: kind}}
	data := composite.Data{}
	for u := range units {
		data.Units = append(data.Units, fmt.Sprint("u", u))
	}
	for c := range children {
		weight := 1 + d.intn(max(1, left-children))
		if c == children-1 {
			weight = left
		}
		left -= weight
		tree.Children = append(tree.Children, points(fmt.Sprint("c", c), float64(weight)))
		column := make([]float64, units)
		for u := range column {
			if column[u] = float64(d.intn(101)); d.intn(6) == 0 {
				column[u] = nan
			}
		}
		data.Columns = append(data.Columns, column)
	}
	ix, err := composite.New(composite.Spec{Tree: tree})
	if err != nil {
		t.Fatal(err)
	}
	return ix, data
}

func TestNewMeans(t *testing.T) {
	for _, kind := range newMeans {
		t.Run(string(kind), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				ix, d := drawMean(t, kind)
				r := ix.Score(d, composite.KeepAll)
				u := rapidDrawer{t}.intn(len(d.Units))
				was, ok := r.Base(u)
				if ok && !(was >= 0 && was <= 100+1e-9) {
					t.Fatalf("the score is %v", was)
				}
				for other := range d.Units { // equal children, equal score
					same := !slices.ContainsFunc(d.Columns, func(x []float64) bool {
						return x[u] != x[other] && (x[u] == x[u] || x[other] == x[other])
					})
					if x, has := r.Base(other); same && (x != was || has != ok) {
						t.Fatalf("equal children score %v and %v", was, x)
					}
				}
				wantPermuted(t, ix, d, r)
				c := rapidDrawer{t}.intn(len(d.Columns))
				if x := d.Columns[c][u]; x == x { // a better child is never worse
					better := d
					better.Columns = slices.Clone(d.Columns)
					better.Columns[c] = slices.Clone(d.Columns[c])
					better.Columns[c][u] = min(100, x+17)
					if now, _ := ix.Score(better, composite.KeepAll).Base(u); now < was-1e-9 {
						t.Fatalf("a better child lowers %v to %v", was, now)
					}
				}
				if kind != composite.Copeland {
					wantEqualChildren(t, ix, d)
				}
				wantContributions(t, ix, r, kind)
			})
		})
	}
}

func wantPermuted(t *rapid.T, ix *composite.Index, d composite.Data, r *composite.Result) {
	turned := composite.Data{Units: slices.Clone(d.Units)}
	slices.Reverse(turned.Units)
	for _, x := range d.Columns {
		turned.Columns = append(turned.Columns, slices.Clone(x))
		slices.Reverse(turned.Columns[len(turned.Columns)-1])
	}
	s := ix.Score(turned, composite.KeepAll)
	for u := range d.Units {
		a, _ := r.Base(u)
		if b, _ := s.Base(len(d.Units) - 1 - u); a != b {
			t.Fatalf("in another order %s has %v, not %v", d.Units[u], b, a)
		}
	}
}

// wantEqualChildren sets one score for every child of a unit: it is that of the node.
func wantEqualChildren(t *rapid.T, ix *composite.Index, d composite.Data) {
	d.Columns = slices.Clone(d.Columns)
	for c := range d.Columns {
		d.Columns[c] = slices.Repeat([]float64{37}, len(d.Units))
	}
	if x, _ := ix.Score(d, composite.KeepRoot).Base(0); math.Abs(x-37) > 1e-9 {
		t.Fatalf("children of 37 make %v", x)
	}
}

// wantContributions compares with the Shapley value by its definition.
func wantContributions(t *rapid.T, ix *composite.Index, r *composite.Result, kind composite.AggregationKind) {
	e, err := r.Explain(nil)
	if err != nil {
		t.Fatal(err)
	}
	for u := range r.Units() {
		c, ok := e.Contributions(u)
		if !ok {
			continue
		}
		if math.Abs(c.Residual) > 1e-9 {
			t.Fatalf("a residual of %v", c.Residual)
		}
		sum := 0.0
		for n := 1; n < len(c.Nodes); n++ {
			sum += c.Nodes[n].Points
			if c.Nodes[n].Undivided {
				t.Fatalf("%s with %d children is not divided", kind, len(c.Nodes)-1)
			}
		}
		if math.Abs(sum-c.Base) > 1e-9 {
			t.Fatalf("points sum to %v, not to %v", sum, c.Base)
		}
	}
}

// Beyond 12 children there are no contributions, except for the sum, whose Shapley values have a formula.
func TestContributionsOfManyChildren(t *testing.T) {
	for _, kind := range newMeans {
		scores, tree := []float64{}, composite.Node{Code: "i", Aggregation: composite.Aggregation{Kind: kind}}
		for c := range 13 {
			tree.Children = append(tree.Children, points(fmt.Sprint("c", c), 1))
			scores = append(scores, float64(c*7))
		}
		e := one(t, tree, scores)
		c, ok := e.Contributions(0)
		if !ok || c.Nodes[0].Points != c.Base {
			t.Fatalf("%s: the root carries %v of %v", kind, c.Nodes[0].Points, c.Base)
		}
		if divided := kind == composite.Sum; c.Nodes[5].Undivided == divided || (c.Nodes[0].Method == "none") == divided {
			t.Errorf("%s: %+v under %+v", kind, c.Nodes[5], c.Nodes[0])
		}
	}
}

func TestCopelandIsBounded(t *testing.T) {
	ix := mustNew(t, composite.Spec{Tree: node("i", 0, composite.Aggregation{Kind: composite.Copeland}, points("a", 1))})
	if !ix.Relative() {
		t.Error("a Copeland score does not depend on the others")
	}
	d := composite.Data{Units: make([]string, 2001), Columns: [][]float64{make([]float64, 2001)}}
	for u := range d.Units {
		d.Units[u] = fmt.Sprint(u)
	}
	f, ok := ix.Check(d).(*composite.DataFaults)
	if !ok || f.Faults[0].Code != "too_many_units" {
		t.Errorf("2,001 units: %v", f)
	}
	d.Units, d.Columns[0] = d.Units[:2000], d.Columns[0][:2000]
	if err := ix.Check(d); err != nil {
		t.Errorf("2,000 units: %v", err)
	}
	// Gains and paths skip it and say so.
	d.Units, d.Columns[0] = d.Units[:3], []float64{10, 20, 30}
	e, err := ix.Score(d, composite.KeepRoot).Explain(nil)
	if err != nil {
		t.Fatal(err)
	}
	if g := e.Gains(0); len(g) != 1 || !g[0].Compared || g[0].Goal != nil || g[0].Best != nil {
		t.Errorf("gains %+v", g)
	}
	if p := e.PathToRank(0, nil); p.Status != composite.PathNotComputed || p.Exact {
		t.Errorf("path %+v", p)
	}
}

func TestScaleFaults(t *testing.T) {
	sum := composite.Aggregation{Kind: composite.Sum}
	for _, tt := range []struct {
		pointer, code string
		spec          composite.Spec
	}{
		{"/scale", "scale_without_sum", composite.Spec{Scale: 1000, Tree: points("a", 0)}},
		{"/scale", "scale_out_of_range", composite.Spec{Scale: .5, Tree: node("i", 0, sum, points("a", 1))}},
		{"/scale", "scale_out_of_range", composite.Spec{Scale: 1000, Decimals: 9, Tree: node("i", 0, sum, points("a", 1))}},
		{
			"/grades/0/from", "beyond_scale",
			composite.Spec{Scale: 150, Grades: []composite.Grade{{Code: "a", From: 151}, {Code: "b"}}, Tree: node("i", 0, sum, points("a", 1))},
		},
		{
			"/tree/children/0/aggregation/kind", "sum_not_100",
			composite.Spec{Tree: node("i", 0, composite.Aggregation{}, node("j", 1, sum, points("a", 30), points("b", 60)))},
		},
	} {
		_, err := composite.New(tt.spec)
		if f, ok := err.(composite.Faults); !ok || len(f) != 1 || f[0].Pointer != tt.pointer || f[0].Code != tt.code {
			t.Errorf("%v, want %s at %s alone", err, tt.code, tt.pointer)
		}
	}
}

func TestAlternativesLeftOut(t *testing.T) {
	ix := mustNew(t, composite.Spec{Scale: 200, Tree: node("i", 0, composite.Aggregation{Kind: composite.Sum},
		points("a", 100), composite.Node{Code: "l", Weight: 100, Rule: &composite.Levels{Levels: map[string]float64{"no": 0, "yes": 100}}})})
	d := composite.Data{Units: []string{"u", "v"}, Columns: [][]float64{{50, 100}, {1, 0}}}
	rb, err := ix.Robustness(d, composite.RobustnessOptions{
		Replicates: 200,
		Aggregations: []composite.Aggregation{
			{Kind: composite.Arithmetic},
			{Kind: composite.Geometric},
			{Kind: composite.Geometric},
			{Kind: composite.Median},
			{Kind: composite.Maximum},
			{Kind: composite.Copeland},
		},
		Missing: []composite.MissingKind{composite.PeerMean},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, x := range rb.LeftOut {
		got = append(got, fmt.Sprint(x.Source, x.Place, x.Reason, x.Kept))
	}
	want := []string{"missing0kept[1]", "aggregation0own[]", "aggregation2repeated[]"}
	if !slices.Equal(got, want) {
		t.Errorf("left out %v, want %v", got, want)
	}
	// Every alternative is on the scale of the scheme: the highest child of u is 100, that is 200 points.
	if rb.Units[0].ScoreHigh != 200 {
		t.Errorf("u has at most %v points", rb.Units[0].ScoreHigh)
	}
}

// The example of COINr's Treat: 1 to 10, 30 and 100.
var outlying = []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 30, 100}

func TestTreatByTransform(t *testing.T) {
	used := func(treat composite.Treatment, x []float64) []float64 {
		d := composite.Data{Columns: [][]float64{x}}
		for i := range x {
			d.Units = append(d.Units, fmt.Sprint(i))
		}
		r := score(t, mustNew(t, composite.Spec{Tree: composite.Node{Code: "v", Rule: &composite.MinMax{}, Treat: &treat}}), d)
		values := make([]float64, len(x))
		for u := range x {
			values[u] = r.Cell(0, u).Used
		}
		return values
	}
	want := func(f func(x float64) float64, x []float64) []float64 {
		values := make([]float64, len(x))
		for u := range x {
			values[u] = f(x[u])
		}
		return values
	}
	logCT := func(x float64) float64 { return math.Log(x - 1 + .01*99) }
	wantCells(t, "log", used(composite.Treatment{Kind: "log"}, outlying), want(logCT, outlying))
	square := func(x float64) float64 { return (x*x - 1) / 2 }
	for u, x := range used(composite.Treatment{Kind: "boxcox", Lambda: new(2.)}, outlying) {
		if y := square(outlying[u]); !near(x, y, 1e-9) {
			t.Errorf("λ = 2: %v is %v, want %v", outlying[u], x, y)
		}
	}
	wantCells(t, "λ = 0", used(composite.Treatment{Kind: "boxcox", Lambda: new(0.)}, outlying), want(math.Log, outlying))
	calm := outlying[:10]
	wantCells(t, "passes", used(composite.Treatment{Kind: "log"}, calm), calm)
	wantCells(t, "tolerant", used(composite.Treatment{Kind: "boxcox", Skew: new(9.)}, outlying), outlying)
}

// The λ of greatest likelihood, by a grid over the likelihood of Box and Cox (1964).
func TestLikeliestLambda(t *testing.T) {
	best, most := 0.0, math.Inf(-1)
	for l := -2.0; l <= 2; l += .0005 {
		var y []float64
		logs := 0.0
		for _, x := range outlying {
			v := math.Log(x)
			if logs += v; l != 0 {
				v = (math.Pow(x, l) - 1) / l
			}
			y = append(y, v)
		}
		_, sd := stats.MeanSD(y)
		if n := float64(len(y)); -n*math.Log(sd)+(l-1)*logs > most {
			best, most = l, -n*math.Log(sd)+(l-1)*logs
		}
	}
	if got := stats.LikeliestLambda(outlying, 0); math.Abs(got-best) > .001 {
		t.Errorf("λ = %v, want %v", got, best)
	}
}

func TestTreatmentFaults(t *testing.T) {
	for code, leaf := range map[string]composite.Node{
		"treatment_changes_unit": {Rule: &composite.Goalposts{High: 1}, Treat: &composite.Treatment{Kind: "log"}},
		"treatment_moves_all":    {Rule: &composite.MinMax{}, Treat: &composite.Treatment{Kind: "log", MaxPoints: new(3)}},
		"lambda_without_boxcox":  {Rule: &composite.MinMax{}, Treat: &composite.Treatment{Kind: "winsorise", Lambda: new(1.)}},
		"lambda_out_of_range":    {Rule: &composite.MinMax{}, Treat: &composite.Treatment{Kind: "boxcox", Lambda: new(6.)}},
		"nothing_to_fit":         {Rule: &composite.Goalposts{High: 1}, Fitted: []composite.Fitted{{N: 1}}},
		"bad_fit":                {Rule: &composite.ZScore{}, Fitted: []composite.Fitted{{N: 2, Low: 1, High: 2}}},
	} {
		leaf.Code = "v"
		_, err := composite.New(composite.Spec{Tree: leaf})
		if f, ok := err.(composite.Faults); !ok || len(f) != 1 || f[0].Code != code {
			t.Errorf("%v, want %s alone", err, code)
		}
	}
}

// Scored by what it was fitted to, a column has the bits that it has among those peers, and whatever others enter later
// changes nothing.
func TestFittedBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDrawer{t}
		relative := []string{"minmax", "zscore", "percentile", "rank", "best", "target", "rank_points"}
		leaf := drawLeaf(d, relative, "v")
		leaf.Missing, leaf.Peers = composite.Missing{}, []composite.Peers{composite.AllPeers, composite.ClassPeers}[d.intn(2)]
		leaf.Treat = []*composite.Treatment{nil, {Kind: "winsorise"}, {Kind: "log"}, {Kind: "boxcox"}}[d.intn(4)]
		ix, err := composite.New(composite.Spec{Tree: leaf})
		if err != nil { // a treatment that changes the unit of the rule
			return
		}
		data := drawData(d, ix, 1+d.intn(12))
		fit := ix.Fit(data)[0]
		if len(fit) == 0 {
			return
		}
		leaf.Fitted = fit
		frozen, err := composite.New(composite.Spec{Tree: leaf})
		if err != nil {
			t.Fatal(err)
		}
		if frozen.Relative() {
			t.Fatal("what was fitted before depends on the others")
		}
		was, is := ix.Score(data, composite.KeepAll), frozen.Score(data, composite.KeepAll)
		for u := range data.Units {
			a, okA := was.Base(u)
			b, okB := is.Base(u)
			if okA != okB || math.Abs(a-b) > 1e-9*max(1, math.Abs(a)) {
				t.Fatalf("%s has %v, among its peers %v: %+v", data.Units[u], b, a, fit)
			}
		}
		alone := composite.Data{Units: data.Units[:1], Columns: [][]float64{data.Columns[0][:1]}}
		if data.Classes != nil {
			alone.Classes = data.Classes[:1]
		}
		if data.NotApplicable != nil && data.NotApplicable[0] != nil {
			alone.NotApplicable = [][]bool{data.NotApplicable[0][:1]}
		}
		if a, _ := is.Base(0); true {
			if b, _ := frozen.Score(alone, composite.KeepAll).Base(0); a != b {
				t.Fatalf("alone it has %v, not %v", b, a)
			}
		}
	})
}

// newMean is a new mean by its definition: of the scores x of a unit among others, under weights w.
func newMean(kind composite.AggregationKind, x, w []float64, others [][]float64) float64 {
	total := 0.0
	for _, v := range w {
		total += v
	}
	switch kind {
	case composite.Sum:
		points := 0.0
		for i := range x {
			points += w[i] * x[i] / 100
		}
		return points
	case composite.Maximum:
		return slices.Max(x)
	case composite.Median: // the lowest of x with half of the weight at or below it
		lowest := math.Inf(1)
		for _, candidate := range x {
			below := 0.0
			for i := range x {
				if x[i] <= candidate {
					below += w[i]
				}
			}
			if 2*below >= total {
				lowest = min(lowest, candidate)
			}
		}
		return lowest
	}
	balance := 0
	for _, other := range others {
		margin := 0.0
		for i := range x {
			switch {
			case x[i] > other[i]:
				margin += w[i]
			case x[i] < other[i]:
				margin -= w[i]
			}
		}
		switch {
		case margin > 0:
			balance++
		case margin < 0:
			balance--
		}
	}
	return 50 + 50*float64(balance)/float64(len(others))
}

// The new means and their contributions against their definitions: every order in which up to seven children leave
// 100 for their own scores. What a Copeland score loses with 100 everywhere, because others have it too, is
// divided by weight.
func TestNewMeansAgainstAllOrders(t *testing.T) {
	d := newSeeded(7)
	unlost := 0
	for i := range 240 {
		kind, children := newMeans[i%len(newMeans)], 1+d.intn(7)
		w, left := make([]float64, children), 100
		for c := range w { // whole numbers that sum to 100, so that no sum of them is a matter of binary digits
			w[c] = float64(1 + d.intn(max(1, left-children+c)))
			if c == children-1 {
				w[c] = float64(left)
			}
			left -= int(w[c])
		}
		units := make([][]float64, 2+d.intn(4))
		data := composite.Data{Columns: make([][]float64, children)}
		for u := range units {
			data.Units = append(data.Units, fmt.Sprint("u", u))
			for c := range children {
				units[u] = append(units[u], float64(d.intn(5)*25))
				data.Columns[c] = append(data.Columns[c], units[u][c])
			}
		}
		ix, err := composite.New(composite.Spec{Tree: flat(kind, 0, w)})
		if err != nil {
			t.Fatal(err)
		}
		e, err := ix.Score(data, composite.KeepAll).Explain(nil)
		if err != nil {
			t.Fatal(err)
		}
		x, others := units[0], units[1:]
		c, ok := e.Contributions(0)
		if want := newMean(kind, x, w, others); !ok || math.Abs(c.Base-want) > 1e-9 {
			t.Fatalf("%s of %v with %v beside %v is %v, want %v", kind, x, w, others, c.Base, want)
		}
		value := func(set []bool) float64 {
			scores := slices.Repeat([]float64{100}, children)
			for i, own := range set {
				if own {
					scores[i] = x[i]
				}
			}
			return 100 - newMean(kind, scores, w, others)
		}
		want, always := byPermutations(value, children), value(make([]bool, children))
		if always > 0 {
			unlost++
		}
		for i := range x {
			if lost := want[i] + always*w[i]/100; math.Abs(c.Nodes[1+i].Lost-lost) > 1e-9 || c.Nodes[1+i].Undivided {
				t.Fatalf("%s of %v with %v beside %v: child %d loses %v, want %v", kind, x, w, others, i, c.Nodes[1+i].Lost, lost)
			}
		}
	}
	if unlost == 0 {
		t.Error("no other unit had 100 everywhere that counts: the draw is too tame")
	}
}
