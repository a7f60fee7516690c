package explanation

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"bulwark/internal/access"
	"bulwark/internal/datafile"
	"bulwark/internal/fault"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
)

const twoIndicators = `{"code": "s", "version": 1, "name": {"zh": "甲", "en": "s"}, "decimals": 2, "min_coverage": 0.5,
"grades": [{"code": "good", "name": {"zh": "良好"}, "from": 60}, {"code": "poor", "name": {"zh": "较差"}, "from": 0}],
"tree": {"code": "index", "children": [{"code": "d", "name": {"zh": "乙", "en": "d"}, "weight": 1, "children": [
{"code": "a", "name": {"zh": "丙", "en": "a"}, "weight": 1, "entry": "reported", "rule": {"kind": "goalposts", "low": 0, "high": 100}},
{"code": "b", "name": {"zh": "丁", "en": "b"}, "weight": 1, "entry": "reported", "rule": %s}]}]}}`

const absolute = `{"kind": "goalposts", "low": 0, "high": 100}`

// offline returns a view of the data by the scheme with the rule of b.
func offline(t *testing.T, rule, data string) index.View {
	t.Helper()
	d, err := scheme.Decode([]byte(fmt.Sprintf(twoIndicators, rule)))
	if err != nil {
		t.Fatal(err)
	}
	c, err := scheme.Compile(d)
	if err != nil {
		t.Fatal(err)
	}
	f, err := datafile.Read(strings.NewReader(data), c)
	if err != nil {
		t.Fatal(err)
	}
	v, err := index.OfflineView(c, f)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// supposed returns the ranking under the supposition, where the view is of a publication.
func supposed(t *testing.T, v index.View, s Supposition) (WhatIf, error) {
	t.Helper()
	return reading{v}.suppose(t.Context(), s, "en", true)
}

// Two publications with the same figures, behind which another branch has its values the
// other way round, look alike to who may not read them, whatever is supposed.
func TestSuppositionsTellNothingHidden(t *testing.T) {
	own := access.Reach{Branches: map[string]bool{"b1": true}}
	var seen [2]string
	for i, data := range []string{
		"branch,a,b\nb1,50,60\nb2,80,40\nb3,20,30\n", "branch,a,b\nb1,50,60\nb2,40,80\nb3,20,30\n",
	} {
		v := offline(t, absolute, data).For(own)
		var answers []any
		for _, weights := range []map[string]float64{nil, {"a": 1e6}, {"b": 1e6}} {
			for x := 0.0; x <= 100; x += 10 {
				w, err := supposed(t, v, Supposition{weights, []SupposedValue{{"b1", "a", &x}}})
				if err != nil {
					t.Fatal(err)
				}
				if len(w.Items) != 1 || (w.Items[0].Rank == 0) != (weights != nil) {
					t.Fatalf("weights %v, value %v: %+v", weights, x, w.Items)
				}
				answers = append(answers, w)
			}
		}
		g, err := GainsOf(t.Context(), v, "b1", "en")
		if err != nil {
			t.Fatal(err)
		}
		x, err := Of(v, "b1", "en", true)
		if err != nil {
			t.Fatal(err)
		}
		b, err := json.Marshal(append(answers, g, x))
		if err != nil {
			t.Fatal(err)
		}
		seen[i] = string(b)
	}
	if seen[0] != seen[1] {
		t.Errorf("answers depend on values of another branch:\n%s\n%s", seen[0], seen[1])
	}
}

// The rank under a supposition is that among the published figures: 55, 60 and 25.
func TestSupposedRankIsAmongPublishedFigures(t *testing.T) {
	v := offline(t, absolute, "branch,a,b\nb1,50,60\nb2,80,40\nb3,20,30\n").
		For(access.Reach{Branches: map[string]bool{"b1": true}})
	for value, want := range map[float64]int{0: 2, 50: 2, 60: 1, 61: 1} {
		w, err := supposed(t, v, Supposition{nil, []SupposedValue{{"b1", "a", &value}}})
		if err != nil || len(w.Items) != 1 || w.Items[0].Rank != want {
			t.Errorf("value %v: %+v, %v; want rank %d", value, w.Items, err, want)
		}
	}
	x := 1.0
	if _, err := supposed(t, v, Supposition{nil, []SupposedValue{{"b2", "a", &x}}}); !fault.Is(err, fault.KindInvalid) {
		t.Errorf("a supposition about another branch: %v", err)
	}
}

// What a plan would bring is predicted alike over two publications with the same figures,
// behind which the others have other values of what is measured against them: by a goal that
// the reader chooses nothing of them can be found out. Who may read all sees the difference.
func TestPredictionsTellNothingHidden(t *testing.T) {
	one := access.Reach{Branches: map[string]bool{"b1": true}}
	for name, reach := range map[string]access.Reach{"one branch": one, "all": {All: true}} {
		var seen [2]string
		for i, data := range []string{
			"branch,a,b\nb1,50,60\nb2,80,80\nb3,20,30\n", "branch,a,b\nb1,50,60\nb2,80,100\nb3,20,0\n",
		} {
			v := offline(t, `{"kind": "minmax"}`, data).For(reach)
			var answers []any
			for x := 0.0; x <= 100; x += 10 {
				p, err := Predict(v, "b1", map[string]float64{"a": x, "b": x})
				if err != nil {
					t.Fatal(err)
				}
				if kept := fmt.Sprint(p.Kept); (kept == "[b]") == reach.All || p.Indicators["a"] != x {
					t.Fatalf("%s, value %v: %+v", name, x, p)
				}
				answers = append(answers, p)
			}
			g, err := GainsOf(t.Context(), v, "b1", "en")
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(append(answers, g))
			if err != nil {
				t.Fatal(err)
			}
			seen[i] = string(b)
		}
		if (seen[0] == seen[1]) == reach.All {
			t.Errorf("for who may read %s:\n%s\n%s", name, seen[0], seen[1])
		}
	}
}

// A score that is measured against the others would tell what they have.
func TestRelativeRulesAreNotSupposed(t *testing.T) {
	v := offline(t, `{"kind": "minmax"}`, "branch,a,b\nb1,50,60\nb2,80,40\nb3,20,30\n")
	if _, err := supposed(t, v, Supposition{}); err != nil {
		t.Errorf("who may read all: %v", err)
	}
	v = v.For(access.Reach{Branches: map[string]bool{"b1": true}})
	if _, err := supposed(t, v, Supposition{}); !fault.Is(err, fault.KindForbidden) {
		t.Errorf("who may read one branch: %v", err)
	}
	g, err := GainsOf(t.Context(), v, "b1", "en")
	if err != nil || g.ToNextRank != nil || g.ToNextGrade != nil || len(g.Indicators) != 2 {
		t.Fatalf("who may read one branch: %+v, %v", g, err)
	}
	if a, b := g.Indicators[0], g.Indicators[1]; a.Goal == nil || a.More == 0 || b.Goal != nil || b.Median != nil ||
		b.Best != nil || b.Next != nil || b.Less != 0 || b.More != 0 || b.Score != 100 {
		t.Errorf("what own values would bring: %+v", g.Indicators)
	}
}
