package composite_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

func mustRobustness(
	tb testing.TB, ix *composite.Index, d composite.Data, o composite.RobustnessOptions,
) *composite.Robustness {
	tb.Helper()
	r, err := ix.Robustness(d, o)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// duel is two units that are each best in one of two indicators.
func duel(t *testing.T, w1, w2 float64) (*composite.Index, composite.Data) {
	t.Helper()
	ix := mustNew(t, composite.Spec{
		Decimals: 9,
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "a", Weight: w1, Rule: &composite.PointsRule{Max: 100}},
			{Code: "b", Weight: w2, Rule: &composite.PointsRule{Max: 100}},
		}},
		Grades: []composite.Grade{{Code: "high", From: 50}, {Code: "low"}},
	})
	return ix, composite.Data{Units: []string{"one", "two"}, Columns: [][]float64{{100, 0}, {0, 100}}}
}

// With weights 1.2·U and 1·V, U and V uniform on .75 to 1.25, the first is ahead with
// probability ∫∫[1.2u > v] = 4·∫(1.2u − .75)du from .75 to 1.25/1.2 + (1.25 − 1.25/1.2)/.5.
func TestRobustnessOfADuel(t *testing.T) {
	ix, d := duel(t, 1.2, 1)
	const n, want = 20_000, .7958333333
	r := mustRobustness(t, ix, d, composite.RobustnessOptions{
		Seed: 5, Replicates: n, WeightSpread: .25, Top: 1, Bottom: 1,
	})
	one, two := r.Units[0], r.Units[1]
	if deviation := math.Sqrt(want * (1 - want) / n); math.Abs(one.Top-want) > 4*deviation {
		t.Errorf("P(first) %v, want %v ± %v", one.Top, want, 4*deviation)
	}
	if one.Top != two.Bottom || one.Top+two.Top != 1 || one.Grades[0] != one.Top || one.RankMean != 2-one.Top {
		t.Errorf("%+v and %+v do not agree", one, two)
	}
	// The score is 100·1.2U/(1.2U+V): .75 to 1.25 against each other bound it.
	low, high := 100*.9/(.9+1.25), 100*1.5/(1.5+.75)
	if one.ScoreLow < low || one.ScoreHigh > high || !(one.ScoreLow < one.ScoreMedian && one.ScoreMedian < one.ScoreHigh) {
		t.Errorf("score %v %v %v outside of %v to %v", one.ScoreLow, one.ScoreMedian, one.ScoreHigh, low, high)
	}
	if !slices.Equal(one.Indistinguishable, []int{1}) || !slices.Equal(two.Indistinguishable, []int{0}) {
		t.Errorf("indistinguishable: %v %v", one.Indistinguishable, two.Indistinguishable)
	}
	// At 2 to 1 nothing that is drawn turns the order.
	ix, d = duel(t, 2, 1)
	r = mustRobustness(t, ix, d, composite.RobustnessOptions{WeightSpread: .25, Top: 1})
	if r.Units[0].Top != 1 || r.Units[0].Indistinguishable != nil || r.Units[1].RankLow != 2 {
		t.Errorf("%+v", r.Units)
	}
}

