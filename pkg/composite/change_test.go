package composite_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
)

func TestChangePartsSumToTheChange(t *testing.T) {
	seen := map[composite.ChangeStatus]int{}
	moved := composite.Parts{}
	for seed := range manySchemes() {
		d := newSeeded(seed)
		from, ix, _ := drawExplained(t, d, allAggregations)
		var to *composite.Explainer
		var data composite.Data
		if d.intn(3) == 0 { // the same scheme with other data
			to, _, data = explain(t, d, ix.Spec().Tree, d.intn(8))
		} else {
			to, _, data = drawExplained(t, d, allAggregations)
		}
		for _, unit := range append([]string{"u0", "u5"}, data.Units...) {
			c := from.Compare(to, unit)
			seen[c.Status]++
			sum := c.Parts.Sum()
			scale := max(math.Abs(c.From.Base), math.Abs(c.To.Base), math.Abs(c.Parts.OwnData), math.Abs(c.Parts.Scheme))
			if !(math.Abs(sum-c.Score) <= 1e-9*max(1, scale/100)) {
				t.Fatalf("seed %d, %s: parts %+v sum to %v, not %v", seed, unit, c.Parts, sum, c.Score)
			}
			if (c.Status == composite.Compared) != (c.Leaves != nil) {
				t.Fatalf("seed %d, %s: %+v", seed, unit, c)
			}
			if c.Status != composite.Compared {
				if c.Parts != (composite.Parts{}) || c.Score != 0 {
					t.Fatalf("seed %d, %s: %+v", seed, unit, c)
				}
				continue
			}
			base := 0.0
			for _, l := range c.Leaves {
				base += l.Points
				scale = max(scale, math.Abs(l.Before.Points), math.Abs(l.Now.Points))
			}
			if math.Abs(base-(c.To.Base-c.From.Base)) > 1e-9*max(1, scale/100) {
				t.Fatalf("seed %d, %s: leaves move %v, the base %v", seed, unit, base, c.To.Base-c.From.Base)
			}
			moved.OwnData += math.Abs(c.Parts.OwnData)
			moved.Peers += math.Abs(c.Parts.Peers)
			moved.Scheme += math.Abs(c.Parts.Scheme)
			moved.Imputation += math.Abs(c.Parts.Imputation)
			moved.Adjustments += math.Abs(c.Parts.Adjustments)
			moved.Cut += math.Abs(c.Parts.Cut)
		}
	}
	t.Logf("%v %+v", seen, moved)
	for _, status := range []composite.ChangeStatus{
		composite.Compared, composite.UnitNew, composite.UnitGone, composite.UnitUnknown, composite.UnscoredBefore,
		composite.UnscoredNow, composite.UnscoredBoth,
	} {
		if seen[status] == 0 {
			t.Errorf("never %s", status)
		}
	}
}

// town is a run of four units over a fixed rule, a rule that looks at peers and one
// that is sometimes missing.
type town struct {
	spec        composite.Spec
	data        composite.Data
	adjustments []composite.Adjustment
}

func newTown() *town {
	return &town{
		spec: composite.Spec{
			Decimals: 2,
			Tree: composite.Node{Code: "index", Children: []composite.Node{
				{Code: "fixed", Weight: 2, Rule: &composite.PointsRule{Max: 100}},
				{Code: "peers", Weight: 1, Rule: &composite.MinMax{}},
				{
					Code: "gap", Weight: 1, Rule: &composite.PointsRule{Max: 100},
					Missing: composite.Missing{Kind: composite.PeerMean},
				},
			}},
			Adjustments: composite.Adjustments{
				Bonus:  composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "plus", Points: 2}}},
				Vetoes: []composite.Veto{{Code: "cap", Effect: composite.Effect{Kind: composite.CapScore, Score: 50}}},
			},
			Grades: []composite.Grade{{Code: "good", From: 60}, {Code: "poor"}},
		},
		data: composite.Data{
			Units:   []string{"a", "b", "c", "d"},
			Columns: [][]float64{{60, 70, 80, 90}, {5, 0, 10, 4}, {50, 60, 70, 80}},
		},
	}
}

