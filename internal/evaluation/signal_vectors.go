package evaluation

import (
	"fmt"
	"slices"
	"strings"

	"bulwark/internal/text"
)

// sameForMany finds evaluators who give several branches the same ratings.
func sameForMany(sheets []readSheet) []Signal {
	var found []Signal
	for evaluator, own := range byEvaluator(sheets) {
		alike := map[string][]string{}
		for _, s := range own {
			if vector, ok := s.vector(); ok {
				alike[vector] = append(alike[vector], s.branch)
			}
		}
		for vector, branches := range alike {
			if tooAlike(vector, len(branches), len(own)) {
				found = append(found, Signal{
					Code: "same_for_many", Evaluators: []string{evaluator}, Branches: branches,
					Figures: map[string]float64{"branches": float64(len(branches)), "ratings": float64(length(vector))},
					Message: text.F("%[1]s 给 %[2]d 个党组织的评分完全相同", "%[1]s gave %[2]d branches exactly the same ratings", evaluator, len(branches)),
				})
			}
		}
	}
	return ordered(found)
}

// tooAlike reports whether a vector that was given to n of all branches is more
// than chance.
func tooAlike(vector string, n, all int) bool {
	if length(vector) >= vectorValues {
		return n >= longBranches
	}
	return n >= shortBranches && float64(n) >= shortShare*float64(all)
}

// sameAsAnother finds pairs of evaluators who rate exactly alike: on one branch
// where there is much to rate, else on many.
func sameAsAnother(sheets []readSheet) []Signal {
	type judgement struct{ branch, vector string }
	alike := map[judgement][]string{}
	for _, s := range sheets {
		if vector, ok := s.vector(); ok {
			at := judgement{s.branch, vector}
			alike[at] = append(alike[at], s.evaluator)
		}
	}
	type couple struct{ one, other string }
	long, short := map[couple][]string{}, map[couple][]string{}
	for at, evaluators := range alike {
		into := short
		if length(at.vector) >= vectorValues {
			into = long
		}
		for i, one := range evaluators {
			for _, other := range evaluators[i+1:] {
				into[couple{one, other}] = append(into[couple{one, other}], at.branch)
			}
		}
	}
	for of, branches := range short {
		if len(branches) >= shortBranches {
			long[of] = append(long[of], branches...)
		}
	}
	var found []Signal
	for of, branches := range long {
		slices.Sort(branches)
		found = append(found, Signal{
			Code: "same_as_another", Evaluators: []string{of.one, of.other}, Branches: branches,
			Figures: map[string]float64{"branches": float64(len(branches))},
			Message: text.F("%[1]s 与 %[2]s 对 %[3]d 个党组织的评分完全相同", "%[1]s and %[2]s rated %[3]d branches exactly alike", of.one, of.other, len(branches)),
		})
	}
	return ordered(found)
}

// vector is the set of ratings of the sheet as text; false where it is too short
// to say anything.
func (s readSheet) vector() (string, bool) {
	var b strings.Builder
	ratings := s.ratings()
	for _, v := range ratings {
		fmt.Fprintf(&b, "%s=%v ", v.code, v.raw)
	}
	return b.String(), len(ratings) >= shortestValues
}

// length is how many ratings a vector has; codes hold no "=".
func length(vector string) int { return strings.Count(vector, "=") }
