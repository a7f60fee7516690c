package composite

import (
	"math"
	"slices"
	"sort"
)

// aim is what a path has to reach.
type aim struct {
	before Standing
	ahead  []int // the units to pass, or
	grade  int   // the grade to have or better, −1 for a rank
}

// minds reports whether the figure to reach depends on other units.
func (a aim) minds(grades []Grade) bool {
	return a.grade < 0 || slices.ContainsFunc(grades[:a.grade+1], func(g Grade) bool { return g.MaxShare != nil })
}

// met reports whether the unit has got there.
func (a aim) met(list []Standing, grades []Grade) bool {
	s := find(list, a.before.Unit)
	if s.Status != UnitScored {
		return false
	}
	if a.grade >= 0 {
		return gradeIndex(grades, s.Grade) <= a.grade
	}
	return s.Rank < a.before.Rank && s.Score > a.highest(list)
}

// highest is the figure of the units to pass; −1 where there are none.
func (a aim) highest(list []Standing) float64 {
	highest := -1.0
	for _, s := range list {
		if slices.Contains(a.ahead, s.Unit) && s.Status == UnitScored {
			highest = max(highest, s.Score)
		}
	}
	return highest
}

func find(list []Standing, unit int) Standing {
	return list[slices.IndexFunc(list, func(s Standing) bool { return s.Unit == unit })]
}

// ahead are the units with the least score above that of s, by code.
func (e *Explainer) ahead(s Standing) []Standing {
	end := e.places[s.Unit]
	for end > 0 && e.standings[end-1].Score == s.Score {
		end--
	}
	start := end
	for start > 0 && e.standings[start-1].Score == e.standings[end-1].Score {
		start--
	}
	return e.standings[start:end]
}

// unit is the least difference between two published figures.
func (e *Explainer) unit() float64 { return 1 / math.Pow10(e.index.spec.Decimals) }

// above is the least published figure above another.
func (e *Explainer) above(figure float64) float64 { return e.published(figure + e.unit()) }

// baseFor is the least base that is published as the figure. Round snaps to nine
// decimals first, which brings a base up to half of the ninth; a little less is used.
func (e *Explainer) baseFor(s Standing, figure float64) float64 {
	return figure - e.unit()/2 - 4.9e-10 - (s.Bonus - s.Deduction)
}

// figureFor is the least published figure that gives the unit the grade or a better
// one while others stand where they do; above 100 where none does.
func (e *Explainer) figureFor(s Standing, grade int) float64 {
	grades := e.index.spec.Grades
	least := e.published(grades[grade].From)
	if least < grades[grade].From {
		least = e.above(least)
	}
	if !(aim{grade: grade}).minds(grades) {
		return least
	}
	figures := []float64{least}
	for _, other := range e.standings {
		if other.Status == UnitScored && other.Score >= least {
			figures = append(figures, other.Score, e.above(other.Score))
		}
	}
	slices.Sort(figures)
	at := sort.Search(len(figures), func(i int) bool { return e.gradeAt(s.Unit, figures[i]) <= grade })
	if at == len(figures) {
		return e.above(100)
	}
	return figures[at]
}

// gradeAt is the grade of the unit if its published figure were another.
func (e *Explainer) gradeAt(unit int, figure float64) int {
	list, scored := make([]Standing, len(e.standings)), 0
	for _, s := range e.standings {
		if s.Unit == unit {
			s.Score = math.Min(figure, 100)
		}
		if s.Status == UnitScored {
			scored++
		}
		list[s.Unit] = s
	}
	list = inOrder(list, e.result.data.Units)
	e.index.grade(list[:scored], e.limits)
	return gradeIndex(e.index.spec.Grades, find(list, unit).Grade)
}
