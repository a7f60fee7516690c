package demo

import (
	"math/rand/v2"

	"bulwark/internal/scheme"
	"bulwark/pkg/composite"
	"bulwark/pkg/composite/stats"
)

// performance invents how well each branch does: a lasting strength, a leaning
// per dimension, and small moves from period to period. It returns a share of the
// way from the bottom to the top of any scale.
type performance struct {
	random   *rand.Rand
	strength [branches + 1]float64
	leaning  map[string]*[branches + 1]float64 // by dimension
}

// newPerformance is seeded: the same values on every machine.
func newPerformance(seed uint64, dimensions []scheme.Node) *performance {
	p := &performance{random: rand.New(rand.NewPCG(2023, seed)), leaning: map[string]*[branches + 1]float64{}} //nolint:gosec // repeatable on purpose
	for n := range p.strength {
		p.strength[n] = 0.78 + 0.09*p.random.NormFloat64()
	}
	for _, d := range dimensions {
		leaning := new([branches + 1]float64)
		for n := range leaning {
			leaning[n] = 0.06 * p.random.NormFloat64()
		}
		p.leaning[d.Code] = leaning
	}
	return p
}

// level is how well the n-th branch does at one indicator of the dimension in the
// period (0, 1, …): everybody gets a little better, some fall back.
func (p *performance) level(dimension string, n, period int) float64 {
	x := p.strength[n] + p.leaning[dimension][n] + 0.012*float64(period) + 0.07*p.random.NormFloat64()
	if n%13 == 0 && period == 2 {
		x -= 0.12
	}
	return min(max(x, 0.05), 1)
}

// value is the raw value that scores the level by the indicator's rule, within
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
