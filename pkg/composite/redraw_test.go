package composite_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// villages draws forty villages that settle four of five cases each, ten of them with few cases, and the index whose
// first column is what they settled by chance.
func villages(t *testing.T, seed uint64) (*composite.Index, composite.Data, stats.Counts) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 2))
	ix := mustNew(t, composite.Spec{Decimals: 4, Tree: composite.Node{Code: "index", Children: []composite.Node{
		{Code: "settled", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
		{Code: "other", Weight: 1, Rule: &composite.PointsRule{Max: 100}},
	}}})
	counts := stats.Counts{Chance: stats.Binomial, Scale: 100}
	d := composite.Data{Columns: make([][]float64, 2)}
	for u := range 40 {
		cases, settled := 400, 0
		if u < 10 {
			cases = 10
		}
		for range cases {
			if rng.Float64() < 0.8 {
				settled++
			}
		}
		counts.Numerator = append(counts.Numerator, float64(settled))
		counts.Denominator = append(counts.Denominator, float64(cases))
		d.Units = append(d.Units, fmt.Sprintf("v%02d", u))
		d.Columns[0] = append(d.Columns[0], 100*float64(settled)/float64(cases))
		d.Columns[1] = append(d.Columns[1], 50)
	}
	return ix, d, counts
}

// By chance alone the ten smallest of forty equally good villages take more than half of the last four places, where
// their number would take one. Drawn by their counts, the place of no small village is sure any longer.
func TestChanceOfFewCases(t *testing.T) {
	const towns = 40
	last, width, told := 0, 0, 0
	for seed := range uint64(towns) {
		ix, d, counts := villages(t, seed)
		r := mustRobustness(t, ix, d, composite.RobustnessOptions{Seed: 1, Replicates: 400, Counts: []stats.Counts{counts}})
		for _, u := range r.Units {
			if u.Unit >= 10 {
				continue
			}
			if u.Rank > 36 {
				last++
			}
			width += u.RankHigh - u.RankLow
			told += 39 - len(u.Indistinguishable)
		}
		fixed := mustRobustness(t, ix, d, composite.RobustnessOptions{Seed: 1, Replicates: 400})
		if u := fixed.Units[0]; u.RankLow != u.RankHigh {
			t.Fatal("ranks vary without a source")
		}
	}
	if share := float64(last) / (4 * towns); share < 0.45 || share > 0.75 {
		t.Errorf("small villages take %.2f of the last four places", share)
	}
	if mean := float64(width) / (10 * towns); mean < 25 {
		t.Errorf("intervals of small villages are %.1f places wide", mean)
	}
	if share := float64(told) / (10 * towns * 39); share > 0.15 {
		t.Errorf("small villages are told apart from %.2f of the others", share)
	}
}

// A village without counts, without a value or with more counted than cases keeps its entry; what is drawn goes by the
// code of the village and not by the order, and is one source among others.
func TestCountsAreOneSource(t *testing.T) {
	ix, d, counts := villages(t, 7)
	counts.Numerator[3], counts.Denominator[4], counts.Numerator[5] = math.NaN(), 0, 11
	d.Columns[0][6] = math.NaN()
	o := composite.RobustnessOptions{Seed: 5, Replicates: 200, Counts: []stats.Counts{counts}}
	want := mustRobustness(t, ix, d, o)
	for _, u := range want.Units {
		if held := u.Unit >= 3 && u.Unit <= 6; held != (u.ScoreLow == u.ScoreHigh) || held && u.ScoreLow != u.Score {
			t.Errorf("%+v", u)
		}
	}
	moved, back := reversed(d, &o)
	turned := counts
	turned.Numerator, turned.Denominator = slices.Clone(counts.Numerator), slices.Clone(counts.Denominator)
	slices.Reverse(turned.Numerator)
	slices.Reverse(turned.Denominator)
	o.Counts = []stats.Counts{turned}
	got := mustRobustness(t, ix, moved, o)
	slices.Reverse(got.Units)
	for i, u := range got.Units {
		u.Unit, u.Indistinguishable, want.Units[i].Indistinguishable = back(u.Unit), nil, nil
		if diff := cmp.Diff(want.Units[i], u); diff != "" {
			t.Error(diff)
		}
	}
	// With weights too, a village without counts moves as by the weights alone.
	o = composite.RobustnessOptions{Seed: 5, Replicates: 200, WeightSpread: .5}
	weights := mustRobustness(t, ix, d, o)
	o.Counts = []stats.Counts{counts}
	both := mustRobustness(t, ix, d, o)
	if a, b := weights.Units[3], both.Units[3]; a.ScoreLow != b.ScoreLow || a.ScoreHigh != b.ScoreHigh || a.ScoreLow == a.ScoreHigh {
		t.Errorf("%+v, with counts %+v", a, b)
	}
	s, err := ix.Sensitivity(d, o, stats.SobolOptions{Rows: 200, Bootstrap: 20}, nil)
	if err != nil || !slices.Equal(s.Sources, []composite.Source{"weights", "chance"}) ||
		!(s.Shift.Factors[1].Total > s.Shift.Factors[0].Total) {
		t.Errorf("%+v %v", s, err)
	}
}

func TestCountsAreRefused(t *testing.T) {
	ix, d, good := villages(t, 1)
	for pointer, change := range map[string]func(*stats.Counts){
		"/counts/0/column":    func(c *stats.Counts) { c.Column = 2 },
		"/counts/0/numerator": func(c *stats.Counts) { c.Numerator = c.Numerator[1:] },
		"/counts/0/chance":    func(c *stats.Counts) { c.Chance = "" },
		"/counts/0/scale":     func(c *stats.Counts) { c.Scale = 0 },
	} {
		bad := good
		change(&bad)
		_, err := ix.Robustness(d, composite.RobustnessOptions{Counts: []stats.Counts{bad}})
		if faults, ok := err.(composite.Faults); !ok || len(faults) != 1 || faults[0].Pointer != pointer {
			t.Errorf("%v, want a fault at %s", err, pointer)
		}
	}
	ratings := []composite.RatedColumn{{Ratings: make([][]composite.EvaluatorRating, len(d.Units))}}
	_, err := ix.Robustness(d, composite.RobustnessOptions{Ratings: ratings, Counts: []stats.Counts{good}})
	if faults, ok := err.(composite.Faults); !ok || faults[0].Code != "column_duplicate" {
		t.Error(err)
	}
}
