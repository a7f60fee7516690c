package composite

import (
	"math"
	"slices"
	"sort"

	"bulwark/pkg/composite/internal/num"
	"bulwark/pkg/composite/stats"
)

// answer is the result of a search.
type answer struct {
	picks []int   // by item
	bound float64 // no picks cost less
	exact bool    // nor do any cost less than these
}

// search looks for the cheapest picks that bring the base to need; false if there
// are none, or none were found.
func (q *pathSearch) search(need float64) (answer, bool) {
	if q.linear {
		return q.linearSearch(need)
	}
	return q.descend(need)
}

func (q *pathSearch) linearSearch(need float64) (answer, bool) {
	items := make([][]choice, len(q.items))
	for i, it := range q.items {
		weight := q.weight(q.index.leaves[it.column].node)
		for _, o := range it.options {
			items[i] = append(items[i], choice{o.cost, float64(weight * (o.score - it.options[0].score))})
		}
	}
	return cheapest(items, need-q.base, q.done)
}

// weight is the share of a leaf in the base among what is present.
func (q *pathSearch) weight(node int) float64 {
	weight := q.index.full() / 100
	for n := node; n > 0; {
		parent, total := q.index.nodes[n].Parent, 0.0
		for _, child := range q.index.inner[parent].children {
			if s := q.scratch[child]; s == s {
				total += q.index.weights[child]
			}
		}
		weight *= q.index.weights[n] / total
		n = parent
	}
	return weight
}

// chunks is how many steps an item comes down in during a descent.
const chunks = 24

// descend starts with every item at its best. It undoes, a chunk at a time, what saves
// most per point of the base lost; then whatever is still not needed.
func (q *pathSearch) descend(need float64) (answer, bool) {
	picks := q.best()
	base := q.at(picks)
	if !(base >= need) {
		return answer{}, false
	}
	for !stopped(q.done) {
		best, to, ratio := -1, 0, 0.0
		for i, it := range q.items {
			was := picks[i]
			if was == 0 {
				continue
			}
			picks[i] = max(0, was-(len(it.options)+chunks-1)/chunks)
			saved, left := it.options[was].cost-it.options[picks[i]].cost, q.at(picks)
			if r := saved / max(base-left, 1e-12); left >= need && r > ratio {
				best, to, ratio = i, picks[i], r
			}
			picks[i] = was
		}
		if best < 0 {
			break
		}
		picks[best] = to
		base = q.at(picks)
	}
	q.lower(picks, need)
	return answer{picks: picks}, true
}

// lower makes every item as low as the need allows, in document order.
func (q *pathSearch) lower(picks []int, need float64) {
	for i := range picks {
		was := picks[i]
		least := sort.Search(was, func(pick int) bool {
			picks[i] = pick
			return q.at(picks) >= need
		})
		picks[i] = least
		if !(q.at(picks) >= need) {
			picks[i] = was
		}
	}
}

// best returns the picks with the highest base.
func (q *pathSearch) best() []int {
	picks := q.top()
	if !q.monotone {
		q.climb(picks)
	}
	return picks
}

// climb looks for a better base where more of one leaf can make it worse: item by
// item over a sample of its options, as long as that helps.
func (q *pathSearch) climb(picks []int) {
	for better := true; better && !stopped(q.done); {
		better = false
		for i, it := range q.items {
			best, base := picks[i], q.at(picks)
			for c := range chunks + 1 {
				picks[i] = (len(it.options) - 1) * c / chunks
				if b := q.at(picks); b > base+1e-9 {
					best, base, better = picks[i], b, true
				}
			}
			picks[i] = best
		}
	}
}

const (
	maxEntries        = 20_000 // options looked at per indicator
	maxCoupledEntries = 500    // where each needs a fit to the peers
)

// entries are the values that can be entered, and whether there are too many to
// list: then a tenth, a hundredth, … of them is, and the two ends.
func (q *pathSearch) entries(column int, x float64, lever Lever) ([]float64, bool) {
	step, limit := max(lever.Step, 1e-9), float64(maxEntries)
	if _, levels := q.index.leaves[column].rule.(*Levels); levels {
		step = 1
	} else if !(lever.Step > 0 && num.Finite(lever.Step)) {
		step = 0.01
	}
	if q.whatIf.coupled(column) {
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

// unbounded reports whether a move beyond what is looked at could still be worth more:
// neither the rule nor the lever has an end, or an outlier may pass untreated.
func (q *pathSearch) unbounded(column int, lever Lever) bool {
	l := &q.index.leaves[column]
	if l.treat != nil {
		return true
	}
	switch rule := l.rule.(type) {
	case *ZScore:
	case *TargetRule:
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
func (q *pathSearch) span(column int, x, step float64, lever Lever) (low, high float64) {
	l := &q.index.leaves[column]
	low, high = x, x
	extend := func(to ...float64) { low, high = min(low, slices.Min(to)), max(high, slices.Max(to)) }
	end, fixed := fullMarks(l.rule)
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
		for _, f := range l.frozen {
			extend(f.span[:]...)
		}
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

// peers returns the values that the unit is measured against, imputed ones and its own
// included.
func (q *pathSearch) peers(column int) []float64 {
	c, x := &q.result.columns[column], []float64(nil)
	for u := range c.entered {
		if _, v := c.complete(u); v == v && c.peers.group(u) == c.peers.group(q.unit) {
			x = append(x, v)
		}
	}
	return x
}
