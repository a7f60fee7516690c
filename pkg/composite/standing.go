package composite

import (
	"cmp"
	"slices"
	"strings"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Standing is the published outcome of one unit. Without a score, its figures are 0.
type Standing struct {
	Unit      int // index into Data.Units
	Status    UnitStatus
	Base      float64  // score of the root
	Bonus     float64  // added, after the cap
	Deduction float64  // subtracted, after the cap
	Score     float64  // adjusted, clamped to 0–Spec.Scale, rounded, after vetoes
	Vetoes    []string // codes, in the order given
	Rank      int      // from 1, on the rounded score; 0 without a score
	ClassRank int
	Grade     string // "" without a score or without grades
}

// Standings adjusts, rounds, vetoes, ranks and grades, in this order: base plus
// capped bonus minus capped deduction; clamp to 0–Spec.Scale; Round; vetoes that cap or
// zero the score; rank on that figure, overall and within the class; grade. A veto
// that caps the grade leaves score and rank.
//
// The list is ordered by rank and then by unit code; units without a score follow,
// by code. The error, of type *DataFaults, lists the adjustments that do not fit the
// scheme; nothing else can fail.
func (ix *Index) Standings(r *Result, adjustments []Adjustment) ([]Standing, error) {
	list := make([]Standing, r.Units())
	for u := range list {
		list[u] = Standing{Unit: u, Status: r.status[u]}
		if base, ok := r.Base(u); ok {
			list[u].Base = base
		}
	}
	limits, err := ix.adjust(list, r.data.Units, adjustments)
	if err != nil {
		return nil, err
	}
	scored := 0
	for u := range list {
		if list[u].Status != UnitScored {
			list[u].Bonus, list[u].Deduction = 0, 0
			continue
		}
		ix.setScore(&list[u], limits)
		scored++
	}
	list = inOrder(list, r.data.Units)
	ix.rank(list[:scored], classGroups(r.data.Classes))
	ix.grade(list[:scored], limits)
	return list, nil
}

// inOrder sorts by descending score, then code, with units without a score last.
func inOrder(list []Standing, codes []string) []Standing {
	type place struct {
		score float64
		unit  int
	}
	places := make([]place, len(list))
	for u, s := range list {
		places[u] = place{s.Score, u}
		if s.Status != UnitScored {
			places[u].score = -1
		}
	}
	sorted := slices.IsSorted(codes) // then a tie need not compare text
	slices.SortFunc(places, func(a, b place) int {
		switch {
		case a.score != b.score:
			return cmp.Compare(b.score, a.score)
		case sorted:
			return a.unit - b.unit
		}
		return strings.Compare(codes[a.unit], codes[b.unit])
	})
	ordered := make([]Standing, len(list))
	for i, p := range places {
		ordered[i] = list[p.unit]
	}
	return ordered
}

// setScore sets the published score.
func (ix *Index) setScore(s *Standing, limits map[int]limit) {
	s.Bonus = min(s.Bonus, ix.spec.Adjustments.Bonus.Cap)
	s.Deduction = min(s.Deduction, ix.spec.Adjustments.Deduction.Cap)
	score := num.Clamp(s.Base+s.Bonus-s.Deduction, 0, ix.spec.Scale)
	s.Score = stats.Round(score, ix.spec.Decimals)
	if l, ok := limits[s.Unit]; ok && l.score < s.Score {
		s.Score = l.score
	}
}

// Adjustments are the bonuses, deductions and vetoes that a scheme knows. Their
// codes are unique among all three.
type Adjustments struct {
	Bonus     AdjustmentGroup `json:"bonus"`
	Deduction AdjustmentGroup `json:"deduction"`
	Vetoes    []Veto          `json:"vetoes,omitempty"`
}

// AdjustmentGroup is a list of items whose points, in sum, count up to Cap.
type AdjustmentGroup struct {
	Cap   float64          `json:"cap"` // 0 to Spec.Scale
	Items []AdjustmentItem `json:"items,omitempty"`
}

// AdjustmentItem is one reason for a bonus or a deduction.
type AdjustmentItem struct {
	Code   string  `json:"code"`
	Points float64 `json:"points"` // 0 or more; a deduction subtracts them
}

// Veto is one reason to overrule the score.
type Veto struct {
	Code   string `json:"code"`
	Effect Effect `json:"effect"`
}

// effectKind names what a veto does.
type effectKind string

// The effects of a veto.
const (
	CapGrade  effectKind = "cap_grade" // the grade is at best Effect.Grade; score and rank stay
	CapScore  effectKind = "cap_score" // the rounded score is at most Effect.Score
	ZeroScore effectKind = "zero"      // the score is 0
)

// Effect is what a veto does.
type Effect struct {
	Kind  effectKind `json:"kind"`
	Grade string     `json:"grade,omitempty"` // for CapGrade
	Score float64    `json:"score,omitempty"` // for CapScore, 0 to Spec.Scale, with no more decimals than the scheme
}

// Adjustment applies an item or a veto of the scheme to one unit. The same code
// twice counts twice.
type Adjustment struct {
	Unit   int     `json:"unit"` // index into Data.Units
	Code   string  `json:"code"`
	Points float64 `json:"points,omitempty"` // instead of the item's points; 0 takes the item's
}

func (a *Adjustments) check(s *Spec, r report) {
	seen := map[string]bool{}
	a.Bonus.check(seen, s.Scale, r.under("/bonus"))
	a.Deduction.check(seen, s.Scale, r.under("/deduction"))
	for i, v := range a.Vetoes {
		r := r.under("/vetoes" + item(i))
		reportCode(r, seen, v.Code)
		v.Effect.check(s, r.under("/effect"))
	}
}

func (g *AdjustmentGroup) check(seen map[string]bool, scale float64, r report) {
	reportFigure(r, "/cap", g.Cap, scale)
	if g.Cap == 0 && len(g.Items) > 0 {
		r("/cap", "cap_missing", "with a cap of 0 no item counts: raise it or remove the items")
	}
	for i, it := range g.Items {
		at := "/items" + item(i)
		reportCode(r.under(at), seen, it.Code)
		if reportValue(r, at+"/points", it.Points) && it.Points < 0 {
			r(at+"/points", "negative", "give points of 0 or more")
		}
	}
}

func (e Effect) check(s *Spec, r report) {
	switch e.Kind {
	case CapGrade:
		if gradeIndex(s.Grades, e.Grade) < 0 {
			r("/grade", "unknown_grade", "%q is not a grade of this scheme", e.Grade)
		}
	case CapScore:
		reportFigure(r, "/score", e.Score, s.Scale)
		// 59.9 would be published as 60, above what it is to cap.
		if e.Score >= 0 && e.Score <= s.Scale && stats.Round(e.Score, s.Decimals) != e.Score {
			r("/score", "too_many_decimals", "the scheme publishes %d decimals: give a score without more", s.Decimals)
		}
	case ZeroScore:
	default:
		r("/kind", "unknown_effect", "%q is not an effect: use cap_grade, cap_score or zero", e.Kind)
	}
}

// limit is the best outcome that the vetoes of a unit allow.
type limit struct {
	score float64 // at most
	grade int     // at best, as an index into the grades; 0 if no veto caps it
}

// adjust adds the points to the standings, indexed by unit, and returns the limits
// of the units that have a veto.
func (ix *Index) adjust(list []Standing, units []string, adjustments []Adjustment) (map[int]limit, error) {
	f := &DataFaults{}
	limits := map[int]limit{}
	for _, a := range adjustments {
		if a.Unit < 0 || a.Unit >= len(list) {
			f.Add("", "", "unknown_unit", "adjustment %q is for unit %d of %d", a.Code, a.Unit, len(list))
			continue
		}
		s := &list[a.Unit]
		switch kind, i := ix.spec.Adjustments.find(a.Code); {
		case !(a.Points >= 0 && a.Points <= stats.MaxValue):
			f.Add(units[a.Unit], "", "value_out_of_range",
				"adjustment %q has %v points: give 0 or more", a.Code, a.Points)
		case kind == bonusItem:
			s.Bonus += points(a, ix.spec.Adjustments.Bonus.Items[i])
		case kind == deductionItem:
			s.Deduction += points(a, ix.spec.Adjustments.Deduction.Items[i])
		case kind == vetoItem:
			s.Vetoes = append(s.Vetoes, a.Code)
			limits[a.Unit] = ix.veto(limits, a.Unit, ix.spec.Adjustments.Vetoes[i].Effect)
		default:
			f.Add(units[a.Unit], "", "unknown_adjustment", "%q is not an adjustment of the scheme", a.Code)
		}
	}
	return limits, f.Err()
}

func points(a Adjustment, item AdjustmentItem) float64 {
	if a.Points > 0 {
		return a.Points
	}
	return item.Points
}

// veto returns the unit's limit after one more effect.
func (ix *Index) veto(limits map[int]limit, unit int, e Effect) limit {
	l, ok := limits[unit]
	if !ok {
		l.score = ix.spec.Scale
	}
	switch e.Kind {
	case CapGrade:
		l.grade = max(l.grade, gradeIndex(ix.spec.Grades, e.Grade))
	case CapScore:
		l.score = min(l.score, e.Score)
	case ZeroScore:
		l.score = 0
	}
	return l
}

type adjustmentKind int

const (
	noItem adjustmentKind = iota
	bonusItem
	deductionItem
	vetoItem
)

func (a *Adjustments) find(code string) (adjustmentKind, int) {
	has := func(it AdjustmentItem) bool { return it.Code == code }
	if i := slices.IndexFunc(a.Bonus.Items, has); i >= 0 {
		return bonusItem, i
	}
	if i := slices.IndexFunc(a.Deduction.Items, has); i >= 0 {
		return deductionItem, i
	}
	if i := slices.IndexFunc(a.Vetoes, func(v Veto) bool { return v.Code == code }); i >= 0 {
		return vetoItem, i
	}
	return noItem, 0
}

// Ranker ranks scores that come in descending order: equal ones share the better
// rank, after which Competition leaves out as many (1 2 2 4) and Dense none
// (1 2 2 3). An empty Ranking is Competition.
type Ranker struct {
	Ranking     RankingKind
	count, rank int
	last        float64
}

// Next returns the rank of the next score, which is not above the one before.
func (l *Ranker) Next(score float64) int {
	l.count++
	switch {
	case l.count > 1 && score == l.last:
	case l.Ranking == Dense:
		l.rank++
	default:
		l.rank = l.count
	}
	l.last = score
	return l.rank
}

// rank ranks units with a score, sorted by descending score.
func (ix *Index) rank(list []Standing, classes *grouping) {
	overall := Ranker{Ranking: ix.spec.Ranking}
	within := slices.Repeat([]Ranker{overall}, len(classes.names))
	for i := range list {
		s := &list[i]
		s.Rank = overall.Next(s.Score)
		s.ClassRank = within[classes.group(s.Unit)].Next(s.Score)
	}
}

// Grade is one band of the published figure: from From up to, not including, the
// grade above.
type Grade struct {
	Code     string   `json:"code"`
	From     float64  `json:"from"`                // 0 to Spec.Scale; the last grade starts at 0
	MaxShare *float64 `json:"max_share,omitempty"` // above 0, to 1, of the units with a score
}

func checkGrades(grades []Grade, scale float64, r report) {
	seen := map[string]bool{}
	for i, g := range grades {
		at, last := item(i), i == len(grades)-1
		reportCode(r.under(at), seen, g.Code)
		reportFigure(r, at+"/from", g.From, scale)
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
// then the grade is closed, so that nobody overtakes. A unit that a veto caps into a
// grade takes a place in that one, as if the tie had fallen so far.
func (ix *Index) grade(list []Standing, limits map[int]limit) {
	grades, places := ix.spec.Grades, quotas(ix.spec.Grades, len(list))
	groups := make([][]int, len(grades)) // of a tie, by the best grade that vetoes allow
	for first := 0; len(grades) > 0 && len(list) > 0; {
		for list[0].Score < grades[first].From {
			first++
		}
		tie := 0
		for ; tie < len(list) && list[tie].Score == list[0].Score; tie++ {
			best := limits[list[tie].Unit].grade
			best = max(best, first)
			groups[best] = append(groups[best], tie)
		}
		for g := first; g < len(grades); g++ {
			group := groups[g]
			groups[g] = group[:0]
			if len(group) > places[g] {
				places[g] = 0 // closed
				groups[g+1] = append(groups[g+1], group...)
				continue
			}
			places[g] -= len(group)
			for _, i := range group {
				list[i].Grade = grades[g].Code
			}
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
