package project

import (
	"fmt"
	"slices"
	"testing"
)

func roundBy(combination string) Round {
	r := Round{Combination: combination, Trim: 1}
	r.Criteria.V = []Criterion{
		{Code: "a", Weight: 40, Max: 10}, {Code: "b", Weight: 30, Max: 20}, {Code: "c", Weight: 30, Max: 5},
	}
	return r
}

// all returns each criterion the same share of its points, so that the total is it.
func all(share float64) map[string]float64 {
	return map[string]float64{"a": share * 10, "b": share * 20, "c": share * 5}
}

func sheet(judge string, scores Scores) JudgeSheet {
	s := JudgeSheet{Judge: judge}
	s.Scores.V = scores
	return s
}

func TestStandings(t *testing.T) {
	projects := []Project{{ID: "p"}, {ID: "q"}, {ID: "r"}, {ID: "s"}, {ID: "u"}}
	sheets := []JudgeSheet{
		sheet("1", Scores{"p": all(.5), "q": all(.6), "r": all(.6), "s": all(.9)}),
		sheet("2", Scores{"p": all(.6), "q": all(.6), "r": all(.7), "s": all(.9)}),
		sheet("3", Scores{"p": all(.7), "q": all(.6), "r": all(.5)}),
		sheet("4", Scores{"p": all(1), "q": all(.6), "r": all(.6)}),
	}
	for combination, want := range map[string][]string{
		"mean":    {"1 s 90 of 2", "2 p 70 of 4", "3 q 60 of 4", "3 r 60 of 4", "0 u"},
		"median":  {"1 s 90 of 2", "2 p 65 of 4", "3 q 60 of 4", "3 r 60 of 4", "0 u"},
		"trimmed": {"1 s 90 of 2", "2 p 65 of 4", "3 q 60 of 4", "3 r 60 of 4", "0 u"},
	} {
		list, _ := standings(roundBy(combination), projects, sheets)
		var got []string
		for _, s := range list {
			line := fmt.Sprint(s.Rank, " ", s.Project)
			if s.Score != nil {
				line += fmt.Sprintf(" %g of %d", *s.Score, s.Judges)
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", combination, got, want)
		}
	}
	// 40 % of 10/10, 30 % of 0/20, 30 % of 1/5
	one, _ := standings(roundBy("mean"), projects[:1], []JudgeSheet{sheet("1", Scores{"p": {"a": 10, "b": 0, "c": 1}})})
	if *one[0].Score != 46 || one[0].Criteria["a"] != 10 || one[0].Criteria["c"] != 1 || *one[0].Lowest != 46 ||
		*one[0].Highest != 46 {
		t.Errorf("one judge: %+v", one[0])
	}
}

func TestAgreement(t *testing.T) {
	projects := []Project{{ID: "p"}, {ID: "q"}, {ID: "r"}}
	same := Scores{"p": all(.2), "q": all(.5), "r": all(.9)}
	_, a := standings(roundBy("mean"), projects, []JudgeSheet{sheet("1", same), sheet("2", same), sheet("3", same)})
	if a.Alpha == nil || *a.Alpha != 1 || a.Single == nil || *a.Single != 1 || *a.Average != 1 {
		t.Errorf("judges of one mind: %+v", a)
	}
	turned := Scores{"p": all(.9), "q": all(.5), "r": all(.2)}
	if _, a = standings(roundBy("mean"), projects, []JudgeSheet{sheet("1", same), sheet("2", turned)}); *a.Alpha >= 0 {
		t.Errorf("judges of opposite minds: %v", *a.Alpha)
	}
	if _, a = standings(roundBy("mean"), projects, []JudgeSheet{sheet("1", same)}); a.Alpha != nil || a.Single != nil {
		t.Errorf("one judge agrees with nobody: %+v", a)
	}
}

func TestPropose(t *testing.T) {
	ranked := func(ranks ...int) (list []ProjectStanding) {
		for i, rank := range ranks {
			s := ProjectStanding{Project: string(rune('a' + i)), Rank: rank}
			if rank > 0 {
				s.Score = new(float64)
			}
			list = append(list, s)
		}
		return list
	}
	for _, c := range []struct {
		name string
		list []ProjectStanding
		n    int
		want string
	}{
		{"the best", ranked(1, 2, 3, 4), 2, "[a b] [] 0"},
		{"a tie within the cut", ranked(1, 1, 3, 4), 2, "[a b] [] 0"},
		{"a tie below the cut", ranked(1, 2, 3, 3), 2, "[a b] [] 0"},
		{"a tie across the cut", ranked(1, 2, 2, 2, 5), 3, "[a] [b c d] 2"},
		{"a tie of all", ranked(1, 1, 1), 2, "[] [a b c] 2"},
		{"fewer than places", ranked(1, 2), 5, "[a b] [] 0"},
		{"exactly the places, tied at the end", ranked(1, 2, 2), 3, "[a b c] [] 0"},
		{"without a score", ranked(1, 0, 0), 2, "[a] [] 0"},
		{"nothing", nil, 2, "[] [] 0"},
	} {
		p := propose(c.list, c.n)
		if got := fmt.Sprint(p.Projects, " ", p.Tied, " ", p.Open); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
