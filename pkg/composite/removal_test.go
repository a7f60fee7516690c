package composite_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"bulwark/pkg/composite"

	"github.com/google/go-cmp/cmp/cmpopts"
)

// The published mean rank changes of the ASEM index without one pillar.
func TestRemoveOneASEM(t *testing.T) {
	ix := asemIndex(t, composite.Arithmetic,
		func(string, bool) composite.Node { return composite.Node{Rule: &composite.PointsRule{Max: 100}} })
	d := asemData(t, ix, "normalised.csv")
	list, err := ix.RemoveOne(ix.Score(d, composite.KeepAll), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, r := range list {
		got[ix.Nodes()[r.Node].Code] = r.RankChange
	}
	for pillar, want := range map[string]float64{
		"Physical": 1.529411765, "ConEcFin": 2.627450980, "Political": 2.901960784, "Instit": 1.176470588,
		"P2P": 1.686274510, "Environ": 3.098039216, "Social": 3.960784314, "SusEcFin": 2.627450980,
	} {
		if !near(got[pillar], want, 1e-9) {
			t.Errorf("without %s ranks change by %.9f, want %.9f", pillar, got[pillar], want)
		}
	}
	if len(list) != len(ix.Nodes())-1 {
		t.Errorf("%d removals of %d nodes", len(list), len(ix.Nodes()))
	}
}

// Without a leaf the ranks are those of a scheme that never had it.
func TestRemoveOneIsAPrunedScheme(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDrawer{t}
		tree := drawTree(d, allRules, allAggregations)
		for i := range tree.Children {
			for j := range tree.Children[i].Children {
				tree.Children[i].Children[j].Missing.Kind = composite.Exclude
			}
		}
		ix, err := composite.New(composite.Spec{Decimals: 3, Tree: tree})
		if err != nil {
			t.Fatal(err)
		}
		data := drawData(d, ix, d.intn(9))
		list, err := ix.RemoveOne(ix.Score(data, composite.KeepAll), nil)
		if err != nil {
			t.Fatal(err)
		}
		before := byCode(standings(t, ix, data), data.Units)
		at, column := 1, 0
		for i := range tree.Children {
			at++ // the inner node
			for j := range tree.Children[i].Children {
				if len(tree.Children[i].Children) > 1 {
					pruned := ix.Spec()
					kept := &pruned.Tree.Children[i].Children
					*kept = append((*kept)[:j:j], (*kept)[j+1:]...)
					comparePruned(t, pruned, data, column, list[at-1], before)
				}
				at++
				column++
			}
		}
	})
}

func comparePruned(
	t *rapid.T, spec composite.Spec, d composite.Data, column int,
	got composite.NodeRemoval, before map[string]composite.Standing,
) {
	ix, err := composite.New(spec)
	if err != nil {
		t.Fatal(err)
	}
	d.Columns = without(d.Columns, column)
	d.Carried = without(d.Carried, column)
	d.NotApplicable = without(d.NotApplicable, column)
	scored, sum := 0, 0.0
	for _, s := range standings(t, ix, d) {
		was := before[d.Units[s.Unit]]
		if s.Status == composite.UnitScored {
			scored++
			sum += math.Abs(float64(s.Rank - was.Rank))
			if got.Ranks[s.Unit] != s.Rank {
				t.Fatalf("unit %d: rank %d, pruned %d", s.Unit, got.Ranks[s.Unit], s.Rank)
			}
		}
	}
	if scored > 0 && !near(got.RankChange, sum/float64(scored), 1e-12) {
		t.Fatalf("ranks change by %v, pruned %v", got.RankChange, sum/float64(scored))
	}
}

func without[T any](columns [][]T, c int) [][]T { return append(columns[:c:c], columns[c+1:]...) }

