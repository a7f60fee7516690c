package composite_test

import (
	"math"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

func TestCombine(t *testing.T) {
	ratings := []composite.Rating{
		{"mentor", 90}, {"mentor", 60}, {"mentor", 72}, {"secretary", 80}, {"secretary", 84},
	}
	roles := map[string]float64{"mentor": 3, "secretary": 1, "office": 6}
	tests := []struct {
		name    string
		ratings []composite.Rating
		rule    composite.Combination
		want    float64
		ok      bool
	}{
		{"mean", ratings, composite.Combination{}, (74. + 82) / 2, true},
		{
			"roles without rating drop out", ratings,
			composite.Combination{Kind: composite.Mean, RoleWeights: roles},
			(3*74. + 82) / 4, true,
		},
		{"median", ratings, composite.Combination{Kind: composite.MedianKind, RoleWeights: roles}, (3*72. + 82) / 4, true},
		{
			"trimmed, or the mean of too few", ratings,
			composite.Combination{Kind: composite.Trimmed, Drop: 1, RoleWeights: roles},
			(3*72. + 82) / 4, true,
		},
		{"trimmed by 1 unless said", ratings, composite.Combination{Kind: composite.Trimmed}, (72. + 82) / 2, true},
		{
			"trimmed by more than there are", ratings,
			composite.Combination{Kind: composite.Trimmed, Drop: math.MaxInt},
			(74. + 82) / 2, true,
		},
		{
			"roles without weight do not count", ratings,
			composite.Combination{RoleWeights: map[string]float64{"secretary": 1}},
			82, true,
		},
		{"no role counts", ratings, composite.Combination{RoleWeights: map[string]float64{"office": 1}}, 0, false},
		{"none", nil, composite.Combination{}, 0, false},
		{"not finite", []composite.Rating{{"a", nan}, {"a", math.Inf(1)}, {"a", 5}}, composite.Combination{}, 5, true},
		{
			"a weight that is none", ratings, composite.Combination{
				RoleWeights: map[string]float64{"mentor": nan, "secretary": -1},
			}, 0, false,
		},
	}
	for _, tt := range tests {
		got, ok := tt.rule.Combine(tt.ratings)
		if ok != tt.ok || ok && !near(got, tt.want, 1e-12) {
			t.Errorf("%s: %v %v, want %v %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}

func TestRatio(t *testing.T) {
	tests := []struct {
		numerator, denominator, scale, want float64
		ok                                  bool
	}{
		{1, 4, 100, 25, true},
		{0, 4, 100, 0, true},
		{1, 0, 100, 0, false},
		{0, 0, 100, 0, false},
		{1, nan, 100, 0, false},
		{1e308, 1e-308, 1, 0, false},
	}
	for _, tt := range tests {
		got, ok := stats.Ratio(tt.numerator, tt.denominator, tt.scale)
		if ok != tt.ok || ok && got != tt.want {
			t.Errorf("Ratio(%v, %v, %v) = %v %v, want %v %v", tt.numerator, tt.denominator, tt.scale, got, ok, tt.want, tt.ok)
		}
	}
}