// Two ratings drawn with replacement from 0 and 100 make 0, 50, 50 or 100.
func TestRobustnessOfRatings(t *testing.T) {
	ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "v", Rule: &composite.PointsRule{Max: 100}}, Grades: []composite.Grade{
		{Code: "all", From: 100}, {Code: "half", From: 50}, {Code: "none"},
	}})
	d := composite.Data{Units: []string{"split", "single", "entered", "missing"}, Columns: [][]float64{{50, 70, 20, nan}}}
	cell := func(values ...float64) (cell []composite.EvaluatorRating) {
		for e, v := range values {
			cell = append(cell, composite.EvaluatorRating{Evaluator: e, Rating: composite.Rating{Role: "mentor", Value: v}})
		}
		return cell
	}
	rated := composite.RatedColumn{Ratings: [][]composite.EvaluatorRating{cell(0, 100), cell(70), nil, cell(1, 2)}}
	const n = 20_000
	r := mustRobustness(t, ix, d, composite.RobustnessOptions{Replicates: n, Ratings: []composite.RatedColumn{rated}})
	if len(r.Units) != 3 {
		t.Fatalf("%d units, want 3: one has no score", len(r.Units))
	}
	for g, want := range []float64{.25, .5, .25} {
		if got := r.Units[0].Grades[g]; math.Abs(got-want) > 4*math.Sqrt(want*(1-want)/n) {
			t.Errorf("P(%s) %v, want %v", r.Grades[g], got, want)
		}
	}
	for i, want := range []float64{50, 70, 20} {
		u := r.Units[i]
		if i > 0 && (u.ScoreLow != want || u.ScoreHigh != want) || math.Abs(u.ScoreMean-want) > 1 {
			t.Errorf("%s: %+v", d.Units[u.Unit], u)
		}
	}
	// Roles are drawn one by one, so none is lost: the mean of the roles stays within.
	rated.Ratings[0] = append(cell(0, 0),
		composite.EvaluatorRating{Rating: composite.Rating{Role: "resident", Value: 100}})
	r = mustRobustness(t, ix, d, composite.RobustnessOptions{Ratings: []composite.RatedColumn{rated}})
	if u := r.Units[0]; u.ScoreLow != 50 || u.ScoreHigh != 50 {
		t.Errorf("%+v", u)
	}
}

// Each list of alternatives alone has the figures of the schemes that it stands for,
// each with its share of the replicates.
func TestRobustnessOfAlternatives(t *testing.T) {
	spec := composite.Spec{Decimals: 2, Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "a", Weight: 1, Rule: &composite.Goalposts{Low: 0, High: 100}},
		{Code: "b", Weight: 3, Rule: &composite.Goalposts{Low: 0, High: 100}},
	}}}
	d := composite.Data{Units: []string{"u", "v", "w", "x"}, Columns: [][]float64{{80, nan, 30, 50}, {20, 40, 35, 90}}}
	change := func(change func(*composite.Spec)) composite.Spec {
		s := mustNew(t, spec).Spec()
		change(&s)
		return s
	}
	leaves := func(change func(*composite.Node)) func(*composite.Spec) {
		return func(s *composite.Spec) {
			for i := range s.Tree.Children {
				change(&s.Tree.Children[i])
			}
		}
	}
	minmax, rank := &composite.MinMax{}, &composite.RankRule{}
	variant := change(func(s *composite.Spec) { s.Tree.Children[0].Weight = 9 })
	tests := []struct {
		name    string
		options composite.RobustnessOptions
		specs   []composite.Spec // besides the scheme's own
	}{
		{
			"missing",
			composite.RobustnessOptions{
				Missing: []composite.MissingKind{composite.Exclude, composite.PeerMean, composite.Zero, composite.Zero},
			},
			[]composite.Spec{
				change(leaves(func(n *composite.Node) { n.Missing.Kind = composite.PeerMean })),
				change(leaves(func(n *composite.Node) { n.Missing.Kind = composite.Zero })),
			},
		},
		{
			"normalisation",
			composite.RobustnessOptions{Normalisations: []composite.Rule{minmax, rank}},
			[]composite.Spec{
				change(leaves(func(n *composite.Node) { n.Rule = minmax })),
				change(leaves(func(n *composite.Node) { n.Rule = rank })),
			},
		},
		{
			"aggregation",
			composite.RobustnessOptions{
				Aggregations: []composite.Aggregation{{Kind: composite.Arithmetic}, {Kind: composite.Geometric}},
			},
			[]composite.Spec{change(func(s *composite.Spec) { s.Tree.Aggregation.Kind = composite.Geometric })},
		},
		{"variant", composite.RobustnessOptions{Variants: []composite.Spec{variant, spec}}, []composite.Spec{variant}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.options.Replicates = 4000
			r := mustRobustness(t, mustNew(t, spec), d, tt.options)
			for i, u := range r.Units {
				var scores, ranks []float64
				for _, s := range append(tt.specs, spec) {
					ix := mustNew(t, s)
					list, err := ix.Standings(score(t, ix, d), nil)
					if err != nil {
						t.Fatal(err)
					}
					for _, s := range list {
						if s.Unit == u.Unit {
							scores, ranks = append(scores, s.Score), append(ranks, float64(s.Rank))
						}
					}
				}
				n := float64(len(scores))
				if u.ScoreLow != slices.Min(scores) || u.ScoreHigh != slices.Max(scores) ||
					float64(u.RankLow) != slices.Min(ranks) || float64(u.RankHigh) != slices.Max(ranks) {
					t.Errorf("unit %d: %+v, want scores %v and ranks %v", i, u, scores, ranks)
				}
				if want := stats.ArithmeticMean(scores, nil); math.Abs(u.ScoreMean-want) > 100/n*4/math.Sqrt(4000) {
					t.Errorf("unit %d: mean score %v, want %v", i, u.ScoreMean, want)
				}
			}
		})
	}
}

