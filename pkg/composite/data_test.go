package composite_test

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/pkg/composite"
)

func TestCheck(t *testing.T) {
	ix := mustNew(t, sound())
	good := func() composite.Data {
		return composite.Data{
			Units: []string{"u", "v"}, Classes: []string{"x", "y"},
			Columns:       [][]float64{{75, nan}, {1, 0}, {0, 4}},
			NotApplicable: [][]bool{nil, {false, false}, nil},
			Carried:       [][]float64{{nan, 60}, nil, nil},
		}
	}
	if err := ix.Check(good()); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name  string
		spoil func(*composite.Data)
		want  string // unit, indicator, code
	}{
		{"classes", func(d *composite.Data) { d.Classes = d.Classes[:1] }, "  shape"},
		{"too few columns", func(d *composite.Data) { d.Columns = d.Columns[:2] }, "  shape"},
		{"nil column", func(d *composite.Data) { d.Columns[1] = nil }, " a.2 shape"},
		{"short column", func(d *composite.Data) { d.Columns[2] = d.Columns[2][:1] }, " b shape"},
		{
			"short not applicable", func(d *composite.Data) { d.NotApplicable[1] = nil; d.NotApplicable[2] = make([]bool, 3) },
			" b shape",
		},
		{"too many carried", func(d *composite.Data) { d.Carried = make([][]float64, 4) }, "  shape"},
		{"no code", func(d *composite.Data) { d.Units[1] = "" }, "  unit_code_missing"},
		{"same code", func(d *composite.Data) { d.Units[1] = "u" }, "u  unit_duplicate"},
		{"entry", func(d *composite.Data) { d.Columns[1][1] = 7 }, "v a.2 bad_entry"},
		{"carried entry", func(d *composite.Data) { d.Carried[0][1] = 1e99 }, "v a.1 value_out_of_range"},
		{"not applicable entry", func(d *composite.Data) { d.Columns[1][1] = 7; d.NotApplicable[1][1] = true }, ""},
	}
	for _, tt := range tests {
		d := good()
		tt.spoil(&d)
		err, got := ix.Check(d), ""
		if f, ok := err.(*composite.DataFaults); ok && len(f.Faults) == 1 {
			got = fmt.Sprintf("%s %s %s", f.Faults[0].Unit, f.Faults[0].Indicator, f.Faults[0].Code)
		}
		if got != tt.want {
			t.Errorf("%s: %v, want %q alone", tt.name, err, tt.want)
		}
	}
}

func TestCheckCountsWhatItDoesNotList(t *testing.T) {
	x, d := make([]float64, 1500), composite.Data{}
	for i := range x {
		x[i] = -1
		d.Units = append(d.Units, fmt.Sprint("u", i))
	}
	d.Columns = [][]float64{x}
	err := mustNew(t, composite.Spec{Tree: composite.Node{Code: "i", Rule: &composite.BestRule{}}}).Check(d)
	f, ok := err.(*composite.DataFaults)
	if !ok || len(f.Faults) != 1000 || f.More != 500 {
		t.Fatalf("%d listed and %d more, want 1000 and 500", len(f.Faults), f.More)
	}
	if lines := strings.Split(f.Error(),
		"\n"); lines[0] != "u0: i: -1: a proportion needs a value of 0 or more (bad_entry)" || lines[1000] != "and 500 more" {
		t.Errorf("message begins %q and ends %q", lines[0], lines[1000])
	}
}

// Score cannot fail even where Check was forgotten.
func TestScoreOfWrongShape(t *testing.T) {
	ix := mustNew(t, sound())
	for _, d := range []composite.Data{{}, {Units: []string{"u"}}, {Units: []string{"u"}, Columns: make([][]float64, 3)}} {
		if list, err := ix.Standings(ix.Score(d, composite.KeepAll), nil); err != nil || len(list) != 0 {
			t.Errorf("%v %v, want no standings", list, err)
		}
	}
}
