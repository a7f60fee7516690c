package composite_test

import (
	"testing"

	"bulwark/pkg/composite"
)

// What is missing scores as the lowest of the class that was entered, of all units where
// fewer than five of the class have one; what stands in and scores less stays.
func TestAtLowest(t *testing.T) {
	d := composite.Data{
		Units:   []string{"x0", "x1", "x2", "x3", "x4", "x5", "y0", "y1", "y2"},
		Classes: []string{"x", "x", "x", "x", "x", "x", "y", "y", "y"},
		Columns: [][]float64{
			{nan, 10, 20, 30, 40, 50, nan, 6, nan},
			{40, 40, 40, 40, 40, 40, 40, 40, nan},
		},
		Carried: [][]float64{{2, nan, nan, nan, nan, nan, 70, nan, nan}, nil},
	}
	for _, tt := range []struct {
		kind composite.MissingKind
		want map[string]float64
	}{
		// (10 + 120)/4; (6 + 120)/4, since one y alone has a value; of y2 both are missing, also where its coverage
		// is too low for a score
		{composite.Exclude, map[string]float64{"x0": 32.5, "x1": 32.5, "x5": 42.5, "y0": 31.5, "y1": 31.5, "y2": 31.5}},
		{composite.Carry, map[string]float64{"x0": 30.5, "y0": 31.5, "y2": 31.5}},
		{composite.PeerMean, map[string]float64{"x0": 32.5, "y0": 31.5}},
	} {
		r := score(t, mustNew(t, twoLeaves(composite.Missing{Kind: tt.kind}, .5)), d)
		low := r.AtLowest()
		for u, unit := range d.Units {
			want, named := tt.want[unit]
			if got, ok := low.Base(u); named && (!ok || got != want) {
				t.Errorf("%s: %s has %v %v, want %v", tt.kind, unit, got, ok, want)
			}
		}
		if got, ok := r.Base(1); !ok || got != 32.5 {
			t.Errorf("%s: the result itself was changed to %v %v", tt.kind, got, ok)
		}
	}
	ix := mustNew(t, twoLeaves(composite.Missing{}, 0))
	nobody := composite.Data{Units: []string{"u1", "u2"}, Columns: [][]float64{{nan, nan}, {40, 50}}}
	if got, ok := score(t, ix, nobody).AtLowest().Base(0); !ok || got != 40 {
		t.Errorf("a leaf that nobody has entered counts: %v %v", got, ok)
	}
	if ix.Score(nobody, composite.KeepRoot).AtLowest() != nil {
		t.Error("a result of which only the root is kept has figures at the lowest")
	}
}