func (w *town) explain(t testing.TB) *composite.Explainer {
	t.Helper()
	ix, err := composite.New(w.spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := ix.Check(w.data); err != nil {
		t.Fatal(err)
	}
	e, err := ix.Score(w.data, composite.KeepAll).Explain(w.adjustments)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// Each cause alone moves its own part and no other. Unit a starts at
// (2·60 + 50 + 50)/4 = 55.
func TestChangeNamesTheCause(t *testing.T) {
	for _, test := range []struct {
		name string
		edit func(w *town)
		want composite.Parts
	}{
		{"nothing", func(*town) {}, composite.Parts{}},
		{"own value", func(w *town) { w.data.Columns[0][0] = 70 }, composite.Parts{OwnData: 5}},
		{"a peer is better", func(w *town) { w.data.Columns[1][2] = 20 }, composite.Parts{Peers: -6.25}},
		{"the worst peer is gone", func(w *town) {
			w.data.Units = []string{"a", "c", "d"}
			w.data.Columns = [][]float64{{60, 80, 90}, {5, 10, 4}, {50, 70, 80}}
		}, composite.Parts{Peers: 25 * (1./6 - .5), Cut: 46.67 - 140/3.}},
		{"weights", func(w *town) { w.spec.Tree.Children[0].Weight = 6 }, composite.Parts{Scheme: (6*60+50+50)/8. - 55}},
		{"an indicator less", func(w *town) {
			w.spec.Tree.Children = w.spec.Tree.Children[:2]
			w.data.Columns = w.data.Columns[:2]
		}, composite.Parts{Scheme: 170/3. - 55, Cut: 56.67 - 170/3.}},
		{"one more", func(w *town) {
			w.spec.Tree.Children = append(w.spec.Tree.Children,
				composite.Node{Code: "new", Weight: 1, Rule: &composite.PointsRule{Max: 1}})
			w.data.Columns = append(w.data.Columns, []float64{1, 1, 1, 1})
		}, composite.Parts{Scheme: (220+100)/5. - 55}},
		{
			"goalposts instead", func(w *town) { w.spec.Tree.Children[0].Rule = &composite.Goalposts{Low: 20, High: 100} },
			composite.Parts{Scheme: -5},
		},
		{"does not apply", func(w *town) {
			w.data.NotApplicable = [][]bool{nil, nil, {true, false, false, false}}
		}, composite.Parts{Scheme: 170/3. - 55, Cut: 56.67 - 170/3.}},
		{
			"not entered", func(w *town) { w.data.Columns[2][0] = math.NaN() }, composite.Parts{Imputation: (120+50+70)/4. - 55},
		},
		{
			"bonus", func(w *town) { w.adjustments = []composite.Adjustment{{Unit: 0, Code: "plus"}} },
			composite.Parts{Adjustments: 2},
		},
		{"bonus over its cap", func(w *town) {
			w.adjustments = []composite.Adjustment{{Unit: 0, Code: "plus", Points: 4}, {Unit: 0, Code: "plus", Points: 4}}
		}, composite.Parts{Adjustments: 5}},
		{"veto", func(w *town) { w.adjustments = []composite.Adjustment{{Unit: 0, Code: "cap"}} }, composite.Parts{Cut: -5}},
		{"rounding", func(w *town) { w.data.Columns[0][0] = 60.004 }, composite.Parts{OwnData: .002, Cut: -.002}},
		{"own value and weights", func(w *town) {
			w.data.Columns[0][0] = 80 // under the old weights 10 points, under the new ones 15
			w.spec.Tree.Children[0].Weight = 6
		}, composite.Parts{OwnData: 12.5, Scheme: (2.5 + 7.5) / 2}},
	} {
		later := newTown()
		test.edit(later)
		c := newTown().explain(t).Compare(later.explain(t), "a")
		if c.Status != composite.Compared {
			t.Errorf("%s: %s", test.name, c.Status)
		}
		got := []float64{c.Parts.OwnData, c.Parts.Peers, c.Parts.Scheme, c.Parts.Imputation, c.Parts.Adjustments, c.Parts.Cut}
		want := []float64{
			test.want.OwnData, test.want.Peers, test.want.Scheme, test.want.Imputation, test.want.Adjustments, test.want.Cut,
		}
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-9 {
				t.Errorf("%s: %+v, want %+v", test.name, c.Parts, test.want)
				break
			}
		}
	}
}

// A missing value whose policy changes: the mean of b, c and d is 70.
func TestChangeOfPolicy(t *testing.T) {
	early, late := newTown(), newTown()
	early.data.Columns[2] = []float64{math.NaN(), 60, 70, 80}
	late.data.Columns[2] = early.data.Columns[2]
	late.spec.Tree.Children[2].Missing.Kind = composite.Zero
	c := early.explain(t).Compare(late.explain(t), "a")
	if want := -70 / 4.; math.Abs(c.Parts.Imputation-want) > 1e-9 || math.Abs(c.Score-want) > 1e-9 {
		t.Errorf("%+v", c)
	}
	late.spec.Tree.Children[2].Missing.Kind = composite.Fail
	if c := early.explain(t).Compare(late.explain(t), "a"); c.Status != composite.UnscoredNow ||
		c.To.Status != composite.UnitFailed {
		t.Errorf("%+v", c)
	}
	if c := late.explain(t).Compare(late.explain(t), "b"); c.Status != composite.Compared ||
		c.Parts != (composite.Parts{}) {
		t.Errorf("%+v", c)
	}
}

func TestChangeCarried(t *testing.T) {
	early, late := newTown(), newTown()
	for _, w := range []*town{early, late} {
		w.spec.Tree.Children[2].Missing.Kind = composite.Carry
		w.data.Columns[2] = []float64{math.NaN(), 60, 70, 80}
		w.data.Carried = [][]float64{nil, nil, {40, 1, 1, 1}}
	}
	late.data.Carried = [][]float64{nil, nil, {20, 1, 1, 1}}
	if c := early.explain(t).Compare(late.explain(t), "a"); math.Abs(c.Parts.Imputation+5) > 1e-9 {
		t.Errorf("%+v", c)
	}
}

// Levels are matched by name: the ordinals of the two schemes differ. A level that
// only one scheme has comes with it.
func TestChangeOfLevels(t *testing.T) {
	run := func(levels map[string]float64, entered ...string) *composite.Explainer {
		rule := &composite.Levels{Levels: levels}
		w := &town{
			spec: composite.Spec{Decimals: 2, Tree: composite.Node{Code: "x", Rule: rule}},
			data: composite.Data{Columns: [][]float64{nil}},
		}
		for i, level := range entered {
			ordinal, ok := rule.Ordinal(level)
			if !ok {
				t.Fatal(level)
			}
			w.data.Units = append(w.data.Units, string(rune('a'+i)))
			w.data.Columns[0] = append(w.data.Columns[0], ordinal)
		}
		return w.explain(t)
	}
	early := run(map[string]float64{"low": 10, "high": 90}, "low", "high", "low")
	late := run(map[string]float64{"low": 20, "middle": 50, "high": 80}, "high", "high", "middle")
	for unit, want := range map[string]composite.Parts{
		"a": {OwnData: (80 + 60) / 2., Scheme: 0}, // 10→90→80 and 10→20→80: the scheme takes 10 and gives 10
		"b": {Scheme: -10},
		"c": {OwnData: (0 + 30) / 2., Scheme: (40 + 10) / 2.}, // 10→10→50, as the old scheme has no middle, and 10→20→50
	} {
		if c := early.Compare(late, unit); math.Abs(c.Parts.OwnData-want.OwnData) > 1e-9 ||
			math.Abs(c.Parts.Scheme-want.Scheme) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", unit, c.Parts, want)
		}
	}
}

