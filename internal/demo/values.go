package demo

import (
	"math/rand/v2"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// performance is the invented performance of each branch: a lasting strength, a deviation
// per dimension, and small moves from period to period. All are shares of the way from the
// bottom to the top of any scale.
type performance struct {
	random    *rand.Rand
	strength  [branches + 1]float64
	deviation map[string]*[branches + 1]float64 // by dimension
}

// newPerformance returns a performance from the seed: the same on every machine.
func newPerformance(seed uint64, dimensions []scheme.Node) *performance {
	p := &performance{random: rand.New(rand.NewPCG(2023, seed)), deviation: map[string]*[branches + 1]float64{}} //nolint:gosec // repeatable on purpose
	for n := range p.strength {
		p.strength[n] = 0.78 + 0.09*p.random.NormFloat64()
	}
	for _, d := range dimensions {
		deviation := new([branches + 1]float64)
		for n := range deviation {
			deviation[n] = 0.06 * p.random.NormFloat64()
		}
		p.deviation[d.Code] = deviation
	}
	return p
}

// level returns how well the n-th branch does at one indicator of the dimension in the
// period (0, 1, …): everybody gets a little better, some fall back.
func (p *performance) level(dimension string, n, period int) float64 {
	x := p.strength[n] + p.deviation[dimension][n] + 0.012*float64(period) + 0.07*p.random.NormFloat64()
	if n%13 == 0 && period == 2 {
		x -= 0.12
	}
	return min(max(x, 0.05), 1)
}

// value returns the raw value that scores the level by the indicator's rule, within
// what may be entered.
func value(n scheme.Node, level float64) float64 {
	x := 0.0
	switch rule := n.Rule.Rule.(type) {
	case *composite.Goalposts:
		x = rule.Low + (rule.High-rule.Low)*level
	case *composite.Deduct:
		x = 100 * (1 - level) / rule.Per
	}
	if n.Range != nil && n.Range.Min != nil {
		x = max(x, *n.Range.Min)
	}
	if n.Range != nil && n.Range.Max != nil {
		x = min(x, *n.Range.Max)
	}
	decimals := 1
	if n.Decimals != nil && *n.Decimals == 0 {
		decimals = 0
	}
	return stats.Round(x, decimals)
}