func drawOptions(d drawer, ix *composite.Index, data composite.Data) composite.RobustnessOptions {
	o := composite.RobustnessOptions{
		Seed: uint64(d.intn(1000)), Replicates: 1 + d.intn(40), Top: 1 + d.intn(3), Bottom: 1 + d.intn(3),
	}
	if d.intn(2) == 0 {
		o.WeightSpread = d.number(0, .9)
	}
	if d.intn(3) == 0 {
		o.Missing = []composite.MissingKind{composite.PeerMean, composite.Exclude, composite.Carry}[:1+d.intn(3)]
	}
	if d.intn(3) == 0 {
		o.Normalisations = []composite.Rule{&composite.Percentile{}, &composite.BestRule{}, &composite.ZScore{}}[:1+d.intn(3)]
	}
	if d.intn(3) == 0 {
		o.Aggregations = []composite.Aggregation{{Kind: composite.Geometric}, {Kind: composite.Penalised}}[:1+d.intn(2)]
	}
	if d.intn(4) == 0 {
		s := ix.Spec()
		s.Tree.Children[0].Weight = 7
		o.Variants = []composite.Spec{s}
	}
	if d.intn(2) == 0 {
		o.Ratings = drawRatings(d, data)
	}
	return o
}

type pcgDrawer struct{ *rand.Rand }

func (d pcgDrawer) number(low, high float64) float64 { return low + (high-low)*d.Float64() }
func (d pcgDrawer) intn(n int) int                   { return d.IntN(n) }

// drawRatings makes ratings around the entries of the first column.
func drawRatings(d drawer, data composite.Data) []composite.RatedColumn {
	rated := composite.RatedColumn{Ratings: make([][]composite.EvaluatorRating, len(data.Units))}
	rated.Combine.Kind = []composite.CombinationKind{"", composite.MedianKind, composite.Trimmed}[d.intn(3)]
	for u := range rated.Ratings {
		for e := range d.intn(4) {
			rated.Ratings[u] = append(rated.Ratings[u], composite.EvaluatorRating{Evaluator: e, Rating: composite.Rating{
				Role: string(rune('m' + d.intn(2))), Value: math.Floor(d.number(1, 100)),
			}})
		}
	}
	return []composite.RatedColumn{rated}
}

// Whatever is uncertain: probabilities are complete, intervals hold their median, and
// the comparison is symmetric.
func TestRobustnessIsConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		o := drawOptions(rapidDrawer{t}, ix, d)
		r, err := ix.Robustness(d, o)
		if err != nil {
			t.Fatal(err)
		}
		checkRobustness(t, r)
		list := standings(t, ix, d)
		ranked := 0
		for _, s := range list {
			if s.Status != composite.UnitScored {
				continue
			}
			ranked++
			i := slices.IndexFunc(r.Units, func(u composite.UnitRobustness) bool { return u.Unit == s.Unit })
			if i < 0 || r.Units[i].Rank != s.Rank || r.Units[i].Score != s.Score {
				t.Fatalf("%+v is told otherwise", s)
			}
		}
		if ranked != len(r.Units) {
			t.Fatalf("%d units of %d", len(r.Units), ranked)
		}
	})
}

