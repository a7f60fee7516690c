package composite

import (
	"bulwark/pkg/composite/stats"
	"slices"
)

// Adjustments are the bonuses, deductions and vetoes that a scheme knows. Their
// codes are unique among all three.
type Adjustments struct {
	Bonus     AdjustmentGroup `json:"bonus"`
	Deduction AdjustmentGroup `json:"deduction"`
	Vetoes    []Veto          `json:"vetoes,omitempty"`
}

// AdjustmentGroup is a list of items whose points, in sum, count up to Cap.
type AdjustmentGroup struct {
	Cap   float64          `json:"cap"` // 0 to 100
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

// EffectKind names what a veto does.
type EffectKind string

// The effects of a veto.
const (
	CapGrade  EffectKind = "cap_grade" // the grade is at best Effect.Grade; score and rank stay
	CapScore  EffectKind = "cap_score" // the rounded score is at most Effect.Score
	ZeroScore EffectKind = "zero"      // the score is 0
)

// Effect is what a veto does.
type Effect struct {
	Kind  EffectKind `json:"kind"`
	Grade string     `json:"grade,omitempty"` // for CapGrade
	Score float64    `json:"score,omitempty"` // for CapScore, 0 to 100
}

// Adjustment applies an item or a veto of the scheme to one unit. The same code
// twice counts twice.
type Adjustment struct {
	Unit   int     `json:"unit"` // index into Data.Units
	Code   string  `json:"code"`
	Points float64 `json:"points,omitempty"` // instead of the item's points; 0 takes the item's
}

func (a *Adjustments) check(grades []Grade, r report) {
	seen := map[string]bool{}
	a.Bonus.check(seen, r.under("/bonus"))
	a.Deduction.check(seen, r.under("/deduction"))
	for i, v := range a.Vetoes {
		r := r.under("/vetoes" + item(i))
		reportCode(r, seen, v.Code)
		v.Effect.check(grades, r.under("/effect"))
	}
}

func (g *AdjustmentGroup) check(seen map[string]bool, r report) {
	reportScore(r, "/cap", g.Cap)
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

func (e Effect) check(grades []Grade, r report) {
	switch e.Kind {
	case CapGrade:
		if gradeIndex(grades, e.Grade) < 0 {
			r("/grade", "unknown_grade", "%q is not a grade of this scheme", e.Grade)
		}
	case CapScore:
		reportScore(r, "/score", e.Score)
	case ZeroScore:
	default:
		r("/kind", "unknown_effect", "%q is not an effect: use cap_grade, cap_score or zero", e.Kind)
	}
}

// limit is what vetoes leave a unit.
type limit struct {
	score float64 // at most
	grade int     // at best, as an index into the grades; 0 if no veto caps it
}

// capsGrade returns the best grade left, and whether a veto caps it.
func (l limit) capsGrade() (int, bool) { return l.grade, l.grade > 0 }

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
			f.Add(units[a.Unit], "", "value_out_of_range", "adjustment %q has %v points: give 0 or more", a.Code, a.Points)
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

// veto is the unit's limit after one more effect.
func (ix *Index) veto(limits map[int]limit, unit int, e Effect) limit {
	l, ok := limits[unit]
	if !ok {
		l.score = 100
	}
	switch e.Kind {
	case CapGrade:
		l.grade = max(l.grade, gradeIndex(ix.spec.Grades, e.Grade))
	case CapScore:
		l.score = min(l.score, stats.Round(e.Score, ix.spec.Decimals))
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
