package composite_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

var (
	allAggregations = []composite.AggregationKind{
		composite.Arithmetic, composite.Geometric, composite.Harmonic, composite.Power, composite.Minimum,
		composite.Penalised,
	}
	means = allAggregations[:5]
)

// drawCase draws an index and data that it accepts.
func drawCase(t *rapid.T, kinds []string, aggregations []composite.AggregationKind) (*composite.Index, composite.Data) {
	d := rapidDrawer{t}
	ix, err := composite.New(composite.Spec{
		Decimals: 2, MinCoverage: float64(d.intn(2)) / 2, Tree: drawTree(d, kinds, aggregations),
		Grades: []composite.Grade{{Code: "A", From: 80, MaxShare: new(.3)}, {Code: "B", From: 60}, {Code: "C"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	data := drawData(d, ix, d.intn(12))
	if err := ix.Check(data); err != nil {
		t.Fatal(err)
	}
	return ix, data
}

func standings(t *rapid.T, ix *composite.Index, d composite.Data) []composite.Standing {
	list, err := ix.Standings(ix.Score(d, composite.KeepRoot), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestScoresAreBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, boundedRules, means)
		r := ix.Score(d, composite.KeepAll)
		for n, info := range ix.Nodes() {
			for u := range d.Units {
				if x, ok := r.Score(n, u); ok && !(x >= 0 && x <= 100+1e-12) {
					t.Fatalf("%s of %s is %v", info.Code, d.Units[u], x)
				}
			}
		}
	})
}

// Standings hold whatever the rules: a figure in 0–100 for whoever is scored, ranks
// and grades that follow the figure, nothing for the rest, who come last.
func TestStandingsAreConsistent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		list := standings(t, ix, d)
		for i, s := range list {
			if s.Status != composite.UnitScored {
				if s.Rank != 0 || s.ClassRank != 0 || s.Grade != "" || s.Score != 0 {
					t.Fatalf("without a score: %+v", s)
				}
				continue
			}
			if !(s.Score >= 0 && s.Score <= 100) || math.IsInf(s.Base, 0) || s.Score != stats.Round(s.Score, 2) {
				t.Fatalf("%+v", s)
			}
			better := 0
			for _, other := range list {
				if other.Status == composite.UnitScored && other.Score > s.Score {
					better++
				}
			}
			if s.Rank != better+1 {
				t.Fatalf("rank %d with %d ahead", s.Rank, better)
			}
			if i == 0 {
				continue
			}
			before := list[i-1]
			if before.Status != composite.UnitScored || before.Score < s.Score || before.Grade > s.Grade ||
				before.Score == s.Score && (before.Grade != s.Grade || d.Units[before.Unit] >= d.Units[s.Unit]) {
				t.Fatalf("%+v stands before %+v", before, s)
			}
		}
	})
}

// The order in which units come changes no bit of what they get.
func TestRowOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		order := rapid.Permutation(indices(len(d.Units))).Draw(t, "order")
		moved := composite.Data{Units: permute(d.Units, order), Classes: permute(d.Classes, order)}
		for c := range d.Columns {
			moved.Columns = append(moved.Columns, permute(d.Columns[c], order))
			moved.Carried = append(moved.Carried, permute(d.Carried[c], order))
			moved.NotApplicable = append(moved.NotApplicable, permute(d.NotApplicable[c], order))
		}
		want, got := byCode(standings(t, ix, d), d.Units), byCode(standings(t, ix, moved), moved.Units)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func indices(n int) []int {
	x := make([]int, n)
	for i := range x {
		x[i] = i
	}
	return x
}

func permute[T any](x []T, order []int) []T {
	y := make([]T, len(x))
	for i, from := range order {
		y[i] = x[from]
	}
	return y
}

func byCode(list []composite.Standing, units []string) map[string]composite.Standing {
	m := map[string]composite.Standing{}
	for _, s := range list {
		code := units[s.Unit]
		s.Unit = 0
		m[code] = s
	}
	return m
}

// Weights are relative. A power of two on all siblings changes no bit, unless a
// score is too close to 0 to have all of them.
func TestWeightScaleDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		spec := ix.Spec()
		for i := range spec.Tree.Children {
			spec.Tree.Children[i].Weight *= 1024
			for j := range spec.Tree.Children[i].Children {
				spec.Tree.Children[i].Children[j].Weight /= 4
			}
		}
		scaled, err := composite.New(spec)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(standings(t, ix, d), standings(t, scaled, d), cmpopts.EquateApprox(0, 1e-100)); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Doing better in one indicator, all else equal, never lowers the score.
func TestScoresAreMonotone(t *testing.T) {
	kinds := []string{
		"goalposts", "minmax", "zscore", "percentile", "rank", "best", "target", "deduct", "shortfall",
		"rank_points", "points",
	}
	rapid.Check(t, func(t *rapid.T) {
		d := rapidDrawer{t}
		tree := drawTree(d, kinds, means)
		for i := range tree.Children {
			for j := range tree.Children[i].Children {
				// A value that is held back, or that fills others, moves its peers along.
				tree.Children[i].Children[j].Treat = nil
				tree.Children[i].Children[j].Missing.Kind = composite.Exclude
			}
		}
		ix, err := composite.New(composite.Spec{Tree: tree})
		if err != nil {
			t.Fatal(err)
		}
		data := drawData(d, ix, 1+d.intn(8))
		leaf, unit := ix.Leaves()[d.intn(len(ix.Leaves()))], d.intn(len(data.Units))
		info := ix.Nodes()[leaf]
		before := ix.Score(data, composite.KeepRoot)
		data.Columns[info.Column] = slices.Clone(data.Columns[info.Column])
		x := &data.Columns[info.Column][unit]
		switch {
		case math.IsNaN(*x): // stays missing
		case info.Direction == composite.Cost:
			*x -= d.number(0, *x)
		default:
			*x += d.number(0, 100-*x)
		}
		if ix.Check(data) != nil {
			t.Skip("better than possible")
		}
		after := ix.Score(data, composite.KeepRoot)
		was, had := before.Base(unit)
		is, has := after.Base(unit)
		if had != has || is < was-1e-9 {
			t.Fatalf("from %v %v to %v %v", was, had, is, has)
		}
	})
}

// Units with the same row get the same standing.
func TestTwinsTie(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		if len(d.Units) < 2 {
			t.Skip("no two units")
		}
		d.Classes[1] = d.Classes[0]
		for c := range d.Columns {
			d.Columns[c][1], d.Carried[c][1], d.NotApplicable[c][1] = d.Columns[c][0], d.Carried[c][0], d.NotApplicable[c][0]
		}
		m := byCode(standings(t, ix, d), d.Units)
		if diff := cmp.Diff(m["u0"], m["u1"]); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestInputsAreUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ix, d := drawCase(t, allRules, allAggregations)
		spec, before := ix.Spec(), fmt.Sprint(d)
		standings(t, ix, d)
		if fmt.Sprint(d) != before {
			t.Fatal("the data were changed")
		}
		if diff := cmp.Diff(spec, ix.Spec(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}