type fataler interface{ Fatalf(string, ...any) }

func checkRobustness(t fataler, r *composite.Robustness) {
	indistinguishable := map[[2]int]bool{}
	for _, u := range r.Units {
		sum := u.NoScore
		for _, p := range u.Grades {
			sum += p
		}
		switch {
		case len(u.Grades) > 0 && math.Abs(sum-1) > 1e-12:
			t.Fatalf("probabilities of grades sum to %v: %+v", sum, u)
		case !(u.RankLow <= u.RankMedian && u.RankMedian <= u.RankHigh) ||
			!(u.ScoreLow <= u.ScoreMedian && u.ScoreMedian <= u.ScoreHigh):
			t.Fatalf("an interval without its median: %+v", u)
		case u.RankLow < 1 || u.RankHigh > len(r.Units) || u.ScoreLow < 0 || u.ScoreHigh > 100:
			t.Fatalf("out of range: %+v", u)
		case !(u.RankMean >= 1 && u.ScoreMean >= 0 && u.ScoreMean <= 100):
			t.Fatalf("means out of range: %+v", u)
		}
		for _, p := range append([]float64{u.Top, u.Bottom, u.NoScore}, u.Grades...) {
			if !(p >= 0 && p <= 1) {
				t.Fatalf("not a probability: %+v", u)
			}
		}
		for _, other := range u.Indistinguishable {
			indistinguishable[[2]int{u.Unit, other}] = true
		}
	}
	for pair := range indistinguishable {
		if pair[0] == pair[1] || !indistinguishable[[2]int{pair[1], pair[0]}] {
			t.Fatalf("%v is not symmetric", pair)
		}
	}
}

// Without uncertainty every interval is a point, equal to the standing, ties and
// adjustments included.
func TestRobustnessWithoutUncertainty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		r, err := ix.Robustness(d, composite.RobustnessOptions{Replicates: 3, Top: 1})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range standings(t, ix, d) {
			i := slices.IndexFunc(r.Units, func(u composite.UnitRobustness) bool { return u.Unit == s.Unit })
			if i < 0 {
				continue
			}
			u := r.Units[i]
			if u.RankLow != s.Rank || u.RankHigh != s.Rank || u.RankMean != float64(s.Rank) || u.ScoreLow != s.Score ||
				u.ScoreHigh != s.Score {
				t.Fatalf("%+v of %+v", u, s)
			}
			if u.Grades[slices.Index(r.Grades, s.Grade)] != 1 || (u.Top == 1) != (s.Rank == 1) {
				t.Fatalf("%+v of %+v", u, s)
			}
			for _, other := range u.Indistinguishable {
				if j := slices.IndexFunc(r.Units,
					func(v composite.UnitRobustness) bool { return v.Unit == other }); r.Units[j].Score != s.Score {
					t.Fatalf("%d is not distinguishable from %d", other, s.Unit)
				}
			}
		}
	})
}

