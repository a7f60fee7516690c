package composite

import (
	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
	"math"
	"slices"
)

const (
	maxEntries        = 20_000 // options looked at per indicator
	maxCoupledEntries = 500    // where each needs a fit to the peers
)

// entries are the values that can be entered, and whether there are too many to
// list: then a tenth, a hundredth, … of them is, and the two ends.
func (q *quest) entries(column int, x float64, lever Lever) ([]float64, bool) {
	step, limit := max(lever.Step, 1e-9), float64(maxEntries)
	if _, levels := q.index.leaves[column].rule.(*Levels); levels {
		step = 1
	} else if !(lever.Step > 0 && num.Finite(lever.Step)) {
		step = 0.01
	}
	if q.probe.coupled(column) {
		limit = maxCoupledEntries
	}
	low, high := q.span(column, x, step, lever)
	first, last := math.Ceil(low/step-1e-9), math.Floor(high/step+1e-9)
	var values []float64
	if !(last-first < limit) {
		values = append(values, multiple(first, step), multiple(last, step))
	}
	for !(last-first < limit) {
		step *= 10
		first, last = math.Ceil(low/step), math.Floor(high/step)
	}
	thinned := values != nil
	for i := 0.0; i <= last-first; i++ { // first + 1 may be first: it can be beyond 2⁵³
		values = append(values, multiple(first+i, step))
	}
	return values, thinned
}

// endless reports whether a move beyond what is looked at could still be worth more:
// the rule has no end and the lever gives none, or an outlier may pass untreated.
func (q *quest) endless(column int, lever Lever) bool {
	l := &q.index.leaves[column]
	if l.treat != nil {
		return true
	}
	switch rule := l.rule.(type) {
	case *ZScore:
	case *Target:
		if *rule.Cap {
			return false
		}
	case *Reference:
		if rule.Clamp {
			return false
		}
	default:
		return false
	}
	return l.cost && lever.Min == nil || !l.cost && lever.Max == nil
}

func multiple(k, step float64) float64 { return stats.Round(k*step, stats.MaxDecimals) }

// span is how far the rule rewards a move from x, and a step further, so that a grid
// that misses the end of the rule passes it; within the limits of the lever.
func (q *quest) span(column int, x, step float64, lever Lever) (low, high float64) {
	l := &q.index.leaves[column]
	low, high = x, x
	extend := func(to ...float64) { low, high = min(low, slices.Min(to)), max(high, slices.Max(to)) }
	end, fixed := goal(l.rule)
	switch rule := l.rule.(type) {
	case *Bands:
		extend(rule.Bands[0].From, rule.Bands[len(rule.Bands)-1].From)
	case *Levels:
		return 0, end
	default:
		if fixed {
			extend(end)
		}
	}
	if _, reference := l.rule.(*Reference); l.rule.relative() || reference || l.treat != nil {
		extend(q.peers(column)...)
		for _, end := range []*float64{lever.Min, lever.Max} { // such a rule may have no end of its own
			if end != nil && stats.Valid(*end) {
				extend(*end)
			}
		}
	}
	least, most := -stats.MaxValue, stats.MaxValue
	if lever.Min != nil && stats.Valid(*lever.Min) {
		least = *lever.Min
	}
	if lever.Max != nil && stats.Valid(*lever.Max) {
		most = *lever.Max
	}
	low, high = min(low, most)-step, max(high, least)+step
	return max(low, least), min(high, most)
}

// peers are the values that the unit is measured against, stand-ins and its own
// included.
func (q *quest) peers(column int) []float64 {
	c, x := &q.result.columns[column], []float64(nil)
	for u := range c.entered {
		if _, v := c.complete(u); v == v && c.peers.group(u) == c.peers.group(q.unit) {
			x = append(x, v)
		}
	}
	return x
}
