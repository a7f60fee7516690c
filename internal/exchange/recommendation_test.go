package exchange

import (
	"fmt"
	"slices"
	"testing"

	"bulwark/internal/index"
)

// levels of one indicator: branches a to e are rural, f and g urban.
func level(period string, scores map[string]float64) index.PeriodScores {
	l := index.PeriodScores{
		Period: period, Class: map[string]string{"f": "urban", "g": "urban"},
		Scores: map[string]map[string]float64{"x": scores, "y": {}},
	}
	for _, b := range []string{"a", "b", "c", "d", "e"} {
		l.Class[b] = "rural"
	}
	return l
}

func about(id, branch string, indicators ...string) Case {
	c := Case{ID: id, SeriesID: id, BranchCode: branch}
	c.Indicators.V = indicators
	return c
}

func TestRecommend(t *testing.T) {
	// Rural: 20 40 50 60 90, median 50, upper quartile 60. Urban: 70 30, quartile 60.
	now := level("q3", map[string]float64{"a": 20, "b": 40, "c": 50, "d": 60, "e": 90, "f": 70, "g": 30})
	// Rural: median 50; d and e are below it, f is below the urban median 50.
	then := level("q2", map[string]float64{"a": 50, "b": 80, "c": 70, "d": 45, "e": 30, "f": 20, "g": 80})
	first := level("q1", map[string]float64{"a": 50, "b": 80, "c": 70, "d": 49, "e": 40, "f": 60, "g": 80})
	for _, c := range []struct {
		name   string
		branch string
		levels []index.PeriodScores
		cases  []Case
		useful map[string]float64
		want   []string
	}{
		{
			"what rose most comes first", "a",
			[]index.PeriodScores{now, then},
			[]Case{about("1", "d", "x"), about("2", "e", "x")},
			nil,
			[]string{"2 true x 30 q2 30→90", "1 true x 30 q2 45→60"},
		},
		{
			"the same class comes before what rose more", "a",
			[]index.PeriodScores{now, then},
			[]Case{about("1", "f", "x"), about("2", "d", "x")},
			nil,
			[]string{"2 true x 30 q2 45→60", "1 false x 30 q2 20→70"},
		},
		{
			"of the same branch the more useful one", "a",
			[]index.PeriodScores{now, then},
			[]Case{about("1", "e", "x"), about("2", "e", "x"), about("3", "e", "x")},
			map[string]float64{"2": 4.5, "3": 3},
			[]string{"2 true x 30 q2 30→90", "3 true x 30 q2 30→90", "1 true x 30 q2 30→90"},
		},
		{
			"the lowest of earlier periods", "a",
			[]index.PeriodScores{now, first, then},
			[]Case{about("1", "e", "x")},
			nil,
			[]string{"1 true x 30 q2 30→90"},
		},
		{
			"at the upper quartile is strong", "b",
			[]index.PeriodScores{now, then},
			[]Case{about("1", "d", "x")},
			nil,
			[]string{"1 true x 10 q2 45→60"},
		},
		{"at the median is not weak", "c", []index.PeriodScores{now, then}, []Case{about("1", "e", "x")}, nil, nil},
		{
			"always strong tells no way up", "a",
			[]index.PeriodScores{now, level("q2", map[string]float64{"d": 45, "e": 95})},
			[]Case{about("1", "e", "x")},
			nil, nil,
		},
		{"nothing earlier, no way up", "a", []index.PeriodScores{now}, []Case{about("1", "e", "x")}, nil, nil},
		{
			"between median and quartile is not strong", "a", []index.PeriodScores{
				now, level("q2", map[string]float64{"c": 10, "d": 45, "e": 95}),
			}, []Case{about("1", "c", "x")}, nil, nil,
		},
		{
			"the own case", "a",
			[]index.PeriodScores{level("q3", map[string]float64{"a": 20, "e": 90}), then},
			[]Case{about("1", "a", "x")},
			nil, nil,
		},
		{
			"another indicator", "a",
			[]index.PeriodScores{now, then},
			[]Case{about("1", "e", "y"), about("2", "e", "gone"), about("3", "e")},
			nil, nil,
		},
		{
			"tagged twice counts once", "a",
			[]index.PeriodScores{now, then},
			[]Case{about("1", "e", "x", "x")},
			nil,
			[]string{"1 true x 30 q2 30→90"},
		},
		{"a branch without score", "z", []index.PeriodScores{now, then}, []Case{about("1", "e", "x")}, nil, nil},
		{"nothing published", "a", nil, []Case{about("1", "e", "x")}, nil, nil},
	} {
		var got []string
		for _, f := range Recommend(c.branch, c.levels, c.cases, c.useful) {
			line := fmt.Sprint(f.Case.ID, " ", f.SameClass)
			for _, m := range f.Matches {
				line += fmt.Sprintf(" %s %g %s %g→%g", m.Indicator, m.Gap(), m.ThenIn, m.Then, m.Now)
			}
			got = append(got, line)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}
