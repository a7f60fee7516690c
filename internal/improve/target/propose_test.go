package target

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/internal/improve"
	"bulwark/internal/index"
	"bulwark/internal/scheme"
	"bulwark/internal/town"
)

const twoForces = `{"code": "two", "version": 1, "name": {"en": "two"}, "decimals": 2, "min_coverage": 0.6,
"tree": {"code": "index", "aggregation": {"kind": "arithmetic"}, "children": [
 {"code": "order", "name": {"zh": "治理力", "en": "order"}, "weight": 1, "aggregation": {"kind": "arithmetic"}, "children": [
  {"code": "a", "name": {"en": "a"}, "weight": 1, "entry": "reported", "direction": "benefit", "rule": {"kind": "goalposts", "low": 0, "high": 100}}]},
 {"code": "ethos", "name": {"en": "ethos"}, "weight": 1, "aggregation": {"kind": "arithmetic"}, "children": [
  {"code": "b", "name": {"en": "b"}, "weight": 1, "entry": "reported", "direction": "benefit", "rule": {"kind": "goalposts", "low": 0, "high": 100}}]}]},
"grades": [{"code": "good", "from": 80}, {"code": "fair", "from": 60}, {"code": "poor", "from": 0}]}`

// twelve branches: b01 to b10 rural with 51 to 60 points, b11 and b12 urban with 90
// and 85.
func twelve() (r index.Ranking) {
	for i := range 12 {
		item := index.Ranked{
			Branch: town.BranchRef{Code: fmt.Sprintf("b%02d", i+1), Class: "rural"}, Score: float64(51 + i), Grade: "poor",
			Dimensions: map[string]float64{"order": 70, "ethos": 70},
		}
		switch i {
		case 9:
			item.Grade = "fair"
		case 10, 11:
			item.Branch.Class, item.Score, item.Grade = "urban", float64(90-5*(i-10)), "good"
		}
		r.Items = append(r.Items, item)
	}
	return r
}

func TestReasonsBy(t *testing.T) {
	document, err := scheme.Decode([]byte(twoForces))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := scheme.Compile(document)
	if err != nil {
		t.Fatal(err)
	}
	level, weak, fell := twelve(), twelve(), twelve()
	level.Items[1].Score, level.Items[2].Score = 52, 52 // the second and third are level
	weak.Items[3].Dimensions["order"], weak.Items[4].Dimensions["order"], weak.Items[5].Dimensions["ethos"] = 59.99, 60, 10
	delete(weak.Items[6].Dimensions, "order") // not scored, which is not 0
	fell.Items[7].Change, fell.Items[8].Change, fell.Items[9].Change = &index.RankChange{Score: -5},
		&index.RankChange{Score: -5.01}, &index.RankChange{Score: 9}
	for _, c := range []struct {
		name string
		rule improve.ProposalRule
		of   index.Ranking
		want []string
	}{
		{
			"a tenth of twelve is two",
			improve.ProposalRule{Kind: improve.LowestShare, Share: 0.1},
			twelve(),
			[]string{"b01 51 52", "b02 52 52"},
		},
		{
			"level with the last one",
			improve.ProposalRule{Kind: improve.LowestShare, Share: 0.1},
			level,
			[]string{"b01 51 52", "b02 52 52", "b03 52 52"},
		},
		{
			"a quarter of twelve is three",
			improve.ProposalRule{Kind: improve.LowestShare, Share: 0.25},
			twelve(),
			[]string{"b01 51 53", "b02 52 53", "b03 53 53"},
		},
		{
			"a tenth of each class",
			improve.ProposalRule{Kind: improve.LowestShare, Share: 0.1, ByClass: true},
			twelve(),
			[]string{"b01 51 51 rural", "b12 85 85 urban"},
		},
		{
			"all",
			improve.ProposalRule{Kind: improve.LowestShare, Share: 1, ByClass: true},
			index.Ranking{Items: twelve().Items[10:]},
			[]string{"b11 90 90 urban", "b12 85 90 urban"},
		},
		{
			"below sixty",
			improve.ProposalRule{Kind: improve.DimensionBelow, Points: 60},
			weak,
			[]string{"b04 59.99 60 order", "b06 10 60 ethos"},
		},
		{
			"below sixty in one", improve.ProposalRule{
				Kind: improve.DimensionBelow, Points: 60, Dimensions: []string{"ethos"},
			}, weak, []string{"b06 10 60 ethos"},
		},
		{"over five points", improve.ProposalRule{Kind: improve.FallOver, Points: 5}, fell, []string{"b09 5.01 5"}},
		{
			"fair or worse",
			improve.ProposalRule{Kind: improve.GradeAtMost, Grade: "fair"},
			index.Ranking{Items: twelve().Items[8:]},
			[]string{"b09 59 poor fair", "b10 60 fair fair"},
		},
		{"a grade that is not there", improve.ProposalRule{Kind: improve.GradeAtMost, Grade: "bad"}, twelve(), nil},
		{"nobody", improve.ProposalRule{Kind: improve.LowestShare, Share: 1}, index.Ranking{}, nil},
	} {
		var got []string
		for branch, reasons := range reasonsBy([]improve.ProposalRule{c.rule}, c.of, c.of, compiled) {
			for _, r := range reasons {
				got = append(got, told(branch, r))
				if r.Code != c.rule.Kind || r.Text.In("zh") == "" || r.Text.In("en") == r.Text.In("zh") {
					t.Errorf("%s: %+v", c.name, r)
				}
			}
		}
		slices.Sort(got)
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func told(branch string, r Reason) string {
	s := fmt.Sprintf("%s %v", branch, r.Value)
	if r.Threshold != nil {
		s += fmt.Sprintf(" %v", *r.Threshold)
	}
	for _, word := range []string{r.Dimension, r.Class, r.Grade, r.AtMost} {
		if word != "" {
			s += " " + word
		}
	}
	return s
}
