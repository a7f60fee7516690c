package scheme_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"bulwark/internal/scheme"
	"bulwark/internal/text"
	"bulwark/pkg/composite"
)

func hashOf(t *testing.T, document string) string {
	t.Helper()
	d, err := scheme.Decode([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return scheme.Hash(canonical)
}

// The hash is that of what the document says, not of how it is written. The
// figure pins the canonical form: stored hashes must stay right for ever.
func TestHashIsStable(t *testing.T) {
	want := hashOf(t, small)
	if want != "96cfaae9ebc9b7e0bc167d650e8adea48b8b086646ed3f4ba8a55406a029721e" {
		t.Errorf("the hash is now %s", want)
	}
	for _, tt := range []struct {
		name, old, new string
		same           bool
	}{
		{"order of members", `"code":"s","version":1`, `"version":1,"code":"s"`, true},
		{"order inside a rule", `"kind":"goalposts","low":0,"high":100`, `"high":100,"low":0,"kind":"goalposts"`, true},
		{"spelling of numbers", `"weight":3`, `"weight":0.3e1`, true},
		{"trailing zeros", `"min_coverage":0.5`, `"min_coverage":0.50`, true},
		{"negative zero", `"low":0`, `"low":-0.0`, true},
		{"white space", `"weight":3`, "\"weight\" :\n\t3", true},
		{"escapes", `"zh":"乙"`, `"zh":"\u4e59"`, true},
		{"composed letters", `"zh":"乙"`, `"zh":"e\u0301"`, false},
		{"a weight", `"weight":3`, `"weight":3.0000000001`, false},
		{"order of indicators", `"code":"b"`, `"code":"c"`, false},
	} {
		if got := hashOf(t, strings.Replace(small, tt.old, tt.new, 1)); (got == want) != tt.same {
			t.Errorf("%s: same hash %v, want %v", tt.name, got == want, tt.same)
		}
	}
	composed, apart := `"zh":"\u00e9"`, `"zh":"e\u0301 "`
	if hashOf(t, strings.Replace(small, `"zh":"乙"`, composed, 1)) != hashOf(t, strings.Replace(small, `"zh":"乙"`, apart, 1)) {
		t.Error("two spellings of one name have two hashes")
	}
}

// A document survives the way to its canonical form and back.
func TestCanonicalFormIsTheDocument(t *testing.T) {
	used := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		d := documents(t)
		if _, err := scheme.Compile(d); err != nil {
			t.Fatalf("the generator is wrong: %v %+v", err, fieldsOf(err))
		}
		first, err := d.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		back, err := scheme.Decode(first)
		if err != nil {
			t.Fatalf("%v %+v: %s", err, fieldsOf(err), first)
		}
		second, err := back.Canonical()
		if err != nil || string(first) != string(second) {
			t.Fatalf("came back as\n%s\nfrom\n%s\n(%v)", second, first, err)
		}
		c, err := scheme.Compile(back)
		if err != nil || c.Hash != scheme.Hash(first) {
			t.Fatalf("compiled: %v", err)
		}
		if changes, err := scheme.Diff(d, back); err != nil || len(changes) > 0 {
			t.Fatalf("differs from itself: %+v %v", changes, err)
		}
		for _, n := range c.Indicators {
			used[n.Rule.Kind()] = true
		}
	})
	for _, kind := range composite.RuleKinds() {
		if !used[kind] {
			t.Errorf("no document had a rule %s", kind)
		}
	}
}

var (
	finite = rapid.Float64Range(-1e6, 1e6)
	above  = rapid.Float64Range(1e-3, 1e6)
	points = rapid.Float64Range(0, 100)
	words  = rapid.StringMatching(`[a-z一-龥]{1,12}`)
)

