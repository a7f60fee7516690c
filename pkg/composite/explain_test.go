package composite_test

import (
	"math"
	"slices"
	"testing"

	"bulwark/pkg/composite"
)

func TestFindings(t *testing.T) {
	early, late := newTown(), newTown()
	late.data.Classes = []string{"x", "x", "x", "y"}
	late.data.Columns = [][]float64{{60, 70, 80, 90}, {5, 0, 10, 4}, {50.001, 50, 50, 80}}
	e := late.explain(t)
	got := e.Comparisons(0, composite.ComparisonOptions{
		Before: early.explain(t), Targets: map[int]float64{1: 75, 2: 50, 3: math.NaN(), 99: 1},
	})
	want := []composite.Comparison{
		{Node: 1, Code: composite.BelowTarget, Score: 60, Reference: 75, Gap: -15, Points: -7.5},
		{Node: 1, Code: composite.BelowClassMedian, Score: 60, Reference: 70, Gap: -10, Points: -5, Above: 2},
	}
	if !slices.Equal(got, want) { // 50.001 reads as 50.00: a tie, as is 50 against 50
		t.Errorf("%+v", got)
	}
	early.data.Columns[2][0] = 40
	early.spec.Tree.Children[0].Code = "other"
	got = e.Comparisons(0, composite.ComparisonOptions{Before: early.explain(t)})
	if i := slices.IndexFunc(got, func(f composite.Comparison) bool { return f.Code == composite.Risen }); i < 0 ||
		got[i].Gap != 10 || got[i].Points != 2.5 || len(got) != 2 {
		t.Errorf("%+v", got)
	}
}

// Whatever the scheme, no tie is listed, and signs agree.
func TestFindingsAreConsistent(t *testing.T) {
	for seed := range manySchemes() / 5 {
		d := newSeeded(seed)
		e, _, data := drawExplained(t, d, allAggregations)
		before, _, _ := drawExplained(t, d, allAggregations)
		for u := range data.Units {
			last := math.Inf(1)
			for _, f := range e.Comparisons(u, composite.ComparisonOptions{Before: before, Targets: map[int]float64{1: 60}}) {
				if f.Gap == 0 || f.Code.Strong() != (f.Gap > 0) || f.Gap*f.Points < 0 || math.Abs(f.Points) > last+1e-9 {
					t.Fatalf("seed %d: %+v after %v", seed, f, last)
				}
				last = math.Abs(f.Points)
				if f.Above+f.Below >= len(data.Units) || f.Code == composite.AboveClassMedian && f.Below == 0 {
					t.Fatalf("seed %d: %+v among %d", seed, f, len(data.Units))
				}
			}
		}
	}
}

func TestLeadingNeverSplitsATie(t *testing.T) {
	list := []composite.Comparison{{Node: 1, Points: 3}, {Node: 2, Points: -2}, {Node: 3, Points: 2}, {Node: 4, Points: 1}}
	for most, want := range map[int]int{-1: 0, 0: 0, 1: 1, 2: 1, 3: 3, 4: 4, 9: 4} {
		if got := len(composite.Leading(list, most)); got != want {
			t.Errorf("at most %d: %d, want %d", most, got, want)
		}
	}
}

func TestNeighbours(t *testing.T) {
	w := newTown()
	w.data.Classes = []string{"x", "y", "x", "y"}
	e := w.explain(t)
	names := func(list []composite.Neighbour) (names string) {
		for _, n := range list {
			names += w.data.Units[n.Unit]
		}
		return names
	}
	// d has 75, c 82.5, a 55, b 50.
	for _, test := range []struct {
		unit, span int
		class      bool
		want       string
	}{
		{0, 1, false, "db"},
		{0, 9, false, "cdb"},
		{0, 9, true, "c"},
		{2, 1, false, "d"},
		{1, math.MaxInt, false, "cda"},
		{0, 0, false, ""},
		{0, -1, false, ""},
	} {
		if got := names(e.Neighbours(test.unit, test.span, test.class)); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	n := e.Neighbours(0, 1, false)[0]
	if n.Places != -1 || n.Gap != 20 || n.Differences[0].Node != 1 || n.Differences[0].Score != 30 ||
		n.Differences[0].Points != 15 {
		t.Errorf("%+v", n)
	}
}

// The differences of the dimensions sum to that of the bases.
func TestNeighbourDifferencesSum(t *testing.T) {
	for seed := range manySchemes() / 5 {
		e, ix, _ := drawExplained(t, newSeeded(seed), allAggregations)
		for _, s := range e.Standings() {
			for _, n := range e.Neighbours(s.Unit, 2, seed%2 == 0) {
				sum, scale := 0.0, max(math.Abs(n.Base), math.Abs(s.Base))
				for _, d := range n.Differences {
					sum += d.Points
					scale = max(scale, math.Abs(d.Points))
				}
				if len(ix.Nodes()) > 1 && math.Abs(sum-(n.Base-s.Base)) > 1e-9*max(1, scale/100) {
					t.Fatalf("seed %d: %v, bases differ by %v", seed, sum, n.Base-s.Base)
				}
			}
		}
	}
}
