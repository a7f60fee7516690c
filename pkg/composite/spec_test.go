package composite_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"bulwark/pkg/composite"
)

// sound is a spec without faults, for a test to spoil.
func sound() composite.Spec {
	return composite.Spec{
		Decimals: 2, MinCoverage: .8,
		Tree: composite.Node{Code: "index", Children: []composite.Node{
			{Code: "a", Weight: 25, Children: []composite.Node{
				{Code: "a.1", Weight: 4, Direction: composite.Benefit, Rule: &composite.Goalposts{Low: 50, High: 100}},
				{Code: "a.2", Weight: 1, Rule: &composite.Levels{Levels: map[string]float64{"yes": 100, "n/a": 0}}},
			}},
			{
				Code: "b", Weight: 75, Direction: composite.Cost, Rule: &composite.MinMax{},
				Treat: &composite.Treatment{Kind: "winsorise"},
			},
		}},
		Adjustments: composite.Adjustments{
			Bonus:     composite.AdjustmentGroup{Cap: 5, Items: []composite.AdjustmentItem{{Code: "top", Points: 2}}},
			Deduction: composite.AdjustmentGroup{Cap: 10, Items: []composite.AdjustmentItem{{Code: "late", Points: 4}}},
			Vetoes: []composite.Veto{
				{Code: "forged", Effect: composite.Effect{Kind: composite.CapGrade, Grade: "poor"}},
				{Code: "capped", Effect: composite.Effect{Kind: composite.CapScore, Score: 59}},
				{Code: "nought", Effect: composite.Effect{Kind: composite.ZeroScore}},
			},
		},
		Grades: []composite.Grade{{Code: "good", From: 80}, {Code: "fair", From: 60}, {Code: "poor", From: 0}},
	}
}

func TestNewAcceptsSound(t *testing.T) { mustNew(t, sound()) }