// The same seed leads to the same bits however the work is cut and whatever the order of
// the units.
func TestRobustnessIsRepeatable(t *testing.T) {
	rng := pcgDrawer{rand.New(rand.NewPCG(6, 7))}
	spec := benchIndex(t, composite.Arithmetic).Spec()
	spec.Adjustments.Bonus = composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "b", Points: 2}}}
	spec.Grades = []composite.Grade{{Code: "A", From: 60, MaxShare: new(.2)}, {Code: "B"}}
	ix := mustNew(t, spec)
	d := benchData(60, .03)
	o := composite.RobustnessOptions{
		Seed: 9, Replicates: 211, WeightSpread: .25, Missing: []composite.MissingKind{composite.PeerMedian},
		Aggregations:   []composite.Aggregation{{Kind: composite.Geometric}},
		Normalisations: []composite.Rule{&composite.ZScore{}}, Ratings: drawRatings(rng, d),
		Adjustments: []composite.Adjustment{{Unit: 4, Code: "b"}},
	}
	want := mustRobustness(t, ix, d, o)
	if want.Units[0].RankLow == want.Units[0].RankHigh {
		t.Fatal("nothing varies")
	}
	for _, threads := range []int{1, 2, 8} {
		before := runtime.GOMAXPROCS(threads)
		for _, workers := range []int{0, 1, 2, 7, 64, 1000} {
			o.Workers = workers
			if diff := cmp.Diff(want, mustRobustness(t, ix, d, o)); diff != "" {
				t.Errorf("GOMAXPROCS %d, %d workers: %s", threads, workers, diff)
			}
		}
		runtime.GOMAXPROCS(before)
	}
	moved, back := reversed(d, &o)
	got := mustRobustness(t, ix, moved, o)
	slices.Reverse(got.Units)
	for i := range got.Units {
		got.Units[i].Unit = back(got.Units[i].Unit)
		for j := range got.Units[i].Indistinguishable {
			got.Units[i].Indistinguishable[j] = back(got.Units[i].Indistinguishable[j])
		}
		slices.Reverse(got.Units[i].Indistinguishable)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("other order of units: %s", diff)
	}
	o.Seed++
	if cmp.Equal(got, mustRobustness(t, ix, moved, o)) {
		t.Error("another seed leads to the same")
	}
}

// reversed turns the order of the units around.
func reversed(d composite.Data, o *composite.RobustnessOptions) (composite.Data, func(int) int) {
	back := func(u int) int { return len(d.Units) - 1 - u }
	d.Units = slices.Clone(d.Units)
	slices.Reverse(d.Units)
	d.Columns = slices.Clone(d.Columns)
	for c := range d.Columns {
		d.Columns[c] = slices.Clone(d.Columns[c])
		slices.Reverse(d.Columns[c])
	}
	for i := range o.Ratings {
		slices.Reverse(o.Ratings[i].Ratings)
	}
	for i := range o.Adjustments {
		o.Adjustments[i].Unit = back(o.Adjustments[i].Unit)
	}
	return d, back
}

func TestRobustnessRefuses(t *testing.T) {
	ix, d := duel(t, 1, 1)
	other := ix.Spec()
	other.Tree.Children = other.Tree.Children[:1]
	tests := map[string]composite.RobustnessOptions{
		"/replicates":       {Replicates: -1},
		"/top":              {Top: -1},
		"/bottom":           {Bottom: -1},
		"/weight_spread":    {WeightSpread: 1},
		"/missing/0/kind":   {Missing: []composite.MissingKind{composite.Fail}},
		"/normalisations/1": {Normalisations: []composite.Rule{&composite.RankRule{}, (*composite.MinMax)(nil)}},
		"/aggregations/0/p": {Aggregations: []composite.Aggregation{{Kind: composite.Power}}},
		"/variants/0/tree":  {Variants: []composite.Spec{other}},
		"/ratings/0/column": {
			Ratings: []composite.RatedColumn{{Column: 2, Ratings: make([][]composite.EvaluatorRating, 2)}},
		},
		"/ratings/0/ratings": {Ratings: []composite.RatedColumn{{}}},
	}
	for pointer, o := range tests {
		_, err := ix.Robustness(d, o)
		if faults, ok := err.(composite.Faults); !ok || faults[0].Pointer != pointer {
			t.Errorf("%v, want a fault at %s", err, pointer)
		}
	}
	for _, bad := range []composite.Data{{}, {Units: []string{"u", "u"}, Columns: [][]float64{{1, 2}, {1, 2}}}} {
		if _, err := ix.Robustness(bad, composite.RobustnessOptions{}); err == nil {
			t.Errorf("%v was accepted", bad)
		}
	}
	if _, err := ix.Robustness(d, composite.RobustnessOptions{
		Adjustments: []composite.Adjustment{{Code: "none"}},
	}); err == nil {
		t.Error("an unknown adjustment was accepted")
	}
}

