package index

import (
	"maps"
	"slices"

	"bulwark/internal/fault"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// Prediction is the result of one branch as it would be with other values of its
// own, all others as they are.
type Prediction struct {
	Score      float64
	Rank       int
	Grade      string
	Indicators map[string]float64 // the scores of those that have one; exact to nine decimals
}

// Predict computes the result again with values of the branch, by indicator. Nothing
// is stored.
func (v View) Predict(branch string, values map[string]float64) (Prediction, error) {
	o := v.current
	if _, err := o.explainer(); err != nil {
		return Prediction{}, err
	}
	c := &computation{scheme: o.Scheme, branches: o.computation.branches, values: o.computation.values}
	var list []SupposedValue
	for _, code := range slices.Sorted(maps.Keys(values)) {
		x := values[code]
		list = append(list, SupposedValue{Branch: branch, Indicator: code, Value: &x})
	}
	if err := c.suppose(list, nil); err != nil {
		return Prediction{}, err
	}
	if err := c.score(); err != nil {
		return Prediction{}, err
	}
	for _, s := range c.table {
		if c.branches[s.Unit].Code != branch || s.Status != composite.UnitScored {
			continue
		}
		p := Prediction{Score: s.Score, Rank: s.Rank, Grade: s.Grade, Indicators: map[string]float64{}}
		for n, info := range c.scheme.Index.Nodes() {
			if x, ok := c.result.Score(n, s.Unit); ok && info.Leaf {
				p.Indicators[info.Code] = stats.Round(x, stats.MaxDecimals)
			}
		}
		return p, nil
	}
	return Prediction{}, fault.Conflict("not_scored", "党组织“%s”没有得分", "the branch %q has no score", branch)
}
