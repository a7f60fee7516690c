package composite_test

import (
	"fmt"
	"strings"
	"testing"

	"bulwark/pkg/composite"
)

// published scores each unit by one indicator of 0–100 and publishes; units are
// called a, b, c, … and a NaN is a unit without score.
func published(
	t *testing.T, spec composite.Spec, classes []string, base []float64, adjustments ...composite.Adjustment,
) []composite.Standing {
	t.Helper()
	spec.Tree = composite.Node{Code: "x", Rule: &composite.PointsRule{Max: 100}}
	d := composite.Data{Classes: classes, Columns: [][]float64{base}}
	for i := range base {
		d.Units = append(d.Units, string(rune('a'+i)))
	}
	ix := mustNew(t, spec)
	list, err := ix.Standings(score(t, ix, d), adjustments)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func ranks(list []composite.Standing) string {
	var b strings.Builder
	for _, s := range list {
		fmt.Fprintf(&b, "%c%d.%d ", 'a'+s.Unit, s.Rank, s.ClassRank)
	}
	return strings.TrimSpace(b.String())
}

func TestRanking(t *testing.T) {
	base := []float64{70, 90.004, nan, 90.0049, 90.01, 50, 70, 60}
	classes := []string{"x", "y", "x", "x", "y", "x", "y", "x"}
	tests := []struct {
		ranking composite.RankingKind
		classes []string
		want    string
	}{
		// b and d are 90.00 on screen, so they tie although their bases differ.
		{composite.Competition, nil, "e1.1 b2.2 d2.2 a4.4 g4.4 h6.6 f7.7 c0.0"},
		{composite.Dense, nil, "e1.1 b2.2 d2.2 a3.3 g3.3 h4.4 f5.5 c0.0"},
		{composite.Competition, classes, "e1.1 b2.2 d2.1 a4.2 g4.3 h6.3 f7.4 c0.0"},
	}
	for _, tt := range tests {
		got := ranks(published(t, composite.Spec{Decimals: 2, Ranking: tt.ranking}, tt.classes, base))
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.ranking, got, tt.want)
		}
	}
}

func TestAdjustments(t *testing.T) {
	spec := sound()
	one := func(codes ...string) (list []composite.Adjustment) {
		for _, code := range codes {
			list = append(list, composite.Adjustment{Code: code})
		}
		return list
	}
	tests := []struct {
		name                    string
		base                    float64
		adjustments             []composite.Adjustment
		bonus, deduction, score float64
		grade                   string
	}{
		{"none", 80, nil, 0, 0, 80, "good"},
		{"bonus", 79, one("top"), 2, 0, 81, "good"},
		{"twice counts twice", 75, one("top", "top"), 4, 0, 79, "fair"},
		{"bonus up to its cap", 70, one("top", "top", "top"), 5, 0, 75, "fair"},
		{"own points", 70, []composite.Adjustment{{Code: "top", Points: 1.5}}, 1.5, 0, 71.5, "fair"},
		{"deduction", 80, one("late"), 0, 4, 76, "fair"},
		{"deduction up to its cap", 80, one("late", "late", "late"), 0, 10, 70, "fair"},
		{"both, each capped by itself", 80, one("late", "late", "late", "top", "top", "top"), 5, 10, 75, "fair"},
		{"not above 100", 99, one("top"), 2, 0, 100, "good"},
		{"not below 0", 3, one("late"), 0, 4, 0, "poor"},
		{"capped grade leaves the score", 95, one("forged"), 0, 0, 95, "poor"},
		{"capped score", 95, one("capped"), 0, 0, 59, "poor"},
		{"capped score above", 20, one("capped"), 0, 0, 20, "poor"},
		{"zero", 95, one("nought", "capped", "top"), 2, 0, 0, "poor"},
		{"rounded after the sum", 79.994, []composite.Adjustment{{Code: "top", Points: .001}}, .001, 0, 80, "good"},
	}
	for _, tt := range tests {
		s := published(t, spec, nil, []float64{tt.base}, tt.adjustments...)[0]
		if s.Base != tt.base || s.Bonus != tt.bonus || s.Deduction != tt.deduction || s.Score != tt.score ||
			s.Grade != tt.grade {
			t.Errorf("%s: %+v, want bonus %v, deduction %v, score %v, %s", tt.name, s, tt.bonus, tt.deduction,
				tt.score, tt.grade)
		}
	}
}

