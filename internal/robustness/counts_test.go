package robustness

import (
	"math"
	"testing"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
)

// Counts that do not make the value, because it was corrected or carried, are left out, and so are ratios of which the
// scheme does not say how they vary.
func TestCountsMakeTheValue(t *testing.T) {
	c := &scheme.Compiled{Indicators: []*scheme.Node{
		{Code: "plain"},
		{Code: "share", Derive: &scheme.Derivation{Numerator: "n", Denominator: "d", Scale: 100, Chance: "binomial"}},
		{Code: "unstated", Derive: &scheme.Derivation{Numerator: "n", Denominator: "d", Scale: 100}},
	}}
	nan := math.NaN()
	d := composite.Data{
		Units:   []string{"as counted", "corrected", "missing", "not entered"},
		Columns: [][]float64{{1, 1, 1, 1}, {75, 76, nan, 75}, {75, 75, 75, 75}},
	}
	list := Counts(c, d, func(unit int, code string) float64 {
		switch {
		case unit == 3:
			return nan
		case code == "n":
			return 3
		}
		return 4
	})
	if len(list) != 1 || list[0].Column != 1 || len(CountedCodes(c, list)) != 1 || CountedCodes(c, list)[0] != "share" {
		t.Fatalf("%+v", list)
	}
	for u, want := range []bool{true, false, false, false} {
		if list[0].Has(u) != want {
			t.Errorf("%s: %v", d.Units[u], !want)
		}
	}
}