func TestBurden(t *testing.T) {
	points := func(code string, weight float64) composite.Node {
		return composite.Node{Code: code, Weight: weight, Rule: &composite.PointsRule{Max: 100}}
	}
	ix := mustNew(t, composite.Spec{
		Decimals: 2,
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "work", Weight: 5, Children: []composite.Node{points("a", 10), points("copy", 1), points("same", .1)}},
			{Code: "spirit", Weight: 1, Children: []composite.Node{points("b", 1)}},
		}},
		Grades: []composite.Grade{{Code: "good", From: 50}, {Code: "poor"}},
	})
	d := composite.Data{Units: []string{"p", "q", "r", "s", "t"}, Columns: [][]float64{
		{10, 30, 50, 70, nan}, {20, 40, 60, 80, nan}, {40, 40, 40, 40, 40}, {100, 20, 10, 30, nan},
	}}
	r := ix.Score(d, composite.KeepAll)
	list, err := ix.Burden(r, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	codes := ix.Nodes()
	for i, want := range []struct {
		code      string
		never     bool
		constant  bool
		redundant []string
		noScore   int
	}{
		{"a", false, false, []string{"copy"}, 0},
		{"copy", true, false, []string{"a"}, 0},
		{"same", false, true, nil, 1},
		{"b", false, false, nil, 0},
	} {
		got := list[i]
		var redundant []string
		for _, c := range got.Redundant {
			redundant = append(redundant, codes[c.Node].Code)
			if !near(c.R, 1, 1e-12) || c.Units != 4 {
				t.Errorf("%+v", c)
			}
		}
		if codes[got.Node].Code != want.code || got.NeverDecisive != want.never || got.Constant != want.constant ||
			got.NoScore != want.noScore || !cmp.Equal(redundant, want.redundant) {
			t.Errorf("%s: %+v", want.code, got)
		}
	}
	if got := list[1]; got.RankChange != 0 || got.Agreement != 1 || got.GradesChanged != 0 {
		t.Errorf("dropping the copy: %+v", got)
	}
	d.Columns[0][0], d.Columns[0][1] = nan, nan // two units are left, always on a line
	if few, err := ix.Burden(ix.Score(d, composite.KeepAll), nil, .9); err != nil || few[0].Redundant != nil {
		t.Errorf("%+v %v of two units", few[0], err)
	}
	if short, err := ix.Burden(ix.Score(d, composite.KeepRoot), nil, .9); short != nil || err != nil {
		t.Errorf("%v %v of a result that was not kept", short, err)
	}
	single := mustNew(t, composite.Spec{Tree: points("v", 1)})
	if list, err := single.Burden(score(t, single, composite.Data{Units: []string{"u"}, Columns: [][]float64{{1}}}), nil,
		.9); list != nil || err != nil {
		t.Errorf("%v %v of a single leaf", list, err)
	}
}

func TestLeaveOutEvaluators(t *testing.T) {
	ix := mustNew(t, composite.Spec{Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "rated", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
		{Code: "reported", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
	}}})
	rating := func(evaluator int, value float64) composite.EvaluatorRating {
		return composite.EvaluatorRating{Evaluator: evaluator, Rating: composite.Rating{Value: value}}
	}
	rated := []composite.RatedColumn{{Column: 0, Ratings: [][]composite.EvaluatorRating{
		{rating(1, 90), rating(2, 50)}, {rating(2, 80), rating(3, 60)}, {rating(3, 66)},
	}}}
	d := composite.Data{Units: []string{"a", "b", "c"}, Columns: [][]float64{{70, 70, 66}, {40, 38, 36}}}
	list, err := ix.LeaveOutEvaluators(d, rated, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Scores 55, 54, 51. Without 1: 45, 54, 51. Without 2: 65, 49, 51. Without 3: 55, 59, 36.
	want := []composite.EvaluatorInfluence{
		{
			Evaluator: 1, Ratings: 1, Removal: composite.Removal{
				RankChange: 4. / 3, MaxRankChange: 2, Agreement: -1. / 3, Ranks: []int{3, 1, 2},
			}, ScoreChange: 10. / 3, MaxScoreChange: 10,
		},
		{
			Evaluator: 2, Ratings: 2, Removal: composite.Removal{
				RankChange: 2. / 3, MaxRankChange: 1, Agreement: 1. / 3, Ranks: []int{1, 3, 2},
			}, ScoreChange: -5. / 3, MaxScoreChange: 10,
		},
		{
			Evaluator: 3, Ratings: 2, Removal: composite.Removal{
				RankChange: 2. / 3, MaxRankChange: 1, Agreement: 1. / 3, Ranks: []int{2, 1, 3},
			}, ScoreChange: 10. / 3, MaxScoreChange: 15,
		},
	}
	if diff := cmp.Diff(want, list, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Error(diff)
	}
	if none, err := ix.LeaveOutEvaluators(d, nil, nil); none != nil || err != nil {
		t.Errorf("%v %v without ratings", none, err)
	}
}