func TestNewFaults(t *testing.T) {
	leaf := func(s *composite.Spec) *composite.Node { return &s.Tree.Children[0].Children[0] }
	rule := func(r composite.Rule) func(*composite.Spec) {
		return func(s *composite.Spec) { leaf(s).Rule, leaf(s).Direction = r, "" }
	}
	cost := func(r composite.Rule) func(*composite.Spec) {
		return func(s *composite.Spec) { leaf(s).Rule, leaf(s).Direction = r, composite.Cost }
	}
	const at = "/tree/children/0/children/0"
	tests := []struct {
		pointer, code string
		spoil         func(*composite.Spec)
	}{
		{"/decimals", "decimals_out_of_range", func(s *composite.Spec) { s.Decimals = 10 }},
		{"/rounding", "unknown_rounding", func(s *composite.Spec) { s.Rounding = "half_even" }},
		{"/ranking", "unknown_ranking", func(s *composite.Spec) { s.Ranking = "ordinal" }},
		{"/min_coverage", "share_out_of_range", func(s *composite.Spec) { s.MinCoverage = math.NaN() }},
		{"/min_coverage", "share_out_of_range", func(s *composite.Spec) { s.MinCoverage = 80 }},
		{"/tree/code", "code_missing", func(s *composite.Spec) { s.Tree.Code = "" }},
		{"/tree/children/1/code", "code_duplicate", func(s *composite.Spec) { s.Tree.Children[1].Code = "a.1" }},
		{"/tree/children/1/weight", "weight_not_positive", func(s *composite.Spec) { s.Tree.Children[1].Weight = 0 }},
		{"/tree/children/1/weight", "weight_not_finite", func(s *composite.Spec) { s.Tree.Children[1].Weight = math.Inf(1) }},
		{"/tree/children/1/weight", "weight_out_of_range", func(s *composite.Spec) { s.Tree.Children[1].Weight = 1e-300 }},
		{"/tree/aggregation/kind", "unknown_aggregation", func(s *composite.Spec) { s.Tree.Aggregation.Kind = "mode" }},
		{
			"/tree/aggregation/p", "exponent_out_of_range",
			func(s *composite.Spec) { s.Tree.Aggregation.Kind = composite.Power },
		},
		{"/tree/rule", "rule_and_children", func(s *composite.Spec) { s.Tree.Rule = &composite.RankRule{} }},
		{at + "/rule", "rule_missing", func(s *composite.Spec) { leaf(s).Rule = nil }},
		{at + "/rule", "rule_missing", rule((*composite.MinMax)(nil))},
		{
			at + "/aggregation", "aggregation_without_children",
			func(s *composite.Spec) { leaf(s).Aggregation.Kind = composite.Minimum },
		},
		{at + "/direction", "unknown_direction", func(s *composite.Spec) { leaf(s).Direction = "up" }},
		{at + "/peers", "unknown_peers", func(s *composite.Spec) { leaf(s).Peers = "kind" }},
		{at + "/missing/kind", "unknown_missing", func(s *composite.Spec) { leaf(s).Missing.Kind = "mean" }},
		{at + "/missing/periods", "negative", func(s *composite.Spec) { leaf(s).Missing.Periods = -1 }},
		{
			"/tree/children/0/children/1/missing/kind", "missing_needs_numbers",
			func(s *composite.Spec) { s.Tree.Children[0].Children[1].Missing.Kind = composite.PeerMean },
		},
		{"/tree/children/0/children/1/treat", "treatment_needs_numbers", func(s *composite.Spec) {
			s.Tree.Children[0].Children[1].Treat = &composite.Treatment{Kind: "winsorise"}
		}},
		{
			"/tree/children/1/treat/kind", "unknown_treatment",
			func(s *composite.Spec) { s.Tree.Children[1].Treat.Kind = "square" },
		},
		{
			"/tree/children/1/treat/max_points", "negative",
			func(s *composite.Spec) { s.Tree.Children[1].Treat.MaxPoints = new(-1) },
		},
		{"/tree/children/1/treat/skew", "negative", func(s *composite.Spec) { s.Tree.Children[1].Treat.Skew = new(-1.0) }},
		{
			at + "/combine/kind", "unknown_combination",
			func(s *composite.Spec) { leaf(s).Combine = &composite.Combination{Kind: "mode"} },
		},
		{at + "/combine/drop", "negative", func(s *composite.Spec) { leaf(s).Combine = &composite.Combination{Drop: -1} }},
		{at + "/combine/role_weights/a~1b", "weight_not_positive", func(s *composite.Spec) {
			leaf(s).Combine = &composite.Combination{RoleWeights: map[string]float64{"a/b": 0}}
		}},

		{at + "/rule/high", "goalposts_equal", rule(&composite.Goalposts{Low: 1, High: 1})},
		{at + "/rule/low", "value_out_of_range", rule(&composite.Goalposts{Low: math.NaN(), High: 1})},
		{at + "/rule/low", "direction_contradicts_goalposts", cost(&composite.Goalposts{Low: 1, High: 2})},
		{
			at + "/rule/low", "direction_contradicts_goalposts",
			func(s *composite.Spec) { leaf(s).Rule = &composite.Goalposts{Low: 2, High: 1} },
		},
		{at + "/rule/transform", "unknown_transform", rule(&composite.Goalposts{High: 1, Transform: "sqrt"})},
		{at + "/rule/transform", "log_not_positive", rule(&composite.Goalposts{High: 1, Transform: composite.Log})},
		{at + "/rule/constant", "score_out_of_range", rule(&composite.MinMax{Constant: new(101.0)})},
		{at + "/rule/sd", "not_positive", rule(&composite.ZScore{SD: new(0.0)})},
		{at + "/rule/mean", "value_out_of_range", rule(&composite.ZScore{Mean: new(math.Inf(1))})},
		{at + "/rule/target", "value_out_of_range", rule(&composite.TargetRule{Target: 1e16})},
		{at + "/rule/value", "not_positive", rule(&composite.Reference{})},
		{at + "/rule/value", "reference_ambiguous", rule(&composite.Reference{Unit: "u", Value: 1})},
		{at + "/rule/clamp", "cost_needs_clamp", cost(&composite.Reference{Value: 1})},
		{at + "/rule/bands", "bands_empty", rule(&composite.Bands{})},
		{
			at + "/rule/bands/1/from", "bands_not_ascending",
			rule(&composite.Bands{Bands: []composite.Band{{From: 1}, {From: 1}}}),
		},
		{at + "/rule/bands/0/points", "score_out_of_range", rule(&composite.Bands{Bands: []composite.Band{{Points: -1}}})},
		{at + "/rule/levels", "levels_empty", rule(&composite.Levels{})},
		{at + "/rule/levels/n~1a", "score_out_of_range", rule(&composite.Levels{Levels: map[string]float64{"n/a": 200}})},
		{at + "/rule/per", "not_positive", rule(&composite.Deduct{})},
		{at + "/rule/step", "not_positive", rule(&composite.Deduct{Per: 1, Step: new(0.0)})},
		{at + "/rule/floor", "floor_above_full", rule(&composite.Deduct{Per: 1, Full: new(10.0), Floor: new(20.0)})},
		{
			at + "/rule/kind", "direction_contradicts_rule",
			func(s *composite.Spec) { leaf(s).Rule = &composite.Deduct{Per: 1} },
		},
		{at + "/rule/kind", "direction_contradicts_rule", cost(&composite.Shortfall{Per: 1})},
		{at + "/rule/kind", "direction_contradicts_rule", cost(&composite.PointsRule{Max: 1})},
		{at + "/rule/max", "not_positive", rule(&composite.PointsRule{})},
		{at + "/rule/points", "points_empty", rule(&composite.RankPoints{})},
		{at + "/rule/points/1", "points_rising", rule(&composite.RankPoints{Points: []float64{1, 2}})},
		{at + "/rule/points/1", "negative", rule(&composite.RankPoints{Points: []float64{1, -2}})},

		{"/adjustments/bonus/cap", "score_out_of_range", func(s *composite.Spec) { s.Adjustments.Bonus.Cap = -1 }},
		{"/adjustments/bonus/cap", "cap_missing", func(s *composite.Spec) { s.Adjustments.Bonus.Cap = 0 }},
		{
			"/adjustments/deduction/items/0/code", "code_duplicate",
			func(s *composite.Spec) { s.Adjustments.Deduction.Items[0].Code = "top" },
		},
		{
			"/adjustments/deduction/items/0/points", "negative",
			func(s *composite.Spec) { s.Adjustments.Deduction.Items[0].Points = -1 },
		},
		{
			"/adjustments/vetoes/0/effect/grade", "unknown_grade",
			func(s *composite.Spec) { s.Adjustments.Vetoes[0].Effect.Grade = "bad" },
		},
		{
			"/adjustments/vetoes/1/effect/score", "score_out_of_range",
			func(s *composite.Spec) { s.Adjustments.Vetoes[1].Effect.Score = math.NaN() },
		},
		{
			"/adjustments/vetoes/2/effect/kind", "unknown_effect",
			func(s *composite.Spec) { s.Adjustments.Vetoes[2].Effect.Kind = "" },
		},
		{"/grades/1/from", "grades_not_descending", func(s *composite.Spec) { s.Grades[1].From = 80 }},
		{"/grades/2/from", "last_grade_not_zero", func(s *composite.Spec) { s.Grades[2].From = 1 }},
		{"/grades/1/code", "code_duplicate", func(s *composite.Spec) { s.Grades[1].Code = "good" }},
		{"/grades/0/max_share", "share_out_of_range", func(s *composite.Spec) { s.Grades[0].MaxShare = new(0.0) }},
		{"/grades/2/max_share", "last_grade_quota", func(s *composite.Spec) { s.Grades[2].MaxShare = new(.5) }},
	}
	for _, tt := range tests {
		t.Run(tt.code+tt.pointer, func(t *testing.T) {
			s := sound()
			tt.spoil(&s)
			_, err := composite.New(s)
			f, ok := err.(composite.Faults)
			if !ok || len(f) != 1 || f[0].Pointer != tt.pointer || f[0].Code != tt.code || f[0].Message == "" {
				t.Errorf("got %v, want %s at %s alone", err, tt.code, tt.pointer)
			}
		})
	}
}

