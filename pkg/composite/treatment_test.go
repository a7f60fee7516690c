package composite_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

func treated(t *testing.T, treat composite.Treatment, x []float64) *composite.Result {
	t.Helper()
	treat.Kind = "winsorise"
	d := composite.Data{Columns: [][]float64{x}}
	for i := range x {
		d.Units = append(d.Units, string(rune('a'+i)))
	}
	return score(t,
		mustNew(t, composite.Spec{Tree: composite.Node{Code: "v", Rule: &composite.MinMax{}, Treat: &treat}}), d)
}

func TestWinsorise(t *testing.T) {
	var few []float64
	for i := range 20 {
		few = append(few, float64(i))
	}
	tests := []struct {
		name   string
		treat  composite.Treatment
		x      []float64
		points []stats.TreatedPoint
	}{
		{"no outlier", composite.Treatment{}, few, nil},
		{
			"one high",
			composite.Treatment{},
			append(slices.Clone(few), 1000),
			[]stats.TreatedPoint{{Unit: 20, Before: 1000, After: 19}},
		},
		{
			"one low",
			composite.Treatment{},
			append(slices.Clone(few), -1000),
			[]stats.TreatedPoint{{Unit: 20, Before: -1000, After: 0}},
		},
		{
			"two high",
			composite.Treatment{},
			append(slices.Clone(few), 900, 1000),
			[]stats.TreatedPoint{{Unit: 20, Before: 900, After: 19}, {Unit: 21, Before: 1000, After: 19}},
		},
		{
			"at most one",
			composite.Treatment{MaxPoints: new(1)},
			append(slices.Clone(few), 900, 1000),
			[]stats.TreatedPoint{{Unit: 21, Before: 1000, After: 900}},
		},
		{
			"ties move together or not at all",
			composite.Treatment{MaxPoints: new(1)},
			append(slices.Clone(few), 1000, 1000), nil,
		},
		{"never constant", composite.Treatment{}, append(make([]float64, 20), 1), nil},
		{"too few to judge", composite.Treatment{}, []float64{0, 0, 1000}, nil},
		{"off", composite.Treatment{MaxPoints: new(0)}, append(slices.Clone(few), 1000), nil},
		{"tolerant", composite.Treatment{Skew: new(9.0)}, append(slices.Clone(few), 1000), nil},
		{"kurtosis alone passes", composite.Treatment{Kurtosis: new(99.0)}, append(slices.Clone(few), 1000), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.x)
			r := treated(t, tt.treat, tt.x)
			if !slices.Equal(r.Treated, tt.points) {
				t.Errorf("treated %v, want %v", r.Treated, tt.points)
			}
			if !slices.Equal(tt.x, before) {
				t.Error("the data were changed")
			}
			for _, p := range tt.points {
				if cell := r.Cell(0, p.Unit); cell.Entered != p.Before || cell.Used != p.After ||
					cell.Status != composite.CellEntered {
					t.Errorf("cell %+v, want %v used as %v", cell, p.Before, p.After)
				}
			}
		})
	}
}

func TestTreatOutliers(t *testing.T) {
	var tripling []float64 // too many outliers for one point
	for i := range 30 {
		tripling = append(tripling, math.Pow(3, float64(i)))
	}
	tests := []struct {
		name string
		x    []float64
		kind stats.TreatmentKind
	}{
		{"passes", sample, stats.Untreated},
		{"one point", append([]float64{1000}, append(sample, sample...)...), stats.Winsorised},
		{"many points", tripling, stats.Winsorised}, // nor does the logarithm of so many pass
		{"fewer", tripling[:17], stats.LogTreated},
		{"equal", []float64{2, 2, 2, 2, 2}, stats.Untreated},
		{"none", nil, stats.Untreated},
	}
	for _, tt := range tests {
		got, err := (composite.Treatment{MaxPoints: new(1)}).Treat(tt.x)
		if err != nil || got.Kind != tt.kind {
			t.Errorf("%s: %+v %v, want %s", tt.name, got, err, tt.kind)
		}
		if got.Kind == stats.LogTreated {
			wantCells(t, tt.name, got.Values, stats.LogTransform(tt.x).Values)
		}
	}
	var faults composite.Faults
	if _, err := (composite.Treatment{Kind: "log"}).Winsorise(sample); !errors.As(err, &faults) {
		t.Errorf("an unknown treatment gives %v", err)
	}
	if _, err := (composite.Treatment{Skew: new(-1.)}).Treat(sample); !errors.As(err, &faults) {
		t.Errorf("a limit below 0 gives %v", err)
	}
}
