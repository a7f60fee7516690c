package composite

import (
	"bulwark/pkg/composite/stats"
	"slices"
)

// Grade is one band of the published figure: from From up to, not including, the
// grade above.
type Grade struct {
	Code     string   `json:"code"`
	From     float64  `json:"from"`                // 0 to 100; the last grade starts at 0
	MaxShare *float64 `json:"max_share,omitempty"` // above 0, to 1, of the units with a score
}

func checkGrades(grades []Grade, r report) {
	seen := map[string]bool{}
	for i, g := range grades {
		at, last := item(i), i == len(grades)-1
		reportCode(r.under(at), seen, g.Code)
		reportScore(r, at+"/from", g.From)
		if i > 0 && !(g.From < grades[i-1].From) {
			r(at+"/from", "grades_not_descending", "start below %v, where the grade above starts", grades[i-1].From)
		}
		if last && g.From != 0 {
			r(at+"/from", "last_grade_not_zero", "start the last grade at 0, so that every score has a grade")
		}
		if g.MaxShare == nil {
			continue
		}
		if !(*g.MaxShare > 0 && *g.MaxShare <= 1) {
			r(at+"/max_share", "share_out_of_range", "give a share above 0, at most 1")
		}
		if last {
			r(at+"/max_share", "last_grade_quota", "nobody can fall below the last grade: remove its quota")
		}
	}
}

// gradeIndex is the place of the grade in the list, −1 if it has none.
func gradeIndex(grades []Grade, code string) int {
	return slices.IndexFunc(grades, func(g Grade) bool { return g.Code == code })
}

// grade grades units with a score, sorted by descending score. A quota counts
// places in rank order over all classes. A tie that does not fit into what is left
// of it falls to the next grade as a whole, where that grade's own quota applies;
// then the grade is closed, so that nobody overtakes. A unit whose grade a veto
// caps takes no place.
func (ix *Index) grade(list []Standing, limits map[int]limit) {
	grades, places := ix.spec.Grades, quotas(ix.spec.Grades, len(list))
	current := 0
	for len(grades) > 0 && len(list) > 0 {
		tie, counted := 0, 0
		for tie < len(list) && list[tie].Score == list[0].Score {
			if _, capped := limits[list[tie].Unit].capsGrade(); !capped {
				counted++
			}
			tie++
		}
		for list[0].Score < grades[current].From || places[current] < counted {
			current++
		}
		places[current] -= counted
		for i := range tie {
			lowest, _ := limits[list[i].Unit].capsGrade()
			list[i].Grade = grades[max(current, lowest)].Code
		}
		list = list[tie:]
	}
}

// quotas is how many of so many units each grade takes.
func quotas(grades []Grade, units int) []int {
	places := make([]int, len(grades))
	for i, g := range grades {
		places[i] = units
		if g.MaxShare != nil {
			// Rounded first: 0.29·100 is 28.999999999999996.
			places[i] = int(stats.Round(*g.MaxShare*float64(units), stats.MaxDecimals))
		}
	}
	return places
}
