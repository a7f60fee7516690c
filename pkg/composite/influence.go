package composite

import (
	"bulwark/pkg/composite/internal/num"
	"maps"
	"math"
	"slices"
)

// EvaluatorInfluence is what happens to the ranking without one evaluator.
type EvaluatorInfluence struct {
	Evaluator int
	Ratings   int // that the evaluator gave and that counted

	Removal
	ScoreChange    float64 // mean of published score with − without, over the units that keep a score
	MaxScoreChange float64 // the largest magnitude
}

// LeaveOutEvaluators scores the index anew without the ratings of each evaluator, one
// at a time, in the order of their numbers. A cell that keeps other ratings becomes
// what Combine makes of them; one that loses its last becomes missing and follows the
// policy of its indicator. Only cells with a rating of the evaluator change. Errors
// are those of Robustness.
func (ix *Index) LeaveOutEvaluators(d Data, rated []RatedColumn, adjustments []Adjustment) ([]EvaluatorInfluence, error) {
	p, err := ix.plan(d, RobustnessOptions{Replicates: 1, Adjustments: adjustments, Ratings: rated})
	if err != nil {
		return nil, err
	}
	count := ratingsOf(d, rated)
	var list []EvaluatorInfluence
	for _, evaluator := range slices.Sorted(maps.Keys(count)) {
		p.contest.run(p.trees[0].Score(d.without(evaluator, rated), KeepRoot).scores[0])
		e := EvaluatorInfluence{Evaluator: evaluator, Ratings: count[evaluator], Removal: p.contest.removal(len(d.Units))}
		e.ScoreChange, e.MaxScoreChange = p.contest.scoreChange()
		list = append(list, e)
	}
	return list, nil
}

// ratingsOf counts, by evaluator, the ratings in cells that have an entry.
func ratingsOf(d Data, rated []RatedColumn) map[int]int {
	count := map[int]int{}
	for _, rc := range rated {
		for u, cell := range rc.Ratings {
			for _, rating := range cell {
				if num.Finite(rating.Value) && !math.IsNaN(d.Columns[rc.Column][u]) {
					count[rating.Evaluator]++
				}
			}
		}
	}
	return count
}

// without is the data as they are without the ratings of the evaluator.
func (d Data) without(evaluator int, rated []RatedColumn) Data {
	d.Columns = slices.Clone(d.Columns)
	for _, rc := range rated {
		column := slices.Clone(d.Columns[rc.Column])
		for u, cell := range rc.Ratings {
			var rest []Rating
			for _, rating := range cell {
				if rating.Evaluator != evaluator {
					rest = append(rest, rating.Rating)
				}
			}
			if len(rest) == len(cell) || column[u] != column[u] {
				continue
			}
			value, ok := Combine(rest, rc.Combine)
			if !ok {
				value = math.NaN()
			}
			column[u] = value
		}
		d.Columns[rc.Column] = column
	}
	return d
}

// scoreChange is the mean and the largest magnitude of published score before −
// published score of the last round.
func (c *contest) scoreChange() (mean, largest float64) {
	n := 0
	for i, s := range c.before {
		if c.score[i] == c.score[i] {
			change := s.Score - c.score[i]
			mean += change
			largest = max(largest, math.Abs(change))
			n++
		}
	}
	return mean / float64(max(n, 1)), largest
}
