package index

import (
	"cmp"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
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
		if w, g := want.files(file), got.files(file); !reflect.DeepEqual(w, g) {
			t.Fatalf("%s\ngives\n%v\nwant\n%v", file, g, w)
		}
		if again.dataFile() != file {
			t.Fatalf("%s\nis written again as\n%s", file, again.dataFile())
		}
		for i := range want.Results {
			w, g := want.Results[i], got.Results[i]
			if g.Vetoes != w.Vetoes || g.Bonus != w.Bonus || g.Deduction != w.Deduction ||
				!slices.Equal(g.Missing(), w.Missing()) {
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

// Every column that is stored of a result changes the hash of its receipt: a new one that
// is left out of the files is found here.
func TestTheResultHashCoversEveryColumn(t *testing.T) {
	compiled := compile(t, everyMark)
	const data = "the data file"
	fresh := func() *Outcome {
		o := &Outcome{Scheme: compiled}
		for i, code := range []string{"b01", "b02"} {
			r := Result{BranchCode: code, Position: i, Status: "scored", Coverage: 0.5}
			for n, info := range compiled.Index.Nodes() {
				r.Nodes = append(r.Nodes, NodeResult{BranchCode: code, NodeCode: info.Code, Position: n, Status: "scored"})
			}
			o.Results = append(o.Results, r)
		}
		return o
	}
	// rows are found by them: they are served for no other
	keys := []string{".TownID", ".RunID", "result_nodes.BranchCode"}
	want := fresh().resultHash(data)
	columns := 0
	var each func(path string, target func(*Outcome) reflect.Value)
	each = func(path string, target func(*Outcome) reflect.Value) {
		switch v := target(fresh()); v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				key := slices.ContainsFunc(keys, func(k string) bool { return strings.HasSuffix(path+"."+f.Name, k) })
				if f.Tag.Get("gorm") != "-" && !key {
					each(path+"."+f.Name, func(o *Outcome) reflect.Value { return target(o).Field(i) })
				}
			}
		default:
			columns++
			hashes := map[string]bool{want: true}
			for _, other := range others(v.Type()) {
				o := fresh()
				target(o).Set(other)
				hash := o.resultHash(data)
				if hashes[hash] {
					t.Errorf("%s = %v has the hash of another value", path, other)
				}
				hashes[hash] = true
			}
		}
	}
	each("results", func(o *Outcome) reflect.Value { return reflect.ValueOf(&o.Results[1]).Elem() })
	deepest := len(compiled.Index.Nodes()) - 1
	each("result_nodes", func(o *Outcome) reflect.Value { return reflect.ValueOf(&o.Results[1].Nodes[deepest]).Elem() })
	if columns < 23 {
		t.Errorf("%d columns were tried, want 23 and more", columns)
	}
	for what, change := range map[string]func(*Outcome){
		"the order of branches": func(o *Outcome) { slices.Reverse(o.Results) },
		"a branch less":         func(o *Outcome) { o.Results = o.Results[:1] },
		"a node less":           func(o *Outcome) { o.Results[1].Nodes = o.Results[1].Nodes[:deepest] },
	} {
		o := fresh()
		if change(o); o.resultHash(data) == want {
			t.Errorf("%s does not change the hash", what)
		}
	}
	if fresh().resultHash(data+" ") == want {
		t.Error("the salt of the details is not made of the data file")
	}
}

// others returns values of the type that are not its zero value.
func others(t reflect.Type) (list []reflect.Value) {
	pointer := t.Kind() == reflect.Pointer
	if pointer {
		t = t.Elem()
	}
	words := []any{0.25, 0.250000001} // the second is served alike: only the exact figures differ
	switch t.Kind() {
	case reflect.String:
		words = []any{"x", `\x`}
		if pointer {
			words = append(words, "", `\`)
		}
	case reflect.Int64:
		words = []any{int64(70), int64(80)}
		if pointer {
			words = append(words, int64(0))
		}
	case reflect.Int:
		words = []any{70, 80}
		if pointer {
			words = append(words, 0)
		}
	}
	for _, w := range words {
		v := reflect.ValueOf(w)
		if pointer {
			v = reflect.New(t)
			v.Elem().Set(reflect.ValueOf(w))
		}
		list = append(list, v)
	}
	return list
}

// What everybody may read of a result is rounded as it is served, and has no node below
// the first level: more digits would disclose the values below.
func TestTheOpenFilesOfAResultAreAsServed(t *testing.T) {
	compiled := compile(t, everyMark)
	third := 100.0 / 3
	o := &Outcome{
		Scheme: compiled, Results: []Result{{BranchCode: "b01", Status: "scored", Base: &third, Coverage: 1.0 / 3}},
	}
	for n, info := range compiled.Index.Nodes() {
		o.Results[0].Nodes = append(o.Results[0].Nodes,
			NodeResult{NodeCode: info.Code, Position: n, Status: "scored", Score: &third})
	}
	f := o.files("data")
	for _, open := range []string{f.Results, f.Nodes} {
		if strings.Contains(open, "33.33333") || strings.Contains(open, "a.1") || !strings.Contains(open, "33.3") {
			t.Errorf("an open file holds\n%s", open)
		}
	}
	if details := f.Details[0]; strings.Count(details, "33.333333333333336") != 1+len(compiled.Index.Nodes()) {
		t.Errorf("the details lack digits:\n%s", details)
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
