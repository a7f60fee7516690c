package composite

import (
	"slices"
	"strconv"

	"bulwark/pkg/composite/stats"
)

// Rule turns the raw value of an indicator into a score. Its implementations
// are the pointers to the rule types of this package, and only those: Goalposts,
// MinMax, ZScore, Percentile, RankRule, BestRule, TargetRule, Reference, Bands, Levels,
// Deduct, Shortfall, RankPoints and PointsRule. A nil field of a rule means its default.
type Rule interface {
	// Kind is the name of the rule in a scheme document.
	Kind() string

	resolve() Rule               // a deep copy with the defaults filled in
	check(d Direction, r report) // the faults of a resolved rule
	refuses(x float64) string    // why x cannot be an entry, or ""
	relative() bool              // whether the score depends on the other units
	fit(p peers) scorer          // p is empty unless relative
}

// peers is what a rule may know of the column that it scores.
type peers struct {
	sorted    []float64 // used values of the peer group, ascending
	cost      bool
	reference float64 // used value of the unit that a Reference names, NaN if it has none
	mean, sd  float64 // of peers of which sorted has the ends alone; sd is 0 where it has all
	flag      func(stats.FlagCode)
}

// A scorer scores values that are not NaN. It returns NaN for a value that has no score.
type scorer interface{ at(x float64) float64 }

var ruleKinds = map[string]func() Rule{
	"goalposts":   func() Rule { return new(Goalposts) },
	"minmax":      func() Rule { return new(MinMax) },
	"zscore":      func() Rule { return new(ZScore) },
	"percentile":  func() Rule { return new(Percentile) },
	"rank":        func() Rule { return new(RankRule) },
	"best":        func() Rule { return new(BestRule) },
	"target":      func() Rule { return new(TargetRule) },
	"reference":   func() Rule { return new(Reference) },
	"bands":       func() Rule { return new(Bands) },
	"levels":      func() Rule { return new(Levels) },
	"deduct":      func() Rule { return new(Deduct) },
	"shortfall":   func() Rule { return new(Shortfall) },
	"rank_points": func() Rule { return new(RankPoints) },
	"points":      func() Rule { return new(PointsRule) },
}

// NewRule returns a zero rule of the kind, to decode the rest of its JSON
// object into, and whether the kind is known. New applies the defaults.
func NewRule(kind string) (Rule, bool) {
	newRule, ok := ruleKinds[kind]
	if !ok {
		return nil, false
	}
	return newRule(), true
}

// RuleKinds returns the names of all rules, sorted.
func RuleKinds() []string {
	kinds := make([]string, 0, len(ruleKinds))
	for kind := range ruleKinds {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	return kinds
}

// direction is the direction in which a resolved rule reads its values.
func direction(declared Direction, rule Rule) Direction {
	if declared != "" {
		return declared
	}
	switch rule := rule.(type) {
	case *Goalposts:
		if rule.Low > rule.High {
			return Cost
		}
	case *Deduct:
		return Cost
	}
	return Benefit
}

// orDefault is *p, or the default where p is nil, in a place of its own.
func orDefault[T any](p *T, fallback T) *T {
	if p != nil {
		fallback = *p
	}
	return &fallback
}

func reportValue(r report, at string, x float64) bool {
	if !stats.Valid(x) {
		r(at, "value_out_of_range", "give a number between -1e15 and 1e15")
		return false
	}
	return true
}

func reportPositive(r report, at string, x float64) {
	if reportValue(r, at, x) && x <= 0 {
		r(at, "not_positive", "give a number above 0")
	}
}

func reportScore(r report, at string, x float64) {
	if !(x >= 0 && x <= 100) {
		r(at, "score_out_of_range", "give points between 0 and 100")
	}
}

// reportFigure reports a published figure that the scale does not have.
func reportFigure(r report, at string, x, scale float64) {
	switch {
	case scale == fullScale || !(scale >= 1):
		reportScore(r, at, x)
	case !(x >= 0 && x <= scale):
		r(at, "beyond_scale", "give points between 0 and %v, the scale", scale)
	}
}

func reportDirection(r report, got, want Direction, kind string) {
	if got != want {
		r("/kind", "direction_contradicts_rule",
			"%s reads its values as %s: change the direction or the rule", kind, want)
	}
}

// Normalise scores one column by one rule, as New, Check and Score would: all units
// are peers, NaN is a missing value and has no score. The error is of type Faults
// or *DataFaults; units are named by their place, from 0. An empty direction means
// what the rule implies.
func Normalise(x []float64, rule Rule, direction Direction) ([]float64, error) {
	ix, err := New(Spec{Tree: Node{Code: "x", Rule: rule, Direction: direction}})
	if err != nil {
		return nil, err
	}
	d := Data{Units: make([]string, len(x)), Columns: [][]float64{x}}
	for i := range x {
		d.Units[i] = strconv.Itoa(i)
	}
	if err := ix.Check(d); err != nil {
		return nil, err
	}
	return ix.Score(d, KeepRoot).Column(0), nil
}
