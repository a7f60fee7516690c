// Package effect estimates whether interventions helped. [MatchedEffect] compares the
// change of units for which something was done with that of others that started
// alike, with an interval and a placebo.
package effect

import (
	"cmp"
	"fmt"

	"bulwark/pkg/composite"
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// Panel is the history of an index: what each unit scored in each period.
type Panel struct {
	Units   []string    // codes, unique
	Classes []string    // the class of each unit; nil: all are of one class
	Scores  [][]float64 // by period, the oldest first; one score per unit, NaN for none
	// Rulers number how each period was scored; nil: all alike. Scores of periods with
	// different numbers are never compared.
	Rulers []int
}

// Intervention is something that began to be done for a unit: a measure, mentoring,
// a plan. Period is the first one whose score may show it, as an index into
// Panel.Scores.
type Intervention struct {
	Unit   int
	Period int
}

// InterventionEffect is how much more scores rose where something was done than where
// nothing was. All figures are in points of the index.
type InterventionEffect struct {
	Estimate           // mean over the matches, with its interval
	Level      float64 // of the interval, 0.95
	Treated    int     // units with an intervention
	Controls   int     // different units that served as controls
	Above      float64 // share of the matches whose effect is above 0
	Imbalance  Imbalance
	Placebo    *Placebo      // nil where the history is too short
	Matches    []MatchedUnit // in the order of the codes of the units
	Unmatched  []Unmatched
	Difference float64 // TreatedChange − ControlChange: the estimate before the correction
	Gap        float64 // mean start of the matched units less that of their controls
	Slope      float64 // what the change loses or gains per point of start among the untreated

	// TreatedChange is the mean change of the matched units: the naive figure before and
	// after, which counts as an effect what would have come anyway. ControlChange is
	// that of their controls.
	TreatedChange, ControlChange float64
}

// Estimate is a mean effect with its interval.
type Estimate struct {
	Effect    float64
	Low, High float64
	SE        float64 // standard error; 0 only where nothing varies
	Freedom   float64 // degrees of freedom of the interval
}

// MatchedUnit is a treated unit with its controls, which started near it.
type MatchedUnit struct {
	Unit          int     // index into Panel.Units
	From, To      int     // last period before the intervention with a score, and the one after
	Before, After float64 // its scores
	Controls      []int   // the nearest start first
	// Means over the controls, in the same periods.
	ControlBefore, ControlAfter float64
	// Effect is (After − Before) − (ControlAfter − ControlBefore) − Slope·(Before − ControlBefore).
	Effect float64
}

// Unmatched is a unit that was left out, and why.
type Unmatched struct {
	Unit   int
	Reason UnmatchedReason
}

// UnmatchedReason is why a unit has no match.
type UnmatchedReason string

// The reasons, in the order in which they are looked for.
const (
	NoScoreBefore UnmatchedReason = "no_score_before" // too few scores before the intervention
	OtherRuler    UnmatchedReason = "other_scheme"    // every score before was made by another ruler than the one after
	NoScoreAfter  UnmatchedReason = "no_score_after"
	NoControl     UnmatchedReason = "no_control"          // no untreated unit of the class has scores in both periods
	NoneNear      UnmatchedReason = "none_within_caliper" // none of those started within the caliper
)

// Imbalance is how far apart treated and untreated units started, as the standardised
// difference of their means: (x̄₁ − x̄₀)/√((s₁² + s₀²)/2), with the deviations before
// matching for both. Beyond ±0.25 they are hardly comparable without matching (Rubin
// 2001). It is 0 where the starts do not vary.
type Imbalance struct {
	Before float64 // all treated units against all untreated ones of their classes
	After  float64 // the matched ones against their controls
}

// Placebo is the same estimate for a time when nothing had been done yet: by how much
// the score before exceeds the one a horizon earlier, against the same controls. It
// should be near 0; an interval that does not hold 0 shows that the units and their
// controls were not alike, and the effect is in doubt.
//
// Matching anew on the earlier score would not do: units are chosen after a bad score,
// so they dip just before (Ashenfelter 1978), and that would look like a harm that
// nobody did.
type Placebo struct {
	Estimate
	Matched int // matches with a score that early
}

// MatchedEffect estimates what interventions did for the units that had them, by
// difference in differences after matching (Heckman, Ichimura and Todd 1997).
//
// The score before is the last one before the intervention began (or the mean of the
// last few), the score after is that of Horizon periods later: with 1, the one of the
// period in which it began. Controls of a unit are the Neighbours untreated units of
// its class whose score before lies nearest to its own and within the Caliper, with
// replacement, ties by code, and with scores in the same periods. A unit is untreated
// until its own intervention, so it may be a control first; of several interventions
// of a unit the earliest counts, for good.
//
// The weakest are chosen, and the weakest of one period tend to rise by themselves
// (regression to the mean). Controls of the same start rise alike. Where they started
// higher nevertheless, by the Gap, the rest is taken off by the Slope of change on
// start among all untreated units of the same classes and periods (Abadie and Imbens
// 2011). Match on what the choice was made by: after a choice by one score, a mean of
// several leaves some regression to the mean in the figure. With a Horizon above 1,
// units chosen in the meantime are no controls, and those that are left did a little
// better, which makes the effect look smaller.
//
// The variance is that of the estimate as a sum over units: the spread of the treated
// ones about what the untreated would have done, plus that of the untreated by the
// square of their weights, a control used often weighing more (Lechner 2001, Abadie
// and Imbens 2006), with the covariance between the windows of one unit where it is
// above 0. The interval is by Student's t with the degrees of freedom of Welch (1947).
// The bootstrap of units is not valid for matching (Abadie and Imbens 2008): with 5 to
// 20 of 40 units treated its 95 % intervals hold the truth in 63 to 86 % of the cases,
// these in 94 to 97 %, by simulation. The wild bootstrap (Otsu and Rai 2017) is valid
// in large samples; with so few units its intervals are too short as well.
//
// The order of the units changes no bit. The error is of type Faults for the options,
// *DataFaults for the panel and the interventions, *TooFewMatched where the units are
// too few for an estimate.
func MatchedEffect(p Panel, began []Intervention, o EffectOptions) (*InterventionEffect, error) {
	o = o.resolve()
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := p.check(began); err != nil {
		return nil, err
	}
	m := newMatcher(p, began, o)
	c := m.match()
	e := &InterventionEffect{Level: o.Level, Treated: len(m.treated), Unmatched: m.unmatched}
	x, ok := c.excess(o)
	if !ok {
		return nil, &TooFewMatched{
			Treated: e.Treated, Matched: len(c.pairs), Least: o.Least, Controls: c.units(), Unmatched: e.Unmatched,
		}
	}
	e.Estimate, e.Slope, e.Gap, e.Difference = x.Estimate, x.slope, x.gap, x.difference
	e.describe(m, c)
	e.Imbalance = m.imbalance(c, e.Gap)
	if earlier, ok := m.earlier(c).excess(o); ok {
		e.Placebo = &Placebo{Estimate: earlier.Estimate, Matched: earlier.matched}
	}
	return e, nil
}

// describe sets the matches and what follows from them.
func (e *InterventionEffect) describe(m *matcher, c comparison) {
	served := map[int]bool{}
	n := float64(len(c.pairs))
	for _, p := range c.pairs {
		g := c.groups[p.group]
		match := MatchedUnit{
			Unit: m.order[p.unit], From: g.before[0], To: g.after, Before: p.start, After: m.score(g.after, p.unit),
		}
		start, change := c.controls(p)
		for _, k := range p.controls {
			control := m.order[c.cells[k].unit]
			match.Controls = append(match.Controls, control)
			served[control] = true
		}
		match.ControlBefore, match.ControlAfter = start, start+change
		match.Effect = p.change - change - float64(e.Slope*(p.start-start))
		if stats.Round(match.Effect, stats.MaxDecimals) > 0 {
			e.Above += 1 / n
		}
		e.TreatedChange += p.change / n
		e.ControlChange += change / n
		e.Matches = append(e.Matches, match)
	}
	e.Controls = len(served)
	e.Above = num.Clamp(e.Above, 0, 1)
}

// EffectOptions are how MatchedEffect matches. The zero value of each is its default.
type EffectOptions struct { //nolint:revive // the package has other options
	Horizon    int     `json:"horizon,omitempty"`    // periods from the score before to the one after; 1
	Before     int     `json:"before,omitempty"`     // scores whose mean is the score before; 1
	Neighbours int     `json:"neighbours,omitempty"` // controls of a unit, at most; 3
	Caliper    float64 `json:"caliper,omitempty"`    // largest difference in the score before, in points; 5
	Least      int     `json:"least,omitempty"`      // fewest matches for an estimate, 2 or more; 5
	Level      float64 `json:"level,omitempty"`      // of the intervals, 0.5 to 0.999; 0.95
}

// Limits of EffectOptions, in periods and in units.
const maxHorizon, maxNeighbours, maxLeast = 1000, 1000, 1_000_000

func (o EffectOptions) resolve() EffectOptions {
	o.Horizon = cmp.Or(o.Horizon, 1)
	o.Before = cmp.Or(o.Before, 1)
	o.Neighbours = cmp.Or(o.Neighbours, 3)
	o.Caliper = cmp.Or(o.Caliper, 5)
	o.Least = cmp.Or(o.Least, 5)
	o.Level = cmp.Or(o.Level, .95)
	return o
}

// check returns the faults of resolved options.
func (o EffectOptions) check() error {
	var faults composite.Faults
	within := func(at string, n, least, most int) {
		if n < least || n > most {
			faults.Add(at, "out_of_range", "give %d to %d", least, most)
		}
	}
	within("/horizon", o.Horizon, 1, maxHorizon)
	within("/before", o.Before, 1, maxHorizon)
	within("/neighbours", o.Neighbours, 1, maxNeighbours)
	switch {
	case !stats.Valid(o.Caliper):
		faults.Add("/caliper", "value_out_of_range", "give a number between -1e15 and 1e15")
	case o.Caliper <= 0:
		faults.Add("/caliper", "not_positive", "give a number above 0")
	}
	within("/least", o.Least, 2, maxLeast)
	if !(o.Level >= .5 && o.Level <= .999) {
		faults.Add("/level", "out_of_range", "give a share between 0.5 and 0.999")
	}
	return faults.Err()
}

// check returns the faults of a panel and its interventions. Periods out of its
// history are no mistake: such an intervention has no score before, or none after.
func (p Panel) check(began []Intervention) error {
	f := &composite.DataFaults{}
	if p.Classes != nil && len(p.Classes) != len(p.Units) {
		f.Add("", "", "shape", "there are %d classes for %d units", len(p.Classes), len(p.Units))
	}
	if p.Rulers != nil && len(p.Rulers) != len(p.Scores) {
		f.Add("", "", "shape", "there are %d rulers for %d periods", len(p.Rulers), len(p.Scores))
	}
	for t, scores := range p.Scores {
		if len(scores) != len(p.Units) {
			f.Add("", "", "shape", "period %d has %d scores for %d units", t, len(scores), len(p.Units))
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	seen := make(map[string]bool, len(p.Units))
	for u, code := range p.Units {
		switch {
		case code == "":
			f.Add("", "", "unit_code_missing", "a unit has no code: give it one")
		case seen[code]:
			f.Add(code, "", "unit_duplicate", "the unit occurs twice: keep one")
		}
		seen[code] = true
		for t, scores := range p.Scores {
			if x := scores[u]; x == x && !stats.Valid(x) {
				f.Add(code, "", "value_out_of_range",
					"the score of period %d, %v, is not a number between -1e15 and 1e15", t, x)
			}
		}
	}
	for _, b := range began {
		if b.Unit < 0 || b.Unit >= len(p.Units) {
			f.Add("", "", "unknown_unit", "an intervention is for unit %d of %d", b.Unit, len(p.Units))
		}
	}
	return f.Err()
}

// TooFewMatched is the error of MatchedEffect where there can be no estimate:
// fewer matches than the Least, or, where Matched reaches it, so few untreated units
// that their variance cannot be estimated.
type TooFewMatched struct {
	Treated   int // units with an intervention
	Matched   int // of them, matched
	Least     int // as in EffectOptions
	Controls  int // different untreated units of their classes with scores in the same periods
	Unmatched []Unmatched
}

// Error returns the counts in words.
func (e *TooFewMatched) Error() string {
	if e.Matched < e.Least {
		return fmt.Sprintf("%d of %d treated units have a match: at least %d are needed", e.Matched, e.Treated, e.Least)
	}
	return fmt.Sprintf("there are only %d untreated units to compare %d treated ones with", e.Controls, e.Matched)
}