// Schemes without a common indicator: all of the change is the scheme's.
func TestChangeOfEverything(t *testing.T) {
	early, late := newTown(), newTown()
	for i := range late.spec.Tree.Children {
		late.spec.Tree.Children[i].Code += "'"
	}
	late.data.Columns = [][]float64{{10, 70, 80, 90}, {5, 0, 10, 4}, {50, 60, 70, 80}}
	c := early.explain(t).Compare(late.explain(t), "a")
	if math.Abs(c.Parts.Scheme-c.Score) > 1e-9 || math.Abs(c.Score+25) > 1e-9 || len(c.Leaves) != 6 {
		t.Errorf("%+v", c)
	}
	if i := slices.IndexFunc(c.Leaves, func(l composite.LeafChange) bool { return l.Code == "fixed" }); i != 3 ||
		c.Leaves[i].Now.Known || !c.Leaves[i].Before.Known {
		t.Errorf("fixed is at %d", i)
	}
}

func ExampleCompare() {
	c := explainedWith(90).Compare(explainedWith(96), "east")
	fmt.Println(c.From.Score, "to", c.To.Score, c.Status)
	fmt.Printf("own data %.3f, cut %.3f\n", c.Parts.OwnData, c.Parts.Cut)
	for _, l := range c.Leaves {
		if l.Points != 0 {
			fmt.Println(l.Code, l.Before.Cell.Entered, "to", l.Now.Cell.Entered, "is worth", l.Points)
		}
	}
	fmt.Println(explainedWith(90).Compare(explainedWith(96), "elsewhere").Status)
	// Output:
	// 75.9 to 81.9 compared
	// own data 6.000, cut 0.000
	// attendance 90 to 96 is worth 6
	// unknown
}