// A veto on the score changes the rank, a veto on the grade does not.
func TestVetoesAndRank(t *testing.T) {
	list := published(t, sound(), nil, []float64{95, 90, 85, nan},
		composite.Adjustment{Unit: 0, Code: "capped"}, composite.Adjustment{Unit: 1, Code: "forged"},
		composite.Adjustment{Unit: 3, Code: "top"})
	if got := ranks(list); got != "b1.1 c2.2 a3.3 d0.0" {
		t.Errorf("ranks %s", got)
	}
	if list[0].Grade != "poor" || list[1].Grade != "good" || fmt.Sprint(list[2].Vetoes) != "[capped]" {
		t.Errorf("%+v", list)
	}
	if s := list[3]; s.Bonus != 0 || s.Grade != "" || s.Status != composite.UnitInsufficient {
		t.Errorf("without a score: %+v", s)
	}
}

func TestAdjustmentsThatDoNotFit(t *testing.T) {
	ix := mustNew(t, sound())
	d := composite.Data{Units: []string{"u"}, Columns: [][]float64{{75}, {1}, {4}}}
	_, err := ix.Standings(score(t, ix, d), []composite.Adjustment{
		{Unit: 1, Code: "top"},
		{Unit: -1, Code: "top"},
		{Code: "none"},
		{Code: "top", Points: -1},
		{Code: "top", Points: nan},
	})
	f, ok := err.(*composite.DataFaults)
	if !ok {
		t.Fatal("no faults")
	}
	var codes []string
	for _, fault := range f.Faults {
		codes = append(codes, fault.Code)
	}
	if got := strings.Join(codes, " "); got != "unknown_unit unknown_unit unknown_adjustment value_out_of_range value_out_of_range" {
		t.Errorf("%s", got)
	}
}