func TestRobustnessOfFew(t *testing.T) {
	ix, d := duel(t, 1, 1)
	d.Columns = [][]float64{{nan, nan}, {nan, 40}}
	r := mustRobustness(t, ix, d, composite.RobustnessOptions{
		WeightSpread: .5, Missing: []composite.MissingKind{composite.Zero},
	})
	if len(r.Units) != 1 || r.Units[0].RankHigh != 1 || r.Units[0].Top != 1 || r.Units[0].Indistinguishable != nil {
		t.Errorf("a single unit: %+v", r.Units)
	}
	d.Columns = [][]float64{{nan, nan}, {nan, nan}}
	if r := mustRobustness(t, ix, d, composite.RobustnessOptions{WeightSpread: .5}); len(r.Units) != 0 {
		t.Errorf("no units: %+v", r.Units)
	}
	empty := composite.Data{Units: []string{}, Columns: [][]float64{{}, {}}}
	if r := mustRobustness(t, ix, empty, composite.RobustnessOptions{WeightSpread: .5}); len(r.Units) != 0 {
		t.Errorf("no units: %+v", r.Units)
	}
	leaf := mustNew(t, composite.Spec{Tree: composite.Node{Code: "v", Rule: &composite.PointsRule{Max: 10}}})
	r = mustRobustness(t, leaf, composite.Data{Units: []string{"u", "v"}, Columns: [][]float64{{5, 5}}},
		composite.RobustnessOptions{WeightSpread: .5})
	if u := r.Units[1]; u.ScoreLow != 50 || u.RankHigh != 1 || !slices.Equal(u.Indistinguishable, []int{0}) {
		t.Errorf("a tree of one leaf: %+v", u)
	}
}

// Adjustments hold in every replicate, vetoes of score and grade included.
func TestRobustnessHoldsAdjustments(t *testing.T) {
	ix := mustNew(t, composite.Spec{
		Decimals: 1, Tree: composite.Node{Code: "v", Rule: &composite.PointsRule{Max: 100}},
		Adjustments: composite.Adjustments{
			Bonus:     composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "b", Points: 4}}},
			Deduction: composite.AdjustmentGroup{Cap: 10, Items: []composite.AdjustmentItem{{Code: "d", Points: 3}}},
			Vetoes: []composite.Veto{
				{Code: "score", Effect: composite.Effect{Kind: composite.CapScore, Score: 30}},
				{Code: "grade", Effect: composite.Effect{Kind: composite.CapGrade, Grade: "poor"}},
			},
		},
		Grades: []composite.Grade{{Code: "good", From: 60}, {Code: "poor"}},
	})
	d := composite.Data{Units: []string{"p", "q", "r", "s", "t"}, Columns: [][]float64{{70, 66, 90, 80, nan}}}
	adjustments := []composite.Adjustment{
		{Unit: 0, Code: "d"},
		{Unit: 1, Code: "b"},
		{Unit: 1, Code: "b"},
		{Unit: 2, Code: "score"},
		{Unit: 3, Code: "grade"},
		{Unit: 4, Code: "b"},
	}
	r := mustRobustness(t, ix, d, composite.RobustnessOptions{Replicates: 2, Adjustments: adjustments})
	for i, want := range []composite.UnitRobustness{
		{Score: 67, Rank: 3, Grades: []float64{1, 0}},
		{Score: 71, Rank: 2, Grades: []float64{1, 0}},
		{Score: 30, Rank: 4, Grades: []float64{0, 1}},
		{Score: 80, Rank: 1, Grades: []float64{0, 1}},
	} {
		u := r.Units[i]
		if u.ScoreLow != want.Score || u.ScoreHigh != want.Score || u.RankMedian != want.Rank ||
			!slices.Equal(u.Grades, want.Grades) {
			t.Errorf("%s: %+v, want %+v", d.Units[i], u, want)
		}
	}
	list, err := ix.RemoveOne(ix.Score(d, composite.KeepAll), adjustments[:1])
	if err != nil || len(list) != 0 {
		t.Errorf("%v %v of a tree of one leaf", list, err)
	}
}

