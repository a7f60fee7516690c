package effect

import (
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
	"cmp"
	"fmt"
)

// EffectOptions say how MatchedEffect matches. The zero value of each is its default.
type EffectOptions struct {
	Horizon    int     `json:"horizon,omitempty"`    // periods from the score before to the one after; 1
	Before     int     `json:"before,omitempty"`     // scores whose mean is the score before; 1
	Neighbours int     `json:"neighbours,omitempty"` // controls of a unit, at most; 3
	Caliper    float64 `json:"caliper,omitempty"`    // largest difference in the score before, in points; 5
	Least      int     `json:"least,omitempty"`      // matches below which nothing is said, 2 or more; 5
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

// check reports what is wrong with a panel and its interventions. Periods out of its
// history are no mistake: such an intervention has no score before, or none after.
func (p Panel) check(began []Intervention) error {
	f := &composite.DataFaults{}
	if p.Classes != nil && len(p.Classes) != len(p.Units) {
		f.Add("", "", "shape", "there are %d classes for %d units", len(p.Classes), len(p.Units))
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
				f.Add(code, "", "value_out_of_range", "the score of period %d, %v, is not a number between -1e15 and 1e15", t, x)
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

// TooFewMatched is the error of MatchedEffect where an estimate would say nothing:
// fewer matches than the Least, or, where Matched reaches it, so few untreated units
// that nothing tells how much scores vary by themselves.
type TooFewMatched struct {
	Treated   int // units with an intervention
	Matched   int // of them, matched
	Least     int // as in EffectOptions
	Controls  int // different untreated units of their classes with scores in the same periods
	Unmatched []Unmatched
}

// Error tells the counts.
func (e *TooFewMatched) Error() string {
	if e.Matched < e.Least {
		return fmt.Sprintf("%d of %d treated units have a match: at least %d are needed", e.Matched, e.Treated, e.Least)
	}
	return fmt.Sprintf("there are only %d untreated units to compare %d treated ones with", e.Controls, e.Matched)
}