func TestNewListsAllFaults(t *testing.T) {
	s := sound()
	s.Decimals, s.Tree.Children[0].Weight, s.Grades[2].From = -1, -1, 5
	_, err := composite.New(s)
	if f, ok := err.(composite.Faults); !ok || len(f) != 3 {
		t.Fatalf("got %v, want three faults", err)
	}
	want := []string{"/decimals: ", "/tree/children/0/weight: ", "/grades/2/from: "}
	for i, line := range strings.Split(err.Error(), "\n") {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("line %d is %q, want %q", i, line, want[i])
		}
	}
}

func TestNewLimits(t *testing.T) {
	deep := composite.Node{Code: "leaf", Weight: 1, Rule: &composite.RankRule{}}
	for i := range 40 {
		deep = composite.Node{Code: fmt.Sprint(i), Weight: 1, Children: []composite.Node{deep}}
	}
	wide := composite.Node{Code: "index"}
	for i := range 10_000 {
		wide.Children = append(wide.Children, composite.Node{Code: fmt.Sprint(i), Weight: 1, Rule: &composite.RankRule{}})
	}
	for code, tree := range map[string]composite.Node{"too_deep": deep, "too_many_nodes": wide} {
		_, err := composite.New(composite.Spec{Tree: tree})
		if f, ok := err.(composite.Faults); !ok || len(f) != 1 || f[0].Code != code {
			t.Errorf("got %v, want %s", err, code)
		}
	}
	wide.Children = wide.Children[:10_000-1]
	mustNew(t, composite.Spec{Tree: wide})
}