func documents(t *rapid.T) scheme.Document {
	d := scheme.Document{
		Code: "s", Version: rapid.Int64Range(1, 99).Draw(t, "version"), Name: name(t),
		Decimals: rapid.IntRange(0, 9).Draw(t, "decimals"), MinCoverage: rapid.Float64Range(0, 1).Draw(t, "coverage"),
		Ranking:    rapid.SampledFrom([]composite.RankingKind{"", composite.Competition, composite.Dense}).Draw(t, "ranking"),
		Quantities: []scheme.Quantity{{Code: "q1", Name: name(t), Unit: "m"}, {Code: "q2", Name: name(t)}},
		Tree:       scheme.Node{Code: "index"},
		Grades:     []scheme.Grade{{Code: "top", From: rapid.Float64Range(1, 100).Draw(t, "top")}, {Code: "rest"}},
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "dimensions") {
		dimension := scheme.Node{Code: fmt.Sprint("d", i), Name: name(t), Weight: above.Draw(t, "weight"), Aggregation: rapid.SampledFrom([]composite.Aggregation{
			{}, {Kind: composite.Geometric}, {Kind: composite.Power, P: 2.5}, {Kind: composite.Penalised},
		}).Draw(t, "aggregation")}
		for j := range rapid.IntRange(1, 4).Draw(t, "indicators") {
			dimension.Children = append(dimension.Children, leaf(t, fmt.Sprintf("d%d.%d", i, j)))
		}
		d.Tree.Children = append(d.Tree.Children, dimension)
	}
	if rapid.Bool().Draw(t, "bonus") {
		d.Adjustments.Bonus = scheme.Group{
			Cap: 5, Items: []scheme.Item{{Code: "x", Name: name(t), Points: points.Draw(t, "points")}},
		}
		d.Adjustments.Vetoes = []scheme.Veto{
			{Code: "v", Name: name(t), Effect: composite.Effect{Kind: composite.CapGrade, Grade: "rest"}},
		}
	}
	return d
}

func name(t *rapid.T) text.Text { return text.Text{ZH: words.Draw(t, "name")} }

// leaf has a name of its own, as indicators must.
func leaf(t *rapid.T, code string) scheme.Node {
	n := scheme.Node{
		Code: code, Name: text.Text{ZH: words.Draw(t, "name") + " " + code}, Weight: above.Draw(t, "weight"), Entry: scheme.Reported, Rule: &scheme.Rule{Rule: rule(t)},
		Waivable:   rapid.Bool().Draw(t, "waivable"),
		Provenance: rapid.SampledFrom([]string{"", "example"}).Draw(t, "provenance"),
	}
	if rapid.Bool().Draw(t, "limited") {
		low, none := finite.Draw(t, "min"), 0
		n.Range, n.Decimals = &scheme.Range{Min: &low}, &none
		n.AppliesTo = &scheme.Applicability{Kinds: []string{"village"}}
		n.Missing = composite.Missing{Kind: composite.Carry, Periods: 2}
		n.Lenses = []string{words.Draw(t, "lens")}
	}
	if n.Rule.Kind() == "levels" {
		return n
	}
	switch rapid.IntRange(0, 2).Draw(t, "entry") {
	case 1:
		n.Entry, n.Combine = scheme.Rated, &composite.Combination{
			Kind: composite.Trimmed, Drop: 1, RoleWeights: map[string]float64{"mentor": 2},
		}
	case 2:
		n.Entry, n.Derive = scheme.Derived, &scheme.Derivation{Kind: "ratio", Numerator: "q1", Denominator: "q2", Scale: 100}
	}
	return n
}

// rule is any rule with any parameters that it takes.
func rule(t *rapid.T) composite.Rule {
	maybe := func(g *rapid.Generator[float64]) *float64 { return rapid.Ptr(g, true).Draw(t, "optional") }
	a, b := above.Draw(t, "a"), points.Draw(t, "b")
	return rapid.SampledFrom([]composite.Rule{
		&composite.Goalposts{Low: a, High: 2 * a}, &composite.Goalposts{Low: 2 * a, High: a, Transform: composite.Log},
		&composite.MinMax{Constant: maybe(points)}, &composite.ZScore{Mean: maybe(finite), SD: maybe(above), Clamp: b > 50},
		&composite.Percentile{}, &composite.RankRule{}, &composite.BestRule{},
		&composite.TargetRule{Target: a, Cap: rapid.Ptr(rapid.Bool(), true).Draw(t, "cap")},
		&composite.Reference{Unit: "b01", Clamp: true}, &composite.Reference{Value: a},
		&composite.Bands{Bands: []composite.Band{{From: -a, Points: b}, {From: a, Points: 100}}},
		&composite.Levels{Levels: map[string]float64{"A": 100, "乙": b, "C~/": 0}},
		&composite.Deduct{Per: a, Step: maybe(above), Floor: maybe(rapid.Just(0.0))},
		&composite.Shortfall{Target: b, Per: a, Step: maybe(above)},
		&composite.RankPoints{Points: []float64{a + 1, a, a / 2}}, &composite.PointsRule{Max: a},
	}).Draw(t, "rule")
}
