package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"bulwark/internal/datafile"
	"bulwark/internal/evaluation"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// everyMark is a scheme in which a data file needs everything that it can hold.
const everyMark = `{
 "code": "marks", "version": 3, "name": {"en": "marks"}, "decimals": 1, "min_coverage": 0.5,
 "quantities": [{"code": "done", "name": {"en": "done"}}, {"code": "due", "name": {"en": "due"}}],
 "tree": {"code": "index", "children": [
  {"code": "a", "name": {"en": "a"}, "weight": 2, "aggregation": {"kind": "geometric"}, "children": [
   {"code": "a.1", "name": {"en": "a.1"}, "weight": 1, "entry": "reported", "rule": {"kind": "minmax"}, "peers": "class"},
   {"code": "a.2", "name": {"en": "a.2"}, "weight": 3, "entry": "reported", "rule": {"kind": "goalposts", "low": -50, "high": 50}, "missing": {"kind": "carry", "periods": 2}, "waivable": true},
   {"code": "a.3", "name": {"en": "a.3"}, "weight": 2, "entry": "derived", "derive": {"kind": "ratio", "numerator": "done", "denominator": "due", "scale": 100}, "rule": {"kind": "goalposts", "low": 0, "high": 100}}]},
  {"code": "b", "name": {"en": "b"}, "weight": 1, "children": [
   {"code": "b.1", "name": {"en": "b.1"}, "weight": 1, "entry": "reported", "missing": {"kind": "carry"}, "waivable": true,
    "rule": {"kind": "levels", "levels": {"": 0, "n/a": 10, "~x": 20, "\\": 30, "\\~": 40, "很好, \"A\"": 90, "two\r\nlines": 95, " A ": 100, "12": 50}}},
   {"code": "b.2", "name": {"en": "b.2"}, "weight": 1, "entry": "reported", "rule": {"kind": "zscore"}, "missing": {"kind": "class_mean"}, "applies_to": {"kinds": ["village"]}},
   {"code": "b.3", "name": {"en": "b.3"}, "weight": 1, "entry": "reported", "rule": {"kind": "percentile"}, "applies_to": {"classes": ["urban", "rural"]}}]}]},
 "adjustments": {"bonus": {"cap": 5, "items": [{"code": "star", "name": {"en": "star"}, "points": 2}]},
  "deduction": {"cap": 8, "items": [{"code": "late", "name": {"en": "late"}, "points": 3}]},
  "vetoes": [{"code": "forged", "name": {"en": "forged"}, "effect": {"kind": "cap_grade", "grade": "poor"}},
   {"code": "fire", "name": {"en": "fire"}, "effect": {"kind": "cap_score", "score": 40}}]},
 "grades": [{"code": "good", "from": 70, "max_share": 0.4}, {"code": "fair", "from": 40}, {"code": "poor", "from": 0}]}`

func compile(t testing.TB, document string) *scheme.Compiled {
	t.Helper()
	d, err := scheme.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatalf("%v %+v", err, err)
	}
	return c
}

// The data file of a receipt, read back, has the figures of the receipt to the last
// bit, and is written as the same file.
func TestDataFileGivesTheSameFigures(t *testing.T) {
	compiled := compile(t, everyMark)
	seen := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		c := drawComputation(t, compiled)
		if err := c.score(); err != nil {
			t.Fatal(err)
		}
		file := c.dataFile()
		again, err := readComputation(compiled, file)
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		want, got := c.outcome(evaluation.Period{}), again.outcome(evaluation.Period{})
		if resultFile(got) != resultFile(want) {
			t.Fatalf("%s\ngives\n%s\nwant\n%s", file, resultFile(got), resultFile(want))
		}
		if again.dataFile() != file {
			t.Fatalf("%s\nis written again as\n%s", file, again.dataFile())
		}
		for i := range want.Results {
			w, g := want.Results[i], got.Results[i]
			if g.Vetoes != w.Vetoes || g.Bonus != w.Bonus || g.Deduction != w.Deduction ||
				!slices.Equal(g.missing(), w.missing()) {
				t.Fatalf("%s: %+v, want %+v", w.BranchCode, g, w)
			}
			note(seen, &w)
		}
	})
	for _, what := range []string{
		"entered", "missing", "imputed", "carried", "not_applicable", "scored", "insufficient", "vetoed", "good",
		"fair", "poor",
	} {
		if !seen[what] {
			t.Errorf("no computation had %q", what)
		}
	}
}