// What the caller does to the spec afterwards changes nothing.
func TestNewCopies(t *testing.T) {
	s := sound()
	ix := mustNew(t, s)
	s.Tree.Children[0].Children[0].Rule.(*composite.Goalposts).High = 60
	s.Tree.Children[0].Children[1].Rule.(*composite.Levels).Levels["yes"] = 0
	s.Tree.Children[1].Weight = 1
	s.Grades[0].From = 0
	s.Adjustments.Bonus.Items[0].Points = 50
	d := composite.Data{Units: []string{"u", "v"}, Columns: [][]float64{{75, 75}, {1, 1}, {0, 4}}}
	list, err := ix.Standings(score(t, ix, d), []composite.Adjustment{{Unit: 0, Code: "top"}})
	if err != nil {
		t.Fatal(err)
	}
	// .25·(.8·50 + .2·100) + .75·100 + 2
	if list[0].Score != 92 || list[0].Grade != "good" {
		t.Errorf("got %+v, want 92 and good", list[0])
	}
}

func TestNodes(t *testing.T) {
	ix := mustNew(t, sound())
	want := []composite.NodeInfo{
		{Code: "index", Parent: -1, Depth: 0, End: 5, Column: -1, Weight: 1, EffectiveWeight: 1},
		{Code: "a", Parent: 0, Depth: 1, End: 4, Column: -1, Weight: 25, EffectiveWeight: .25},
		{
			Code: "a.1", Parent: 1, Depth: 2, End: 3, Leaf: true, Column: 0, Direction: composite.Benefit, Weight: 4,
			EffectiveWeight: .2,
		},
		{
			Code: "a.2", Parent: 1, Depth: 2, End: 4, Leaf: true, Column: 1, Direction: composite.Benefit, Weight: 1,
			EffectiveWeight: .05,
		},
		{
			Code: "b", Parent: 0, Depth: 1, End: 5, Leaf: true, Column: 2, Direction: composite.Cost, Weight: 75,
			EffectiveWeight: .75,
		},
	}
	for n, got := range ix.Nodes() {
		if got != want[n] {
			t.Errorf("node %d is %+v, want %+v", n, got, want[n])
		}
	}
}