// A unit that lives on a carried value has no score under the policy exclude.
func TestRobustnessWithoutScore(t *testing.T) {
	ix := mustNew(t, composite.Spec{
		Tree: composite.Node{
			Code: "v", Rule: &composite.PointsRule{Max: 100}, Missing: composite.Missing{Kind: composite.Carry},
		}, Grades: []composite.Grade{{Code: "any"}},
	})
	d := composite.Data{Units: []string{"u", "v"}, Columns: [][]float64{{nan, 0}}, Carried: [][]float64{{60, nan}}}
	spec := ix.Spec()
	if list, err := ix.Standings(score(t, ix, d), nil); err != nil || list[0].Unit != 0 ||
		list[0].Status != composite.UnitScored {
		t.Fatalf("%v %v: the carried value should count (%v)", list, err, spec.MinCoverage)
	}
	r := mustRobustness(t, ix, d, composite.RobustnessOptions{
		Replicates: 4000, Missing: []composite.MissingKind{composite.Exclude}, Top: 1,
	})
	u := r.Units[0]
	if math.Abs(u.NoScore-.5) > .04 || u.Grades[0]+u.NoScore != 1 || u.RankLow != 1 || u.RankHigh != 2 ||
		u.ScoreLow != 60 || u.Top != 1-u.NoScore {
		t.Errorf("%+v", u)
	}
}

func TestSensitivity(t *testing.T) {
	ix, d := benchIndex(t, composite.Arithmetic), benchData(30, .05)
	options := composite.RobustnessOptions{WeightSpread: .25}
	rows := stats.SobolOptions{Rows: 300, Bootstrap: 50}
	mustSensitivity := func(o composite.RobustnessOptions) *composite.Sensitivity {
		s, err := ix.Sensitivity(d, o, rows, []int{3, 3, -1, 99, 4})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	alone := mustSensitivity(options)
	if len(alone.Sources) != 1 || alone.Sources[0] != "weights" || len(alone.Units) != 2 {
		t.Fatalf("%+v", alone)
	}
	for _, s := range []stats.SobolIndices{alone.Shift, alone.Units[0].Score, alone.Units[1].Score} {
		if f := s.Factors[0]; math.Abs(f.First-1) > .2 || math.Abs(f.Total-1) > .2 {
			t.Errorf("a single source: %+v", s)
		}
	}
	// Against z-scores, which halve the spread, weights hardly move a score.
	options.Normalisations = []composite.Rule{&composite.ZScore{Mean: new(20.0)}}
	options.WeightSpread = .05
	options.Missing = []composite.MissingKind{composite.PeerMean}
	both := mustSensitivity(options)
	score := both.Units[1].Score
	if len(both.Sources) != 3 || both.Sources[2] != "normalisation" || !(score.Factors[2].First > .8) ||
		!(score.Factors[0].Total < .1) {
		t.Errorf("%v %+v", both.Sources, score)
	}
	for _, workers := range []int{1, 3, 8} {
		options.Workers = workers
		if diff := cmp.Diff(both, mustSensitivity(options)); diff != "" {
			t.Errorf("%d workers: %s", workers, diff)
		}
	}
	none := mustSensitivity(composite.RobustnessOptions{})
	if len(none.Sources) != 0 || none.Shift.Mean != 0 || none.Shift.Variance != 0 {
		t.Errorf("no source: %+v", none)
	}
	if _, err := ix.Sensitivity(d, composite.RobustnessOptions{WeightSpread: 2}, rows, nil); err == nil {
		t.Error("a spread of 2 was accepted")
	}
	rows.Rows = 1_000_000
	if _, err := ix.Sensitivity(d, composite.RobustnessOptions{WeightSpread: .1}, rows, indices(30)); err == nil {
		t.Error("gigabytes were accepted")
	}
}