func note(seen map[string]bool, r *Result) {
	seen[r.Status], seen[word(r.Grade)], seen["vetoed"] = true, true, seen["vetoed"] || r.Vetoes != ""
	for _, n := range r.Nodes {
		seen[n.Status] = true
	}
}

func branchesOf(d *datafile.File) []town.Branch {
	branches := make([]town.Branch, len(d.Data.Units))
	for u := range branches {
		branches[u] = town.Branch{Life: town.Life{Code: d.Data.Units[u]}, Kind: d.Kind(u)}
		if class := d.Class(u); class != "" {
			branches[u].Class = &class
		}
	}
	return branches
}

// drawComputation makes values as evaluation.Collect could have: by the
// applicability of the scheme, with values carried over where it allows that.
func drawComputation(t *rapid.T, c *scheme.Compiled) *computation {
	n := rapid.IntRange(0, 12).Draw(t, "branches")
	d := &datafile.File{}
	for u := range n {
		d.Data.Units = append(d.Data.Units, fmt.Sprintf("b%02d", u))
		d.Data.Classes = append(d.Data.Classes, rapid.SampledFrom([]string{"", "urban", "rural", "else"}).Draw(t, "class"))
		d.Kinds = append(d.Kinds, rapid.SampledFrom([]string{"village", "community"}).Draw(t, "kind"))
	}
	for _, leaf := range c.Indicators {
		column, waived, carried := make([]float64, n), make([]bool, n), []float64(nil)
		if leaf.Missing.Kind == composite.Carry {
			carried = make([]float64, n)
		}
		for u := range n {
			column[u], waived[u] = math.NaN(), !leaf.AppliesTo.Covers(d.Kinds[u], d.Data.Classes[u])
			if carried != nil {
				carried[u] = drawValue(t, leaf)
			}
			if leaf.Waivable && rapid.IntRange(0, 4).Draw(t, "waive") == 0 {
				waived[u] = true
			}
			if !waived[u] {
				column[u] = drawValue(t, leaf)
			}
		}
		d.Data.Columns, d.Data.NotApplicable, d.Data.Carried = append(d.Data.Columns, column),
			append(d.Data.NotApplicable, waived), append(d.Data.Carried, carried)
	}
	for range rapid.IntRange(0, n).Draw(t, "adjustments") {
		d.Adjustments = append(d.Adjustments, composite.Adjustment{
			Unit: rapid.IntRange(0, n-1).Draw(t, "unit"),
			Code: rapid.SampledFrom([]string{"star", "late", "forged", "fire"}).Draw(t, "item"),
		})
	}
	slices.SortStableFunc(d.Adjustments, func(a, b composite.Adjustment) int {
		return cmp.Or(cmp.Compare(a.Unit, b.Unit), cmp.Compare(a.Code, b.Code))
	})
	return &computation{scheme: c, branches: branchesOf(d), values: d.Values}
}

func drawValue(t *rapid.T, leaf *scheme.Node) float64 {
	if rapid.IntRange(0, 4).Draw(t, "missing") == 0 {
		return math.NaN()
	}
	if levels := leaf.Levels(); levels != nil {
		return float64(rapid.IntRange(0, len(levels)-1).Draw(t, "level"))
	}
	if rapid.Bool().Draw(t, "plain") {
		return float64(rapid.IntRange(-1000, 1000).Draw(t, "tenths")) / 10
	}
	return rapid.Float64Range(-stats.MaxValue, stats.MaxValue).Draw(t, "value")
}