func TestGrades(t *testing.T) {
	band := func(share float64, grades ...composite.Grade) []composite.Grade {
		if share > 0 {
			grades[0].MaxShare = &share
		}
		return grades
	}
	all := func(share float64) []composite.Grade {
		return band(share, composite.Grade{Code: "A", From: 80}, composite.Grade{Code: "B", From: 60},
			composite.Grade{Code: "C"})
	}
	second := all(.3)
	second[1].MaxShare = new(.2)
	tests := []struct {
		name   string
		grades []composite.Grade
		base   []float64
		want   string
	}{
		{"half-open", all(0), []float64{80, 79.99, 60, 59.99, 0}, "ABBCC"},
		{"on the rounded figure", all(0), []float64{79.995, 59.994}, "AC"},
		{"none", nil, []float64{80}, ""},
		{"quota", all(.3), []float64{99, 98, 97, 96, 95, 94, 93, 92, 91, 90}, "AAABBBBBBB"},
		{"quota not used up", all(.3), []float64{99, 70, 69, 68, 67, 66, 65, 64, 63, 10}, "ABBBBBBBBC"},
		{
			"a tie that does not fit falls whole, nobody overtakes", all(.3),
			[]float64{99, 98, 97, 97, 95, 94, 93, 92, 91, 90},
			"AABBBBBBBB",
		},
		{"a tie that fits", all(.3), []float64{99, 98, 98, 97, 95, 94, 93, 92, 91, 90}, "AAABBBBBBB"},
		{"the first tie is too large", all(.1), []float64{99, 99, 98, 1, 1, 1, 1, 1, 1, 1}, "BBBCCCCCCC"},
		{"the next grade has its own quota", second, []float64{99, 98, 97, 96, 95, 94, 93, 92, 91, 90}, "AAABBCCCCC"},
		{
			"a fallen tie too large for the next as well", second,
			[]float64{99, 98, 97, 97, 97, 94, 93, 92, 91, 90},
			"AACCCCCCCC",
		},
		{"units without score are no share", all(.5), []float64{99, 98, nan, nan}, "AB"},
		{"0.29 of 100 is 29", all(.29), make100(), strings.Repeat("A", 29) + strings.Repeat("B", 71)},
	}
	for _, tt := range tests {
		got := ""
		for _, s := range published(t, composite.Spec{Decimals: 2, Grades: tt.grades}, nil, tt.base) {
			got += s.Grade
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}

// make100 is a hundred different scores from 80 up, in descending order.
func make100() []float64 {
	x := make([]float64, 100)
	for i := range x {
		x[i] = 99 - float64(i)/10
	}
	return x
}

// A unit that a veto caps into a grade leaves its place above to the next, and takes one in
// the grade that it gets.
func TestCappedGradeTakesAPlaceWhereItFalls(t *testing.T) {
	half, one, two := 0.5, 0.25, 0.5
	spec := composite.Spec{
		Grades: []composite.Grade{{Code: "A", From: 80, MaxShare: &half}, {Code: "B", From: 0}},
		Adjustments: composite.Adjustments{
			Vetoes: []composite.Veto{{Code: "v", Effect: composite.Effect{Kind: composite.CapGrade, Grade: "B"}}},
		},
	}
	grades := func(spec composite.Spec, scores []float64, capped ...int) (word string) {
		var vetoes []composite.Adjustment
		for _, u := range capped {
			vetoes = append(vetoes, composite.Adjustment{Unit: u, Code: "v"})
		}
		for _, s := range published(t, spec, nil, scores, vetoes...) {
			word += s.Grade
		}
		return word
	}
	three, narrow, pair := spec, spec, spec
	three.Grades = []composite.Grade{{Code: "A", From: 80}, {Code: "B", From: 60, MaxShare: &half}, {Code: "C", From: 0}}
	narrow.Grades = []composite.Grade{{Code: "A", From: 80}, {Code: "B", From: 60, MaxShare: &one}, {Code: "C", From: 0}}
	pair.Grades = []composite.Grade{{Code: "A", From: 80, MaxShare: &two}, {Code: "B", From: 60, MaxShare: &two}, {Code: "C", From: 0}}
	for _, c := range []struct {
		name   string
		spec   composite.Spec
		scores []float64
		capped []int
		want   string
	}{
		{"the place above is free", spec, []float64{99, 98, 98, 90}, []int{0}, "BAAB"},
		{"in a tie", spec, []float64{99, 99, 99, 90}, []int{1}, "ABAB"},
		{"a place below is taken", three, []float64{95, 75, 74, 73}, []int{0}, "BBCC"},
		{"no veto, no place", three, []float64{95, 75, 74, 73}, nil, "ABBC"},
		{"a cap that does not bind counts too", three, []float64{75, 74, 73, 30}, []int{0}, "BBCC"},
		{"two capped do not share one place", narrow, []float64{95, 95, 75, 30}, []int{0, 1}, "CCCC"},
		{"one of two may", narrow, []float64{95, 94, 75, 30}, []int{0, 1}, "BCCC"},
		{"those who fall meet the capped ones", pair, []float64{95, 95, 95, 30}, []int{0}, "BAAC"},
		{"and share what is left", pair, []float64{95, 95, 95, 95}, []int{0}, "CCCC"},
	} {
		if got := grades(c.spec, c.scores, c.capped...); got != c.want {
			t.Errorf("%s: grades %s, want %s", c.name, got, c.want)
		}
	}
}
